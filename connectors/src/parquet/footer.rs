//! Reads the footer of a file: checked before Polars decodes it, and held against the file afterwards.

use polars_parquet::parquet::read::deserialize_metadata;
use polars_parquet::read::FileMetadata;

use super::error::Damage;
use super::guard::guarded;
use super::thrift::{Cursor, Shape};
use crate::store::RangeReader;

const MAGIC: &[u8] = b"PAR1";
const ENCRYPTED_MAGIC: &[u8] = b"PARE";
/// `PAR1`, then the length of the footer and `PAR1` again.
const SMALLEST_FILE: usize = 12;
/// What stands behind the footer.
const BEHIND: usize = 8;
/// Bytes at the end of a file in a store that are fetched at first: most footers, in no more time than fewer bytes take.
const TAIL: u64 = 64 << 10;

/// The footer of the file in `bytes`.
pub(super) fn read_footer(bytes: &[u8]) -> Result<FileMetadata, Damage> {
    let length = footer_length(bytes, bytes.len())?;
    match bytes.starts_with(MAGIC) {
        true => decode(bytes, length),
        false => Err(Damage::NotParquet),
    }
}

/// The footer of a file in a store: by one request, or two if the footer is long.
pub(super) fn fetch_footer(reader: &mut RangeReader) -> Result<FileMetadata, Damage> {
    let size = reader.size();
    let mut tail = reader.take(size.saturating_sub(TAIL)..size)?;
    let length = footer_length(&tail, size as usize)?;
    if length + BEHIND > tail.len() {
        tail = reader.take(size - (length + BEHIND) as u64..size)?;
    }
    decode(&tail, length)
}

/// The length of the footer of a file of `file` bytes that ends in `tail`.
fn footer_length(tail: &[u8], file: usize) -> Result<usize, Damage> {
    if file == 0 {
        return Err(Damage::Empty);
    }
    if tail.ends_with(ENCRYPTED_MAGIC) {
        return Err(Damage::Encrypted);
    }
    if file < SMALLEST_FILE || !tail.ends_with(MAGIC) {
        return Err(Damage::NotParquet);
    }
    let length = tail.get(tail.len().saturating_sub(BEHIND)..).and_then(<[u8]>::first_chunk);
    let length = length.map_or(0, |length| u32::from_le_bytes(*length)) as usize;
    match length <= file - BEHIND {
        true => Ok(length),
        false => Err(Damage::FooterLength { length, file }),
    }
}

/// Decodes the footer of so many bytes in `tail`, with which a file ends.
fn decode(tail: &[u8], length: usize) -> Result<FileMetadata, Damage> {
    let end = tail.len().saturating_sub(BEHIND);
    let footer = tail.get(end.saturating_sub(length)..end).unwrap_or_default();
    Cursor::new(footer).check(FILE_METADATA)?;
    // The statistics stay in the copy.
    let metadata = guarded(|| Ok(deserialize_metadata(footer.to_vec().into())?))?;
    check_rows(&metadata)?;
    Ok(metadata)
}

/// The two places that tell the number of rows must agree: a count of rows reads nothing else.
fn check_rows(metadata: &FileMetadata) -> Result<(), Damage> {
    let found = metadata.row_groups.iter().map(|row_group| row_group.num_rows() as u64).sum();
    let expected = metadata.num_rows as u64;
    match found == expected {
        true => Ok(()),
        false => Err(Damage::Count { what: "rows in the row groups", expected, found }),
    }
}

// What Polars reads of a footer by field number alone, whatever the wire type says. A field written as another type
// would put its decoder out of step with the check. Numbers and types: parquet.thrift of Apache Parquet.
const FILE_METADATA: &[(i16, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::List(&Shape::Struct(SCHEMA_ELEMENT))),
    (3, Shape::Integer),
    (4, Shape::List(&Shape::Struct(ROW_GROUP))),
    (5, Shape::List(&Shape::Struct(KEY_VALUE))),
    (6, Shape::Binary),
    (7, Shape::List(&Shape::Struct(UNION))),
];
const SCHEMA_ELEMENT: &[(i16, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::Integer),
    (3, Shape::Integer),
    (4, Shape::Binary),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Integer),
    (8, Shape::Integer),
    (9, Shape::Integer),
    (10, Shape::Struct(LOGICAL_TYPE)),
];
const EMPTY: &[(i16, Shape)] = &[];
const UNION: &[(i16, Shape)] =
    &[(1, Shape::Struct(EMPTY)), (2, Shape::Struct(EMPTY)), (3, Shape::Struct(EMPTY)), (4, Shape::Struct(EMPTY))];
const LOGICAL_TYPE: &[(i16, Shape)] = &[
    (1, Shape::Struct(EMPTY)),
    (2, Shape::Struct(EMPTY)),
    (3, Shape::Struct(EMPTY)),
    (4, Shape::Struct(EMPTY)),
    (5, Shape::Struct(&[(1, Shape::Integer), (2, Shape::Integer)])),
    (6, Shape::Struct(EMPTY)),
    (7, Shape::Struct(TIME)),
    (8, Shape::Struct(TIME)),
    (10, Shape::Struct(&[(1, Shape::Byte), (2, Shape::Boolean)])),
    (11, Shape::Struct(EMPTY)),
    (12, Shape::Struct(EMPTY)),
    (13, Shape::Struct(EMPTY)),
    (14, Shape::Struct(EMPTY)),
    (15, Shape::Struct(EMPTY)),
];
const TIME: &[(i16, Shape)] = &[(1, Shape::Boolean), (2, Shape::Struct(UNION))];
const ROW_GROUP: &[(i16, Shape)] = &[
    (1, Shape::List(&Shape::Struct(COLUMN_CHUNK))),
    (2, Shape::Integer),
    (3, Shape::Integer),
    (4, Shape::List(&Shape::Struct(&[(1, Shape::Integer), (2, Shape::Boolean), (3, Shape::Boolean)]))),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Integer),
];
const COLUMN_CHUNK: &[(i16, Shape)] = &[
    (1, Shape::Binary),
    (2, Shape::Integer),
    (3, Shape::Struct(COLUMN_METADATA)),
    (4, Shape::Integer),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Integer),
];
const COLUMN_METADATA: &[(i16, Shape)] = &[
    (1, Shape::Integer),
    (2, Shape::List(&Shape::Integer)),
    (3, Shape::List(&Shape::Binary)),
    (4, Shape::Integer),
    (5, Shape::Integer),
    (6, Shape::Integer),
    (7, Shape::Integer),
    (9, Shape::Integer),
    (10, Shape::Integer),
    (11, Shape::Integer),
    (12, Shape::Struct(STATISTICS)),
    (14, Shape::Integer),
    (15, Shape::Integer),
];
const STATISTICS: &[(i16, Shape)] = &[
    (1, Shape::Binary),
    (2, Shape::Binary),
    (3, Shape::Integer),
    (4, Shape::Integer),
    (5, Shape::Binary),
    (6, Shape::Binary),
    (7, Shape::Boolean),
    (8, Shape::Boolean),
];
const KEY_VALUE: &[(i16, Shape)] = &[(1, Shape::Binary), (2, Shape::Binary)];

//! The page headers of a column chunk.
//!
//! Decoders allocate for as many values and bytes as a page header announces. Here they are held against the footer and
//! against the bytes that there are; nothing is decompressed, so this costs well under a microsecond a page.
//!
//! Source: `parquet.thrift` of Apache Parquet.

use super::error::Damage;
use super::thrift::{Cursor, Wire};

/// Announced sizes up to here are believed, whatever the footer says: some writers get its totals wrong.
const BELIEVED_BYTES: u64 = 64 << 20;

/// Codes of `Encoding` in page headers.
pub(super) mod encoding {
    pub(in crate::parquet) const PLAIN: i64 = 0;
    pub(in crate::parquet) const PLAIN_DICTIONARY: i64 = 2;
    pub(in crate::parquet) const RLE: i64 = 3;
    pub(in crate::parquet) const DELTA_BINARY_PACKED: i64 = 5;
    pub(in crate::parquet) const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
    pub(in crate::parquet) const RLE_DICTIONARY: i64 = 8;
    pub(in crate::parquet) const BYTE_STREAM_SPLIT: i64 = 9;
}

/// What a page says of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct PageHeader {
    /// 0: data, 1: index, 2: dictionary, 3: data of version 2.
    pub(super) kind: i64,
    /// Bytes of the page in memory.
    pub(super) uncompressed: u64,
    /// Bytes of the page in the file, behind the header.
    pub(super) compressed: u64,
    /// Values, with nulls.
    pub(super) values: u64,
    pub(super) encoding: i64,
    /// Bytes of the definition levels of a page of version 2.
    pub(super) definition_bytes: u64,
    /// Bytes of the repetition levels of a page of version 2.
    pub(super) repetition_bytes: u64,
    /// The values of a page of version 2 are stored as they are, whatever the codec of the column chunk.
    pub(super) is_stored: bool,
    is_dictionary: bool,
}

impl PageHeader {
    pub(super) fn is_dictionary_encoded(&self) -> bool {
        matches!(self.encoding, encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY)
    }
}

/// The number of values in the dictionary of a column chunk of `values` values, if all of them are in it.
pub(super) fn dictionary_values(chunk: &[u8], values: u64) -> Result<Option<u64>, Damage> {
    let mut cursor = Cursor::new(chunk);
    let mut dictionary = None;
    let mut found = 0;
    while found < values {
        let page = page_header(&mut cursor)?;
        match page.kind {
            2 => dictionary = Some(page.values),
            _ if !page.is_dictionary_encoded() => return Ok(None),
            _ => found += page.values,
        }
        cursor.skip(page.compressed)?;
    }
    Ok(dictionary)
}

/// Values, with nulls, of the first data page of a column chunk.
pub(super) fn first_page_values(chunk: &[u8]) -> Result<u64, Damage> {
    let mut cursor = Cursor::new(chunk);
    loop {
        let page = page_header(&mut cursor)?;
        if matches!(page.kind, 0 | 3) && !page.is_dictionary {
            return Ok(page.values);
        }
        cursor.skip(page.compressed)?;
    }
}

/// The encodings of some data pages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encodings(u64);

impl Encodings {
    fn add(&mut self, code: i64) {
        // Codes that nobody knows yet are alike.
        self.0 |= 1 << code.clamp(0, 63);
    }

    pub(super) fn all(self, is_known: impl Fn(i64) -> bool) -> bool {
        (0..64).all(|code| self.0 >> code & 1 == 0 || is_known(code))
    }
}

/// Checks that `chunk` is a sequence of pages with `values` values together, none of which announces more than
/// `uncompressed` bytes. Tells the encodings of its data pages.
pub(super) fn check_pages(chunk: &[u8], values: u64, uncompressed: u64) -> Result<Encodings, Damage> {
    let limit = uncompressed.max(BELIEVED_BYTES);
    let mut cursor = Cursor::new(chunk);
    let mut found = 0;
    let mut encodings = Encodings::default();
    // The first page may be a dictionary, even of a chunk without values.
    let mut first = true;
    while found < values || (first && cursor.remaining() > 0) {
        let page = page_header(&mut cursor)?;
        if page.uncompressed > limit {
            return Err(Damage::PageSize { found: page.uncompressed, limit });
        }
        cursor.skip(page.compressed)?;
        if !page.is_dictionary {
            found += page.values;
            encodings.add(page.encoding);
        } else if page.values > page.uncompressed {
            let what = "values in a dictionary page, at most one a byte";
            return Err(Damage::Count { what, expected: page.uncompressed, found: page.values });
        }
        first = false;
    }
    if found != values {
        return Err(Damage::Count { what: "values in the pages of the column chunk", expected: values, found });
    }
    Ok(encodings)
}

pub(super) fn page_header(cursor: &mut Cursor<'_>) -> Result<PageHeader, Damage> {
    let mut page = PageHeader::default();
    let mut previous = 0;
    loop {
        let field = cursor.field(previous)?;
        match (field.id, field.wire) {
            (_, Wire::Stop) => return Ok(page),
            (1, Wire::Integer) => page.kind = cursor.integer()?,
            (2, Wire::Integer) => page.uncompressed = size(cursor.integer()?)?,
            (3, Wire::Integer) => page.compressed = size(cursor.integer()?)?,
            (5, Wire::Struct) => data_header(cursor, &mut page)?,
            (7, Wire::Struct) => {
                data_header(cursor, &mut page)?;
                page.is_dictionary = true;
            },
            (8, Wire::Struct) => data_header_v2(cursor, &mut page)?,
            (1..=8, wire) if wire != expected(field.id) => return Err(Damage::Thrift("a field of the wrong type")),
            (_, wire) => cursor.skip_value(wire)?,
        }
        previous = field.id;
    }
}

fn expected(id: i16) -> Wire {
    if id <= 4 { Wire::Integer } else { Wire::Struct }
}

/// The header of a data page of version 1, or of a dictionary page: both start with the number of values and the encoding.
fn data_header(cursor: &mut Cursor<'_>, page: &mut PageHeader) -> Result<(), Damage> {
    let mut previous = 0;
    loop {
        let field = cursor.field(previous)?;
        match (field.id, field.wire) {
            (_, Wire::Stop) => return Ok(()),
            (1, Wire::Integer) => page.values = size(cursor.integer()?)?,
            (2, Wire::Integer) => page.encoding = cursor.integer()?,
            (_, wire) => cursor.skip_value(wire)?,
        }
        previous = field.id;
    }
}

fn data_header_v2(cursor: &mut Cursor<'_>, page: &mut PageHeader) -> Result<(), Damage> {
    let mut previous = 0;
    loop {
        let field = cursor.field(previous)?;
        match (field.id, field.wire) {
            (_, Wire::Stop) => return Ok(()),
            (1, Wire::Integer) => page.values = size(cursor.integer()?)?,
            (4, Wire::Integer) => page.encoding = cursor.integer()?,
            (5, Wire::Integer) => page.definition_bytes = size(cursor.integer()?)?,
            (6, Wire::Integer) => page.repetition_bytes = size(cursor.integer()?)?,
            (7, Wire::False) => page.is_stored = true,
            (_, wire) => cursor.skip_value(wire)?,
        }
        previous = field.id;
    }
}

fn size(value: i64) -> Result<u64, Damage> {
    u64::try_from(value).map_err(|_| Damage::Thrift("a negative size"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A zigzag integer of 4 bytes at most.
    fn integer(value: u32) -> Vec<u8> {
        let mut rest = value << 1;
        let mut bytes = Vec::new();
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    }

    /// A page of `compressed` bytes whose header is the field `kind` (5: data, 7: dictionary).
    fn page(kind: u8, values: u32, uncompressed: u32, compressed: u32) -> Vec<u8> {
        let mut page = [vec![0x15, 0x00], vec![0x15], integer(uncompressed), vec![0x15], integer(compressed)].concat();
        page.push(((kind - 3) << 4) | 12);
        page.extend([vec![0x15], integer(values), vec![0x00], vec![0x00]].concat());
        page.extend(vec![0; compressed as usize]);
        page
    }

    #[test]
    fn pages_that_add_up_pass() {
        let chunk = [page(7, 10, 80, 40), page(5, 60, 100, 50), page(5, 40, 100, 50)].concat();
        check_pages(&chunk, 100, 280).unwrap();
        assert_eq!(first_page_values(&chunk).unwrap(), 60);
        check_pages(&[], 0, 0).unwrap();
        check_pages(&page(7, 0, 0, 0), 0, 0).unwrap();
    }

    #[test]
    fn pages_that_do_not_add_up_are_refused() {
        let count = |chunk: &[u8], values| matches!(check_pages(chunk, values, 1000), Err(Damage::Count { .. }));
        assert!(count(&page(5, 100, 100, 50), 99));
        assert!(matches!(check_pages(&page(5, 100, 100, 50), 101, 1000), Err(Damage::Ends)));
        assert!(matches!(check_pages(&page(5, 100, 100, 50)[..40], 100, 1000), Err(Damage::Ends)));
        assert!(matches!(first_page_values(&page(7, 10, 80, 40)), Err(Damage::Ends)));
        // A dictionary of 81 values in 80 bytes.
        assert!(count(&[page(7, 81, 80, 40), page(5, 100, 100, 50)].concat(), 100));
    }

    #[test]
    fn a_page_cannot_be_larger_than_its_chunk() {
        let size = 100 << 20;
        assert!(matches!(check_pages(&page(5, 100, size, 50), 100, 1000), Err(Damage::PageSize { .. })));
        check_pages(&page(5, 100, size, 50), 100, u64::from(size)).unwrap();
    }
}

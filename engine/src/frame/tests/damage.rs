//! Bytes that are not what a sender wrote: an error or a batch, whatever they are.

use polars_core::df;
use proptest::collection::vec;
use proptest::prelude::*;

use super::strategies::{categorical, dtype, enumeration, frame};
use super::*;
use crate::error::{ErrorKind, OperatorError};
use crate::frame::{Damage, FrameError};

/// Looks at every value, so that one that Polars cannot bear would show.
pub(super) fn look_at(frame: &DataFrame) {
    for column in frame.columns() {
        look_at_series(column.as_materialized_series());
    }
    assert_same(&there_and_back(frame), frame);
}

fn look_at_series(series: &Series) {
    if let Ok(strings) = series.str() {
        assert!(strings.iter().flatten().all(|text| std::str::from_utf8(text.as_bytes()).is_ok()));
    }
    if let Ok(fields) = series.struct_() {
        fields.fields_as_series().iter().for_each(look_at_series);
    }
    for value in series.iter() {
        match value {
            AnyValue::List(items) => look_at_series(&items),
            value => drop(value.to_string()),
        }
    }
}

fn receive(bytes: Vec<u8>, schema: &Schema) {
    match decode(shifted(&bytes, 0), schema) {
        Ok(frame) => look_at(&frame),
        Err(error) => assert_ne!(OperatorError::from(error).kind(), ErrorKind::Panic),
    }
}

/// What a bad wire, disk or peer does to a frame.
#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Byte(usize, u8),
    Word(usize, u64),
    /// Copies a word to another place: offsets, views and lengths that are plausible but wrong.
    Copy(usize, usize),
    Truncate(usize),
    Extend(usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let word = prop_oneof![
        0..100u64,
        any::<u64>(),
        Just(u64::MAX),
        Just(1 << 31),
        Just(1 << 60),
        (0..9u64).prop_map(|at| at * 16)
    ];
    prop_oneof![
        4 => (any::<usize>(), 0..8u8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Harm::Byte(at, byte)),
        4 => (any::<usize>(), word).prop_map(|(at, word)| Harm::Word(at, word)),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(from, to)| Harm::Copy(from, to)),
        1 => any::<usize>().prop_map(Harm::Truncate),
        1 => (0..64usize).prop_map(Harm::Extend),
    ]
}

fn apply(bytes: &mut Vec<u8>, harm: &Harm) {
    let length = bytes.len();
    if length < 8 {
        return;
    }
    match harm {
        Harm::Flip(at, bit) => bytes[at % length] ^= 1 << bit,
        Harm::Byte(at, byte) => bytes[at % length] = *byte,
        Harm::Word(at, word) => bytes[at % (length / 8) * 8..][..8].copy_from_slice(&word.to_le_bytes()),
        Harm::Copy(from, to) => {
            let from = from % (length / 8) * 8;
            bytes.copy_within(from..from + 8, to % (length / 8) * 8);
        },
        Harm::Truncate(to) => bytes.truncate(to % length),
        Harm::Extend(by) => bytes.resize(length + by, 7),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn harmed_frames(frame in frame(), harms in vec(harm(), 1..6), mend in any::<bool>()) {
        let mut bytes = encode(&frame);
        harms.iter().for_each(|harm| apply(&mut bytes, harm));
        if mend && bytes.len() >= Header::SIZE {
            // With an honest length the damage gets further.
            let length = bytes.len() as u64;
            bytes[24..32].copy_from_slice(&length.to_le_bytes());
        }
        receive(bytes, frame.schema());
    }

    #[test]
    fn bytes_of_nobody(body in vec(any::<u8>(), 0..400), dtypes in vec(dtype(), 0..4), rows in 0..20u64, buffers in 0..12u32) {
        let schema: Schema = dtypes.into_iter().enumerate().map(|(at, dtype)| Field::new(format!("c{at}").into(), dtype)).collect();
        receive(body.clone(), &schema);
        let mut bytes = Vec::new();
        let bytes_in_all = (Header::SIZE + body.len()) as u64;
        Header { columns: schema.len() as u32, buffers, rows, bytes: bytes_in_all }.write(&mut bytes);
        bytes.extend_from_slice(&body);
        receive(bytes, &schema);
    }

    #[test]
    fn frames_of_another_schema(frame in frame(), dtypes in vec(dtype(), 0..4)) {
        let schema: Schema = dtypes.into_iter().enumerate().map(|(at, dtype)| Field::new(format!("c{at}").into(), dtype)).collect();
        receive(encode(&frame), &schema);
    }
}

fn refused(bytes: Vec<u8>, schema: &Schema) -> Damage {
    match decode(Buffer::from(bytes), schema) {
        Err(FrameError::Header(damage)) => damage,
        Err(FrameError::Column { damage, .. }) => damage,
        other => panic!("{other:?}"),
    }
}

/// The damage that is found when bytes of buffer `buffer`, from its byte `at`, are replaced.
fn patched(frame: &DataFrame, buffer: usize, at: usize, with: &[u8]) -> Damage {
    let mut bytes = encode(frame);
    let start = buffers(&bytes)[buffer].start + at;
    assert_ne!(&bytes[start..start + with.len()], with);
    bytes[start..start + with.len()].copy_from_slice(with);
    refused(bytes, frame.schema())
}

fn header(frame: &DataFrame, at: usize, with: &[u8]) -> Damage {
    let mut bytes = encode(frame);
    bytes[at..at + with.len()].copy_from_slice(with);
    refused(bytes, frame.schema())
}

#[test]
fn headers() {
    let frame = df!("x" => [1i64, 2]).unwrap();
    let length = encode(&frame).len();
    assert_eq!(header(&frame, 0, b"ARROW1"), Damage::Mark);
    assert_eq!(header(&frame, 4, &9u16.to_le_bytes()), Damage::Version(9));
    assert_eq!(header(&frame, 8, &2u32.to_le_bytes()), Damage::Columns { expected: 1, found: 2 });
    assert_eq!(header(&frame, 12, &1u32.to_le_bytes()), Damage::Buffers { listed: 1, needed: 2 });
    assert!(matches!(header(&frame, 12, &u32::MAX.to_le_bytes()), Damage::Bytes { .. }));
    assert_eq!(header(&frame, 16, &u64::MAX.to_le_bytes()), Damage::Rows(u64::MAX));
    assert_eq!(header(&frame, 16, &3u64.to_le_bytes()), Damage::Length { part: "values", expected: 24, found: 16 });
    assert!(matches!(header(&frame, 24, &7u64.to_le_bytes()), Damage::Bytes { expected: 7, .. }));
    assert_eq!(header(&frame, 40, &u64::MAX.to_le_bytes()), Damage::Bounds(1));
    for cut in 0..length {
        let bytes = encode(&frame)[..cut].to_vec();
        assert!(matches!(refused(bytes, frame.schema()), Damage::Bytes { .. }));
    }
    let mut long = encode(&frame);
    long.extend_from_slice(&[0; 16]);
    let length = long.len() as u64;
    long[24..32].copy_from_slice(&length.to_le_bytes());
    assert_eq!(refused(long, frame.schema()), Damage::Bounds(2));
}

#[test]
fn rows_that_no_byte_vouches_for() {
    let huge = (1u64 << 31).to_le_bytes();
    assert_eq!(header(&single(Series::new_null("x".into(), 3)), 16, &huge), Damage::Rows(1 << 31));
    let empty = StructChunked::from_series("x".into(), 3, [].iter()).unwrap().into_series();
    assert_eq!(header(&single(empty), 16, &huge), Damage::Rows(1 << 31));
    let nulls = AnyValue::List(Series::new_null("".into(), 3));
    let lists = single(chunked(&DataType::List(Box::new(DataType::Null)), &[&[nulls]]));
    assert_eq!(patched(&lists, 1, 8, &(1i64 << 60).to_le_bytes()), Damage::Rows(1 << 60));
}

#[test]
fn validity_and_lists() {
    let nulls = df!("x" => [Some(1i64), None]).unwrap();
    assert_eq!(header(&nulls, 32, &2u64.to_le_bytes()), Damage::Length { part: "validity", expected: 1, found: 2 });
    let items = |values: &[i64]| AnyValue::List(Series::new("".into(), values));
    let lists = single(chunked(&DataType::List(Box::new(DataType::Int64)), &[&[items(&[1, 2]), items(&[3])]]));
    assert_eq!(patched(&lists, 1, 0, &1i64.to_le_bytes()), Damage::Offsets);
    assert_eq!(patched(&lists, 1, 8, &9i64.to_le_bytes()), Damage::Offsets);
    assert_eq!(patched(&lists, 1, 8, &(-1i64).to_le_bytes()), Damage::Offsets);
    assert_eq!(patched(&lists, 1, 16, &(-1i64).to_le_bytes()), Damage::Offsets);
    assert_eq!(patched(&lists, 1, 16, &4i64.to_le_bytes()), Damage::Length { part: "values", expected: 32, found: 24 });
    assert!(matches!(patched(&lists, 1, 16, &i64::MAX.to_le_bytes()), Damage::Length { part: "values", .. }));
}

#[test]
fn views_and_text() {
    let frame = df!("x" => ["short", "дюжина символов", "twelve bytes"]).unwrap();
    let (views, text) = (1, 2);
    assert_eq!(patched(&frame, views, 9, b"!"), Damage::View(0), "zeros behind a short value");
    assert_eq!(patched(&frame, views, 0, &4u32.to_le_bytes()), Damage::View(0), "a short value made shorter");
    assert_eq!(patched(&frame, views, 4, &[0xd0]), Damage::Text(0), "half a character in a view");
    assert_eq!(patched(&frame, views, 16, &u32::MAX.to_le_bytes()), Damage::View(1), "length");
    assert_eq!(patched(&frame, views, 20, b"x"), Damage::View(1), "prefix");
    assert_eq!(patched(&frame, views, 24, &1u32.to_le_bytes()), Damage::View(1), "buffer");
    assert_eq!(patched(&frame, views, 28, &9u32.to_le_bytes()), Damage::View(1), "offset");
    assert_eq!(patched(&frame, views, 28, &u32::MAX.to_le_bytes()), Damage::View(1), "offset");
    assert_eq!(patched(&frame, views, 16, &28u32.to_le_bytes()), Damage::Text(1), "ends within a character");
    assert_eq!(patched(&frame, text, 20, &[0xff]), Damage::Text(1), "text");
    assert_eq!(patched(&frame, views, 47, &[0xc3]), Damage::Text(2), "the last of twelve bytes");

    let mut bytes = encode(&frame);
    let view = buffers(&bytes)[views].start + 16;
    let text = buffers(&bytes)[text].start;
    let prefix: [u8; 4] = bytes[text + 1..text + 5].try_into().unwrap();
    bytes[view..view + 4].copy_from_slice(&20u32.to_le_bytes());
    bytes[view + 4..view + 8].copy_from_slice(&prefix);
    bytes[view + 12..view + 16].copy_from_slice(&1u32.to_le_bytes());
    assert_eq!(refused(bytes, frame.schema()), Damage::Text(1), "begins within a character");

    let binary = df!("x" => [b"\xff\xfe binary of many bytes".as_slice()]).unwrap();
    assert_round_trip(&binary);
    assert_eq!(patched(&binary, views, 4, b"x"), Damage::View(0));
}

#[test]
fn values_out_of_range() {
    let days = Int32Chunked::from_vec("x".into(), vec![0, 1]).into_date().into_series();
    assert_eq!(patched(&single(days), 1, 4, &i32::MAX.to_le_bytes()), Damage::Range(1));
    let times = Int64Chunked::from_vec("x".into(), vec![0, 1]);
    assert_eq!(
        patched(&single(times.clone().into_time().into_series()), 1, 0, &(-1i64).to_le_bytes()),
        Damage::Range(0)
    );
    let instants = times.clone().into_datetime(TimeUnit::Milliseconds, None).into_series();
    assert_eq!(patched(&single(instants), 1, 8, &i64::MAX.to_le_bytes()), Damage::Range(1));
    let decimals = Int128Chunked::from_vec("x".into(), vec![0, 1]).into_decimal_unchecked(3, 1).into_series();
    assert_eq!(patched(&single(decimals), 1, 0, &1000i128.to_le_bytes()), Damage::Range(0));

    let values = [AnyValue::String("a"), AnyValue::Null, AnyValue::String("b")];
    let choice = single(chunked(&enumeration(&["a", "b"]), &[&values]));
    assert_eq!(patched(&choice, 1, 2, &[2]), Damage::Code(2));
    let category = single(chunked(&categorical("ranges", CategoricalPhysical::U16), &[&values]));
    assert_eq!(patched(&category, 1, 4, &2u16.to_le_bytes()), Damage::Code(2));
    let ragged = Damage::Length { part: "categories", expected: 48, found: 24 };
    assert_eq!(header(&category, 32 + 16, &24u64.to_le_bytes()), ragged);
    let few = [AnyValue::String("a"), AnyValue::String("a long category, to fill some bytes")];
    let few = single(chunked(&categorical("ranges", CategoricalPhysical::U16), &[&few]));
    let many = Damage::Length { part: "categories", expected: 32, found: 48 };
    assert_eq!(header(&few, 32 + 16, &48u64.to_le_bytes()), many, "more categories than rows");
}

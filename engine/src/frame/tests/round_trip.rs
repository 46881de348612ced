//! What goes in comes out.

use polars_arrow::array::{PrimitiveArray, Utf8ViewArray, View};
use polars_arrow::datatypes::ArrowDataType;
use polars_core::df;
use proptest::prelude::*;

use super::strategies::{categorical, enumeration, frame, leaves, series, units, zone};
use super::*;

proptest! {
    #[test]
    fn any_frame_comes_back(frame in frame(), shift in 0..17usize) {
        let bytes = encode(&frame);
        assert_same(&decode(shifted(&bytes, shift), frame.schema()).unwrap(), &frame);
        // SAFETY: the encoder wrote these bytes.
        let trusted = unsafe { super::super::decode_unchecked(shifted(&bytes, shift), frame.schema()) };
        assert_same(&trusted.unwrap(), &frame);
    }
}

#[test]
fn extremes_of_every_type() {
    let text = |text: &'static str| AnyValue::String(text);
    let mut columns = vec![
        (DataType::Null, vec![AnyValue::Null]),
        (DataType::Boolean, vec![AnyValue::Boolean(true), AnyValue::Boolean(false)]),
        (DataType::Int8, vec![AnyValue::Int8(i8::MIN), AnyValue::Int8(i8::MAX)]),
        (DataType::Int16, vec![AnyValue::Int16(i16::MIN), AnyValue::Int16(i16::MAX)]),
        (DataType::Int32, vec![AnyValue::Int32(i32::MIN), AnyValue::Int32(i32::MAX)]),
        (DataType::Int64, vec![AnyValue::Int64(i64::MIN), AnyValue::Int64(i64::MAX)]),
        (DataType::UInt8, vec![AnyValue::UInt8(u8::MAX)]),
        (DataType::UInt16, vec![AnyValue::UInt16(u16::MAX)]),
        (DataType::UInt32, vec![AnyValue::UInt32(u32::MAX)]),
        (DataType::UInt64, vec![AnyValue::UInt64(u64::MAX)]),
        (DataType::Int128, vec![AnyValue::Int128(i128::MIN), AnyValue::Int128(i128::MAX)]),
        (DataType::UInt128, vec![AnyValue::UInt128(u128::MAX)]),
        (DataType::Float32, vec![AnyValue::Float32(f32::NAN), AnyValue::Float32(-0.0)]),
        (DataType::Float64, vec![AnyValue::Float64(f64::NAN), AnyValue::Float64(f64::NEG_INFINITY)]),
        (DataType::Decimal(38, 4), vec![AnyValue::Decimal(10i128.pow(38) - 1, 38, 4), AnyValue::Decimal(-1, 38, 4)]),
        (DataType::Decimal(1, 0), vec![AnyValue::Decimal(-9, 1, 0)]),
        (DataType::String, vec![text(""), text("twelve bytes"), text("thirteen byte"), text("ж 😀 дюжина символов")]),
        (DataType::Binary, vec![AnyValue::Binary(&[0xff; 12]), AnyValue::Binary(&[0xff; 13]), AnyValue::Binary(&[])]),
        (DataType::Date, vec![AnyValue::Date(-96_465_291), AnyValue::Date(95_026_234)]),
        (DataType::Time, vec![AnyValue::Time(0), AnyValue::Time(86_399_999_999_999)]),
        (enumeration(&["a", "b"]), vec![text("b"), text("a")]),
        (DataType::from_categories(Categories::global()), vec![text("x"), text("a much longer category")]),
    ];
    for unit in units() {
        let (first, last) = crate::frame::validate::datetimes(unit).into_inner();
        for zone in [None, zone("UTC"), zone("Pacific/Apia"), zone("America/Los_Angeles")] {
            let shared = zone.clone().map(Arc::new);
            let values = [first, last].map(|value| AnyValue::DatetimeOwned(value, unit, shared.clone()));
            columns.push((DataType::Datetime(unit, zone), values.to_vec()));
        }
        columns.push((DataType::Duration(unit), vec![AnyValue::Duration(i64::MIN, unit), AnyValue::Duration(7, unit)]));
    }
    let sent: Vec<_> = columns.iter().map(|(dtype, _)| std::mem::discriminant(dtype)).collect();
    assert!(leaves().iter().all(|leaf| sent.contains(&std::mem::discriminant(leaf))));
    for (dtype, mut values) in columns {
        let whole = single(chunked(&dtype, &[&values]));
        assert_round_trip(&whole);
        // Whatever is accepted can also be shown: bounds are right if this does not panic.
        damage::look_at(&there_and_back(&whole));
        values.insert(1, AnyValue::Null);
        let nested = AnyValue::List(series("".into(), &values, &dtype));
        assert_round_trip(&single(chunked(&DataType::List(Box::new(dtype.clone())), &[&[nested, AnyValue::Null]])));
        let chunks = single(chunked(&dtype, &[&values, &[], &values[..1], &values]));
        assert_round_trip(&chunks);
        for start in 0..chunks.height() {
            assert_round_trip(&chunks.slice(start as i64, 3));
        }
    }
}

#[test]
fn shapes_without_values() {
    assert_round_trip(&DataFrame::empty());
    assert_round_trip(&DataFrame::empty_with_height(70_000));
    let schema: Schema =
        leaves().into_iter().enumerate().map(|(at, dtype)| Field::new(format!("c{at}").into(), dtype)).collect();
    assert_round_trip(&DataFrame::empty_with_schema(&schema));
    for rows in [0, 1, 9] {
        let empty = StructChunked::from_series("x".into(), rows, [].iter()).unwrap();
        assert_round_trip(&single(empty.into_series()));
        assert_round_trip(&single(Series::new_null("x".into(), rows)));
    }
    let scalar = Column::new_scalar("x".into(), Scalar::from(7i64), 100);
    assert_round_trip(&DataFrame::new(100, vec![scalar]).unwrap());
}

#[test]
fn validity_at_any_bit() {
    let values: Vec<_> = (0..100).map(|row| (row % 3 > 0).then_some(row % 2 == 0)).collect();
    let column = BooleanChunked::from_slice_options("x".into(), &values).into_series();
    for start in 0..17 {
        let mut part = column.slice(start, 50);
        assert_round_trip(&single(part.clone()));
        part.append(&column.slice(start + 3, 21)).unwrap();
        part.append(&BooleanChunked::full("x".into(), true, 5).into_series()).unwrap();
        assert_round_trip(&single(part));
    }
}

#[test]
fn nested_in_nested() {
    let inner = DataType::Struct(vec![
        Field::new("when".into(), DataType::List(Box::new(DataType::Datetime(TimeUnit::Microseconds, zone("UTC"))))),
        Field::new("what".into(), categorical("nested", CategoricalPhysical::U8)),
    ]);
    let dtype = DataType::List(Box::new(inner.clone()));
    let when = series("".into(), &[AnyValue::Null], &DataType::Datetime(TimeUnit::Microseconds, zone("UTC")));
    let DataType::Struct(fields) = &inner else { unreachable!() };
    let row = AnyValue::StructOwned(Box::new((
        vec![AnyValue::List(when), AnyValue::String("long enough to be text")],
        fields.clone(),
    )));
    let items = AnyValue::List(series("".into(), &[row, AnyValue::Null], &inner));
    assert_round_trip(&single(chunked(&dtype, &[&[items.clone(), AnyValue::Null], &[items]])));
}

#[test]
fn categories_get_codes_of_the_receiver() {
    let dtype = categorical("codes", CategoricalPhysical::U8);
    let values: Vec<_> = ["p", "q", "r", "s"].map(AnyValue::String).to_vec();
    let all = chunked(&dtype, &[&values]);
    let bytes = encode(&single(all.slice(2, 2)));
    let other = categorical("codes of another process", CategoricalPhysical::U8);
    let mut schema = Schema::default();
    schema.insert("x".into(), other.clone());
    let column = decode(Buffer::from(bytes.clone()), &schema).unwrap();
    let column = column.column("x").unwrap().as_materialized_series();
    assert_eq!(column.cat8().unwrap().iter_str().collect::<Vec<_>>(), [Some("r"), Some("s")]);
    // Only what the rows use was sent: `r` is the receiver's first category.
    assert_eq!(column.cat8().unwrap().physical().to_vec(), [Some(0), Some(1)]);
    let DataType::Categorical(_, mapping) = &other else { unreachable!() };
    assert_eq!(mapping.num_cats_upper_bound(), 2);
}

#[test]
fn categories_beyond_the_physical_type_are_an_error() {
    let sender = categorical("many", CategoricalPhysical::U8);
    let names: Vec<_> = (0..200).map(|at| format!("n{at}")).collect();
    let values: Vec<_> = names.iter().map(|name| AnyValue::String(name)).collect();
    let bytes = encode(&single(chunked(&sender, &[&values])));
    let receiver = categorical("full", CategoricalPhysical::U8);
    let DataType::Categorical(_, mapping) = &receiver else { unreachable!() };
    for at in 0..100 {
        mapping.insert_cat(&format!("m{at}")).unwrap();
    }
    let schema: Schema = [Field::new("x".into(), receiver.clone())].into_iter().collect();
    let error = decode(Buffer::from(bytes), &schema).unwrap_err();
    assert!(matches!(error, crate::frame::FrameError::Build { .. }), "{error:?}");
}

#[test]
fn text_between_values_may_be_anything() {
    // A page of a file: each value behind four bytes that are no UTF-8.
    let values = ["the first of the values", "and the second, also long", "кириллица: тоже длинная"];
    let mut page = Vec::new();
    let mut views = Vec::new();
    for value in values {
        page.extend_from_slice(&[0xff, 0xfe, 0x80, 0x00][..2]);
        views.push(View::new_from_bytes(value.as_bytes(), 0, page.len() as u32));
        page.extend_from_slice(value.as_bytes());
    }
    let array =
        Utf8ViewArray::try_new(ArrowDataType::Utf8View, views.into(), vec![page.clone().into()].into(), None).unwrap();
    let frame = single(Series::from_array("x".into(), array));
    let bytes = encode(&frame);
    let text = buffers(&bytes)[2].clone();
    assert_eq!(&bytes[text], page, "the page was not sent whole");
    assert_same(&decode(Buffer::from(bytes), frame.schema()).unwrap(), &frame);
}

#[test]
fn only_referenced_text_is_sent() {
    let values: Vec<_> = (0..10_000).map(|row| format!("a value that is not short, number {row}")).collect();
    let frame = df!("x" => values).unwrap();
    let few = frame.take(&IdxCa::from_vec("".into(), vec![9_000, 3, 3, 7_777])).unwrap();
    assert_round_trip(&few);
    let texts = few.column("x").unwrap().str().unwrap().iter().flatten().map(str::len).sum::<usize>();
    assert_eq!(buffers(&encode(&few))[2].len(), texts);
    let slice = frame.slice(4_000, 5);
    assert_round_trip(&slice);
    assert!(encode(&slice).len() < 500);
    // Behind a null nothing is sent.
    let hidden = BooleanChunked::full("x".into(), false, few.height());
    let hidden = few
        .column("x")
        .unwrap()
        .as_materialized_series()
        .zip_with(&hidden, &Series::full_null("x".into(), 4, &DataType::String))
        .unwrap();
    assert_eq!(buffers(&encode(&single(hidden)))[2].len(), 0);
}

#[test]
fn values_behind_nulls_may_be_anything() {
    let mut array = Utf8ViewArray::from_slice_values(["a value that is not short", "b"]);
    array.set_validity(Some([false, true].into_iter().collect()));
    // SAFETY: Polars asks nothing of a view behind a null.
    unsafe { array.with_views_mut(|views| views[0] = View { length: 77, prefix: 1, buffer_idx: 9, offset: 5 }) };
    assert_round_trip(&single(Series::from_array("x".into(), array)));

    let junk = PrimitiveArray::from_vec(vec![i64::MIN, 5]).with_validity(Some([false, true].into_iter().collect()));
    let junk = Int64Chunked::with_chunk("x".into(), junk);
    assert_round_trip(&single(junk.clone().into_time().into_series()));
    assert_round_trip(&single(junk.into_datetime(TimeUnit::Microseconds, None).into_series()));
}

#[test]
fn decoding_does_not_copy() {
    let words: Vec<_> = (0..64).map(|row| format!("word {row} is text behind a view")).collect();
    let numbers: Vec<_> = (0..64i64).collect();
    let frame = df!("n" => numbers, "s" => words).unwrap();
    let decimals = Int128Chunked::from_vec("d".into(), (0..64).collect()).into_decimal_unchecked(15, 2).into_series();
    let frame = frame.hstack(&[decimals.into_column()]).unwrap();
    let bytes = encode(&frame);
    for shift in [0, 8, 4] {
        let slab = shifted(&bytes, shift);
        let memory = slab.as_ptr() as usize..slab.as_ptr() as usize + slab.len();
        let back = decode(slab, frame.schema()).unwrap();
        assert_same(&back, &frame);
        let numbers = back.column("n").unwrap().i64().unwrap().cont_slice().unwrap().as_ptr() as usize;
        assert_eq!(memory.contains(&numbers), shift % 8 == 0);
        let strings = back.column("s").unwrap().str().unwrap().downcast_as_array().clone();
        assert!(memory.contains(&(strings.views().as_ptr() as usize)));
        assert!(strings.data_buffers().iter().all(|buffer| memory.contains(&(buffer.as_ptr() as usize))));
        let decimals = back.column("d").unwrap().decimal().unwrap().physical().cont_slice().unwrap().as_ptr() as usize;
        assert_eq!(memory.contains(&decimals), shift == 0);
    }
}

#[test]
fn types_that_cannot_travel_are_named() {
    let column =
        Series::from_any_values_and_dtype("keys".into(), &[AnyValue::Binary(b"k")], &DataType::BinaryOffset, true)
            .unwrap();
    let nested = column.clone().into_frame().into_struct("rows".into()).into_series();
    for column in [column, nested] {
        let name = column.name().to_string();
        let error = FrameEncoder::new(&single(column)).err().unwrap();
        let text = error.to_string();
        assert!(text.contains(&format!("`{name}`")) && text.contains(&DataType::BinaryOffset.to_string()), "{text}");
        assert_eq!(crate::error::OperatorError::from(error).kind(), crate::error::ErrorKind::Internal);
    }
    let schema: Schema = [Field::new("keys".into(), DataType::BinaryOffset)].into_iter().collect();
    let bytes = encode(&df!("keys" => [1i64]).unwrap());
    assert!(matches!(decode(Buffer::from(bytes), &schema), Err(crate::frame::FrameError::Unsupported { .. })));
}

#[test]
fn arrays() {
    let shape = |rows: usize, width: usize| [ReshapeDimension::new(rows as i64), ReshapeDimension::new(width as i64)];
    let numbers: Vec<Option<f32>> = (0..60u8).map(|i| (i % 7 > 0).then(|| f32::from(i) / 4.0)).collect();
    let words: Vec<Option<String>> =
        (0..60).map(|i| (i % 5 > 0).then(|| format!("word {i} {}", "x".repeat(i % 20)))).collect();
    for width in [1, 2, 5, 60] {
        for values in [Series::new("x".into(), &numbers), Series::new("x".into(), &words)] {
            let rows = 60 / width;
            let arrays = values.reshape_array(&shape(rows, width)).unwrap();
            assert!(matches!(arrays.dtype(), DataType::Array(_, found) if *found == width));
            assert_round_trip(&single(arrays.clone()));
            assert_round_trip(&single(arrays.slice(1, rows / 2)));
            assert_round_trip(&single(arrays.slice(0, 0)));
            let mut chunks = arrays.slice(0, 1);
            chunks.append(&arrays.slice(rows as i64 / 2, rows)).unwrap();
            chunks.append(&Series::full_null("x".into(), 2, arrays.dtype())).unwrap();
            assert_round_trip(&single(chunks));
        }
    }
}

#[test]
fn arrays_that_lack_items_are_refused() {
    let values = Series::new("x".into(), [1i64, 2, 3, 4, 5, 6]);
    let arrays = single(values.reshape_array(&[ReshapeDimension::new(3), ReshapeDimension::new(2)]).unwrap());
    let bytes = encode(&arrays);
    for width in [3, usize::MAX, usize::MAX / 2] {
        let schema = Schema::from_iter([("x".into(), DataType::Array(Box::new(DataType::Int64), width))]);
        assert!(decode(Buffer::from(bytes.clone()), &schema).is_err(), "{width}");
    }
}

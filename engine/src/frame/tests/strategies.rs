//! Frames of any types, values and chunks.

use polars_core::prelude::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::frame::validate::{DAYS, TIMES, datetimes};

pub(super) fn units() -> [TimeUnit; 3] {
    [TimeUnit::Nanoseconds, TimeUnit::Microseconds, TimeUnit::Milliseconds]
}

pub(super) fn zone(name: &str) -> Option<TimeZone> {
    TimeZone::opt_try_new(Some(name)).unwrap()
}

pub(super) fn enumeration(names: &[&str]) -> DataType {
    DataType::from_frozen_categories(FrozenCategories::new(names.iter().copied()).unwrap())
}

pub(super) fn categorical(name: &'static str, physical: CategoricalPhysical) -> DataType {
    DataType::from_categories(Categories::new(name.into(), "frame".into(), physical))
}

/// Every type without nesting.
pub(super) fn leaves() -> Vec<DataType> {
    let mut leaves = vec![
        DataType::Null,
        DataType::Boolean,
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
        DataType::Int128,
        DataType::UInt128,
        DataType::Float32,
        DataType::Float64,
        DataType::Decimal(15, 2),
        DataType::Decimal(38, 0),
        DataType::String,
        DataType::Binary,
        DataType::Date,
        DataType::Time,
        enumeration(&["red", "green", "a colour without a name in English"]),
        DataType::from_categories(Categories::global()),
        categorical("small", CategoricalPhysical::U8),
        categorical("middle", CategoricalPhysical::U16),
    ];
    for unit in units() {
        leaves.push(DataType::Datetime(unit, None));
        leaves.push(DataType::Datetime(unit, zone("Europe/Amsterdam")));
        leaves.push(DataType::Duration(unit));
    }
    leaves
}

pub(super) fn dtype() -> impl Strategy<Value = DataType> {
    select(leaves()).prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| DataType::List(Box::new(inner))),
            vec(inner, 1..4).prop_map(|inner| {
                let fields = inner.into_iter().enumerate();
                DataType::Struct(fields.map(|(at, dtype)| Field::new(format!("f{at}").into(), dtype)).collect())
            }),
        ]
    })
}

pub(super) fn value(dtype: &DataType) -> BoxedStrategy<AnyValue<'static>> {
    let valid = match dtype {
        DataType::Null => return Just(AnyValue::Null).boxed(),
        DataType::Boolean => any::<bool>().prop_map(AnyValue::Boolean).boxed(),
        DataType::Int8 => any::<i8>().prop_map(AnyValue::Int8).boxed(),
        DataType::Int16 => any::<i16>().prop_map(AnyValue::Int16).boxed(),
        DataType::Int32 => any::<i32>().prop_map(AnyValue::Int32).boxed(),
        DataType::Int64 => any::<i64>().prop_map(AnyValue::Int64).boxed(),
        DataType::UInt8 => any::<u8>().prop_map(AnyValue::UInt8).boxed(),
        DataType::UInt16 => any::<u16>().prop_map(AnyValue::UInt16).boxed(),
        DataType::UInt32 => any::<u32>().prop_map(AnyValue::UInt32).boxed(),
        DataType::UInt64 => any::<u64>().prop_map(AnyValue::UInt64).boxed(),
        DataType::Int128 => any::<i128>().prop_map(AnyValue::Int128).boxed(),
        DataType::UInt128 => any::<u128>().prop_map(AnyValue::UInt128).boxed(),
        DataType::Float32 => any::<f32>().prop_map(AnyValue::Float32).boxed(),
        DataType::Float64 => any::<f64>().prop_map(AnyValue::Float64).boxed(),
        DataType::Decimal(precision, scale) => {
            let (precision, scale, limit) = (*precision, *scale, 10i128.pow(*precision as u32));
            (1 - limit..limit).prop_map(move |value| AnyValue::Decimal(value, precision, scale)).boxed()
        },
        DataType::String => text().prop_map(|text| AnyValue::StringOwned(text.into())).boxed(),
        DataType::Binary => vec(any::<u8>(), 0..40).prop_map(AnyValue::BinaryOwned).boxed(),
        DataType::Date => DAYS.prop_map(AnyValue::Date).boxed(),
        DataType::Time => TIMES.prop_map(AnyValue::Time).boxed(),
        DataType::Datetime(unit, zone) => {
            let (unit, zone) = (*unit, zone.clone().map(Arc::new));
            datetimes(unit).prop_map(move |value| AnyValue::DatetimeOwned(value, unit, zone.clone())).boxed()
        },
        DataType::Duration(unit) => {
            let unit = *unit;
            any::<i64>().prop_map(move |value| AnyValue::Duration(value, unit)).boxed()
        },
        DataType::Categorical(..) => select(vec!["a", "b", "ж", "a category of more than twelve bytes"])
            .prop_map(|text| AnyValue::StringOwned(text.into()))
            .boxed(),
        DataType::Enum(categories, _) => {
            let names: Vec<_> = categories.categories().values_iter().map(PlSmallStr::from).collect();
            select(names).prop_map(AnyValue::StringOwned).boxed()
        },
        DataType::List(inner) => {
            let inner = DataType::clone(inner);
            let items = vec(value(&inner), 0..5);
            items.prop_map(move |items| AnyValue::List(series(PlSmallStr::EMPTY, &items, &inner))).boxed()
        },
        DataType::Struct(fields) => {
            let fields = fields.clone();
            let values: Vec<_> = fields.iter().map(|field| value(field.dtype())).collect();
            values.prop_map(move |values| AnyValue::StructOwned(Box::new((values, fields.clone())))).boxed()
        },
        other => panic!("no values of {other}"),
    };
    prop_oneof![1 => Just(AnyValue::Null), 4 => valid].boxed()
}

fn text() -> impl Strategy<Value = String> {
    let characters = prop_oneof![3 => prop::char::range('a', 'z'), 1 => any::<char>()];
    vec(characters, 0..30).prop_map(|characters| characters.into_iter().collect())
}

pub(super) fn series(name: PlSmallStr, values: &[AnyValue], dtype: &DataType) -> Series {
    let series = Series::from_any_values_and_dtype(name, values, dtype, true).unwrap();
    assert_eq!(series.dtype(), dtype);
    series
}

/// How the memory of a frame came about.
#[derive(Clone, Debug)]
enum Step {
    Slice(usize, usize),
    Append(usize, usize),
    Take(Vec<usize>),
    Keep(Vec<bool>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..20usize, 0..40usize).prop_map(|(start, length)| Step::Slice(start, length)),
        (0..20usize, 0..40usize).prop_map(|(start, length)| Step::Append(start, length)),
        vec(0..1000usize, 0..40).prop_map(Step::Take),
        vec(any::<bool>(), 1..7).prop_map(Step::Keep),
    ]
}

fn apply(frame: DataFrame, step: &Step) -> DataFrame {
    let height = frame.height();
    if height == 0 || frame.width() == 0 {
        return frame;
    }
    match step {
        Step::Slice(start, length) => frame.slice((start % height) as i64, *length),
        Step::Append(start, length) => frame.vstack(&frame.slice((start % height) as i64, *length)).unwrap(),
        Step::Take(rows) => {
            let rows: Vec<_> = rows.iter().map(|row| (row % height) as IdxSize).collect();
            frame.take(&IdxCa::from_vec("".into(), rows)).unwrap()
        },
        Step::Keep(pattern) => {
            let mask: BooleanChunked = (0..height).map(|row| pattern[row % pattern.len()]).collect();
            frame.filter(&mask).unwrap()
        },
    }
}

/// Frames of up to four columns of any types: filtered, gathered, sliced and put together.
pub(super) fn frame() -> impl Strategy<Value = DataFrame> {
    let whole = (vec(dtype(), 0..5), 0..40usize).prop_flat_map(|(dtypes, rows)| {
        let columns: Vec<_> = dtypes.iter().map(|dtype| vec(value(dtype), rows)).collect();
        (Just(dtypes), Just(rows), columns)
    });
    let whole = whole.prop_map(|(dtypes, rows, columns)| {
        let columns = dtypes.iter().zip(&columns).enumerate();
        let columns = columns.map(|(at, (dtype, values))| series(format!("c{at}").into(), values, dtype).into_column());
        DataFrame::new(rows, columns.collect()).unwrap()
    });
    (whole, vec(step(), 0..4)).prop_map(|(frame, steps)| steps.iter().fold(frame, apply))
}

//! Rows to ranges of a sort order.

use polars_arrow::array::BinaryArray;
use polars_core::frame::DataFrame;
use polars_core::prelude::row_encode::_get_rows_encoded;
use polars_core::prelude::{
    ChunkedArray, Column, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Int128Type,
    PolarsNumericType, SortMultipleOptions, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;
use polars_utils::total_ord::TotalOrd;

use super::RangePartitioning;
use crate::error::{ErrorKind, OperatorError};

/// For each row of `batch` the index of its range: the number of splitters that stand before it in the sort order.
///
/// Rows that are equal in the sort order have the same range, and a row that equals a splitter belongs to the range which
/// that splitter ends. The order is that of Polars' `sort`: nulls where the options put them, NaN as the largest number.
pub fn range_targets(batch: &DataFrame, range: &RangePartitioning) -> Result<Vec<u32>, OperatorError> {
    let Some(splitters) = range.splitters.get() else {
        return Err(OperatorError::message(
            ErrorKind::Internal,
            "a batch reached a range exchange before its splitters",
        ));
    };
    if splitters.height() == 0 || range.by.is_empty() {
        return Ok(vec![0; batch.height()]);
    }
    for name in &range.by {
        let (dtype, expected) = (batch.column(name)?.dtype(), splitters.column(name)?.dtype());
        if dtype != expected {
            let message = format!("sort column `{name}` has type {dtype} in the batch and {expected} in the splitters");
            return Err(OperatorError::message(ErrorKind::SchemaMismatch, message));
        }
    }
    if let [name] = range.by.as_slice()
        && let (Some(descending), Some(nulls_last)) =
            (range.options.descending.first(), range.options.nulls_last.first())
    {
        let order = Order { descending: *descending, nulls_last: *nulls_last };
        if let Some(targets) = column_targets(batch.column(name)?, splitters.column(name)?, order) {
            return Ok(targets);
        }
    }
    let bounds = sort_keys(splitters, &range.by, &range.options)?;
    let bounds: Vec<&[u8]> = bounds.values_iter().collect();
    let keys = sort_keys(batch, &range.by, &range.options)?;
    Ok(keys.values_iter().map(|key| bounds.partition_point(|bound| *bound < key) as u32).collect())
}

/// One string of bytes per row of `frame`; bytes are equal, or stand before others, as rows do in the sort order by the
/// columns `by`. Keys of different frames compare with each other, whatever process made them.
pub fn sort_keys(
    frame: &DataFrame,
    by: &[PlSmallStr],
    options: &SortMultipleOptions,
) -> Result<BinaryArray<i64>, OperatorError> {
    let columns = by.iter().map(|name| frame.column(name).cloned()).collect::<Result<Vec<_>, _>>()?;
    let descending = per_column(&options.descending, by.len(), "descending")?;
    let nulls_last = per_column(&options.nulls_last, by.len(), "nulls_last")?;
    Ok(_get_rows_encoded(&columns, &descending, &nulls_last)?.into_array())
}

/// The values of an option that may be given once for all columns.
fn per_column(values: &[bool], columns: usize, name: &str) -> Result<Vec<bool>, OperatorError> {
    match values {
        [value] => Ok(vec![*value; columns]),
        values if values.len() == columns => Ok(values.to_vec()),
        values => Err(OperatorError::message(
            ErrorKind::InvalidQuery,
            format!(
                "`{name}` has {} values for {columns} sort columns: give one, or one for each column",
                values.len()
            ),
        )),
    }
}

#[derive(Clone, Copy)]
struct Order {
    descending: bool,
    nulls_last: bool,
}

/// The ranges for a single sort column of a type that compares without an encoding; `None` for other types.
fn column_targets(column: &Column, splitters: &Column, order: Order) -> Option<Vec<u32>> {
    // A categorical sorts by its strings, not by its codes.
    if matches!(column.dtype(), DataType::Categorical(..)) {
        return None;
    }
    let column = column.as_materialized_series().to_physical_repr();
    let splitters = splitters.as_materialized_series().to_physical_repr();
    let (column, splitters): (&Series, &Series) = (&column, &splitters);
    macro_rules! numeric {
        ($type:ty) => {{
            let column: &ChunkedArray<$type> = column.as_ref().as_ref();
            let splitters: &ChunkedArray<$type> = splitters.as_ref().as_ref();
            Some(numeric_targets(column, splitters, order))
        }};
    }
    match column.dtype() {
        DataType::Int8 => numeric!(Int8Type),
        DataType::Int16 => numeric!(Int16Type),
        DataType::Int32 => numeric!(Int32Type),
        DataType::Int64 => numeric!(Int64Type),
        DataType::Int128 => numeric!(Int128Type),
        DataType::UInt8 => numeric!(UInt8Type),
        DataType::UInt16 => numeric!(UInt16Type),
        DataType::UInt32 => numeric!(UInt32Type),
        DataType::UInt64 => numeric!(UInt64Type),
        DataType::Float32 => numeric!(Float32Type),
        DataType::Float64 => numeric!(Float64Type),
        DataType::String => {
            let (column, splitters) = (column.str().ok()?.as_binary(), splitters.str().ok()?.as_binary());
            let bounds = Bounds::new(splitters.iter(), order);
            let mut targets = Vec::with_capacity(column.len());
            column.downcast_iter().for_each(|array| bounds.search_all(&mut targets, array.iter()));
            Some(targets)
        },
        _ => None,
    }
}

fn numeric_targets<T: PolarsNumericType>(
    column: &ChunkedArray<T>,
    splitters: &ChunkedArray<T>,
    order: Order,
) -> Vec<u32> {
    let bounds = Bounds::new(splitters.iter(), order);
    let mut targets = Vec::with_capacity(column.len());
    for array in column.downcast_iter() {
        if array.validity().is_none() {
            bounds.extend_numbers(&mut targets, array.values().iter().map(|value| Some(*value)));
        } else {
            bounds.extend_numbers(&mut targets, array.iter().map(|value| value.copied()));
        }
    }
    targets
}

/// The splitters of one column: values in sort order, and where nulls are.
struct Bounds<V> {
    values: Vec<V>,
    descending: bool,
    /// Ranges before the first value: splitters that are null and stand first.
    first: u32,
    /// The range of a null.
    null: u32,
}

/// Up to this many splitters, counting numbers is faster than a binary search.
const COUNTED: usize = 8;

impl<V: TotalOrd + Copy> Bounds<V> {
    fn new(splitters: impl Iterator<Item = Option<V>>, order: Order) -> Self {
        let mut nulls = 0;
        let mut values = Vec::new();
        for splitter in splitters {
            match splitter {
                Some(value) => values.push(value),
                None => nulls += 1,
            }
        }
        let null = if order.nulls_last { values.len() as u32 } else { 0 };
        Self { values, descending: order.descending, first: if order.nulls_last { 0 } else { nulls }, null }
    }

    fn extend_numbers(&self, targets: &mut Vec<u32>, rows: impl Iterator<Item = Option<V>>) {
        match self.descending {
            _ if self.values.len() > COUNTED => self.search_all(targets, rows),
            false => self.extend_with(targets, rows, |value| self.count(|bound| bound.tot_lt(value))),
            true => self.extend_with(targets, rows, |value| self.count(|bound| bound.tot_gt(value))),
        }
    }

    fn search_all(&self, targets: &mut Vec<u32>, rows: impl Iterator<Item = Option<V>>) {
        match self.descending {
            false => self.extend_with(targets, rows, |value| self.search(|bound| bound.tot_lt(value))),
            true => self.extend_with(targets, rows, |value| self.search(|bound| bound.tot_gt(value))),
        }
    }

    fn extend_with(&self, targets: &mut Vec<u32>, rows: impl Iterator<Item = Option<V>>, before: impl Fn(&V) -> u32) {
        targets.extend(rows.map(|row| match row {
            Some(value) => self.first + before(&value),
            None => self.null,
        }));
    }

    fn count(&self, before: impl Fn(&V) -> bool) -> u32 {
        self.values.iter().map(|bound| before(bound) as u32).sum()
    }

    fn search(&self, before: impl Fn(&V) -> bool) -> u32 {
        self.values.partition_point(before) as u32
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::{Arc, OnceLock};

    use polars_core::df;
    use polars_core::prelude::{Categories, IntoColumn, IntoSeries, NamedFrom, StructChunked, TimeUnit};
    use proptest::prelude::*;

    use super::*;

    fn range(by: &[&str], options: SortMultipleOptions, splitters: DataFrame) -> RangePartitioning {
        let by = by.iter().map(|name| PlSmallStr::from(*name)).collect();
        RangePartitioning { by, options, splitters: Arc::new(OnceLock::from(splitters)) }
    }

    /// Polars' own sort is the oracle: with the splitters sorted in between the rows, behind the rows they are equal to, the
    /// number of splitters before a row is its range.
    fn naive(batch: &DataFrame, range: &RangePartitioning) -> Vec<u32> {
        let splitters = range.splitters.get().unwrap();
        let number = |name: &str, values: Vec<i64>| Series::new(name.into(), values).into_column();
        let columns = |frame: &DataFrame| frame.select(range.by.iter()).unwrap();
        let mut rows = columns(batch);
        rows.with_column(number("row", (0..batch.height() as i64).collect())).unwrap();
        let mut bounds = columns(splitters);
        bounds.with_column(number("row", vec![-1; splitters.height()])).unwrap();
        // Stable: rows stand before the splitters that they are equal to.
        let options = range.options.clone().with_maintain_order(true).with_multithreaded(false);
        let sorted = rows.vstack(&bounds).unwrap().sort(range.by.iter(), options).unwrap();
        let mut targets = vec![0; batch.height()];
        let mut passed = 0;
        for row in sorted.column("row").unwrap().i64().unwrap().iter().flatten() {
            match usize::try_from(row) {
                Ok(row) => targets[row] = passed,
                Err(_) => passed += 1,
            }
        }
        targets
    }

    fn directions() -> impl Iterator<Item = SortMultipleOptions> {
        [(false, false), (false, true), (true, false), (true, true)].into_iter().map(|(descending, nulls_last)| {
            SortMultipleOptions::default().with_order_descending(descending).with_nulls_last(nulls_last)
        })
    }

    /// Checks a column of every type in all directions, with splitters taken from it.
    fn check(column: Column) {
        let rows = column.into_frame();
        for options in directions() {
            let by = [rows.columns()[0].name().to_string()];
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            let sorted = rows.sort(&by, options.clone().with_multithreaded(false)).unwrap();
            let step = |count: usize| -> DataFrame {
                let mut splitters = sorted.clear();
                for i in 1..=count {
                    let _ = splitters.vstack_mut(&sorted.slice((i * sorted.height() / (count + 1)) as i64, 1)).unwrap();
                }
                splitters
            };
            for count in [0, 1, 3, COUNTED + 5] {
                let range = range(&by, options.clone(), step(count));
                assert_eq!(
                    range_targets(&rows, &range).unwrap(),
                    naive(&rows, &range),
                    "{:?} {options:?}",
                    rows.dtypes()
                );
                // Many chunks, and none.
                let (head, tail) = (rows.head(Some(7)), rows.slice(7, rows.height()));
                let chunked = head.vstack(&tail).unwrap();
                assert_eq!(range_targets(&chunked, &range).unwrap(), naive(&rows, &range));
                assert!(range_targets(&rows.clear(), &range).unwrap().is_empty());
            }
        }
    }

    fn numbers() -> Series {
        let values: Vec<Option<i64>> = (0..200).map(|n: i64| (n % 11 != 0).then_some((n * 7919) % 97 - 20)).collect();
        Series::new("key".into(), values)
    }

    #[test]
    fn every_type_follows_the_order_of_polars() {
        let numbers = numbers();
        let text = numbers.cast(&DataType::String).unwrap();
        let positive = &numbers + 20i64;
        for dtype in [
            DataType::Int8,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::Float32,
            DataType::Float64,
            DataType::Date,
            DataType::Datetime(TimeUnit::Microseconds, None),
            DataType::Duration(TimeUnit::Milliseconds),
            DataType::Decimal(15, 2),
            DataType::Boolean,
            DataType::String,
        ] {
            check(numbers.cast(&dtype).unwrap().into_column());
        }
        for dtype in [DataType::UInt8, DataType::UInt16, DataType::UInt32, DataType::UInt64, DataType::Time] {
            check(positive.cast(&dtype).unwrap().into_column());
        }
        check(text.cast(&DataType::Binary).unwrap().into_column());
        check(text.cast(&DataType::from_categories(Categories::global())).unwrap().into_column());
        check(Series::full_null("key".into(), 20, &DataType::Int32).into_column());
        let fields = [numbers.clone().with_name("a".into()), text.with_name("b".into())];
        check(StructChunked::from_series("key".into(), 200, fields.iter()).unwrap().into_series().into_column());
    }

    #[test]
    fn nan_is_the_largest_number_and_zeros_are_equal() {
        let values = [Some(f64::NAN), Some(1.0), None, Some(-0.0), Some(0.0), Some(f64::INFINITY), Some(-f64::NAN)];
        let rows = df!("key" => values).unwrap();
        let splitters = df!("key" => [0.0, 1.0, f64::INFINITY]).unwrap();
        let targets = range_targets(&rows, &range(&["key"], SortMultipleOptions::default(), splitters)).unwrap();
        assert_eq!(targets, [3, 1, 0, 0, 0, 2, 3]);
        let splitters = df!("key" => [f64::NAN, 1.0, -0.0]).unwrap();
        let options = SortMultipleOptions::default().with_order_descending(true).with_nulls_last(true);
        let targets = range_targets(&rows, &range(&["key"], options, splitters)).unwrap();
        assert_eq!(targets, [0, 1, 3, 2, 2, 1, 0]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let rows = df!("key" => [1i64], "other" => ["x"]).unwrap();
        let options = SortMultipleOptions::default;
        let kind = |range: &RangePartitioning| range_targets(&rows, range).unwrap_err().kind();
        let unset = RangePartitioning { by: vec!["key".into()], options: options(), splitters: Arc::default() };
        assert_eq!(kind(&unset), ErrorKind::Internal);
        assert_eq!(kind(&range(&["key"], options(), df!("key" => [1i32]).unwrap())), ErrorKind::SchemaMismatch);
        assert_eq!(kind(&range(&["no"], options(), df!("no" => [1i32]).unwrap())), ErrorKind::InvalidQuery);
        let three = options().with_order_descending_multi([true, false, true]);
        assert_eq!(kind(&range(&["key", "other"], three, rows.clone())), ErrorKind::InvalidQuery);
    }

    proptest! {
        #[test]
        fn several_columns_follow_the_order_of_polars(
            rows in proptest::collection::vec((proptest::option::of(-3i64..3), proptest::option::of("[a-c]{0,2}"), 0u8..3), 1..60),
            splitters in 0usize..6,
            descending in proptest::array::uniform3(any::<bool>()),
            nulls_last in proptest::array::uniform3(any::<bool>()),
        ) {
            let rows = df!(
                "a" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
                "b" => rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>(),
                "c" => rows.iter().map(|row| [f64::NAN, -0.0, 1.5][row.2 as usize]).collect::<Vec<_>>(),
            ).unwrap();
            let by = ["c", "b", "a"];
            let options = SortMultipleOptions::default()
                .with_order_descending_multi(descending)
                .with_nulls_last_multi(nulls_last)
                .with_multithreaded(false);
            let splitters = rows.head(Some(splitters)).sort(by, options.clone()).unwrap();
            let range = range(&by, options, splitters);
            prop_assert_eq!(range_targets(&rows, &range).unwrap(), naive(&rows, &range));
        }
    }
}

//! Approximate quantiles and numbers of distinct values, on every setting.

use quokka::prelude::*;
use quokka::{approximate_quantile, approximate_quantiles};

use crate::support::{context, setting, settings};

const ROWS: i64 = 6000;

fn frame() -> DataFrame {
    let values: Vec<i64> = (0..ROWS).map(|row| row * 7919 % ROWS).collect();
    let days: Vec<i32> = values.iter().map(|value| (value / 4) as i32).collect();
    let mut frame = df!(
        "key" => (0..ROWS).map(|row| row % 2).collect::<Vec<_>>(),
        "value" => &values,
        "real" => values.iter().map(|value| (value % 10 > 0).then(|| *value as f64 / 100.0)).collect::<Vec<_>>(),
        "day" => days,
        "price" => &values,
    )
    .unwrap();
    for (name, dtype) in [("day", DataType::Date), ("price", DataType::Decimal(12, 2))] {
        let column = frame.column(name).unwrap().cast(&dtype).unwrap();
        frame.with_column(column).unwrap();
    }
    frame
}

#[test]
fn quantiles_of_a_stream() {
    let frame = frame();
    let at = [0.5, 0.0, 0.99, 1.0];
    for index in 0..settings() {
        let (name, context) = setting(index);
        let stream = context.from_df(frame.clone());
        let stream = stream.approximate_quantile(cols(["value", "real", "day", "price"]), at);
        let schema = stream.schema().unwrap();
        let result = stream.collect().unwrap();
        assert_eq!(schema.as_ref(), result.schema().as_ref(), "{name}");
        assert_eq!(result.column("quantile").unwrap().f64().unwrap().to_vec(), at.map(Some));
        for (column, scale) in [("value", 1.0), ("real", 100.0), ("day", 4.0), ("price", 1.0)] {
            let values = result.column(column).unwrap().to_physical_repr().cast(&DataType::Float64).unwrap();
            let scale = if column == "price" { 0.01 } else { scale };
            for (at, value) in at.iter().zip(values.f64().unwrap().iter()) {
                let error = (value.unwrap() * scale / ROWS as f64 - at).abs();
                assert!(error <= 0.0101, "{name}: {column} at {at} is off by {error}");
            }
        }
    }
}

#[test]
fn quantiles_of_groups_beside_other_aggregates() {
    let frame = frame();
    for index in 0..settings() {
        let (name, context) = setting(index);
        let aggs = [
            col("value").approximate_median().alias("median"),
            approximate_quantile(col("value"), 0.9, QuantileOptions::default().rank_error(0.005)).alias("high"),
            approximate_quantiles(col("price"), &[0.25, 0.75], QuantileOptions::default()).alias("quartiles"),
            col("value").approx_n_unique().alias("distinct"),
            len(),
        ];
        let stream = context.from_df(frame.clone()).group_by([col("key")]).agg(aggs);
        let result = stream.filter(col("median").gt(lit(0))).sort(["key"], Default::default()).collect().unwrap();
        assert_eq!(result.height(), 2, "{name}");
        let close = |value: i64, share: f64, bound: f64| {
            let error = (value as f64 / ROWS as f64 - share).abs();
            assert!(error <= bound, "{name}: off by {error}");
        };
        for row in 0..2 {
            close(result.column("median").unwrap().i64().unwrap().get(row).unwrap(), 0.5, 0.0101);
            close(result.column("high").unwrap().i64().unwrap().get(row).unwrap(), 0.9, 0.0051);
            let quartiles = result.column("quartiles").unwrap();
            assert_eq!(quartiles.dtype(), &DataType::List(Box::new(DataType::Decimal(12, 2))));
            let quartiles = quartiles.cast(&DataType::List(Box::new(DataType::Int64))).unwrap();
            let quartiles = quartiles.list().unwrap().get_as_series(row).unwrap();
            close(quartiles.i64().unwrap().get(0).unwrap(), 0.25, 0.0101);
            close(quartiles.i64().unwrap().get(1).unwrap(), 0.75, 0.0101);
            let distinct = result.column("distinct").unwrap().u32().unwrap().get(row).unwrap();
            assert!((f64::from(distinct) / (ROWS / 2) as f64 - 1.0).abs() < 0.033, "{name}: {distinct}");
        }
    }
}

#[test]
fn distinct_counts_are_the_same_however_a_query_runs() {
    let frame = frame();
    let mut first = None;
    for index in 0..settings() {
        let (name, context) = setting(index);
        let result = context.from_df(frame.clone()).approx_n_unique(all()).collect().unwrap();
        assert_eq!(first.get_or_insert(result.clone()), &result, "{name}");
    }
    let first = first.unwrap();
    for (name, distinct) in [("key", 2.0), ("value", 6000.0), ("real", 5401.0), ("day", 1500.0)] {
        let estimate = first.column(name).unwrap().u32().unwrap().get(0).unwrap();
        assert!((f64::from(estimate) / distinct - 1.0).abs() < 0.033, "{name}: {estimate}");
    }
}

#[test]
fn distinct_counts_are_the_same_whatever_else_is_asked_for() {
    let frame = frame();
    let mut first = None;
    for index in 0..settings() {
        let (name, context) = setting(index);
        let counts = |more: &[Expr]| {
            let mut aggs = vec![
                col("value").approx_n_unique(),
                col("real").filter(col("value").lt(lit(4000i64))).approx_n_unique().alias("some"),
                col("price").filter(col("value").is_not_null()).approx_n_unique().alias("all"),
            ];
            aggs.extend_from_slice(more);
            let groups = context.from_df(frame.clone()).group_by([col("key")]).agg(aggs);
            let columns = ["key", "value", "some", "all"].map(col);
            groups.select(columns).sort(["key"], Default::default()).collect().unwrap()
        };
        let alone = counts(&[]);
        assert_eq!(first.get_or_insert(alone.clone()), &alone, "{name}");
        assert_eq!(counts(&[col("value").median().alias("median")]), alone, "{name}");
    }
    let some = first.unwrap().column("some").unwrap().u32().unwrap().to_vec();
    // Of the even numbers each fifth is null.
    for (count, exact) in some.into_iter().zip([1601.0, 2000.0]) {
        assert!((f64::from(count.unwrap()) / exact - 1.0).abs() < 0.033, "{count:?}");
    }
}

#[test]
fn no_rows() {
    let frame = frame().slice(0, 0);
    let stream = context().from_df(frame);
    let quantiles = stream.clone().approximate_quantile(cols(["value", "price"]), [0.1, 0.2]).collect().unwrap();
    assert_eq!(quantiles.height(), 2);
    assert_eq!(quantiles.column("value").unwrap().null_count(), 2);
    assert_eq!(quantiles.column("price").unwrap().dtype(), &DataType::Decimal(12, 2));
    let median = stream.clone().approximate_median(cols(["day"])).collect().unwrap();
    assert_eq!((median.height(), median.column("day").unwrap().null_count()), (1, 1));
    let distinct = stream.clone().approx_n_unique(cols(["value"])).collect().unwrap();
    assert_eq!(distinct, df!("value" => [0u32]).unwrap());
    let groups = stream.group_by([col("key")]).agg([col("value").approximate_median()]).collect().unwrap();
    assert_eq!(groups.height(), 0);
}

#[test]
fn what_is_refused() {
    let stream = || context().from_df(df!("text" => ["x"], "quantile" => [1], "n" => [1]).unwrap());
    let refused = |stream: DataStream, reason: &str| {
        let error = stream.collect().unwrap_err().report().to_string();
        assert!(error.contains(reason), "{error}");
    };
    refused(stream().approximate_quantile(cols(["text"]), [0.5]), "not `str`");
    refused(stream().approximate_quantile(cols(["n"]), [-0.5]), "from 0 to 1");
    refused(stream().approximate_quantile(cols(["n"]), []), "at least one");
    refused(stream().approximate_quantile(cols(["quantile"]), [0.5]), "`quantile`");
    refused(stream().approximate_median(cols(["missing"])), "missing");
    let options = QuantileOptions::default().rank_error(f64::NAN);
    refused(stream().approximate_quantile_with(cols(["n"]), [0.5], options), "rank error");
}

#[test]
fn windows_and_whole_frames() {
    let stream = context().from_df(df!("k" => [1, 1, 2], "v" => [1, 3, 7]).unwrap());
    let windows =
        stream.clone().select([col("v"), col("v").approximate_quantile(1.0).over([col("k")]).unwrap().alias("most")]);
    let windows = windows.sort(["v"], Default::default()).collect().unwrap();
    assert_eq!(windows, df!("v" => [1, 3, 7], "most" => [3, 3, 7]).unwrap());
    let beside = stream.select([col("v"), col("v").approximate_median().alias("median")]);
    let beside = beside.sort(["v"], Default::default()).collect().unwrap();
    assert_eq!(beside, df!("v" => [1, 3, 7], "median" => [3, 3, 3]).unwrap());
}

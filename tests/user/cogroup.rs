//! Groups of two streams, side by side.

use polars_lazy::frame::{IntoLazy, LazyFrame};
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Rows, check, context, numbers, orders};

fn counts(key: DataType) -> Schema {
    let fields = [("key", key), ("left", DataType::UInt32), ("right", DataType::UInt32), ("sum", DataType::Int64)];
    fields.into_iter().map(|(name, dtype)| Field::new(name.into(), dtype)).collect()
}

/// The key, how many rows each side has, and the sum of `value` over both.
fn count(keys: DataFrame, left: DataFrame, right: DataFrame) -> Result<DataFrame, UserError> {
    assert_eq!(keys.shape(), (1, 1));
    assert_eq!(left.get_column_names(), ["id", "key", "value", "text", "flag", "real"]);
    assert_eq!(right.get_column_names(), ["key", "name", "value"]);
    let sum = |frame: &DataFrame| -> Result<i64, UserError> {
        Ok(frame.column("value")?.i32()?.iter().flatten().map(i64::from).sum())
    };
    let key = keys.columns()[0].clone().with_name("key".into());
    let made = df!(
        "left" => [left.height() as u32], "right" => [right.height() as u32], "sum" => [sum(&left)? + sum(&right)?]
    )?;
    Ok(DataFrame::new(1, [vec![key], made.columns().to_vec()].concat())?)
}

/// The same by a union.
fn oracle(left: LazyFrame, right: LazyFrame, left_key: Expr, right_key: Expr) -> LazyFrame {
    let side = |frame: LazyFrame, key: Expr, of: [u32; 2]| {
        let of = [("left", of[0]), ("right", of[1])];
        let of = of.map(|(name, rows)| lit(rows).cast(DataType::UInt32).alias(name));
        frame.select([vec![key.alias("key"), col("value").cast(DataType::Int64).alias("sum")], of.to_vec()].concat())
    };
    let left = side(left, left_key, [1, 0]).collect().unwrap();
    let both = left.vstack(&side(right, right_key, [0, 1]).collect().unwrap()).unwrap();
    both.lazy().group_by([col("key")]).agg([col("left").sum(), col("right").sum(), col("sum").sum()])
}

#[test]
fn each_key_once_with_all_its_rows() {
    let query = |[left, right]: [DataStream; 2]| {
        left.cogroup(right, [col("key")], [col("key")], counts(DataType::Int64), count)
    };
    check([&numbers(), &orders()], Rows::AnyOrder, query, |[left, right]| oracle(left, right, col("key"), col("key")));
    let none = orders().clear();
    check([&numbers(), &none], Rows::AnyOrder, query, |[left, right]| oracle(left, right, col("key"), col("key")));
    let none = numbers().clear();
    check([&none, &orders()], Rows::AnyOrder, query, |[left, right]| oracle(left, right, col("key"), col("key")));
    check([&none, &orders().clear()], Rows::AnyOrder, query, |[left, right]| {
        oracle(left, right, col("key"), col("key"))
    });
}

#[test]
fn keys_of_other_types_and_expressions() {
    let query = |[left, right]: [DataStream; 2]| {
        let left_on = [col("id") % lit(7i64)];
        left.cogroup(right, left_on, [col("value").abs() % lit(9)], counts(DataType::Int64), count)
    };
    check([&numbers(), &orders()], Rows::AnyOrder, query, |[left, right]| {
        let right_key = (col("value").abs() % lit(9)).cast(DataType::Int64);
        oracle(left, right, col("id") % lit(7i64), right_key)
    });
}

#[test]
fn floats_and_texts_are_keys_as_in_group_by() {
    let left =
        df!("k" => [Some(0.0), Some(-0.0), Some(f64::NAN), None], "s" => [Some("a"), Some("a"), None, Some("b")])
            .unwrap();
    let right = df!("k" => [Some(-f64::NAN), None, Some(0.0)], "s" => [None, Some("b"), Some("c")]).unwrap();
    let schema = || Schema::from_iter(["left", "right"].map(|name| Field::new(name.into(), DataType::UInt32)));
    let function = |_, left: DataFrame, right: DataFrame| df!("left" => [left.height() as u32], "right" => [right.height() as u32]);
    let query = |[left, right]: [DataStream; 2]| {
        left.cogroup(right, [col("k"), col("s")], [col("k"), col("s")], schema(), function)
    };
    let expected = df!("left" => [2u32, 1, 1, 0], "right" => [0u32, 1, 1, 1]).unwrap();
    crate::support::check_against([&left, &right], Rows::AnyOrder, query, &expected);
}

#[test]
fn a_group_larger_than_a_batch_and_results_of_any_size() {
    // Every pair of rows.
    let schema = || Schema::from_iter(["id", "other"].map(|name| Field::new(name.into(), DataType::Int64)));
    let query = |[left, right]: [DataStream; 2]| {
        let right = right.select([col("id").alias("other"), col("key")]);
        left.cogroup(right, [col("key")], [col("key")], schema(), |_, left, right| -> Result<DataFrame, UserError> {
            let (left, right) = (left.column("id")?.i64()?, right.column("other")?.i64()?);
            let pairs = left.iter().flatten().flat_map(|l| right.iter().flatten().map(move |r| (l, r)));
            let (left, right): (Vec<i64>, Vec<i64>) = pairs.unzip();
            Ok(df!("id" => left, "other" => right)?)
        })
    };
    check([&numbers(), &numbers()], Rows::AnyOrder, query, |[left, right]| {
        let right = right.select([col("id").alias("other"), col("key")]);
        let args = JoinArgs { nulls_equal: true, ..JoinArgs::new(JoinType::Inner) };
        left.join(right, [col("key")], [col("key")], args).select([col("id"), col("other")])
    });
}

#[test]
fn arguments_that_do_not_fit_and_functions_that_fail() {
    let context = Context::builder().workers(2).build().unwrap();
    let cogroup = |left: &[Expr],
                   right: &[Expr],
                   function: fn(DataFrame, DataFrame, DataFrame) -> Result<DataFrame, UserError>| {
        let (one, other) = (context.from_df(numbers()), context.from_df(orders()));
        one.cogroup(other, left, right, counts(DataType::Int64), function).collect().unwrap_err()
    };
    let report = cogroup(&[], &[], count).report();
    assert!(report.contains("0 left and 0 right keys"), "{report}");
    let report = cogroup(&[col("key")], &[col("name")], count).report();
    assert!(report.contains("must be i64 as its left key"), "{report}");
    let error = cogroup(&[col("key")], &[col("key")], |_, _, _| Err("no".into()));
    assert_eq!(error.kind(), ErrorKind::User);
    assert!(error.report().contains("`cogroup`") && error.report().ends_with(": no"), "{}", error.report());
    let error = cogroup(&[col("key")], &[col("key")], |_, _, _| panic!("no"));
    assert_eq!(error.kind(), ErrorKind::Panic);
    let error = cogroup(&[col("key")], &[col("key")], |keys, _, _| Ok(keys));
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.report().contains("column `left` (u32) is missing"), "{}", error.report());
}

#[test]
fn explain_shows_a_cogroup() {
    let (one, other) = (context().from_df(numbers()), context().from_df(orders()));
    let plan = one.cogroup(other, [col("key")], [col("key")], counts(DataType::Int64), count).explain().unwrap();
    assert!(plan.contains("cogroup columns=[key, left, right, sum] inputs=[by key; by key]"), "{plan}");
}

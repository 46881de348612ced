//! `fill_null`, `fill_nan`, `drop_nulls`, `drop_nans`.

use quokka::prelude::*;

use super::check_tables;
use crate::support::{Rows, check, check_against, chunked, context};

fn numbers_only() -> DataFrame {
    let real = |row: i32| match row % 5 {
        0 => None,
        1 => Some(f64::NAN),
        _ => Some(f64::from(row) / 2.0),
    };
    let frame = df!(
        "a" => (0..40).map(|row| (row % 3 == 1 || row % 7 == 2).then_some(row * 5 % 17)).collect::<Vec<_>>(),
        "b" => (0..40).map(real).collect::<Vec<_>>(),
        "c" => (0..40).map(|row| (row > 3).then_some(i64::from(row))).collect::<Vec<_>>(),
    );
    chunked(&frame.unwrap(), 6)
}

#[test]
fn nulls_are_filled_by_strategies() {
    use FillNullStrategy::{Backward, Forward, Max, Mean, Min, One, Zero};
    let frame = numbers_only();
    for table in [frame.clone(), frame.head(Some(1)), frame.clear(), frame.slice(0, 3)] {
        for strategy in [Forward(None), Forward(Some(1)), Backward(None), Backward(Some(2)), Min, Max, Mean, Zero, One]
        {
            check(
                [&table],
                Rows::Ordered,
                |[t]| t.sort(["c"], Default::default()).fill_null_with_strategy(strategy),
                |[t]| t.sort(["c"], Default::default()).select([all().as_expr().fill_null_with_strategy(strategy)]),
            );
        }
    }
    let strategy = Forward(None);
    check_tables(
        Rows::Ordered,
        |t| t.fill_null_with_strategy(strategy).reverse(),
        |t| t.select([all().as_expr().fill_null_with_strategy(strategy)]).reverse(),
    );
}

#[test]
fn a_mean_can_be_joined_to_the_rows() {
    let filled = |t: DataStream| {
        let mean = t.clone().select([col("c").mean().alias("mean")]);
        let both = t.cross_join(mean, None).with_columns([col("c").fill_null(col("mean"))]);
        both.select([col("a"), col("b"), col("c")])
    };
    let frame = numbers_only();
    for table in [frame.clone(), frame.head(Some(1)), frame.clear()] {
        check([&table], Rows::AnyOrder, |[t]| filled(t), |[t]| t.with_columns([col("c").fill_null(col("c").mean())]));
    }
    let context = context();
    let plan = filled(context.from_df(frame.clone())).explain().unwrap();
    assert!(!plan.contains("needs all rows"), "{plan}");
    let strategy = context.from_df(frame).fill_null_with_strategy(FillNullStrategy::Mean).explain().unwrap();
    assert!(strategy.contains("needs all rows"), "{strategy}");
}

#[test]
fn nulls_are_filled_by_values() {
    check_tables(Rows::AnyOrder, |t| t.fill_null(lit(3)), |t| t.fill_null(lit(3)));
    check_tables(
        Rows::AnyOrder,
        |t| t.select([col("key"), col("value")]).fill_null(col("value") + lit(1)),
        |t| t.select([col("key"), col("value")]).fill_null(col("value") + lit(1)),
    );
    check([&numbers_only()], Rows::AnyOrder, |[t]| t.fill_nan(lit(0.5)), |[t]| t.fill_nan(lit(0.5)));
    check([&numbers_only()], Rows::AnyOrder, |[t]| t.fill_nan(lit(NULL)), |[t]| t.fill_nan(lit(NULL)));
}

#[test]
fn rows_with_missing_values_are_dropped() {
    for subset in [None, Some(cols(["value"])), Some(cols(["key", "flag"]))] {
        let other = subset.clone();
        check_tables(Rows::AnyOrder, |t| t.drop_nulls(subset.clone()), |t| t.drop_nulls(other.clone()));
    }
    let frame = numbers_only();
    for subset in [None, Some(cols(["b"])), Some(cols(["a", "b"]))] {
        for table in [frame.clone(), frame.clear(), frame.head(Some(2))] {
            let theirs = subset.clone().filter(|_| subset != Some(cols(["a", "b"])));
            check([&table], Rows::AnyOrder, |[t]| t.drop_nans(subset.clone()), |[t]| t.drop_nans(theirs.clone()));
        }
    }
    // No column can be NaN.
    let texts = df!("t" => ["x", "y"]).unwrap();
    check_against([&texts], Rows::AnyOrder, |[t]| t.drop_nans(None), &texts);
    let error = context().from_df(texts).drop_nans(Some(cols(["t"]))).collect().unwrap_err();
    assert!(error.report().contains("is_nan"), "{}", error.report());
}

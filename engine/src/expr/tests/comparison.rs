use polars_core::prelude::*;

use super::{col, mixed};
use crate::expr::prelude::*;
use crate::expr::{Comparison, Test, comparisons};

fn of(expr: Expr) -> Vec<Comparison> {
    comparisons(&expr, mixed(1).schema())
}

fn is(column: &str, test: Test) -> Comparison {
    Comparison { column: column.into(), test }
}

#[test]
fn comparisons_with_constants_are_found() {
    let five = || Scalar::from(5i64);
    assert_eq!(of(col("i").eq(lit(5))), [is("i", Test::Eq(five()))]);
    assert_eq!(of(col("i").neq(lit(5))), [is("i", Test::NotEq(five()))]);
    assert_eq!(of(col("i").lt(lit(5))), [is("i", Test::Lt(five()))]);
    assert_eq!(of(lit(5).lt(col("i"))), [is("i", Test::Gt(five()))]);
    assert_eq!(of(lit(5).lt_eq(col("i"))), [is("i", Test::GtEq(five()))]);
    assert_eq!(of(col("i").gt_eq(lit(2) + lit(3))), [is("i", Test::GtEq(five()))]);
    assert_eq!(of(col("s").eq(lit("x"))), [is("s", Test::Eq(Scalar::from(PlSmallStr::from_static("x"))))]);
    assert_eq!(of(col("small").gt(typed_lit(3i64))), [is("small", Test::Gt(Scalar::from(3i32)))]);
    assert_eq!(of(col("f").gt(lit(1))), [is("f", Test::Gt(Scalar::from(1.0)))]);
    let day = Scalar::new(DataType::Date, AnyValue::Date(9000));
    assert_eq!(of(col("day").lt_eq(lit(day.clone()))), [is("day", Test::LtEq(day))]);
}

#[test]
fn parts_of_a_conjunction_are_found() {
    let found = of(col("i")
        .gt(lit(1))
        .and(col("s").str().contains(lit("x"), true))
        .and(col("b").or(col("i").eq(lit(2))))
        .and(col("f").is_not_null()));
    assert_eq!(found, [is("i", Test::Gt(Scalar::from(1i64))), is("f", Test::IsNotNull)]);
    let between = |closed| of(col("i").is_between(lit(1), lit(5), closed));
    let (one, five) = (Scalar::from(1i64), Scalar::from(5i64));
    assert_eq!(between(ClosedInterval::Both), [is("i", Test::GtEq(one.clone())), is("i", Test::LtEq(five.clone()))]);
    assert_eq!(between(ClosedInterval::Right), [is("i", Test::Gt(one)), is("i", Test::LtEq(five))]);
}

#[test]
fn nulls_and_lists_are_found() {
    assert_eq!(of(col("s").is_null()), [is("s", Test::IsNull)]);
    assert_eq!(of(col("s").is_null().not()), [is("s", Test::IsNotNull)]);
    assert_eq!(of(col("i").gt(lit(5)).not()), [is("i", Test::LtEq(Scalar::from(5i64)))]);
    let list = Series::new("".into(), [Some(1i64), None, Some(3)]);
    let values = Series::new("".into(), [1i64, 3]);
    for haystack in [lit(list.clone()), lit(list.clone()).implode(true)] {
        assert_eq!(of(col("i").is_in(haystack, false)), [is("i", Test::In(values.clone()))]);
    }
    assert_eq!(of(col("i").is_in(lit(list).implode(true), true)), []);
}

#[test]
fn anything_else_is_left_out() {
    for expr in [
        col("i").eq_missing(lit(NULL)).and(col("b")),
        col("i").eq(lit(NULL)),
        col("i").gt(lit(2.5)),
        col("i").gt(col("small")),
        (col("i") + lit(1)).gt(lit(5)),
        col("i").gt(lit(1)).or(col("i").lt(lit(0))),
        col("i").gt(lit(1)).and(col("f").gt(lit(0))).not(),
        col("i").neq_missing(lit(3)),
        col("nope").gt(lit(3)),
        col("s").gt(lit(3)),
        col("i").gt(col("i").max()),
        col("b"),
    ] {
        let found = of(expr.clone());
        assert!(found.iter().all(|comparison| comparison.test == Test::IsNull), "{expr}: {found:?}");
    }
}

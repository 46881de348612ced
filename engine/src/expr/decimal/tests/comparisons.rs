use polars_core::prelude::*;
use polars_plan::dsl::{Expr, Operator, binary_expr};
use proptest::prelude::*;

use super::big::Big;
use super::{col, decimals, evaluate, frame, literal, named, two_columns};
use crate::expr::prelude::{ClosedInterval, lit, typed_lit};
use crate::expr::{Comparison, Test, comparisons};

const OPERATORS: [Operator; 8] = [
    Operator::Eq,
    Operator::NotEq,
    Operator::Lt,
    Operator::LtEq,
    Operator::Gt,
    Operator::GtEq,
    Operator::EqValidity,
    Operator::NotEqValidity,
];

fn holds(op: Operator, left: Option<i128>, ls: usize, right: Option<i128>, rs: usize) -> Option<bool> {
    let (Some(left), Some(right)) = (left, right) else {
        return match op {
            Operator::EqValidity => Some(left == right),
            Operator::NotEqValidity => Some(left != right),
            _ => None,
        };
    };
    let ordering = Big::from(left).shift(rs).compare(&Big::from(right).shift(ls));
    Some(match op {
        Operator::Eq | Operator::EqValidity => ordering.is_eq(),
        Operator::NotEq | Operator::NotEqValidity => ordering.is_ne(),
        Operator::Lt => ordering.is_lt(),
        Operator::LtEq => ordering.is_le(),
        Operator::Gt => ordering.is_gt(),
        _ => ordering.is_ge(),
    })
}

fn booleans(column: &Column) -> Vec<Option<bool>> {
    column.as_materialized_series().bool().unwrap().iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn comparisons_are_exact([left, right] in two_columns(), op in prop::sample::select(OPERATORS.to_vec())) {
        let frame = frame(vec![named("a", &left), named("b", &right)]);
        let rows = left.1.iter().zip(&right.1);
        let expected: Vec<_> = rows.map(|(l, r)| holds(op, *l, left.0.scale, *r, right.0.scale)).collect();
        let actual = evaluate(&frame, binary_expr(col("a"), op, col("b"))).unwrap();
        prop_assert_eq!(booleans(&actual), expected);
    }

    #[test]
    fn comparisons_with_literals_are_exact([left, right] in two_columns(), op in prop::sample::select(OPERATORS.to_vec()), flip: bool) {
        let frame = frame(vec![named("a", &left)]);
        let Some(value) = right.1.iter().flatten().next().copied() else { return Ok(()) };
        let (l, r) = (left.0.scale, right.0.scale);
        let constant = literal(value, right.0.precision, r);
        let (expr, expected) = if flip {
            let expected: Vec<_> = left.1.iter().map(|row| holds(op, Some(value), r, *row, l)).collect();
            (binary_expr(constant, op, col("a")), expected)
        } else {
            let expected: Vec<_> = left.1.iter().map(|row| holds(op, *row, l, Some(value), r)).collect();
            (binary_expr(col("a"), op, constant), expected)
        };
        prop_assert_eq!(booleans(&evaluate(&frame, expr).unwrap()), expected);
    }

    #[test]
    fn intervals_are_those_of_two_comparisons([left, right] in two_columns(), at in 0usize..12, closed in 0usize..4) {
        let frame = frame(vec![named("a", &left), named("b", &right)]);
        let low = right.1.get(at).copied().flatten().map_or(0, |value| value / 3);
        let low = literal(low, right.0.precision, right.0.scale);
        let (closed, from, to) = [
            (ClosedInterval::Both, Operator::GtEq, Operator::LtEq),
            (ClosedInterval::Left, Operator::GtEq, Operator::Lt),
            (ClosedInterval::Right, Operator::Gt, Operator::LtEq),
            (ClosedInterval::None, Operator::Gt, Operator::Lt),
        ][closed];
        for high in [col("b"), lit(7), lit(0.25)] {
            let between = col("a").is_between(low.clone(), high.clone(), closed);
            let two = binary_expr(col("a"), from, low.clone()).and(binary_expr(col("a"), to, high));
            prop_assert_eq!(booleans(&evaluate(&frame, between).unwrap()), booleans(&evaluate(&frame, two).unwrap()));
        }
    }
}

#[test]
fn float_literals_stand_for_the_decimal_that_is_written() {
    let frame = frame(vec![decimals("d", &[Some(4), Some(5), Some(6), Some(7), None], 15, 2)]);
    let values = |expr: Expr| booleans(&evaluate(&frame, expr).unwrap());
    let no = Some(false);
    let yes = Some(true);
    assert_eq!(values(col("d").gt_eq(lit(0.05))), [no, yes, yes, yes, None]);
    assert_eq!(values(col("d").lt(lit(0.06))), [yes, yes, no, no, None]);
    assert_eq!(values(col("d").is_between(lit(0.05), lit(0.07), ClosedInterval::Both)), [no, yes, yes, yes, None]);
    assert_eq!(values(col("d").eq(lit(0.07))), [no, no, no, yes, None]);
    assert_eq!(values(lit(0.055).lt(col("d"))), [no, no, yes, yes, None]);
    assert_eq!(values(col("d").eq(lit(0.055))), [no, no, no, no, None]);
    assert_eq!(values(col("d").neq_missing(lit(0.055))), [yes; 5]);
    assert_eq!(values(col("d").lt(lit(1e30))), [yes, yes, yes, yes, None]);
    assert_eq!(values(col("d").gt(lit(-1e40))), [yes, yes, yes, yes, None]);
    assert_eq!(values(col("d").gt(lit(1e-30))), [yes, yes, yes, yes, None]);
    assert_eq!(values(col("d").lt(lit(-1e-30))), [no, no, no, no, None]);
    assert_eq!(values(col("d").lt(lit(f64::INFINITY))), [yes, yes, yes, yes, None]);
    assert_eq!(values(col("d").gt_eq(typed_lit(0.05f32))), [no, yes, yes, yes, None]);
    assert_eq!(values(col("d").gt(lit(0.1 + 0.2 - 0.25))), [no, no, yes, yes, None]);
}

#[test]
fn decimals_are_compared_with_integers() {
    let frame = frame(vec![
        decimals("d", &[Some(299), Some(300), Some(301), None], 38, 2),
        Column::new("i".into(), [Some(3i64), Some(3), None, Some(1)]),
    ]);
    let values = |expr: Expr| booleans(&evaluate(&frame, expr).unwrap());
    assert_eq!(values(col("d").lt(lit(3))), [Some(true), Some(false), Some(false), None]);
    assert_eq!(values(col("d").eq(col("i"))), [Some(false), Some(true), None, None]);
    assert_eq!(values(col("i").gt(col("d"))), [Some(true), Some(false), None, None]);
    assert_eq!(values(col("i").lt_eq(literal(25, 2, 1))), [Some(false), Some(false), None, Some(true)]);
    assert_eq!(values(col("d").gt(lit(i64::MAX))), [Some(false), Some(false), Some(false), None]);
    assert_eq!(
        values(col("i").is_between(col("d"), lit(5), ClosedInterval::Both)),
        [Some(true), Some(true), None, None]
    );
}

#[test]
fn membership_is_exact() {
    let frame = frame(vec![decimals("d", &[Some(5), Some(70), Some(300), None], 15, 2)]);
    let values = |haystack: Series, nulls| {
        let haystack = lit(haystack).implode(true);
        booleans(&evaluate(&frame, col("d").is_in(haystack, nulls)).unwrap())
    };
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(values(Series::new("".into(), [0.05, 0.7, 0.055]), false), [yes, yes, no, None]);
    assert_eq!(values(Series::new("".into(), [3i64, 1]), false), [no, no, yes, None]);
    let fine = decimals("x", &[Some(50_000), Some(50_001), None], 20, 6).take_materialized_series();
    assert_eq!(values(fine.clone(), false), [yes, no, no, None]);
    assert_eq!(values(fine, true), [yes, no, no, yes]);
    let coarse = decimals("x", &[Some(3)], 3, 0).take_materialized_series();
    assert_eq!(values(coarse, false), [no, no, yes, None]);
}

#[test]
fn readers_see_comparisons_of_decimals() {
    let schema = Schema::from_iter([Field::new("d".into(), DataType::Decimal(15, 2))]);
    let scalar = |value| Scalar::new(DataType::Decimal(15, 2), AnyValue::Decimal(value, 15, 2));
    let of = |expr: Expr| comparisons(&expr, &schema);
    let is = |test| Comparison { column: "d".into(), test };
    assert_eq!(of(col("d").gt_eq(lit(0.05))), [is(Test::GtEq(scalar(5)))]);
    assert_eq!(of(lit(24).gt(col("d"))), [is(Test::Lt(scalar(2400)))]);
    assert_eq!(
        of(col("d").is_between(lit(0.05), lit(0.075), ClosedInterval::Both)),
        [is(Test::GtEq(scalar(5))), is(Test::LtEq(scalar(7)))]
    );
    let members = of(col("d").is_in(lit(Series::new("".into(), [1i64, 2])).implode(true), false));
    let [Comparison { test: Test::In(values), .. }] = members.as_slice() else { panic!("{members:?}") };
    assert_eq!(values.dtype(), &DataType::Decimal(15, 2));
    assert_eq!(of(col("d").gt(col("d") * lit(2))), []);
}

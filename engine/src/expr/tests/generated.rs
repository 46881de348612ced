//! Random expressions, evaluated here and by Polars.

use polars_plan::dsl::Expr;
use proptest::prelude::*;

use super::{col, lazy, mixed, select};
use crate::expr::prelude::{lit, when};
use crate::expr::{conjunction, split_conjunction};

fn number() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        prop_oneof![Just("i"), Just("small"), Just("f")].prop_map(col),
        (-5i64..5).prop_map(lit),
        (-2.0f64..2.0).prop_map(lit),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(left, right)| left + right),
            pair.clone().prop_map(|(left, right)| left - right),
            pair.clone().prop_map(|(left, right)| left * right),
            pair.clone().prop_map(|(left, right)| left / right),
            pair.clone().prop_map(|(left, right)| left.fill_null(right)),
            (pair.clone(), pair).prop_map(|((a, b), (left, right))| when(a.lt(b)).then(left).otherwise(right)),
        ]
    })
}

fn predicate() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (number(), number()).prop_map(|(left, right)| left.gt(right)),
        (number(), number()).prop_map(|(left, right)| left.eq_missing(right)),
        number().prop_map(Expr::is_null),
        Just(col("b")),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.and(right)),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left.or(right)),
            inner.prop_map(Expr::not),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_expressions_give_what_polars_gives(exprs in prop::collection::vec(number(), 1..4), rows in 0usize..20) {
        let frame = mixed(rows);
        let exprs: Vec<Expr> = exprs.into_iter().enumerate().map(|(at, expr)| expr.alias(at.to_string())).collect();
        let exprs = [vec![col("row")], exprs].concat();
        match (lazy(&frame).select(&exprs).collect(), select(&frame, &exprs)) {
            (Ok(expected), Ok(actual)) => prop_assert!(actual.equals_missing(&expected), "{actual}\n{expected}"),
            (Err(_), Err(_)) => {},
            // Polars gives one value for a literal with its nulls filled, and then does not know what to do with it.
            (Err(error), Ok(_)) if error.to_string().contains("length 1 doesn't match the DataFrame height") => {},
            (expected, actual) => prop_assert!(false, "{expected:?}\n{actual:?}"),
        }
    }

    #[test]
    fn the_parts_of_a_conjunction_filter_the_same_rows(predicate in predicate(), rows in 0usize..20) {
        let frame = mixed(rows);
        let Ok(expected) = lazy(&frame).filter(predicate.clone()).collect() else { return Ok(()) };
        let parts = split_conjunction(&predicate);
        let mut actual = frame.clone();
        for part in &parts {
            actual = crate::expr::Predicate::compile(part, frame.schema()).unwrap().filter(&actual).unwrap();
        }
        prop_assert!(actual.equals_missing(&expected), "{actual}\n{expected}");
        let joined = crate::expr::Predicate::compile(&conjunction(parts).unwrap(), frame.schema()).unwrap();
        prop_assert!(joined.filter(&frame).unwrap().equals_missing(&expected));
    }
}

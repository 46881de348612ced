use polars_core::prelude::*;
use polars_plan::dsl::Expr;
use proptest::prelude::*;

use super::big::Big;
use super::{DecimalType, col, decimals, evaluate, fit, frame, integers, named, two_columns};
use crate::error::ErrorKind;
use crate::expr::prelude::{coalesce, concat_list, lit, max_horizontal, min_horizontal, sum_horizontal, when};

type Choose = fn(Option<i128>, Option<i128>) -> Option<i128>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn values_of_two_types_meet_exactly([left, right] in two_columns()) {
        let frame = frame(vec![named("a", &left), named("b", &right)]);
        let scale = left.0.scale.max(right.0.scale);
        let at = |value: Option<i128>, from: usize| value.map(|value| fit(Big::from(value).shift(scale - from))).transpose();
        let rows: Vec<_> = left.1.iter().zip(&right.1).map(|(l, r)| (at(*l, left.0.scale), at(*r, right.0.scale))).collect();
        let overflows = rows.iter().any(|(l, r)| l.is_err() || r.is_err());
        let expected = |choose: Choose| {
            rows.iter().map(|(l, r)| choose(l.unwrap(), r.unwrap())).collect::<Vec<_>>()
        };
        let greater = |l: Option<i128>, r: Option<i128>| l.max(r);
        let smaller = |l: Option<i128>, r: Option<i128>| match (l, r) { (Some(l), Some(r)) => Some(l.min(r)), _ => l.or(r) };
        let cases: Vec<(Expr, Choose)> = vec![
            (coalesce(&[col("a"), col("b")]), |l, r| l.or(r)),
            (col("a").fill_null(col("b")), |l, r| l.or(r)),
            (when(col("a").is_null()).then(col("b")).otherwise(col("a")), |l, r| l.or(r)),
            (max_horizontal([col("a"), col("b")]).unwrap(), greater),
            (min_horizontal([col("a"), col("b")]).unwrap(), smaller),
        ];
        for (expr, choose) in cases {
            match evaluate(&frame, expr.clone()) {
                Ok(column) => {
                    prop_assert!(!overflows, "{expr}");
                    let (values, (precision, actual)) = integers(&column);
                    prop_assert_eq!(values, expected(choose), "{}", expr);
                    prop_assert_eq!(actual, scale);
                    let before = |dtype: DecimalType| dtype.precision - dtype.scale;
                    prop_assert_eq!(precision, (before(left.0).max(before(right.0)) + scale).min(38));
                },
                Err(error) => prop_assert!(overflows && error.kind() == ErrorKind::Overflow, "{expr}: {error:?}"),
            }
        }
    }
}

#[test]
fn integers_and_nulls_take_the_type_of_decimals() {
    let frame = frame(vec![
        decimals("d", &[Some(150), None, Some(-275)], 10, 2),
        Column::new("i".into(), [1i32, 2, 3]),
        Column::new("f".into(), [0.5, 1.5, 2.5]),
    ]);
    let values = |expr: Expr| integers(&evaluate(&frame, expr).unwrap());
    assert_eq!(values(col("d").fill_null(lit(0))), (vec![Some(150), Some(0), Some(-275)], (10, 2)));
    assert_eq!(values(coalesce(&[col("d"), col("i")])), (vec![Some(150), Some(200), Some(-275)], (12, 2)));
    assert_eq!(values(when(col("i").gt(lit(1))).then(col("d")).otherwise(lit(0))).0, [Some(0), None, Some(-275)]);
    assert_eq!(
        values(when(col("i").gt(lit(1))).then(col("d") * lit(2)).otherwise(lit(polars_plan::plans::NULL))).0,
        [None, None, Some(-550)]
    );
    assert_eq!(
        values(
            when(col("i").eq(lit(1)))
                .then(col("d"))
                .when(col("i").eq(lit(2)))
                .then(super::literal(12345, 5, 4))
                .otherwise(lit(7))
        )
        .0,
        [Some(15000), Some(12345), Some(70000)]
    );
    assert_eq!(
        values(col("d").clip(lit(-1), super::literal(12345, 5, 4))),
        (vec![Some(12345), None, Some(-10000)], (12, 4))
    );
    assert_eq!(values(sum_horizontal([col("d"), col("i")], true).unwrap()).0, [Some(250), Some(200), Some(25)]);
    let whole = super::frame(vec![decimals("w", &[None, Some(7)], 10, 0), Column::new("i".into(), [1i32, 2])]);
    let coalesced = integers(&evaluate(&whole, coalesce(&[col("w"), col("i")])).unwrap());
    assert_eq!(coalesced, (vec![Some(1), Some(7)], (10, 0)));
    let list = super::select(&frame, concat_list([col("d"), col("i")]).unwrap()).unwrap();
    assert_eq!(list.dtype(), &DataType::List(Box::new(DataType::Decimal(12, 2))));
    assert_eq!(values(col("d").shift_and_fill(lit(1), lit(9))).0, [Some(900), Some(150), None]);
    let floats = evaluate(&frame, col("d").fill_null(col("f"))).unwrap();
    assert_eq!(floats.f64().unwrap().iter().collect::<Vec<_>>(), [Some(1.5), Some(1.5), Some(-2.75)]);
}

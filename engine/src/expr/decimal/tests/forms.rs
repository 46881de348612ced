//! What is computed of 64-bit integers is what is computed of the same decimals with 38 digits.

use polars_core::prelude::*;
use polars_ops::series::ClosedInterval;
use polars_plan::dsl::{Expr, Operator, binary_expr};
use proptest::prelude::*;

use super::{DecimalType, col, column_of, evaluate, frame, integers, named};
use crate::expr::Projection;
use crate::expr::prelude::{coalesce, lit, min_horizontal, when};
use crate::physical::{NARROW_DIGITS, column_to_logical, is_narrow, to_logical, to_physical};

const ARITHMETIC: [Operator; 5] =
    [Operator::Plus, Operator::Minus, Operator::Multiply, Operator::RustDivide, Operator::Modulus];
const COMPARISONS: [Operator; 6] =
    [Operator::Eq, Operator::NotEq, Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq];

/// Three columns of one length.
fn columns() -> impl Strategy<Value = Vec<(DecimalType, Vec<Option<i128>>)>> {
    (0usize..9).prop_flat_map(|rows| {
        let narrow = column_of(rows).prop_map(|(dtype, values)| {
            let precision = dtype.precision.min(NARROW_DIGITS);
            let dtype = DecimalType { precision, scale: dtype.scale.min(precision).min(4) };
            let bound = 10i128.pow(precision as u32);
            (dtype, values.into_iter().map(|value| value.map(|value| value % bound)).collect())
        });
        prop::collection::vec(narrow, 3)
    })
}

/// An expression that yields decimals.
fn decimal() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "c"]).prop_map(col),
        1 => (-20i32..20).prop_map(|value| col("a") - lit(value)),
        1 => (-200i32..200).prop_map(|value| col("b") * lit(value)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let (left, right) = (inner.clone(), inner.clone());
        let comparison = (inner.clone(), prop::sample::select(COMPARISONS.to_vec()), inner.clone())
            .prop_map(|(left, op, right)| binary_expr(left, op, right));
        prop_oneof![
            4 => (left, prop::sample::select(ARITHMETIC.to_vec()), right)
                .prop_map(|(left, op, right)| binary_expr(left, op, right)),
            1 => inner.clone().prop_map(|inner| -inner),
            1 => (comparison, inner.clone(), inner.clone())
                .prop_map(|(predicate, truthy, falsy)| when(predicate).then(truthy).otherwise(falsy)),
            1 => (inner.clone(), inner.clone()).prop_map(|(left, right)| coalesce(&[left, right])),
            1 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left.fill_null(right)),
            1 => (inner.clone(), inner.clone()).prop_map(|(left, right)| min_horizontal([left, right]).unwrap()),
            1 => inner.clone().prop_map(|inner| inner.max()),
            1 => inner.clone().prop_map(|inner| inner.clone() - inner.first()),
            1 => inner.prop_map(|inner| inner.alias("x")),
        ]
    })
}

/// An expression that yields booleans or counts.
fn other() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (decimal(), prop::sample::select(COMPARISONS.to_vec()), decimal())
            .prop_map(|(left, op, right)| binary_expr(left, op, right)),
        (decimal(), prop::sample::select(COMPARISONS.to_vec()), -3000i32..3000)
            .prop_map(|(left, op, right)| binary_expr(left, op, lit(f64::from(right) / 100.0))),
        (decimal(), -300i32..300, decimal()).prop_map(|(needle, low, high)| needle.is_between(
            lit(low),
            high,
            ClosedInterval::Right
        )),
        (decimal(), prop::collection::vec(-300i64..300, 1..4))
            .prop_map(|(needle, values)| { needle.is_in(lit(Series::new("".into(), values)).implode(true), false) }),
        decimal().prop_map(|inner| inner.is_null()),
        decimal().prop_map(|inner| inner.count()),
        decimal().prop_map(|inner| inner.n_unique()),
    ]
}

fn wide(frame: &DataFrame) -> DataFrame {
    let columns = frame.columns().iter().map(|column| match column.dtype() {
        DataType::Decimal(_, scale) => column.cast(&DataType::Decimal(38, *scale)).unwrap(),
        _ => column.clone(),
    });
    DataFrame::new(frame.height(), columns.collect()).unwrap()
}

/// The only column of a batch, which may have either form whatever its type is.
fn any_form_to_logical(batch: &DataFrame, projection: &Projection) -> Column {
    let (_, dtype) = projection.schema().get_at_index(0).unwrap();
    column_to_logical(batch.columns()[0].clone(), dtype).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_form_of_decimals_changes_no_value(columns in columns(), expr in decimal()) {
        let frame = frame(["a", "b", "c"].iter().zip(&columns).map(|(name, column)| named(name, column)).collect());
        let projection = Projection::compile(&[expr.clone().alias("out")], frame.schema()).unwrap();
        let adaptive = Projection::compile_adaptive(&[expr.clone().alias("out")], 0..1, frame.schema()).unwrap();
        prop_assert_eq!(projection.schema(), adaptive.schema());
        let batch = to_physical(frame.clone()).unwrap();
        match (projection.evaluate(&batch), evaluate(&wide(&frame), expr)) {
            (Ok(out), Ok(expected)) => {
                let narrow = is_narrow(projection.schema().get("out").unwrap());
                prop_assert_eq!(out.columns()[0].dtype() == &DataType::Int64, narrow);
                let out = to_logical(out, projection.schema()).unwrap();
                let (values, (_, scale)) = integers(&out.columns()[0]);
                let (expected, (_, expected_scale)) = integers(&expected);
                prop_assert_eq!((values, scale), (expected, expected_scale));
                // The same again, in whatever form.
                let again = any_form_to_logical(&adaptive.evaluate(&batch).unwrap(), &adaptive);
                prop_assert!(again.equals_missing(&out.columns()[0]), "{:?} {:?}", again, out);
                // And of columns that have not been converted.
                let again = to_logical(projection.evaluate(&frame).unwrap(), projection.schema()).unwrap();
                prop_assert!(again.equals_missing(&out), "{} {}", again, out);
            },
            (Err(error), Err(expected)) => {
                prop_assert_eq!(error.kind(), expected.kind());
                prop_assert_eq!(adaptive.evaluate(&batch).unwrap_err().kind(), expected.kind());
            },
            (actual, expected) => prop_assert!(false, "{actual:?} {expected:?}"),
        }
    }

    #[test]
    fn the_form_of_decimals_changes_no_comparison(columns in columns(), expr in other()) {
        let frame = frame(["a", "b", "c"].iter().zip(&columns).map(|(name, column)| named(name, column)).collect());
        match (evaluate(&frame, expr.clone()), evaluate(&wide(&frame), expr)) {
            (Ok(actual), Ok(expected)) => prop_assert!(actual.equals_missing(&expected), "{actual:?} {expected:?}"),
            (Err(error), Err(expected)) => prop_assert_eq!(error.kind(), expected.kind()),
            (actual, expected) => prop_assert!(false, "{actual:?} {expected:?}"),
        }
    }
}

#[test]
fn computed_decimals_change_their_form_with_the_values() {
    let column = |value: i128| named("a", &(DecimalType { precision: 18, scale: 0 }, vec![Some(value), Some(2), None]));
    let schema = frame(vec![column(1)]).schema().clone();
    let square = Projection::compile_adaptive(&[col("a") * col("a")], 0..1, &schema).unwrap();
    for (value, dtype) in [(3, DataType::Int64), (10i128.pow(18) - 1, DataType::Decimal(36, 0))] {
        let batch = to_physical(frame(vec![column(value)])).unwrap();
        let squares = square.evaluate(&batch).unwrap();
        assert_eq!(squares.columns()[0].dtype(), &dtype);
        assert_eq!(
            integers(&any_form_to_logical(&squares, &square)),
            (vec![Some(value * value), Some(4), None], (36, 0))
        );
    }
    // The form of what is no computation, and of what has few digits, is fixed.
    let fixed = Projection::compile_adaptive(&[col("a"), (col("a") % lit(7)).alias("x")], 0..2, &schema).unwrap();
    let batch = to_physical(frame(vec![column(8)])).unwrap();
    assert_eq!(
        fixed.evaluate(&batch).unwrap(),
        df!("a" => [Some(8i64), Some(2), None], "x" => [Some(1i64), Some(2), None]).unwrap()
    );
}

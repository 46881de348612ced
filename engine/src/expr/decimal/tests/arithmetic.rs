use polars_core::prelude::*;
use polars_plan::dsl::{Expr, Operator, binary_expr};
use proptest::prelude::*;

use super::big::Big;
use super::{DecimalType, col, decimals, evaluate, fit, frame, integers, literal, named, two_columns};
use crate::error::ErrorKind;
use crate::expr::prelude::lit;
use crate::expr::{ExprError, output_field};

const OPERATORS: [Operator; 6] = [
    Operator::Plus,
    Operator::Minus,
    Operator::Multiply,
    Operator::RustDivide,
    Operator::FloorDivide,
    Operator::Modulus,
];

/// The scale of a result, by the rules of the documentation.
fn scale_of(op: Operator, left: usize, right: usize) -> usize {
    match op {
        Operator::Plus | Operator::Minus | Operator::Modulus => left.max(right),
        Operator::Multiply => left + right,
        Operator::FloorDivide => 0,
        _ => left.max((left + 6).min(12)),
    }
}

/// One value: `Err` says why there is none.
fn value_of(op: Operator, left: i128, left_scale: usize, right: i128, right_scale: usize) -> Result<i128, ErrorKind> {
    let scale = left_scale.max(right_scale);
    let (l, r) = (Big::from(left), Big::from(right));
    let (aligned_l, aligned_r) = (l.shift(scale - left_scale), r.shift(scale - right_scale));
    let divides = !matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply);
    // Both operands are brought to one scale first.
    if matches!(op, Operator::Plus | Operator::Minus | Operator::FloorDivide | Operator::Modulus) {
        for side in [&aligned_l, &aligned_r] {
            fit(side.clone()).map_err(|()| ErrorKind::Overflow)?;
        }
    }
    if divides && r.is_zero() {
        return Err(ErrorKind::Compute);
    }
    let result = match op {
        Operator::Plus => aligned_l.add(&aligned_r),
        Operator::Minus => aligned_l.subtract(&aligned_r),
        Operator::Multiply => l.multiply(&r),
        Operator::FloorDivide => aligned_l.divide_floor(&aligned_r).0,
        Operator::Modulus => aligned_l.divide_floor(&aligned_r).1,
        _ => l.shift(scale_of(op, left_scale, right_scale) + right_scale - left_scale).divide_rounded(&r),
    };
    fit(result).map_err(|()| ErrorKind::Overflow)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn operations_are_exact([left, right] in two_columns(), op in prop::sample::select(OPERATORS.to_vec())) {
        let frame = frame(vec![named("a", &left), named("b", &right)]);
        let expr = binary_expr(col("a"), op, col("b"));
        let (l, r) = (left.0.scale, right.0.scale);
        let scale = scale_of(op, l, r);
        let shift = if op == Operator::RustDivide { scale + r - l } else { 0 };
        if scale > 38 || shift > 38 {
            let error = evaluate(&frame, expr).unwrap_err();
            let refused = matches!(error.get_ref().downcast_ref(), Some(ExprError::DecimalScale { .. }));
            prop_assert!(refused);
            return Ok(());
        }
        let rows = left.1.iter().zip(&right.1).map(|(left, right)| left.zip(*right));
        let expected: Vec<Result<Option<i128>, ErrorKind>> =
            rows.map(|row| row.map(|(left, right)| value_of(op, left, l, right, r)).transpose()).collect();
        match evaluate(&frame, expr.clone()) {
            Ok(column) => {
                let (values, (precision, actual)) = integers(&column);
                prop_assert_eq!(actual, scale);
                prop_assert!(precision <= 38 && precision >= scale);
                prop_assert_eq!(values.into_iter().map(Ok).collect::<Vec<_>>(), expected);
                let field = output_field(&expr, frame.schema()).unwrap();
                prop_assert_eq!(&field.dtype, column.dtype());
                prop_assert_eq!(field.name.as_str(), "a");
            },
            Err(error) => prop_assert!(expected.contains(&Err(error.kind())), "{error:?} {expected:?}"),
        }
    }

    /// A tree of operations in one pass gives what the operations give one after the other.
    #[test]
    fn trees_are_computed_like_their_parts([a, b] in two_columns(), small in -50i64..50) {
        let bounded = |(dtype, values): (DecimalType, Vec<Option<i128>>)| {
            let scale = dtype.scale.min(6);
            // A null in one operand would hide what is wrong in another.
            let values = values.into_iter().map(|value| value.or(Some(0))).collect();
            (DecimalType { precision: dtype.precision, scale }, values)
        };
        let (a, b) = (bounded(a), bounded(b));
        let frame = frame(vec![named("a", &a), named("b", &b)]);
        let step = |frame: &DataFrame, name: &str, expr: Expr| -> Result<DataFrame, ErrorKind> {
            let column = evaluate(frame, expr).map_err(|error| error.kind())?;
            Ok(super::frame([frame.columns().to_vec(), vec![column.with_name(name.into())]].concat()))
        };
        let parts = || {
            let frame = step(&frame, "x", lit(small) - col("b"))?;
            let frame = step(&frame, "y", col("a") * col("x"))?;
            let frame = step(&frame, "z", col("b") / lit(7))?;
            let frame = step(&frame, "out", (-col("y")) + col("z") % lit(3))?;
            Ok(frame.column("out").unwrap().clone())
        };
        let expected: Result<Column, ErrorKind> = parts();
        let whole = -(col("a") * (lit(small) - col("b"))) + (col("b") / lit(7)) % lit(3);
        match (evaluate(&frame, whole), expected) {
            (Ok(actual), Ok(expected)) => prop_assert_eq!(integers(&actual), integers(&expected)),
            (Err(error), Err(kind)) => prop_assert_eq!(error.kind(), kind),
            (actual, expected) => prop_assert!(false, "{actual:?} {expected:?}"),
        }
    }
}

#[test]
fn the_types_of_the_documentation_are_kept() {
    let schema = Schema::from_iter([
        Field::new("d".into(), DataType::Decimal(15, 2)),
        Field::new("e".into(), DataType::Decimal(10, 4)),
        Field::new("i".into(), DataType::Int32),
        Field::new("l".into(), DataType::Int64),
        Field::new("u".into(), DataType::UInt64),
        Field::new("f".into(), DataType::Float64),
        Field::new("g".into(), DataType::Float32),
    ]);
    let decimal = DataType::Decimal;
    for (expr, expected) in [
        (col("d") + col("e"), decimal(18, 4)),
        (col("d") - col("d"), decimal(16, 2)),
        (col("d") * col("e"), decimal(25, 6)),
        (col("d") / col("d"), decimal(23, 8)),
        (col("e") / col("d"), decimal(18, 10)),
        (col("d").floor_div(col("e")), decimal(17, 0)),
        (col("d") % col("e"), decimal(10, 4)),
        (-col("d"), decimal(15, 2)),
        (col("d") * lit(100), decimal(18, 2)),
        (lit(1) - col("d"), decimal(16, 2)),
        (col("d") * col("i"), decimal(25, 2)),
        (col("d") + col("l"), decimal(22, 2)),
        (col("u") * col("d"), decimal(35, 2)),
        (col("d") * col("f"), DataType::Float64),
        (col("g") / col("d"), DataType::Float64),
        (col("d") * lit(0.5), DataType::Float64),
        (col("d") + lit(polars_plan::plans::NULL), decimal(16, 2)),
        (col("i") * col("l"), DataType::Int64),
        (col("d").sum(), decimal(38, 2)),
        (col("d").mean(), decimal(38, 8)),
        (col("e").mean(), decimal(38, 10)),
        (col("d").min(), decimal(15, 2)),
        (col("d").first(), decimal(15, 2)),
        (col("d").median(), DataType::Float64),
        ((col("d") * (lit(1) - col("d"))).sum(), decimal(38, 4)),
        (lit(2) * literal(150, 3, 2), decimal(4, 2)),
        (col("d").abs(), decimal(15, 2)),
    ] {
        assert_eq!(output_field(&expr, &schema).unwrap().dtype, expected, "{expr}");
    }
}

#[test]
fn integers_count_as_decimals() {
    let frame = frame(vec![
        decimals("d", &[Some(150), Some(-25), None], 10, 2),
        Column::new("tiny".into(), [3i8, -4, 5]),
        Column::new("i".into(), [Some(2i32), None, Some(7)]),
        Column::new("l".into(), [i64::MAX, i64::MIN, 0]),
        Column::new("u".into(), [u64::MAX, 1, 0]),
    ]);
    let values = |expr: Expr| integers(&evaluate(&frame, expr).unwrap()).0;
    assert_eq!(values(col("d") * col("tiny")), [Some(450), Some(100), None]);
    assert_eq!(values(col("i") + col("d")), [Some(350), None, None]);
    let max = i128::from(i64::MAX);
    assert_eq!(values(col("d") * col("l")), [Some(150 * max), Some(25 * (max + 1)), None]);
    assert_eq!(values(col("u") - col("d")), [Some(i128::from(u64::MAX) * 100 - 150), Some(125), None]);
    assert_eq!(values(col("d") / lit(3)), [Some(50_000_000), Some(-8_333_333), None]);
    assert_eq!(values(col("d") + lit(polars_plan::plans::NULL)), [None, None, None]);
}

#[test]
fn one_value_meets_a_column() {
    let frame = frame(vec![decimals("d", &[Some(150), Some(-25), None], 10, 2)]);
    let values = |expr: Expr| integers(&evaluate(&frame, expr).unwrap()).0;
    assert_eq!(values(col("d") - col("d").max()), [Some(0), Some(-175), None]);
    assert_eq!(values(col("d").max() * col("d").min()), [Some(-3750); 3]);
    assert_eq!(values(literal(5, 1, 0) * literal(25, 2, 1)), [Some(125); 3]);
    assert_eq!(values(col("d").filter(col("d").gt(lit(100))).sum() + col("d")), [Some(150), Some(-25), None]);
    assert_eq!(integers(&evaluate(&frame.clear(), col("d") * lit(2)).unwrap()).0, []);
    assert_eq!(integers(&evaluate(&frame.clear(), col("d") - lit(5) * col("d")).unwrap()).1, (12, 2));
    let constant =
        Column::new_scalar("c".into(), super::column::decimal(Some(20), DecimalType { precision: 3, scale: 1 }), 3);
    let frame = super::frame([frame.columns().to_vec(), vec![constant]].concat());
    let values = |frame: &DataFrame, expr: Expr| integers(&evaluate(frame, expr).unwrap()).0;
    assert_eq!(values(&frame, col("c") * col("d")), [Some(3000), Some(-500), None]);
    assert_eq!(values(&frame, col("c") * col("c")), [Some(400); 3]);
    let empty = frame.slice(0, 0);
    assert_eq!(values(&empty, col("c") * col("d")), []);
    assert_eq!(values(&empty, col("c") * col("c")), []);
}

#[test]
fn blocks_are_independent() {
    let rows = 5000;
    let mut values: Vec<Option<i128>> =
        (0..rows).map(|row| (row % 11 != 0).then_some(i128::from(row) * 37 - 900)).collect();
    // One block that needs more than 64 bits.
    values[2100] = Some(10i128.pow(30));
    let frame = frame(vec![decimals("a", &values, 38, 2), decimals("b", &values, 38, 3)]);
    let expr = (col("a") + col("b")) * lit(3) - col("b");
    let (actual, _) = integers(&evaluate(&frame, expr).unwrap());
    let expected: Vec<_> = values.iter().map(|value| value.map(|value| (value * 10 + value) * 3 - value)).collect();
    assert_eq!(actual, expected);
    let mut chunked = frame.clone();
    chunked.vstack_mut(&frame).unwrap();
    let (twice, _) = integers(&evaluate(&chunked, (col("a") + col("b")) * lit(3) - col("b")).unwrap());
    assert_eq!(twice, [expected.clone(), expected].concat());
}

#[test]
fn errors_name_the_operation() {
    let huge = Some(10i128.pow(37));
    let frame = frame(vec![decimals("huge", &[Some(1), huge], 38, 0), decimals("zero", &[Some(1), Some(0)], 5, 2)]);
    let overflow = evaluate(&frame, col("huge") * lit(100)).unwrap_err();
    assert_eq!(overflow.kind(), ErrorKind::Overflow);
    assert!(overflow.to_string().contains("decimal overflow in `[(col(\"huge\")) * (dyn int: 100)]`"), "{overflow}");
    let zero = evaluate(&frame, col("huge") / col("zero") + lit(1)).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::Compute);
    assert!(
        zero.to_string().contains("division by zero in `[([(col(\"huge\")) rust_div (col(\"zero\"))]) + "),
        "{zero}"
    );
    for op in [Operator::FloorDivide, Operator::Modulus, Operator::TrueDivide] {
        assert_eq!(evaluate(&frame, binary_expr(col("huge"), op, lit(0))).unwrap_err().kind(), ErrorKind::Compute);
    }
    let fine = decimals("fine", &[Some(1)], 30, 20);
    let error = evaluate(&super::frame(vec![fine]), col("fine") * col("fine")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    assert!(error.to_string().contains("needs 40 digits behind the decimal point"), "{error}");
}

#[test]
fn what_is_under_a_null_never_fails() {
    let validity = polars_arrow::bitmap::Bitmap::from_iter([true, false, true]);
    let hidden = |values: [i128; 3]| {
        let array =
            polars_arrow::array::PrimitiveArray::from_vec(values.to_vec()).with_validity(Some(validity.clone()));
        Int128Chunked::with_chunk("a".into(), array).into_decimal_unchecked(38, 0).into_column()
    };
    let frame = frame(vec![hidden([5, 0, 7]), hidden([1, i128::MAX, 2]).with_name("b".into())]);
    let values = |expr: Expr| integers(&evaluate(&frame, expr).unwrap()).0;
    assert_eq!(values(col("b") * col("b")), [Some(1), None, Some(4)]);
    assert_eq!(values(col("b").floor_div(col("a"))), [Some(0), None, Some(0)]);
    assert_eq!(values(col("b") + col("a")), [Some(6), None, Some(9)]);
}

#[test]
fn names_stay() {
    let frame = frame(vec![decimals("d", &[Some(1)], 10, 2), decimals("e", &[Some(1)], 10, 2)]);
    for (expr, name) in [
        (lit(1) - col("d"), "literal"),
        (col("e") * col("d"), "e"),
        (col("d").sum() * col("e"), "d"),
        (-(col("e") + col("d")), "e"),
        (lit(0.5).lt(col("d")), "literal"),
        ((col("d") * lit(2)).alias("x") + col("e"), "x"),
        ((col("d") * col("e")).mean(), "d"),
    ] {
        assert_eq!(output_field(&expr, frame.schema()).unwrap().name, name, "{expr}");
    }
    let nested = polars_plan::dsl::functions::as_struct(vec![lit(1) - col("d"), col("e") * lit(2)]);
    let DataType::Struct(fields) = output_field(&nested, frame.schema()).unwrap().dtype else { panic!() };
    assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["literal", "e"]);
}

#[test]
fn decimals_inside_lists_and_structs_are_exact() {
    let frame = frame(vec![decimals("d", &[Some(15), Some(25)], 10, 1), decimals("e", &[Some(5), Some(1)], 10, 2)]);
    let pair = polars_plan::dsl::functions::as_struct(vec![col("d"), col("e")]);
    let product = pair.clone().struct_().field_by_name("d") * pair.struct_().field_by_name("e");
    assert_eq!(integers(&evaluate(&frame, product).unwrap()), (vec![Some(75), Some(25)], (20, 3)));
    let squares = col("d").implode(true).list().eval(polars_plan::dsl::functions::element() * lit(3) / lit(2));
    let list = select_list(&frame, squares);
    assert_eq!(integers(&list), (vec![Some(22_500_000), Some(37_500_000)], (17, 7)));
}

fn select_list(frame: &DataFrame, expr: Expr) -> Column {
    let list = super::select(frame, expr).unwrap();
    let AnyValue::List(values) = list.get(0).unwrap() else { panic!("{list:?}") };
    values.into_column()
}

use polars_core::prelude::*;

use super::{col, lazy, mixed, select};
use crate::error::{ErrorKind, OperatorError};
use crate::expr::prelude::*;
use crate::expr::{ExprError, GroupProjection, Projection};

fn declared(dtype: DataType) -> impl Fn(&Schema, &Field) -> PolarsResult<Field> + Send + Sync {
    move |_, field| Ok(Field::new(field.name().clone(), dtype.clone()))
}

fn doubled() -> Expr {
    col("small").map(|column| Ok(&column * 2), declared(DataType::Int32))
}

fn total() -> Expr {
    let sum = |columns: &mut [Column]| Ok(Column::new_scalar("sum".into(), columns[0].sum_reduce()?, 1));
    apply_multiple(sum, [col("small")], |_, fields| Ok(fields[0].clone()), true)
}

#[test]
fn user_functions_are_called() {
    let frame = mixed(10);
    let exprs = [doubled(), (doubled() + lit(1)).alias("more"), total().alias("total")];
    let expected =
        [col("small") * lit(2), (col("small") * lit(2) + lit(1)).alias("more"), col("small").sum().alias("total")];
    let expected = lazy(&frame).select(expected).collect().unwrap();
    assert!(select(&frame, &exprs).unwrap().equals(&expected));
    for rows in [0, 1] {
        assert_eq!(
            Projection::compile(&exprs, frame.schema()).unwrap().evaluate(&frame.head(Some(rows))).unwrap().height(),
            rows
        );
    }
    let groups = frame.group_by_stable(["k"]).unwrap().into_groups();
    let grouped = GroupProjection::compile(&[doubled().max(), total().alias("total")], frame.schema()).unwrap();
    let expected = [col("small").max() * lit(2), col("small").sum().alias("total")];
    let expected = lazy(&frame).group_by_stable([col("k")]).agg(expected).collect().unwrap().drop("k").unwrap();
    assert!(grouped.evaluate(&frame, &groups).unwrap().equals(&expected));
}

#[test]
fn a_wrong_length_is_an_error_that_names_the_function() {
    let frame = mixed(10);
    let short = col("small").map_with_fmt_str(|column| Ok(column.head(Some(1))), declared(DataType::Int32), "shorten");
    for expr in [short.clone(), short + col("small")] {
        let error = select(&frame, &[expr]).unwrap_err();
        assert!(
            matches!(
                error.get_ref().downcast_ref(),
                Some(ExprError::WrongLength { expected: 10, actual: 1, expression }) if expression.contains("shorten")
            ),
            "{error:?}"
        );
        assert_eq!(error.kind(), ErrorKind::Compute);
    }
    let several = |columns: &mut [Column]| Ok(columns[0].clone());
    let several = apply_multiple(several, [col("small")], |_, fields| Ok(fields[0].clone()), true);
    let error = select(&frame, &[several]).unwrap_err();
    assert!(matches!(error.get_ref().downcast_ref(), Some(ExprError::WrongLength { expected: 1, actual: 10, .. })));
}

#[test]
fn a_wrong_type_is_an_error_that_names_the_function() {
    let frame = mixed(10);
    let lying = col("small").map_with_fmt_str(Ok, declared(DataType::Int64), "lie");
    for expr in [lying.clone(), (lying.clone() * lit(2)).sum(), lying.over([col("k")]).unwrap()] {
        let error = select(&frame, std::slice::from_ref(&expr)).unwrap_err();
        let Some(ExprError::WrongType { expected, actual, expression }) = error.get_ref().downcast_ref() else {
            panic!("{expr}: {error:?}")
        };
        assert_eq!((expected, actual), (&DataType::Int64, &DataType::Int32));
        assert!(expression.contains("lie"), "{expression}");
    }
}

#[test]
fn an_error_of_a_user_function_keeps_its_kind() {
    let frame = mixed(3);
    let fails = |_: Column| -> PolarsResult<Column> {
        Err(OperatorError::message(ErrorKind::InvalidData, "bad coordinates").into())
    };
    let expr = col("small").map(fails, declared(DataType::Int32)) + lit(1);
    let error = select(&frame, &[expr]).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidData, "bad coordinates"));
}

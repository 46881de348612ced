use polars_core::prelude::*;

use super::{col, mixed, select};
use crate::error::{ErrorKind, OperatorError};
use crate::expr::prelude::*;
use crate::expr::{ExprError, Projection, columns_of, output_field, rewrite_columns};

fn refused(exprs: &[Expr]) -> OperatorError {
    let error = Projection::compile(exprs, mixed(1).schema()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery, "{error:?}");
    error
}

#[test]
fn unknown_columns_are_named() {
    for expr in [
        col("nope") + lit(1),
        col("i").sum().over([col("nope")]).unwrap(),
        cols(["i", "nope"]).as_expr(),
        col("i").filter(col("nope")),
        (all() - cols(["nope"])).as_expr(),
    ] {
        let error = refused(&[col("i"), expr.alias("x")]);
        let Some(ExprError::ColumnNotFound { name, available }) = error.get_ref().downcast_ref() else {
            panic!("{error:?}")
        };
        assert_eq!(name, "nope");
        assert!(available.iter().any(|name| name == "pair"));
        assert!(error.to_string().starts_with("column `nope` not found; the columns are `row`, `i`"), "{error}");
    }
}

#[test]
fn type_errors_are_found_when_compiling() {
    for expr in [
        col("s") + col("day"),
        col("s") * col("i"),
        col("s").gt(col("day")),
        col("day") * lit(2),
        col("s").sum(),
        col("pair").struct_().field_by_name("nope"),
        when(col("b")).then(col("day")).otherwise(pair_of_lists()),
    ] {
        let error = refused(std::slice::from_ref(&expr));
        assert!(error.to_string().contains("invalid expression"), "{expr}: {error}");
        assert!(error.chain().len() == 2, "{:?}", error.chain());
    }
}

fn pair_of_lists() -> Expr {
    concat_list([col("i"), col("small")]).unwrap()
}

#[test]
fn two_outputs_of_one_name_are_refused() {
    let error = refused(&[col("i"), col("f").alias("i")]);
    assert!(matches!(error.get_ref().downcast_ref(), Some(ExprError::DuplicateOutput { name }) if name == "i"));
}

#[test]
fn a_field_is_that_of_one_expression() {
    let frame = mixed(1);
    let error = output_field(&cols(["i", "f"]).as_expr(), frame.schema()).unwrap_err();
    assert!(matches!(error.get_ref().downcast_ref(), Some(ExprError::NotSingle { count: 2, .. })));
    assert_eq!(output_field(&col("i").sum(), frame.schema()).unwrap(), Field::new("i".into(), DataType::Int64));
}

#[test]
fn what_fails_on_values_names_the_expression() {
    let frame = mixed(9);
    let error = select(&frame, &[col("s").strict_cast(DataType::Int64)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Compute);
    assert!(error.to_string().contains("cannot evaluate `col(\"s\").strict_cast(Int64)`"), "{error}");
    assert_eq!(error.chain().len(), 2);
}

#[test]
fn lengths_that_do_not_fit_are_errors() {
    let frame = mixed(9);
    let projection = Projection::compile(&[col("i").head(Some(2))], frame.schema()).unwrap();
    let error = projection.evaluate(&frame).unwrap_err();
    assert!(
        matches!(error.get_ref().downcast_ref(), Some(ExprError::WrongLength { expected: 9, actual: 2, .. })),
        "{error:?}"
    );
    // One value that is not a scalar is no exception.
    let projection = Projection::compile(&[col("i").head(Some(1))], frame.schema()).unwrap();
    assert!(projection.evaluate(&frame).is_err());
    let error = select(&frame, &[col("i").head(Some(2)), col("f")]).unwrap_err();
    assert!(matches!(error.get_ref().downcast_ref(), Some(ExprError::WrongLength { .. })), "{error:?}");
}

#[test]
fn deep_expressions_do_not_exhaust_the_stack() {
    let frame = mixed(5);
    let sum = (0..600).fold(col("i"), |sum, at| sum + lit(at % 7));
    let any = (0..600).fold(col("b"), |any, at| any.or(col("i").cast(DataType::Decimal(10, 2)).eq(lit(at))));
    for expr in [sum, any] {
        assert_eq!(crate::expr::requirement(&expr, frame.schema()).unwrap(), crate::expr::Requirement::Rows);
        assert_eq!(columns_of(&rewrite_columns(&expr, &|_| Some(col("f")))), ["f"]);
        assert!(output_field(&expr, frame.schema()).is_ok());
    }
}

#[test]
fn columns_are_found_and_replaced_everywhere() {
    let expr = when(col("a").gt(lit(1)))
        .then(
            col("b")
                .sum()
                .over_with_options(Some([col("c")]), Some(([col("d")], Default::default())), Default::default())
                .unwrap(),
        )
        .otherwise(col("a"));
    assert_eq!(
        columns_of(&expr).iter().map(|name| name.as_str()).collect::<std::collections::BTreeSet<_>>(),
        ["a", "b", "c", "d"].into()
    );
    let renamed = rewrite_columns(&expr, &|name| Some(col(&format!("{name}{name}"))));
    assert_eq!(
        columns_of(&renamed).iter().map(|name| name.as_str()).collect::<std::collections::BTreeSet<_>>(),
        ["aa", "bb", "cc", "dd"].into()
    );
    assert_eq!(rewrite_columns(&expr, &|_| None), expr);
}

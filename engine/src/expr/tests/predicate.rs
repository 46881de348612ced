use polars_core::prelude::*;

use super::{col, lazy, mixed};
use crate::error::ErrorKind;
use crate::expr::prelude::*;
use crate::expr::{ExprError, Predicate, conjunction, split_conjunction};

#[test]
fn rows_pass_where_the_predicate_is_true() {
    let frame = mixed(50);
    for expr in [
        col("i").gt(lit(1)),
        col("b"),
        col("b").not(),
        col("i").gt(lit(1)).and(col("f").lt(lit(4))),
        col("s").is_null(),
        col("i").gt(lit(100)),
        col("small").gt_eq(lit(0)),
        lit(true),
        lit(false),
        lit(NULL).cast(DataType::Boolean),
        col("i").sum().gt(lit(0)),
    ] {
        let predicate = Predicate::compile(&expr, frame.schema()).unwrap();
        let expected = lazy(&frame).filter(expr.clone()).collect().unwrap();
        let actual = predicate.filter(&frame).unwrap();
        assert!(actual.equals_missing(&expected), "{expr}\n{actual}\n{expected}");
        assert_eq!(predicate.mask(&frame).unwrap().len(), 50, "{expr}");
        assert_eq!(predicate.mask(&frame).unwrap().num_trues(), expected.height(), "{expr}");
        assert_eq!(predicate.filter(&frame.clear()).unwrap().height(), 0);
    }
}

#[test]
fn nothing_is_copied_if_all_rows_pass() {
    let frame = mixed(10);
    let values = |frame: &DataFrame| frame.column("f").unwrap().f64().unwrap().cont_slice().map(<[f64]>::as_ptr).ok();
    let frame = lazy(&frame).with_columns([col("f").fill_null(lit(0.0))]).collect().unwrap();
    let passed = Predicate::compile(&col("small").gt(lit(-1)), frame.schema()).unwrap().filter(&frame).unwrap();
    assert!(values(&frame).is_some());
    assert_eq!(values(&passed), values(&frame));
}

#[test]
fn only_booleans_are_predicates() {
    let frame = mixed(1);
    let error = |expr: &Expr| Predicate::compile(expr, frame.schema()).err().unwrap();
    let not_boolean = error(&(col("i") + lit(1)));
    assert_eq!(not_boolean.kind(), ErrorKind::InvalidQuery);
    assert!(matches!(not_boolean.get_ref().downcast_ref(), Some(ExprError::NotBoolean { dtype: DataType::Int64, .. })));
    let several = error(&cols(["i", "small"]).as_expr().gt(lit(0)));
    assert!(matches!(several.get_ref().downcast_ref(), Some(ExprError::NotSingle { count: 2, .. })));
}

#[test]
fn conjunctions_are_taken_apart_and_put_together() {
    let parts = [col("a"), col("b").or(col("c")), col("d"), col("e")];
    let all = all_horizontal([parts[2].clone(), parts[3].clone()]).unwrap();
    let joined = parts[0].clone().and(parts[1].clone()).alias("named").and(all);
    assert_eq!(split_conjunction(&joined), parts);
    assert_eq!(split_conjunction(&parts[1]), parts[1..2]);
    assert_eq!(conjunction(parts[..2].to_vec()), Some(parts[0].clone().and(parts[1].clone())));
    assert_eq!(conjunction(vec![]), None);
}

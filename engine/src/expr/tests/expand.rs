use polars_core::prelude::*;

use super::{col, mixed};
use crate::expr::prelude::*;
use crate::expr::{expand, expand_except};

fn expanded(expr: Expr) -> Vec<Expr> {
    expand(&[expr], mixed(1).schema()).unwrap()
}

#[test]
fn selectors_become_columns() {
    let numbers = DataTypeSelector::Numeric.as_selector();
    assert_eq!(expanded(col("*")).len(), mixed(1).width());
    assert_eq!(expanded(cols(["f", "i"]).as_expr()), [col("f"), col("i")]);
    assert_eq!(expanded(col("^(i|f)$") * lit(2)), [col("i") * lit(2), col("f") * lit(2)]);
    assert_eq!(expanded((numbers - cols(["row"])).as_expr()), [col("i"), col("small"), col("f")]);
    assert_eq!(expanded(dtype_col(&DataType::String).as_selector().as_expr()), [col("s"), col("k")]);
    assert_eq!(expanded(all().exclude_cols(["row", "pair", "day", "b"]).as_expr()).len(), 5);
    assert_eq!(expanded(nth(-1).as_expr()), [col("pair")]);
    let aggregates =
        expand_except(&[all().as_expr().max(), col("k").len()], &["k".into(), "b".into()], mixed(1).schema());
    assert_eq!(aggregates.unwrap().len(), mixed(1).width() - 2 + 1);
}

#[test]
fn renaming_of_outputs_becomes_alias() {
    let two = || cols(["i", "f"]).as_expr();
    assert_eq!(expanded(two().sum().name().suffix("_x")), [col("i").sum().alias("i_x"), col("f").sum().alias("f_x")]);
    assert_eq!(expanded(two().name().prefix("x_")), [col("i").alias("x_i"), col("f").alias("x_f")]);
    assert_eq!(
        expanded((lit(1) + two()).name().keep()),
        [(lit(1) + col("i")).alias("i"), (lit(1) + col("f")).alias("f")]
    );
    assert_eq!(expanded(col("i").alias("x").name().to_uppercase()), [col("i").alias("X")]);
    assert_eq!(expanded(col("i").sum().alias("x")), [col("i").sum().alias("x")]);
    let error = expand(&[lit(1).name().keep()], mixed(1).schema()).unwrap_err();
    assert!(error.to_string().contains("invalid expression"), "{error}");
}

#[test]
fn fields_of_structs_are_selected() {
    let fields = expanded(col("pair").struct_().field_by_names(["*"]));
    assert_eq!(fields, [col("pair").struct_().field_by_name("i"), col("pair").struct_().field_by_name("f")]);
}

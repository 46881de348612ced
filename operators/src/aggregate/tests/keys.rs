//! Keys of every type.

use polars_core::df;
use polars_core::prelude::DataType;

use quokka_engine::expr::Expr;
use quokka_engine::expr::prelude::{col, len, lit};

use super::{RUNS, all_types, check, check_runs};

fn values() -> Vec<Expr> {
    vec![len().alias("rows"), col("i32").sum().alias("total"), col("string").max().alias("largest")]
}

#[test]
fn single_columns() {
    let frame = all_types(300);
    for name in frame.get_column_names_owned() {
        let key = col(name.clone()).alias("key");
        let dtype = frame.column(&name).unwrap().dtype().clone();
        if dtype.is_decimal() || matches!(dtype, DataType::Int128 | DataType::UInt128 | DataType::Array(..)) {
            // Polars groups by a single number of 128 bits only in builds with `dtype-i128`.
            check(&[key, lit(true).alias("always")], &values(), &frame);
        } else {
            check(&[key], &values(), &frame);
        }
    }
}

#[test]
fn pairs_of_columns() {
    let frame = all_types(150);
    let names = frame.get_column_names_owned();
    for (i, left) in names.iter().enumerate() {
        for right in [&names[(i + 1) % names.len()], &names[(i + 5) % names.len()]] {
            check_runs(
                &[col(left.clone()).alias("left"), col(right.clone()).alias("right")],
                &values(),
                &frame,
                &RUNS[..2],
            );
        }
    }
}

#[test]
fn many_columns() {
    let frame = all_types(150);
    check(&["i8", "boolean", "u8", "i16", "u32"].map(col), &values(), &frame);
    check(
        &["string", "binary", "enumeration", "list", "structure", "array"]
            .map(|name| col(name).alias(format!("key {name}"))),
        &values(),
        &frame,
    );
}

#[test]
fn whole_groups() {
    let frame = all_types(150);
    for name in ["i8", "special", "string", "structure", "list", "array", "category"] {
        check(&[col(name).alias("key")], &[col("i32").median(), col("u8").n_unique()], &frame);
    }
}

#[test]
fn keys_that_outgrow_their_layout() {
    // Short strings without nulls, longer ones, nulls, and ones that no machine word holds.
    let keys: Vec<Option<String>> = (0..3000)
        .map(|i: usize| match i {
            0..500 => Some(format!("{}", i % 37)),
            500..1000 => Some(format!("{:05}", i % 37)),
            1000..1500 => (!i.is_multiple_of(5)).then(|| format!("{}", i % 37)),
            1500..2000 => Some(format!("{:010}", i % 37)),
            2000..2500 => Some(format!("{}", i % 41)),
            _ => Some(format!("a string of more than twelve bytes, {}", i % 37)),
        })
        .collect();
    let numbers: Vec<Option<i64>> = (0..3000).map(|i| (i < 1200 || i % 3 > 0).then_some(i % 2)).collect();
    let frame = df!("k" => keys, "n" => numbers, "v" => (0..3000).collect::<Vec<i32>>()).unwrap();
    let aggs = [col("v").sum(), len(), col("v").min().alias("min")];
    check(&[col("k")], &aggs, &frame);
    check(&[col("k"), col("n")], &aggs, &frame);
    check(&[col("n")], &aggs, &frame);
    check(&[col("n"), (col("n") + lit(1)).alias("m")], &aggs, &frame);
}

#[test]
fn computed_and_constant_keys() {
    let frame = all_types(200);
    check(&[(col("i64") % lit(4)).alias("rest"), col("f64").floor().alias("floor")], &values(), &frame);
    check(&[lit(1).alias("one")], &values(), &frame);
    check(&[lit("x").alias("text"), col("u8")], &values(), &frame);
}

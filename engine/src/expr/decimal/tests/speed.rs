//! Measurements, run by hand: `cargo test --release -p quokka-engine --lib speed -- --ignored --nocapture`. For figures
//! that mean something the allocator must not return memory: `MALLOC_MMAP_THRESHOLD_=4294967296
//! MALLOC_TRIM_THRESHOLD_=4294967296`.

use std::time::Instant;

use polars_core::prelude::*;
use polars_plan::dsl::Expr;

use super::{col, decimals, frame};
use crate::expr::prelude::{lit, when};
use crate::expr::{Predicate, Projection};

/// The shortest of many runs.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    (0..300).map(|_| time(&mut run)).fold(f64::MAX, f64::min)
}

fn batch(rows: i128) -> DataFrame {
    let column = |name: &str, value: &dyn Fn(i128) -> i128| {
        decimals(name, &(0..rows).map(|row| Some(value(row))).collect::<Vec<_>>(), 15, 2)
    };
    frame(vec![
        column("price", &|row| 90_000 + row * 7919 % 10_000_000),
        column("discount", &|row| row % 11),
        column("tax", &|row| row % 9),
        column("quantity", &|row| 100 * (row % 50 + 1)),
    ])
}

#[test]
#[ignore = "a measurement"]
fn speed_of_decimals() {
    let net = || col("price") * (lit(1) - col("discount"));
    let exprs: Vec<(&str, Expr)> = vec![
        ("price * (1 - discount)", net()),
        ("price * (1 - discount) * (1 + tax)", net() * (lit(1) + col("tax"))),
        ("price + discount", col("price") + col("discount")),
        ("price / quantity", col("price") / col("quantity")),
        ("price * price (128 bits)", col("price") * col("price") * lit(1_000_000_000_000i64)),
        ("price.cast(10, 1)", col("price").strict_cast(DataType::Decimal(18, 1))),
        ("discount >= 0.05", col("discount").gt_eq(lit(0.05))),
        ("discount < price", col("discount").lt(col("price"))),
        ("discount < 3 digits", col("discount").lt(col("price").cast(DataType::Decimal(20, 3)))),
        ("when", when(col("discount").gt(lit(0.05))).then(col("price")).otherwise(lit(0))),
        ("sum(price)", col("price").sum()),
        ("sum(net)", net().sum()),
        ("mean(price)", col("price").mean()),
    ];
    for rows in [64, 4096, 65_536] {
        let batch = batch(rows);
        for (name, expr) in &exprs {
            let compile = best(|| drop(Projection::compile(std::slice::from_ref(expr), batch.schema()).unwrap()));
            let projection = Projection::compile(std::slice::from_ref(expr), batch.schema()).unwrap();
            let evaluate = best(|| drop(projection.select(&batch).unwrap()));
            println!(
                "{rows:6} rows: {:6.2} ns/row, {:8.1} µs a batch, {:5.1} µs to compile: {name}",
                evaluate * 1e9 / rows as f64,
                evaluate * 1e6,
                compile * 1e6,
            );
        }
        let predicate = col("discount").is_between(lit(0.05), lit(0.07), polars_ops::series::ClosedInterval::Both);
        let predicate = Predicate::compile(&predicate.and(col("quantity").lt(lit(24))), batch.schema()).unwrap();
        println!(
            "{rows:6} rows: {:6.2} ns/row: filter",
            best(|| drop(predicate.filter(&batch).unwrap())) * 1e9 / rows as f64
        );
        let all: Vec<Expr> = batch.get_column_names().iter().map(|name| col(name)).collect();
        let columns = Projection::compile(&all, batch.schema()).unwrap();
        println!(
            "{rows:6} rows: {:6.2} µs: four columns as they are",
            best(|| drop(columns.evaluate(&batch).unwrap())) * 1e6
        );
    }
}

//! Random queries on random frames.

use polars_core::df;
use polars_core::prelude::*;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use quokka_engine::expr::Expr;
use quokka_engine::expr::prelude::{col, len, lit};
use quokka_engine::operator::testing::Restore;

use super::{Run, check_runs};

fn frame() -> impl Strategy<Value = DataFrame> {
    let row = (
        weighted(0.9, -3i64..4),
        weighted(
            0.9,
            prop_oneof![Just(""), Just("a"), Just("b\0"), Just("longer than twelve bytes"), Just("twelve bytes")],
        ),
        weighted(0.9, prop_oneof![Just(f64::NAN), Just(-0.0), Just(0.0), -2.0..2.0]),
        weighted(0.8, any::<i32>()),
        weighted(0.8, any::<bool>()),
    );
    vec(row, 0..120).prop_map(|rows| {
        df!(
            "i" => rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            "s" => rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            "f" => rows.iter().map(|row| row.2).collect::<Vec<_>>(),
            "v" => rows.iter().map(|row| row.3).collect::<Vec<_>>(),
            "b" => rows.iter().map(|row| row.4).collect::<Vec<_>>(),
        )
        .unwrap()
    })
}

fn key() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(col("i")),
        Just(col("s")),
        Just(col("b")),
        Just((col("v") % lit(3)).alias("rest")),
        Just(col("i").cast(DataType::Int8).alias("small")),
        Just((col("i").cast(DataType::Float64) * lit(0.5)).alias("half")),
    ]
}

fn aggregate() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(len()),
        Just(col("v").sum()),
        Just(col("v").mean()),
        Just(col("v").min()),
        Just(col("v").max()),
        Just(col("v").count()),
        Just(col("v").null_count()),
        Just(col("v").std(1)),
        Just(col("f").min()),
        Just(col("f").max()),
        Just(col("s").min()),
        Just(col("s").max()),
        Just(col("b").any(true)),
        Just(col("b").all(false)),
        Just(col("b").sum()),
        Just(col("v").filter(col("b")).sum()),
        Just(col("v").sum().cast(DataType::Float64) / len()),
        Just(col("v").n_unique()),
        Just(col("v").median()),
    ]
}

fn run() -> impl Strategy<Value = Run> {
    let restore = prop_oneof![Just(Restore::Never), Just(Restore::EveryBatch)];
    (1usize..4, 1usize..50, restore).prop_map(|(workers, batch_rows, restore)| Run { workers, batch_rows, restore })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn queries_give_what_polars_gives(
        frame in frame(),
        keys in vec(key(), 0..4),
        aggs in vec(aggregate(), 1..6),
        run in run(),
    ) {
        let keys: Vec<Expr> = keys.into_iter().enumerate().map(|(i, key)| key.alias(format!("key {i}"))).collect();
        let aggs: Vec<Expr> = aggs.into_iter().enumerate().map(|(i, agg)| agg.alias(format!("agg {i}"))).collect();
        check_runs(&keys, &aggs, &frame, &[run]);
    }
}

//! `with_row_index`.

use quokka::prelude::*;

use super::{check_tables, message};
use crate::support::{Rows, check, chunked, context, numbers};

#[test]
fn rows_of_a_table_are_counted_in_its_order() {
    for offset in [None, Some(7)] {
        check_tables(Rows::AnyOrder, |t| t.with_row_index("row", offset), |t| t.with_row_index("row", offset));
        check_tables(
            Rows::AnyOrder,
            |t| t.select([col("text"), (col("id") + lit(1)).alias("row")]).with_row_index("n", offset),
            |t| t.select([col("text"), (col("id") + lit(1)).alias("row")]).with_row_index("n", offset),
        );
        check_tables(
            Rows::AnyOrder,
            |t| t.with_columns([lit(3).alias("three")]).with_row_index("n", offset).filter(col("n").gt(lit(50))),
            |t| t.with_columns([lit(3).alias("three")]).with_row_index("n", offset).filter(col("n").gt(lit(50))),
        );
        // What changes the rows comes first.
        check_tables(
            Rows::AnyOrder,
            |t| t.filter(col("value").gt(lit(0))).with_row_index("n", offset).drop(cols(["flag"])),
            |t| t.filter(col("value").gt(lit(0))).with_row_index("n", offset).drop(cols(["flag"])),
        );
        check_tables(
            Rows::AnyOrder,
            |t| t.clone().union(t.filter(col("flag"))).with_row_index("n", offset),
            |t| {
                use polars_lazy::dsl::{UnionArgs, concat};
                concat([t.clone(), t.filter(col("flag"))], UnionArgs::default()).unwrap().with_row_index("n", offset)
            },
        );
    }
    check_tables(
        Rows::Ordered,
        |t| t.with_row_index("row", None).select([col("row").sum(), len()]),
        |t| t.with_row_index("row", None).select([col("row").sum(), len()]),
    );
    check_tables(
        Rows::Ordered,
        |t| t.with_row_index("a", None).with_row_index("b", Some(3)).slice(5, 20),
        |t| t.with_row_index("a", None).with_row_index("b", Some(3)).slice(5, 20),
    );
    check_tables(
        Rows::Ordered,
        |t| t.slice(5, 20).with_row_index("b", Some(3)).tail(4),
        |t| t.slice(5, 20).with_row_index("b", Some(3)).tail(4),
    );
}

#[test]
fn rows_of_a_sort_are_counted_in_its_order() {
    // Enough rows to be sorted on all workers.
    let count = 20_000i64;
    let large =
        df!("k" => (0..count).map(|i| i * 7919 % count).collect::<Vec<_>>(), "v" => (0..count).collect::<Vec<_>>());
    let large = chunked(&large.unwrap(), 3_000);
    for (workers, batch_rows) in [(1, 7_000), (2, 7_000), (4, 700), (3, 100_000)] {
        let name = format!("workers={workers} batch_rows={batch_rows}");
        let context = Context::builder().workers(workers).batch_rows(batch_rows).build().unwrap();
        let sorted = || context.from_df(large.clone()).sort(["k"], Default::default()).with_row_index("row", Some(5));
        let result = sorted().collect().unwrap();
        let (rows, keys) = (result.column("row").unwrap().u32().unwrap(), result.column("k").unwrap().i64().unwrap());
        let is_numbered = |(row, key): (Option<u32>, Option<i64>)| i64::from(row.unwrap()) == key.unwrap() + 5;
        assert!(result.height() == 20_000 && rows.iter().zip(keys.iter()).all(is_numbered), "{name}\n{result}");
        let few = sorted().filter(col("row").lt(lit(10)).or(col("row").gt_eq(lit(20_000)))).select([col("k")]);
        let few = few.collect().unwrap();
        let few: Vec<i64> = few.column("k").unwrap().i64().unwrap().iter().flatten().collect();
        assert_eq!(few, [0, 1, 2, 3, 4, 19_995, 19_996, 19_997, 19_998, 19_999], "{name}");
    }
    check_tables(
        Rows::Ordered,
        |t| t.sort(["value", "id"], Default::default()).with_row_index("row", None).slice(3, 50),
        |t| t.sort(["value", "id"], Default::default()).with_row_index("row", None).slice(3, 50),
    );
    check_tables(
        Rows::AnyOrder,
        |t| {
            t.sort(["value", "id"], Default::default())
                .with_row_index("row", None)
                .group_by([col("flag")])
                .agg([col("row").sum()])
        },
        |t| {
            t.sort(["value", "id"], Default::default())
                .with_row_index("row", None)
                .group_by([col("flag")])
                .agg([col("row").sum()])
        },
    );
}

#[test]
fn rows_without_an_order_are_counted_once() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.group_by([col("key")]).agg([len()]).with_row_index("row", Some(1)).select([col("row")]),
        |[t]| t.group_by([col("key")]).agg([len()]).with_row_index("row", Some(1)).select([col("row")]),
    );
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            let joined = t.clone().join_builder().with(t).on([col("key")]).finish();
            joined.with_row_index("row", None).select([col("row").max(), col("row").n_unique().alias("n")])
        },
        |[t]| {
            let joined = t.clone().join_builder().with(t).on([col("key")]).finish();
            joined.with_row_index("row", None).select([col("row").max(), col("row").n_unique().alias("n")])
        },
    );
}

#[test]
fn numbers_that_nothing_reads_are_not_made() {
    let stream = context().from_df(numbers()).with_row_index("row", None);
    let explained = stream.clone().select([col("id")]).explain().unwrap();
    let optimized = explained.split("optimized plan").nth(1).unwrap();
    assert!(!optimized.contains("row-index"), "{explained}");
    let explained = stream.explain().unwrap();
    assert!(explained.contains("row-index name=[row]"), "{explained}");
    assert_eq!(
        message(|t| t.with_row_index("id", None)),
        "`with_row_index` produces two columns named `id`: rename one with `.alias(…)`"
    );
}

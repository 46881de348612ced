//! `distinct`, `unique`.

use quokka::prelude::*;

use super::{check_tables, tables};
use crate::support::{Rows, chunked, context, setting, settings};

#[test]
fn equal_rows_come_once() {
    let pair = || [col("flag"), col("key")];
    check_tables(
        Rows::AnyOrder,
        |t| t.select(pair()).distinct(),
        |t| t.select(pair()).unique(None, UniqueKeepStrategy::Any),
    );
    check_tables(
        Rows::AnyOrder,
        |t| t.select(pair()).distinct().filter(col("key").gt(lit(4)).and(col("flag"))).select([col("key")]),
        |t| {
            let unique = t.select(pair()).unique(None, UniqueKeepStrategy::Any);
            unique.filter(col("key").gt(lit(4)).and(col("flag"))).select([col("key")])
        },
    );
    check_tables(
        Rows::AnyOrder,
        |t| t.select([(col("real") - lit(3.0)) * lit(0), col("value").is_null()]).distinct(),
        |t| t.select([(col("real") - lit(3.0)) * lit(0), col("value").is_null()]).unique(None, UniqueKeepStrategy::Any),
    );
    check_tables(
        Rows::AnyOrder,
        |t| t.unique(Some(cols(["text", "flag"])), UniqueKeepStrategy::Any).select([col("text"), col("flag")]),
        |t| t.unique(Some(cols(["text", "flag"])), UniqueKeepStrategy::Any).select([col("text"), col("flag")]),
    );
    for keep in [UniqueKeepStrategy::First, UniqueKeepStrategy::Last, UniqueKeepStrategy::None] {
        let subset = || Some(cols(["flag", "key"]));
        check_tables(Rows::AnyOrder, |t| t.unique(subset(), keep), |t| t.unique_stable(subset(), keep));
    }
}

#[test]
fn some_row_of_each_set_stays_whole() {
    for table in tables() {
        for index in 0..settings() {
            let (name, context) = setting(index);
            let stream = context.from_df(table.clone());
            let kept = stream.unique(Some(cols(["key"])), UniqueKeepStrategy::Any).collect().unwrap();
            assert_eq!(kept.height(), table.column("key").unwrap().n_unique().unwrap(), "{name}");
            let ids: Vec<Option<i64>> = table.column("id").unwrap().i64().unwrap().iter().collect();
            for row in 0..kept.height() {
                let id = kept.column("id").unwrap().i64().unwrap().get(row);
                let at = ids.iter().position(|other| *other == id).unwrap();
                assert!(kept.slice(row as i64, 1).equals_missing(&table.slice(at as i64, 1)), "{name}\n{kept}");
            }
        }
    }
}

#[test]
fn distinct_rows_leave_as_they_come() {
    let rows = chunked(&df!("a" => (0..4_000).map(|n| n % 500).collect::<Vec<i32>>()).unwrap(), 100);
    let stream = context().from_df(rows).distinct().limit(20);
    assert_eq!(stream.clone().collect().unwrap().height(), 20);
    let explained = stream.explain().unwrap();
    assert!(explained.contains("partial-distinct keys=[a] Streams"), "{explained}");
    assert!(explained.contains("1: distinct keys=[a] Streams → limit length=[20] Streams ← 0 hash(a)"), "{explained}");
}

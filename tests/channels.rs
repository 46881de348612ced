//! Operators on some of the workers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use polars_lazy::frame::{IntoLazy, LazyFrame};
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Folder, Rows, assert_same, numbers, orders, setting, settings};

type Query = (&'static str, Rows, fn([DataStream; 2]) -> DataStream, fn([LazyFrame; 2]) -> LazyFrame);

const QUERIES: [Query; 16] = [
    ("scan", Rows::AnyOrder, |[n, _]| n, |[n, _]| n),
    ("filter", Rows::AnyOrder, |[n, _]| n.filter(col("value").gt(lit(3))), |[n, _]| n.filter(col("value").gt(lit(3)))),
    (
        "aggregate",
        Rows::AnyOrder,
        |[n, _]| n.group_by([col("key")]).agg([col("value").sum(), len()]),
        |[n, _]| n.group_by([col("key")]).agg([col("value").sum(), len()]),
    ),
    (
        "whole groups",
        Rows::AnyOrder,
        |[n, _]| n.group_by([col("key")]).agg([col("value").median()]),
        |[n, _]| n.group_by([col("key")]).agg([col("value").median()]),
    ),
    (
        "first of each group",
        Rows::AnyOrder,
        |[n, _]| n.group_by([col("key")]).agg([col("id").first()]),
        |[n, _]| n.group_by([col("key")]).agg([col("id").first()]),
    ),
    ("total", Rows::Ordered, |[n, _]| n.select([col("value").sum()]), |[n, _]| n.select([col("value").sum()])),
    (
        "total of nothing",
        Rows::Ordered,
        |[n, _]| n.filter(col("id").lt(lit(0))).select([col("value").sum(), col("value").median().alias("median")]),
        |[n, _]| n.filter(col("id").lt(lit(0))).select([col("value").sum(), col("value").median().alias("median")]),
    ),
    (
        "distinct",
        Rows::AnyOrder,
        |[n, _]| n.select([col("key"), col("flag")]).distinct(),
        |[n, _]| n.select([col("key"), col("flag")]).unique(None, UniqueKeepStrategy::Any),
    ),
    (
        "inner join",
        Rows::AnyOrder,
        |[n, o]| n.inner_join(o, col("key"), col("key")),
        |[n, o]| n.inner_join(o, col("key"), col("key")),
    ),
    (
        "full join",
        Rows::AnyOrder,
        |[n, o]| n.full_join(o, col("id"), col("key")),
        |[n, o]| n.full_join(o, col("id"), col("key")),
    ),
    (
        "cross join",
        Rows::AnyOrder,
        |[n, o]| n.slice(3, 20).cross_join(o, None),
        |[n, o]| n.slice(3, 20).join(o, [], [], JoinArgs::new(JoinType::Cross)),
    ),
    (
        "sort",
        Rows::Ordered,
        |[n, _]| n.sort(["text", "id"], Default::default()),
        |[n, _]| n.sort(["text", "id"], Default::default()),
    ),
    (
        "top-k",
        Rows::Ordered,
        |[n, _]| n.top_k(9, [col("value"), col("id")], Default::default()),
        |[n, _]| n.top_k(9, [col("value"), col("id")], Default::default()),
    ),
    (
        "shift",
        Rows::Ordered,
        |[n, _]| n.with_columns([col("id").shift(lit(1)).alias("before")]),
        |[n, _]| n.with_columns([col("id").shift(lit(1)).alias("before")]),
    ),
    (
        "window",
        Rows::AnyOrder,
        |[n, _]| n.with_columns([col("value").sum().over([col("key")]).unwrap().alias("sum")]),
        |[n, _]| n.with_columns([col("value").sum().over([col("key")]).unwrap().alias("sum")]),
    ),
    (
        "union",
        Rows::AnyOrder,
        |[n, _]| n.clone().union(n),
        |[n, _]| polars_lazy::dsl::concat([n.clone(), n], Default::default()).unwrap(),
    ),
];

fn streams(context: &Context) -> [DataStream; 2] {
    [numbers(), orders()].map(|frame| context.from_df(frame))
}

#[test]
fn the_result_is_the_same_anywhere() {
    let placements =
        [Placement::All, Placement::One, Placement::Channels(2), Placement::Channels(3), Placement::PerProcess(1)];
    for (name, rows, query, oracle) in QUERIES {
        let expected = oracle([numbers(), orders()].map(IntoLazy::lazy)).collect().unwrap();
        // The last contexts leave out a rule of the optimizer each, the first ones none.
        for (setting, context) in (0..settings()).map(setting).take(12) {
            for placement in &placements {
                let stream = query(streams(context)).channels(placement.clone());
                let what = || format!("{name} {placement} {setting}\n{}", stream.explain().unwrap());
                let result = stream.collect().unwrap_or_else(|error| panic!("{}: {}", what(), error.report()));
                assert_same(&result, &expected, rows, &what);
            }
        }
    }
}

#[test]
fn everything_can_be_placed_at_once() {
    for (name, rows, query, oracle) in QUERIES {
        let expected = oracle([numbers(), orders()].map(IntoLazy::lazy)).collect().unwrap();
        for batch_rows in [7, 65_536] {
            let context = Context::builder().workers(4).batch_rows(batch_rows).build().unwrap();
            let [n, o] = streams(&context);
            let stream = query([n.channels(3), o.channels(2)]).channels(2).filter(lit(true)).select([col("*")]);
            let result = stream.collect().unwrap_or_else(|error| panic!("{name}: {}", error.report()));
            assert_same(&result, &expected, rows, &|| format!("{name}\n{}", stream.explain().unwrap()));
        }
    }
}

/// The workers that have rows of `stream`.
fn workers(stream: &DataStream) -> BTreeSet<usize> {
    let seen: Arc<Mutex<BTreeSet<usize>>> = Arc::default();
    let sink = seen.clone();
    let see = move |worker, _batch: DataFrame| {
        sink.lock().unwrap().insert(worker);
        Ok(())
    };
    stream.sink_fn(see).unwrap();
    let seen = seen.lock().unwrap();
    seen.clone()
}

#[test]
fn rows_are_where_they_were_placed() {
    let context = Context::builder().workers(4).batch_rows(7).tag("here").build().unwrap();
    for (name, _, query, _) in QUERIES {
        let stream = query(streams(&context));
        for (placement, most) in [(Placement::One, 1), (Placement::Channels(2), 2), (Placement::Channels(3), 3)] {
            let placed = stream.clone().channels(placement.clone());
            let seen = workers(&placed);
            assert!(
                seen.iter().all(|worker| *worker < most),
                "{name} {placement}: {seen:?}\n{}",
                placed.explain().unwrap()
            );
        }
        // The last one counts.
        let seen = workers(&stream.clone().channels(4).channels(1));
        assert!(seen.iter().all(|worker| *worker == 0), "{name}: {seen:?}");
        assert!(!workers(&stream.channels(Placement::tag("here"))).is_empty());
    }
    // All of those that have a channel take part.
    let [n, o] = streams(&context);
    let by_key = n.clone().group_by([col("id")]).agg([col("value").sum()]).channels(3);
    assert_eq!(workers(&by_key), BTreeSet::from([0, 1, 2]));
    let joined = n.clone().inner_join(o, col("key"), col("key")).channels(3);
    // Rows of the side that is not held stay on a worker that has a channel, however many of them it has read.
    assert!(workers(&joined).is_subset(&BTreeSet::from([0, 1, 2])));
    assert_eq!(workers(&n.clone().union(n.clone()).channels(2)), BTreeSet::from([0, 1]));
    assert_eq!(workers(&n.sort(["id"], Default::default()).channels(2)), BTreeSet::from([0, 1]));
}

#[test]
fn files_are_written_where_the_rows_are() {
    let context = Context::builder().workers(4).batch_rows(7).build().unwrap();
    let folder = Folder::new();
    let groups = context.from_df(numbers()).group_by([col("id")]).agg([col("value").sum()]);
    let report = groups.channels(2).sink_parquet(folder.path().join("two")).unwrap();
    assert_eq!((report.files.len(), report.rows()), (2, 200));
    let dataset = context.from_df(numbers()).sort(["id"], Default::default()).channels(2).compute().unwrap();
    assert_eq!(dataset.to_df().unwrap(), numbers());
    assert_eq!(context.read_dataset(&dataset).channels(1).collect().unwrap(), numbers());
    assert_eq!(context.read_dataset(&dataset).channels(3).collect().unwrap(), numbers());
}

#[test]
fn placements_are_explained() {
    let context = Context::builder().workers(4).batch_rows(7).tag("gpu").build().unwrap();
    let [n, o] = streams(&context);
    let stream = n.channels(2).inner_join(o, col("key"), col("key")).channels(Placement::tag("gpu"));
    let text = stream.group_by([col("key")]).agg([len()]).channels_per_process(3).explain().unwrap();
    for expected in [
        "channels on 2 workers",
        "channels on tag gpu",
        "channels on 3 per process",
        "channels=[0-1]",
        "channels=[0-2]",
        "channels=[all]",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn predicates_and_projections_pass() {
    let context = Context::builder().workers(2).batch_rows(7).build().unwrap();
    let stream = context.from_df(numbers()).channels(1).filter(col("id").gt(lit(190))).select([col("id")]);
    let text = stream.explain().unwrap();
    let physical = text.split("physical plan").nth(1).unwrap();
    assert!(physical.contains("columns=[id]") && physical.contains("predicate=["), "{text}");
    assert_eq!(stream.collect().unwrap().height(), 9);
}

#[test]
fn a_small_source_has_no_more_channels_than_splits() {
    let context = Context::builder().workers(4).build().unwrap();
    let small = context.from_df(df!("k" => [1, 2, 1], "v" => [1, 2, 3]).unwrap());
    let totals = small.clone().group_by([col("k")]).agg([col("v").sum()]).inner_join(small, col("k"), col("k"));
    let text = totals.explain().unwrap();
    let physical: Vec<&str> = text.split("physical plan\n").nth(1).unwrap().lines().collect();
    let (sink, others) = physical.split_last().unwrap();
    assert!(sink.contains("collect") && others.iter().all(|node| node.contains("channels=[0]")), "{text}");
    assert!(!others.iter().any(|node| node.contains("hash(")), "{text}");
    assert_eq!(totals.collect().unwrap().height(), 3);
}

#[test]
fn outer_joins_with_a_limit_see_all_rows_before_they_tell_what_has_no_match() {
    // One worker reads the limited side, and the other side is held: its rows without a match wait for that worker.
    let ids: Vec<i64> = (0..100_000).collect();
    let few = df!("id" => [5i64, 99_998, 200_000], "name" => ["a", "b", "c"]).unwrap();
    for workers in [2, 4] {
        let context = Context::builder().workers(workers).build().unwrap();
        for _ in 0..5 {
            let limited = context.from_df(df!("id" => &ids).unwrap()).limit(99_999);
            let joined =
                limited.join(context.from_df(few.clone()), [col("id")], [col("id")], JoinArgs::new(JoinType::Right));
            let joined = joined.sort(["id"], Default::default()).collect().unwrap();
            assert_eq!(joined.column("id").unwrap(), few.column("id").unwrap());
        }
    }
}

#[test]
fn placements_that_cannot_be() {
    let context = Context::builder().workers(2).tag("disk").tag("gpu").build().unwrap();
    let stream = || context.from_df(numbers());
    let error = stream().channels(0).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    let expected = "`channels`: an operator needs at least 1 channel; there are 2 workers in 1 process";
    assert_eq!(error.to_string(), expected);
    let error = stream().channels_per_process(0).schema().unwrap_err();
    assert!(error.to_string().starts_with("`channels_per_process`: an operator needs"), "{error}");
    let error = stream().channels(Placement::tag("tpu")).explain().unwrap_err();
    assert_eq!(error.to_string(), "`channels`: no process has the tag `tpu`: the tags are `disk`, `gpu`");
    let error = Context::builder().tag(" ").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("is no tag"), "{error}");
    let context = Context::from_args(["program", "-w", "1", "--tag", "a", "--tag", "b"].map(String::from)).unwrap();
    assert_eq!(context.tags(), [["a", "b"]]);
}

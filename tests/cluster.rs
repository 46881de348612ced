//! Two processes that run the same program: each gets the result that one process would get.

use polars_lazy::dsl::{UnionArgs, concat};
use polars_lazy::frame::{IntoLazy, LazyFrame};
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::processes::{Finished, Process, free_addresses, this_test};
use crate::support::{Rows, assert_same, numbers, orders};

const PROCESSES: usize = 2;

/// The context of a process that [`run_everywhere`] started.
fn member(workers: usize) -> Context {
    tagged_member(workers, &[])
}

fn tagged_member(workers: usize, tags: &[&str]) -> Context {
    let addresses = std::env::var("QUOKKA_TEST_ADDRESSES").unwrap();
    let builder = Context::builder();
    tags.iter()
        .fold(builder, |builder, tag| builder.tag(*tag))
        .workers(workers)
        .batch_rows(7)
        .hosts(addresses.split(','))
        .process(index())
        .build()
        .unwrap_or_else(|error| panic!("{}", error.report()))
}

fn index() -> usize {
    std::env::var("QUOKKA_TEST_PROCESS").unwrap().parse().unwrap()
}

/// Runs a test of this program in each process of a cluster.
#[track_caller]
fn run_everywhere(test: &str) {
    let addresses = free_addresses(PROCESSES).join(",");
    let start = |index: usize| {
        let mut command = this_test(test);
        let settings = [("QUOKKA_TEST_PROCESS", index.to_string()), ("QUOKKA_TEST_ADDRESSES", addresses.clone())];
        Process::start(command.envs(settings))
    };
    let mut processes: Vec<Process> = (0..PROCESSES).map(start).collect();
    for (index, process) in processes.iter_mut().enumerate() {
        let Finished { code, out, err } = process.finish();
        assert!(code == Some(0) && out.contains("1 passed"), "process {index}:\n{out}{err}");
    }
}

#[test]
fn every_process_gets_the_whole_result() {
    run_everywhere("cluster::member_collects");
}

#[test]
fn different_programs_are_told_apart() {
    run_everywhere("cluster::member_runs_another_query");
}

#[test]
fn errors_reach_every_process() {
    run_everywhere("cluster::member_fails");
}

type Query = (&'static str, Rows, fn([DataStream; 2]) -> DataStream, fn([LazyFrame; 2]) -> LazyFrame);

const QUERIES: [Query; 12] = [
    ("scan", Rows::AnyOrder, |[n, _]| n.filter(col("value").gt(lit(3))), |[n, _]| n.filter(col("value").gt(lit(3)))),
    (
        "aggregate",
        Rows::AnyOrder,
        |[n, _]| n.group_by([col("key"), col("text")]).agg([col("value").sum(), col("real").mean(), len()]),
        |[n, _]| n.group_by([col("key"), col("text")]).agg([col("value").sum(), col("real").mean(), len()]),
    ),
    (
        "total",
        Rows::Ordered,
        |[n, _]| n.select([col("value").sum(), col("text").n_unique()]),
        |[n, _]| n.select([col("value").sum(), col("text").n_unique()]),
    ),
    (
        "inner join",
        Rows::AnyOrder,
        |[n, o]| n.inner_join(o, col("key"), col("key")),
        |[n, o]| n.inner_join(o, col("key"), col("key")),
    ),
    (
        "what a build side knows",
        Rows::AnyOrder,
        |[n, o]| {
            let few = o.clone().filter(col("value").gt(lit(20))).group_by([col("key")]).agg([len().alias("n")]);
            n.inner_join(o, col("key"), col("key")).semi_join(few, col("key"), col("key"))
        },
        |[n, o]| {
            let few = o.clone().filter(col("value").gt(lit(20))).group_by([col("key")]).agg([len().alias("n")]);
            let args = JoinArgs::new(JoinType::Semi);
            n.inner_join(o, col("key"), col("key")).join(few, [col("key")], [col("key")], args)
        },
    ),
    (
        "by two keys, of which one is text",
        Rows::AnyOrder,
        |[n, o]| {
            let named = n.with_columns([lit("name 1").alias("name")]);
            named.join(o, [col("key"), col("name")], [col("key"), col("name")], JoinArgs::new(JoinType::Inner))
        },
        |[n, o]| {
            let named = n.with_columns([lit("name 1").alias("name")]);
            named.join(o, [col("key"), col("name")], [col("key"), col("name")], JoinArgs::new(JoinType::Inner))
        },
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
        |[n, _]| n.sort(["text", "id"], Default::default()).filter(col("flag")),
        |[n, _]| n.sort(["text", "id"], Default::default()).filter(col("flag")),
    ),
    (
        "top-k",
        Rows::Ordered,
        |[n, _]| n.top_k(9, [col("value"), col("id")], Default::default()),
        |[n, _]| n.top_k(9, [col("value"), col("id")], Default::default()),
    ),
    (
        "window",
        Rows::AnyOrder,
        |[n, _]| n.with_columns([col("id").shift(lit(1)).over([col("key")]).unwrap().alias("before")]),
        |[n, _]| n.with_columns([col("id").shift(lit(1)).over([col("key")]).unwrap().alias("before")]),
    ),
    (
        "union",
        Rows::AnyOrder,
        |[n, _]| n.clone().union(n.filter(col("flag"))).distinct(),
        |[n, _]| {
            let both = concat([n.clone(), n.filter(col("flag"))], UnionArgs::default()).unwrap();
            both.unique(None, UniqueKeepStrategy::Any)
        },
    ),
];

#[test]
#[ignore = "a process of a cluster: started by `every_process_gets_the_whole_result`"]
fn member_collects() {
    let context = member(2);
    assert_eq!((context.process(), context.processes(), context.workers()), (index(), PROCESSES, 2 * PROCESSES));
    let frames = [numbers(), orders()];
    for (name, rows, query, oracle) in QUERIES {
        let stream = query([0, 1].map(|i| context.from_df(frames[i].clone())));
        let expected = oracle([0, 1].map(|i| frames[i].clone().lazy())).collect().unwrap();
        let result = stream.collect().unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert_same(&result, &expected, rows, &|| format!("{name}\n{}", stream.explain().unwrap()));
    }
}

#[test]
fn results_stay_where_they_are() {
    run_everywhere("cluster::member_computes");
}

#[test]
#[ignore = "a process of a cluster: started by `results_stay_where_they_are`"]
fn member_computes() {
    let context = member(2);
    let frames = [numbers(), orders()];
    for (name, rows, query, oracle) in QUERIES {
        let dataset = query([0, 1].map(|i| context.from_df(frames[i].clone()))).compute();
        let dataset = dataset.unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        let expected = oracle([0, 1].map(|i| frames[i].clone().lazy())).collect().unwrap();
        assert_eq!(dataset.len(), expected.height(), "{name}");
        assert_same(&dataset.to_df().unwrap(), &expected, rows, &|| format!("{name}: all rows"));
        let stream = context.read_dataset(&dataset);
        let result = stream.collect().unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert_same(&result, &expected, rows, &|| format!("{name}\n{}", stream.explain().unwrap()));
        // What looks at the order sees the rows of all processes.
        let first = expected.columns()[0].name().clone();
        let shifted = stream.with_columns([col(first).shift(lit(1)).alias("before")]).collect().unwrap();
        assert_eq!(shifted.height(), expected.height(), "{name}");
    }
    // Each process has rows of its own, and none is lost where an order counts.
    let dataset = context.from_df(numbers()).compute().unwrap();
    let here = rows_here(&context.read_dataset(&dataset));
    assert!(here > 0 && here < 200, "{here}");
    let running = context.read_dataset(&dataset).with_columns([col("id").cum_sum(false).alias("running")]);
    let expected = dataset.to_df().unwrap().lazy().with_columns([col("id").cum_sum(false).alias("running")]);
    assert_same(&running.collect().unwrap(), &expected.collect().unwrap(), Rows::Ordered, &|| "running".into());
    let ends = context.read_dataset(&dataset).select([col("id").first().alias("first"), col("id").last()]);
    let all = dataset.to_df().unwrap();
    let ends_expected = all.lazy().select([col("id").first().alias("first"), col("id").last()]).collect().unwrap();
    assert_eq!(ends.collect().unwrap(), ends_expected);
    let sorted = context.from_df(numbers()).sort(["id"], Default::default()).compute().unwrap();
    let first = context.read_dataset(&sorted).slice(3, 2).select([col("id")]).collect().unwrap();
    assert_eq!(first, df!("id" => [3i64, 4]).unwrap());
    let nothing = context.read_dataset(&sorted).filter(col("id").lt(lit(0))).compute().unwrap();
    assert!(nothing.is_empty() && nothing.to_df().unwrap().height() == 0);
}

#[test]
fn processes_are_chosen_by_tags() {
    run_everywhere("cluster::member_has_tags");
}

#[test]
#[ignore = "a process of a cluster: started by `processes_are_chosen_by_tags`"]
fn member_has_tags() {
    let context = tagged_member(2, if index() == 1 { &["disk", "gpu"] } else { &[] });
    assert_eq!(context.tags(), [vec![], vec!["disk".to_string(), "gpu".into()]]);
    let frames = [numbers(), orders()];
    for (name, rows, query, oracle) in QUERIES {
        let expected = oracle([0, 1].map(|i| frames[i].clone().lazy())).collect().unwrap();
        for placement in [Placement::tag("gpu"), Placement::One, Placement::PerProcess(1), Placement::Channels(3)] {
            let stream = query([0, 1].map(|i| context.from_df(frames[i].clone()))).channels(placement.clone());
            let what = || format!("{name} {placement}\n{}", stream.explain().unwrap());
            let result = stream.collect().unwrap_or_else(|error| panic!("{}: {}", what(), error.report()));
            assert_same(&result, &expected, rows, &what);
            if placement == Placement::tag("gpu") && result.height() > 0 {
                let here = rows_here(&stream);
                assert_eq!(here, if index() == 1 { result.height() } else { 0 }, "{}", what());
            }
        }
    }
    let error = context.from_df(numbers()).channels(Placement::tag("tpu")).collect().unwrap_err();
    assert!(error.to_string().contains("the tags are `disk`, `gpu`"), "{error}");
    // A dataset on one process, read by all and by the other.
    let dataset = context.from_df(numbers()).distinct().channels(Placement::tag("gpu")).compute().unwrap();
    assert_eq!(rows_here(&context.read_dataset(&dataset)), if index() == 1 { 200 } else { 0 });
    let moved = context.read_dataset(&dataset).channels(Placement::One);
    assert_eq!(rows_here(&moved), if index() == 0 { 200 } else { 0 });
}

/// How many rows of `stream` are in this process.
fn rows_here(stream: &DataStream) -> usize {
    let here = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = here.clone();
    let count = move |_, batch: DataFrame| {
        counter.fetch_add(batch.height(), std::sync::atomic::Ordering::Relaxed);
        Ok(())
    };
    stream.sink_fn(count).unwrap();
    here.load(std::sync::atomic::Ordering::Relaxed)
}

#[test]
#[ignore = "a process of a cluster: started by `different_programs_are_told_apart`"]
fn member_runs_another_query() {
    let context = member(1);
    let error = context.from_df(numbers()).filter(col("value").gt(lit(index() as i32))).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PlanMismatch, "{}", error.report());
    // The cluster goes on.
    assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
}

#[test]
#[ignore = "a process of a cluster: started by `errors_reach_every_process`"]
fn member_fails() {
    let context = member(2);
    let failing =
        col("text").str().slice(lit(5), lit(1)).strict_cast(DataType::Int8).gt(lit(0)).and(col("id").lt(lit(3)));
    let error =
        context.from_df(numbers()).filter(failing.or(col("text").strict_cast(DataType::Int8).is_null())).collect();
    let report = error.unwrap_err().report();
    assert!(report.contains("text"), "{report}");
    assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
}

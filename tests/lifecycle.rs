//! Contexts and running queries.

use std::time::Duration;

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{context, numbers};

/// A query that would run for hours: every pair of pairs of rows.
fn endless(context: &Context) -> DataStream {
    let rows = context.from_df(df!("n" => (0..20_000i64).collect::<Vec<_>>()).unwrap());
    let pairs = rows.clone().cross_join(rows.clone(), Some("_2".into()));
    // The condition needs all three columns, or it would move down and leave nothing to do.
    let none = (col("n") + col("n_2") + col("n_3")).lt(lit(-1));
    pairs.cross_join(rows, Some("_3".into())).filter(none).select([col("n").sum()])
}

#[test]
fn cancel() {
    let context = context();
    let query = endless(&context).start().unwrap();
    assert!(!query.is_finished());
    query.cancel();
    let error = query.wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(error.to_string(), "the query was cancelled");
    // The workers go on.
    assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
}

#[test]
fn time_out() {
    let context = context();
    let error = endless(&context).collect_with_timeout(Duration::from_millis(50)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(context.from_df(numbers()).collect_with_timeout(Duration::from_secs(600)).unwrap().height(), 200);
}

#[test]
fn many_queries_at_once_and_one_after_the_other() {
    let context = Context::builder().workers(2).build().unwrap();
    let stream = context.from_df(numbers()).group_by([col("key")]).agg([col("value").sum()]);
    let running: Vec<_> = (0..20).map(|_| stream.start().unwrap()).collect();
    for query in running {
        assert_eq!(query.wait().unwrap().height(), 14);
    }
    for _ in 0..50 {
        assert_eq!(stream.collect().unwrap().height(), 14);
    }
}

#[test]
fn a_failed_query_leaves_the_others_alone() {
    let context = Context::builder().workers(2).build().unwrap();
    let good = context.from_df(numbers()).group_by([col("key")]).agg([col("value").sum()]).start().unwrap();
    let bad = context.from_df(numbers()).select([col("text").strict_cast(DataType::Int64)]).start().unwrap();
    assert!(bad.wait().unwrap_err().report().contains("text"));
    assert_eq!(good.wait().unwrap().height(), 14);
}

#[test]
fn streams_outlive_their_context() {
    let stream = Context::builder().workers(2).build().unwrap().from_df(numbers());
    assert_eq!(stream.collect().unwrap().height(), 200);
}

#[test]
fn explain_shows_what_runs() {
    let context = Context::builder().workers(2).build().unwrap();
    let stream = context.from_df(numbers()).filter(col("value").gt(lit(1))).with_column(col("id").shift(lit(1)));
    let text = stream.explain().unwrap();
    assert!(text.contains("on one worker: needs row order"), "{text}");
    assert!(text.contains("channels=[0]"), "{text}");
    assert_eq!(text, stream.explain().unwrap(), "the same every time");
}

#[test]
fn settings_that_make_no_sense() {
    let error = Context::builder().workers(0).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

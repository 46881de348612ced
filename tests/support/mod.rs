//! Runs one query on many contexts and compares the results with those of Polars' in-memory engine.

mod compare;
mod files;
#[path = "../../connectors/src/testing/folder.rs"]
mod folder;
#[path = "../../engine/src/cluster/tests/harness.rs"]
pub mod processes;
mod tables;

pub use compare::{Rows, assert_same};
pub use files::{check_pushdown, check_queries, lines, long_rows};
pub(crate) use folder::Folder;
pub use tables::{chunked, numbers, orders};

use std::sync::LazyLock;

use polars_lazy::frame::{IntoLazy, LazyFrame};
use quokka::OptimizerRule;
use quokka::prelude::*;

/// Numbers of workers × rows of a batch (`None`: the default) × whether queries are optimized. Contexts that leave out one
/// rule of the optimizer come on top.
const SETTINGS: [(usize, Option<usize>, bool); 9] = [
    (1, Some(1), true),
    (1, Some(7), false),
    (1, None, true),
    (2, Some(1), false),
    (2, Some(7), true),
    (2, None, true),
    (4, Some(1), true),
    (4, Some(7), true),
    (4, None, false),
];

/// Shared by all tests, so that their queries also run side by side.
static CONTEXTS: LazyLock<Vec<(String, Context)>> = LazyLock::new(|| {
    let start = |(workers, batch_rows, optimize): (usize, Option<usize>, bool)| {
        let mut builder = Context::builder().workers(workers).optimize(optimize).quiet();
        if let Some(rows) = batch_rows {
            builder = builder.batch_rows(rows);
        }
        (format!("workers={workers} batch_rows={batch_rows:?} optimize={optimize}"), builder.build().unwrap())
    };
    // Each rule of the optimizer has to be right without the others' help.
    let without = OptimizerRule::ALL.into_iter().map(|rule| {
        let builder = Context::builder().workers(2).batch_rows(7).without_rule(rule).quiet();
        (format!("workers=2 batch_rows=7 without {rule}"), builder.build().unwrap())
    });
    SETTINGS.into_iter().map(start).chain(without).collect()
});

/// The number of settings.
pub fn settings() -> usize {
    SETTINGS.len() + OptimizerRule::ALL.len()
}

/// A context and what is set in it.
pub fn setting(index: usize) -> (&'static str, &'static Context) {
    let (setting, context) = &CONTEXTS[index];
    (setting, context)
}

/// A context for tests that need just one.
pub fn context() -> Context {
    CONTEXTS[4].1.clone()
}

/// Checks that `query` over `frames` gives what `oracle` gives, with whatever setting.
#[track_caller]
pub fn check<const N: usize>(
    frames: [&DataFrame; N],
    rows: Rows,
    query: impl Fn([DataStream; N]) -> DataStream,
    oracle: impl Fn([LazyFrame; N]) -> LazyFrame,
) {
    let expected = oracle(frames.map(|frame| frame.clone().lazy())).collect().unwrap();
    check_against(frames, rows, query, &expected);
}

/// Checks that `query` over `frames` gives `expected`, with whatever setting.
#[track_caller]
pub fn check_against<const N: usize>(
    frames: [&DataFrame; N],
    rows: Rows,
    query: impl Fn([DataStream; N]) -> DataStream,
    expected: &DataFrame,
) {
    for (setting, context) in CONTEXTS.iter() {
        let stream = query(frames.map(|frame| context.from_df(frame.clone())));
        let schema = stream.schema().unwrap();
        let result = stream.collect().unwrap_or_else(|error| panic!("{setting}: {}", error.report()));
        assert_eq!(schema.as_ref(), result.schema().as_ref(), "{setting}: the schema that was promised");
        assert_same(&result, expected, rows, &|| format!("{setting}\n{}", stream.explain().unwrap()));
    }
}

//! The operators together, with any workers and batches, and with their state written out and read back at every step.

use std::sync::Arc;

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, IntoColumn, NamedFrom, SchemaRef, Series};
use quokka_engine::batch::Batch;
use quokka_engine::error::ErrorKind;
use quokka_engine::operator::testing::{batches, single_worker};
use quokka_engine::operator::{OperatorFactory, Output, Progress, WorkerContext};
use quokka_engine::plan::Channels;
use quokka_operators::nearest::Metric;

use super::*;
use crate::user::{StatefulOperator, UserOperator, UserOperatorFactory};

const K: usize = 3;

/// Rows with vectors of one component, some of which are null.
fn frame(id: &str, vector: &str, rows: usize, by: usize) -> DataFrame {
    let component = |row: usize| (row % 7 != 4).then(|| Series::new("".into(), [(row * by % 101) as f32]));
    let vectors: Vec<Option<Series>> = (0..rows).map(component).collect();
    let ids: Vec<i64> = (0..rows as i64).collect();
    DataFrame::new(rows, vec![Column::new(id.into(), ids), Series::new(vector.into(), vectors).into_column()]).unwrap()
}

fn nearest() -> Nearest {
    Nearest { metric: Metric::Euclidean, k: K, left_on: "a".into(), right_on: "b".into() }
}

fn factory(operator: impl StatefulOperator, inputs: &[&SchemaRef]) -> UserOperatorFactory {
    let inputs: Vec<SchemaRef> = inputs.iter().map(|input| (*input).clone()).collect();
    let schema = operator.output_schema(&inputs).unwrap();
    UserOperatorFactory::new(
        Arc::new(UserOperator::new(Arc::new(operator), inputs.len())),
        inputs,
        schema,
        Channels::All,
    )
}

#[derive(Clone, Copy, Debug)]
struct Run {
    workers: usize,
    batch_rows: usize,
    restore: bool,
}

impl Run {
    fn all() -> impl Iterator<Item = Run> {
        let sizes = [(1, 65_536), (1, 7), (2, 1), (2, 65_536), (4, 7)];
        sizes
            .into_iter()
            .flat_map(|(workers, batch_rows)| [false, true].map(|restore| Run { workers, batch_rows, restore }))
    }

    /// The batches of `frame` that each worker gets if they are dealt out.
    fn deal(self, frame: &DataFrame) -> Vec<Vec<DataFrame>> {
        let mut dealt = vec![Vec::new(); self.workers];
        for (number, batch) in batches(frame, self.batch_rows).into_iter().enumerate() {
            dealt[number % self.workers].push(batch);
        }
        dealt
    }

    /// What the channel of a worker makes of its inputs, which come in the given order.
    fn drive(
        self,
        factory: &UserOperatorFactory,
        worker: usize,
        inputs: &[Vec<DataFrame>],
        order: &[usize],
    ) -> Vec<DataFrame> {
        let context = WorkerContext { worker, workers: self.workers, ..single_worker(self.batch_rows) };
        let mut channel = factory.create(&context).unwrap();
        let (mut output, mut sent) = (Output::default(), Vec::new());
        for input in order {
            for batch in inputs[*input].iter().map(Some).chain([None]) {
                let mut progress = match batch {
                    Some(batch) => channel.on_batch(*input, Batch::new(batch.clone(), worker), &mut output),
                    None => channel.on_input_end(*input, &mut output),
                }
                .unwrap();
                sent.extend(output.drain());
                while progress == Progress::More {
                    progress = channel.resume(&mut output).unwrap();
                    sent.extend(output.drain());
                }
                if self.restore {
                    let state = channel.snapshot().unwrap().unwrap();
                    channel = factory.create(&context).unwrap();
                    channel.restore(state).unwrap();
                }
            }
        }
        assert_eq!(channel.state_bytes() > 0, factory.describe().name == "nearest-rows" && holds_rows(factory));
        sent
    }
}

/// What is held until the query ends.
fn holds_rows(factory: &UserOperatorFactory) -> bool {
    factory.describe().fields.contains(&("holds".into(), "rows".into()))
}

/// The neighbours by comparing all pairs: query, distance and rank.
fn expected(queries: &DataFrame, rows: &DataFrame) -> Vec<(i64, f64, u32)> {
    let components = |frame: &DataFrame, name: &str| -> Vec<Option<f64>> {
        let vectors = frame.column(name).unwrap().list().unwrap().clone();
        let first = |row| Some(f64::from(vectors.get_as_series(row)?.f32().unwrap().get(0)?));
        (0..frame.height()).map(first).collect()
    };
    let rows = components(rows, "b");
    let mut found = Vec::new();
    for (query, component) in (0..).zip(components(queries, "a")) {
        let Some(component) = component else { continue };
        let mut distances: Vec<f64> = rows.iter().flatten().map(|row| (row - component).abs()).collect();
        distances.sort_by(f64::total_cmp);
        found.extend((1..).zip(distances.into_iter().take(K)).map(|(rank, distance)| (query, distance, rank)));
    }
    found
}

/// Checks what was found; which rows they are must be the same each time.
fn check(sent: Vec<DataFrame>, expected: &[(i64, f64, u32)], first: &mut Option<DataFrame>, run: Run) {
    assert!(sent.iter().all(|batch| (1..=run.batch_rows).contains(&batch.height())));
    let all = sent.into_iter().reduce(|all, batch| all.vstack(&batch).unwrap()).unwrap();
    let all = all.sort(["query", RANK], Default::default()).unwrap().select(["query", "row", DISTANCE, RANK]).unwrap();
    let found: Vec<(i64, f64, u32)> = (0..all.height())
        .map(|row| {
            let query = all.column("query").unwrap().i64().unwrap().get(row).unwrap();
            let distance = all.column(DISTANCE).unwrap().f64().unwrap().get(row).unwrap();
            (query, distance, all.column(RANK).unwrap().u32().unwrap().get(row).unwrap())
        })
        .collect();
    assert_eq!(found, expected, "{run:?}");
    assert_eq!(first.get_or_insert_with(|| all.clone()), &all, "{run:?}");
}

#[test]
fn held_queries_find_the_same_rows_whatever_happens() {
    let (queries, rows) = (frame("query", "a", 15, 37), frame("row", "b", 90, 53));
    let expected = expected(&queries, &rows);
    let mut first = None;
    for run in Run::all() {
        for order in [[0, 1], [1, 0]] {
            let number = factory(Number, &[queries.schema()]);
            let numbered: Vec<DataFrame> = (0..)
                .zip(run.deal(&queries))
                .flat_map(|(worker, queries)| run.drive(&number, worker, &[queries], &[0]))
                .collect();
            let schema = numbered[0].schema().clone();
            let held = HeldQueries { nearest: nearest(), queries: schema.clone() };
            let held = factory(held, &[&schema, rows.schema()]);
            let found: Vec<DataFrame> = (0..)
                .zip(run.deal(&rows))
                .flat_map(|(worker, rows)| run.drive(&held, worker, &[numbered.clone(), rows], &order))
                .collect();
            let schema = found[0].schema().clone();
            let merge = factory(Merge { k: K, found: schema.clone() }, &[&schema]);
            let of_worker = |frame: &DataFrame, worker: usize| {
                let numbers = frame.column(QUERY).unwrap().u64().unwrap();
                frame.filter_seq(&numbers.iter().map(|n| n.map(|n| n as usize % run.workers == worker)).collect())
            };
            let merged = (0..run.workers).flat_map(|worker| {
                let own: Vec<DataFrame> = found.iter().map(|frame| of_worker(frame, worker).unwrap()).collect();
                let own = own.into_iter().filter(|frame| frame.height() > 0).collect();
                run.drive(&merge, worker, &[own], &[0])
            });
            check(merged.collect(), &expected, &mut first, run);
        }
    }
}

#[test]
fn held_rows_are_found_by_the_same_queries_whatever_happens() {
    let (queries, rows) = (frame("query", "a", 90, 53), frame("row", "b", 15, 37));
    let expected = expected(&queries, &rows);
    let mut first = None;
    for run in Run::all() {
        for order in [[0, 1], [1, 0]] {
            let held = factory(HeldRows { nearest: nearest() }, &[queries.schema(), rows.schema()]);
            let found = (0..).zip(run.deal(&queries)).flat_map(|(worker, queries)| {
                run.drive(&held, worker, &[queries, batches(&rows, run.batch_rows)], &order)
            });
            check(found.collect(), &expected, &mut first, run);
        }
    }
}

#[test]
fn states_of_others_are_refused() {
    let (queries, rows) = (frame("query", "a", 4, 37), frame("row", "b", 5, 53));
    let numbered = queries.hstack(&[Column::new(QUERY.into(), [0u64, 1, 2, 3])]).unwrap();
    let found = numbered.hstack(&[Column::new(DISTANCE.into(), [0f64; 4]), Column::new(TIE.into(), [0u64; 4])]);
    let held = HeldQueries { nearest: nearest(), queries: numbered.schema().clone() };
    for factory in [
        factory(Number, &[queries.schema()]),
        factory(held, &[numbered.schema(), rows.schema()]),
        factory(HeldRows { nearest: nearest() }, &[queries.schema(), rows.schema()]),
        factory(Merge { k: K, found: found.unwrap().schema().clone() }, &[queries.schema()]),
    ] {
        let mut channel = factory.create(&single_worker(7)).unwrap();
        let error = channel.restore(vec![("elsewhere".into(), queries.clone())]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
    // Neighbours without the rows that they are.
    let found = df!("query" => [0u64], "distance" => [1f64], "tie" => [0u64], "place" => [5u32]).unwrap();
    let held = HeldQueries { nearest: nearest(), queries: queries.schema().clone() };
    let mut channel = factory(held, &[queries.schema(), rows.schema()]).create(&single_worker(7)).unwrap();
    let state = vec![("search queries".into(), queries), ("search found".into(), found)];
    assert_eq!(channel.restore(state).unwrap_err().kind(), ErrorKind::InvalidData);
}

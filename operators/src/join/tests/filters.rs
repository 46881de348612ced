//! Dynamic filters: complete when the gate opens, and true to the build side, however it is spread.

use std::collections::HashSet;
use std::sync::Arc;

use quokka_engine::dynamic_filter::DynamicFilter;

use super::*;

fn keys(rows: std::ops::Range<i64>, step: i64) -> DataFrame {
    let a: Vec<Option<i64>> = rows.clone().map(|i| (i % 10 != 3).then_some(i * step)).collect();
    let b: Vec<String> = rows.map(|i| format!("text {}", i % 7)).collect();
    df!("a" => a, "b" => b).unwrap()
}

/// Runs the build channels of all processes side by side, as workers do, and returns the join of each process.
fn build_everywhere(
    build: &DataFrame,
    filters: impl Fn() -> Vec<Arc<DynamicFilter>>,
    options: &JoinOptions,
    workers: usize,
    processes: usize,
) -> Vec<(HashJoin, Vec<Arc<DynamicFilter>>)> {
    let joins: Vec<(HashJoin, Vec<Arc<DynamicFilter>>)> = (0..processes)
        .map(|_| {
            let filters = filters();
            let options = options.clone().with_filters(filters.clone());
            (plan(build, build, (&["a", "b"], &["a", "b"]), &options), filters)
        })
        .collect();
    let context = |worker: usize| WorkerContext {
        worker,
        workers: workers * processes,
        process: worker / workers,
        processes,
        batch_rows: 7,
    };
    let all = workers * processes;
    let parts = match options.distribution {
        Distribution::Partitioned => distribute(build, &names(&["a", "b"]), all, options),
        Distribution::Broadcast => {
            (0..all).map(|worker| distribute(build, &[], workers, options)[worker % workers].clone()).collect()
        },
    };
    let mut output = Output::default();
    let mut channels: Vec<_> =
        (0..all).map(|worker| joins[worker / workers].0.build_channel(&context(worker))).collect();
    for (worker, channel) in channels.iter_mut().enumerate() {
        for batch in batches(&parts[worker], 7) {
            let _ = channel.on_batch(0, Batch::new(batch, worker), &mut output).unwrap();
        }
    }
    let mut running = Vec::new();
    for (worker, mut channel) in channels.into_iter().enumerate() {
        if channel.on_input_end(0, &mut output).unwrap() == Progress::More {
            running.push((worker, channel));
        }
    }
    let mut sent: Vec<DataFrame> = Vec::new();
    while !running.is_empty() {
        running.retain_mut(|(worker, channel)| {
            let (join, filters) = &joins[*worker / workers];
            assert!(!join.gate.is_open() && filters.iter().all(|filter| !filter.is_complete()));
            let more = channel.resume(&mut output).unwrap() == Progress::More;
            sent.extend(output.drain());
            more
        });
    }
    let exchanged = processes > 1 && options.distribution == Distribution::Partitioned;
    assert_eq!(sent.len(), if exchanged { processes } else { 0 });
    for (process, (join, filters)) in joins.iter().enumerate() {
        assert!(join.gate.is_open());
        if exchanged {
            assert!(filters.iter().all(|filter| !filter.is_complete()));
            let (collect, gate) = join.collect_filters();
            for worker in 0..workers {
                assert!(!gate.is_open());
                let context = context(process * workers + worker);
                let mut channel = quokka_engine::operator::OperatorFactory::create(&*collect, &context).unwrap();
                for part in sent.iter().skip(worker).step_by(workers) {
                    assert_eq!(*part.schema(), HashJoin::filter_schema());
                    let _ = channel.on_batch(0, Batch::new(part.clone(), worker), &mut output).unwrap();
                }
                let _ = channel.on_input_end(0, &mut output).unwrap();
            }
            assert!(gate.is_open());
        }
        assert!(filters.iter().all(|filter| filter.is_complete()));
    }
    joins
}

fn filter(number: usize, keys: &[usize], nulls_equal: bool) -> Arc<DynamicFilter> {
    let types = [DataType::Int64, DataType::String];
    let dtypes = keys.iter().map(|key| types[*key].clone()).collect();
    Arc::new(DynamicFilter::new(number, keys.to_vec(), dtypes, nulls_equal))
}

fn row(frame: &DataFrame, row: usize) -> Vec<String> {
    frame.get_row(row).unwrap().0.iter().map(|value| format!("{value:?}")).collect()
}

#[test]
fn filters_know_the_keys_of_all_workers_and_processes() {
    for nulls_equal in [false, true] {
        for distribution in [Distribution::Partitioned, Distribution::Broadcast] {
            for (workers, processes) in [(1, 1), (3, 1), (1, 2), (2, 3)] {
                for build in [keys(0..200, 3), keys(0..200, 1 << 50), keys(0..0, 1)] {
                    let filters = || {
                        [&[0][..], &[1], &[1, 0]]
                            .iter()
                            .zip(1..)
                            .map(|(keys, i)| filter(i, keys, nulls_equal))
                            .collect()
                    };
                    let options =
                        JoinOptions::new(JoinType::Inner).with_distribution(distribution).with_nulls_equal(nulls_equal);
                    let probe = keys(0..300, 3).vstack(&keys(0..100, 1 << 50)).unwrap();
                    for (_, filters) in build_everywhere(&build, filters, &options, workers, processes) {
                        for filter in filters {
                            let columns: Vec<PlSmallStr> =
                                filter.keys().iter().map(|key| ["a", "b"][*key].into()).collect();
                            check(&filter, &build, &probe, &columns, nulls_equal);
                        }
                    }
                }
            }
        }
    }
}

fn check(filter: &DynamicFilter, build: &DataFrame, probe: &DataFrame, columns: &[PlSmallStr], nulls_equal: bool) {
    let select = |frame: &DataFrame| frame.select(columns.iter().cloned()).unwrap();
    let (build, probe) = (select(build), select(probe));
    let known: HashSet<Vec<String>> = (0..build.height()).map(|i| row(&build, i)).collect();
    let mask = filter.mask(&probe, columns).unwrap().unwrap();
    let mut wrong = 0;
    for (i, passes) in mask.iter().enumerate() {
        let values = row(&probe, i);
        let has_null = values.iter().any(|value| value == "Null");
        let matches = known.contains(&values) && (nulls_equal || !has_null);
        assert!(passes || !matches, "{values:?}");
        wrong += usize::from(passes && !matches && !has_null);
    }
    assert!(wrong <= 10, "{wrong} of {}", probe.height());
}

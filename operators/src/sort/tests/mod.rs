#![expect(clippy::unwrap_used, reason = "tests")]

mod dataflow;

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::{
    Categories, Column, DataType, FrozenCategories, IdxSize, IntoColumn, IntoSeries, Series, SortMultipleOptions,
    StructChunked, TimeUnit,
};
use proptest::prelude::*;
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
use quokka_engine::operator::{OperatorFactory, Output, Progress, WorkerContext};
use quokka_engine::partitioning::range_targets;

use super::*;
use crate::gather::gather;
use crate::ordered_batches::concatenate;

fn order<const N: usize>(by: [&str; N], options: SortMultipleOptions) -> SortOrder {
    SortOrder::new(by, options).unwrap()
}

fn pseudo_random(n: u64) -> u64 {
    let mixed = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 3
}

/// Numbers with nulls, numbers with NaN, text with nulls, a constant, and the position of the row.
fn rows(count: u64, distinct: u64) -> DataFrame {
    let number = |n: u64| pseudo_random(n) % distinct;
    let floats = |n: u64| match pseudo_random(n + 1) % 13 {
        0 => f64::NAN,
        1 => -0.0,
        2 => 0.0,
        3 => f64::NEG_INFINITY,
        _ => number(n + 2) as f64 - distinct as f64 / 2.0,
    };
    df!(
        "number" => (0..count).map(|n| (number(n) % 7 != 3).then(|| number(n) as i64 - 20)).collect::<Vec<_>>(),
        "float" => (0..count).map(floats).collect::<Vec<_>>(),
        "text" => (0..count).map(|n| (n % 9 != 4).then(|| "ab".repeat(number(n + 3) as usize % 40))).collect::<Vec<_>>(),
        "constant" => vec!["same"; count as usize],
        "row" => (0..count).collect::<Vec<_>>(),
    )
    .unwrap()
}

fn whole(sent: Vec<DataFrame>, like: &DataFrame) -> DataFrame {
    concatenate(sent.into_iter()).unwrap().unwrap_or_else(|| like.clear())
}

/// The sort of Polars, with equal rows in the order of the input.
fn sorted(input: &DataFrame, order: &SortOrder) -> DataFrame {
    input.sort(order.by(), order.options().clone().with_maintain_order(true)).unwrap()
}

/// The same keys row by row, and for each key the same rows.
fn assert_sorted(got: &DataFrame, input: &DataFrame, order: &SortOrder, what: &str) {
    let expected = sorted(input, order);
    let keys = |frame: &DataFrame| frame.select(order.by()).unwrap();
    assert!(keys(got).equals_missing(&keys(&expected)), "keys of {order}, {what}");
    let by_row = |frame: &DataFrame| frame.sort(["row"], SortMultipleOptions::default()).unwrap();
    assert!(by_row(got).equals_missing(&by_row(input)), "rows of {order}, {what}");
}

/// Gives a channel batches with origins, ends its inputs, and returns what it sends.
fn run(
    factory: &dyn OperatorFactory,
    context: &WorkerContext,
    given: Vec<(usize, Batch)>,
    inputs: usize,
    restore: Restore,
) -> Result<Vec<DataFrame>, OperatorError> {
    let mut channel = factory.create(context)?;
    let mut output = Output::default();
    let mut sent = Vec::new();
    for (input, batch) in given {
        assert_eq!(channel.on_batch(input, batch, &mut output)?, Progress::Done);
        sent.extend(output.drain());
        if restore == Restore::EveryBatch {
            let state = channel.snapshot()?.unwrap();
            channel = factory.create(context)?;
            channel.restore(state)?;
        }
    }
    for input in 0..inputs {
        let mut progress = channel.on_input_end(input, &mut output)?;
        sent.extend(output.drain());
        while progress == Progress::More {
            progress = channel.resume(&mut output)?;
            sent.extend(output.drain());
        }
    }
    assert_eq!(channel.state_bytes(), 0, "everything was sent");
    Ok(sent)
}

/// A sort on several workers, of which each got a consecutive part of the input; what each worker sends.
fn distributed(
    input: &DataFrame,
    order: &SortOrder,
    workers: usize,
    batch_rows: usize,
    restore: Restore,
) -> Result<Vec<DataFrame>, OperatorError> {
    let context = |worker| WorkerContext { worker, workers, ..single_worker(batch_rows) };
    let share = input.height().div_ceil(workers).max(1);
    let data: Vec<Vec<DataFrame>> =
        (0..workers).map(|worker| batches(&input.slice((worker * share) as i64, share), batch_rows)).collect();
    let from = |worker, frame| (0, Batch::new(frame, worker));

    let mut samples = Vec::new();
    for (worker, data) in data.iter().enumerate() {
        let sample = drive(&SortSample::new(order.clone()), &context(worker), vec![data.clone()], restore)?;
        samples.extend(sample.into_iter().map(|sample| from(worker, sample)));
    }
    let splitters = run(&SortSplitters::new(order.clone(), workers), &context(0), samples, 1, restore)?;
    assert!(splitters.iter().map(DataFrame::height).sum::<usize>() < workers);

    let range = order.range_partitioning();
    let partition = SortPartition::new(range.clone());
    let mut ranges: Vec<Vec<(usize, Batch)>> = vec![Vec::new(); workers];
    for (worker, data) in data.iter().enumerate() {
        // Some batches come after the splitters.
        let (early, late) = data.split_at(data.len() * 2 / 3);
        let mut given: Vec<_> = early.iter().map(|frame| from(worker, frame.clone())).collect();
        given.extend(splitters.iter().map(|frame| (1, Batch::new(frame.clone(), 0))));
        given.extend(late.iter().map(|frame| from(worker, frame.clone())));
        for frame in run(&partition, &context(worker), given, 2, restore)? {
            let targets = range_targets(&frame, &range)?;
            for (target, range) in ranges.iter_mut().enumerate() {
                let own = (0..).zip(&targets).filter(|(_, other)| **other as usize == target);
                let own: Vec<IdxSize> = own.map(|(row, _)| row).collect();
                if !own.is_empty() {
                    range.push(from(worker, gather(&frame, &own)?));
                }
            }
        }
    }
    let sort = SortRun::new(order.clone());
    let mut sent = Vec::new();
    for (worker, mut given) in ranges.into_iter().enumerate() {
        // Batches of different senders arrive interleaved, those of one sender in order.
        let mut turns = vec![0; workers];
        given.sort_by_cached_key(|(_, batch)| {
            turns[batch.origin()] += 1;
            (turns[batch.origin()], usize::MAX - batch.origin())
        });
        sent.push(whole(run(&sort, &context(worker), given, 1, restore)?, input));
    }
    Ok(sent)
}

fn every_direction(columns: usize) -> Vec<SortMultipleOptions> {
    let mut options = Vec::new();
    for descending in 0..1u32 << columns {
        for nulls_last in 0..1u32 << columns {
            let bits = |bits: u32| (0..columns).map(move |column| bits >> column & 1 == 1);
            let direction = SortMultipleOptions::default().with_order_descending_multi(bits(descending));
            options.push(direction.with_nulls_last_multi(bits(nulls_last)).with_multithreaded(false));
        }
    }
    options
}

#[test]
fn one_worker_equals_the_stable_sort_of_polars() {
    for (count, distinct) in [(0, 1), (1, 1), (50, 10), (250, 5), (250, 1_000_000)] {
        let input = rows(count, distinct);
        for by in [["number", "float"], ["text", "number"], ["constant", "text"]] {
            for options in every_direction(2) {
                let order = order(by, options);
                for batch_rows in [7, 64, 65_536] {
                    let given = vec![batches(&input, batch_rows)];
                    let sort = SortRun::new(order.clone());
                    let sent = drive(&sort, &single_worker(batch_rows), given, Restore::Never).unwrap();
                    assert!(sent.iter().all(|batch| batch.height() <= batch_rows));
                    let got = whole(sent, &input);
                    assert!(got.equals_missing(&sorted(&input, &order)), "{order} of {count}, batch_rows={batch_rows}");
                }
            }
        }
    }
}

#[test]
fn every_batch_size_and_restore() {
    let input = rows(90, 20);
    for by in ["number", "float", "text", "constant"] {
        for options in every_direction(1) {
            let order = order([by], options);
            let expected = sorted(&input, &order);
            for batch_rows in [1, 7, 65_536] {
                let given = vec![batches(&input, batch_rows)];
                let sort = SortRun::new(order.clone());
                let sent = drive(&sort, &single_worker(batch_rows), given, Restore::EveryBatch).unwrap();
                assert!(whole(sent, &input).equals_missing(&expected), "{order} batch_rows={batch_rows}");
            }
        }
    }
}

#[test]
fn every_type() {
    let input = rows(400, 60);
    let number = input.column("number").unwrap().as_materialized_series().clone();
    let text = number.cast(&DataType::String).unwrap();
    let mut keys: Vec<Column> = [
        DataType::Int8,
        DataType::UInt16,
        DataType::Float32,
        DataType::Date,
        DataType::Datetime(TimeUnit::Nanoseconds, None),
        DataType::Duration(TimeUnit::Milliseconds),
        DataType::Decimal(15, 2),
        DataType::Boolean,
    ]
    .iter()
    .map(|dtype| number.cast(dtype).unwrap().into_column())
    .collect();
    keys.push(text.cast(&DataType::Binary).unwrap().into_column());
    keys.push(text.cast(&DataType::from_categories(Categories::global())).unwrap().into_column());
    let names: Vec<String> = (-20..40).rev().map(|n| n.to_string()).collect();
    let names = FrozenCategories::new(names.iter().map(String::as_str)).unwrap();
    keys.push(text.cast(&DataType::from_frozen_categories(names)).unwrap().into_column());
    keys.push(Series::full_null("number".into(), 400, &DataType::Null).into_column());
    let fields = [number.clone().with_name("a".into()), text.with_name("b".into())];
    keys.push(StructChunked::from_series("number".into(), 400, fields.iter()).unwrap().into_series().into_column());
    for key in keys {
        let dtype = key.dtype().clone();
        let mut input = input.clone();
        input.with_column(key).unwrap();
        for options in every_direction(1) {
            let order = order(["number"], options.with_maintain_order(true));
            for (workers, batch_rows) in [(1, 32), (3, 32)] {
                let sent = distributed(&input, &order, workers, batch_rows, Restore::Never).unwrap();
                assert!(whole(sent, &input).equals_missing(&sorted(&input, &order)), "{order} of {dtype}");
            }
        }
    }
}

#[test]
fn several_workers_equal_polars() {
    for (count, distinct) in [(0, 1), (1, 1), (5, 3), (300, 3), (300, 1_000_000)] {
        let input = rows(count, distinct);
        for by in [["number", "text"], ["float", "constant"]] {
            for options in every_direction(2) {
                for (workers, batch_rows) in [(2, 65_536), (3, 50), (7, 16)] {
                    let what = format!("{count} rows, {workers} workers, {batch_rows} a batch");
                    let any = order(by, options.clone());
                    let sent = distributed(&input, &any, workers, batch_rows, Restore::Never).unwrap();
                    assert_sorted(&whole(sent, &input), &input, &any, &what);
                }
            }
        }
    }
}

#[test]
fn several_workers_restored_after_every_batch() {
    let input = rows(200, 30);
    for batch_rows in [1, 7, 65_536] {
        let order = order(["number"], SortMultipleOptions::default().with_maintain_order(true));
        let sent = distributed(&input, &order, 3, batch_rows, Restore::EveryBatch).unwrap();
        assert!(whole(sent, &input).equals_missing(&sorted(&input, &order)));
    }
}

#[test]
fn maintained_order_is_that_of_the_stream() {
    let input = rows(2_000, 9);
    for by in ["number", "constant"] {
        let order = order([by], SortMultipleOptions::default().with_maintain_order(true));
        for (workers, batch_rows) in [(1, 100), (4, 100), (4, 65_536)] {
            let sent = distributed(&input, &order, workers, batch_rows, Restore::Never).unwrap();
            assert!(whole(sent, &input).equals_missing(&sorted(&input, &order)), "{by} {workers} {batch_rows}");
        }
    }
}

#[test]
fn ranges_have_a_fair_share() {
    let sizes = |input: &DataFrame, by: &str| -> Vec<usize> {
        let order = order([by], SortMultipleOptions::default());
        let sent = distributed(input, &order, 4, 4_096, Restore::Never).unwrap();
        sent.iter().map(DataFrame::height).collect()
    };
    // Many more rows than the samples hold.
    let input = rows(60_000, 1_000_000);
    let even = sizes(&input, "row");
    assert!(even.iter().all(|size| (13_500..16_500).contains(size)), "{even:?}");
    // Two thirds of the rows are equal: one worker has them, the others divide the rest.
    let skewed = |n: u64| if pseudo_random(n).is_multiple_of(3) { pseudo_random(n + 7) % 1_000_000 } else { 500_000 };
    let mut input = input;
    input.with_column(Column::new("row".into(), (0..60_000).map(skewed).collect::<Vec<_>>())).unwrap();
    let mut skewed = sizes(&input, "row");
    skewed.sort_unstable();
    assert!((40_000..41_000).contains(&skewed[3]) && skewed[0] > 4_000, "{skewed:?}");
    // All rows are equal.
    let mut equal = sizes(&input, "constant");
    equal.sort_unstable();
    assert_eq!(equal, [0, 0, 0, 60_000]);
}

#[test]
fn samples_are_even_and_do_not_depend_on_batches() {
    let input = rows(50_000, 10);
    let sampler = SortSample::new(order(["row", "text"], SortMultipleOptions::default()));
    let sample = |batch_rows, restore| {
        let given = vec![batches(&input, batch_rows)];
        whole(drive(&sampler, &single_worker(batch_rows), given, restore).unwrap(), &input)
    };
    let drawn = sample(65_536, Restore::Never);
    assert!(drawn.equals_missing(&sample(97, Restore::EveryBatch)));
    assert!(drawn.equals_missing(&sample(1, Restore::Never)));
    assert_eq!(**drawn.schema(), sampler.schema(input.schema()).unwrap());
    assert_eq!(drawn.height(), 1_024);
    let weight: f64 = drawn.column("weight").unwrap().f64().unwrap().iter().flatten().sum();
    assert!((weight - 50_000.0).abs() < 1e-6);
    let mut rows: Vec<u64> = drawn.column("row").unwrap().u64().unwrap().iter().flatten().collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), 1_024);
    // Eight parts of the stream with 128 rows expected in each; five standard deviations are 53.
    for part in rows.chunk_by(|a, b| a / 6_250 == b / 6_250) {
        assert!((75..=181).contains(&part.len()), "{}", part.len());
    }
    // The text belongs to its row.
    let all = input.column("text").unwrap().str().unwrap();
    let texts = drawn.column("text").unwrap().str().unwrap();
    for (row, text) in drawn.column("row").unwrap().u64().unwrap().iter().flatten().zip(texts.iter()) {
        assert_eq!(text, all.get(row as usize));
    }
}

#[test]
fn a_small_stream_is_its_own_sample() {
    let input = df!("weight" => [3, 1, 2]).unwrap();
    let sampler = SortSample::new(order(["weight"], SortMultipleOptions::default()));
    let sent = drive(&sampler, &single_worker(2), vec![batches(&input, 2)], Restore::Never).unwrap();
    assert_eq!(sent, [df!("weight" => [3, 1, 2], "weight_" => [1.0, 1.0, 1.0]).unwrap()]);
    assert!(drive(&sampler, &single_worker(2), vec![vec![]], Restore::Never).unwrap().is_empty());
}

#[test]
fn errors_keep_their_kind() {
    let input = rows(10, 10);
    let missing = order(["nowhere"], SortMultipleOptions::default());
    let kind = |factory: &dyn OperatorFactory| {
        let given = vec![vec![input.clone()], vec![]];
        drive(factory, &single_worker(7), given, Restore::Never).unwrap_err().kind()
    };
    assert_eq!(kind(&SortRun::new(missing.clone())), ErrorKind::InvalidQuery);
    assert_eq!(kind(&SortSample::new(missing.clone())), ErrorKind::InvalidQuery);
    assert_eq!(SortSample::new(missing.clone()).schema(input.schema()).unwrap_err().kind(), ErrorKind::InvalidQuery);
    let order = order(["row"], SortMultipleOptions::default());
    for factory in [
        &SortRun::new(order.clone()) as &dyn OperatorFactory,
        &SortSample::new(order.clone()),
        &SortSplitters::new(order.clone(), 4),
        &SortPartition::new(order.range_partitioning()),
    ] {
        let mut channel = factory.create(&single_worker(7)).unwrap();
        for name in ["elsewhere", "run", "run x", "origin 1 2"] {
            let error = channel.restore(vec![(name.into(), input.clone())]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{} {name}", factory.describe());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_on_any_workers(
        values in proptest::collection::vec((proptest::option::of(-4i64..4), proptest::option::of("[a-c]{0,3}")), 0..120),
        descending in any::<[bool; 2]>(),
        nulls_last in any::<[bool; 2]>(),
        workers in 1usize..6,
        batch_rows in 1usize..40,
    ) {
        let input = df!(
            "number" => values.iter().map(|row| row.0).collect::<Vec<_>>(),
            "text" => values.iter().map(|row| row.1.clone()).collect::<Vec<_>>(),
            "row" => (0..values.len() as u64).collect::<Vec<_>>(),
        ).unwrap();
        let options = SortMultipleOptions::default()
            .with_order_descending_multi(descending)
            .with_nulls_last_multi(nulls_last)
            .with_multithreaded(false);
        let order = order(["number", "text"], options.with_maintain_order(true));
        let sent = distributed(&input, &order, workers, batch_rows, Restore::Never).unwrap();
        prop_assert!(whole(sent, &input).equals_missing(&sorted(&input, &order)));
    }
}

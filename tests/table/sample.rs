//! `sample_n`, `sample_frac`.

use quokka::prelude::*;

use super::message;
use crate::support::{chunked, context, numbers, setting, settings};

fn options() -> SampleOptions {
    SampleOptions::default()
}

fn ids(frame: &DataFrame) -> Vec<i64> {
    frame.column("id").unwrap().i64().unwrap().iter().flatten().collect()
}

fn many() -> DataFrame {
    chunked(&df!("id" => (0..600i64).collect::<Vec<_>>()).unwrap(), 90)
}

/// What `query` draws of `table`, which must be the same whatever the setting; sorted, unless it is `ordered`.
#[track_caller]
fn drawn(table: &DataFrame, ordered: bool, query: impl Fn(DataStream) -> DataStream) -> Vec<i64> {
    let draw = |index: usize| {
        let (name, context) = setting(index);
        let stream = query(context.from_df(table.clone()));
        let result = stream.collect().unwrap_or_else(|error| panic!("{name}: {}", error.report()));
        assert_eq!(result.schema(), &stream.schema().unwrap());
        let mut ids = ids(&result);
        if !ordered {
            ids.sort_unstable();
        }
        ids
    };
    let first = draw(0);
    for index in 1..settings() {
        assert_eq!(draw(index), first, "{}", setting(index).0);
    }
    first
}

#[test]
fn the_same_rows_are_drawn_whoever_draws_them() {
    let table = many();
    for with_replacement in [false, true] {
        let options = options().with_replacement(with_replacement).with_seed(5);
        for n in [0, 1, 50, 599, 600] {
            let sample = drawn(&table, false, |t| t.sample_n(n, options));
            assert_eq!(sample.len(), n as usize);
            let mut once = sample.clone();
            once.dedup();
            assert!(if with_replacement { n < 599 || once.len() < 500 } else { once.len() == sample.len() });
        }
        for fraction in [0.0, 0.1, 1.0] {
            let sample = drawn(&table, false, |t| t.sample_frac(fraction, options));
            let expected = 600.0 * fraction;
            assert!((sample.len() as f64 - expected).abs() <= 5.0 * expected.sqrt(), "{} rows", sample.len());
        }
    }
    assert_eq!(drawn(&table, false, |t| t.sample_n(1_000, options().with_replacement(true))).len(), 1_000);
    let seeded = |seed| drawn(&table, false, |t| t.sample_n(50, options().with_seed(seed)));
    assert_ne!(seeded(1), seeded(2));
    // A shuffled sample has an order, too.
    for options in [options().with_shuffle(true), options().with_shuffle(true).with_replacement(true)] {
        let shuffled = drawn(&table, true, |t| t.sample_frac(0.5, options));
        assert!(!shuffled.is_sorted());
        let shuffled = drawn(&table, true, |t| t.sample_n(100, options));
        assert!(!shuffled.is_sorted());
    }
}

#[test]
fn each_row_is_as_likely_as_the_others() {
    let table = df!("id" => (0..20i64).collect::<Vec<_>>()).unwrap();
    let mut counts = [0usize; 20];
    for seed in 0..400 {
        let sample = context().from_df(table.clone()).sample_n(5, options().with_seed(seed)).collect().unwrap();
        ids(&sample).into_iter().for_each(|id| counts[id as usize] += 1);
    }
    // 100 are expected, with a standard deviation of 8.7.
    assert!(counts.iter().all(|count| (56..=144).contains(count)), "{counts:?}");
}

#[test]
fn what_comes_before_counts() {
    let table = many();
    let filtered = drawn(&table, false, |t| {
        t.filter((col("id") % lit(3)).eq(lit(1)))
            .with_columns([(col("id") * lit(1)).alias("id")])
            .sample_n(40, options())
    });
    assert_eq!(filtered.len(), 40);
    assert!(filtered.iter().all(|id| id % 3 == 1));
    let descending = SortMultipleOptions::default().with_order_descending(true);
    let sorted = drawn(&table, false, |t| t.sort(["id"], descending.clone()).sample_n(40, options()));
    // The last row of the table is the first of the sort.
    let mirrored: Vec<i64> =
        drawn(&table, false, |t| t.sample_n(40, options())).iter().rev().map(|id| 599 - id).collect();
    assert_eq!(sorted, mirrored);
    let drawn_of_40 = drawn(&table, false, |t| t.sample_n(40, options()));
    // A limit of a sample leaves the sample as it is.
    let few = drawn(&table, false, |t| t.sample_n(40, options()).limit(5));
    assert!(few.len() == 5 && few.iter().all(|id| drawn_of_40.contains(id)));
    for options in [options(), options().with_replacement(true), options().with_shuffle(true)] {
        assert!(drawn(&table, false, |t| t.sample_n(40, options).limit(0)).is_empty());
        let skipped = drawn(&table, false, |t| t.sample_n(40, options).slice(38, 5));
        assert_eq!(skipped.len(), 2);
    }
    let groups = context().from_df(numbers()).group_by([col("id") % lit(50)]).agg([len()]);
    assert_eq!(groups.clone().sample_n(20, options()).collect().unwrap().height(), 20);
    assert_eq!(groups.sample_frac(1.0, options()).collect().unwrap().height(), 50);
    let above = drawn(&table, false, |t| t.sample_n(40, options()).filter(col("id").gt(lit(300))));
    assert_eq!(above, drawn_of_40.into_iter().filter(|id| *id > 300).collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_drawn() {
    for fraction in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
        let message = message(|t| t.sample_frac(fraction, options()));
        assert_eq!(message, format!("`sample_frac`: fraction {fraction} is not between 0 and 1"));
    }
    assert!(message(|t| t.sample_frac(-1.0, options().with_replacement(true))).contains("fraction -1 is negative"));
    let stream = || context().from_df(many());
    let error = stream().sample_n(601, options()).collect().unwrap_err();
    assert!(error.report().contains("601 rows are to be drawn, but there are 600"), "{}", error.report());
    // However few of them are wanted.
    for index in 0..settings() {
        let (name, context) = setting(index);
        let error = context.from_df(many()).sample_n(601, options()).limit(5).collect().unwrap_err();
        assert!(error.report().contains("601 rows are to be drawn, but there are 600"), "{name}: {}", error.report());
    }
    let error = stream().filter(lit(false)).sample_n(1, options().with_replacement(true)).collect().unwrap_err();
    assert!(error.report().contains("1 rows are to be drawn, but there are 0"), "{}", error.report());
    assert_eq!(stream().filter(lit(false)).sample_n(0, options()).collect().unwrap().height(), 0);
    assert_eq!(stream().filter(lit(false)).sample_frac(0.5, options()).collect().unwrap().height(), 0);
}

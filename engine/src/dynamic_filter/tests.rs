use std::sync::Arc;

use polars_core::df;
use polars_core::prelude::*;
use proptest::prelude::*;

use super::*;

/// A filter over all columns of `keys`, filled by `workers` workers, each with a part of the rows.
fn filled(keys: &DataFrame, nulls_equal: bool, workers: usize) -> DynamicFilter {
    let (filter, build) = build(keys, nulls_equal, workers, 1);
    build.complete();
    drop(build);
    Arc::try_unwrap(filter).unwrap()
}

fn names(frame: &DataFrame) -> Vec<PlSmallStr> {
    frame.get_column_names_owned()
}

fn build(keys: &DataFrame, nulls_equal: bool, workers: usize, processes: usize) -> (Arc<DynamicFilter>, FilterBuild) {
    let dtypes = keys.columns().iter().map(|column| column.dtype().clone()).collect();
    let filter = Arc::new(DynamicFilter::new(1, (0..keys.width()).collect(), dtypes, nulls_equal));
    let build = FilterBuild::new(filter.clone(), workers, processes);
    let share = keys.height().div_ceil(workers).max(1);
    let parts: Vec<DataFrame> = (0..workers).map(|worker| keys.slice((worker * share) as i64, share)).collect();
    for part in &parts {
        assert!(!build.is_laid_out());
        let mut summary = build.summary();
        // In two steps, as batches come.
        summary.add(&part.slice(0, 2), &names(keys)).unwrap();
        summary.add(&part.slice(2, part.height()), &names(keys)).unwrap();
        build.summarise(&summary);
    }
    assert!(build.is_laid_out());
    for part in &parts {
        build.insert(part, &names(keys), workers == 1).unwrap();
    }
    assert!(!filter.is_complete());
    (filter, build)
}

/// What several processes with parts of the keys know together.
fn merged(parts: &[DataFrame], nulls_equal: bool) -> DynamicFilter {
    let (filter, _) = build(&parts[0].clear(), nulls_equal, 1, parts.len());
    let merge = FilterMerge::new(filter.clone());
    for part in parts {
        merge.add(&build(part, nulls_equal, 2, parts.len()).1.to_bytes()).unwrap();
    }
    merge.complete();
    drop(merge);
    Arc::try_unwrap(filter).unwrap()
}

fn passing(filter: &DynamicFilter, rows: &DataFrame) -> Vec<bool> {
    let mask = filter.mask(rows, &names(rows)).unwrap();
    mask.map_or(vec![true; rows.height()], |mask| mask.iter().collect())
}

fn int(values: impl IntoIterator<Item = i64>) -> DataFrame {
    df!("k" => values.into_iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn close_integers_are_exact() {
    for workers in [1, 3] {
        let filter = filled(&int([5, -7, 1000, 64, 63, 5]), false, workers);
        let rows = int((-2000..2000).chain([i64::MIN, i64::MAX]));
        let expected = |value: i64| [5, -7, 1000, 64, 63].contains(&value);
        let values = (-2000..2000).chain([i64::MIN, i64::MAX]).map(expected);
        assert_eq!(passing(&filter, &rows), values.collect::<Vec<_>>());
    }
}

#[test]
fn integers_at_the_ends_of_their_type() {
    let filter = filled(&int([i64::MAX, i64::MAX - 100]), false, 1);
    assert_eq!(passing(&filter, &int([i64::MAX, i64::MIN, -1, i64::MAX - 1])), [true, false, false, false]);
    let filter = filled(&int([i64::MIN, i64::MIN + 100]), false, 1);
    assert_eq!(passing(&filter, &int([i64::MAX, i64::MIN, -1, i64::MIN + 1])), [false, true, false, false]);
    let filter = filled(&df!("k" => [u64::MAX, 1 << 63]).unwrap(), false, 1);
    assert_eq!(passing(&filter, &df!("k" => [u64::MAX, 0, 1 << 63]).unwrap()), [true, false, true]);
    let filter = filled(&df!("k" => [u64::MAX, u64::MAX - 5]).unwrap(), false, 1);
    assert_eq!(passing(&filter, &df!("k" => [u64::MAX, 0, 1 << 63]).unwrap()), [true, false, false]);
    let filter = filled(&df!("k" => [i8::MIN, i8::MAX]).unwrap(), false, 1);
    assert_eq!(passing(&filter, &df!("k" => [0i8, i8::MIN, i8::MAX, -1]).unwrap()), [false, true, true, false]);
}

#[test]
fn false_positives_are_few() {
    let spread = |rows: std::ops::Range<u64>| int(rows.map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64));
    let text = |rows: std::ops::Range<u64>| df!("k" => rows.map(|i| format!("key {i}")).collect::<Vec<_>>()).unwrap();
    let pairs = |rows: std::ops::Range<u64>| {
        let (a, b): (Vec<u64>, Vec<u64>) = rows.map(|i| (i % 300, i / 300)).unzip();
        df!("a" => a, "b" => b).unwrap()
    };
    // 43,690 keys times 12 bits are 8,192 words exactly, the fewest bits a key that there are.
    for keys in [43_000u64, 43_690, 60_000] {
        for (keys, others) in [
            (spread(0..keys), spread(keys..keys + 100_000)),
            (text(0..keys), text(keys..keys + 100_000)),
            (pairs(0..keys), pairs(keys..keys + 100_000)),
        ] {
            for filter in [filled(&keys, false, 1), filled(&keys, false, 4), merged(&halves(&keys), false)] {
                assert!(passing(&filter, &keys).into_iter().all(|passes| passes), "{filter:?}");
                let wrong = passing(&filter, &others).into_iter().filter(|passes| *passes).count();
                assert!(wrong < 2500, "{wrong} of 100000");
            }
        }
    }
}

/// The parts of two processes, as an exchange by hash distributes them.
fn halves(keys: &DataFrame) -> Vec<DataFrame> {
    let hashes = crate::hash::hash_rows(keys, &names(keys)).unwrap();
    let of = |process| {
        let mask: BooleanChunked = hashes.iter().map(|hash| crate::hash::part_of(*hash, 2) == process).collect();
        keys.filter_seq(&mask).unwrap()
    };
    vec![of(0), of(1)]
}

#[test]
fn nulls_match_only_if_they_are_equal() {
    let keys = df!("k" => [Some(3i64), None, Some(5)]).unwrap();
    let rows = df!("k" => [None, Some(5i64), Some(4)]).unwrap();
    for workers in [1, 2] {
        assert_eq!(passing(&filled(&keys, false, workers), &rows), [false, true, false]);
        assert_eq!(passing(&filled(&keys, true, workers), &rows), [true, true, false]);
    }
    let without = df!("k" => [3i64, 5]).unwrap();
    assert_eq!(passing(&filled(&without, true, 1), &rows), [false, true, false]);
    let only = df!("k" => [None::<i64>, None]).unwrap();
    assert_eq!(passing(&filled(&only, true, 1), &rows), [true, false, false]);
    let filter = filled(&only, false, 1);
    assert!(filter.is_empty());
    assert_eq!(passing(&filter, &rows), [false; 3]);
}

#[test]
fn no_keys_pass_no_row() {
    for parts in [filled(&int([]), false, 3), merged(&[int([]), int([])], false)] {
        assert!(parts.is_empty());
        assert_eq!(passing(&parts, &int([1, 2])), [false, false]);
        let bound = Series::new("".into(), [1i64]);
        assert!(!parts.may_match_between(0, &bound, &bound));
    }
}

#[test]
fn floats_are_equal_as_in_joins() {
    let keys = df!("k" => [0.0f64, 2.5]).unwrap();
    let rows = df!("k" => [-0.0f64, f64::NAN, 2.5]).unwrap();
    let filter = filled(&keys, false, 1);
    let found = passing(&filter, &rows);
    assert!(found[0] && found[2]);
    let between = |min: f64, max: f64| {
        filter.may_match_between(0, &Series::new("".into(), [min]), &Series::new("".into(), [max]))
    };
    assert!(between(-1.0, -0.0) && between(2.5, 9.0) && !between(3.0, 9.0) && !between(-2.0, -1.0));
    // Statistics say nothing of NaN, so a filter with NaN excludes nothing by them.
    let filter = filled(&df!("k" => [f64::NAN]).unwrap(), false, 1);
    assert!(passing(&filter, &df!("k" => [-f64::NAN]).unwrap())[0]);
    assert!(filter.may_match_between(0, &Series::new("".into(), [1.0]), &Series::new("".into(), [2.0])));
}

#[test]
fn bounds_and_gaps_rule_out_ranges() {
    let filter = filled(&int([100, 300, 310]), false, 1);
    let between = |min: Option<i64>, max: Option<i64>| {
        filter.may_match_between(0, &Series::new("".into(), [min]), &Series::new("".into(), [max]))
    };
    assert!(between(Some(0), Some(100)) && between(Some(310), Some(900)) && between(Some(250), Some(305)));
    assert!(!between(Some(0), Some(99)) && !between(Some(311), Some(900)));
    assert!(!between(Some(101), Some(299)) && !between(Some(301), Some(309)), "between two keys");
    assert!(between(None, Some(5)) && between(Some(900), None), "half a bound says nothing");
}

#[test]
fn bounds_of_several_keys_are_held_one_by_one() {
    let keys = df!("a" => [1i64, 5], "b" => ["m", "p"]).unwrap();
    let filter = filled(&keys, false, 1);
    let text = |text: &str| Series::new("".into(), [text]);
    let number = |number: i64| Series::new("".into(), [number]);
    assert!(filter.may_match_between(0, &number(2), &number(3)), "only single keys know their gaps");
    assert!(!filter.may_match_between(0, &number(6), &number(7)));
    assert!(
        !filter.may_match_between(1, &text("a"), &text("b")) && filter.may_match_between(1, &text("a"), &text("n"))
    );
}

#[test]
fn a_filter_that_is_not_complete_passes_everything() {
    let (filter, _) = build(&int([1]), false, 1, 1);
    assert!(filter.mask(&int([7]), &["k".into()]).unwrap().is_none());
    assert!(!filter.is_empty());
    let bound = Series::new("".into(), [7i64]);
    assert!(filter.may_match_between(0, &bound, &bound));
}

#[test]
fn too_many_keys_leave_only_bounds() {
    let mut summary = filled(&df!("k" => ["a", "b"]).unwrap(), false, 1).known.into_inner().unwrap().summary;
    summary.rows = 1 << 40;
    assert!(matches!(set::KeySet::new(&summary, 1, &[DataType::String]), set::KeySet::Any));
    // As many keys, close together.
    summary.extents = vec![extent::Extent::Integers { min: 0, max: 1 << 29 }];
    assert!(matches!(set::KeySet::new(&summary, 1, &[DataType::Int64]), set::KeySet::Any));
    summary.extents = vec![extent::Extent::Integers { min: 0, max: (1 << 29) - 1 }];
    assert!(matches!(set::KeySet::new(&summary, 1, &[DataType::Int64]), set::KeySet::Integers(_)));
}

#[test]
fn processes_know_together_what_one_would() {
    let rows = int(-100..100);
    let filter = merged(&[int([3, 90]), int([-80]), int([])], false);
    let expected: Vec<bool> = (-100..100).map(|value| [3, 90, -80].contains(&value)).collect();
    assert_eq!(passing(&filter, &rows), expected);
    // Sets that do not fit together: nothing is lost.
    let far = merged(&[int([3]), int([1 << 60])], false);
    assert_eq!(passing(&far, &int([3, 1 << 60])), [true, true]);
    assert!(!far.may_match_between(0, &Series::new("".into(), [-5i64]), &Series::new("".into(), [2i64])));
    let nulls = merged(&[df!("k" => [None, Some(1i64)]).unwrap(), int([2])], true);
    assert_eq!(passing(&nulls, &df!("k" => [None, Some(2i64), Some(7)]).unwrap()), [true, true, false]);
}

#[test]
fn damaged_parts_are_refused() {
    let merge = |bytes: &[u8]| {
        let filter = Arc::new(DynamicFilter::new(1, vec![0], vec![DataType::String], false));
        FilterMerge::new(filter).add(bytes)
    };
    let bytes = build(&df!("k" => ["a", "bc"]).unwrap(), false, 1, 2).1.to_bytes();
    merge(&bytes).unwrap();
    for length in 0..bytes.len() {
        assert!(merge(&bytes[..length]).is_err(), "{length}");
    }
    let mut wrong = bytes.clone();
    wrong[9] = 77;
    assert!(merge(&wrong).is_err());
}

#[test]
fn a_filter_that_drops_nothing_rests() {
    let usefulness = Usefulness::default();
    assert!(usefulness.is_due());
    assert!(!usefulness.record(100_000, 99_000));
    let due = (0..160).filter(|_| usefulness.is_due()).count();
    assert_eq!(due, 10);
    // Later it helps.
    while !usefulness.is_due() {}
    assert!(usefulness.record(1_000_000, 10));
    assert!(usefulness.is_due() && usefulness.is_due());
}

/// A column of small or spread values of some type.
fn column() -> impl Strategy<Value = Vec<Option<i64>>> {
    let value = prop_oneof![-50i64..50, any::<i64>()];
    prop::collection::vec(prop::option::weighted(0.9, value), 0..60)
}

fn typed(values: &[Option<i64>], kind: usize, name: &str) -> Column {
    let numbers = Int64Chunked::from_iter_options(name.into(), values.iter().copied());
    let series = match kind {
        0 => numbers.into_series(),
        1 => numbers.into_series().wrapping_cast(&DataType::Int32),
        2 => numbers.into_series().wrapping_cast(&DataType::UInt8),
        3 => numbers.into_series().wrapping_cast(&DataType::Date),
        4 => numbers.into_series().cast(&DataType::Float64).unwrap(),
        5 => numbers.into_series().cast(&DataType::String).unwrap(),
        6 => numbers
            .into_series()
            .cast(&DataType::Int128)
            .unwrap()
            .i128()
            .unwrap()
            .clone()
            .into_decimal_unchecked(38, 2)
            .into_series(),
        _ => numbers.iter().map(|value| value.map(|value| value % 2 == 0)).collect::<BooleanChunked>().into_series(),
    };
    series.with_name(name.into()).into_column()
}

trait Wrapping {
    fn wrapping_cast(&self, dtype: &DataType) -> Series;
}

impl Wrapping for Series {
    /// Values that fit no type become null.
    fn wrapping_cast(&self, dtype: &DataType) -> Series {
        let physical = if *dtype == DataType::Date { DataType::Int32 } else { dtype.clone() };
        self.cast(&physical).unwrap().cast(dtype).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_key_is_lost(
        a in column(),
        b in column(),
        kinds in (0usize..8, 0usize..8),
        two in any::<bool>(),
        nulls_equal in any::<bool>(),
        workers in 1usize..4,
        probe in column(),
    ) {
        let frame = |a: &[Option<i64>], b: &[Option<i64>]| {
            let rows = a.len().min(b.len());
            let mut columns = vec![typed(&a[..rows], kinds.0, "a")];
            if two {
                columns.push(typed(&b[..rows], kinds.1, "b"));
            }
            DataFrame::new(rows, columns).unwrap()
        };
        let keys = frame(&a, &b);
        let other = frame(&probe, &a);
        // Some rows with keys, some without, in two chunks.
        let rows = keys.slice(0, 20).vstack(&other).unwrap();
        let row = |frame: &DataFrame, row: usize| frame.get_row(row).unwrap().0.iter().map(|v| format!("{v:?}")).collect::<Vec<_>>();
        let known: std::collections::HashSet<Vec<String>> = (0..keys.height()).map(|i| row(&keys, i)).collect();
        let has_null = |values: &[String]| values.iter().any(|value| value == "Null");
        let names: Vec<PlSmallStr> = rows.schema().iter_names_cloned().collect();
        for filter in [filled(&keys, nulls_equal, workers), merged(&halves(&keys), nulls_equal)] {
            let drops_rows = filter.mask(&rows, &names).unwrap().is_some();
            for (i, passes) in passing(&filter, &rows).into_iter().enumerate() {
                let values = row(&rows, i);
                let matches = known.contains(&values) && (nulls_equal || !has_null(&values));
                prop_assert!(passes || !matches, "{values:?} is lost");
                if has_null(&values) && !nulls_equal && drops_rows {
                    prop_assert!(!passes, "{values:?} cannot match");
                }
                // Each value alone is between itself.
                for (key, column) in rows.columns().iter().enumerate() {
                    let value = column.as_materialized_series().slice(i as i64, 1);
                    prop_assert!(!matches || filter.may_match_between(key, &value, &value));
                }
            }
        }
    }
}

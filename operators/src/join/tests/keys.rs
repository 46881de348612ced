//! Every kind of key in every kind of join.

use super::*;

/// Small numbers without a pattern.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }

    fn values<T>(&mut self, rows: usize, limit: u64, nulls: bool, value: impl Fn(u64) -> T) -> Vec<Option<T>> {
        (0..rows)
            .map(|_| {
                let number = self.below(limit);
                (!nulls || self.below(8) > 0).then(|| value(number))
            })
            .collect()
    }
}

fn text(number: u64) -> String {
    match number % 3 {
        0 => format!("{number}"),
        1 => format!("twelve bytes{}", number % 10),
        _ => format!("a string that is too long to be inlined {number}"),
    }
}

fn floats(number: u64) -> f64 {
    match number {
        0 => f64::NAN,
        1 => -f64::NAN,
        2 => 0.0,
        3 => -0.0,
        _ => number as f64 / 3.0,
    }
}

fn key_column(kind: &str, name: &str, rows: usize, numbers: &mut Numbers) -> Column {
    let name: PlSmallStr = name.into();
    let integers = |numbers: &mut Numbers| Int64Chunked::from_iter(numbers.values(rows, 20, true, |n| n as i64 - 5));
    let strings = |numbers: &mut Numbers| StringChunked::from_iter(numbers.values(rows, 20, true, text));
    let series = match kind {
        "i64" => integers(numbers).into_series(),
        "i64 without nulls" => Int64Chunked::from_iter(numbers.values(rows, 20, false, |n| n as i64)).into_series(),
        "i8" => integers(numbers).into_series().cast(&DataType::Int8).unwrap(),
        "u32" => UInt32Chunked::from_iter(numbers.values(rows, 20, true, |n| n as u32)).into_series(),
        "bool" => BooleanChunked::from_iter(numbers.values(rows, 2, true, |n| n == 1)).into_series(),
        "f64" => Float64Chunked::from_iter(numbers.values(rows, 10, true, floats)).into_series(),
        "f32" => Float32Chunked::from_iter(numbers.values(rows, 10, true, |n| floats(n) as f32)).into_series(),
        "date" => integers(numbers).into_series().cast(&DataType::Int32).unwrap().cast(&DataType::Date).unwrap(),
        "datetime" => integers(numbers).into_series().cast(&DataType::Datetime(TimeUnit::Microseconds, None)).unwrap(),
        "decimal" => integers(numbers).into_series().cast(&DataType::Decimal(15, 2)).unwrap(),
        "string" => strings(numbers).into_series(),
        "binary" => strings(numbers).into_series().cast(&DataType::Binary).unwrap(),
        "categorical" => strings(numbers).into_series().cast(&DataType::from_categories(Categories::global())).unwrap(),
        "enum" => {
            let categories = FrozenCategories::new((0..20).map(text).collect::<Vec<_>>().iter().map(String::as_str));
            strings(numbers).into_series().cast(&DataType::from_frozen_categories(categories.unwrap())).unwrap()
        },
        "struct" | "nullable struct" => {
            let fields = [
                integers(numbers).into_series().cast(&DataType::Int8).unwrap().with_name("a".into()),
                BooleanChunked::from_iter(numbers.values(rows, 2, true, |n| n == 1))
                    .into_series()
                    .with_name("b".into()),
            ];
            let mut structs = StructChunked::from_series(name.clone(), rows, fields.iter()).unwrap();
            if kind == "nullable struct" {
                // Whatever lies below a null must not matter.
                structs = structs.with_outer_validity(Some((0..rows).map(|row| row % 5 > 0).collect()));
            }
            structs.into_series()
        },
        "list" => {
            let mut builder = ListPrimitiveChunkedBuilder::<Int64Type>::new(name.clone(), rows, rows, DataType::Int64);
            for number in numbers.values(rows, 6, true, |n| n as i64) {
                match number {
                    Some(number) => builder.append_slice(&[1, number, 3][..number as usize % 4]),
                    None => builder.append_null(),
                }
            }
            builder.finish().into_series()
        },
        "null" => Series::full_null(name.clone(), rows, &DataType::Null),
        other => panic!("no key of kind {other}"),
    };
    series.with_name(name).into_column()
}

/// Two frames with key columns of these kinds, named `k0`, `k1`, ... on the left and also on the right; with payload.
pub(super) fn frames(kinds: &[&str], rows: (usize, usize)) -> (DataFrame, DataFrame) {
    let mut numbers = Numbers(42);
    let mut keys = |rows: usize| -> Vec<Column> {
        kinds.iter().enumerate().map(|(i, kind)| key_column(kind, &format!("k{i}"), rows, &mut numbers)).collect()
    };
    let (mut left, mut right) = (keys(rows.0), keys(rows.1));
    left.push(Column::new("x".into(), (0..rows.0 as i32).collect::<Vec<_>>()));
    right.insert(
        0,
        Column::new("x".into(), (0..rows.1).map(|row| format!("right row number {row}")).collect::<Vec<_>>()),
    );
    right.push(Column::new("y".into(), (0..rows.1 as u64).map(|row| (row % 4 > 0).then_some(row)).collect::<Vec<_>>()));
    (DataFrame::new(rows.0, left).unwrap(), DataFrame::new(rows.1, right).unwrap())
}

fn check(kinds: &[&str], rows: (usize, usize)) {
    let (left, right) = frames(kinds, rows);
    let keys: Vec<String> = (0..kinds.len()).map(|i| format!("k{i}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    for how in ALL.into_iter().filter(|how| *how != JoinType::Cross) {
        for nulls_equal in [false, true] {
            let options = JoinOptions::new(how).with_nulls_equal(nulls_equal);
            let expected = oracle(&left, &right, (&keys, &keys), &options);
            for build in [Side::Left, Side::Right] {
                let options = options.clone().with_build(build);
                for cluster in CLUSTERS {
                    let result = run(&left, &right, (&keys, &keys), &options, cluster);
                    let what =
                        format!("{how} join on {kinds:?}, build {build}, nulls_equal {nulls_equal}, {cluster:?}");
                    assert_same_rows(&result, &expected, &what);
                }
            }
        }
    }
}

#[test]
fn integer_keys() {
    check(&["i64"], (60, 50));
    check(&["i64 without nulls"], (50, 60));
    check(&["i8"], (60, 50));
    check(&["u32"], (60, 50));
}

#[test]
fn float_keys() {
    check(&["f64"], (40, 30));
    check(&["f32"], (40, 30));
}

#[test]
fn temporal_keys() {
    check(&["date"], (60, 50));
    check(&["datetime"], (60, 50));
}

#[test]
fn string_keys() {
    check(&["string"], (60, 50));
    check(&["binary"], (60, 50));
}

#[test]
fn categorical_keys() {
    check(&["categorical"], (60, 50));
    check(&["enum"], (60, 50));
}

#[test]
fn nested_keys() {
    check(&["struct"], (60, 50));
    check(&["nullable struct"], (60, 50));
    check(&["struct", "string"], (60, 50));
    check(&["list"], (60, 50));
}

#[test]
fn several_keys_that_fit_a_word() {
    check(&["date", "bool"], (60, 50));
    check(&["i8", "bool", "u32"], (90, 80));
    check(&["enum", "i8"], (60, 50));
}

#[test]
fn several_keys_that_fit_two_words() {
    check(&["i64", "bool"], (60, 50));
    check(&["f64", "date"], (60, 50));
    check(&["decimal", "bool"], (60, 50));
}

#[test]
fn several_keys_that_are_hashed() {
    check(&["string", "bool"], (60, 50));
    check(&["i64", "i64 without nulls", "f64"], (200, 100));
    check(&["string", "binary"], (200, 100));
    check(&["decimal", "f64"], (60, 50));
}

#[test]
fn empty_sides() {
    for kinds in [["i64"], ["string"], ["struct"]] {
        check(&kinds, (0, 20));
        check(&kinds, (20, 0));
        check(&kinds, (0, 0));
    }
}

#[test]
fn null_typed_keys() {
    // Polars cannot join on a column of nulls alone; they behave as any other null key.
    let (left, right) = frames(&["null"], (3, 2));
    for build in [Side::Left, Side::Right] {
        let rows = |how, nulls_equal| {
            let options = JoinOptions::new(how).with_nulls_equal(nulls_equal).with_build(build);
            run(&left, &right, (&["k0"], &["k0"]), &options, CLUSTERS[1]).height()
        };
        assert_eq!([rows(JoinType::Inner, false), rows(JoinType::Inner, true)], [0, 6]);
        assert_eq!([rows(JoinType::Full, false), rows(JoinType::Full, true)], [5, 6]);
    }
}

#[test]
fn broadcast_build_side() {
    for kinds in [["i64"], ["string"]] {
        let (left, right) = frames(&kinds, (60, 50));
        for (how, build) in [
            (JoinType::Inner, Side::Left),
            (JoinType::Inner, Side::Right),
            (JoinType::Left, Side::Right),
            (JoinType::Right, Side::Left),
            (JoinType::Semi, Side::Right),
            (JoinType::Anti, Side::Right),
        ] {
            let options = JoinOptions::new(how).with_build(build).with_distribution(Distribution::Broadcast);
            let expected = oracle(&left, &right, (&["k0"], &["k0"]), &options);
            for cluster in CLUSTERS {
                let result = run(&left, &right, (&["k0"], &["k0"]), &options, cluster);
                assert_same_rows(&result, &expected, &format!("{how} {build} {cluster:?}"));
            }
        }
    }
}

#[test]
fn cross_joins() {
    let (left, right) = frames(&["string"], (11, 13));
    for (left, right) in [(&left, &right), (&left.clear(), &right), (&left, &right.clear())] {
        for build in [Side::Left, Side::Right] {
            for distribution in [Distribution::Broadcast, Distribution::Partitioned] {
                let options = JoinOptions::new(JoinType::Cross).with_build(build).with_distribution(distribution);
                let expected = oracle(left, right, (&[], &[]), &options);
                for cluster in CLUSTERS {
                    let result = run(left, right, (&[], &[]), &options, cluster);
                    assert_same_rows(&result, &expected, &format!("{build} {distribution} {cluster:?}"));
                }
            }
        }
    }
}

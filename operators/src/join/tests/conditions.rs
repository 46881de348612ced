//! Conditions besides equal keys, against a nested loop.

use polars_plan::prelude::{Expr, col, lit};

use super::*;

fn frames() -> (DataFrame, DataFrame) {
    let left = df!(
        "a" => (0..40i64).map(|i| (i % 7 != 3).then_some(i % 5)).collect::<Vec<_>>(),
        "v" => (0..40i32).map(|i| (i % 11 != 0).then_some(i * 37 % 50)).collect::<Vec<_>>(),
        "s" => (0..40).map(|i| format!("left string {i}")).collect::<Vec<_>>(),
    )
    .unwrap();
    let right = df!(
        "a" => (0..30i64).map(|i| (i % 6 != 3).then_some(i % 8)).collect::<Vec<_>>(),
        "v" => (0..30i32).map(|i| i * 17 % 50).collect::<Vec<_>>(),
        "t" => (0..30).map(|i| (i % 4 > 0).then(|| format!("right string {i}"))).collect::<Vec<_>>(),
    )
    .unwrap();
    (left, right)
}

/// Every pair that matches, as row numbers.
fn pairs(left: &DataFrame, right: &DataFrame, keys: &[&str], options: &JoinOptions) -> Vec<(u32, u32)> {
    let cross = oracle(
        &left.with_row_index("left row".into(), None).unwrap(),
        &right.with_row_index("right row".into(), None).unwrap(),
        (&[], &[]),
        &JoinOptions::new(JoinType::Cross),
    );
    let mut matches = options.condition.clone().unwrap();
    for key in keys {
        let (a, b) = (col(*key), col(format!("{key}_right")));
        matches = matches.and(if options.nulls_equal { a.eq_missing(b) } else { a.eq(b) });
    }
    let matching = cross.lazy().filter(matches).collect().unwrap();
    let rows = |name: &str| matching.column(name).unwrap().u32().unwrap().into_no_null_iter().collect::<Vec<_>>();
    rows("left row").into_iter().zip(rows("right row")).collect()
}

fn nested_loop(left: &DataFrame, right: &DataFrame, keys: &[&str], options: &JoinOptions) -> DataFrame {
    let pairs = pairs(left, right, keys, options);
    let lone = |rows: usize, taken: Vec<u32>| (0..rows as u32).filter(move |row| !taken.contains(row));
    let lone_left = lone(left.height(), pairs.iter().map(|pair| pair.0).collect());
    let lone_right = lone(right.height(), pairs.iter().map(|pair| pair.1).collect());
    let take = |frame: &DataFrame, rows: Vec<Option<u32>>| frame.take(&IdxCa::from_iter(rows)).unwrap();
    match options.how {
        JoinType::Anti => return take(left, lone_left.map(Some).collect()),
        JoinType::Semi => {
            let mut rows: Vec<u32> = pairs.iter().map(|pair| pair.0).collect();
            rows.dedup();
            return take(left, rows.into_iter().map(Some).collect());
        },
        _ => {},
    }
    let mut rows: Vec<(Option<u32>, Option<u32>)> = pairs.into_iter().map(|(l, r)| (Some(l), Some(r))).collect();
    if options.how.preserves(Side::Left) {
        rows.extend(lone_left.map(|row| (Some(row), None)));
    }
    if options.how.preserves(Side::Right) {
        rows.extend(lone_right.map(|row| (None, Some(row))));
    }
    let mut joined = take(left, rows.iter().map(|row| row.0).collect());
    for column in take(right, rows.iter().map(|row| row.1).collect()).columns() {
        let clashes = left.column(column.name()).is_ok();
        let name = if clashes { format!("{}_right", column.name()) } else { column.name().to_string() };
        joined.with_column(column.clone().with_name(name.into())).unwrap();
    }
    joined
}

fn check(keys: &[&str], condition: Expr) {
    let (left, right) = frames();
    for how in ALL.into_iter().filter(|how| keys.is_empty() || *how != JoinType::Cross) {
        for nulls_equal in [false, true] {
            for build in [Side::Left, Side::Right] {
                let options = JoinOptions::new(how)
                    .with_condition(condition.clone())
                    .with_coalesce(JoinCoalesce::KeepColumns)
                    .with_nulls_equal(nulls_equal)
                    .with_build(build)
                    .with_distribution(Distribution::Partitioned);
                let expected = nested_loop(&left, &right, keys, &options);
                for cluster in CLUSTERS {
                    let result = run(&left, &right, (keys, keys), &options, cluster);
                    let what = format!("{how} join if {condition}, build {build}, nulls {nulls_equal}, {cluster:?}");
                    assert_same_rows(&result, &expected, &what);
                }
            }
        }
    }
}

#[test]
fn comparisons_of_both_sides() {
    check(&["a"], col("v").lt(col("v_right")));
}

#[test]
fn conditions_on_one_side() {
    check(&["a"], col("v_right").gt(lit(25)));
    check(&["a"], col("v").gt(lit(25)));
}

#[test]
fn conditions_that_never_or_always_hold() {
    check(&["a"], lit(false));
    check(&["a"], lit(true));
}

#[test]
fn conditions_on_keys_and_strings() {
    check(&["a"], col("a_right").gt(lit(1)).and(col("s").str().ends_with(lit("2")).or(col("t").is_null())));
}

#[test]
fn conditions_without_keys() {
    check(&[], col("v").gt(col("v_right") + lit(20)));
}

#[test]
fn conditions_on_several_keys() {
    check(&["v", "a"], col("s").str().len_bytes().gt(lit(13)));
}

#[test]
fn a_condition_must_be_a_boolean_of_known_columns() {
    let (left, right) = frames();
    for condition in [col("nowhere").gt(lit(1)), col("v") + lit(1)] {
        let options = JoinOptions::new(JoinType::Inner).with_condition(condition);
        assert!(try_plan(&left, &right, (&["a"], &["a"]), &options).is_err());
    }
}

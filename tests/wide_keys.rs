//! Arrays and numbers of 128 bits as keys.

use polars_core::prelude::{BooleanChunked, ReshapeDimension};
use quokka::prelude::*;

use crate::support::{Rows, check, check_against, chunked};

/// Rows with a key and two more that are equal where it is: a pair of numbers, and a number of 128 bits.
fn rows(name: &str, count: i64, by: i64) -> DataFrame {
    let key = |row: i64| (row % 11 != 3).then_some(row * by % 17);
    let keys: Vec<Option<i64>> = (0..count).map(key).collect();
    let items = (0..2 * count).map(|item| key(item / 2).map(|key| if item % 2 == 0 { key / 5 } else { key % 5 }));
    let items = Series::new("pair".into(), items.collect::<Vec<_>>());
    let pairs = items.reshape_array(&[ReshapeDimension::new(-1), ReshapeDimension::new(2)]).unwrap();
    let known: BooleanChunked = keys.iter().map(|key| Some(key.is_some())).collect();
    let nulls = Series::full_null("pair".into(), count as usize, pairs.dtype());
    let wide = Series::new("wide".into(), &keys).cast(&DataType::UInt128).unwrap();
    let columns = vec![
        Column::new("key".into(), &keys),
        pairs.zip_with(&known, &nulls).unwrap().into_column(),
        wide.into_column(),
        Column::new(name.into(), (0..count).collect::<Vec<_>>()),
    ];
    chunked(&DataFrame::new(count as usize, columns).unwrap(), 30)
}

const KEYS: [&[&str]; 3] = [&["pair"], &["wide"], &["wide", "pair"]];

#[test]
fn groups() {
    let frame = rows("id", 200, 7);
    for keys in KEYS {
        let by: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
        let aggs = || [col("key").first().alias("of"), len(), col("id").sum()];
        let groups = |t: DataStream| t.group_by(&by).agg(aggs()).select([col("of"), col("len"), col("id")]);
        check(
            [&frame],
            Rows::AnyOrder,
            |[t]| groups(t),
            |[t]| t.group_by([col("key")]).agg(aggs()).select([col("of"), col("len"), col("id")]),
        );
        // Aggregates that need whole groups.
        let medians = |t: DataStream| t.group_by(&by).agg([col("key").max(), col("id").median()]);
        check(
            [&frame],
            Rows::AnyOrder,
            |[t]| medians(t).select([col("key"), col("id")]),
            |[t]| t.group_by([col("key")]).agg([col("id").median()]).select([col("key"), col("id")]),
        );
    }
}

#[test]
fn distinct_rows() {
    let frame = rows("id", 200, 7);
    let expected = frame.select(["key", "pair", "wide"]).unwrap();
    let expected = expected.unique_stable(Some(&["key".to_owned()]), UniqueKeepStrategy::First, None).unwrap();
    let columns = || [col("key"), col("pair"), col("wide")];
    check_against([&frame], Rows::AnyOrder, |[t]| t.select(columns()).distinct(), &expected);
    for keys in KEYS {
        let subset = || Some(cols(keys.to_vec()));
        let first = |t: DataStream| t.unique(subset(), UniqueKeepStrategy::First).select(columns());
        check_against([&frame], Rows::AnyOrder, |[t]| first(t), &expected);
        check(
            [&frame],
            Rows::AnyOrder,
            |[t]| t.select(keys.iter().map(|key| col(*key).n_unique()).collect::<Vec<_>>()),
            |[t]| t.select(keys.iter().map(|key| col("key").n_unique().alias(*key)).collect::<Vec<_>>()),
        );
    }
}

#[test]
fn joins() {
    let (left, right) = (rows("id", 120, 7), rows("other", 40, 5));
    let columns = |how: &JoinType| match how {
        JoinType::Semi | JoinType::Anti => vec![col("id")],
        _ => vec![col("id"), col("other")],
    };
    for how in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full, JoinType::Semi, JoinType::Anti] {
        for nulls_equal in [false, true] {
            let args = || JoinArgs { nulls_equal, ..JoinArgs::new(how.clone()) };
            for keys in KEYS {
                let by: Vec<Expr> = keys.iter().map(|key| col(*key)).collect();
                check(
                    [&left, &right],
                    Rows::AnyOrder,
                    |[l, r]| l.join(r, &by, &by, args()).select(columns(&how)),
                    |[l, r]| l.join(r, [col("key")], [col("key")], args()).select(columns(&how)),
                );
            }
        }
    }
}

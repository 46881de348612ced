use std::collections::HashMap;
use std::sync::Arc;

use polars_core::df;
use polars_core::prelude::*;

use super::{GroupTable, Groups, Index};

/// Looks up a frame in batches of some sizes, and compares with groups by the text of the keys.
fn check(frame: &DataFrame) -> GroupTable {
    let text = |row: usize| format!("{:?}", frame.get(row).unwrap());
    for size in [1, 7, 64, 10_000] {
        let mut table = GroupTable::new(frame.schema().clone());
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut groups = Groups::default();
        for start in (0..frame.height()).step_by(size) {
            let batch = frame.slice(start as i64, size);
            table.lookup(batch.columns(), &mut groups).unwrap();
            let mut founders = Vec::new();
            for row in 0..batch.height() {
                let next = known.len() as u32;
                let group = *known.entry(text(start + row)).or_insert_with(|| {
                    founders.push(row as u32);
                    next
                });
                assert_eq!(groups.of_rows[row], group, "row {} of {size}: {}", start + row, text(start + row));
            }
            assert_eq!(groups.founders, founders);
            assert_eq!(table.len(), known.len());
        }
        let keys = table.take();
        assert_eq!(keys.schema(), frame.schema());
        for row in 0..keys.height() {
            assert_eq!(known[&format!("{:?}", keys.get(row).unwrap())], row as u32);
        }
        assert_eq!(table.len(), 0);
    }
    let mut table = GroupTable::new(frame.schema().clone());
    table.lookup(frame.columns(), &mut Groups::default()).unwrap();
    table
}

fn strings(lengths: impl Iterator<Item = usize>) -> Vec<Option<String>> {
    lengths.enumerate().map(|(i, len)| (i % 13 > 0).then(|| format!("{:0len$}", i % 31))).collect()
}

#[test]
fn one_word() {
    let frame = df!("a" => (0..5000).map(|i| i % 1733).collect::<Vec<i64>>()).unwrap();
    assert!(matches!(check(&frame).index, Index::Narrow(..)));
    let frame = df!("a" => (0..500).map(|i| (i % 3 > 0).then_some(i % 17)).collect::<Vec<Option<i16>>>(), "b" => strings((0..500).map(|i| i % 3))).unwrap();
    assert!(matches!(check(&frame).index, Index::Narrow(..)));
}

#[test]
fn two_words() {
    let frame =
        df!("a" => (0..500).map(|i| i % 173).collect::<Vec<i64>>(), "b" => strings((0..500).map(|i| i % 8))).unwrap();
    assert!(matches!(check(&frame).index, Index::Wide(..)));
    let frame = df!("a" => (0..500).map(|i| i as f64 * 0.5 % 7.0).collect::<Vec<f64>>(), "b" => (0..500).map(|i| i % 11).collect::<Vec<u64>>()).unwrap();
    assert!(matches!(check(&frame).index, Index::Wide(..)));
}

#[test]
fn long_strings_with_other_columns() {
    let texts = strings((0..500).map(|i| i % 40));
    let frame = df!("a" => texts.clone(), "b" => (0..500).map(|i| i % 11).collect::<Vec<u64>>()).unwrap();
    assert!(matches!(check(&frame).index, Index::Wide(..)));
    let frame = df!("a" => texts, "b" => strings((0..500).map(|i| i % 20))).unwrap();
    assert!(matches!(check(&frame).index, Index::Narrow(..)));
}

#[test]
fn bytes() {
    let texts = strings((0..500).map(|i| i % 40));
    let frame = df!("a" => texts.clone()).unwrap();
    assert!(matches!(check(&frame).index, Index::Bytes(_)));
    let numbers = (0..500).map(|i| i % 11).collect::<Vec<u64>>();
    let frame = df!("a" => texts, "b" => numbers.clone(), "c" => numbers).unwrap();
    assert!(matches!(check(&frame).index, Index::Bytes(_)));
}

#[test]
fn layouts_that_grow() {
    let texts = strings((0..600).map(|i| i / 30));
    let numbers: Vec<Option<i64>> = (0..600).map(|i| (i < 200 || i % 3 > 0).then_some(i % 5)).collect();
    let frame = df!("a" => texts, "b" => numbers).unwrap();
    assert!(matches!(check(&frame).index, Index::Wide(..)));
    let twice = frame.hstack(&[frame.column("b").unwrap().clone().with_name("c".into())]).unwrap();
    assert!(matches!(check(&twice).index, Index::Bytes(_)));
    assert!(matches!(check(&frame.select(["a"]).unwrap()).index, Index::Bytes(_)));
    assert!(matches!(check(&frame.select(["b"]).unwrap()).index, Index::Wide(..)));
}

#[test]
fn decimals_of_any_width() {
    let values =
        |limit: i128| (0..300).map(|i| (i % 7 > 0).then_some(i128::from(i % 50) * limit / 50)).collect::<Vec<_>>();
    let decimals = |values| {
        let numbers = Int128Chunked::from_iter_options("a".into(), std::iter::IntoIterator::into_iter(values));
        DataFrame::new(300, vec![numbers.into_decimal_unchecked(38, 2).into_series().into_column()]).unwrap()
    };
    assert!(matches!(check(&decimals(values(1000))).index, Index::Wide(..)));
    assert!(matches!(check(&decimals(values(i128::MAX / 50))).index, Index::Bytes(_)));
    let mut growing = values(1000);
    growing.splice(200.., values(i128::MAX / 50).into_iter().take(100));
    assert!(matches!(check(&decimals(growing)).index, Index::Bytes(_)));
}

#[test]
fn floats_that_are_equal_as_keys() {
    let frame =
        df!("a" => [0.0, -0.0, f64::NAN, -f64::NAN, 1.0], "b" => [0f32, -0.0, f32::NAN, -f32::NAN, 1.0]).unwrap();
    for keys in [vec!["a"], vec!["b"], vec!["a", "b"]] {
        let keys = frame.select(keys).unwrap();
        let mut table = GroupTable::new(keys.schema().clone());
        let mut groups = Groups::default();
        table.lookup(keys.columns(), &mut groups).unwrap();
        assert_eq!(groups.of_rows, [0, 0, 1, 1, 2]);
        assert_eq!(groups.founders, [0, 2, 4]);
    }
}

#[test]
fn categories_keep_their_type() {
    let dtype = DataType::from_categories(Categories::global());
    let column = Series::new("a".into(), ["x", "y", "x"]).cast(&dtype).unwrap().into_column();
    let mut table = GroupTable::new(Arc::new(Schema::from_iter([Field::new("a".into(), dtype.clone())])));
    let mut groups = Groups::default();
    table.lookup(&[column], &mut groups).unwrap();
    assert_eq!(groups.of_rows, [0, 1, 0]);
    assert_eq!(table.take().columns()[0], Series::new("a".into(), ["x", "y"]).cast(&dtype).unwrap().into_column());
}

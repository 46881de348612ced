//! Distinct rows.

use std::collections::HashSet;

use quokka_engine::error::ErrorKind;

use super::super::AggregatePlan;
use super::{RUNS, all_types, by_row, execute};

#[test]
fn of_all_columns() {
    let frame = all_types(300).select(["u8", "boolean", "string"]).unwrap();
    let plan = AggregatePlan::distinct(None, frame.schema()).unwrap();
    assert_eq!(plan.output_schema(), frame.schema());
    let expected: HashSet<String> = by_row(&frame).into_iter().collect();
    for run in RUNS {
        let rows = by_row(&execute(&plan, &frame, run).unwrap());
        assert_eq!(rows.len(), expected.len());
        assert_eq!(rows.into_iter().collect::<HashSet<_>>(), expected);
    }
}

#[test]
fn of_some_columns_keeps_whole_rows() {
    let frame = all_types(300);
    let subset = ["boolean".into(), "u8".into()];
    let plan = AggregatePlan::distinct(Some(&subset), frame.schema()).unwrap();
    assert_eq!(plan.output_schema(), frame.schema());
    let rows: HashSet<String> = by_row(&frame).into_iter().collect();
    let keys: HashSet<String> = by_row(&frame.select(subset.clone()).unwrap()).into_iter().collect();
    for run in RUNS {
        let result = execute(&plan, &frame, run).unwrap();
        assert_eq!(result.height(), keys.len());
        assert_eq!(by_row(&result.select(subset.clone()).unwrap()).into_iter().collect::<HashSet<_>>(), keys);
        assert!(by_row(&result).iter().all(|row| rows.contains(row)));
    }
}

#[test]
fn of_no_rows() {
    let frame = all_types(10).clear();
    for subset in [None, Some(&["u8".into()][..])] {
        let plan = AggregatePlan::distinct(subset, frame.schema()).unwrap();
        assert_eq!(execute(&plan, &frame, RUNS[0]).unwrap(), frame);
    }
}

#[test]
fn of_unknown_columns() {
    let frame = all_types(10);
    let error = AggregatePlan::distinct(Some(&["absent".into()]), frame.schema()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    let error = AggregatePlan::distinct(Some(&["u8".into(), "u8".into()]), frame.schema()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
}

//! Batches of arrow-rs.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use quokka::prelude::*;

use crate::support::{context, numbers};

#[test]
fn out_and_in_again() {
    let frame = numbers();
    let context = context();
    let mut batches = context.from_df(frame.clone()).sort(["id"], Default::default()).collect_arrow().unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), frame.height());
    let again = context.from_arrow(batches.clone()).unwrap().sort(["id"], Default::default()).collect().unwrap();
    assert!(again.equals_missing(&frame));
    batches.truncate(1);
    let schema = batches[0].schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "key", "value", "text", "flag", "real"]);
}

#[test]
fn no_rows_keep_their_columns() {
    let context = context();
    let batches = context.from_df(numbers()).filter(lit(false)).collect_arrow().unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    assert_eq!(batches[0].num_columns(), 6);
    let again = context.from_arrow(batches).unwrap();
    assert_eq!(again.schema().unwrap(), context.from_df(numbers()).schema().unwrap());
    assert_eq!(again.collect().unwrap().height(), 0);
}

#[test]
fn values_are_not_copied() {
    let numbers: Int64Array = (0..1000).collect();
    let address = numbers.values().as_ptr();
    let texts: StringViewArray =
        (0..1000).map(|i| Some(format!("a text that is too long to be inlined: {i}"))).collect();
    let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as ArrayRef), ("t", Arc::new(texts))]).unwrap();
    let frame = context().from_arrow([batch]).unwrap().collect().unwrap();
    assert_eq!(frame.height(), 1000);
    let first = frame.column("n").unwrap().as_materialized_series().i64().unwrap().downcast_iter().next().unwrap();
    assert_eq!(first.values().as_slice().as_ptr(), address);
}

#[test]
fn batches_must_agree() {
    let one: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let two: ArrayRef = Arc::new(StringViewArray::from(vec!["x"]));
    let batches = [("a", one), ("a", two)].map(|column| RecordBatch::try_from_iter([column]).unwrap());
    let error = context().from_arrow(batches).unwrap_err();
    assert!(error.report().starts_with("cannot open `record batches`: "), "{}", error.report());
    assert!(context().from_arrow([]).unwrap_err().report().contains("there is no batch"));
}

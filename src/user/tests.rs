//! One channel at a time, without a dataflow.

use std::sync::Arc;

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, Field, Schema, SchemaRef};
use quokka_engine::operator::OperatorFactory;
use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
use quokka_engine::plan::Channels;

use super::*;

fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    fields.iter().map(|(name, dtype)| Field::new((*name).into(), dtype.clone())).collect::<Schema>().into()
}

fn whole(sent: Vec<DataFrame>) -> DataFrame {
    sent.into_iter().reduce(|whole, batch| whole.vstack(&batch).unwrap()).unwrap()
}

#[test]
fn a_long_result_is_cut_into_batches() {
    let rows = df!("a" => (0..20i64).collect::<Vec<_>>()).unwrap();
    let function = |batch: DataFrame| -> Result<DataFrame, UserError> { Ok(batch.vstack(&batch)?.vstack(&batch)?) };
    let function = BatchFunction::new(rows.schema().clone(), &MapOptions::default(), function);
    let map = MapBatches::new(Arc::new(function), rows.schema().clone());
    for batch_rows in [1, 7, 65_536] {
        let given = vec![batches(&rows, batch_rows)];
        let sent = drive(&map, &single_worker(batch_rows), given, Restore::EveryBatch).unwrap();
        assert!(sent.iter().all(|batch| (1..=batch_rows).contains(&batch.height())));
        let sum: i64 = whole(sent).column("a").unwrap().i64().unwrap().iter().flatten().sum();
        assert_eq!(sum, 3 * 190);
    }
}

#[test]
fn small_frames_are_put_together() {
    let rows = df!("a" => (0..20i64).collect::<Vec<_>>()).unwrap();
    let mut delivery = delivery::Delivery::new("many", rows.schema().clone(), 7);
    batches(&rows, 1).into_iter().for_each(|row| delivery.push(row).unwrap());
    assert_eq!(delivery.bytes(), 20 * 8);
    let sent: Vec<DataFrame> = std::iter::from_fn(|| delivery.pop()).collect();
    assert_eq!(sent.iter().map(DataFrame::height).collect::<Vec<_>>(), [7, 7, 6]);
    assert_eq!(whole(sent), rows);
    assert!(delivery.is_empty());
    assert_eq!(delivery.bytes(), 0);
}

/// For 5 keys and null, the number of rows of both sides.
fn cogroup() -> UserOperatorFactory {
    let key = schema(&[("k", DataType::Int64)]);
    let made = schema(&[("k", DataType::Int64), ("left", DataType::UInt32), ("right", DataType::UInt32)]);
    let rows = schema(&[("k", DataType::Int64), ("v", DataType::Decimal(10, 2))]);
    let side = || CoGroupSide { keys: vec!["k".into()], rows: rows.clone() };
    let seen = rows.clone();
    let function = move |keys: DataFrame, left: DataFrame, right: DataFrame| -> Result<DataFrame, UserError> {
        assert_eq!((left.schema(), right.schema()), (&seen, &seen));
        let of = [("left", left), ("right", right)];
        let counts = of.map(|(name, side)| Column::new(name.into(), [side.height() as u32]));
        Ok(keys.hstack(&counts)?)
    };
    let operator = CoGroup::new(key, [side(), side()], made.clone(), function);
    UserOperatorFactory::new(
        Arc::new(UserOperator::new(Arc::new(operator), 2)),
        vec![rows.clone(), rows],
        made,
        Channels::All,
    )
}

#[test]
fn the_state_of_a_cogroup_can_be_written_out() {
    // As they lie in batches.
    let rows = |count: i64| {
        let keys: Vec<Option<i64>> = (0..count).map(|i| (i % 6 != 5).then_some(i % 6)).collect();
        df!("k" => keys, "v" => (0..count).collect::<Vec<_>>()).unwrap()
    };
    let (left, right) = (rows(33), rows(4));
    for batch_rows in [1, 7, 65_536] {
        for restore in [Restore::Never, Restore::EveryBatch] {
            let given = vec![batches(&left, batch_rows), batches(&right, batch_rows)];
            let sent = drive(&cogroup(), &single_worker(batch_rows), given, restore).unwrap();
            let made = whole(sent).sort(["k"], Default::default()).unwrap();
            let expected = df!(
                "k" => [None, Some(0i64), Some(1), Some(2), Some(3), Some(4)],
                "left" => [5u32, 6, 6, 6, 5, 5], "right" => [0u32, 1, 1, 1, 1, 0]
            );
            assert!(made.equals_missing(&expected.unwrap()), "{made}");
        }
    }
    let mut channel = cogroup().create(&single_worker(7)).unwrap();
    let error = channel.restore(vec![("elsewhere".into(), left)]).unwrap_err();
    assert_eq!(error.kind(), quokka_engine::error::ErrorKind::InvalidData);
}

#[test]
fn state_is_weighed() {
    let rows = df!("k" => [1i64, 2], "v" => [3i64, 4]).unwrap();
    let mut channel = cogroup().create(&single_worker(7)).unwrap();
    assert_eq!(channel.state_bytes(), 0);
    let mut output = Output::default();
    let batch = quokka_engine::batch::Batch::new(rows, 0);
    assert_eq!(channel.on_batch(0, batch, &mut output).unwrap(), Progress::Done);
    assert!(channel.state_bytes() >= 2 * (8 + 16));
}

#[test]
fn contracts_are_object_safe() {
    fn takes(_: Option<(&dyn InputReader, &dyn StatefulOperator, &dyn StatefulChannel)>) {}
    takes(None);
}

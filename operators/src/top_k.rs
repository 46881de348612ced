//! The first rows of a sort order.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use polars_core::frame::DataFrame;
use polars_core::prelude::IdxSize;
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};
use quokka_engine::partitioning::{RangePartitioning, range_targets};

use crate::detach::detach;
use crate::gather::gather;
use crate::ordered_batches::{OrderedBatches, concatenate};
use crate::slices::Slices;
use crate::sort::SortOrder;

/// The first `k` rows of a sort order, in order: what `sort` and `limit` yield, in little memory.
///
/// Over all workers, one is fused to what feeds it, so that no worker sends more than `k` rows, and the same again runs on
/// worker 0 behind a gather.
///
/// Blocks; holds up to `2 k` rows, or a batch if that is more. Rows that stand behind `k` known rows by the first column are
/// dropped as they come. Among equal rows, with or without `maintain_order`, those that come first in the stream stay: by
/// the worker that sent them, then as they were sent.
///
/// ```
/// use polars_core::df;
/// use polars_core::prelude::SortMultipleOptions;
/// use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
/// use quokka_operators::sort::SortOrder;
/// use quokka_operators::top_k::TopK;
///
/// let rows = df!("a" => [3, 1, 2, 5, 4]).unwrap();
/// let descending = SortMultipleOptions::default().with_order_descending(true);
/// let top = TopK::new(SortOrder::new(["a"], descending).unwrap(), 2);
/// let sent = drive(&top, &single_worker(65_536), vec![batches(&rows, 2)], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("a" => [5, 4]).unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct TopK {
    order: SortOrder,
    k: usize,
}

impl TopK {
    /// The first `k` rows by `order`.
    pub fn new(order: SortOrder, k: usize) -> Self {
        Self { order, k }
    }
}

impl OperatorFactory for TopK {
    fn describe(&self) -> Description {
        Description::blocks("top-k").with("by", &self.order).with("k", self.k)
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(TopKChannel {
            order: self.order.clone(),
            k: self.k,
            batch_rows: context.batch_rows,
            held: OrderedBatches::default(),
            cut_off: None,
            result: Slices::default(),
        }))
    }
}

struct TopKChannel {
    order: SortOrder,
    k: usize,
    batch_rows: usize,
    held: OrderedBatches,
    /// Two ranges by the first column: up to a row that `k` rows stand before or with, and behind it.
    cut_off: Option<RangePartitioning>,
    result: Slices,
}

impl TopKChannel {
    fn add(&mut self, origin: usize, frame: DataFrame) -> Result<(), OperatorError> {
        self.held.push(Batch::new(frame, origin));
        if self.held.rows() > self.k.saturating_mul(2).max(self.batch_rows) { self.compact() } else { Ok(()) }
    }

    /// Drops all rows but the first `k`.
    fn compact(&mut self) -> Result<(), OperatorError> {
        let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
        let mut rows = 0;
        let held = self.held.take_with_origins().map(|(origin, frame)| {
            rows += frame.height();
            ends.insert(origin, rows);
            frame
        });
        let Some(mut frame) = concatenate(held)? else { return Ok(()) };
        frame.rechunk_mut();
        let mut first = self.first(&frame)?;
        if let Some(last) = first.last() {
            let mut cut_off = self.order.first_column();
            cut_off.splitters = Arc::new(OnceLock::from(self.order.columns_of(&gather(&frame, &[*last])?)?));
            self.cut_off = Some(cut_off);
        }
        // Rows go back as they stood, so that equal rows keep their order.
        first.sort_unstable();
        let mut rows = first.as_slice();
        for (origin, end) in ends {
            let (own, others) = rows.split_at(rows.partition_point(|row| (*row as usize) < end));
            rows = others;
            if !own.is_empty() {
                self.held.push(Batch::new(detach(gather(&frame, own)?)?, origin));
            }
        }
        Ok(())
    }

    /// The indices of the first `k` rows of `frame`, in order.
    fn first(&self, frame: &DataFrame) -> Result<Vec<IdxSize>, OperatorError> {
        let mut rows = self.order.sorted_indices(frame)?;
        rows.truncate(self.k);
        Ok(rows)
    }
}

impl Operator for TopKChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        let origin = batch.origin();
        let mut frame = batch.into_frame();
        if let Some(cut_off) = &self.cut_off {
            let ranges = range_targets(&frame, cut_off)?;
            let rows: Vec<IdxSize> = (0..).zip(&ranges).filter(|(_, range)| **range == 0).map(|(row, _)| row).collect();
            if rows.is_empty() {
                return Ok(Progress::Done);
            }
            if rows.len() < frame.height() {
                frame = gather(&frame, &rows)?;
            }
        }
        self.add(origin, frame)?;
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<Progress, OperatorError> {
        let Some(mut frame) = concatenate(self.held.take())? else { return Ok(Progress::Done) };
        frame.rechunk_mut();
        self.result = Slices::new(gather(&frame, &self.first(&frame)?)?);
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        Ok(self.result.push_next(self.batch_rows, output))
    }

    fn is_satisfied(&self) -> bool {
        self.k == 0
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(self.held.snapshot()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.into_iter().try_for_each(|(name, frame)| self.held.restore(&name, frame))
    }

    fn state_bytes(&self) -> usize {
        self.held.bytes() + self.result.bytes()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::prelude::SortMultipleOptions;
    use proptest::prelude::*;
    use quokka_engine::error::ErrorKind;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;

    fn rows(count: usize, distinct: usize) -> DataFrame {
        let number = |n: usize| n.wrapping_mul(7_919) % 1_009 % distinct;
        df!(
            "number" => (0..count).map(|n| (n % 7 != 3).then(|| number(n) as i64 - 5)).collect::<Vec<_>>(),
            "float" => (0..count).map(|n| [f64::NAN, -0.0, 0.0, 7.5, number(n) as f64][n % 5]).collect::<Vec<_>>(),
            "text" => (0..count).map(|n| (n % 4 != 0).then(|| format!("text {}", number(n + 1)))).collect::<Vec<_>>(),
            "row" => (0..count as u64).collect::<Vec<_>>(),
        )
        .unwrap()
    }

    fn whole(sent: Vec<DataFrame>, like: &DataFrame) -> DataFrame {
        concatenate(sent.into_iter()).unwrap().unwrap_or_else(|| like.clear())
    }

    fn expected(input: &DataFrame, order: &SortOrder, k: usize) -> DataFrame {
        let options = order.options().clone().with_maintain_order(true);
        input.sort(order.by(), options).unwrap().head(Some(k))
    }

    fn options(descending: [bool; 2], nulls_last: [bool; 2]) -> SortMultipleOptions {
        SortMultipleOptions::default()
            .with_order_descending_multi(descending)
            .with_nulls_last_multi(nulls_last)
            .with_multithreaded(false)
    }

    #[test]
    fn equals_the_head_of_a_stable_sort() {
        let flags = [[false, false], [false, true], [true, false], [true, true]];
        for (count, distinct) in [(0, 1), (1, 1), (200, 3), (200, 1_000)] {
            let input = rows(count, distinct);
            for by in [["number", "text"], ["float", "number"], ["text", "float"]] {
                for (descending, nulls_last) in flags.iter().flat_map(|a| flags.iter().map(move |b| (*a, *b))) {
                    let order = SortOrder::new(by, options(descending, nulls_last)).unwrap();
                    for k in [0, 1, 10, 150, 1_000] {
                        let expected = expected(&input, &order, k);
                        for (batch_rows, restore) in [
                            (1, Restore::Never),
                            (7, Restore::EveryBatch),
                            (30, Restore::Never),
                            (65_536, Restore::EveryBatch),
                        ] {
                            let given = vec![batches(&input, batch_rows)];
                            let top = TopK::new(order.clone(), k);
                            let sent = drive(&top, &single_worker(batch_rows), given, restore).unwrap();
                            assert!(sent.iter().all(|batch| batch.height() <= batch_rows));
                            assert!(
                                whole(sent, &input).equals_missing(&expected),
                                "{order} k={k} batch_rows={batch_rows}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn holds_no_more_than_it_must() {
        // The worst case: every batch has better rows than all before.
        let order = SortOrder::new(["row"], SortMultipleOptions::default().with_order_descending(true)).unwrap();
        let mut channel = TopK::new(order, 40).create(&single_worker(64)).unwrap();
        let mut output = Output::default();
        let held = |channel: &mut Box<dyn Operator>| -> usize {
            channel.snapshot().unwrap().unwrap().iter().map(|(_, frame)| frame.height()).sum()
        };
        for start in 0..200u64 {
            let values: Vec<u64> = (start * 50..start * 50 + 50).collect();
            let texts: Vec<String> =
                values.iter().map(|n| format!("a text that does not fit a view, number {n}")).collect();
            let frame = df!("row" => &values, "text" => texts).unwrap();
            let _ = channel.on_batch(0, Batch::new(frame, 0), &mut output).unwrap();
            assert!(held(&mut channel) <= 80);
        }
        assert!(channel.state_bytes() < 80 * 200);
        // The best case: nothing behind the cut-off is kept.
        let before = held(&mut channel);
        let _ = channel
            .on_batch(0, Batch::new(df!("row" => [1u64, 2], "text" => ["", ""]).unwrap(), 0), &mut output)
            .unwrap();
        assert_eq!(held(&mut channel), before);
    }

    #[test]
    fn equal_rows_of_earlier_workers_stay() {
        let order = SortOrder::new(["key"], SortMultipleOptions::default()).unwrap();
        let mut channel = TopK::new(order, 5).create(&single_worker(4)).unwrap();
        let mut output = Output::default();
        for (origin, rows) in [(2, [20, 21, 22]), (0, [0, 1, 2]), (1, [10, 11, 12]), (2, [23, 24, 25]), (0, [3, 4, 5])]
        {
            let frame = df!("key" => [1, 1, 1], "row" => rows).unwrap();
            let _ = channel.on_batch(0, Batch::new(frame, origin), &mut output).unwrap();
        }
        assert_eq!(channel.on_input_end(0, &mut output).unwrap(), Progress::More);
        assert_eq!(channel.resume(&mut output).unwrap(), Progress::Done);
        let got = concatenate(output.drain().collect::<Vec<_>>().into_iter()).unwrap().unwrap();
        assert_eq!(got.column("row").unwrap().i32().unwrap().iter().flatten().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn errors_keep_their_kind() {
        let order = SortOrder::new(["nowhere"], SortMultipleOptions::default()).unwrap();
        let given = vec![vec![rows(10, 10)]];
        let error = drive(&TopK::new(order, 3), &single_worker(7), given, Restore::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    }

    proptest! {
        #[test]
        fn any_rows(
            values in proptest::collection::vec((proptest::option::of(-4i64..4), proptest::option::of("[a-c]{0,3}")), 1..120),
            descending in any::<[bool; 2]>(),
            nulls_last in any::<[bool; 2]>(),
            k in 0usize..130,
            batch_rows in 1usize..40,
        ) {
            let input = df!(
                "number" => values.iter().map(|row| row.0).collect::<Vec<_>>(),
                "text" => values.iter().map(|row| row.1.clone()).collect::<Vec<_>>(),
                "row" => (0..values.len() as u64).collect::<Vec<_>>(),
            ).unwrap();
            let order = SortOrder::new(["text", "number"], options(descending, nulls_last)).unwrap();
            let given = vec![batches(&input, batch_rows)];
            let sent = drive(&TopK::new(order.clone(), k), &single_worker(batch_rows), given, Restore::Never).unwrap();
            prop_assert!(whole(sent, &input).equals_missing(&expected(&input, &order, k)));
        }
    }
}

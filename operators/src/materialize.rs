//! Keeps rows so that they can be read several times.

use std::sync::Arc;

use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::materialized::Materialized;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use crate::kept_batches::KeptBatches;

/// Hands all rows of its input over to a [`Materialized`], from which sources of the same query read them.
///
/// Blocks, and emits nothing. State: all rows. Small batches are put together, so that readers do not pay for each.
///
/// ```
/// use std::sync::Arc;
/// use polars_core::df;
/// use quokka_engine::materialized::Materialized;
/// use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
/// use quokka_operators::materialize::Materialize;
///
/// let rows = Arc::new(Materialized::new());
/// let input = df!("a" => [1, 2, 3]).unwrap();
/// drive(&Materialize::new("1", rows.clone()), &single_worker(8), vec![batches(&input, 1)], Restore::Never).unwrap();
/// assert!(rows.gate().is_open());
/// assert_eq!(rows.batches(), [df!("a" => [1, 2]).unwrap(), df!("a" => [3]).unwrap()]);
/// ```
pub struct Materialize {
    name: String,
    into: Arc<Materialized>,
}

impl Materialize {
    /// Keeps rows in `into`; `name` tells the user what they are.
    pub fn new(name: impl Into<String>, into: Arc<Materialized>) -> Self {
        Self { name: name.into(), into }
    }
}

impl OperatorFactory for Materialize {
    fn describe(&self) -> Description {
        Description::blocks("materialize").with("plan", &self.name)
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let kept = KeptBatches::new(context.batch_rows);
        Ok(Box::new(MaterializeChannel { into: self.into.clone(), context: *context, kept }))
    }
}

struct MaterializeChannel {
    into: Arc<Materialized>,
    context: WorkerContext,
    kept: KeptBatches,
}

impl Operator for MaterializeChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.kept.keep(batch.into_frame())?;
        Ok(Progress::Done)
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<Progress, OperatorError> {
        self.into.publish(&self.context, self.kept.finish()?);
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(self.kept.iter().map(|batch| ("rows".to_owned(), batch.clone())).collect()))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        state.into_iter().try_for_each(|(_, batch)| self.kept.keep(batch).map(drop))
    }

    fn state_bytes(&self) -> usize {
        self.kept.bytes()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::frame::DataFrame;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;

    #[test]
    fn keeps_every_row_in_order_and_no_tiny_batch() {
        let numbers: Vec<i64> = (0..1_000).collect();
        let text: Vec<Option<String>> = numbers.iter().map(|n| (n % 7 != 0).then(|| format!("row {n}"))).collect();
        let input = df!("n" => numbers, "t" => text).unwrap();
        for (rows, least) in [(1, 16), (7, 16), (50, 50), (1_000, 1_000)] {
            for restore in [Restore::Never, Restore::EveryBatch] {
                let into = Arc::new(Materialized::new());
                let operator = Materialize::new("1", into.clone());
                let pushed = drive(&operator, &single_worker(64), vec![batches(&input, rows)], restore).unwrap();
                assert!(pushed.is_empty());
                let (last, others) = into.batches().split_last().unwrap();
                assert!(others.iter().all(|batch| batch.height() >= least && batch.first_col_n_chunks() == 1));
                let mut whole = DataFrame::empty_with_schema(input.schema());
                others.iter().chain([last]).for_each(|batch| whole = whole.vstack(batch).unwrap());
                assert!(whole.equals_missing(&input), "{rows}");
            }
        }
    }

    #[test]
    fn nothing_is_a_result_too() {
        let into = Arc::new(Materialized::new());
        drive(&Materialize::new("1", into.clone()), &single_worker(64), vec![vec![]], Restore::Never).unwrap();
        assert!(into.gate().is_open() && into.batches().is_empty());
    }
}

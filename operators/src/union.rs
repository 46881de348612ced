//! Rows of several inputs.

use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, FnOperator, Operator, OperatorFactory, WorkerContext};

/// Sends on the batches of all its inputs as they come; all inputs have the same columns.
///
/// Streams, holds no state. Rows of different inputs mix in no particular order.
#[derive(Clone, Debug)]
pub struct Union {
    inputs: usize,
}

impl Union {
    /// The union of `inputs` inputs.
    pub fn new(inputs: usize) -> Self {
        Self { inputs }
    }
}

impl OperatorFactory for Union {
    fn describe(&self) -> Description {
        Description::streams("union").with("inputs", self.inputs)
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(FnOperator::new(Ok)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;

    #[test]
    fn passes_every_batch_of_every_input() {
        let left = df!("a" => [1, 2, 3], "b" => ["x", "y", "z"]).unwrap();
        let right = df!("a" => [4], "b" => [None::<&str>]).unwrap();
        for rows in [1, 7, 65_536] {
            let inputs = vec![batches(&left, rows), vec![], batches(&right, rows)];
            let pushed = drive(&Union::new(3), &single_worker(rows), inputs, Restore::Never).unwrap();
            assert_eq!(pushed.len(), left.height().div_ceil(rows) + 1);
            let whole = crate::ordered_batches::concatenate(pushed.into_iter()).unwrap().unwrap();
            assert!(whole.equals_missing(&left.vstack(&right).unwrap()));
        }
    }
}

//! A number for each row.

mod ranges;
mod source;

pub use ranges::{IndexRanges, RowCount};
pub use source::RowIndexSource;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, IDX_DTYPE, IdxCa, IdxSize, IntoColumn, UInt64Chunked};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::batch::Batch;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, State, WorkerContext};

use crate::state::{number, read_number};

/// A row whose number its type does not hold.
#[derive(Debug, thiserror::Error)]
#[error("row {row} has no number in column `{name}`: numbers go up to {}", IdxSize::MAX)]
struct NoNumber {
    row: u64,
    name: PlSmallStr,
}

/// The column of row numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct RowNumber {
    /// Its name.
    pub name: PlSmallStr,
    /// Whether it has 64 bits, and not those of Polars' index type.
    pub is_wide: bool,
}

impl RowNumber {
    /// A column of Polars' index type.
    pub fn new(name: impl Into<PlSmallStr>) -> Self {
        Self { name: name.into(), is_wide: false }
    }

    /// The type of the numbers.
    pub fn dtype(&self) -> DataType {
        if self.is_wide { DataType::UInt64 } else { IDX_DTYPE }
    }

    /// `rows` with their numbers from `start` on as the first column.
    fn put_before(&self, rows: &DataFrame, start: u64) -> Result<DataFrame, OperatorError> {
        let end = start + rows.height() as u64;
        let name = self.name.clone();
        let numbers: Column = if self.is_wide {
            UInt64Chunked::from_vec(name, (start..end).collect()).into_column()
        } else {
            let (Ok(first), Ok(_)) = (IdxSize::try_from(start), IdxSize::try_from(end.saturating_sub(1))) else {
                return Err(OperatorError::new(ErrorKind::Compute, NoNumber { row: end - 1, name }));
            };
            let numbers = (0..rows.height() as IdxSize).map(|row| first + row).collect();
            IdxCa::from_vec(name, numbers).into_column()
        };
        let columns = std::iter::once(numbers).chain(rows.columns().iter().cloned()).collect();
        Ok(DataFrame::new(rows.height(), columns)?)
    }
}

/// Puts the number of each row in front of it, counted from an offset on, as the rows come.
///
/// Streams; holds the count. For rows that all come to one worker in their order, or that have none.
///
/// ```
/// use polars_core::df;
/// use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};
/// use quokka_operators::row_index::{RowIndex, RowNumber};
///
/// let rows = df!("a" => ["x", "y", "z"]).unwrap();
/// let index = RowIndex::new(RowNumber::new("row"), 10);
/// let sent = drive(&index, &single_worker(2), vec![batches(&rows, 2)], Restore::Never).unwrap();
/// assert_eq!(sent[1], df!("row" => [12u32], "a" => ["z"]).unwrap());
/// ```
#[derive(Clone, Debug)]
pub struct RowIndex {
    number: RowNumber,
    offset: u64,
}

impl RowIndex {
    /// Numbers from `offset` on.
    pub fn new(number: RowNumber, offset: u64) -> Self {
        Self { number, offset }
    }
}

impl OperatorFactory for RowIndex {
    fn describe(&self) -> Description {
        let description = Description::streams("row-index").with("name", &self.number.name);
        if self.offset > 0 { description.with("offset", self.offset) } else { description }
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        Ok(Box::new(RowIndexChannel { number: self.number.clone(), next: self.offset }))
    }
}

struct RowIndexChannel {
    number: RowNumber,
    next: u64,
}

impl Operator for RowIndexChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        output.push(self.number.put_before(&batch, self.next)?);
        self.next += batch.height() as u64;
        Ok(Progress::Done)
    }

    fn snapshot(&mut self) -> Result<Option<State>, OperatorError> {
        Ok(Some(vec![number("next", self.next)?]))
    }

    fn restore(&mut self, state: State) -> Result<(), OperatorError> {
        for (_, frame) in state {
            self.next = read_number(&frame)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    #[test]
    fn equals_polars() {
        let values: Vec<i64> = (0..50).map(|n| n * 37 % 50).collect();
        let input = df!("a" => values).unwrap();
        for offset in [0, 7] {
            let expected = input.with_row_index("row".into(), Some(offset)).unwrap();
            for batch_rows in [1, 7, 65_536] {
                for restore in [Restore::Never, Restore::EveryBatch] {
                    let index = RowIndex::new(RowNumber::new("row"), offset.into());
                    let given = vec![batches(&input, batch_rows)];
                    let sent = drive(&index, &single_worker(batch_rows), given, restore).unwrap();
                    assert_eq!(concatenate(sent.into_iter()).unwrap().unwrap(), expected);
                }
            }
        }
    }

    #[test]
    fn numbers_do_not_wrap_around() {
        let input = df!("a" => [1, 2]).unwrap();
        let run = |offset| {
            let given = vec![vec![input.clone()]];
            drive(&RowIndex::new(RowNumber::new("row"), offset), &single_worker(7), given, Restore::Never)
        };
        let last = u64::from(IdxSize::MAX);
        assert_eq!(run(last - 1).unwrap()[0].column("row").unwrap().idx().unwrap().get(1), Some(IdxSize::MAX));
        let error = run(last).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Compute);
        let wide = RowNumber { is_wide: true, ..RowNumber::new("row") };
        let sent = drive(&RowIndex::new(wide, last), &single_worker(7), vec![vec![input]], Restore::Never).unwrap();
        assert_eq!(sent[0].column("row").unwrap().u64().unwrap().get(1), Some(last + 1));
        assert_eq!(error.to_string(), "row 4294967296 has no number in column `row`: numbers go up to 4294967295");
    }
}

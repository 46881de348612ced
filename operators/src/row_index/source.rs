//! A number for each row of a table, given where the row is read.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{Listing, Source, Split, SplitReader};

use super::RowNumber;

/// Another source with the number of each row as the first column, counted over all splits in their order. The source tells
/// the rows of its splits and drops none of them, so that whichever worker reads a split knows where it starts.
pub struct RowIndexSource {
    source: Arc<dyn Source>,
    number: RowNumber,
    /// The number of the first row of each split.
    starts: Vec<u64>,
    splits: Vec<Split>,
}

impl RowIndexSource {
    /// The rows of `source` numbered from `offset` on; `None` if the source does not know how many rows
    /// its splits have before it reads them.
    ///
    /// # Errors
    /// The source cannot list its splits.
    pub fn new(source: Arc<dyn Source>, number: RowNumber, offset: u64) -> Result<Option<Self>, OperatorError> {
        if source.listing() != Listing::Cluster {
            return Ok(None);
        }
        let splits = source.splits()?;
        let mut next = offset;
        let mut starts = Vec::with_capacity(splits.len());
        for split in &splits {
            let Some(rows) = split.rows else { return Ok(None) };
            starts.push(next);
            next += rows;
        }
        Ok(Some(Self { source, number, starts, splits }))
    }
}

impl Source for RowIndexSource {
    fn describe(&self) -> Description {
        self.source.describe().with("row-index", &self.number.name)
    }

    fn schema(&self) -> SchemaRef {
        let mut schema = Schema::with_capacity(self.source.schema().len() + 1);
        schema.insert(self.number.name.clone(), self.number.dtype());
        schema.merge(Schema::clone(&self.source.schema()));
        Arc::new(schema)
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        Ok(self.splits.clone())
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let (Some(start), Some(Split { name, rows: Some(rows) })) = (self.starts.get(split), self.splits.get(split))
        else {
            return Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}")));
        };
        Ok(Box::new(NumberedSplit {
            rows: self.source.open(split, context)?,
            number: self.number.clone(),
            next: *start,
            end: start + rows,
            split: name.clone(),
        }))
    }
}

struct NumberedSplit {
    rows: Box<dyn SplitReader>,
    number: RowNumber,
    next: u64,
    /// The first number of the split behind.
    end: u64,
    split: String,
}

/// A split with more or fewer rows than its source says.
#[derive(Debug, thiserror::Error)]
#[error("`{split}` has {} rows than its source says, so that rows cannot be numbered", if *.is_more { "more" } else { "fewer" })]
struct WrongCount {
    split: String,
    is_more: bool,
}

impl SplitReader for NumberedSplit {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        let batch = self.rows.next()?;
        let rows = batch.as_ref().map(DataFrame::height);
        let after = self.next + rows.unwrap_or(0) as u64;
        if after > self.end || rows.is_none() && after < self.end {
            let error = WrongCount { split: self.split.clone(), is_more: after > self.end };
            return Err(OperatorError::new(ErrorKind::InvalidData, error));
        }
        let numbered = match batch {
            Some(batch) if batch.height() > 0 => Some(self.number.put_before(&batch, self.next)?),
            Some(batch) => Some(self.number.put_before(&batch, 0)?),
            None => None,
        };
        self.next = after;
        Ok(numbered)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::operator::testing::single_worker;

    use super::*;

    /// Splits of 3, 0 and 2 rows.
    struct Parts {
        rows: Option<u64>,
    }

    impl Source for Parts {
        fn describe(&self) -> Description {
            Description::streams("parts")
        }

        fn schema(&self) -> SchemaRef {
            df!("a" => [0i32]).unwrap().schema().clone()
        }

        fn splits(&self) -> Result<Vec<Split>, OperatorError> {
            let split = |(name, rows): (&str, Option<u64>)| Split { name: name.into(), rows };
            Ok([("first", Some(3)), ("empty", Some(0)), ("last", self.rows)].map(split).to_vec())
        }

        fn open(&self, split: usize, _context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
            let batches = match split {
                0 => vec![vec![1, 2], vec![], vec![3]],
                1 => vec![],
                _ => vec![vec![4, 5]],
            };
            let frames = batches.into_iter().map(|values: Vec<i32>| df!("a" => values).unwrap());
            Ok(Box::new(Frames(frames.collect::<Vec<_>>().into_iter())))
        }
    }

    struct Frames(std::vec::IntoIter<DataFrame>);

    impl SplitReader for Frames {
        fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
            Ok(self.0.next())
        }
    }

    fn read(source: &RowIndexSource, split: usize) -> Result<Vec<DataFrame>, OperatorError> {
        let mut reader = source.open(split, &single_worker(7))?;
        std::iter::from_fn(|| reader.next().transpose()).collect()
    }

    #[test]
    fn each_split_knows_where_it_starts() {
        let source =
            RowIndexSource::new(Arc::new(Parts { rows: Some(2) }), RowNumber::new("row"), 10).unwrap().unwrap();
        assert_eq!(read(&source, 2).unwrap(), [df!("row" => [13u32, 14], "a" => [4, 5]).unwrap()]);
        let first = read(&source, 0).unwrap();
        assert_eq!(first[0], df!("row" => [10u32, 11], "a" => [1, 2]).unwrap());
        assert_eq!(first[2], df!("row" => [12u32], "a" => [3]).unwrap());
        assert!(first.iter().all(|batch| *batch.schema() == source.schema()));
        assert!(read(&source, 1).unwrap().is_empty());
        assert_eq!(source.describe().to_string(), "parts row-index=[row]");
        assert!(read(&source, 3).is_err());
    }

    #[test]
    fn splits_of_unknown_or_wrong_length() {
        assert!(RowIndexSource::new(Arc::new(Parts { rows: None }), RowNumber::new("row"), 0).unwrap().is_none());
        for (rows, what) in [(1, "more"), (3, "fewer")] {
            let source =
                RowIndexSource::new(Arc::new(Parts { rows: Some(rows) }), RowNumber::new("row"), 0).unwrap().unwrap();
            let error = read(&source, 2).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            let message = format!("`last` has {what} rows than its source says, so that rows cannot be numbered");
            assert_eq!(error.to_string(), message);
        }
    }
}

//! Rows that the query itself has computed, as a table.

use std::sync::Arc;

use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::materialized::Materialized;
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{Listing, ScanRequest, Source, Split, SplitReader};

use crate::memory::MemoryReader;
use crate::request::Request;

/// Reads what another part of the same query has put into a [`Materialized`], in the process where it is: batch after
/// batch, in their order. The plan node must list its gate.
pub struct MaterializedSource {
    name: String,
    rows: Arc<Materialized>,
    table: SchemaRef,
    request: Arc<Request>,
}

impl MaterializedSource {
    /// Reads what `request` asks for; the rows have the columns of `table`, and `name` tells the user what they are.
    ///
    /// # Errors
    /// A request that does not fit the columns.
    pub fn new(
        name: impl Into<String>,
        rows: Arc<Materialized>,
        table: SchemaRef,
        request: &ScanRequest,
    ) -> Result<Self, OperatorError> {
        let request = Arc::new(Request::new(request, &table)?);
        Ok(Self { name: name.into(), rows, table, request })
    }
}

impl Source for MaterializedSource {
    fn describe(&self) -> Description {
        self.request.describe(Description::streams("materialized").with("plan", &self.name), &self.table)
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn listing(&self) -> Listing {
        Listing::Process
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        if self.request.is_never_true {
            return Ok(Vec::new());
        }
        let split = |(index, rows): (usize, usize)| Split {
            name: format!("batch {index} of plan {}", self.name),
            rows: Some(rows as u64),
        };
        Ok(self.rows.batches().iter().map(|batch| batch.height()).enumerate().map(split).collect())
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        match self.rows.batches().get(split) {
            Some(batch) => Ok(Box::new(MemoryReader::new(batch.clone(), self.request.clone(), context))),
            None => Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}"))),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::expr::prelude::{col, lit};

    use super::*;

    fn context(batch_rows: usize) -> WorkerContext {
        WorkerContext { worker: 0, workers: 1, process: 0, processes: 1, batch_rows }
    }

    #[test]
    fn reads_what_was_handed_over_and_no_more() {
        let rows = Arc::new(Materialized::new());
        let batch = |numbers: &[i64]| df!("n" => numbers, "m" => numbers).unwrap();
        let table = batch(&[]).schema().clone();
        let request = |predicate| ScanRequest {
            projection: Some(["n".into()].into()),
            predicate: Some(predicate),
            ..ScanRequest::default()
        };
        let source =
            |predicate| MaterializedSource::new("1", rows.clone(), table.clone(), &request(predicate)).unwrap();
        let few = source(col("m").gt(lit(2)));
        assert_eq!(few.listing(), Listing::Process);
        assert_eq!(few.splits().unwrap(), []);
        rows.publish(&context(2), vec![batch(&[1, 2, 3]), batch(&[4])]);
        let mut read = Vec::new();
        for split in 0..few.splits().unwrap().len() {
            let mut reader = few.open(split, &context(2)).unwrap();
            while let Some(frame) = reader.next().unwrap() {
                assert!(frame.height() <= 2 && frame.width() == 1);
                read.extend(frame.column("n").unwrap().i64().unwrap().iter().flatten());
            }
        }
        assert_eq!(read, [3, 4]);
        assert_eq!(source(lit(false)).splits().unwrap(), []);
        assert!(few.open(2, &context(2)).is_err());
        assert_eq!(
            few.describe().to_string(),
            r#"materialized plan=[1] columns=[n] predicate=[[(col("m")) > (dyn int: 2)]]"#
        );
    }

    #[test]
    fn a_column_that_is_not_there() {
        let table = df!("n" => [1]).unwrap().schema().clone();
        let request = ScanRequest { projection: Some(["x".into()].into()), ..ScanRequest::default() };
        let rows = Arc::new(Materialized::new());
        assert_eq!(MaterializedSource::new("1", rows, table, &request).err().unwrap().kind(), ErrorKind::InvalidQuery);
    }
}

//! Rows that the query itself has computed, as a table.

use std::sync::Arc;

use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::materialized::Materialized;
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{Listing, Reader, ScanRequest, Source, Split, SplitReader};

use crate::memory::MemoryReader;
use crate::request::Request;

/// Reads what another part of the same query, or an earlier query, has put into a [`Materialized`], in the process where
/// it is: batch after batch, in their order, each on the worker that made it if that has time. The plan node must list its
/// gate, unless it is open.
pub struct MaterializedSource {
    description: Description,
    rows: Arc<Materialized>,
    table: SchemaRef,
    request: Arc<Request>,
    in_order: bool,
}

impl MaterializedSource {
    /// Reads what `request` asks for; the rows have the columns of `table`, and `description` tells the user what they are.
    ///
    /// # Errors
    /// A request that does not fit the columns.
    pub fn new(
        description: Description,
        rows: Arc<Materialized>,
        table: SchemaRef,
        request: &ScanRequest,
    ) -> Result<Self, OperatorError> {
        let in_order = request.in_order;
        let request = Arc::new(Request::new(request, &table)?);
        Ok(Self { description, rows, table, request, in_order })
    }
}

impl Source for MaterializedSource {
    fn describe(&self) -> Description {
        let description = self.request.describe(self.description.clone(), &self.table);
        if self.in_order { description.with("in-order", true) } else { description }
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
            name: format!("{}, batch {index}", self.description),
            rows: Some(rows as u64),
        };
        Ok(self.rows.batches().iter().map(|batch| batch.height()).enumerate().map(split).collect())
    }

    fn reader(&self, split: usize) -> Reader {
        match self.rows.worker_of(split) {
            Some(worker) if self.in_order => Reader::Only(worker),
            Some(worker) => Reader::Preferred(worker),
            None => Reader::Any,
        }
    }

    fn dropped(&self) -> u64 {
        self.request.dropped()
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

    fn description() -> Description {
        Description::streams("materialized").with("plan", 1)
    }

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
        let source = |predicate| {
            MaterializedSource::new(description(), rows.clone(), table.clone(), &request(predicate)).unwrap()
        };
        let few = source(col("m").gt(lit(2)));
        assert_eq!(few.listing(), Listing::Process);
        assert_eq!((few.splits().unwrap(), few.reader(0)), (vec![], Reader::Any));
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
        assert_eq!(few.splits().unwrap()[1].name, "materialized plan=[1], batch 1");
        assert_eq!(few.reader(1), Reader::Preferred(0));
        let in_order = ScanRequest { in_order: true, ..request(lit(true)) };
        let in_order = MaterializedSource::new(description(), rows.clone(), table.clone(), &in_order).unwrap();
        assert_eq!(in_order.reader(1), Reader::Only(0));
        assert!(in_order.describe().to_string().contains("in-order"));
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
        let refused = MaterializedSource::new(description(), rows, table, &request).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::InvalidQuery);
    }
}

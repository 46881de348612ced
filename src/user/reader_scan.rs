//! Readers of the user as tables. Filters and projections are applied right behind the reader, which may know nothing of
//! them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Schema, SchemaRef};
use quokka_connectors::request::Request;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{ColumnStatistics, Scan, ScanRequest, Source, Split, SplitReader};

use super::delivery::Delivery;
use super::reader::{Batches, InputReader};

/// A table that a reader of the user reads.
pub(crate) struct ReaderScan {
    reader: Arc<dyn InputReader>,
    schema: SchemaRef,
}

impl ReaderScan {
    pub(crate) fn new(reader: Arc<dyn InputReader>) -> Self {
        let schema = reader.schema();
        Self { reader, schema }
    }
}

impl Scan for ReaderScan {
    fn describe(&self) -> Description {
        self.reader.describe()
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn rows(&self) -> Option<u64> {
        self.reader.rows()
    }

    fn estimated_rows(&self) -> Option<u64> {
        self.reader.estimated_rows()
    }

    fn statistics(&self, column: &str) -> ColumnStatistics {
        self.reader.statistics(column)
    }

    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        let request = Request::new(request, &self.schema)?;
        let wanted = request.columns();
        let fields = self.schema.iter().filter(|(name, _)| wanted.contains(name));
        let mut read: Schema = fields.map(|(name, dtype)| (name.clone(), dtype.clone())).collect();
        if read.is_empty() {
            // Something has to say how many rows there are.
            read.extend(self.schema.iter().take(1).map(|(name, dtype)| (name.clone(), dtype.clone())));
        }
        Ok(Arc::new(ReaderSource {
            reader: self.reader.clone(),
            description: request.describe(self.reader.describe(), &self.schema),
            read: Arc::new(read),
            request: Arc::new(request),
        }))
    }
}

struct ReaderSource {
    reader: Arc<dyn InputReader>,
    description: Description,
    /// Columns that the reader is asked for.
    read: SchemaRef,
    request: Arc<Request>,
}

impl Source for ReaderSource {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        if self.request.is_never_true {
            return Ok(Vec::new());
        }
        // They are listed where the query is started, outside of the workers, which catch panics.
        match catch_unwind(AssertUnwindSafe(|| self.reader.splits())) {
            Ok(splits) => splits.map_err(OperatorError::from_user),
            Err(_) => {
                let message = format!("the reader `{}` panicked as it listed its splits", self.description.name);
                Err(OperatorError::message(ErrorKind::Panic, message))
            },
        }
    }

    fn dropped(&self) -> u64 {
        self.request.dropped()
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        Ok(Box::new(ReaderSplit {
            batches: self.reader.read(split, &self.read).map_err(OperatorError::from_user)?,
            read: self.read.clone(),
            rows: Delivery::new(self.description.name.as_str(), self.read.clone(), context.batch_rows),
            request: self.request.clone(),
        }))
    }
}

struct ReaderSplit {
    batches: Batches,
    read: SchemaRef,
    /// As the reader delivered them.
    rows: Delivery,
    request: Arc<Request>,
}

impl SplitReader for ReaderSplit {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        if self.rows.is_empty() {
            let Some(frame) = self.batches.next() else { return Ok(None) };
            self.rows.push(in_order(frame.map_err(OperatorError::from_user)?, &self.read)?)?;
        }
        let Some(batch) = self.rows.pop() else { return Ok(Some(DataFrame::empty_with_schema(&self.request.schema))) };
        Ok(Some(self.request.deliver(&batch)?))
    }
}

/// The columns of `schema` of `frame`; one that is missing is left out, which is found later.
fn in_order(frame: DataFrame, schema: &Schema) -> Result<DataFrame, OperatorError> {
    if frame.get_column_names().into_iter().eq(schema.iter_names()) {
        return Ok(frame);
    }
    let columns = schema.iter_names().filter_map(|name| frame.column(name).ok().cloned()).collect();
    Ok(DataFrame::new(frame.height(), columns)?)
}

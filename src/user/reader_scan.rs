//! Readers of the user as tables. Filters and projections are applied right behind the reader, which may know nothing of
//! them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{PlSmallStr, Schema, SchemaRef};
use polars_plan::dsl::Expr;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::expr::{Predicate, columns_of};
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

    fn columns<'a>(&self, wanted: impl Fn(&PlSmallStr) -> bool + 'a) -> Schema {
        let columns = self.schema.iter().filter(|(name, _)| wanted(name));
        columns.map(|(name, dtype)| (name.clone(), dtype.clone())).collect()
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
        let delivered: SchemaRef = match &request.projection {
            None => self.schema.clone(),
            Some(names) => {
                let field = |name: &PlSmallStr| Some((name.clone(), self.schema.get(name)?.clone()));
                Arc::new(names.iter().filter_map(field).collect())
            },
        };
        let tested = request.predicate.as_ref().map(columns_of).unwrap_or_default();
        let mut read = self.columns(|name| delivered.contains(name) || tested.contains(name));
        if read.is_empty() {
            // Something has to say how many rows there are.
            read.extend(self.schema.iter().take(1).map(|(name, dtype)| (name.clone(), dtype.clone())));
        }
        let read = Arc::new(read);
        let predicate = request.predicate.as_ref().map(|expr| Predicate::compile(expr, &read)).transpose()?;
        Ok(Arc::new(ReaderSource {
            reader: self.reader.clone(),
            description: describe(self.reader.describe(), &self.schema, &delivered, request.predicate.as_ref()),
            read,
            predicate: predicate.map(Arc::new),
            delivered,
        }))
    }
}

fn describe(reader: Description, all: &Schema, delivered: &Schema, predicate: Option<&Expr>) -> Description {
    let reader = match delivered.iter_names().eq(all.iter_names()) {
        true => reader,
        false => {
            let names: Vec<&str> = delivered.iter_names().map(PlSmallStr::as_str).collect();
            reader.with("columns", names.join(", "))
        },
    };
    match predicate {
        Some(predicate) => reader.with("predicate", predicate),
        None => reader,
    }
}

struct ReaderSource {
    reader: Arc<dyn InputReader>,
    description: Description,
    /// Columns that the reader is asked for.
    read: SchemaRef,
    /// Over those.
    predicate: Option<Arc<Predicate>>,
    delivered: SchemaRef,
}

impl Source for ReaderSource {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    fn schema(&self) -> SchemaRef {
        self.delivered.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        // They are listed where the query is started, outside of the workers, which catch panics.
        match catch_unwind(AssertUnwindSafe(|| self.reader.splits())) {
            Ok(splits) => splits.map_err(OperatorError::from_user),
            Err(_) => {
                let message = format!("the reader `{}` panicked as it listed its splits", self.description.name);
                Err(OperatorError::message(ErrorKind::Panic, message))
            },
        }
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        Ok(Box::new(ReaderSplit {
            batches: self.reader.read(split, &self.read).map_err(OperatorError::from_user)?,
            read: self.read.clone(),
            rows: Delivery::new(self.description.name.as_str(), self.read.clone(), context.batch_rows),
            predicate: self.predicate.clone(),
            delivered: self.delivered.clone(),
        }))
    }
}

struct ReaderSplit {
    batches: Batches,
    read: SchemaRef,
    /// As the reader delivered them.
    rows: Delivery,
    predicate: Option<Arc<Predicate>>,
    delivered: SchemaRef,
}

impl SplitReader for ReaderSplit {
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError> {
        if self.rows.is_empty() {
            let Some(frame) = self.batches.next() else { return Ok(None) };
            self.rows.push(in_order(frame.map_err(OperatorError::from_user)?, &self.read)?)?;
        }
        let Some(batch) = self.rows.pop() else { return Ok(Some(DataFrame::empty_with_schema(&self.delivered))) };
        let batch = match &self.predicate {
            Some(predicate) => predicate.filter(&batch)?,
            None => batch,
        };
        if batch.width() == self.delivered.len() && self.delivered.iter_names().eq(self.read.iter_names()) {
            return Ok(Some(batch));
        }
        let columns = self.delivered.iter_names().map(|name| batch.column(name).cloned());
        Ok(Some(DataFrame::new(batch.height(), columns.collect::<Result<_, _>>()?)?))
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

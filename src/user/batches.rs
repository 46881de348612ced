//! Functions of batches.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::{PlSmallStr, SchemaRef};
use quokka_engine::batch::Batch;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, Operator, OperatorFactory, Output, Progress, WorkerContext};
use quokka_engine::physical::to_logical;

use super::UserError;
use super::delivery::Delivery;

/// What is known of a function of batches, for [`DataStream::map_batches_with`](crate::DataStream::map_batches_with).
///
/// ```
/// use quokka::prelude::*;
/// let options = MapOptions::default().name("double").required_columns(["a"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MapOptions {
    name: Option<String>,
    required_columns: Option<Vec<PlSmallStr>>,
}

impl MapOptions {
    /// A name for plans, profiles and errors; `map-batches` by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The columns that the function gets, in this order; by default all. Others are not read from files if nothing else
    /// needs them.
    pub fn required_columns<S: Into<PlSmallStr>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.required_columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    pub(crate) fn columns(&self) -> Option<&[PlSmallStr]> {
        self.required_columns.as_deref()
    }
}

type Function = dyn Fn(DataFrame) -> Result<DataFrame, UserError> + Send + Sync;

/// A function of the user, and what it makes.
pub(crate) struct BatchFunction {
    name: String,
    schema: SchemaRef,
    function: Box<Function>,
}

impl BatchFunction {
    /// `function` makes columns of `schema`.
    pub(crate) fn new<F, E>(schema: SchemaRef, options: &MapOptions, function: F) -> Self
    where
        F: Fn(DataFrame) -> Result<DataFrame, E> + Send + Sync + 'static,
        E: Into<UserError>,
    {
        let name = options.name.clone().unwrap_or_else(|| "map-batches".into());
        Self { name, schema, function: Box::new(move |batch| function(batch).map_err(Into::into)) }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn describe(&self) -> Description {
        let names: Vec<&str> = self.schema.iter_names().map(PlSmallStr::as_str).collect();
        Description::streams(self.name.as_str()).with("columns", names.join(", "))
    }
}

/// Calls a function of the user with each batch. Streams, holds no state.
pub(crate) struct MapBatches {
    function: Arc<BatchFunction>,
    input: SchemaRef,
}

impl MapBatches {
    /// Batches have columns of `input`, with Polars' types.
    pub(crate) fn new(function: Arc<BatchFunction>, input: SchemaRef) -> Self {
        Self { function, input }
    }
}

impl OperatorFactory for MapBatches {
    fn describe(&self) -> Description {
        self.function.describe()
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let function = self.function.clone();
        let made = Delivery::new(function.name.as_str(), function.schema.clone(), context.batch_rows);
        Ok(Box::new(MapBatchesChannel { function, input: self.input.clone(), made }))
    }
}

struct MapBatchesChannel {
    function: Arc<BatchFunction>,
    input: SchemaRef,
    made: Delivery,
}

impl Operator for MapBatchesChannel {
    fn on_batch(&mut self, _input: usize, batch: Batch, output: &mut Output) -> Result<Progress, OperatorError> {
        let frame = to_logical(batch.into_frame(), &self.input)?;
        self.made.push((self.function.function)(frame).map_err(OperatorError::from_user)?)?;
        self.resume(output)
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, OperatorError> {
        if let Some(batch) = self.made.pop() {
            output.push(batch);
        }
        Ok(if self.made.is_empty() { Progress::Done } else { Progress::More })
    }

    fn state_bytes(&self) -> usize {
        self.made.bytes()
    }
}

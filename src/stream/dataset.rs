//! [`Dataset`]: the result of a query that stays in the memory of the workers.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use polars_core::frame::DataFrame;
use polars_core::prelude::SchemaRef;
use quokka_connectors::dataset::DatasetScan;
use quokka_engine::error::OperatorError;
use quokka_engine::materialized::Materialized;
use quokka_engine::physical::to_logical;
use quokka_engine::source::{Parts, Scan};

use super::DataStream;
use crate::arrow::to_record_batches;
use crate::context::Context;
use crate::error::{Error, PlanError, Result};
use crate::plan::cardinality::Estimates;
use crate::plan::logical::LogicalPlan;
use crate::plan::physical::{Collected, Ending};

/// The rows that [`DataStream::compute`] has made, in the memory of the workers that made them.
///
/// [`Context::read_dataset`] starts queries from them, as many as you like, also several at the same time. Cloning is cheap;
/// the memory is free when the last clone and the last stream that reads it are dropped.
///
/// Its rows have an order: by worker, then as the worker made them. If the query ended with a sort, this is the order of the
/// sort, and streams that read it are sorted as well.
///
/// ```
/// use quokka::prelude::*;
/// let context = Context::builder().workers(2).build()?;
/// let sales = context.from_df(df!("shop" => ["n", "s", "n"], "amount" => [10, 20, 30]).unwrap());
/// let totals = sales.group_by([col("shop")]).agg([col("amount").sum()]).compute()?;
/// assert_eq!(totals.len(), 2);
/// let large = context.read_dataset(&totals).filter(col("amount").gt(lit(30))).collect()?;
/// assert_eq!(large, df!("shop" => ["n"], "amount" => [40]).unwrap());
/// let all = context.read_dataset(&totals).select([col("amount").sum()]).collect()?;
/// assert_eq!(all, df!("amount" => [60]).unwrap());
/// # Ok::<(), quokka::Error>(())
/// ```
#[derive(Clone)]
pub struct Dataset {
    context: Context,
    scan: Arc<DatasetScan>,
}

impl DataStream {
    /// Runs the query and leaves its rows where they are: in the memory of the workers that made them, of all processes. No
    /// row moves to another worker for it. In a cluster, every process gets a handle of the same rows.
    ///
    /// Holds the result once in the cluster; [`collect`](Self::collect) holds it in each process.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let numbers = context.from_df(df!("n" => [3, 1, 2]).unwrap());
    /// let sorted = numbers.sort(["n"], Default::default()).compute()?;
    /// assert_eq!(sorted.to_df()?, df!("n" => [1, 2, 3]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn compute(&self) -> Result<Dataset> {
        let estimates = Estimates::default();
        let query = self.optimized(&estimates)?;
        let (rows, collected) = (Arc::new(Materialized::new()), Collected::default());
        let physical = self.lower(&query, &estimates, Ending::Dataset(&rows, &collected))?;
        let parts = if physical.is_sorted { Parts::Sorted } else { Parts::Unsorted };
        self.context.run(physical.plan)?.wait()?;
        let schema = query.root.schema().clone();
        let told = collected.take(&quokka_engine::dataset::parts_schema(&schema));
        let scan = told.and_then(|told| DatasetScan::new(rows, schema, parts, &told)).map_err(failed)?;
        Ok(Dataset { context: self.context.clone(), scan: Arc::new(scan) })
    }
}

impl Context {
    /// The rows of a dataset. Each worker reads those that it holds, and helps the others of its process when it has no more.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let numbers = context.from_df(df!("n" => [1, 2, 3]).unwrap()).compute()?;
    /// let sum = context.read_dataset(&numbers).sum().collect()?;
    /// assert_eq!(sum, df!("n" => [6]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A dataset of another context, whose workers have its rows.
    pub fn read_dataset(&self, dataset: &Dataset) -> DataStream {
        let stream = DataStream::new(self.clone(), LogicalPlan::scan(dataset.scan.clone()));
        match self.is_same(&dataset.context) {
            true => stream,
            false => stream.then(|_| {
                let reason = "the dataset was computed by another context, whose workers hold its rows: read it there, or \
                              pass `to_df` to `from_df`";
                Err(PlanError::argument("read_dataset", reason))
            }),
        }
    }
}

impl Dataset {
    /// The number of rows, in all processes.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let dataset = context.from_df(df!("a" => [1, 2]).unwrap()).compute()?;
    /// assert_eq!(dataset.len(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn len(&self) -> usize {
        self.scan.rows().and_then(|rows| usize::try_from(rows).ok()).unwrap_or(usize::MAX)
    }

    /// Whether there is no row in any process.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let dataset = context.from_df(df!("a" => [1, 2]).unwrap()).filter(col("a").gt(lit(2))).compute()?;
    /// assert!(dataset.is_empty());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The columns, with their types.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let dataset = context.from_df(df!("a" => ["x"]).unwrap()).compute()?;
    /// assert_eq!(dataset.schema().get("a"), Some(&DataType::String));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    /// Bytes of memory that the rows take in all processes, estimated.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let dataset = context.from_df(df!("a" => [1i64, 2, 3]).unwrap()).compute()?;
    /// assert_eq!(dataset.estimated_size(), 24);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn estimated_size(&self) -> u64 {
        self.scan.bytes()
    }

    /// All rows as one frame, in the order of the dataset. In a cluster, every process must call it, and gets the same frame.
    ///
    /// Holds all rows in each process. In a single process nothing is copied but decimals.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let dataset = context.from_df(df!("a" => [1, 2]).unwrap()).compute()?;
    /// assert_eq!(dataset.to_df()?, df!("a" => [1, 2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// In a cluster, as [`DataStream::collect`].
    pub fn to_df(&self) -> Result<DataFrame> {
        if self.context.processes() > 1 {
            let plan = LogicalPlan::scan(Arc::new(self.scan.in_order()));
            return DataStream::new(self.context.clone(), plan).collect();
        }
        let schema = self.schema();
        let mut frames = self.scan.batches().iter().map(|batch| to_logical(batch.clone(), &schema));
        let put_together = || -> Result<DataFrame, OperatorError> {
            let Some(mut whole) = frames.next().transpose()? else { return Ok(DataFrame::empty_with_schema(&schema)) };
            for frame in frames {
                whole.vstack_mut_owned(frame?)?;
            }
            Ok(whole)
        };
        put_together().map_err(failed)
    }

    /// [`to_df`](Self::to_df), as record batches of arrow-rs, at least one. Values are not copied.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let dataset = context.from_df(df!("a" => [1, 2]).unwrap()).compute()?;
    /// assert_eq!(dataset.to_arrow()?.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`to_df`](Self::to_df).
    pub fn to_arrow(&self) -> Result<Vec<RecordBatch>> {
        to_record_batches(self.to_df()?).map_err(|error| failed(error.into()))
    }
}

/// The rows are there but cannot be put together.
fn failed(source: OperatorError) -> Error {
    quokka_engine::error::Error::Operator { operator: "dataset".into(), worker: 0, split: None, source }.into()
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("rows", &self.len())
            .field("bytes", &self.estimated_size())
            .field("schema", &self.schema())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::{Duration, Instant};

    use polars_core::df;
    use quokka_engine::expr::prelude::{col, lit};

    use super::*;

    /// Who holds the values of the first column: frames, and slices of them.
    fn holders(frame: &DataFrame) -> u64 {
        let column = frame.columns()[0].as_materialized_series();
        column.i64().unwrap().downcast_iter().next().unwrap().values().storage_refcount()
    }

    #[test]
    fn the_last_handle_frees_the_memory() {
        let context = Context::builder().workers(2).build().unwrap();
        let rows = df!("n" => (0..1_000i64).collect::<Vec<_>>()).unwrap();
        let dataset = context.from_df(rows).filter(col("n").gt(lit(9))).compute().unwrap();
        let held = Arc::downgrade(&dataset.scan);
        let some = dataset.scan.batches()[0].slice(1, 5);
        let (stream, copy) = (context.read_dataset(&dataset), dataset.clone());
        drop(dataset);
        drop(copy);
        assert_eq!(stream.collect().unwrap().height(), 990);
        assert!(held.upgrade().is_some() && holders(&some) > 1);
        drop(stream);
        assert!(held.upgrade().is_none());
        // The workers let go of a query a moment after its result is there.
        let start = Instant::now();
        while holders(&some) > 1 {
            assert!(start.elapsed() < Duration::from_secs(60), "somebody holds the rows");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

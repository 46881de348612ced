//! The source contract: where batches come from.
//!
//! A [`Scan`] is a table as the user named it. The optimizer asks it for a [`Source`] that reads certain columns and rows
//! only. A source is cut into splits; the workers of a process take splits from a shared queue, one batch per activation.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::scalar::Scalar;
use polars_core::schema::SchemaRef;
use polars_plan::dsl::Expr;
use polars_utils::pl_str::PlSmallStr;

use crate::dynamic_filter::ScanFilter;
use crate::error::OperatorError;
use crate::operator::{Description, WorkerContext};

/// What the optimizer wants of a [`Scan`].
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// Columns to deliver, in this order; all columns if `None`. May be empty: then only the number of rows matters.
    pub projection: Option<Arc<[PlSmallStr]>>,
    /// Rows to deliver: those for which this elementwise expression is true. It may use columns outside the projection.
    /// The source applies it completely; nothing filters again after it.
    pub predicate: Option<Expr>,
    /// Rows that a join on the way will drop anyway. The source may drop none of them, or some, or all; it starts when all
    /// filters are complete.
    pub filters: Vec<ScanFilter>,
    /// If workers hold the [parts](Scan::parts) of the table: each reads its own, in order, and no other.
    pub in_order: bool,
}

/// What is known of a column before it is read. Estimates for the optimizer: results never depend on them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnStatistics {
    /// A value that no value is less than, in the type of the column.
    pub min: Option<Scalar>,
    /// A value that no value is greater than, in the type of the column.
    pub max: Option<Scalar>,
    /// Number of nulls.
    pub nulls: Option<u64>,
    /// About how many different values there are.
    pub distinct: Option<u64>,
}

/// What is known of the order of rows of which each worker holds a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// The parts, one after the other in the order of their workers, are as good an order as any.
    Unsorted,
    /// Worker `i` holds the `i`-th range of a sort order, in that order.
    Sorted,
}

/// A table that can be read, before it is known what of it is needed.
pub trait Scan: Send + Sync {
    /// Name and parameters, such as `parquet-scan files=[lineitem.parquet]`.
    fn describe(&self) -> Description;

    /// All columns.
    fn schema(&self) -> SchemaRef;

    /// Number of rows, if it is known without reading them.
    fn rows(&self) -> Option<u64> {
        None
    }

    /// About how many rows there are, if that is known without reading them.
    fn estimated_rows(&self) -> Option<u64> {
        self.rows()
    }

    /// What it reads, in numbers, if that can be told: tables with equal identities have equal rows and columns.
    fn identity(&self) -> Option<&[u64]> {
        None
    }

    /// Whether it is in the memory of the workers, each of which holds a part.
    fn parts(&self) -> Option<Parts> {
        None
    }

    /// What is known of a column; quick, and asked again for every plan.
    fn statistics(&self, _column: &str) -> ColumnStatistics {
        ColumnStatistics::default()
    }

    /// Up to a few thousand rows of some columns, with Polars' types, from places all over the table, so that the share of rows that pass a
    /// predicate can be estimated. `None` if they cannot be had within about a millisecond.
    ///
    /// # Errors
    /// Rows that cannot be read.
    fn sample(&self, _columns: &[PlSmallStr]) -> Result<Option<DataFrame>, OperatorError> {
        Ok(None)
    }

    /// A source that delivers what `request` asks for.
    fn source(&self, request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError>;
}

/// One unit of reading: a row group of a file, a range of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// What it is, for errors, such as `lineitem.parquet, row group 3`.
    pub name: String,
    /// Rows before any predicate, if known.
    pub rows: Option<u64>,
}

/// Whose splits a [`Source`] lists, and when it knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Those of the whole cluster, before the query starts: every process gets the same list, and split `i` is read by
    /// process `i % processes`.
    Cluster,
    /// Those of the process, when the gates of the plan node are open: each process reads all of its own list.
    Process,
}

/// Which of the workers of a process reads a split, by the index inside the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Any.
    Any,
    /// This one, unless another has nothing else to read.
    Preferred(usize),
    /// This one.
    Only(usize),
}

/// Reads the splits of a table. One source serves all workers of a process for one run of a query.
pub trait Source: Send + Sync {
    /// Name and parameters.
    fn describe(&self) -> Description;

    /// Columns delivered, with Polars' types.
    fn schema(&self) -> SchemaRef;

    /// Whose splits [`splits`](Source::splits) lists, and when it is asked.
    fn listing(&self) -> Listing {
        Listing::Cluster
    }

    /// The splits, in the order of their rows; the same whenever it is asked within a process and query. It must be quick,
    /// as footers were read when the scan was made.
    fn splits(&self) -> Result<Vec<Split>, OperatorError>;

    /// Which worker reads a split, where the process reads [its own list](Listing::Process). A worker reads those meant
    /// for it in their order.
    fn reader(&self, _split: usize) -> Reader {
        Reader::Any
    }

    /// Rows that the filters of its request have dropped so far, on all workers of the process.
    fn dropped(&self) -> u64 {
        0
    }

    /// Bytes, in files or in memory, of what was opened so far of the columns that it reads, on all workers of the process:
    /// for those who watch a query. 0 if that is not known.
    fn bytes_read(&self) -> u64 {
        0
    }

    /// Opens the split with an index in [`splits`](Source::splits).
    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError>;
}

/// Reads one split.
pub trait SplitReader {
    /// The next batch, `None` at the end. Columns have the types of the source's schema, or lie as in
    /// [batches](crate::physical). Batches of about `batch_rows` rows; an empty batch is allowed and means
    /// "nothing yet, ask again", so that a reader which filters a lot gives way to others.
    fn next(&mut self) -> Result<Option<DataFrame>, OperatorError>;
}

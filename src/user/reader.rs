//! What a reader of the user implements.

use polars_core::frame::DataFrame;
use polars_core::schema::{Schema, SchemaRef};
use quokka_engine::operator::Description;
use quokka_engine::source::{ColumnStatistics, Split};

use super::UserError;

/// The rows of a split, frame by frame, in order. Frames of any size: large ones are cut, and one without rows means
/// "nothing yet, ask again", so that a reader that waits gives way to other work.
pub type Batches = Box<dyn Iterator<Item = Result<DataFrame, UserError>>>;

/// Reads a table that quokka has no reader for; [`Context::read`](crate::Context::read) makes a stream of it, with an
/// example.
///
/// A table is cut into splits, which the workers of all processes read side by side: split `i` is read by process `i %
/// processes`, each once a query. In a cluster every process must have an equal reader, with the same splits. Rows are
/// the same whenever a split is read, as a query may read a table twice.
pub trait InputReader: Send + Sync + 'static {
    /// Name and parameters, for plans, profiles and errors, such as `Description::streams("kafka").with("topic", "clicks")`.
    fn describe(&self) -> Description;

    /// All columns. Asked once, when the stream is made.
    fn schema(&self) -> SchemaRef;

    /// The parts in which the table is read, in the order of their rows. Asked when a query starts.
    ///
    /// # Errors
    /// Whatever prevents that the parts are known; the query fails with it.
    fn splits(&self) -> Result<Vec<Split>, UserError>;

    /// Opens the split with an index in [`splits`](Self::splits), on the worker that reads it.
    ///
    /// `columns` are those that the query needs, at least one. Frames must have them, in any order, and may have others
    /// of the schema, so a reader for which it is no gain need not look.
    ///
    /// # Errors
    /// Whatever prevents that rows are read; the query fails with it, and the error names the split.
    fn read(&self, split: usize, columns: &Schema) -> Result<Batches, UserError>;

    /// Exact number of rows, if it is known without reading them.
    fn rows(&self) -> Option<u64> {
        None
    }

    /// About how many rows there are, for the optimizer.
    fn estimated_rows(&self) -> Option<u64> {
        self.rows()
    }

    /// What is known of a column, for the optimizer; results do not depend on it. Must be quick.
    fn statistics(&self, _column: &str) -> ColumnStatistics {
        ColumnStatistics::default()
    }
}

//! The contract of a file format.

use std::io::Write;

use polars_core::frame::DataFrame;
use polars_core::schema::SchemaRef;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::Description;

/// Makes files of one format, with the options of one sink.
pub trait FileFormat: Send + Sync {
    /// Name of the format and its options, such as `parquet compression=[zstd(1)]`.
    fn describe(&self) -> Description;

    /// What the names of its files end in, without a dot.
    fn extension(&self) -> &'static str;

    /// Starts a file of rows with the columns of `schema`, which has Polars' types.
    ///
    /// # Errors
    /// A type that the format does not have; a file that cannot be written.
    fn start(&self, schema: &SchemaRef, file: Box<dyn Write>) -> Result<Box<dyn FileEncoder>, OperatorError>;
}

/// Encodes the rows of one file.
pub trait FileEncoder {
    /// Adds rows, whose columns lie as in [batches](quokka_engine::physical). They may be written later.
    fn append(&mut self, rows: DataFrame) -> Result<(), OperatorError>;

    /// About how many bytes of rows are held back.
    fn held_bytes(&self) -> usize;

    /// Writes what is held back, at the price of a smaller unit in the file.
    fn flush(&mut self) -> Result<(), OperatorError>;

    /// Writes what is held back and the end of the file. A file without rows is a file, too.
    fn finish(self: Box<Self>) -> Result<(), OperatorError>;
}

//! Rows as a file of text.

use std::io::Write;

use polars_core::frame::DataFrame;
use quokka_engine::error::{ErrorKind, OperatorError};

use super::compress::{Compressor, TextCompression};
use crate::sink::FileEncoder;

/// Rows whose text is made before it is written: some hundred kilobytes, which stay in the cache.
const PIECE: usize = 4096;

/// Turns rows into text.
pub(crate) trait WriteRows {
    /// Appends rows, whose columns lie as in batches.
    fn write_rows(&self, rows: &DataFrame, text: &mut Vec<u8>) -> Result<(), OperatorError>;
}

/// Writes a file of text.
pub(crate) struct TextEncoder<R> {
    rows: R,
    file: Compressor,
    /// Empty between calls.
    text: Vec<u8>,
}

impl<R: WriteRows> TextEncoder<R> {
    /// A file that starts with `text`.
    pub(crate) fn start(
        rows: R,
        text: Vec<u8>,
        compression: TextCompression,
        file: Box<dyn Write>,
    ) -> Result<Self, OperatorError> {
        let file = Compressor::new(compression, file).map_err(refused)?;
        let mut encoder = Self { rows, file, text };
        encoder.write()?;
        Ok(encoder)
    }

    fn write(&mut self) -> Result<(), OperatorError> {
        self.file.write_all(&self.text).map_err(refused)?;
        self.text.clear();
        Ok(())
    }
}

impl<R: WriteRows> FileEncoder for TextEncoder<R> {
    fn append(&mut self, rows: DataFrame) -> Result<(), OperatorError> {
        for start in (0..rows.height()).step_by(PIECE) {
            self.rows.write_rows(&rows.slice(start as i64, PIECE), &mut self.text)?;
            self.write()?;
        }
        Ok(())
    }

    fn held_bytes(&self) -> usize {
        0
    }

    fn flush(&mut self) -> Result<(), OperatorError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), OperatorError> {
        self.file.finish().map_err(refused)
    }
}

fn refused(error: std::io::Error) -> OperatorError {
    OperatorError::new(ErrorKind::Io, error)
}

//! What can be wrong with a batch to send or with the bytes that arrive.

use polars_core::prelude::PlSmallStr;
use polars_error::PolarsError;

use crate::error::{ErrorKind, OperatorError};

/// Why a batch could not be encoded or a frame could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The type of a column has no place in a frame.
    #[error("column `{column}` of type `{dtype}` cannot travel between processes: cast it before the exchange")]
    Unsupported {
        /// Name of the column.
        column: PlSmallStr,
        /// Its type, or the type nested in it, that has no place in a frame.
        dtype: String,
    },
    /// A column holds more than one frame can address.
    #[error("column `{column}` holds more than a frame can address: split the batch first")]
    TooLarge {
        /// Name of the column.
        column: PlSmallStr,
    },
    /// The bytes are not a frame of the expected shape.
    #[error("the bytes are not a frame of this edge")]
    Header(#[source] Damage),
    /// The buffers of a column contradict each other or the type of the column.
    #[error("the frame is damaged in column `{column}`")]
    Column {
        /// Name of the column in the plan.
        column: PlSmallStr,
        /// What is wrong with it.
        #[source]
        damage: Damage,
    },
    /// Polars refused to build a column from its buffers.
    #[error("column `{column}` of a frame cannot be built")]
    Build {
        /// Name of the column in the plan.
        column: PlSmallStr,
        /// The reason that Polars gave.
        #[source]
        source: PolarsError,
    },
    /// Polars refused to build a DataFrame from the columns.
    #[error("the columns of a frame do not make a batch")]
    Batch(#[source] PolarsError),
}

/// One thing that is wrong with the bytes of a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// The first bytes are not those of a frame.
    #[error("they do not begin with the mark of a frame")]
    Mark,
    /// Another version of this library wrote the frame.
    #[error("they are a frame of version {0}: run the same release in every process")]
    Version(u16),
    /// The header promises another length.
    #[error("{found} bytes arrived of {expected}")]
    Bytes {
        /// The length in the header.
        expected: u64,
        /// The length that arrived.
        found: u64,
    },
    /// The frame has another number of columns than the plan.
    #[error("they hold {found} columns where the plan has {expected}")]
    Columns {
        /// Columns in the plan.
        expected: usize,
        /// Columns in the header.
        found: u64,
    },
    /// More rows than a column can hold.
    #[error("{0} rows are more than a column can hold")]
    Rows(u64),
    /// The buffers are not as many as the types need.
    #[error("the table lists {listed} buffers, the columns need {needed} or more")]
    Buffers {
        /// Buffers in the header.
        listed: usize,
        /// Buffers that the columns took until the difference showed.
        needed: usize,
    },
    /// A buffer ends behind the end of the frame, or the last one ends before it.
    #[error("buffer {0} does not fit into the frame")]
    Bounds(usize),
    /// The length of a buffer does not fit the number of values.
    #[error("the {part} takes {found} bytes in place of {expected}")]
    Length {
        /// Which part of the column the buffer is.
        part: &'static str,
        /// The length that the number of values asks for.
        expected: usize,
        /// The length in the table.
        found: usize,
    },
    /// List offsets do not start at zero or go back.
    #[error("the offsets of the lists do not ascend from zero")]
    Offsets,
    /// A view points outside of the text or disagrees with it.
    #[error("the view of value {0} is broken")]
    View(usize),
    /// A string is not UTF-8.
    #[error("value {0} is not UTF-8")]
    Text(usize),
    /// A value is outside of the range of its type.
    #[error("value {0} is out of the range of its type")]
    Range(usize),
    /// A code of a categorical or enum stands for no category.
    #[error("value {0} is a code without a category")]
    Code(usize),
}

impl FrameError {
    /// What this means for a query: bad bytes are bad data, a batch that cannot be sent is a gap in the planning.
    pub fn kind(&self) -> ErrorKind {
        match self {
            FrameError::Unsupported { .. } | FrameError::TooLarge { .. } => ErrorKind::Internal,
            FrameError::Header(_) | FrameError::Column { .. } | FrameError::Build { .. } | FrameError::Batch(_) => {
                ErrorKind::InvalidData
            },
        }
    }
}

impl From<FrameError> for OperatorError {
    fn from(error: FrameError) -> Self {
        OperatorError::new(error.kind(), error)
    }
}

//! What can be wrong with a join.

use polars_core::datatypes::DataType;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::{ErrorKind, OperatorError};

use super::options::{JoinType, Side};

/// Why a join cannot be made or go on.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// A key is not a column of its input.
    #[error("join key `{name}` is not a column of the {side} input")]
    KeyNotFound {
        /// The input.
        side: Side,
        /// The missing name.
        name: PlSmallStr,
    },
    /// The sides have different numbers of keys.
    #[error("a join needs as many keys on the left as on the right, but got {left} and {right}")]
    KeyCount {
        /// Keys of the left input.
        left: usize,
        /// Keys of the right input.
        right: usize,
    },
    /// Two keys that are compared have different types.
    #[error("join key `{left}` is `{left_type}` but `{right}` is `{right_type}`: cast one of them")]
    KeyTypes {
        /// Left key.
        left: PlSmallStr,
        /// Its type.
        left_type: Box<DataType>,
        /// Right key.
        right: PlSmallStr,
        /// Its type.
        right_type: Box<DataType>,
    },
    /// A batch has a key of another type than the plan.
    #[error("join key `{name}` arrived as `{arrived}`, but the plan says `{planned}`")]
    KeyTypeChanged {
        /// The key.
        name: PlSmallStr,
        /// Its type in the schema of the input.
        planned: Box<DataType>,
        /// Its type in the batch.
        arrived: Box<DataType>,
    },
    /// A cross join was given keys.
    #[error("a cross join takes no keys: use an inner join")]
    CrossWithKeys,
    /// A join other than a cross join was given neither keys nor a condition.
    #[error("a {0} join needs keys or a condition: use a cross join for all pairs")]
    NoKeys(JoinType),
    /// Two columns of the result would have the same name.
    #[error("column `{name}` would appear twice in the join: rename it before, or use another suffix than `{suffix}`")]
    DuplicateColumn {
        /// The name.
        name: PlSmallStr,
        /// The suffix in use.
        suffix: PlSmallStr,
    },
    /// A coalesced full join compares one left key with several right keys.
    #[error("left key `{0}` appears twice in a full join that coalesces its keys: keep the columns, or copy the key")]
    RepeatedKey(PlSmallStr),
    /// The projection names a column that the result does not have.
    #[error("column `{name}` is not in the join; it has {columns:?}")]
    ColumnNotFound {
        /// The missing name.
        name: PlSmallStr,
        /// The columns of the result.
        columns: Vec<PlSmallStr>,
    },
    /// A process with a broadcast build side cannot know which build rows have no match in other processes.
    #[error("a {how} join that builds its {build} side cannot broadcast it: partition it, or build the other side")]
    BroadcastUnmatched {
        /// Kind of join.
        how: JoinType,
        /// The side that is built.
        build: Side,
    },
    /// A partition of the build side has more rows than 32-bit row numbers can name.
    #[error(
        "{rows} rows on the build side of one worker are too many (at most 2^32 - 2): use more workers, or build the smaller side"
    )]
    TooManyRows {
        /// Rows of the partition.
        rows: usize,
    },
    /// A probe row whose key is owned by another process.
    #[error(
        "a probe row belongs to worker {owner}, which is in another process: its edge must be hash-to-process on the join keys"
    )]
    ForeignRow {
        /// The worker that owns the key.
        owner: usize,
    },
    /// A probe batch came before the build side was complete.
    #[error("a probe batch came before the build side was complete: list the gate of the join in its plan node")]
    GateClosed,
}

impl From<JoinError> for OperatorError {
    fn from(error: JoinError) -> Self {
        let kind = match &error {
            JoinError::KeyTypes { .. } | JoinError::KeyTypeChanged { .. } => ErrorKind::SchemaMismatch,
            JoinError::TooManyRows { .. } => ErrorKind::Overflow,
            JoinError::ForeignRow { .. } | JoinError::GateClosed => ErrorKind::Internal,
            _ => ErrorKind::InvalidQuery,
        };
        OperatorError::new(kind, error)
    }
}

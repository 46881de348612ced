//! Typed errors. An error keeps its kind and its chain of sources even when it crosses a process boundary.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use polars_error::PolarsError;
use serde::{Deserialize, Serialize};

/// What went wrong, for callers that decide by it (retry, report, give up).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A name, type or shape in the query does not fit its input.
    InvalidQuery,
    /// A command line, host file or option is wrong.
    Configuration,
    /// A value cannot be computed: division by zero on decimals, a failed strict cast, ...
    Compute,
    /// A number left the range of its type.
    Overflow,
    /// Input data is damaged or not of the promised format.
    InvalidData,
    /// Two inputs that must agree on a schema do not.
    SchemaMismatch,
    /// The operating system refused a file or a socket.
    Io,
    /// User code or a kernel panicked.
    Panic,
    /// Code of the user returned an error of its own.
    User,
    /// A process of the cluster died, froze or was cut off.
    PeerLost,
    /// Processes of the cluster did not find each other.
    Mesh,
    /// Processes of the cluster built different queries.
    PlanMismatch,
    /// The caller cancelled the query.
    Cancelled,
    /// The query took longer than its caller allowed.
    TimedOut,
    /// The worker pool has been shut down.
    Stopped,
    /// A broken invariant of quokka itself: please report it.
    Internal,
}

/// The failure of one operator, source or sink, before the glue adds where it happened.
///
/// Built from a [`PolarsError`] by `?`, or from any error with its kind by [`OperatorError::new`].
#[derive(Clone, Debug)]
pub struct OperatorError {
    kind: ErrorKind,
    source: Arc<dyn StdError + Send + Sync>,
}

impl OperatorError {
    /// An error of `kind` that keeps `source` as it is.
    pub fn new(kind: ErrorKind, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { kind, source: Arc::new(source) }
    }

    /// An error whose whole description is `message`.
    pub fn message(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, Message { text: message.into(), source: None })
    }

    /// What code of the user returned. An error of Polars or one of this type keeps its kind, any other is of kind
    /// [`ErrorKind::User`].
    pub fn from_user(error: Box<dyn StdError + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => match error.downcast::<PolarsError>() {
                Ok(error) => (*error).into(),
                Err(error) => Self { kind: ErrorKind::User, source: error.into() },
            },
        }
    }

    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The error itself, for callers that look for one type by `downcast_ref`.
    pub fn get_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self.source.as_ref()
    }

    /// The messages of this error and of all its sources, outermost first.
    pub fn chain(&self) -> Vec<String> {
        let mut messages = vec![self.source.to_string()];
        let mut next = self.source.source();
        while let Some(error) = next {
            messages.push(error.to_string());
            next = error.source();
        }
        messages
    }

    /// Rebuilds an error that arrived from another process.
    pub(crate) fn from_chain(kind: ErrorKind, chain: Vec<String>) -> Self {
        let mut source: Option<Message> = None;
        for text in chain.into_iter().rev() {
            source = Some(Message { text, source: source.map(Box::new) });
        }
        let source = source.unwrap_or(Message { text: "unknown error".into(), source: None });
        Self { kind, source: Arc::new(source) }
    }
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl StdError for OperatorError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

impl From<PolarsError> for OperatorError {
    /// Finds the kind below Polars' contexts; an [`OperatorError`] that travelled through Polars comes out unchanged.
    fn from(mut error: PolarsError) -> Self {
        while let PolarsError::Context { error: inner, .. } | PolarsError::ExprContext { error: inner, .. } = error {
            error = *inner;
        }
        if let PolarsError::IO { error: inner, .. } = &error
            && let Some(carried) = inner.get_ref().and_then(|inner| inner.downcast_ref::<OperatorError>())
        {
            return carried.clone();
        }
        let kind = match &error {
            PolarsError::ColumnNotFound(_)
            | PolarsError::Duplicate(_)
            | PolarsError::SchemaFieldNotFound(_)
            | PolarsError::StructFieldNotFound(_)
            | PolarsError::ShapeMismatch(_)
            | PolarsError::InvalidOperation(_) => ErrorKind::InvalidQuery,
            PolarsError::SchemaMismatch(_) => ErrorKind::SchemaMismatch,
            PolarsError::IO { .. } => ErrorKind::Io,
            _ => ErrorKind::Compute,
        };
        Self::new(kind, error)
    }
}

impl From<OperatorError> for PolarsError {
    /// For functions that Polars calls: the error comes out of Polars with its kind and sources.
    fn from(error: OperatorError) -> Self {
        std::io::Error::other(error).into()
    }
}

/// A message with an optional chain below it: what is left of an error that was sent between processes.
#[derive(Debug)]
struct Message {
    text: String,
    source: Option<Box<Message>>,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Message {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a query or the pool failed. Cheap to clone: every caller that waits for a query gets it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operator, source or sink failed.
    #[error("operator `{operator}` failed on worker {worker}{}", split.as_ref().map(|split| format!(", reading {split}")).unwrap_or_default())]
    Operator {
        /// Name and place in the plan, as `explain` shows them.
        operator: String,
        /// Global index of the worker.
        worker: usize,
        /// What a source was reading.
        split: Option<String>,
        /// What happened there.
        source: OperatorError,
    },
    /// A command line, host file or option is wrong.
    #[error("{0}")]
    Configuration(String),
    /// The mesh of processes could not be built.
    #[error(transparent)]
    Mesh(Arc<crate::cluster::MeshError>),
    /// A process of the cluster died, froze or was cut off.
    #[error("lost process {process} ({address}): {reason}; restart all processes of the cluster to go on")]
    PeerLost {
        /// Index of the lost process.
        process: usize,
        /// Its line of the host file.
        address: String,
        /// What was seen of it.
        reason: String,
    },
    /// Processes of the cluster built different queries.
    #[error(
        "process {process} runs another query than process 0: start every process with the same program and arguments\n{difference}"
    )]
    PlanMismatch {
        /// A process that disagrees with process 0.
        process: usize,
        /// Where the plans differ.
        difference: String,
    },
    /// The caller cancelled the query.
    #[error("the query was cancelled")]
    Cancelled,
    /// The query took longer than its caller allowed.
    #[error("the query did not finish within {0:?}")]
    TimedOut(Duration),
    /// The worker pool has been shut down.
    #[error("the worker pool has been shut down")]
    Stopped,
    /// A broken invariant of quokka itself.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

impl Error {
    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Operator { source, .. } => source.kind(),
            Error::Configuration(_) => ErrorKind::Configuration,
            Error::Mesh(_) => ErrorKind::Mesh,
            Error::PeerLost { .. } => ErrorKind::PeerLost,
            Error::PlanMismatch { .. } => ErrorKind::PlanMismatch,
            Error::Cancelled => ErrorKind::Cancelled,
            Error::TimedOut(_) => ErrorKind::TimedOut,
            Error::Stopped => ErrorKind::Stopped,
            Error::Internal(_) => ErrorKind::Internal,
        }
    }

    /// The message with all its sources, one line, outermost first.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        match self {
            Error::Operator { source, .. } => {
                for message in source.chain() {
                    text.push_str(": ");
                    text.push_str(&message);
                }
            },
            Error::Mesh(mesh) => {
                let mut next = mesh.source();
                while let Some(error) = next {
                    text.push_str(": ");
                    text.push_str(&error.to_string());
                    next = error.source();
                }
            },
            _ => {},
        }
        text
    }
}

/// The result of most engine calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

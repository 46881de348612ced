//! What travels on the bus.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, OperatorError};

/// From worker 0 to all workers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Build and run the plan that process `p` registered under `tickets[p]`. If it `is_followed`, processes tell each other
    /// at the end what they did.
    Run { query: u64, tickets: Vec<u64>, is_followed: bool },
    /// Drop the dataflow of a query; it failed or was cancelled.
    Stop { query: u64, reason: WireError },
    /// A query that one process submitted will not run.
    Reject { process: usize, ticket: u64, reason: WireError },
    /// Every process has left: end the worker.
    Shutdown,
}

/// From any worker to worker 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// A process wants to run the plan under `ticket`. `text` is the plan, for a message when plans differ.
    Submitted { process: usize, ticket: u64, fingerprint: u64, text: String, is_followed: bool },
    /// A caller gave up.
    GaveUp { process: usize, ticket: u64, reason: WireError },
    /// A worker failed.
    Failed { query: u64, error: WireError },
    /// A process will submit nothing more.
    Left { process: usize },
}

/// An [`Error`] that can be sent; kinds and chains of messages survive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum WireError {
    Operator { operator: String, worker: usize, split: Option<String>, kind: ErrorKind, chain: Vec<String> },
    PeerLost { process: usize, address: String, reason: String },
    PlanMismatch { process: usize, difference: String },
    Cancelled,
    TimedOut(Duration),
    Stopped,
    Internal(String),
}

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        match error {
            Error::Operator { operator, worker, split, source } => {
                WireError::Operator { operator, worker, split, kind: source.kind(), chain: source.chain() }
            },
            Error::PeerLost { process, address, reason } => WireError::PeerLost { process, address, reason },
            Error::PlanMismatch { process, difference } => WireError::PlanMismatch { process, difference },
            Error::Cancelled => WireError::Cancelled,
            Error::TimedOut(after) => WireError::TimedOut(after),
            Error::Stopped => WireError::Stopped,
            error @ (Error::Configuration(_) | Error::Mesh(_)) => WireError::Internal(error.report()),
            Error::Internal(text) => WireError::Internal(text),
        }
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Operator { operator, worker, split, kind, chain } => {
                Error::Operator { operator, worker, split, source: OperatorError::from_chain(kind, chain) }
            },
            WireError::PeerLost { process, address, reason } => Error::PeerLost { process, address, reason },
            WireError::PlanMismatch { process, difference } => Error::PlanMismatch { process, difference },
            WireError::Cancelled => Error::Cancelled,
            WireError::TimedOut(after) => Error::TimedOut(after),
            WireError::Stopped => Error::Stopped,
            WireError::Internal(text) => Error::Internal(text),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_operator_error_keeps_kind_and_chain() {
        let inner = std::io::Error::other("disk on fire");
        let error = Error::Operator {
            operator: "parquet-scan".into(),
            worker: 3,
            split: Some("a.parquet, row group 1".into()),
            source: OperatorError::new(ErrorKind::Io, polars_error::PolarsError::from(inner)),
        };
        let sent = sent_and_received(&WireError::from(error.clone()));
        let back = Error::from(sent);
        assert_eq!(back.kind(), ErrorKind::Io);
        assert_eq!(back.report(), error.report());
        assert!(back.report().contains("disk on fire"), "{}", back.report());
    }

    fn sent_and_received(error: &WireError) -> WireError {
        bincode::deserialize(&bincode::serialize(error).unwrap()).unwrap()
    }
}

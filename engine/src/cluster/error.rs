//! Why a mesh could not be built.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;

/// Why the mesh could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeshError {
    /// The configuration is impossible.
    #[error("{0}")]
    Configuration(String),
    /// The port of this process is taken.
    #[error(
        "port in use: process {process} cannot listen on `{address}`; end the program that listens there (an earlier \
         run, or a second process with `-p {process}`), or change the address in the host file"
    )]
    PortInUse {
        /// Index of this process.
        process: usize,
        /// Its address.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The address of this process is not one that it can listen on.
    #[error(
        "process {process} cannot listen on `{address}`: start `-p {process}` on the machine that has this address"
    )]
    Listen {
        /// Index of this process.
        process: usize,
        /// Its address.
        address: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Processes did not come in time.
    #[error("not all processes came within {deadline:?}: {}; start every process, with the same host file", list(.missing))]
    PeersMissing {
        /// The processes that did not come.
        missing: Vec<MissingPeer>,
        /// How long this process waited.
        deadline: Duration,
    },
    /// A process was started with other settings.
    #[error(
        "process {process} ({address}) has {theirs}, but this process has {ours}: start every process with the same \
         program, flags and host file"
    )]
    Mismatch {
        /// Index that the other process gives itself.
        process: usize,
        /// Where it was met.
        address: String,
        /// The setting there.
        theirs: String,
        /// The setting here.
        ours: String,
    },
    /// Two processes have the same index.
    #[error("two processes were started with `-p {process}`, one of them met at {address}: each needs its own index")]
    Duplicate {
        /// The index.
        process: usize,
        /// Where the second process was met.
        address: String,
    },
    /// A process left before the mesh was complete.
    #[error("process {process} ({address}) left before all processes had come: {reason}")]
    PeerLeft {
        /// Index of the process.
        process: usize,
        /// Its address.
        address: String,
        /// What it said, or what was seen of it.
        reason: String,
    },
    /// The operating system refused something else.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

/// A process that did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPeer {
    /// Its index.
    pub process: usize,
    /// Its address.
    pub address: String,
    /// What was seen of it last.
    pub reason: String,
}

impl fmt::Display for MissingPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({}) {}", self.process, self.address, self.reason)
    }
}

fn list(missing: &[MissingPeer]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl From<MeshError> for Error {
    fn from(error: MeshError) -> Self {
        match error {
            MeshError::Configuration(message) => Error::Configuration(message),
            error => Error::Mesh(Arc::new(error)),
        }
    }
}

//! What a process must know of its cluster.

use std::time::Duration;

use super::error::MeshError;

/// The processes of a cluster, and which of them this one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Worker threads in each process; the same number everywhere.
    pub workers: usize,
    /// Index of this process, below the number of addresses.
    pub process: usize,
    /// `host:port` of each process, in the order of their indices. A single address means a single process, which
    /// opens no socket.
    pub addresses: Vec<String>,
    /// What this process has that others may not have, such as `gpu`: names by which queries choose processes. The
    /// processes tell each other theirs.
    pub tags: Vec<String>,
    /// How long processes wait for each other.
    pub timing: MeshTiming,
}

/// What fits in one message between processes.
const MOST_TAG_BYTES: usize = 4096;

/// How long the processes of a cluster wait for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshTiming {
    /// Time that all processes have to find each other. Default: 30 s.
    pub connect_deadline: Duration,
    /// Time between two signs of life. Default: 1 s.
    pub heartbeat_interval: Duration,
    /// Silence after which a process counts as lost; several intervals. Default: 5 s.
    pub heartbeat_timeout: Duration,
}

impl Default for MeshTiming {
    fn default() -> Self {
        Self {
            connect_deadline: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(1),
            heartbeat_timeout: Duration::from_secs(5),
        }
    }
}

impl ClusterConfig {
    /// One process with `workers` worker threads.
    pub fn single(workers: usize) -> Self {
        let timing = MeshTiming::default();
        Self { workers, process: 0, addresses: default_addresses(1), tags: Vec::new(), timing }
    }

    /// The number of processes.
    pub fn processes(&self) -> usize {
        self.addresses.len()
    }

    /// The address of a process, or a placeholder for an index outside the cluster.
    pub(super) fn address(&self, process: usize) -> &str {
        self.addresses.get(process).map_or("unknown address", String::as_str)
    }

    /// Checks what the types allow but no cluster can have.
    pub(super) fn validate(&self) -> Result<(), MeshError> {
        let problem = if self.workers == 0 {
            "a process needs at least 1 worker".to_owned()
        } else if self.addresses.is_empty() {
            "a cluster needs the address of at least 1 process".to_owned()
        } else if self.process >= self.processes() {
            format!("process index {} is out of range for {} processes", self.process, self.processes())
        } else if self.timing.heartbeat_interval.is_zero()
            || self.timing.heartbeat_timeout <= self.timing.heartbeat_interval
        {
            "the heartbeat timeout must be longer than the heartbeat interval, and the interval longer than 0"
                .to_owned()
        } else {
            return self.validate_tags();
        };
        Err(MeshError::Configuration(problem))
    }

    /// Checks that tags can be sent and read.
    pub(crate) fn validate_tags(&self) -> Result<(), MeshError> {
        let no_tag = |tag: &&String| tag.trim().is_empty() || tag.contains(char::is_control);
        let problem = if let Some(tag) = self.tags.iter().find(no_tag) {
            format!("`{}` is no tag: a tag is some text without control characters, such as `gpu`", tag.escape_debug())
        } else if self.tags.iter().map(|tag| tag.len() + 1).sum::<usize>() > MOST_TAG_BYTES {
            format!("the tags of a process may have {MOST_TAG_BYTES} bytes in all")
        } else {
            return Ok(());
        };
        Err(MeshError::Configuration(problem))
    }
}

/// The addresses of processes that all run on this machine: timely's default.
pub(super) fn default_addresses(processes: usize) -> Vec<String> {
    (0..processes).map(|process| format!("localhost:{}", FIRST_PORT + process)).collect()
}

/// The port of process 0 where there is no host file.
pub(super) const FIRST_PORT: usize = 2101;

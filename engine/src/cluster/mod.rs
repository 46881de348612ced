//! The mesh of processes: who takes part, how they find each other, and how the loss of one of them is noticed.
//!
//! Every pair of processes shares two TCP connections, made by the process with the higher index: **data**, which
//! timely's communication threads own, and **control**, which carries heartbeats, the news of a lost process,
//! goodbyes, and what the processes tell each other of their queries ([`Correspondent`]). Timely alone would notice a killed process only by panicking, and a frozen one never.
//!
//! * [`ClusterConfig`] comes from timely's own flags (`-w -n -p -h`) and host file.
//! * [`Mesh::connect`] returns when *every* process has all its connections, or with an error that names what is
//!   missing. Strangers (port scans, browsers, half-open connections) are turned away meanwhile.
//! * [`Monitor`] records the first cause of a failure, tells the other processes, and only then closes the data
//!   connections: so every survivor names the process that was really lost, and no worker fails before
//!   [`Monitor::failure`] can say why.
//!
//! A mesh cannot take a process back: after a loss, all processes build a new one.

mod arguments;
mod bring_up;
mod config;
mod connector;
mod control;
mod end_marker;
mod error;
mod handshake;
mod host_file;
mod listener;
mod mesh;
mod message;
mod monitor;
mod panic_filter;
mod socket;
mod stream;

#[cfg(test)]
mod tests;

pub use config::{ClusterConfig, MeshTiming};
pub use error::{MeshError, MissingPeer};
pub use host_file::read_host_file;
pub use mesh::Mesh;
pub use monitor::{Correspondent, Monitor, RunningQuery};
pub use panic_filter::install_panic_filter;

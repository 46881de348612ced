//! Tests with real sockets, and with real processes. Each ends, or fails, within a hard deadline.

#![expect(clippy::unwrap_used, reason = "tests")]

mod arguments;
mod bring_up;
mod failure;
mod harness;
mod host_file;
mod processes;

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use self::harness::free_addresses;
use super::{ClusterConfig, Mesh, MeshError, MeshTiming};

/// Far longer than anything here takes; only a hang reaches it.
const HARD_DEADLINE: Duration = Duration::from_secs(90);

/// Runs `test` on another thread, and fails when it hangs.
fn within_deadline<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        let result = test();
        let _ = sender.send(());
        result
    });
    if let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = receiver.recv_timeout(HARD_DEADLINE) {
        panic!("the test hangs");
    }
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The configuration of each process of a new cluster on this machine.
fn cluster(processes: usize) -> Vec<ClusterConfig> {
    let addresses = free_addresses(processes);
    let timing = MeshTiming {
        connect_deadline: Duration::from_secs(30),
        heartbeat_interval: Duration::from_millis(200),
        heartbeat_timeout: Duration::from_secs(60),
    };
    (0..processes)
        .map(|process| {
            let (addresses, timing) = (addresses.clone(), timing.clone());
            ClusterConfig { workers: 2, process, addresses, tags: Vec::new(), timing }
        })
        .collect()
}

/// Connects every configuration on a thread of its own.
fn connect_all(configs: &[ClusterConfig]) -> Vec<Result<Mesh, MeshError>> {
    let connect = |config: &ClusterConfig| {
        let config = config.clone();
        thread::spawn(move || Mesh::connect(&config))
    };
    let threads: Vec<_> = configs.iter().map(connect).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

//! A connected mesh, and its way into timely.

use std::any::Any;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use timely::communication::allocator::ProcessBuilder;
use timely::communication::allocator::zero_copy::initialize::{CommsGuard, initialize_networking_from_sockets};
use timely::communication::{AllocatorBuilder, Hooks};

use super::bring_up::{Links, bring_up};
use super::config::ClusterConfig;
use super::control;
use super::error::MeshError;
use super::monitor::Monitor;
use super::panic_filter::{install_panic_filter, while_joining};
use super::stream::PeerStream;

/// The connections of this process to all others.
///
/// Dropping it says goodbye to them.
pub struct Mesh {
    plane: ControlPlane,
    tags: Vec<Vec<String>>,
}

impl Mesh {
    /// Finds the other processes, and returns when every one of them has found all others.
    ///
    /// A single process opens no socket. Blocks, at most as long as [`connect_deadline`].
    ///
    /// # Errors
    /// [`MeshError`] says which process is missing, which setting differs, or which port is taken. All processes that
    /// have found each other by then get an error.
    ///
    /// [`connect_deadline`]: super::MeshTiming::connect_deadline
    pub fn connect(config: &ClusterConfig) -> Result<Mesh, MeshError> {
        config.validate()?;
        if config.processes() == 1 {
            let monitor = Monitor::new(config.clone(), Vec::new(), Vec::new(), channel().0);
            let plane = ControlPlane { monitor: Arc::new(monitor), threads: Vec::new() };
            return Ok(Mesh { plane, tags: vec![config.tags.clone()] });
        }
        let Links { control, data, readers, sender, events, early, tags } = bring_up(config)?;
        let monitor = Arc::new(Monitor::new(config.clone(), control, data, sender));
        let mut plane = ControlPlane { monitor: Arc::clone(&monitor), threads: readers };
        let control = control::start(monitor, events, early)
            .map_err(|source| MeshError::Io { action: "start a thread for the mesh", source })?;
        plane.threads.push(control);
        Ok(Mesh { plane, tags })
    }

    /// The tags of each process.
    pub fn tags(&self) -> &[Vec<String>] {
        &self.tags
    }

    /// The monitor of this mesh.
    pub fn monitor(&self) -> Arc<Monitor> {
        Arc::clone(&self.plane.monitor)
    }

    /// What `timely::execute::execute_from` needs: a builder for each worker of this process, and the guard that
    /// holds the mesh.
    ///
    /// Batches move by pointer between the workers of a process. The guard joins timely's communication threads, which
    /// end when the workers of all processes have ended, or the mesh has failed. Also installs the
    /// [panic filter](install_panic_filter).
    ///
    /// # Errors
    /// [`MeshError::Io`] if the operating system refuses threads or handles.
    pub fn into_allocators(self) -> Result<(Vec<AllocatorBuilder>, Box<dyn Any + Send>), MeshError> {
        let monitor = self.monitor();
        let ClusterConfig { workers, process, .. } = *monitor.config();
        let hooks = Hooks::default();
        let inner = ProcessBuilder::new_typed_vector(workers, hooks.refill.clone(), hooks.spill.clone());
        if monitor.config().processes() == 1 {
            return Ok((inner.into_iter().map(AllocatorBuilder::Process).collect(), Box::new(self)));
        }
        install_panic_filter();
        let failed = |source| MeshError::Io { action: "hand the connections to timely", source };
        let streams = monitor.data_streams().map_err(failed)?.into_iter().enumerate();
        let streams = streams
            .map(|(peer, stream)| stream.map(|stream| PeerStream::new(stream, peer, Arc::clone(&monitor))))
            .collect();
        let (builders, comms) =
            initialize_networking_from_sockets(inner, streams, process, workers, hooks).map_err(failed)?;
        let guard = Guard { comms: Some(comms), plane: self.plane };
        Ok((builders.into_iter().map(AllocatorBuilder::Tcp).collect(), Box::new(guard)))
    }
}

/// Holds the mesh as long as timely runs on it.
struct Guard {
    comms: Option<CommsGuard>,
    plane: ControlPlane,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.plane.monitor.shutdown();
        let comms = self.comms.take();
        if thread::panicking() {
            // Joining may panic, and a second panic on the way would abort the process.
            std::mem::forget(comms);
        } else {
            while_joining(|| drop(comms));
        }
    }
}

/// The control thread and the readers of the control connections; ends them when dropped.
struct ControlPlane {
    monitor: Arc<Monitor>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.monitor.shutdown();
        self.monitor.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

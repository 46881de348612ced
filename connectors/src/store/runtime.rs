//! The threads that requests run on, and how synchronous threads wait for them.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::error::{StoreError, StoreErrorKind};

/// Threads at most. They decrypt and copy bytes, nothing else: one moves about 1 GB/s.
pub(super) const THREADS: usize = 4;

/// Cores that one thread supplies: the others are the workers'.
const CORES: usize = 4;

/// Requests that the process has open at once for reading. A store answers one connection with 50 to 100 MB/s, so that
/// 64 fill a network of 40 Gbit/s.
const OPEN_REQUESTS: usize = 64;

/// Bytes that the process has fetched or is fetching ahead, in KiB: 256 MiB keep 32 requests of full size under way.
const AHEAD_KIB: usize = 256 << 10;

/// Parts that the process is uploading at once: 16 × 8 MiB of memory.
const OPEN_PARTS: usize = 16;

/// Each thread has a runtime of its own, and what begins there stays there: a connection, its answers and their reader never
/// wake another thread, which would cost a third of the time of receiving.
static RUNTIMES: LazyLock<io::Result<Vec<Handle>>> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (0..(cores / CORES).clamp(1, THREADS)).map(start).collect()
});

/// The thread that gets the next work.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

fn start(index: usize) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("quokka-store".to_owned()).spawn(move || {
        THREAD.set(index);
        runtime.block_on(std::future::pending::<()>());
    })?;
    Ok(handle)
}

/// Which of the [`THREADS`] this is; 0 on all other threads.
pub(super) fn thread_index() -> usize {
    THREAD.get()
}

fn next_runtime() -> Result<&'static Handle, StoreError> {
    let reason = match RUNTIMES.as_ref() {
        Ok(runtimes) => match runtimes.get(NEXT.fetch_add(1, Ordering::Relaxed) % runtimes.len().max(1)) {
            Some(runtime) => return Ok(runtime),
            None => io::Error::other("there are none"),
        },
        Err(error) => io::Error::new(error.kind(), error.to_string()),
    };
    Err(StoreError::new(StoreErrorKind::Other, "start the threads for", "requests").because(reason))
}

pub(super) static REQUESTS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(OPEN_REQUESTS)));
pub(super) static AHEAD: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(AHEAD_KIB)));
pub(super) static PARTS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(OPEN_PARTS)));

/// The permits of [`AHEAD`] that so many bytes need.
pub(super) fn kib(bytes: u64) -> u32 {
    bytes.div_ceil(1024).clamp(1, AHEAD_KIB as u64) as u32
}

/// Work on one of the threads. Dropping it cancels the work.
pub(super) struct Task<T> {
    result: Receiver<T>,
    abort: AbortHandle,
}

impl<T: Send + 'static> Task<T> {
    pub(super) fn start(future: impl Future<Output = T> + Send + 'static) -> Result<Self, StoreError> {
        let runtime = next_runtime()?;
        let (sender, result) = channel();
        let work = async move {
            // A receiver that is gone does not want the result.
            let _ = sender.send(future.await);
        };
        Ok(Self { result, abort: runtime.spawn(work).abort_handle() })
    }

    /// Blocks the thread until the work is done.
    pub(super) fn wait(&self) -> Result<T, StoreError> {
        self.result.recv().map_err(|_| stopped())
    }

    /// As [`Task::wait`], but for so long only.
    pub(super) fn wait_for(&self, limit: Duration) -> Result<Option<T>, StoreError> {
        match self.result.recv_timeout(limit) {
            Ok(result) => Ok(Some(result)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(stopped()),
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.abort.id()).finish()
    }
}

/// Runs a future to its end while the thread waits. `block_on` would panic on a thread of another runtime.
pub(super) fn wait<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Result<T, StoreError> {
    Task::start(future)?.wait()
}

/// Runs a future that nobody waits for.
pub(super) fn detach(future: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = next_runtime() {
        runtime.spawn(future);
    }
}

fn stopped() -> StoreError {
    StoreError::new(StoreErrorKind::Other, "finish", "a request").because(super::error::Reason("its task ended".into()))
}

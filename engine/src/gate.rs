//! Start signals inside a process: "the build side of this join is complete, its probe side may run".

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Opens once and wakes whoever waits. Shared by all workers of a process; never crosses processes.
#[derive(Default)]
pub struct Gate {
    open: AtomicBool,
    wakers: Mutex<Vec<Box<dyn Fn() + Send>>>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether [`Gate::open`] was called.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Opens the gate and wakes every node that waits for it. What was written before is visible to them.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
        for wake in self.wakers.lock().drain(..) {
            wake();
        }
    }

    /// Calls `wake` when the gate opens, at once if it is open.
    pub(crate) fn subscribe(&self, wake: impl Fn() + Send + 'static) {
        let mut wakers = self.wakers.lock();
        if self.is_open() {
            drop(wakers);
            wake();
        } else {
            wakers.push(Box::new(wake));
        }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("open", &self.is_open()).finish_non_exhaustive()
    }
}

//! Memory that is used again.

use parking_lot::Mutex;

/// Memory that was read into and is free again. Fresh memory costs as much as the parsing of a column, since the operating
/// system clears it.
pub(crate) struct Memory<T>(Mutex<Vec<T>>);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Memory<T> {
    pub(crate) fn take(&self) -> T {
        self.0.lock().pop().unwrap_or_default()
    }

    pub(crate) fn give(&self, memory: T) {
        self.0.lock().push(memory);
    }
}

//! Arrow IPC files are written a record batch at a time, on the worker that has its rows.

mod encoder;
mod options;

pub use encoder::IpcFormat;
pub use options::{IpcCompression, IpcLayout, IpcWriteOptions};

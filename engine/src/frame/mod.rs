//! The raw columnar wire frame between processes.

//! Batches of arrow-rs, in and out, through the Arrow C data interface: no value is copied.

mod export;
mod import;

pub(crate) use export::to_record_batches;
pub(crate) use import::from_record_batches;

//! Tests against a real S3 server, behind a proxy that breaks what it is told to break, and against one that speaks as
//! Azure and Google do.

mod azure;
pub(crate) mod cloud_server;
mod clouds;
mod creation;
mod events;
mod faults;
mod listing;
mod local_files;
pub(crate) mod proxy;
mod reading;
mod s3;
pub(crate) mod server;
mod staging;
mod tls;

use super::{FileEntry, Location, Store, StoreError};

/// Bytes that differ at every place.
fn content(length: usize) -> Vec<u8> {
    (0..length as u64).map(|place| (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn location(text: &str) -> Location {
    Location::parse(text).unwrap()
}

/// An error with its source, as users see it.
fn text(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The names of files, below the directory that was listed.
fn names(store: &Store, text: &str) -> Vec<String> {
    store.list(&location(text)).unwrap().map(|file| file.unwrap().below_root).collect()
}

fn read_all(store: &Store, file: &FileEntry) -> Vec<u8> {
    store.reader(file).unwrap().take(0..file.size).unwrap().to_vec()
}

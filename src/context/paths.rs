//! What can name files.

use std::path::{Path, PathBuf};

use quokka_connectors::store::Location;

/// One path or several: a string, a path, or an array, slice or vector of them. Each names a file, a directory or a glob, on a
/// local disk or, by its address, in a store: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`,
/// `abfss://container@account.dfs.core.windows.net/key`, `http://` and `https://`, `file://`. Options of stores are those of
/// the reader ([`StoreOptions`](crate::StoreOptions)).
pub trait Paths {
    /// The paths, in order.
    fn into_paths(self) -> Vec<PathBuf>;
}

/// A path as errors show it: what is secret in an address is left out.
pub(crate) fn shown(path: &Path) -> String {
    match path.to_str().map(Location::parse) {
        Some(Ok(location)) => location.to_string(),
        Some(Err(error)) => error.url().to_owned(),
        None => path.display().to_string(),
    }
}

macro_rules! one_path {
    ($($path:ty),*) => {
        $(impl Paths for $path {
            fn into_paths(self) -> Vec<PathBuf> {
                vec![self.into()]
            }
        })*
    };
}

one_path!(&str, String, &String, &Path, PathBuf);

impl Paths for &PathBuf {
    fn into_paths(self) -> Vec<PathBuf> {
        vec![self.clone()]
    }
}

impl<P: AsRef<Path>> Paths for Vec<P> {
    fn into_paths(self) -> Vec<PathBuf> {
        self.as_slice().into_paths()
    }
}

impl<P: AsRef<Path>> Paths for &[P] {
    fn into_paths(self) -> Vec<PathBuf> {
        self.iter().map(|path| path.as_ref().to_owned()).collect()
    }
}

impl<P: AsRef<Path>, const N: usize> Paths for [P; N] {
    fn into_paths(self) -> Vec<PathBuf> {
        self.as_slice().into_paths()
    }
}

//! An S3 server in this process, over a folder.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::runtime::Runtime;

use super::location;
use super::s3::serve;
use crate::store::{Store, StoreOptions};
use crate::testing::Folder;

/// Serves the bucket `bucket` until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    folder: Folder,
    // Its end closes all connections.
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        let (address, runtime) = serve(folder.path(), 1);
        Self { address, folder, _runtime: runtime }
    }

    /// Where the object of this key is kept.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join("bucket").join(key)
    }

    /// Puts an object there without asking the server.
    pub(crate) fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Files of uploads that were neither completed nor aborted.
    pub(crate) fn open_uploads(&self) -> usize {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|item| item.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".upload")).count()
    }

    pub(crate) fn store(&self) -> Store {
        open(self.address, |options| options)
    }
}

/// Options for a server at an address; retries wait for milliseconds only.
pub(crate) fn options(address: SocketAddr) -> StoreOptions {
    StoreOptions::default()
        .with("aws_endpoint_url", format!("http://{address}"))
        .with("aws_access_key_id", "key")
        .with("aws_secret_access_key", "secret")
        .with("aws_region", "us-east-1")
        .with("retry_init_backoff_ms", "1")
        .with("max_retries", "3")
}

pub(crate) fn open(address: SocketAddr, change: impl FnOnce(StoreOptions) -> StoreOptions) -> Store {
    Store::open(&location("s3://bucket"), &change(options(address))).unwrap()
}

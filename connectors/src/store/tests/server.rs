//! An S3 server in this process, over a folder.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::location;
use crate::store::{Store, StoreOptions};
use crate::testing::Folder;

/// Serves the bucket `bucket` until it is dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    folder: Folder,
    // Its end closes all connections.
    _runtime: Runtime,
}

impl Server {
    pub(super) fn start() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(hyper_util::rt::TokioExecutor::new()).http1_only();
                    let _ = server.serve_connection(TokioIo::new(connection), service).await;
                });
            }
        });
        Self { address, folder, _runtime: runtime }
    }

    /// Where the object of this key is kept.
    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join("bucket").join(key)
    }

    /// Puts an object there without asking the server.
    pub(super) fn put(&self, key: &str, content: impl AsRef<[u8]>) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Files of uploads that were neither completed nor aborted.
    pub(super) fn open_uploads(&self) -> usize {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|item| item.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".upload")).count()
    }

    pub(super) fn store(&self) -> Store {
        open(self.address, |options| options)
    }
}

/// Options for a server at an address; retries wait for milliseconds only.
pub(super) fn options(address: SocketAddr) -> StoreOptions {
    StoreOptions::default()
        .with("aws_endpoint_url", format!("http://{address}"))
        .with("aws_access_key_id", "key")
        .with("aws_secret_access_key", "secret")
        .with("aws_region", "us-east-1")
        .with("retry_init_backoff_ms", "1")
        .with("max_retries", "3")
}

pub(super) fn open(address: SocketAddr, change: impl FnOnce(StoreOptions) -> StoreOptions) -> Store {
    Store::open(&location("s3://bucket"), &change(options(address))).unwrap()
}

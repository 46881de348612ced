//! An S3 server over a folder, in this process. Also used by other packages' tests and by an example, as a file of theirs.

use std::net::SocketAddr;
use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Serves each folder in `folder` as a bucket, to who has the key `key` with the secret `secret`, until the runtime is
/// dropped.
pub fn serve(folder: &Path, threads: usize) -> (SocketAddr, Runtime) {
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
    service.set_auth(SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let server = Builder::new(TokioExecutor::new()).http1_only();
                let _ = server.serve_connection(TokioIo::new(connection), service).await;
            });
        }
    });
    (address, runtime)
}

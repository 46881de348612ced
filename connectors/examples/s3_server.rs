//! Serves folders as the buckets of an S3 server on this machine, for measurements:
//! `cargo run --release -p quokka-connectors --example s3_server -- FOLDER [THREADS]` prints its address.

#![expect(clippy::unwrap_used, reason = "a tool of tests and measurements")]

#[path = "../src/store/tests/s3.rs"]
mod s3;

use std::path::Path;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let threads = arguments.next().and_then(|threads| threads.parse().ok()).unwrap_or(1);
    let (address, _runtime) = s3::serve(Path::new(&folder), threads);
    println!("AWS_ENDPOINT_URL=http://{address} AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret");
    loop {
        std::thread::park();
    }
}

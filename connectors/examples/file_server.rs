//! Serves the files of a folder over HTTP, for measurements of stores on one machine: `GET` and `HEAD` with ranges, as S3
//! answers them, without looking at signatures.
//!
//! ```text
//! cargo run --release -p quokka-connectors --example file_server -- FOLDER [MILLISECONDS]
//! ```
//!
//! prints the variables with which `s3://BUCKET/KEY` is the file `FOLDER/BUCKET/KEY`. Each answer begins after so many
//! milliseconds.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder: Arc<PathBuf> = Arc::new(arguments.next().unwrap_or_else(|| ".".to_owned()).into());
    let delay = Duration::from_millis(arguments.next().and_then(|delay| delay.parse().ok()).unwrap_or(0));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("AWS_ENDPOINT_URL=http://{} AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret", listener.local_addr()?);
    for connection in listener.incoming() {
        let (connection, folder) = (connection?, folder.clone());
        // A client that goes away is no concern of the others.
        thread::spawn(move || drop(serve(connection, &folder, delay)));
    }
    Ok(())
}

/// Answers the requests of a connection.
fn serve(connection: TcpStream, folder: &Path, delay: Duration) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut answers = connection.try_clone()?;
    let mut requests = BufReader::new(connection);
    loop {
        let (mut line, mut range) = (String::new(), None);
        if requests.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        loop {
            line.clear();
            requests.read_line(&mut line)?;
            match line.trim_end().to_ascii_lowercase().strip_prefix("range: bytes=") {
                Some(bytes) => {
                    range = bytes.split_once('-').map(|(start, end)| (start.parse::<u64>(), end.parse::<u64>()))
                },
                None if line.trim_end().is_empty() => break,
                None => {},
            }
        }
        thread::sleep(delay);
        let file = folder.join(target.trim_start_matches('/'));
        let opened = File::open(&file).and_then(|file| Ok((file.metadata()?, file)));
        let Ok((metadata, mut file)) = opened.map_err(drop).and_then(|found| match found.0.is_file() {
            true => Ok(found),
            false => Err(()),
        }) else {
            answers.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        };
        let size = metadata.len();
        let (status, start, end) = match range {
            Some((Ok(start), Ok(end))) if end < size => ("206 Partial Content", start, end + 1),
            _ => ("200 OK", 0, size),
        };
        let place = match status.starts_with("206") {
            true => format!("content-range: bytes {start}-{}/{size}\r\n", end - 1),
            false => String::new(),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{place}etag: \"{:x}\"\r\nlast-modified: Mon, 01 Jan 2024 00:00:00 \
             GMT\r\naccept-ranges: bytes\r\n\r\n",
            end - start,
            version(&metadata)
        );
        answers.write_all(head.as_bytes())?;
        if method == "GET" {
            file.seek(SeekFrom::Start(start))?;
            io::copy(&mut file.take(end - start), &mut answers)?;
        }
    }
}

/// Changes when the file does.
fn version(metadata: &Metadata) -> u128 {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    modified.unwrap_or_default().as_nanos() ^ u128::from(metadata.len())
}

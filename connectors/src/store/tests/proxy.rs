//! A proxy that breaks answers. It takes one request of a connection and closes it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    None,
    /// The server is not asked; this status is answered.
    Status(u16),
    /// The connection closes after so many bytes of the body.
    CutAfter(usize),
    /// The connection closes before any answer, although the server got the request.
    NoAnswer,
    /// Nothing is ever answered.
    Silence,
    /// So many bytes of the body, and then nothing.
    SilenceAfter(usize),
    /// The server is not asked; this body is answered, as all of the object.
    Body(String),
    /// As `Body`, but the connection closes after so many bytes.
    BodyCutAfter(String, usize),
    /// The server is not asked; this status, with these headers, is answered.
    Headers(u16, &'static str),
    /// The server is asked when this is true.
    Until(Arc<AtomicBool>),
}

/// A request that came to the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) range: Option<String>,
    pub(crate) if_match: Option<String>,
    /// That there is no such object.
    pub(crate) condition: Option<String>,
}

impl Request {
    /// Whether an upload is to be completed.
    pub(crate) fn completes(&self) -> bool {
        self.method == "POST" && self.target.contains("uploadId=")
    }
}

type Rule = dyn FnMut(&Request) -> Fault + Send;

#[derive(Default)]
pub(crate) struct Seen {
    requests: Mutex<Vec<Request>>,
    given_up: AtomicUsize,
    conditional: Mutex<()>,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

impl Proxy {
    /// Starts a proxy that asks a rule about each request. It ends with the process of the tests.
    pub(crate) fn start(server: SocketAddr, rule: impl FnMut(&Request) -> Fault + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        let rule: Arc<Mutex<Box<Rule>>> = Arc::new(Mutex::new(Box::new(rule)));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (seen, rule, client) = (shared.clone(), rule.clone(), client.unwrap());
                thread::spawn(move || drop(serve(client, server, &seen, &rule)));
            }
        });
        Self { address, seen }
    }

    /// Faults in the order of the requests for data; requests after them pass.
    pub(crate) fn with_faults(server: SocketAddr, faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut faults: Vec<_> = faults.into_iter().collect();
        faults.reverse();
        Self::start(server, move |request| match request.method.as_str() {
            "GET" => faults.pop().unwrap_or(Fault::None),
            _ => Fault::None,
        })
    }

    pub(crate) fn requests(&self, method: &str) -> Vec<Request> {
        let requests = self.seen.requests.lock().unwrap();
        requests.iter().filter(|request| request.method == method).cloned().collect()
    }

    /// Bytes of the ranges that were asked for.
    pub(crate) fn requested_bytes(&self) -> u64 {
        let ranges = self.requests("GET").into_iter().filter_map(|request| request.range);
        let length = |range: String| {
            let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            end.parse::<u64>().unwrap() + 1 - start.parse::<u64>().unwrap()
        };
        ranges.map(length).sum()
    }

    /// Requests whose client went away while it was waiting.
    pub(crate) fn given_up(&self) -> usize {
        self.seen.given_up.load(Ordering::SeqCst)
    }
}

/// Breaks the first two requests for each range, by its end, in several ways.
pub(crate) fn passing_faults() -> impl FnMut(&Request) -> Fault + Send + 'static {
    let mut seen: Vec<(String, usize)> = Vec::new();
    move |request| {
        let Some((_, end)) = request.range.as_ref().and_then(|range| range.split_once('-')) else {
            return Fault::None;
        };
        let faults = [Fault::Status(500), Fault::CutAfter(100), Fault::NoAnswer];
        let index = seen.len();
        let (attempts, first) = match seen.iter_mut().position(|(other, _)| other == end) {
            Some(place) => {
                seen[place].1 += 1;
                (seen[place].1, place)
            },
            None => {
                seen.push((end.to_owned(), 0));
                (0, index)
            },
        };
        if attempts < 2 { faults[(first + attempts) % 3].clone() } else { Fault::None }
    }
}

/// Waits for something that happens on another thread; a test that hangs fails after a while.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("what was expected did not happen");
}

fn serve(mut client: TcpStream, server: SocketAddr, seen: &Seen, rule: &Mutex<Box<Rule>>) -> std::io::Result<()> {
    let (head, body) = read_message(&mut client)?;
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let mut words = head.split(' ').map(str::to_owned);
    let request = Request {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        range: header("range"),
        if_match: header("if-match"),
        condition: header("if-none-match").or(header("x-goog-if-generation-match")),
    };
    seen.requests.lock().unwrap().push(request.clone());
    let fault = (rule.lock().unwrap())(&request);
    if let Fault::Status(status) = fault {
        let answer = format!("HTTP/1.1 {status} Broken\r\ncontent-length: 6\r\nconnection: close\r\n\r\nbroken");
        return client.write_all(answer.as_bytes());
    }
    if let Fault::Headers(status, headers) = fault {
        let answer = format!("HTTP/1.1 {status} Told\r\n{headers}\r\nconnection: close\r\n\r\n");
        return client.write_all(answer.as_bytes());
    }
    if let Fault::Body(_) | Fault::BodyCutAfter(..) = &fault {
        let (body, sent) = match &fault {
            Fault::BodyCutAfter(body, sent) => (body, *sent),
            Fault::Body(body) => (body, body.len()),
            _ => return Ok(()),
        };
        let length = body.len();
        let body = &body[..sent];
        let version = "etag: \"1\"\r\nlast-modified: Mon, 01 Jan 2024 00:00:00 GMT";
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{version}\r\nconnection: close\r\n\r\n{body}");
        return client.write_all(answer.as_bytes());
    }
    if matches!(fault, Fault::Silence) {
        return wait_for_end(client, seen);
    }
    if let Fault::Until(may_go) = &fault {
        eventually(|| may_go.load(Ordering::SeqCst));
    }
    // The server looks and writes in two steps. What has a condition it gets one by one, as stores decide it at once.
    let _alone = request.condition.as_ref().map(|_| seen.conditional.lock());
    let mut upstream = TcpStream::connect(server)?;
    let head = head.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
    upstream.write_all(head.as_bytes())?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    let start = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
    match fault {
        Fault::CutAfter(bytes) => answer.truncate(start + bytes),
        Fault::NoAnswer => answer.clear(),
        Fault::SilenceAfter(bytes) => {
            client.write_all(&answer[..start + bytes])?;
            return wait_for_end(client, seen);
        },
        _ => {},
    }
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Both)
}

fn wait_for_end(mut client: TcpStream, seen: &Seen) -> std::io::Result<()> {
    // Nothing more is sent, so that this returns when the client closes the connection.
    let _ = client.read(&mut [0]);
    seen.given_up.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

pub(super) fn read_message(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut block = [0; 65536];
    let start = loop {
        let read = stream.read(&mut block)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&block[..read]);
        if let Some(end) = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..start]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
    });
    let mut body = bytes.split_off(start);
    while body.len() < length.unwrap_or(0) {
        let read = stream.read(&mut block)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        body.extend_from_slice(&block[..read]);
    }
    Ok((head, body))
}

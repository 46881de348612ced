//! A server that keeps objects in memory and speaks as much of the protocols of Azure and of Google (its XML) as clients of
//! them need. It has one container or bucket, `bucket`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use url::form_urlencoded::parse;

use super::proxy::read_message;
use crate::store::StoreOptions;

/// Names in an answer to a listing.
const PAGE: usize = 3;
const MODIFIED: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

pub(crate) struct CloudServer {
    pub(crate) address: SocketAddr,
    objects: Arc<Mutex<Objects>>,
}

#[derive(Default)]
struct Objects {
    /// With their versions.
    whole: BTreeMap<String, (Vec<u8>, u64)>,
    /// By object and upload, then by block or number.
    parts: BTreeMap<(String, String), BTreeMap<String, Vec<u8>>>,
    versions: u64,
}

struct Request {
    method: String,
    /// Below the bucket.
    key: Option<String>,
    query: BTreeMap<String, String>,
    head: String,
    body: Vec<u8>,
}

/// Status, headers, body.
type Answer = (u16, String, Vec<u8>);

impl CloudServer {
    /// Starts a server that ends with the process of the tests.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let objects = Arc::new(Mutex::default());
        let shared: Arc<Mutex<Objects>> = objects.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (shared, client) = (shared.clone(), client.unwrap());
                thread::spawn(move || drop(serve(client, &shared)));
            }
        });
        Self { address, objects }
    }

    pub(crate) fn azure(&self) -> StoreOptions {
        StoreOptions::default()
            .with("azure_storage_endpoint", format!("http://{}", self.address))
            .with("azure_storage_account_name", "account")
            .with("azure_storage_account_key", "c2VjcmV0")
            .with("max_retries", "1")
    }

    pub(crate) fn google(&self) -> StoreOptions {
        StoreOptions::default()
            .with("google_base_url", format!("http://{}", self.address))
            .with("google_bearer_token", "token")
            .with("max_retries", "1")
    }

    /// The names of all objects.
    pub(crate) fn names(&self) -> Vec<String> {
        self.objects.lock().unwrap().whole.keys().cloned().collect()
    }

    /// Uploads that were neither completed nor taken back.
    pub(crate) fn open_uploads(&self) -> usize {
        self.objects.lock().unwrap().parts.len()
    }
}

fn serve(mut client: TcpStream, objects: &Mutex<Objects>) -> std::io::Result<()> {
    let (head, body) = read_message(&mut client)?;
    let request = Request::new(head, body);
    let (status, headers, body) = objects.lock().unwrap().answer(&request);
    let head = format!("HTTP/1.1 {status} Told\r\n{headers}connection: close\r\n");
    let length =
        if headers.contains("content-length") { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    client.write_all(format!("{head}{length}\r\n").as_bytes())?;
    if request.method != "HEAD" {
        client.write_all(&body)?;
    }
    client.shutdown(Shutdown::Both)
}

/// Percent-decoded.
fn decoded(text: &str) -> String {
    let text = text.replace('+', "%2B").replace('&', "%26");
    parse(format!("x={text}").as_bytes()).next().unwrap().1.into_owned()
}

impl Request {
    fn new(head: String, body: Vec<u8>) -> Self {
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap().to_owned(), words.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decoded(path);
        let key = if path == "/bucket" { Some("") } else { path.strip_prefix("/bucket/") };
        let key = key.map(str::to_owned);
        let query = parse(query.as_bytes()).into_owned().collect();
        Self { method, key, query, head, body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// What stands in all elements of this name in the body.
    fn elements(&self, name: &str) -> Vec<String> {
        let body = String::from_utf8_lossy(&self.body).into_owned();
        let start = format!("<{name}>");
        let parts = body.split(&start).skip(1);
        parts.map(|part| part.split("</").next().unwrap().replace("&quot;", "\"")).collect()
    }
}

fn empty(status: u16) -> Answer {
    (status, String::new(), Vec::new())
}

fn versioned(status: u16, version: u64) -> Answer {
    let headers = format!("etag: \"0x{version}\"\r\nlast-modified: {MODIFIED}\r\nx-goog-generation: {version}\r\n");
    (status, headers, Vec::new())
}

impl Objects {
    fn answer(&mut self, request: &Request) -> Answer {
        let is_azure = request.header("x-ms-version").is_some();
        let signature = if is_azure { "SharedKey account:" } else { "Bearer token" };
        if !request.header("authorization").is_some_and(|given| given.starts_with(signature)) {
            return empty(403);
        }
        let Some(key) = request.key.as_deref() else { return empty(404) };
        match (request.method.as_str(), is_azure) {
            ("GET", _) if key.is_empty() => self.list(request, is_azure),
            ("GET" | "HEAD", _) => self.get(request, key),
            ("PUT", true) => self.azure_put(request, key),
            ("POST", true) => self.azure_batch(request),
            ("PUT", false) => self.google_put(request, key),
            ("POST", false) => self.google_upload(request, key),
            ("DELETE", false) if !request.parameter("uploadId").is_empty() => {
                self.parts.remove(&(key.to_owned(), request.parameter("uploadId").to_owned()));
                empty(204)
            },
            ("DELETE", false) => empty(if self.whole.remove(key).is_some() { 204 } else { 404 }),
            _ => empty(405),
        }
    }

    fn put(&mut self, key: &str, bytes: Vec<u8>) -> u64 {
        self.versions += 1;
        self.whole.insert(key.to_owned(), (bytes, self.versions));
        self.versions
    }

    fn get(&self, request: &Request, key: &str) -> Answer {
        let Some((bytes, version)) = self.whole.get(key) else { return empty(404) };
        if request.header("if-match").is_some_and(|tag| tag != format!("\"0x{version}\"")) {
            return empty(412);
        }
        let (_, mut headers, _) = versioned(200, *version);
        let Some((start, end)) =
            request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
        else {
            write!(headers, "content-length: {}\r\n", bytes.len()).unwrap();
            return (200, headers, bytes.clone());
        };
        let (start, end) = (start.parse().unwrap(), bytes.len().min(end.parse::<usize>().unwrap() + 1));
        if start >= bytes.len() {
            return empty(416);
        }
        write!(headers, "content-range: bytes {start}-{}/{}\r\n", end - 1, bytes.len()).unwrap();
        (206, headers, bytes[start..end].to_vec())
    }

    fn list(&self, request: &Request, is_azure: bool) -> Answer {
        let token = if is_azure { "marker" } else { "continuation-token" };
        let after = request.parameter(token).max(request.parameter("start-after"));
        // Unlike the others', this one names the first.
        let from = request.parameter("startFrom");
        let prefix = request.parameter("prefix");
        let named = self
            .whole
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after && name.as_str() >= from);
        let mut named = named.peekable();
        let mut xml = "<?xml version=\"1.0\"?><List>".to_owned() + if is_azure { "<Blobs>" } else { "" };
        let mut last = None;
        for (name, (bytes, version)) in named.by_ref().take(PAGE) {
            let (escaped, size) = (name.replace('&', "&amp;").replace('<', "&lt;"), bytes.len());
            match is_azure {
                true => write!(
                    xml,
                    "<Blob><Name>{escaped}</Name><Properties><Last-Modified>{MODIFIED}</Last-Modified>\
                     <Content-Length>{size}</Content-Length><Content-Type>text/plain</Content-Type>\
                     <Etag>0x{version}</Etag></Properties></Blob>"
                ),
                false => write!(
                    xml,
                    "<Contents><Key>{escaped}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified>\
                     <ETag>\"0x{version}\"</ETag><Size>{size}</Size></Contents>"
                ),
            }
            .unwrap();
            last = Some(name);
        }
        let next = last.filter(|_| named.peek().is_some()).map(|name| name.replace('&', "&amp;"));
        match (is_azure, next) {
            (true, next) => write!(xml, "</Blobs><NextMarker>{}</NextMarker>", next.unwrap_or_default()),
            (false, Some(next)) => write!(xml, "<NextContinuationToken>{next}</NextContinuationToken>"),
            (false, None) => Ok(()),
        }
        .unwrap();
        (200, String::new(), (xml + "</List>").into_bytes())
    }

    fn azure_put(&mut self, request: &Request, key: &str) -> Answer {
        let upload = (key.to_owned(), String::new());
        let is_refused = request.header("if-none-match") == Some("*") && self.whole.contains_key(key);
        match request.parameter("comp") {
            "block" if request.body.is_empty() => return empty(400),
            "block" => {
                let block = request.parameter("blockid").to_owned();
                self.parts.entry(upload).or_default().insert(block, request.body.clone());
                return empty(201);
            },
            "blocklist" if is_refused => return empty(409),
            "blocklist" => {
                let blocks = self.parts.remove(&upload).unwrap_or_default();
                let bytes = request.elements("Uncommitted").into_iter().map(|block| blocks.get(&block).cloned());
                let Some(bytes) = bytes.collect::<Option<Vec<_>>>() else { return empty(400) };
                return versioned(201, self.put(key, bytes.concat()));
            },
            _ => {},
        }
        if is_refused {
            return empty(409);
        }
        self.parts.remove(&upload);
        versioned(201, self.put(key, request.body.clone()))
    }

    /// Deletes many objects: requests in a request.
    fn azure_batch(&mut self, request: &Request) -> Answer {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let mut answer = String::new();
        for (number, line) in body.lines().filter_map(|line| line.strip_prefix("DELETE ")).enumerate() {
            let path = decoded(line.split([' ', '?']).next().unwrap());
            let status = if self.whole.remove(path.trim_start_matches("/bucket/")).is_some() { 202 } else { 404 };
            let head = "--answer\r\nContent-Type: application/http\r\n";
            write!(answer, "{head}Content-ID: {number}\r\n\r\nHTTP/1.1 {status} Told\r\n\r\n\r\n").unwrap();
        }
        answer.push_str("--answer--\r\n");
        (202, "content-type: multipart/mixed; boundary=answer\r\n".to_owned(), answer.into_bytes())
    }

    fn google_put(&mut self, request: &Request, key: &str) -> Answer {
        if let Some(upload) = request.query.get("uploadId") {
            let Some(parts) = self.parts.get_mut(&(key.to_owned(), upload.clone())) else { return empty(404) };
            // The tag names the part.
            let tag = format!("\"part {}\"", request.parameter("partNumber"));
            parts.insert(tag.clone(), request.body.clone());
            return (200, format!("etag: {tag}\r\n"), Vec::new());
        }
        if request.header("x-goog-if-generation-match") == Some("0") && self.whole.contains_key(key) {
            return empty(412);
        }
        let bytes = match request.header("x-goog-copy-source") {
            None => request.body.clone(),
            Some(source) => match self.whole.get(decoded(source).trim_start_matches("bucket/")) {
                Some((bytes, _)) => bytes.clone(),
                None => return empty(404),
            },
        };
        versioned(200, self.put(key, bytes))
    }

    fn google_upload(&mut self, request: &Request, key: &str) -> Answer {
        if request.header("x-goog-if-generation-match").or(request.header("if-none-match")).is_some() {
            return empty(400);
        }
        let xml = |body: String| (200, String::new(), body.into_bytes());
        let Some(upload) = request.query.get("uploadId") else {
            self.versions += 1;
            let upload = self.versions.to_string();
            self.parts.insert((key.to_owned(), upload.clone()), BTreeMap::new());
            return xml(format!(
                "<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            ));
        };
        let Some(parts) = self.parts.remove(&(key.to_owned(), upload.clone())) else { return empty(404) };
        let bytes = request.elements("ETag").into_iter().map(|tag| parts.get(&tag).cloned());
        let Some(bytes) = bytes.collect::<Option<Vec<_>>>() else { return empty(400) };
        let version = self.put(key, bytes.concat());
        xml(format!("<CompleteMultipartUploadResult><ETag>\"0x{version}\"</ETag></CompleteMultipartUploadResult>"))
    }
}

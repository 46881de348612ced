use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::proxy::{Fault, Proxy, eventually};
use super::server::{Server, open, options};
use super::{content, location};
use crate::store::{Store, StoreError, StoreErrorKind};

const KEY: &str = "s3://bucket/x";

/// Reads an object of a million bytes while requests go wrong.
fn read(faults: impl IntoIterator<Item = Fault>) -> (Result<bool, StoreError>, Proxy) {
    let server = Server::start();
    let bytes = content(1_000_000);
    server.put("x", &bytes);
    let faults: Vec<_> = faults.into_iter().collect();
    // Nothing but silence is measured in time.
    let silence = faults.iter().any(|fault| matches!(fault, Fault::Silence | Fault::SilenceAfter(_)));
    let proxy = Proxy::with_faults(server.address, faults);
    let store = open(proxy.address, |options| match silence {
        true => options.with("read_timeout", "500ms"),
        false => options,
    });
    let file = store.head(&location(KEY)).unwrap();
    let read = store.reader(&file).unwrap().take(10..999_990);
    (read.map(|read| read == bytes[10..999_990]), proxy)
}

#[test]
fn passing_failures_are_overcome() {
    for fault in [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
        Fault::NoAnswer,
        Fault::Silence,
        Fault::SilenceAfter(1000),
        Fault::CutAfter(0),
    ] {
        let (read, proxy) = read([fault.clone()]);
        assert!(read.unwrap(), "{fault:?}");
        // On a machine that is busy the second request may be too late as well.
        let silence = matches!(fault, Fault::Silence | Fault::SilenceAfter(_));
        let requests = proxy.requests("GET").len();
        assert!(requests == 2 || (silence && requests > 2), "{fault:?}: {requests}");
    }
}

#[test]
fn a_broken_answer_is_continued_where_it_broke() {
    let (read, proxy) = read([Fault::CutAfter(300_000), Fault::CutAfter(200_000), Fault::CutAfter(100_000)]);
    assert!(read.unwrap());
    let asked: Vec<_> = proxy.requests("GET").into_iter().filter_map(|request| request.range).collect();
    assert_eq!(asked, ["bytes=10-999989", "bytes=300010-999989", "bytes=500010-999989", "bytes=600010-999989"]);
}

#[test]
fn failures_that_last_are_told_with_the_attempts() {
    for (fault, kind) in [
        (Fault::Status(500), StoreErrorKind::Other),
        (Fault::NoAnswer, StoreErrorKind::Other),
        (Fault::Silence, StoreErrorKind::Timeout),
    ] {
        let (read, proxy) = read(vec![fault.clone(); 10]);
        let error = read.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (kind, 4), "{error}");
        assert_eq!((error.url(), error.range()), (KEY, Some(&(10..999_990))));
        assert!(error.to_string().starts_with("cannot read `s3://bucket/x` (bytes 10 to 999990) after 4 attempts"));
        assert_eq!(proxy.requests("GET").len(), 4);
    }
}

#[test]
fn lasting_refusals_are_not_repeated() {
    for (status, kind) in [
        (403, StoreErrorKind::Permission),
        (401, StoreErrorKind::Permission),
        (404, StoreErrorKind::NotFound),
        (412, StoreErrorKind::Changed),
        (416, StoreErrorKind::Changed),
        (400, StoreErrorKind::Other),
    ] {
        let (read, proxy) = read([Fault::Status(status)]);
        assert_eq!(read.unwrap_err().kind(), kind, "{status}");
        assert_eq!(proxy.requests("GET").len(), 1, "{status}");
    }
}

#[test]
fn a_server_without_ranges_is_named() {
    let (read, _) = read([Fault::Body("x".repeat(1_000_000))]);
    let error = read.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unsupported, "{error}");
}

#[test]
fn a_server_without_ranges_can_still_be_read_from_front_to_back() {
    let server = Server::start();
    let body: String = (0..3_000_000).map(|number| format!("{number:7}")).collect();
    let mut cut = None;
    for expected in [Ok(()), Err(10_000_000)] {
        let text = body.clone();
        let proxy = Proxy::start(server.address, move |request| match (request.range.is_some(), cut) {
            (false, Some(cut)) => Fault::BodyCutAfter(text.clone(), cut),
            _ => Fault::Body(text.clone()),
        });
        let store = open(proxy.address, |options| options);
        let file = store.head(&location(KEY)).unwrap();
        let mut stream = store.stream(&file).unwrap();
        let mut read = Vec::new();
        let error = loop {
            match stream.next_chunk() {
                Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert!(body.as_bytes().starts_with(&read));
        match expected {
            Ok(()) => assert!(error.is_none() && read.len() == body.len(), "{error:?}"),
            Err(at) => {
                let error = error.unwrap();
                assert_eq!(error.range(), Some(&(at..body.len() as u64)));
                assert!(super::text(&error).contains("broke off"), "{error:?}");
            },
        }
        cut = Some(10_000_000);
    }
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let store = open(address, |options| options);
    let error = store.head(&location(KEY)).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (StoreErrorKind::Other, 4), "{error}");
}

#[test]
fn an_encrypted_connection_to_a_server_without_encryption_is_an_error() {
    let server = Server::start();
    let endpoint = format!("https://{}", server.address);
    let store = open(server.address, |options| options.with("aws_endpoint_url", endpoint).with("max_retries", "1"));
    let error = store.head(&location(KEY)).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (StoreErrorKind::Other, 1), "{error}");
    assert!(super::text(&error).contains("does not answer with TLS"), "{}", super::text(&error));
}

#[test]
fn a_file_that_was_replaced_is_never_mixed() {
    let server = Server::start();
    server.put("x", content(20 << 20));
    let store = server.store();
    let file = store.head(&location(KEY)).unwrap();
    let mut reader = store.reader(&file).unwrap();
    assert_eq!(reader.take(0..10).unwrap(), content(10));
    // As long as before: only the tag tells.
    let mut other = content(20 << 20);
    other[15 << 20] ^= 1;
    server.put("x", &other);
    let error = reader.take(10..20).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Changed);
    assert!(error.to_string().contains("replaced while it was read"), "{error}");
    server.put("x", "short");
    assert_eq!(reader.take(15 << 20..16 << 20).unwrap_err().kind(), StoreErrorKind::Changed);
    std::fs::remove_file(server.path("x")).unwrap();
    assert_eq!(reader.take(10..20).unwrap_err().kind(), StoreErrorKind::NotFound);
}

#[test]
fn a_listing_without_tags_does_not_hide_a_replacement() {
    let server = Server::start();
    server.put("d/x", content(100));
    let store = server.store();
    let file = store.list(&location("s3://bucket/d/")).unwrap().next().unwrap().unwrap();
    assert_eq!(file.etag, None);
    let mut reader = store.reader(&file).unwrap();
    assert_eq!(reader.take(0..10).unwrap(), content(100)[..10]);
    // Of the same length, at the same time.
    server.put("d/x", vec![1; 100]);
    let path = server.path("d/x");
    std::fs::File::options().write(true).open(path).unwrap().set_modified(file.modified.unwrap()).unwrap();
    assert_eq!(reader.take(10..20).unwrap_err().kind(), StoreErrorKind::Changed);
}

#[test]
fn a_file_that_is_replaced_in_the_middle_of_an_answer_is_noticed() {
    let server = Server::start();
    server.put("x", content(1_000_000));
    let path = server.path("x");
    let mut first = true;
    let proxy = Proxy::start(server.address, move |request| {
        if request.method != "GET" {
            return Fault::None;
        }
        match std::mem::take(&mut first) {
            true => Fault::CutAfter(1000),
            false => {
                std::fs::write(&path, vec![7; 1_000_000]).unwrap();
                Fault::None
            },
        }
    });
    let store = open(proxy.address, |options| options);
    let file = store.head(&location(KEY)).unwrap();
    let error = store.reader(&file).unwrap().take(0..1_000_000).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (StoreErrorKind::Changed, 2), "{error}");
}

#[test]
fn a_reader_that_ends_cancels_its_requests() {
    let server = Server::start();
    server.put("x", content(40 << 20));
    let proxy = Proxy::with_faults(server.address, vec![Fault::SilenceAfter(0); 5]);
    let store = open(proxy.address, |options| options);
    let file = store.head(&location(KEY)).unwrap();
    let mut reader = store.reader(&file).unwrap();
    reader.announce(&[0..16 << 20, 16 << 20..40 << 20]).unwrap();
    eventually(|| proxy.requests("GET").len() == 5);
    assert_eq!(proxy.given_up(), 0);
    drop(reader);
    eventually(|| proxy.given_up() == 5);
    assert_eq!(proxy.requests("GET").len(), 5);
}

#[test]
fn listing_and_writing_are_retried() {
    let server = Server::start();
    server.put("d/a", "1");
    let failed = Arc::new(AtomicUsize::new(0));
    let count = failed.clone();
    let mut odd = false;
    let proxy = Proxy::start(server.address, move |_| {
        odd = !odd;
        match odd {
            true => {
                count.fetch_add(1, Ordering::SeqCst);
                Fault::Status(503)
            },
            false => Fault::None,
        }
    });
    let store = open(proxy.address, |options| options);
    assert_eq!(super::names(&store, "s3://bucket/d/"), ["a"]);
    let bytes = content(20 << 20);
    let target = location("s3://bucket/d/b");
    let mut file = store.stage(&target, Default::default()).unwrap();
    file.append(&bytes).unwrap();
    file.finish().unwrap().commit().unwrap();
    assert!(std::fs::read(server.path("d/b")).unwrap() == bytes);
    assert!(failed.load(Ordering::SeqCst) >= 6);
}

#[test]
fn a_signature_in_an_address_is_in_no_error() {
    let server = Server::start();
    let proxy = Proxy::start(server.address, |_| Fault::Status(500));
    let signed = location(&format!("http://{}/x?X-Amz-Signature=s3cr3t", proxy.address));
    let options = options(proxy.address);
    assert!(Store::open(&signed, &options).is_err());
    let few = crate::store::StoreOptions::default().with("max_retries", "1").with("retry_init_backoff_ms", "1");
    let store = Store::open(&signed, &few).unwrap();
    let error = store.head(&signed).unwrap_err();
    let text = format!("{error} {error:?} {store:?}");
    assert!(text.contains("500") && !text.contains("s3cr3t"), "{text}");
    assert!(proxy.requests("HEAD").iter().all(|request| request.target.ends_with("?X-Amz-Signature=s3cr3t")));
}

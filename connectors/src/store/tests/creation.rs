//! Files that must not replace others, written by several at the same instant.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::cloud_server::CloudServer;
use super::proxy::{Fault, Proxy, Request, eventually};
use super::server::{Server, open};
use super::staging::{NEW, stage};
use super::{content, location, read_all, text};
use crate::store::{StageOptions, Store, StoreError, StoreErrorKind, StoreOptions};

const LONG: usize = 17 << 20;

/// A proxy that lets requests of one kind pass when so many have come: then all have looked, and nobody has written.
fn gate(server: SocketAddr, count: usize, is_meant: impl Fn(&Request) -> bool + Send + 'static) -> Proxy {
    let (mut seen, all_here) = (0, Arc::new(AtomicBool::new(false)));
    Proxy::start(server, move |request| {
        if !is_meant(request) {
            return Fault::None;
        }
        seen += 1;
        all_here.fetch_or(seen == count, Ordering::SeqCst);
        Fault::Until(all_here.clone())
    })
}

/// Commits other bytes under the same name from several threads at once; returns the outcomes and the bytes of each.
fn race(store: &Store, target: &str, writers: usize, length: usize) -> Vec<(Result<(), StoreError>, Vec<u8>)> {
    let start = Barrier::new(writers);
    let write = |writer: usize| {
        let bytes: Vec<u8> = content(length).into_iter().map(|byte| byte.wrapping_add(writer as u8)).collect();
        let staged = stage(store, &location(target), &bytes, NEW);
        start.wait();
        (staged.commit(), bytes)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..writers).map(|writer| scope.spawn(move || write(writer))).collect();
        running.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

/// Checks that of several writers of one name one wins, and its bytes are there.
pub(super) fn check_one_wins(store: &Store, target: &str, writers: usize, length: usize) {
    let outcomes = race(store, target, writers, length);
    let won: Vec<&Vec<u8>> = outcomes.iter().filter(|(outcome, _)| outcome.is_ok()).map(|(_, bytes)| bytes).collect();
    assert_eq!(won.len(), 1);
    for error in outcomes.iter().filter_map(|(outcome, _)| outcome.as_ref().err()) {
        assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{}", text(error));
        assert_eq!(error.url(), target);
    }
    assert!(read_all(store, &store.head(&location(target)).unwrap()) == *won[0]);
}

#[test]
fn of_writers_that_all_saw_nothing_one_wins() {
    let server = Server::start();
    for length in [5, LONG] {
        let proxy = gate(server.address, 3, |request| request.condition.is_some());
        let store = open(proxy.address, |options| options);
        let target = format!("s3://bucket/{length}");
        check_one_wins(&store, &target, 3, length);
        eventually(|| server.open_uploads() == 0);
    }
}

#[test]
fn of_writers_that_go_when_they_like_one_wins() {
    let server = Server::start();
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let store = open(proxy.address, |options| options);
    for round in 0..4 {
        let target = format!("s3://bucket/{round}");
        check_one_wins(&store, &target, 4, 9 << 20);
    }
    eventually(|| server.open_uploads() == 0);
    let memory = Store::open(&location("memory://creation"), &StoreOptions::default()).unwrap();
    for round in 0..20 {
        let target = format!("memory://creation/{round}");
        check_one_wins(&memory, &target, 4, 1000);
    }
}

#[test]
fn what_may_be_replaced_is_asked_no_condition() {
    let server = Server::start();
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let store = open(proxy.address, |options| options);
    for length in [5, LONG] {
        stage(&store, &location("s3://bucket/x"), &content(length), StageOptions::default()).commit().unwrap();
    }
    // A server that knows no conditions.
    let simple = open(proxy.address, |options| options.with("aws_conditional_put", "disabled"));
    for length in [5, LONG] {
        let target = location(&format!("s3://bucket/{length}"));
        stage(&simple, &target, &content(length), NEW).commit().unwrap();
        let error = stage(&simple, &target, &content(length), NEW).commit().unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{}", text(&error));
    }
    let requests: Vec<Request> = ["PUT", "POST"].iter().flat_map(|method| proxy.requests(method)).collect();
    assert_eq!(requests.iter().filter(|request| request.completes()).count(), 2);
    assert!(requests.iter().all(|request| request.condition.is_none()));
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn a_lost_answer_is_not_taken_for_another_writer() {
    let server = Server::start();
    let mut lost = 0;
    let proxy = Proxy::start(server.address, move |request| {
        lost += usize::from(request.completes());
        match lost {
            1 if request.completes() => Fault::NoAnswer,
            2.. if request.completes() => Fault::Status(412),
            _ => Fault::None,
        }
    });
    let store = open(proxy.address, |options| options);
    let target = location("s3://bucket/x");
    let error = stage(&store, &target, &content(LONG), NEW).commit().unwrap_err();
    assert_ne!(error.kind(), StoreErrorKind::AlreadyExists, "{}", text(&error));
    assert_eq!(proxy.requests("POST").iter().filter(|request| request.completes()).count(), 2);
    assert_eq!(store.head(&target).unwrap().size, LONG as u64);

    // What passes does no harm, what lasts fails.
    let mut failed = 0;
    let proxy = Proxy::start(server.address, move |request| {
        failed += usize::from(request.completes());
        if request.completes() && failed < 3 { Fault::Status(503) } else { Fault::None }
    });
    let target = location("s3://bucket/y");
    stage(&open(proxy.address, |options| options), &target, &content(LONG), NEW).commit().unwrap();
    assert_eq!(store.head(&target).unwrap().size, LONG as u64);
    let proxy = Proxy::start(server.address, |request| match request.completes() {
        true => Fault::Status(503),
        false => Fault::None,
    });
    let target = location("s3://bucket/z");
    let error = stage(&open(proxy.address, |options| options), &target, &content(LONG), NEW).commit().unwrap_err();
    assert!(text(&error).contains("503"), "{}", text(&error));
    assert_eq!(proxy.requests("POST").iter().filter(|request| request.completes()).count(), 4);
    eventually(|| server.open_uploads() == 0);
}

#[test]
fn azure_and_google_are_asked_in_their_ways() {
    let server = CloudServer::start();
    for length in [5, LONG] {
        for scheme in ["az", "gs"] {
            let proxy = gate(server.address, 3, |request| request.condition.is_some());
            let endpoint = format!("http://{}", proxy.address);
            let options = match scheme {
                "az" => server.azure().with("azure_storage_endpoint", endpoint),
                _ => server.google().with("google_base_url", endpoint),
            };
            let target = format!("{scheme}://bucket/{scheme}/{length} %20?");
            let store = Store::open(&location(&target), &options).unwrap();
            check_one_wins(&store, &target, 3, length);
            eventually(|| server.open_uploads() == 0);
            // Nothing hidden stays, and nothing asks that needs not.
            assert_eq!(
                server.names().iter().filter(|name| name.starts_with(scheme)).count(),
                1 + usize::from(length > 5)
            );
            let conditions = proxy.requests("PUT").iter().filter(|request| request.condition.is_some()).count();
            assert_eq!(conditions, 3);
            stage(&store, &location(&target), &content(length), StageOptions::default()).commit().unwrap();
            assert_eq!(proxy.requests("PUT").iter().filter(|request| request.condition.is_some()).count(), 3);
        }
    }
    // One process begins, another one ends.
    let target = location("gs://bucket/handed");
    let store = Store::open(&target, &server.google()).unwrap();
    let mut staged = stage(&store, &target, &content(LONG), NEW);
    let text = staged.hand_over().unwrap();
    let taken = store.take_over(&target, NEW, &text).unwrap();
    assert!(store.head(&target).is_err());
    taken.commit().unwrap();
    assert_eq!(store.head(&target).unwrap().size, LONG as u64);
    drop(staged);
    assert_eq!(server.names().iter().filter(|name| name.contains("handed")).count(), 1);
}

//! What those who listen are told of requests that failed.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::location;
use super::proxy::{Fault, Proxy};
use super::server::{Server, open};
use crate::store::Store;

type Fields = HashMap<&'static str, String>;

static WARNINGS: Mutex<Vec<Fields>> = Mutex::new(Vec::new());

/// Keeps the warnings of this crate.
struct Listener;

struct Kept<'a>(&'a mut Fields);

impl Visit for Kept<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("quokka")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Kept(&mut fields));
        WARNINGS.lock().unwrap().push(fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn requests_that_are_made_again_are_told_without_secrets() {
    // Requests run on threads of their own, so it must be the one of the process; no other test has one.
    tracing::subscriber::set_global_default(Listener).unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    open(address, |options| options).head(&location("s3://bucket/told")).unwrap_err();
    let server = Server::start();
    let proxy = Proxy::start(server.address, |_| Fault::Status(500));
    let signed = location(&format!("http://{}/told?X-Amz-Signature=s3cr3t", proxy.address));
    let few = crate::store::StoreOptions::default().with("max_retries", "1").with("retry_init_backoff_ms", "1");
    Store::open(&signed, &few).unwrap().head(&signed).unwrap_err();
    let told: Vec<Fields> = WARNINGS.lock().unwrap().clone();
    let told: Vec<&Fields> = told.iter().filter(|fields| fields["url"].contains("/told")).collect();
    let attempts = |start: &str| {
        let of = told.iter().filter(|fields| fields["url"].starts_with(start));
        of.map(|fields| fields["attempt"].as_str()).collect::<Vec<_>>()
    };
    assert_eq!((attempts("s3://bucket/told"), attempts("http:")), (vec!["1", "2", "3"], vec!["1"]));
    for fields in told {
        assert_eq!(fields["message"], "a request to a store failed and is made again");
        assert!(!fields["reason"].is_empty() && !format!("{fields:?}").contains("s3cr3t"), "{fields:?}");
    }
}

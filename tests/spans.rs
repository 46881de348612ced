//! What subscribers of `tracing` are told. There is one a process, so this test binary also plays the part of a program
//! that listens, told by an environment variable to which level.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quokka::prelude::*;
use tracing::field::{Field as TracedField, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::numbers;
use crate::support::processes::{Finished, Process, free_addresses, this_test};

const LEVEL: &str = "QUOKKA_TEST_LEVEL";
const ADDRESSES: &str = "QUOKKA_TEST_SPANS_ADDRESSES";
const INDEX: &str = "QUOKKA_TEST_SPANS_INDEX";

type Fields = HashMap<&'static str, String>;

/// Keeps all that it is told.
struct Listener {
    level: Level,
    next: AtomicU64,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// With their parents.
    spans: HashMap<u64, (&'static str, Fields, Option<u64>)>,
    events: Vec<Told>,
}

/// An event.
#[derive(Clone, Debug)]
struct Told {
    level: Level,
    fields: Fields,
    /// The innermost span first.
    spans: Vec<u64>,
}

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

struct Filled<'a>(&'a mut Fields);

impl Visit for Filled<'_> {
    fn record_str(&mut self, field: &TracedField, value: &str) {
        self.0.insert(field.name(), value.to_string());
    }

    fn record_debug(&mut self, field: &TracedField, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut fields = Fields::new();
        attributes.record(&mut Filled(&mut fields));
        let parent = match attributes.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if attributes.is_contextual() => ENTERED.with_borrow(|entered| entered.last().copied()),
            None => None,
        };
        self.heard.lock().unwrap().spans.insert(id, (attributes.metadata().name(), fields, parent));
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Filled(&mut self.heard.lock().unwrap().spans.get_mut(&span.into_u64()).unwrap().1));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Filled(&mut fields));
        let parent = event.parent().map(Id::into_u64);
        let mut next = parent.or_else(|| ENTERED.with_borrow(|entered| entered.last().copied()));
        let mut heard = self.heard.lock().unwrap();
        let mut spans = Vec::new();
        while let Some(span) = next {
            spans.push(span);
            next = heard.spans[&span].2;
        }
        heard.events.push(Told { level: *event.metadata().level(), fields, spans });
    }

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| assert_eq!(entered.pop(), Some(span.into_u64())));
    }
}

impl Listener {
    /// The events of a message, in the query of a name.
    fn of(&self, message: &str, query: &str) -> Vec<Told> {
        let heard = self.heard.lock().unwrap();
        let is_of = |told: &&Told| {
            let named = |span: &u64| heard.spans[span].1.get("name").is_some_and(|name| name == query);
            told.fields.get("message").is_some_and(|found| found == message) && told.spans.iter().any(named)
        };
        heard.events.iter().filter(is_of).cloned().collect()
    }

    fn names(&self, told: &Told) -> Vec<&'static str> {
        let heard = self.heard.lock().unwrap();
        told.spans.iter().map(|span| heard.spans[span].0).collect()
    }

    /// The fields of all spans of a name.
    fn spans(&self, name: &str) -> Vec<Fields> {
        let heard = self.heard.lock().unwrap();
        heard.spans.values().filter(|(found, ..)| *found == name).map(|(_, fields, _)| fields.clone()).collect()
    }

    fn span_fields(&self, span: u64) -> Fields {
        self.heard.lock().unwrap().spans[&span].1.clone()
    }
}

/// A few queries, and what the one named `good` did. When this is over, the workers have ended.
fn run() -> Profile {
    let context = Context::builder().workers(2).build().unwrap();
    let schema = Schema::from_iter([Field::new("key".into(), DataType::Int64)]);
    let rows = context.from_df(numbers()).select([col("key").cast(DataType::Int64)]);
    let told = rows.map_batches(schema.clone(), |batch| -> Result<_, UserError> {
        tracing::info!("a function of the user");
        Ok(batch)
    });
    let good = told.group_by([col("key")]).agg([len()]).named("good");
    let (_, profile) = tracing::info_span!("caller").in_scope(|| good.profile()).unwrap();
    let rows = context.from_df(numbers()).select([col("key").cast(DataType::Int64)]);
    let bad = rows.map_batches(schema.clone(), |_| Err::<DataFrame, UserError>("no luck".into())).named("bad");
    bad.collect().unwrap_err();
    let slow = context.from_df(df!("key" => [1i64]).unwrap()).map_batches(schema, |batch| -> Result<_, UserError> {
        std::thread::sleep(Duration::from_millis(1100));
        Ok(batch)
    });
    slow.named("slow").collect().unwrap();
    let rows = context.from_df(df!("n" => (0..20_000i64).collect::<Vec<_>>()).unwrap());
    let pairs = rows.clone().cross_join(rows.clone(), Some("_2".into())).cross_join(rows, Some("_3".into()));
    let endless = pairs.filter((col("n") + col("n_2") + col("n_3")).lt(lit(-1))).named("endless").start().unwrap();
    endless.cancel();
    endless.wait().unwrap_err();
    profile
}

/// What a started process does. Does nothing in an ordinary run of the tests.
#[test]
fn process() {
    let Ok(level) = std::env::var(LEVEL) else { return };
    let level: Level = level.parse().unwrap();
    let listener = Arc::new(Listener { level, next: AtomicU64::new(1), heard: Mutex::default() });
    tracing::subscriber::set_global_default(listener.clone()).unwrap();
    if let Ok(addresses) = std::env::var(ADDRESSES) {
        return member(&listener, &addresses, std::env::var(INDEX).unwrap().parse().unwrap());
    }
    let profile = run();
    let one = |message: &str, query: &str, level: Level| {
        let found = listener.of(message, query);
        assert_eq!(found.len(), 1, "{message}: {found:?}");
        assert_eq!(found[0].level, level, "{message}");
        found[0].clone()
    };
    let started = one("query started", "good", Level::INFO);
    assert_eq!(listener.names(&started), ["query", "caller"]);
    assert_eq!(started.fields["nodes"], profile.report().nodes.len().to_string());
    assert!(one("query finished", "good", Level::INFO).fields.contains_key("elapsed"));
    assert!(one("query failed", "bad", Level::WARN).fields["error"].contains("no luck"));
    one("query cancelled", "endless", Level::INFO);
    one("a node kept its worker from other work", "slow", Level::WARN);
    let by_user = listener.of("a function of the user", "good");
    assert!(!by_user.is_empty());
    let place: &[&str] = if level >= Level::DEBUG { &["node", "query", "caller"] } else { &["query", "caller"] };
    assert!(by_user.iter().all(|told| listener.names(told) == place), "{by_user:?}");

    let finished = listener.of("node finished", "good");
    let splits = listener.of("split finished", "good");
    if level < Level::DEBUG {
        assert!(finished.is_empty() && splits.is_empty());
        return;
    }
    assert!(listener.spans("query").iter().all(|span| !span.contains_key("process")));
    for (index, node) in profile.report().nodes.iter().enumerate() {
        let spans = finished.iter().map(|told| (told, listener.span_fields(told.spans[0])));
        let own: Vec<_> = spans.filter(|(_, span)| span["node"] == index.to_string()).collect();
        let mut workers: Vec<&str> = own.iter().map(|(_, span)| span["worker"].as_str()).collect();
        workers.sort_unstable();
        assert_eq!(workers, ["0", "1"], "node {index}");
        let sum = |field: &str| own.iter().map(|(_, span)| span[field].parse::<u64>().unwrap()).sum::<u64>();
        let read = if node.splits > 0 { node.operators[0].rows_out } else { node.rows_in() };
        assert_eq!((sum("rows_in"), sum("rows_out")), (read, node.rows_out()), "node {index}");
        for (told, span) in own {
            assert_eq!((told.level, &told.fields["rows_out"]), (Level::DEBUG, &span["rows_out"]));
            assert!(span["busy_ms"].parse::<f64>().unwrap() > 0.0);
        }
    }
    assert!(!listener.of("node failed", "bad").is_empty());
    if level == Level::TRACE {
        assert_eq!(splits.len() as u64, profile.report().nodes[0].splits);
        assert!(splits.iter().all(|told| told.fields["name"].starts_with("DataFrame ")), "{splits:?}");
        assert_eq!(listener.of("split started", "good").len(), splits.len());
    } else {
        assert!(splits.is_empty());
    }
}

/// What a process of a cluster tells of its own part.
fn member(listener: &Listener, addresses: &str, index: usize) {
    let context = Context::builder().workers(2).hosts(addresses.split(',')).process(index).build().unwrap();
    let rows = context.from_df(df!("key" => (0..300_000i64).map(|n| n % 7).collect::<Vec<_>>()).unwrap());
    let (_, profile) = rows.group_by([col("key")]).agg([len()]).named("good").profile().unwrap();
    drop(context);
    let queries = listener.spans("query");
    assert!(queries.iter().all(|span| span["process"] == index.to_string()), "{queries:?}");
    let spans = listener.spans("node");
    for (node, report) in profile.report().nodes.iter().enumerate() {
        let names: Vec<&str> = report.operators.iter().map(|operator| operator.name.as_str()).collect();
        let own: Vec<&Fields> = spans.iter().filter(|span| span["node"] == node.to_string()).collect();
        let mut workers: Vec<&str> = own.iter().map(|span| span["worker"].as_str()).collect();
        workers.sort_unstable();
        assert_eq!(workers, [0, 1].map(|worker| (2 * index + worker).to_string()), "node {node}");
        let here = |span: &&Fields| span["process"] == index.to_string() && span["name"] == names.join(" → ");
        assert!(own.iter().all(here), "{own:?}");
        let read = if report.splits > 0 { report.operators[0].rows_out } else { report.rows_in() };
        let rows = own.iter().map(|span| span["rows_in"].parse::<u64>().unwrap()).sum::<u64>();
        println!("\n@@node {node}: {rows} of {read}");
    }
}

#[test]
fn processes_tell_their_own_parts() {
    let addresses = free_addresses(2).join(",");
    let start = |index: usize| {
        let mut command = this_test("spans::process");
        Process::start(command.env(LEVEL, "DEBUG").env(ADDRESSES, &addresses).env(INDEX, index.to_string()))
    };
    let mut parts: HashMap<String, (u64, u64)> = HashMap::new();
    for mut process in [0, 1].map(start) {
        let Finished { code, out, err } = process.finish();
        assert!(code == Some(0) && out.contains("1 passed"), "{out}{err}");
        for line in out.lines().filter_map(|line| line.strip_prefix("@@")) {
            let (node, rows) = line.split_once(": ").unwrap();
            let (rows, all) = rows.split_once(" of ").unwrap();
            let part = parts.entry(node.to_string()).or_default();
            *part = (part.0 + rows.parse::<u64>().unwrap(), all.parse().unwrap());
        }
    }
    assert!(parts.len() > 2 && parts.values().all(|(rows, all)| rows == all && *all > 0), "{parts:?}");
}

#[test]
fn listeners_hear_as_much_as_they_ask_for() {
    for level in ["INFO", "DEBUG", "TRACE"] {
        let finished = Process::start(this_test("spans::process").env(LEVEL, level)).finish();
        assert!(finished.code == Some(0) && finished.out.contains("1 passed"), "{level}: {finished:?}");
    }
}

//! How far a query has come: for programs, and as bars on a terminal.
//!
//! A terminal needs a process of its own: this test binary plays that part, too, told by an environment variable what to do.
//! `script` gives it the terminal. What the processes of a cluster see is tested in [`processes`](crate::processes), too.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{QueryProgress, RunningQuery};

use crate::support::processes::{Process, free_addresses, this_test};
use crate::support::{Folder, context, numbers};

const ROLE: &str = "QUOKKA_TEST_PROGRESS";
const FOLDER: &str = "QUOKKA_TEST_PROGRESS_FOLDER";
const PROGRAM: &str = "QUOKKA_TEST_PROGRAM";
const ADDRESSES: &str = "QUOKKA_TEST_PROGRESS_ADDRESSES";
const INDEX: &str = "QUOKKA_TEST_PROGRESS_INDEX";
/// Everything here ends long before this, or something hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// Splits of ten rows, of which only the first `free` can be read before `is_open` says so.
struct Held<F> {
    splits: usize,
    free: usize,
    is_open: Arc<F>,
    fails: bool,
}

impl<F: Fn() -> bool + Send + Sync + 'static> InputReader for Held<F> {
    fn describe(&self) -> Description {
        Description::streams("held")
    }

    fn schema(&self) -> SchemaRef {
        Schema::from_iter([Field::new("n".into(), DataType::Int64)]).into()
    }

    fn splits(&self) -> Result<Vec<Split>, UserError> {
        Ok((0..self.splits).map(|split| Split { name: format!("part {split}"), rows: Some(10) }).collect())
    }

    fn read(&self, split: usize, _columns: &Schema) -> Result<Batches, UserError> {
        let (is_open, fails, is_free) = (self.is_open.clone(), self.fails, split < self.free);
        let waits = std::iter::from_fn(move || {
            if is_free || is_open() {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
            // Nothing yet.
            Some(Ok(DataFrame::empty_with_schema(&Schema::from_iter([Field::new("n".into(), DataType::Int64)]))))
        });
        let rows = std::iter::once_with(move || match split {
            1 if fails => Err("the disk is on fire".into()),
            _ => Ok(df!("n" => (0..10i64).collect::<Vec<_>>())?),
        });
        Ok(Box::new(waits.chain(rows)))
    }
}

/// Asks again and again until `accept` says so.
fn wait_for(query: &RunningQuery, accept: impl Fn(&QueryProgress) -> bool) -> QueryProgress {
    let start = Instant::now();
    loop {
        let progress = query.progress();
        if accept(&progress) {
            return progress;
        }
        assert!(start.elapsed() < DEADLINE, "{progress:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn programs_see_how_far_a_query_has_come() {
    let open = Arc::new(AtomicBool::new(false));
    let is_open = open.clone();
    let context = Context::builder().workers(2).quiet().build().unwrap();
    let is_open = Arc::new(move || is_open.load(Ordering::SeqCst));
    let held = Held { splits: 3, free: 1, is_open, fails: false };
    let table = context.from_df(df!("n" => (0..5i64).collect::<Vec<_>>()).unwrap());
    let query = context.read(held).left_join(table, col("n"), col("n")).start().unwrap();
    let progress = wait_for(&query, |progress| progress.splits_done() == 2);
    assert!(!progress.is_finished);
    let mut sources = progress.sources.clone();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    let figures: Vec<_> = sources.iter().map(|s| (s.name.as_str(), s.splits, s.splits_done, s.rows, s.bytes)).collect();
    assert_eq!(figures, [("held", Some(3), 1, 10, 0), ("memory-scan", Some(1), 1, 5, 40)]);
    assert_eq!((progress.splits(), progress.rows(), progress.bytes()), (4, 15, 40));
    open.store(true, Ordering::SeqCst);
    let last = wait_for(&query, |progress| progress.is_finished);
    assert_eq!((last.splits_done(), last.rows()), (4, 35));
    assert!(last.elapsed >= progress.elapsed);
    assert_eq!(query.progress(), last, "time stands still");
    assert_eq!(query.wait().unwrap().height(), 30);
}

/// What a process of a cluster sees of the others. It lets its second split go when it has seen the first of another process.
pub(crate) fn followed(context: &Context) -> quokka::Result<DataFrame> {
    let (processes, open) = (context.processes(), Arc::new(AtomicBool::new(false)));
    let is_open = open.clone();
    let is_open = Arc::new(move || is_open.load(Ordering::SeqCst));
    let query = context.read(Held { splits: 2 * processes, free: processes, is_open, fails: false }).start()?;
    let some = wait_for(&query, |progress| progress.splits_done() >= processes as u64);
    assert_eq!(some.splits(), 2 * processes as u64, "{some:?}");
    assert!(some.rows() >= 10 * processes as u64 && !some.is_finished, "{some:?}");
    open.store(true, Ordering::SeqCst);
    let last = wait_for(&query, |progress| progress.is_finished);
    let figures = |progress: &QueryProgress| (progress.splits_done(), progress.splits(), progress.rows());
    assert_eq!(figures(&last), (2 * processes as u64, 2 * processes as u64, 20 * processes as u64));
    assert_eq!(query.progress(), last);
    query.wait()
}

/// Every figure that was measured in all processes.
pub(crate) fn profiled(context: &Context) -> quokka::Result<DataFrame> {
    let rows = context.from_df(df!("n" => (0..300_000i64).collect::<Vec<_>>()).unwrap());
    let names = context.from_df(df!("k" => (0..50i64).collect::<Vec<_>>()).unwrap());
    let named = rows.with_columns([(col("n") % lit(100)).alias("k")]).inner_join(names, col("k"), col("k"));
    let (answer, profile) = named.group_by([col("k")]).agg([col("n").sum(), len()]).profile()?;
    let nodes = &profile.report().nodes;
    let rows = |name: &str| {
        let heads = nodes.iter().filter_map(|node| node.operators.first());
        let rows = heads
            .filter(|head| head.name == name)
            .map(|head| if name == "collect" { head.rows_in } else { head.rows_out });
        rows.sum::<u64>()
    };
    let splits: u64 = nodes.iter().map(|node| node.splits).sum();
    assert_eq!((answer.height(), rows("memory-scan"), rows("collect")), (50, 300_050, 50 * context.processes() as u64));
    assert!(splits >= 4, "{profile}");
    let workers = format!("{} workers of {} processes: operators", context.workers(), context.processes());
    assert!(profile.to_string().contains(&workers), "{profile}");
    let mut figures: Vec<u64> = Vec::new();
    for node in nodes {
        let times = [node.busy, node.shipping].map(|time| time.as_nanos() as u64);
        figures.extend([node.bytes_out, times[0], times[1], node.splits, node.dropped, node.bytes_read]);
        for operator in &node.operators {
            let (time, state) = (operator.busy.as_nanos() as u64, operator.state_bytes);
            figures.extend([
                operator.rows_in,
                operator.batches_in,
                operator.rows_out,
                operator.batches_out,
                time,
                state,
            ]);
        }
    }
    Ok(df!("figures" => figures).unwrap())
}

/// A query that ends with its cluster.
pub(crate) fn followed_for_ever(context: &Context) -> quokka::Result<DataFrame> {
    let start = Instant::now();
    let is_open = Arc::new(move || start.elapsed() > DEADLINE);
    let query = context.read(Held { splits: 6, free: context.processes(), is_open, fails: false }).start()?;
    wait_for(&query, |progress| progress.splits_done() == context.processes() as u64);
    println!("\nall are seen");
    let last = wait_for(&query, |progress| progress.is_finished);
    assert_eq!((last.splits_done(), last.splits()), (context.processes() as u64, 6));
    query.wait()
}

#[test]
fn rows_that_a_query_computes_count_where_they_are_read_again() {
    let context = context();
    let totals = context.from_df(numbers()).group_by([col("key")]).agg([col("value").sum()]);
    let query = totals.clone().union(totals).start().unwrap();
    let last = wait_for(&query, |progress| progress.is_finished);
    let read: Vec<u64> = last.sources.iter().filter(|source| source.name == "materialized").map(|s| s.rows).collect();
    assert_eq!(read, [14, 14]);
    assert!(last.sources.iter().all(|source| source.splits == Some(source.splits_done)), "{last:?}");
    assert_eq!(query.wait().unwrap().height(), 28);
}

#[test]
fn sources_know_the_bytes_that_they_read() {
    let folder = Folder::new();
    let context = context();
    let rows = context.from_df(numbers()).select([col("id"), col("text")]);
    let path = folder.path().join("rows.parquet");
    rows.sink_parquet(&path).unwrap();
    let csv = folder.path().join("rows.csv");
    let lines: String = (0..1000).map(|i| format!("{i},\"{}\"\n", i % 7)).collect();
    std::fs::write(&csv, format!("a,b\n{lines}")).unwrap();
    let read = |stream: DataStream| {
        let (_, profile) = stream.profile().unwrap();
        profile.report().nodes[0].bytes_read
    };
    let all = std::fs::metadata(&path).unwrap().len();
    let (both, one) =
        (read(context.read_parquet(&path).unwrap()), read(context.read_parquet(&path).unwrap().select([col("id")])));
    assert!(0 < one && one < both && both < all, "{one} {both} {all}");
    assert_eq!(read(context.read_parquet(&path).unwrap().filter(col("id").lt(lit(-1)))), 0, "no row group is opened");
    assert_eq!(read(context.read_csv(&csv).unwrap()), std::fs::metadata(&csv).unwrap().len());
    assert_eq!(read(rows.select([col("id")])), 8 * 200);
}

/// What a started process does. Does nothing in an ordinary run of the tests.
#[test]
fn process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let go = PathBuf::from(std::env::var(FOLDER).unwrap()).join("go");
    let builder = Context::builder().workers(2);
    let context = match role.as_str() {
        "quiet-context" => builder.quiet(),
        "cluster" => {
            let addresses = std::env::var(ADDRESSES).unwrap();
            builder.hosts(addresses.split(',')).process(std::env::var(INDEX).unwrap().parse().unwrap())
        },
        _ => builder,
    };
    let context = context.build().unwrap();
    let (path, start) = (go.clone(), Instant::now());
    // One that is cancelled must not end by itself before.
    let never = matches!(role.as_str(), "cancel" | "drop");
    let is_open = Arc::new(move || (path.exists() && !never) || start.elapsed() > DEADLINE);
    let processes = context.processes();
    let held = |fails| context.read(Held { splits: 3 * processes, free: processes, is_open: is_open.clone(), fails });
    match role.as_str() {
        "collect" => assert_eq!(held(false).collect().unwrap().height(), 30),
        "cluster" => assert_eq!(held(false).collect().unwrap().height(), 60),
        "long" => {
            println!("@@begin");
            let stream = held(false).named("the revenue of all\nshops by day, month and year");
            assert_eq!(stream.collect().unwrap().height(), 30);
        },
        "sink" => held(false).named("a sink").sink_fn(|_, _| Ok(())).unwrap(),
        "fail" => assert!(held(true).collect().unwrap_err().report().contains("on fire")),
        "two" => {
            let (first, second) = (held(false).named("first").start(), held(false).named("second").start());
            assert_eq!(first.unwrap().wait().unwrap().height(), 30);
            assert_eq!(second.unwrap().wait().unwrap().height(), 30);
        },
        "cancel" | "drop" => {
            let query = held(false).start().unwrap();
            while !go.exists() && start.elapsed() < DEADLINE {
                std::thread::sleep(Duration::from_millis(5));
            }
            if role == "cancel" {
                query.cancel();
                assert_eq!(query.wait().unwrap_err().kind(), ErrorKind::Cancelled);
            } else {
                drop(query);
            }
        },
        // Those that show nothing: they take long enough, and then go on by themselves.
        "piped" | "quiet-context" | "quiet-stream" => {
            let stream = if role == "quiet-stream" { held(false).quiet() } else { held(false) };
            let query = stream.start().unwrap();
            wait_for(&query, |progress| progress.elapsed > Duration::from_millis(1500));
            std::fs::write(&go, "").unwrap();
            assert_eq!(query.wait().unwrap().height(), 30);
        },
        role => unreachable!("{role}"),
    }
    println!("@@{role} ended");
}

fn command(role: &str, folder: &Path, on_terminal: bool) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = if on_terminal {
        let mut script = Command::new("script");
        // Of one that is told nothing, programs expect 80.
        let narrow = if role == "long" { "stty rows 20 cols 40; " } else { "" };
        let run = format!("{narrow}\"${PROGRAM}\" --exact progress::process --nocapture");
        script.args(["-q", "-e", "-c", &run, "/dev/null"]);
        script
    } else {
        this_test("progress::process")
    };
    command.env(ROLE, role).env(FOLDER, folder).env(PROGRAM, &program).env("TERM", "xterm").env("SHELL", "/bin/sh");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// All that a process of `role` shows on a terminal. It is let go on when `expected` is to be seen.
fn on_terminal(role: &str, expected: &[&str]) -> String {
    let folder = Folder::new();
    shown_by(command(role, folder.path(), true), role, &folder, expected)
}

fn shown_by(mut command: Command, role: &str, folder: &Folder, expected: &[&str]) -> String {
    let mut child = command.spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut shown = Vec::new();
    let mut part = [0; 4096];
    loop {
        let read = output.read(&mut part).unwrap();
        if read == 0 {
            break;
        }
        shown.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&shown);
        if expected.iter().all(|expected| text.contains(expected)) {
            std::fs::write(folder.path().join("go"), "").unwrap();
        }
    }
    let text = String::from_utf8_lossy(&shown).into_owned();
    assert!(child.wait().unwrap().success(), "{text}");
    assert!(text.contains(&format!("@@{role} ended")), "{text}");
    assert!(expected.iter().all(|expected| text.contains(expected)), "{text}");
    text
}

/// The columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// The lines that stand on a terminal after all that `shown` does to it.
fn screen(shown: &str) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let (mut row, mut column) = (0usize, 0usize);
    let mut letters = shown.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                assert_eq!(letters.next(), Some('['));
                let mut sequence = String::new();
                let end = loop {
                    match letters.next().unwrap() {
                        letter if letter.is_ascii_alphabetic() => break letter,
                        letter => sequence.push(letter),
                    }
                };
                let count = sequence.parse().unwrap_or(1);
                match end {
                    'A' => row = row.saturating_sub(count),
                    'B' => row += count,
                    'C' => column += count,
                    'D' => column = column.saturating_sub(count),
                    'K' => lines[row].clear(),
                    'm' | 'h' | 'l' => {},
                    other => panic!("sequence `{sequence}{other}`"),
                }
            },
            letter => {
                if column == COLUMNS {
                    (row, column) = (row + 1, 0);
                    lines.resize(lines.len().max(row + 1), Vec::new());
                }
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = letter;
                column += 1;
            },
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    lines.into_iter().map(|line| line.into_iter().collect()).collect()
}

#[test]
fn a_bar_shows_on_a_terminal_and_goes() {
    for role in ["collect", "sink", "fail", "cancel", "drop"] {
        let shown = on_terminal(role, &["1/3 splits, 10 rows"]);
        let left = screen(&shown);
        assert!(left.iter().any(|line| line.contains("@@")), "{role}: {left:?}");
        assert!(!left.iter().any(|line| line.contains("splits")), "{role}: {left:?}");
    }
}

#[test]
fn the_bar_of_the_first_process_is_that_of_the_cluster() {
    let folder = Folder::new();
    let addresses = free_addresses(2).join(",");
    let member = |index: &str, on_terminal| {
        let mut command = command("cluster", folder.path(), on_terminal);
        command.env(ADDRESSES, &addresses).env(INDEX, index);
        command
    };
    let mut other = Process::start(&mut member("1", false));
    let shown = shown_by(member("0", true), "cluster", &folder, &["2/6 splits, 20 rows"]);
    let left = screen(&shown);
    assert!(!left.iter().any(|line| line.contains("splits")), "{left:?}");
    let finished = other.finish();
    let shows_a_bar = [&finished.out, &finished.err].iter().any(|text| text.contains("splits"));
    assert!(finished.code == Some(0) && !shows_a_bar, "{finished:?}");
}

#[test]
fn several_queries_have_a_bar_each() {
    let shown = on_terminal("two", &["first", "second", "1/3 splits, 10 rows"]);
    let left = screen(&shown);
    assert!(!left.iter().any(|line| line.contains("splits")), "{left:?}");
}

#[test]
fn a_line_is_cut_where_the_terminal_ends() {
    let shown = on_terminal("long", &["the revenue", "━"]);
    let (_, bars) = shown.split_once("@@begin").unwrap();
    let (bars, _) = bars.split_once("@@").unwrap();
    let (mut column, mut is_sequence) = (0, false);
    for letter in bars.chars() {
        match letter {
            '\u{1b}' => is_sequence = true,
            _ if is_sequence => is_sequence = !letter.is_ascii_alphabetic(),
            '\r' | '\n' => column = 0,
            _ => column += 1,
        }
        assert!(column <= 40, "{shown:?}");
    }
}

#[test]
fn nothing_shows_where_nobody_looks() {
    for (role, is_terminal) in [("piped", false), ("quiet-context", true), ("quiet-stream", true)] {
        let folder = Folder::new();
        let output = command(role, folder.path(), is_terminal).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success() && text.contains(&format!("@@{role} ended")), "{role}: {text}");
        assert!(!text.contains("splits") && !text.contains('\u{1b}'), "{role}: {text:?}");
    }
}

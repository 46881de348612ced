//! How far a query has come: for programs, and as bars on a terminal.
//!
//! A terminal needs a process of its own: this test binary plays that part, too, told by an environment variable what to do.
//! `script` gives it the terminal.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{QueryProgress, RunningQuery};

use crate::support::{context, numbers};

const ROLE: &str = "QUOKKA_TEST_PROGRESS";
const FOLDER: &str = "QUOKKA_TEST_PROGRESS_FOLDER";
const PROGRAM: &str = "QUOKKA_TEST_PROGRAM";
/// Everything here ends long before this, or something hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// Three splits of ten rows, of which only the first can be read before `is_open` says so.
struct Held<F> {
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
        Ok((0..3).map(|split| Split { name: format!("part {split}"), rows: Some(10) }).collect())
    }

    fn read(&self, split: usize, _columns: &Schema) -> Result<Batches, UserError> {
        let (is_open, fails) = (self.is_open.clone(), self.fails);
        let waits = std::iter::from_fn(move || {
            if split == 0 || is_open() {
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
    let held = Held { is_open: Arc::new(move || is_open.load(Ordering::SeqCst)), fails: false };
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
    let folder = Folder::new("bytes");
    let context = context();
    let rows = context.from_df(numbers()).select([col("id"), col("text")]);
    let path = folder.0.join("rows.parquet");
    rows.sink_parquet(&path).unwrap();
    let csv = folder.0.join("rows.csv");
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
    let context = if role == "quiet-context" { builder.quiet() } else { builder }.build().unwrap();
    let (path, start) = (go.clone(), Instant::now());
    // One that is cancelled must not end by itself before.
    let never = matches!(role.as_str(), "cancel" | "drop");
    let is_open = Arc::new(move || (path.exists() && !never) || start.elapsed() > DEADLINE);
    let held = |fails| context.read(Held { is_open: is_open.clone(), fails });
    match role.as_str() {
        "collect" => assert_eq!(held(false).collect().unwrap().height(), 30),
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

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quokka-progress-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn command(role: &str, folder: &Path, on_terminal: bool) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = if on_terminal {
        let mut script = Command::new("script");
        let run = format!("\"${PROGRAM}\" --exact progress::process --nocapture");
        script.args(["-q", "-e", "-c", &run, "/dev/null"]);
        script
    } else {
        let mut direct = Command::new(&program);
        direct.args(["--exact", "progress::process", "--nocapture"]);
        direct
    };
    command.env(ROLE, role).env(FOLDER, folder).env(PROGRAM, &program).env("TERM", "xterm").env("SHELL", "/bin/sh");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// All that a process of `role` shows on a terminal. It is let go on when `expected` is to be seen.
fn on_terminal(role: &str, expected: &[&str]) -> String {
    let folder = Folder::new(role);
    let mut child = command(role, &folder.0, true).spawn().unwrap();
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
            std::fs::write(folder.0.join("go"), "").unwrap();
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
fn several_queries_have_a_bar_each() {
    let shown = on_terminal("two", &["first", "second", "1/3 splits, 10 rows"]);
    let left = screen(&shown);
    assert!(!left.iter().any(|line| line.contains("splits")), "{left:?}");
}

#[test]
fn nothing_shows_where_nobody_looks() {
    for (role, is_terminal) in [("piped", false), ("quiet-context", true), ("quiet-stream", true)] {
        let folder = Folder::new(role);
        let output = command(role, &folder.0, is_terminal).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success() && text.contains(&format!("@@{role} ended")), "{role}: {text}");
        assert!(!text.contains("splits") && !text.contains('\u{1b}'), "{role}: {text:?}");
    }
}

//! The bars that show on a terminal how far queries have come.
//!
//! One thread of the process reads the counters of all its queries ten times a second and draws a line for each that has
//! run for a while. Workers know nothing of it. A query takes a lock when it starts and when it ends, and no more.

mod line;

use std::io::IsTerminal;
use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::{Condvar, Mutex};
use quokka_engine::pool::QueryHandle;

use self::line::line;
use crate::picture::cut;

/// Queries that end sooner show nothing.
const DELAY: Duration = Duration::from_millis(500);
/// Between two looks at the counters.
const TICK: Duration = Duration::from_millis(100);
/// Columns of the name of a query.
const NAME_COLUMNS: usize = 24;
/// Looks at nothing before the thread sleeps: queries that come soon need not wake it.
const IDLE_TICKS: usize = 20;

/// Standard error, if it is a terminal that can move its cursor.
static SCREEN: LazyLock<Option<Screen>> = LazyLock::new(|| {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    if bars.is_hidden() {
        return None;
    }
    let screen = Screen { bars, queries: Mutex::default(), woken: Condvar::new() };
    // A process that may have no more threads shows no bars.
    std::thread::Builder::new().name("quokka-progress".into()).spawn(watch).is_ok().then_some(screen)
});

struct Screen {
    bars: MultiProgress,
    queries: Mutex<Queries>,
    woken: Condvar,
}

#[derive(Default)]
struct Queries {
    watched: Vec<Watched>,
    next: u64,
    is_asleep: bool,
}

/// A query that has a bar, or will have one if it takes long.
struct Watched {
    number: u64,
    name: String,
    query: QueryHandle,
    /// With what it says.
    bar: Option<(ProgressBar, String)>,
}

/// A query that was started. While this lives and the query runs, a bar may show how far it has come.
pub(crate) struct Shown {
    query: QueryHandle,
    number: Option<u64>,
}

impl Shown {
    /// `query` without a bar.
    pub(crate) fn quiet(query: QueryHandle) -> Self {
        Self { query, number: None }
    }

    /// `query` with a bar, if there is a terminal.
    pub(crate) fn on_terminal(query: QueryHandle, name: Option<&str>) -> Self {
        let number = SCREEN.as_ref().map(|screen| {
            let name = name.map_or_else(|| format!("query {}", query.id()), |name| cut(name, NAME_COLUMNS));
            screen.add(name, query.clone())
        });
        Self { query, number }
    }
}

impl Deref for Shown {
    type Target = QueryHandle;

    fn deref(&self) -> &QueryHandle {
        &self.query
    }
}

impl Drop for Shown {
    /// Removes the bar before whoever waited for the query goes on.
    fn drop(&mut self) {
        if let (Some(number), Some(screen)) = (self.number, SCREEN.as_ref()) {
            screen.remove(number);
        }
    }
}

impl Screen {
    fn add(&self, name: String, query: QueryHandle) -> u64 {
        let mut queries = self.queries.lock();
        let number = queries.next;
        queries.next += 1;
        queries.watched.push(Watched { number, name, query, bar: None });
        if queries.is_asleep {
            self.woken.notify_one();
        }
        number
    }

    fn remove(&self, number: u64) {
        let mut queries = self.queries.lock();
        if let Some(position) = queries.watched.iter().position(|watched| watched.number == number) {
            let watched = queries.watched.remove(position);
            self.clear(watched.bar);
        }
    }

    fn clear(&self, bar: Option<(ProgressBar, String)>) {
        if let Some((bar, _)) = bar {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    /// Draws the bars of all queries.
    fn draw(&self, queries: &mut Queries) {
        for watched in &mut queries.watched {
            let progress = watched.query.progress();
            if progress.is_finished {
                self.clear(watched.bar.take());
            } else if progress.elapsed >= DELAY {
                let line = line(&watched.name, &progress);
                match &mut watched.bar {
                    None => {
                        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
                        let bar = self.bars.add(bar.with_style(style()).with_message(line.clone()));
                        bar.tick();
                        watched.bar = Some((bar, line));
                    },
                    Some((bar, shown)) if *shown != line => {
                        bar.set_message(line.clone());
                        *shown = line;
                    },
                    Some(_) => {},
                }
            }
        }
    }
}

/// What fits into a line of the terminal; the rest of it is cut.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// What the thread does for as long as the process runs.
fn watch() {
    let Some(screen) = SCREEN.as_ref() else { return };
    let mut queries = screen.queries.lock();
    let mut idle = 0;
    loop {
        idle = if queries.watched.is_empty() { idle + 1 } else { 0 };
        if idle < IDLE_TICKS {
            screen.woken.wait_for(&mut queries, TICK);
        } else {
            queries.is_asleep = true;
            screen.woken.wait(&mut queries);
            queries.is_asleep = false;
            idle = 0;
        }
        screen.draw(&mut queries);
    }
}

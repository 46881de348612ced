//! Times and checks of all queries.

use std::{fmt, fs};

use serde_json::{Map, Value, json};

use super::answers::Check;
use super::error::Error;
use super::options::Options;
use super::run::Outcome;

/// Times and checks of all queries.
#[derive(Default)]
pub(super) struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// An error if a query failed or gave a wrong answer.
    pub(super) fn verdict(&self) -> Result<(), Error> {
        let bad = |outcome: &&Outcome| matches!(outcome.check, Check::Wrong(_) | Check::Failed);
        match self.outcomes.iter().filter(bad).count() {
            0 => Ok(()),
            failed => Err(Error::Queries(failed, self.outcomes.len())),
        }
    }

    pub(super) fn write_json(&self, options: &Options) -> Result<(), Error> {
        let Some(path) = options.json() else { return Ok(()) };
        let times: Map<String, Value> =
            self.outcomes.iter().map(|outcome| (outcome.number.to_string(), json!(outcome.seconds))).collect();
        let content = json!({ "times": times, "rss_mb": peak_memory() / 1_000_000 });
        fs::write(path, format!("{content}\n")).map_err(|error| Error::output(path, error))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "query  best of {:<3} check", self.outcomes.iter().map(|o| o.seconds.len()).max().unwrap_or(0))?;
        let mut sum = 0.0;
        for Outcome { number, seconds, check } in &self.outcomes {
            let best = seconds.iter().copied().reduce(f64::min);
            sum += best.unwrap_or(0.0);
            let best = best.map_or("-".to_owned(), |best| format!("{best:.3} s"));
            writeln!(f, "{number:>5}  {best:>11} {check}")?;
        }
        writeln!(f, "  sum  {:>11}", format!("{sum:.3} s"))?;
        writeln!(f, "peak memory {} MB", peak_memory() / 1_000_000)
    }
}

/// The most memory that this process held so far, in bytes.
fn peak_memory() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `getrusage` fills the struct that it is given, and this one is large enough.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
            return 0;
        }
        usage.assume_init()
    };
    // Linux counts in kibibytes.
    usage.ru_maxrss * 1024
}

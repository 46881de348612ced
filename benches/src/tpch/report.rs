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

    /// The most memory that a query held, in bytes.
    fn peak_memory(&self) -> i64 {
        self.outcomes.iter().map(|outcome| outcome.peak_memory).max().unwrap_or(0)
    }

    pub(super) fn write_json(&self, options: &Options) -> Result<(), Error> {
        let Some(path) = options.json() else { return Ok(()) };
        let times: Map<String, Value> =
            self.outcomes.iter().map(|outcome| (outcome.number.to_string(), json!(outcome.seconds))).collect();
        let peaks: Map<String, Value> = self
            .outcomes
            .iter()
            .map(|outcome| (outcome.number.to_string(), json!(outcome.peak_memory / 1_000_000)))
            .collect();
        let content = json!({ "times": times, "peak_mb": peaks, "rss_mb": self.peak_memory() / 1_000_000 });
        fs::write(path, format!("{content}\n")).map_err(|error| Error::output(path, error))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.outcomes.iter().map(|outcome| outcome.seconds.len()).max().unwrap_or(0);
        writeln!(f, "query  best of {runs:<3}       rows   peak memory check")?;
        let mut sum = 0.0;
        for Outcome { number, seconds, rows, peak_memory, check, .. } in &self.outcomes {
            let best = seconds.iter().copied().reduce(f64::min);
            sum += best.unwrap_or(0.0);
            let best = best.map_or("-".to_owned(), |best| format!("{best:.3} s"));
            writeln!(f, "{number:>5}  {best:>11} {rows:>10} {:>10} MB {check}", peak_memory / 1_000_000)?;
        }
        writeln!(f, "  sum  {:>11}", format!("{sum:.3} s"))?;
        writeln!(f, "peak memory {} MB", self.peak_memory() / 1_000_000)
    }
}

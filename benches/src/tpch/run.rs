//! Runs one query.

use std::fs::{self, File};
use std::path::Path;
use std::time::Instant;

use polars_core::frame::DataFrame;
use polars_io::parquet::write::ParquetWriter;
use quokka::{DataStream, Profile};

use super::answers::{self, Check};
use super::error::Error;
use super::memory::{peak, reset_peak};
use super::options::Options;
use super::queries::Query;
use super::tables::Tables;

/// What became of a query.
pub(super) struct Outcome {
    pub(super) number: u32,
    /// Seconds of each run that ended.
    pub(super) seconds: Vec<f64>,
    /// Rows of the answer.
    pub(super) rows: usize,
    /// The most memory that the process held while it ran, in bytes.
    pub(super) peak_memory: i64,
    pub(super) check: Check,
}

/// Runs a query, over tables of a scale factor, as often as the options say; stops at the first run that fails or gives a
/// wrong answer. The leader prints the answer, writes it to a file, and prints what was measured in the best run, if the
/// options say so.
///
/// # Errors
/// The answer cannot be written. That the query failed is part of the outcome.
pub(super) fn run(
    query: &Query,
    tables: &Tables,
    scale: Option<f64>,
    options: &Options,
    leader: bool,
) -> Result<Outcome, Error> {
    let mut outcome =
        Outcome { number: query.number, seconds: Vec::new(), rows: 0, peak_memory: 0, check: Check::Unknown };
    let mut best: Option<(f64, Profile)> = None;
    if leader && options.explain() {
        // Why there is none is found when the query runs.
        let start = Instant::now();
        if let Ok(plan) = (query.build)(tables).and_then(|stream| stream.explain()) {
            println!("query {}, planned in {:.1} ms\n{plan}", query.number, 1e3 * start.elapsed().as_secs_f64());
        }
    }
    reset_peak();
    for run in 0..options.runs() {
        let start = Instant::now();
        match (query.build)(tables).and_then(|stream| run_once(&stream, options.profile() || options.svg().is_some())) {
            Err(error) => {
                eprintln!("query {}: {}", query.number, error.report());
                outcome.check = Check::Failed;
            },
            Ok((mut answer, profile)) => {
                let seconds = start.elapsed().as_secs_f64();
                outcome.seconds.push(seconds);
                outcome.rows = answer.height();
                if let Some(profile) = profile
                    && best.as_ref().is_none_or(|(least, _)| seconds < *least)
                {
                    best = Some((seconds, profile));
                }
                outcome.check = scale.map_or(Check::Unknown, |scale| answers::check(query.number, scale, &answer));
                if let Check::Wrong(difference) = &outcome.check {
                    eprintln!("query {}: {difference}", query.number);
                }
                if leader && run == 0 {
                    println!("query {}\n{answer}", query.number);
                    if let Some(folder) = options.out() {
                        write(folder, query.number, &mut answer)?;
                    }
                }
            },
        }
        if matches!(outcome.check, Check::Wrong(_) | Check::Failed) {
            break;
        }
    }
    outcome.peak_memory = peak();
    if leader && let Some((_, profile)) = best {
        if options.profile() {
            println!("query {}: {profile}", query.number);
        }
        if let Some(folder) = options.svg() {
            fs::create_dir_all(folder).map_err(|error| Error::output(folder, error))?;
            let path = folder.join(format!("q{}.svg", query.number));
            fs::write(&path, profile.to_svg()).map_err(|error| Error::output(&path, error))?;
        }
    }
    Ok(outcome)
}

fn run_once(stream: &DataStream, profile: bool) -> quokka::Result<(DataFrame, Option<Profile>)> {
    if profile {
        let (answer, profile) = stream.profile()?;
        return Ok((answer, Some(profile)));
    }
    Ok((stream.collect()?, None))
}

fn write(folder: &Path, number: u32, answer: &mut DataFrame) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|error| Error::output(folder, error))?;
    let path = folder.join(format!("q{number}.parquet"));
    let file = File::create(&path).map_err(|error| Error::output(&path, error))?;
    ParquetWriter::new(file).finish(answer).map_err(|error| Error::output(&path, error))?;
    Ok(())
}

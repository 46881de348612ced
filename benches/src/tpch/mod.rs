//! The TPC-H benchmark: its data, its queries and its known answers.

pub mod answers;
mod data;
mod error;
mod format;
pub mod generate;
mod memory;
mod options;
pub mod queries;
mod report;
mod run;
mod tables;

pub use error::Error;
pub use format::Format;
pub use tables::Tables;

use options::{Command, Options};
use report::Report;

/// Runs the program with the arguments after its name.
///
/// # Errors
/// Wrong arguments, data that cannot be made or read, a query that failed, an answer that differs from the known one.
pub fn main(arguments: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let options = match Options::parse(arguments)? {
        Command::Run(options) => options,
        Command::Help(text) => {
            print!("{text}");
            return Ok(());
        },
    };
    data::prepare(&options)?;
    let context = options.start_context()?;
    let leader = context.process() == 0;
    let tables = Tables::new(context, options.folder().to_owned()).in_format(options.format());
    // Tables that cannot be read are reported by the queries that read them.
    let scale = options.given_scale().or_else(|| tables.scale().ok());
    let mut report = Report::default();
    for query in options.queries() {
        report.add(run::run(query, &tables, scale, &options, leader)?);
    }
    if leader {
        print!("{report}");
        report.write_json(&options)?;
    }
    report.verdict()
}

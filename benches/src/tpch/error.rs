//! Why the program fails.

use std::path::{Path, PathBuf};

use super::generate::GenerateError;

/// Why the program fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is wrong.
    #[error("{0}; `tpch --help` lists the flags")]
    Usage(String),
    /// Tables could not be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The folder that `--data` names is not there.
    #[error("the data folder `{}` does not exist: create it to have tables generated there", .0.display())]
    NoFolder(PathBuf),
    /// Another process did not generate the tables in time.
    #[error(
        "no `{table}` in `{}` after {seconds} s: process 0 generates tables where it runs, so copy them to this machine \
         if it does not share that folder",
        folder.display()
    )]
    NoTables {
        /// The folder.
        folder: PathBuf,
        /// A table that is missing.
        table: &'static str,
        /// How long the process waited.
        seconds: u64,
    },
    /// The workers could not start.
    #[error("{}", .0.report())]
    Start(quokka::Error),
    /// A file could not be written.
    #[error("cannot write `{}`: {reason}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// Queries failed or gave wrong answers.
    #[error("{0} of {1} queries failed")]
    Queries(usize, usize),
}

impl Error {
    pub(super) fn output(path: &Path, reason: impl ToString) -> Self {
        Error::Output { path: path.to_owned(), reason: reason.to_string() }
    }

    /// The message with its sources.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(source) = next {
            text.push_str(": ");
            text.push_str(&source.to_string());
            next = source.source();
        }
        text
    }

    /// The exit code of the program: 2 if an argument is wrong, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            _ => 1,
        }
    }
}

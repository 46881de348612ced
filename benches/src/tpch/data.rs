//! Makes sure that the tables are there.

use std::thread;
use std::time::{Duration, Instant};

use super::error::Error;
use super::generate::generate_missing;
use super::options::Options;

/// How long a process waits for the tables that process 0 generates.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(50);

/// Process 0 generates missing tables, and writes them in the format that is read; the others wait for them.
pub(super) fn prepare(options: &Options) -> Result<(), Error> {
    let folder = options.folder();
    if options.folder_given() && !folder.is_dir() {
        return Err(Error::NoFolder(folder.to_owned()));
    }
    if options.process() == 0 {
        generate_missing(folder, options.scale(), |table| eprintln!("generating `{table}` in `{}`", folder.display()))?;
        return options.format().convert_missing(folder);
    }
    let start = Instant::now();
    while let Some(table) = options.format().missing_tables(folder).first() {
        if start.elapsed() > PATIENCE {
            return Err(Error::NoTables { folder: folder.to_owned(), table, seconds: PATIENCE.as_secs() });
        }
        thread::sleep(INTERVAL);
    }
    Ok(())
}

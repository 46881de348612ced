//! Timely's command line flags.

use std::path::Path;
use std::thread::available_parallelism;

use getopts::{Fail, Matches, Options};

use super::config::{ClusterConfig, FIRST_PORT, MeshTiming, default_addresses};
use super::host_file::read_host_file;
use crate::error::{Error, Result};

const FLAGS: &str = "`-w`/`--threads`, `-n`/`--processes`, `-p`/`--process`, `-h`/`--hostfile`, `--tag`";

impl ClusterConfig {
    /// Reads a command line in timely's form.
    ///
    /// | flag | meaning | default |
    /// |---|---|---|
    /// | `-w`, `--threads` | worker threads a process | all cores |
    /// | `-n`, `--processes` | number of processes | 1 |
    /// | `-p`, `--process` | index of this process | 0 |
    /// | `-h`, `--hostfile` | file with one `host:port` a line, in the order of the indices | `localhost:2101`, `localhost:2102`, … |
    /// | `--tag` | what this process has that others may not have, such as `gpu`; may be repeated | |
    ///
    /// The first argument is the name of the program. Arguments that are no flags are left to the program; one with
    /// flags of its own uses [`install_options`](Self::install_options) and [`from_matches`](Self::from_matches).
    ///
    /// # Errors
    /// [`Error::Configuration`] names the flag or the line of the host file that is wrong.
    ///
    /// # Example
    /// ```
    /// use quokka_engine::cluster::ClusterConfig;
    ///
    /// let line = ["program", "-w", "4", "-n", "2", "-p", "1", "input.parquet"];
    /// let config = ClusterConfig::from_args(line.map(String::from))?;
    /// assert_eq!((config.workers, config.process, config.processes()), (4, 1, 2));
    /// assert_eq!(config.addresses[1], "localhost:2102");
    /// # Ok::<(), quokka_engine::error::Error>(())
    /// ```
    pub fn from_args<I: IntoIterator<Item = String>>(args: I) -> Result<Self> {
        let mut options = Options::new();
        Self::install_options(&mut options);
        let matches = options.parse(args.into_iter().skip(1)).map_err(|fail| Error::Configuration(explain(fail)))?;
        Self::from_matches(&matches)
    }

    /// Adds the flags of [`from_args`](Self::from_args) to a program's own.
    ///
    /// `-h` is the host file, as in timely, not help.
    pub fn install_options(options: &mut Options) {
        options.optopt("w", "threads", "number of worker threads in each process (default: all cores)", "NUM");
        options.optopt("n", "processes", "number of processes (default: 1)", "NUM");
        options.optopt("p", "process", "index of this process (default: 0)", "IDX");
        options.optopt("h", "hostfile", "text file whose lines are the addresses of the processes", "FILE");
        options.optmulti("", "tag", "what this process has that others may not have; may be repeated", "NAME");
    }

    /// Reads the flags that [`install_options`](Self::install_options) added.
    ///
    /// # Errors
    /// As [`from_args`](Self::from_args).
    pub fn from_matches(matches: &Matches) -> Result<Self> {
        let workers = match number(matches, "w", 1)? {
            Some(workers) => workers,
            None => available_parallelism().map_or(1, |cores| cores.get()),
        };
        let given_processes = number(matches, "n", 1)?;
        let processes = given_processes.unwrap_or(1);
        let process = number(matches, "p", 0)?.unwrap_or(0);
        if process >= processes {
            return wrong(match given_processes {
                Some(_) => {
                    format!(
                        "`-p {process}` is out of range for `-n {processes}`: the indices are 0 to {}",
                        processes - 1
                    )
                },
                None => format!("`-p {process}` needs `-n`, the number of processes"),
            });
        }
        let addresses = match (text(matches, "h"), given_processes) {
            (Some(_), None) => return wrong("`-h` needs `-n`, the number of processes".into()),
            (Some(path), Some(_)) => read_host_file(Path::new(&path), processes)?,
            (None, _) if FIRST_PORT + processes > usize::from(u16::MAX) => {
                return wrong(format!("`-n {processes}` needs a host file (`-h`): there are not as many ports"));
            },
            (None, _) => default_addresses(processes),
        };
        let tags = if matches.opt_defined("tag") { matches.opt_strs("tag") } else { Vec::new() };
        Ok(Self { workers, process, addresses, tags, timing: MeshTiming::default() })
    }
}

fn wrong<T>(message: String) -> Result<T> {
    Err(Error::Configuration(message))
}

/// The value of a flag; `None` also if the program never installed it.
fn text(matches: &Matches, flag: &str) -> Option<String> {
    if matches.opt_defined(flag) { matches.opt_str(flag) } else { None }
}

fn number(matches: &Matches, flag: &str, least: usize) -> Result<Option<usize>> {
    let Some(value) = text(matches, flag) else { return Ok(None) };
    match value.parse() {
        Ok(number) if number >= least => Ok(Some(number)),
        _ => wrong(format!("`-{flag} {value}`: expected a whole number, at least {least}")),
    }
}

fn explain(fail: Fail) -> String {
    let dashed = |flag: &str| if flag.chars().count() == 1 { format!("`-{flag}`") } else { format!("`--{flag}`") };
    match &fail {
        Fail::UnrecognizedOption(flag) => format!("unknown flag {}: the flags are {FLAGS}", dashed(flag)),
        Fail::ArgumentMissing(flag) => format!("{} needs a value", dashed(flag)),
        Fail::OptionDuplicated(flag) => format!("{} is given more than once", dashed(flag)),
        Fail::OptionMissing(flag) => format!("{} is missing", dashed(flag)),
        Fail::UnexpectedArgument(flag) => format!("{} takes no value", dashed(flag)),
    }
}

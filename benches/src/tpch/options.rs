//! The command line.

use std::path::{Path, PathBuf};

use getopts::Matches;
use quokka::engine::cluster::ClusterConfig;
use quokka::{Context, OptimizerRule};

use super::error::Error;
use super::format::Format;
use super::queries::{QUERIES, Query};

/// What the command line asks for.
pub(super) enum Command {
    /// To run queries.
    Run(Box<Options>),
    /// To print this text.
    Help(String),
}

/// How to run queries.
pub(super) struct Options {
    scale: f64,
    scale_given: bool,
    folder: PathBuf,
    folder_given: bool,
    format: Format,
    queries: Vec<&'static Query>,
    runs: usize,
    explain: bool,
    profile: bool,
    svg: Option<PathBuf>,
    json: Option<PathBuf>,
    out: Option<PathBuf>,
    without: Vec<OptimizerRule>,
    cluster: ClusterConfig,
}

impl Options {
    pub(super) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, Error> {
        let mut flags = getopts::Options::new();
        flags.optopt("", "scale", "scale factor of the data (default: 0.1)", "S");
        flags.optopt(
            "",
            "data",
            "existing folder of `<table>.parquet` files or `<table>/` folders; missing tables are generated there \
             (default: data/tpch/sf<S>)",
            "DIR",
        );
        let formats = Format::ALL.map(Format::suffix).join(", ");
        let about = format!(
            "format of the files that are read: {formats} (default: parquet); of those that are missing, `<table>.<format>` is \
             written beside the Parquet files"
        );
        flags.optopt("", "format", &about, "FORMAT");
        flags.optopt("", "queries", "numbers of the queries to run, such as 1,3,6 (default: all)", "LIST");
        flags.optopt("", "runs", "how often to run each query (default: 1)", "N");
        flags.optflag("", "explain", "print the plan of each query");
        flags.optflag("", "profile", "print what each operator did in the best run of each query");
        flags.optopt("", "svg", "draw what each operator did there in this folder, as `q<N>.svg`", "DIR");
        flags.optopt("", "json", "write times in seconds and peak memory to this file", "FILE");
        flags.optopt("", "out", "write each answer to this folder, as `q<N>.parquet`", "DIR");
        let rules = OptimizerRule::ALL.map(|rule| rule.to_string()).join(", ");
        flags.optmulti("", "without", &format!("leave out a rule of the optimizer: {rules}"), "RULE");
        flags.optflag("", "help", "print this text");
        ClusterConfig::install_options(&mut flags);
        let matches = flags.parse(arguments).map_err(|fail| Error::Usage(fail.to_string()))?;
        if matches.opt_present("help") {
            return Ok(Command::Help(
                flags.usage("Runs the TPC-H queries and checks their answers.\n\nUsage: tpch [flags]"),
            ));
        }
        if let Some(extra) = matches.free.first() {
            return Err(Error::Usage(format!("unexpected argument `{extra}`")));
        }
        Self::from_matches(&matches).map(|options| Command::Run(Box::new(options)))
    }

    fn from_matches(matches: &Matches) -> Result<Self, Error> {
        let scale = value(matches, "scale", "a number above 0", |&scale: &f64| scale.is_finite() && scale > 0.0)?;
        let scale_given = scale.is_some();
        let scale = scale.unwrap_or(0.1);
        let runs = value(matches, "runs", "a whole number, at least 1", |&runs: &usize| runs > 0)?.unwrap_or(1);
        let path = |flag| matches.opt_str(flag).map(PathBuf::from);
        let given = path("data");
        Ok(Self {
            scale,
            scale_given,
            folder_given: given.is_some(),
            folder: given.unwrap_or_else(|| Path::new("data/tpch").join(format!("sf{scale}"))),
            format: matches.opt_str("format").map_or(Ok(Format::default()), |name| format(&name))?,
            queries: queries(matches.opt_str("queries"))?,
            runs,
            explain: matches.opt_present("explain"),
            profile: matches.opt_present("profile"),
            svg: path("svg"),
            json: path("json"),
            out: path("out"),
            without: matches.opt_strs("without").iter().map(|name| rule(name)).collect::<Result<_, _>>()?,
            cluster: ClusterConfig::from_matches(matches).map_err(|error| Error::Usage(error.report()))?,
        })
    }

    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// The scale factor that the user named.
    pub(super) fn given_scale(&self) -> Option<f64> {
        self.scale_given.then_some(self.scale)
    }

    /// Where the tables are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the user named the folder.
    pub(super) fn folder_given(&self) -> bool {
        self.folder_given
    }

    /// The format of the files that are read.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn queries(&self) -> &[&'static Query] {
        &self.queries
    }

    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// Whether to print the plans.
    pub(super) fn explain(&self) -> bool {
        self.explain
    }

    /// Whether to print what each operator did.
    pub(super) fn profile(&self) -> bool {
        self.profile
    }

    /// Where to draw what each operator did.
    pub(super) fn svg(&self) -> Option<&Path> {
        self.svg.as_deref()
    }

    pub(super) fn json(&self) -> Option<&Path> {
        self.json.as_deref()
    }

    pub(super) fn out(&self) -> Option<&Path> {
        self.out.as_deref()
    }

    /// Index of this process.
    pub(super) fn process(&self) -> usize {
        self.cluster.process
    }

    pub(super) fn start_context(&self) -> Result<Context, Error> {
        let ClusterConfig { workers, process, addresses, .. } = self.cluster.clone();
        let builder = Context::builder().workers(workers).process(process).hosts(addresses);
        let builder = self.without.iter().fold(builder, |builder, rule| builder.without_rule(*rule));
        builder.build().map_err(Error::Start)
    }
}

fn rule(name: &str) -> Result<OptimizerRule, Error> {
    let found = OptimizerRule::ALL.into_iter().find(|rule| rule.to_string() == name);
    found.ok_or_else(|| Error::Usage(format!("`--without {name}`: there is no such rule")))
}

fn format(name: &str) -> Result<Format, Error> {
    let found = Format::ALL.into_iter().find(|format| format.suffix() == name);
    found.ok_or_else(|| Error::Usage(format!("`--format {name}`: there is no such format")))
}

fn value<T: std::str::FromStr>(
    matches: &Matches,
    flag: &str,
    expected: &str,
    valid: impl Fn(&T) -> bool,
) -> Result<Option<T>, Error> {
    let Some(text) = matches.opt_str(flag) else { return Ok(None) };
    match text.parse() {
        Ok(value) if valid(&value) => Ok(Some(value)),
        _ => Err(Error::Usage(format!("`--{flag} {text}`: expected {expected}"))),
    }
}

fn queries(list: Option<String>) -> Result<Vec<&'static Query>, Error> {
    let Some(list) = list else { return Ok(QUERIES.iter().collect()) };
    list.split(',')
        .map(|number| {
            let found = QUERIES.iter().find(|query| query.number.to_string() == number.trim());
            found.ok_or_else(|| Error::Usage(format!("`--queries {list}`: there is no query `{number}`")))
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Error> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    fn options(line: &str) -> Options {
        match parse(line).unwrap() {
            Command::Run(options) => *options,
            Command::Help(_) => panic!("no help was asked for"),
        }
    }

    #[test]
    fn defaults() {
        let options = options("");
        assert_eq!((options.scale, options.runs, options.queries.len()), (0.1, 1, QUERIES.len()));
        assert_eq!((options.folder(), options.folder_given()), (Path::new("data/tpch/sf0.1"), false));
        assert_eq!((options.json(), options.out(), options.process()), (None, None, 0));
        assert_eq!((options.format(), options.explain(), options.profile()), (Format::Parquet, false, false));
    }

    #[test]
    fn flags() {
        let options = options(
            "--scale 10 --data there --queries 6,1 --runs 3 --json times.json --out answers --profile --explain --format csv -w 3",
        );
        assert_eq!((options.scale, options.runs, options.cluster.workers), (10.0, 3, 3));
        assert_eq!((options.folder(), options.folder_given()), (Path::new("there"), true));
        assert_eq!((options.format(), options.explain(), options.profile()), (Format::Csv, true, true));
        assert_eq!(options.queries.iter().map(|query| query.number).collect::<Vec<_>>(), [6, 1]);
        assert_eq!((options.json(), options.out()), (Some(Path::new("times.json")), Some(Path::new("answers"))));
    }

    #[test]
    fn wrong_values() {
        for (line, message) in [
            ("--scale x", "`--scale x`: expected a number above 0"),
            ("--scale 0", "`--scale 0`: expected a number above 0"),
            ("--scale inf", "`--scale inf`: expected a number above 0"),
            ("--runs 0", "`--runs 0`: expected a whole number, at least 1"),
            ("--queries 1,23", "`--queries 1,23`: there is no query `23`"),
            ("--nonsense", "Unrecognized option: 'nonsense'"),
            ("--format xml", "`--format xml`: there is no such format"),
            ("--without nothing", "`--without nothing`: there is no such rule"),
            ("-w none", "`-w none`"),
            ("stray", "unexpected argument `stray`"),
        ] {
            let error = parse(line).err().unwrap();
            assert!(error.report().starts_with(message), "{line}: {}", error.report());
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}

use std::thread::available_parallelism;

use super::super::ClusterConfig;
use super::host_file::HostFile;
use crate::error::ErrorKind;

fn parse(line: &str) -> Result<ClusterConfig, String> {
    ClusterConfig::from_args(line.split_whitespace().map(String::from)).map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::Configuration);
        error.to_string()
    })
}

#[test]
fn without_flags_one_process_uses_all_cores() {
    let config = parse("program").unwrap();
    assert_eq!(config.workers, available_parallelism().unwrap().get());
    assert_eq!((config.process, config.processes()), (0, 1));
}

#[test]
fn short_and_long_flags_mean_the_same() {
    let short = parse("program -w 3 -n 4 -p 2").unwrap();
    let long = parse("program --threads=3 --processes 4 --process 2").unwrap();
    assert_eq!(short, long);
    assert_eq!((short.workers, short.process), (3, 2));
    assert_eq!(short.addresses, ["localhost:2101", "localhost:2102", "localhost:2103", "localhost:2104"]);
}

#[test]
fn a_process_may_have_several_tags() {
    assert_eq!(parse("program --tag gpu -w 1 --tag=large disk").unwrap().tags, ["gpu", "large"]);
    assert!(parse("program").unwrap().tags.is_empty());
}

#[test]
fn the_name_of_the_program_and_free_arguments_are_left_alone() {
    assert_eq!(parse("--odd-name in.csv -w 2 out.csv").unwrap().workers, 2);
    assert_eq!(parse("program -w 2 -- -p 9 --anything").unwrap().process, 0);
}

#[test]
fn a_host_file_gives_the_addresses() {
    let file = HostFile::with(b"alpha:9000\nbeta:9001\n");
    let config = parse(&format!("program -n 2 -p 1 -h {}", file.path.display())).unwrap();
    assert_eq!(config.addresses, ["alpha:9000", "beta:9001"]);
}

#[test]
fn wrong_flags_are_named() {
    let cases = [
        ("program -w 0", "`-w 0`: expected a whole number, at least 1"),
        ("program --threads=many", "`-w many`: expected a whole number"),
        ("program -w -2", "`-w -2`: expected a whole number"),
        ("program -n 0", "`-n 0`: expected a whole number, at least 1"),
        ("program -n 2.5", "`-n 2.5`"),
        ("program -n 2 -p 2", "`-p 2` is out of range for `-n 2`: the indices are 0 to 1"),
        ("program -p 1", "`-p 1` needs `-n`"),
        ("program -n 2 -p x", "`-p x`: expected a whole number, at least 0"),
        ("program -h hosts.txt", "`-h` needs `-n`"),
        ("program -n 2 -h /no/such/file", "/no/such/file"),
        ("program -n 70000", "`-n 70000` needs a host file"),
        ("program -w", "`-w` needs a value"),
        ("program -w 1 -w 2", "`--threads` is given more than once"),
        ("program --verbose", "unknown flag `--verbose`: the flags are `-w`/`--threads`"),
        ("program -x", "unknown flag `-x`"),
    ];
    for (line, expected) in cases {
        let message = parse(line).unwrap_err();
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn a_program_can_add_flags_of_its_own() {
    let mut options = getopts::Options::new();
    ClusterConfig::install_options(&mut options);
    options.optopt("", "scale", "scale factor", "NUM");
    let matches = options.parse(["-n", "2", "--scale", "10", "-p", "1"]).unwrap();
    let config = ClusterConfig::from_matches(&matches).unwrap();
    assert_eq!((config.processes(), config.process), (2, 1));
    assert_eq!(matches.opt_str("scale").as_deref(), Some("10"));
}

#[test]
fn matches_without_our_flags_give_the_defaults() {
    let matches = getopts::Options::new().parse(["free"]).unwrap();
    assert_eq!(ClusterConfig::from_matches(&matches).unwrap().processes(), 1);
}

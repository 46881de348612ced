//! Several processes on this machine.

use std::fs;

use crate::answers::{all_queries, data, right};
use crate::process::{Finished, Process, free_addresses, start};
use crate::temporary::TemporaryFolder;

/// Runs the program in several processes with the same arguments.
fn run_cluster(processes: usize, arguments: &[&str]) -> Vec<Finished> {
    let folder = TemporaryFolder::new();
    let hosts = folder.join("hosts");
    fs::write(&hosts, free_addresses(processes).join("\n") + "\n").unwrap();
    let count = processes.to_string();
    let mut programs: Vec<Process> = (0..processes)
        .map(|process| {
            let index = process.to_string();
            start(&[arguments, &["-n", &count, "-p", &index, "-h", &hosts]].concat())
        })
        .collect();
    programs.iter_mut().map(Process::finish).collect()
}

#[test]
fn every_answer_is_right_in_2_and_3_processes() {
    let data = data();
    for (processes, workers) in [(2, "2"), (3, "1")] {
        let finished = run_cluster(processes, &["--scale", "0.01", "--data", data.text(), "-w", workers]);
        for (process, finished) in finished.iter().enumerate() {
            assert_eq!(finished.code, Some(0), "process {process} of {processes}: {finished:?}");
            assert_eq!(finished.err, "", "process {process} of {processes}");
            if process == 0 {
                assert_eq!(right(&finished.out), all_queries(), "{}", finished.out);
            } else {
                assert_eq!(finished.out, "", "only process 0 prints answers");
            }
        }
    }
}

#[test]
fn process_0_generates_and_the_others_wait() {
    let folder = TemporaryFolder::new();
    let finished = run_cluster(2, &["--scale", "0.01", "--data", folder.text(), "--queries", "3,6", "-w", "1"]);
    assert_eq!((finished[0].code, finished[1].code), (Some(0), Some(0)), "{finished:?}");
    assert_eq!(right(&finished[0].out), [3, 6]);
    assert_eq!(finished[0].err.lines().count(), 8, "one line for each table: {}", finished[0].err);
    assert_eq!(finished[1].err, "");
}

#[test]
fn a_wrong_answer_fails_every_process() {
    let data = data();
    let finished = run_cluster(2, &["--scale", "0.1", "--data", data.text(), "--queries", "6", "-w", "1"]);
    for finished in &finished {
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.err.contains("query 6: `revenue` of row 0 is"), "{}", finished.err);
    }
}

#[test]
fn a_host_file_with_too_few_lines_is_refused() {
    let data = data();
    let folder = TemporaryFolder::new();
    let hosts = folder.join("hosts");
    fs::write(&hosts, "127.0.0.1:2101\n").unwrap();
    let finished = start(&["--data", data.text(), "-n", "2", "-p", "0", "-h", &hosts]).finish();
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.err.contains(&hosts), "{}", finished.err);
}

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, process};

use super::super::read_host_file;

/// A file that lives as long as the test.
pub(super) struct HostFile {
    pub path: PathBuf,
}

impl HostFile {
    pub(super) fn with(text: &[u8]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("quokka-hosts-{}-{number}", process::id()));
        fs::write(&path, text).unwrap();
        Self { path }
    }
}

impl Drop for HostFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Reads a host file with these bytes; errors without the path of the file.
fn read(text: &[u8], processes: usize) -> Result<Vec<String>, String> {
    let file = HostFile::with(text);
    let path = file.path.display().to_string();
    read_host_file(&file.path, processes).map_err(|error| {
        let message = error.to_string();
        assert!(message.contains(&path), "{message}");
        message.replace(&path, "FILE")
    })
}

#[test]
fn a_line_is_the_address_of_a_process() {
    let expected = ["node1:2101", "10.0.0.2:2102", "[fe80::1]:2103"];
    assert_eq!(read(b"node1:2101\n10.0.0.2:2102\n[fe80::1]:2103\n", 3).unwrap(), expected);
}

#[test]
fn space_around_addresses_and_after_the_last_is_ignored() {
    assert_eq!(read(b"  node1:2101\t\r\nnode_2.lan:1\r\n\r\n  \n", 2).unwrap(), ["node1:2101", "node_2.lan:1"]);
    assert_eq!(read("\u{feff}node1:2101".as_bytes(), 1).unwrap(), ["node1:2101"]);
}

#[test]
fn lines_beyond_the_processes_are_not_read() {
    assert_eq!(read(b"a:1\nb:2\nrubbish\n", 2).unwrap(), ["a:1", "b:2"]);
}

#[test]
fn wrong_lines_are_named() {
    let cases: [(&str, &str); 15] = [
        ("a:1\n\nb:2\n", "line 2: the line is blank"),
        ("\na:1\nb:2\n", "line 1: the line is blank"),
        ("# hosts\na:1\nb:2\n", "line 1: a host file has no comments"),
        ("a:1\nb 2\n", "line 2: `b 2` contains a space"),
        ("a:1 # main\nb:2\n", "line 1: `a:1 # main` contains a space"),
        ("a\nb:2\n", "line 1: `a` has no port"),
        ("a:1\nb:\n", "line 2: `` is no port"),
        ("a:0\nb:2\n", "line 1: `0` is no port"),
        ("a:+5\nb:2\n", "line 1: `+5` is no port"),
        ("a:65536\nb:2\n", "line 1: `65536` is no port"),
        ("a:1\n:2\n", "line 2: `` is no host name"),
        ("http://a:1\nb:2\n", "line 1: `http://a:1` is ambiguous"),
        ("::1:2101\nb:2\n", "line 1: `::1:2101` is ambiguous: put an IPv6 address in brackets"),
        ("a/b:1\nb:2\n", "line 1: `a/b` is no host name"),
        ("Node:1\nnode:1\n", "line 2: `node:1` is the address of line 1 already"),
    ];
    for (text, expected) in cases {
        let message = read(text.as_bytes(), 2).unwrap_err();
        assert!(message.contains(expected), "{text:?}: {message}");
    }
}

#[test]
fn too_few_lines_say_how_many_are_needed() {
    for (text, found) in [("", 0), ("\n\n", 0), ("a:1\nb:2\n", 2)] {
        let message = read(text.as_bytes(), 3).unwrap_err();
        assert!(message.contains(&format!("has {found} of the 3 addresses")), "{text:?}: {message}");
    }
}

#[test]
fn a_file_that_is_no_text_is_an_error() {
    assert!(read(b"\xff\xfe\x00a:1", 1).unwrap_err().contains("cannot read the host file"));
}

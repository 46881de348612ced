//! The host file: one `host:port` a line, line `i` for process `i`.

use std::collections::HashMap;
use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

use crate::error::{Error, Result};

/// Reads the addresses of the first `processes` processes from a host file.
///
/// Line `i` is the address of process `i`, as `host:port` or `[ipv6]:port`. Spaces around it are ignored, and so
/// is everything after the lines that are needed. Anything that would shift the indices of the processes without
/// notice is an error: a blank line between addresses, a comment, an address given twice.
///
/// # Errors
/// [`Error::Configuration`] with the file, the number of the line, and what is expected there.
pub fn read_host_file(path: impl AsRef<Path>, processes: usize) -> Result<Vec<String>> {
    let path = path.as_ref();
    let file = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Error::Configuration(format!("cannot read the host file `{file}`: {error}")))?;
    // Some editors of Windows start a text with a byte order mark, which would become part of the first host.
    let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end().lines();
    let mut lines_by_address = HashMap::new();
    let mut addresses = Vec::new();
    for (index, line) in lines.take(processes).enumerate() {
        let (number, address) = (index + 1, line.trim());
        let at_line = |problem: String| Error::Configuration(format!("host file `{file}`, line {number}: {problem}"));
        check_address(address).map_err(at_line)?;
        if let Some(first) = lines_by_address.insert(address.to_ascii_lowercase(), number) {
            return Err(at_line(format!("`{address}` is the address of line {first} already")));
        }
        addresses.push(address.to_owned());
    }
    if addresses.len() < processes {
        return Err(Error::Configuration(format!(
            "host file `{file}` has {} of the {processes} addresses that `-n {processes}` needs: add one `host:port` \
             line a process",
            addresses.len()
        )));
    }
    Ok(addresses)
}

fn check_address(address: &str) -> Result<(), String> {
    const EXPECTED: &str = "expected one `host:port`, such as `node1:2101`";
    if address.is_empty() {
        return Err(format!("the line is blank; {EXPECTED}, since line i is the address of process i - 1"));
    }
    if address.starts_with('#') {
        return Err(format!("a host file has no comments; {EXPECTED}"));
    }
    if address.contains(char::is_whitespace) {
        return Err(format!("`{address}` contains a space; {EXPECTED}"));
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(format!("`{address}` has no port; {EXPECTED}"));
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(format!("`{port}` is no port; {EXPECTED} with a port from 1 to 65535"));
    }
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(bracketed) => bracketed.parse::<Ipv6Addr>().is_ok(),
        None if host.contains(':') => {
            return Err(format!("`{address}` is ambiguous: put an IPv6 address in brackets, such as `[::1]:2101`"));
        },
        None => !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')),
    };
    if is_host { Ok(()) } else { Err(format!("`{host}` is no host name; {EXPECTED}")) }
}

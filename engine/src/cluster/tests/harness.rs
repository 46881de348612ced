//! Processes that tests start. The tests of other crates include this file, too.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// More than the slowest machine needs: only a hang reaches it.
const DEADLINE: Duration = Duration::from_secs(180);

/// Addresses with free ports, below the range from which the kernel picks ports by itself.
pub(crate) fn free_addresses(count: usize) -> Vec<String> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let start = std::process::id() as usize * 97;
    let candidates = std::iter::repeat_with(|| 12_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    candidates
        .map(|port| format!("127.0.0.1:{port}"))
        .filter(|address| TcpListener::bind(address).is_ok())
        .take(count)
        .collect()
}

/// Runs one test of this program, which may be ignored otherwise.
pub(crate) fn this_test(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([name, "--exact", "--include-ignored", "--nocapture"]);
    command
}

/// A process that a test has started. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    /// Lines that were taken.
    taken: String,
    errors: Option<JoinHandle<String>>,
}

/// What a process left.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` if it was killed, or hung.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Both pipes are emptied all the time, or a full one would stop the process.
        let (sender, lines) = channel();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                // Nobody may listen any more.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
        });
        let mut errors = child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = errors.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { child, lines, taken: String::new(), errors: Some(errors) }
    }

    /// The next line of its output; `None` if it ended before.
    pub(crate) fn line(&mut self) -> Option<String> {
        let line = self.lines.recv().ok()?;
        self.taken.push_str(&line);
        Some(line)
    }

    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits until it ends, or ends it at the deadline.
    pub(crate) fn finish(&mut self) -> Finished {
        let start = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            if start.elapsed() > DEADLINE {
                self.kill();
                break None;
            }
            thread::sleep(Duration::from_millis(5));
        };
        while self.line().is_some() {}
        let err = self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default();
        Finished { code, out: std::mem::take(&mut self.taken), err }
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

//! Keeps timely's own panics off the screen when the mesh has failed.

use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Starts of the messages with which timely's threads pass a failed connection on to each other.
const ECHOES: [&str; 7] = [
    "timely communication error:",
    "MergeQueue poisoned.",
    "MergeQueue mutex poisoned.",
    "Clean shutdown followed by data.",
    "Failed to receive MergeQueue",
    "Failed to send MergeQueue",
    "failed to send MergeQueue",
];
/// What joining such a thread panics with, on the thread that joins.
const JOINED: [&str; 2] = ["Send thread panic", "Recv thread panic"];

static MESH_FAILED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static JOINING: Cell<bool> = const { Cell::new(false) };
}

/// Silences the panics with which timely's threads react to a lost process, so that the error which names the
/// process is all that a user sees.
///
/// Before the first loss every panic is printed; after it, all but those that timely's communication and worker
/// threads raise because a connection failed. They go to the hook that was installed before. Further calls do nothing.
pub fn install_panic_filter() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_echo(info) {
                previous(info);
            }
        }));
    });
}

/// From now on, echoes of a failed mesh are expected.
pub(super) fn mesh_failed() {
    MESH_FAILED.store(true, Ordering::Relaxed);
}

/// Runs `join`, which may panic because it joins threads that did.
pub(super) fn while_joining(join: impl FnOnce()) {
    JOINING.set(true);
    let _ = panic::catch_unwind(panic::AssertUnwindSafe(join));
    JOINING.set(false);
}

fn is_echo(info: &PanicHookInfo<'_>) -> bool {
    if !MESH_FAILED.load(Ordering::Relaxed) {
        return false;
    }
    let text = info.payload_as_str().unwrap_or_default();
    let starts = |texts: &[&str]| texts.iter().any(|start| text.starts_with(start));
    let is_timely = thread::current().name().is_some_and(|name| name.starts_with("timely:"));
    (is_timely && starts(&ECHOES)) || (JOINING.get() && starts(&JOINED))
}

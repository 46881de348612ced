//! Uploads that are taken back while nobody waits for that, except the end of the program.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::runtime::detach;

/// Requests under way.
static UNDER_WAY: Mutex<usize> = Mutex::new(0);
static ONE_LESS: Condvar = Condvar::new();

/// Counts as under way until it is dropped, in whatever way the work ends.
struct UnderWay;

impl Drop for UnderWay {
    fn drop(&mut self) {
        *UNDER_WAY.lock() -= 1;
        ONE_LESS.notify_all();
    }
}

/// Runs the request that takes an upload back.
pub(super) fn take_back(request: impl Future<Output = ()> + Send + 'static) {
    *UNDER_WAY.lock() += 1;
    let under_way = UnderWay;
    detach(async move {
        request.await;
        drop(under_way);
    });
}

/// Waits until all uploads that were dropped before have been taken back, but no longer than `limit`: their requests end
/// with the process. Returns whether all are.
pub fn wait_until_taken_back(limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let mut under_way = UNDER_WAY.lock();
    while *under_way > 0 {
        if ONE_LESS.wait_until(&mut under_way, deadline).timed_out() {
            return *under_way == 0;
        }
    }
    true
}

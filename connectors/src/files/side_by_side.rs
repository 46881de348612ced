//! Many small steps that wait, at once.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

/// Local files that one thread opens before another helps: opening one takes some ten microseconds.
const FILES_PER_THREAD: usize = 8;

/// Requests to stores that are waited for at once: an answer takes about 30 ms, in which a thread does nothing else.
const WAITING: usize = 32;

/// How many threads open so many files.
pub(crate) fn threads(files: usize, are_local: bool) -> usize {
    match are_local {
        true => thread::available_parallelism().map_or(1, NonZero::get).min(files.div_ceil(FILES_PER_THREAD)),
        false => files.min(WAITING),
    }
}

/// Does `work` for each number below `count`, on so many threads. The results in order, or the failure of the smallest
/// number that failed.
pub(crate) fn side_by_side<T: Send, E: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    if threads <= 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    // Numbers are taken in order: all that come before a failed one have been taken.
    let has_failed = AtomicBool::new(false);
    let done = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !has_failed.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let result = work(number);
                    has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    done.lock().push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_the_first_failure_counts() {
        for threads in [0, 1, 2, 7] {
            let squares: Result<Vec<_>, ()> = side_by_side(100, threads, |number| Ok(number * number));
            assert_eq!(squares, Ok((0..100).map(|number| number * number).collect()));
            let failed = side_by_side(100, threads, |number| if number % 30 == 20 { Err(number) } else { Ok(number) });
            assert_eq!(failed, Err(20));
            assert_eq!(side_by_side(0, threads, Err::<(), _>), Ok(Vec::new()));
        }
    }
}

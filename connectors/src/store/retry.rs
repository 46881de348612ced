//! How often and when a request is sent again.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use object_store::{BackoffConfig, RetryConfig};

use super::options::StoreOptions;

/// The names of Polars' options.
const MAX_RETRIES: &str = "max_retries";
const TIMEOUT: &str = "retry_timeout_ms";
const FIRST: &str = "retry_init_backoff_ms";
const LONGEST: &str = "retry_max_backoff_ms";

pub(super) fn is_option(key: &str) -> bool {
    [MAX_RETRIES, TIMEOUT, FIRST, LONGEST].contains(&key)
}

/// Exponential waiting with jitter. The defaults are `object_store`'s (10 retries inside 3 minutes, waits of 0.1 to 15
/// seconds): a store that is overloaded recovers in seconds, one that is gone should not hold a query for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) retries: u32,
    pub(super) timeout: Duration,
    first: Duration,
    longest: Duration,
}

impl Retry {
    pub(super) fn from_options(options: &StoreOptions) -> Result<Self, String> {
        let number = |key: &str, default: u32| match options.get(key) {
            Some(text) => text.parse().map_err(|_| format!("the option `{key}` is `{text}`, not a whole number")),
            None => Ok(default),
        };
        let milliseconds = |key, default| Ok::<_, String>(Duration::from_millis(number(key, default)?.into()));
        Ok(Self {
            retries: number(MAX_RETRIES, 10)?,
            timeout: milliseconds(TIMEOUT, 180_000)?,
            first: milliseconds(FIRST, 100)?,
            longest: milliseconds(LONGEST, 15_000)?,
        })
    }

    /// The wait before the retry of this number (from 0): between half of the exponential value and all of it, so that
    /// requests that failed together do not return together.
    pub(super) fn wait(&self, retry: u32) -> Duration {
        let full = self.first.saturating_mul(2_u32.saturating_pow(retry)).min(self.longest);
        // Every `RandomState` has keys of its own.
        let random = RandomState::new().build_hasher().finish() as u32;
        full.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
    }

    pub(super) fn config(&self) -> RetryConfig {
        let backoff = BackoffConfig { init_backoff: self.first, max_backoff: self.longest, base: 2.0 };
        RetryConfig { backoff, max_retries: self.retries as usize, retry_timeout: self.timeout }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_differ() {
        let retry = Retry::from_options(&StoreOptions::default()).unwrap();
        for (number, full) in [(0, 100), (1, 200), (5, 3_200), (20, 15_000), (4_000_000_000, 15_000)] {
            let full = Duration::from_millis(full);
            let waits: Vec<_> = (0..50).map(|_| retry.wait(number)).collect();
            assert!(waits.iter().all(|wait| *wait >= full / 2 && *wait <= full), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
    }

    #[test]
    fn options_are_numbers() {
        let options = StoreOptions::default().with("max_retries", "2").with("retry_init_backoff_ms", "x");
        assert!(Retry::from_options(&options).unwrap_err().contains("`retry_init_backoff_ms` is `x`"));
    }
}

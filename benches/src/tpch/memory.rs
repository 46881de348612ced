//! How much memory this process holds.

use std::fs;

/// Forgets the most memory held so far, where the system can (Linux), so that [`peak`] tells what is held from now on.
pub(super) fn reset_peak() {
    // Where there is no such file, the peak stays that of the whole life of the process.
    drop(fs::write("/proc/self/clear_refs", "5"));
}

/// The most memory held since the last [`reset_peak`], in bytes.
pub(super) fn peak() -> i64 {
    resident_peak().unwrap_or_else(process_peak)
}

fn resident_peak() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn process_peak() -> i64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: `getrusage` fills the struct that it is given, and this one is large enough.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
            return 0;
        }
        usage.assume_init()
    };
    // Linux counts in kibibytes.
    usage.ru_maxrss * 1024
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_that_since_the_last_reset() {
        let large = vec![1u8; 256 << 20];
        let with_large = peak();
        drop(std::hint::black_box(large));
        reset_peak();
        assert!(peak() < with_large - (128 << 20), "{} {with_large}", peak());
        assert!(process_peak() > 0);
    }
}

//! Gives memory of mapped files back.

use std::ops::Range;

/// Unmaps the pages of `mapped`, which must be a read-only mapping of a file, that lie within `range`: they no longer
/// count as memory of the process, and are read from the file again if they are needed again. Without effect where the
/// system has no such call.
pub(crate) fn release(mapped: &[u8], range: Range<usize>) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let base = mapped.as_ptr() as usize;
        // Whole pages within the range; a system with larger pages refuses what does not start at one.
        let start = (base + range.start.min(mapped.len())).next_multiple_of(PAGE);
        let end = (base + range.end.min(mapped.len())) / PAGE * PAGE;
        if start < end {
            // SAFETY: the addresses lie in `mapped`. Its pages are those of a file and never written to, so dropping them
            // changes nothing that can be read. Failure is harmless: the pages stay.
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (mapped, range);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_utils::mmap::MMapSemaphore;

    use super::*;

    #[test]
    fn released_pages_come_back() {
        let path = std::env::temp_dir().join(format!("quokka-release-{}", std::process::id()));
        let bytes: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let mapped = MMapSemaphore::new_from_file(&file).unwrap();
        for range in [0..100_000, 1..99_999, 5_000..5_001, 70_000..500_000, 200_000..300_000] {
            release(mapped.as_ref(), range);
            assert_eq!(mapped.as_ref(), bytes);
        }
        std::fs::remove_file(path).unwrap();
    }
}

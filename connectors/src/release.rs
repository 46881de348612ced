//! Gives memory of mapped files back.

use std::ops::Range;

/// Unmaps the pages of `mapped`, which must be a read-only mapping of a file, in which `range` lies: they no longer count as
/// memory of the process, and are read from the file again if they are needed again. Pages that it shares with what stands
/// beside it are unmapped as well: a small file has no others, and to map one again takes less than a microsecond. Without
/// effect where the system has no such call.
pub(crate) fn release(mapped: &[u8], range: Range<usize>) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let base = mapped.as_ptr() as usize;
        // A mapping begins with a page and has all of its last one; a system with larger pages refuses what does not start at
        // one.
        let start = base + range.start.min(mapped.len()) / PAGE * PAGE;
        let end = (base + range.end.min(mapped.len())).next_multiple_of(PAGE);
        if start < end {
            // SAFETY: the addresses lie in pages of `mapped`. They are those of a file and never written to, so dropping them
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
        // Nothing of it is left, not even of the page that is not full.
        #[cfg(target_os = "linux")]
        {
            assert_ne!(resident(&mapped), "Rss: 0 kB");
            release(mapped.as_ref(), 3..100_000);
            assert_eq!(resident(&mapped), "Rss: 0 kB");
        }
        std::fs::remove_file(path).unwrap();
    }

    /// What the system says of the memory that a mapping takes.
    #[cfg(target_os = "linux")]
    fn resident(mapped: &MMapSemaphore) -> String {
        let start = format!("{:x}-", mapped.as_ref().as_ptr() as usize);
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
        let line = lines.find(|line| line.starts_with("Rss:")).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

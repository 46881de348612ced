//! ZSTD, from the start of a page as far as it is wanted.
//!
//! Polars decompresses whole pages only, into memory that is cleared first, with a context that is made anew for every
//! column chunk. A sample wants the first rows of a page; and contexts, of 160 KB, are kept here, one a thread.

use std::cell::RefCell;

use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective, get_error_name};

use crate::parquet::error::Damage;

thread_local! {
    static CONTEXT: RefCell<Option<DCtx<'static>>> = RefCell::new(DCtx::try_create());
}

/// Puts the first `limit` bytes that `compressed` stands for into `out`, or all `size` of them.
pub(super) fn decompress(compressed: &[u8], size: usize, limit: usize, out: &mut Vec<u8>) -> Result<(), Damage> {
    out.clear();
    let wanted = size.min(limit);
    out.reserve_exact(wanted);
    CONTEXT.with_borrow_mut(|context| {
        let context = context.as_mut().ok_or(Damage::Zstd("there is no memory to decompress"))?;
        if wanted == size { whole(context, compressed, size, out) } else { start(context, compressed, wanted, out) }
    })
}

fn whole(context: &mut DCtx<'_>, compressed: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), Damage> {
    context.decompress(out, compressed).map_err(damage)?;
    if out.len() != size {
        return Err(Damage::Count { what: "bytes in a page", expected: size as u64, found: out.len() as u64 });
    }
    Ok(())
}

fn start(context: &mut DCtx<'_>, compressed: &[u8], wanted: usize, out: &mut Vec<u8>) -> Result<(), Damage> {
    context.reset(ResetDirective::SessionOnly).map_err(damage)?;
    let mut source = InBuffer::around(compressed);
    let mut target = OutBuffer::around(out);
    while target.pos() < wanted {
        let before = (source.pos(), target.pos());
        context.decompress_stream(&mut target, &mut source).map_err(damage)?;
        if before == (source.pos(), target.pos()) {
            return Err(Damage::Ends);
        }
    }
    out.truncate(wanted);
    Ok(())
}

fn damage(code: usize) -> Damage {
    Damage::Zstd(get_error_name(code))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Frames as a writer may put them into a page: one, or one behind the other.
    fn pages() -> Vec<(Vec<u8>, Vec<u8>)> {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        let frame = |bytes: &[u8]| zstd::bulk::compress(bytes, 3).unwrap();
        vec![
            (frame(&bytes), bytes.clone()),
            ([frame(&bytes[..1000]), frame(&bytes[1000..])].concat(), bytes),
            (frame(&[7]), vec![7]),
        ]
    }

    #[test]
    fn pages_are_decompressed_as_far_as_wanted() {
        let mut out = vec![1; 10];
        for (compressed, bytes) in pages() {
            for limit in [0, 1, 999, 1000, 1001, 200_000, bytes.len(), usize::MAX] {
                decompress(&compressed, bytes.len(), limit, &mut out).unwrap();
                assert_eq!(out, bytes[..limit.min(bytes.len())]);
            }
        }
    }

    #[test]
    fn damaged_pages_are_errors() {
        let mut out = Vec::new();
        for (compressed, bytes) in pages() {
            for limit in [bytes.len() / 2 + 1, usize::MAX] {
                let cut = &compressed[..compressed.len() / 3];
                assert!(decompress(cut, bytes.len(), limit, &mut out).is_err());
                let mut other = compressed.clone();
                other[0] ^= 1;
                assert!(matches!(decompress(&other, bytes.len(), limit, &mut out), Err(Damage::Zstd(_))));
            }
            let announced = decompress(&compressed, bytes.len() + 1, usize::MAX, &mut out);
            assert!(matches!(announced, Err(Damage::Count { .. })));
            assert!(decompress(&compressed, bytes.len() - 1, usize::MAX, &mut Vec::new()).is_err());
        }
    }
}

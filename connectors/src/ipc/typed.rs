//! Bytes of a file as the values that they are, without copying them where that can be.

use std::marker::PhantomData;
use std::ops::Range;

use polars_arrow::types::NativeType;
use polars_buffer::Buffer;

use super::error::Damage;

/// Bytes whose address and length suit values of type `T`.
struct Aligned<T> {
    bytes: Buffer<u8>,
    values: PhantomData<T>,
}

impl<T: NativeType> Aligned<T> {
    /// `None` if they do not suit, or are the values of another kind of processor.
    fn new(bytes: &Buffer<u8>) -> Option<Self> {
        let suits = bytes.as_ptr().cast::<T>().is_aligned() && bytes.len().is_multiple_of(size_of::<T>());
        (suits && cfg!(target_endian = "little")).then(|| Self { bytes: bytes.clone(), values: PhantomData })
    }
}

impl<T: NativeType> AsRef<[T]> for Aligned<T> {
    fn as_ref(&self) -> &[T] {
        // SAFETY: `new` saw that the address is aligned, and it never changes, as a buffer does not move its bytes. The
        // bytes are initialized, live as long as `self`, and hold that many values; every pattern of bits is a value of a
        // native type.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.bytes.len() / size_of::<T>()) }
    }
}

/// The values in a range of `bytes`.
pub(super) fn typed<T: NativeType>(bytes: &Buffer<u8>, range: Range<usize>) -> Result<Buffer<T>, Damage> {
    if range.is_empty() {
        return Ok(Buffer::new());
    }
    let at = |value: usize| value.checked_mul(size_of::<T>()).filter(|end| *end <= bytes.len());
    let (Some(start), Some(end)) = (at(range.start), at(range.end)) else {
        return Err(Damage::Buffer { expected: range.end.saturating_mul(size_of::<T>()), found: bytes.len() });
    };
    let bytes = bytes.clone().sliced(start..end);
    if let Some(aligned) = Aligned::<T>::new(&bytes) {
        return Ok(Buffer::from_owner(aligned));
    }
    let value = |bytes: &[u8]| T::Bytes::try_from(bytes).ok().map(T::from_le_bytes);
    let values: Option<Vec<T>> = bytes.chunks_exact(size_of::<T>()).map(value).collect();
    values.map(Buffer::from).ok_or(Damage::Ends)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_arrow::array::View;

    use super::*;

    #[test]
    fn values_are_the_same_wherever_they_lie() {
        let numbers: Vec<u64> = (0..100).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        for shift in 0..9 {
            let moved = Buffer::from([vec![0; shift], bytes.clone(), vec![1; 3]].concat()).sliced(shift..);
            for range in [0..100, 7..9, 99..100, 50..50, 1000..1000] {
                let found = typed::<u64>(&moved, range.clone()).unwrap();
                assert_eq!(found.as_slice(), numbers.get(range).unwrap_or_default());
            }
            assert!(matches!(typed::<u64>(&moved, 99..101), Err(Damage::Buffer { expected: 808, found: 803 })));
            assert!(typed::<u64>(&moved, 0..usize::MAX).is_err());
            let views = typed::<View>(&moved, 0..50).unwrap();
            assert_eq!(views[1].as_u128(), u128::from(numbers[2]) | u128::from(numbers[3]) << 64);
        }
    }

    #[test]
    fn aligned_values_are_not_copied() {
        let bytes = Buffer::from(vec![0u8; 64]);
        let start = bytes.as_ptr().align_offset(8);
        let found = typed::<u64>(&bytes.clone().sliced(start..), 1..3).unwrap();
        assert_eq!(found.as_ptr().cast(), bytes.as_ptr().wrapping_add(start + 8));
    }
}

//! Values of a dictionary by their codes.

use polars_arrow::bitmap::Bitmap;

use super::hybrid::{Hybrid, Run};
use super::words::for_each_set;
use crate::parquet::error::Damage;

/// Appends the values of the next `values` codes.
pub(super) fn read_values<T: Copy>(
    codes: &mut Hybrid,
    values: usize,
    dictionary: &[T],
    out: &mut Vec<T>,
) -> Result<(), Damage> {
    codes.read(values, |run| match run {
        Run::Equal(code, count) => {
            out.extend(std::iter::repeat_n(look_up(dictionary, code)?, count));
            Ok(())
        },
        Run::Different(codes) => look_up_all(dictionary, codes, out),
    })
}

/// Appends the values of those of the next codes whose bit is set.
pub(super) fn read_selected_values<T: Copy>(
    codes: &mut Hybrid,
    selected: &Bitmap,
    dictionary: &[T],
    out: &mut Vec<T>,
) -> Result<(), Damage> {
    let mut row = 0;
    codes.read(selected.len(), |run| match run {
        Run::Equal(code, count) => {
            let picked = count - selected.null_count_range(row, count);
            out.extend(std::iter::repeat_n(look_up(dictionary, code)?, picked));
            row += count;
            Ok(())
        },
        Run::Different(codes) => {
            // One check for all of them, without a branch a code.
            look_up(dictionary, codes.iter().copied().fold(0, u32::max))?;
            let picked = selected.clone().sliced(row, codes.len());
            for_each_set(&picked, |index| out.extend(dictionary.get(codes[index] as usize)));
            row += codes.len();
            Ok(())
        },
    })
}

/// The value of a code.
#[inline(always)]
fn look_up<T: Copy>(dictionary: &[T], code: u32) -> Result<T, Damage> {
    dictionary.get(code as usize).copied().ok_or(Damage::Page("a code that is not in the dictionary"))
}

/// Appends the values of codes.
fn look_up_all<T: Copy>(dictionary: &[T], codes: &[u32], out: &mut Vec<T>) -> Result<(), Damage> {
    // One check for all of them, without a branch a code.
    let largest = codes.iter().copied().fold(0, u32::max);
    look_up(dictionary, largest)?;
    // SAFETY: no code is larger than `largest`, which is in the dictionary. Checks a code would take a third longer.
    out.extend(codes.iter().map(|code| unsafe { *dictionary.get_unchecked(*code as usize) }));
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_buffer::Buffer;
    use proptest::prelude::*;

    use super::super::unpack::tests::pack;
    use super::*;

    /// The codes as one run of packed integers; there must be a multiple of eight.
    fn packed(codes: &[u32], width: u32) -> Hybrid {
        let header = codes.len() / 8 * 2 + 1;
        let mut bytes = vec![header as u8 | 0x80, (header >> 7) as u8];
        bytes.extend(pack(codes, width));
        Hybrid::new(Buffer::from(bytes), 0, width).unwrap()
    }

    proptest! {
        #[test]
        fn values_are_those_of_checked_look_ups(
            codes in proptest::collection::vec(0..64u32, 1..40),
            size in 0..65usize,
            first in 0..300usize,
        ) {
            let codes: Vec<u32> = codes.repeat(8);
            let dictionary: Vec<u64> = (0..size as u64).map(|value| value * 1_000_003).collect();
            let first = first.min(codes.len());
            let (mut hybrid, mut found) = (packed(&codes, 6), Vec::new());
            let mut read = |values| read_values(&mut hybrid, values, &dictionary, &mut found);
            let read = read(first).and_then(|()| read(codes.len() - first));
            let expected: Option<Vec<u64>> =
                codes.iter().map(|code| dictionary.get(*code as usize).copied()).collect();
            prop_assert_eq!(read.is_ok(), expected.is_some());
            if let Some(expected) = expected {
                prop_assert_eq!(found, expected);
            }
        }
    }
}

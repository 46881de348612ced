//! Checks of values that arrived. Each looks at all values at once first, in loops that the compiler vectorises, and looks for
//! the guilty row only if there is one.

use std::ops::RangeInclusive;

use polars_arrow::array::View;
use polars_arrow::bitmap::Bitmap;
use polars_core::prelude::{CatNative, TimeUnit};

use super::error::Damage;

const DAY_IN_MILLISECONDS: i64 = 86_400_000;

/// Days since 1970 that Polars can show: the years -262,143 to 262,142 without the outermost two days, which a time zone
/// might carry over the edge.
pub(super) const DAYS: RangeInclusive<i32> = -96_465_291..=95_026_234;

/// Nanoseconds since midnight.
pub(super) const TIMES: RangeInclusive<i64> = 0..=DAY_IN_MILLISECONDS * 1_000_000 - 1;

/// Instants that Polars can show, in `unit` since 1970.
pub(super) fn datetimes(unit: TimeUnit) -> RangeInclusive<i64> {
    let (first, last) = (i64::from(*DAYS.start()), i64::from(*DAYS.end()));
    let day = match unit {
        TimeUnit::Nanoseconds => return i64::MIN..=i64::MAX,
        TimeUnit::Microseconds => DAY_IN_MILLISECONDS * 1_000,
        TimeUnit::Milliseconds => DAY_IN_MILLISECONDS,
    };
    first * day..=last * day
}

/// Unscaled decimals of at most `precision` digits.
pub(super) fn decimals(precision: usize) -> RangeInclusive<i128> {
    let limit = u32::try_from(precision).ok().and_then(|digits| 10i128.checked_pow(digits)).unwrap_or(i128::MAX);
    1 - limit..=limit - 1
}

/// Values lie in `range`, except behind nulls.
pub(super) fn in_range<T: Copy + PartialOrd>(
    values: &[T],
    validity: Option<&Bitmap>,
    range: RangeInclusive<T>,
) -> Result<(), Damage> {
    let (first, last) = (*range.start(), *range.end());
    let inside = |value: &T| (*value >= first) & (*value <= last);
    match outsider(values, validity, inside) {
        Some(row) => Err(Damage::Range(row)),
        None => Ok(()),
    }
}

/// Codes stand for one of `categories` categories, except behind nulls.
pub(super) fn codes<T: CatNative>(values: &[T], validity: Option<&Bitmap>, categories: usize) -> Result<(), Damage> {
    match outsider(values, validity, |code| (code.as_cat() as usize) < categories) {
        Some(row) => Err(Damage::Code(row)),
        None => Ok(()),
    }
}

/// The first valid value that is not `inside`.
fn outsider<T>(values: &[T], validity: Option<&Bitmap>, inside: impl Fn(&T) -> bool) -> Option<usize> {
    if values.iter().fold(true, |all, value| all & inside(value)) {
        return None;
    }
    let valid = |row| validity.is_none_or(|validity| validity.get(row).unwrap_or(false));
    values.iter().enumerate().position(|(row, value)| valid(row) && !inside(value))
}

/// What is known of a text as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    /// No need to look at it again: binary, or ASCII.
    Any,
    /// UTF-8 as a whole: a value is UTF-8 if it starts and ends between characters.
    Utf8,
    /// Gaps between the values hold something else.
    Mixed,
}

/// Short values lie in the view and are followed by zeros; the others lie within `text` and begin with the prefix in the view.
/// If `utf8`, all of them are strings.
pub(super) fn views(views: &[View], text: &[u8], utf8: bool) -> Result<(), Damage> {
    let kind = match text {
        _ if !utf8 || text.is_ascii() => Text::Any,
        _ if std::str::from_utf8(text).is_ok() => Text::Utf8,
        _ => Text::Mixed,
    };
    for (row, view) in views.iter().enumerate() {
        if view.is_inline() { short(row, view, utf8)? } else { long(row, view, text, kind)? }
    }
    Ok(())
}

fn short(row: usize, view: &View, utf8: bool) -> Result<(), Damage> {
    const NOT_ASCII: u128 = u128::from_ne_bytes([0x80; 16]) << 32;
    let bits = view.as_u128();
    // 32 bits of length stand before the bytes.
    let used = 32 + 8 * view.length;
    if used < u128::BITS && bits >> used != 0 {
        return Err(Damage::View(row));
    }
    let ascii = bits & NOT_ASCII == 0;
    if utf8 && !ascii && view.get_inlined_slice().is_none_or(|bytes| std::str::from_utf8(bytes).is_err()) {
        return Err(Damage::Text(row));
    }
    Ok(())
}

fn long(row: usize, view: &View, text: &[u8], kind: Text) -> Result<(), Damage> {
    let (start, end) = (view.offset as usize, view.offset as usize + view.length as usize);
    let bytes = text.get(start..end).filter(|_| view.buffer_idx == 0).ok_or(Damage::View(row))?;
    if bytes.first_chunk() != Some(&view.prefix.to_le_bytes()) {
        return Err(Damage::View(row));
    }
    let sound = match kind {
        Text::Any => true,
        Text::Utf8 => begins_character(text, start) && begins_character(text, end),
        Text::Mixed => std::str::from_utf8(bytes).is_ok(),
    };
    if sound { Ok(()) } else { Err(Damage::Text(row)) }
}

/// Whether a character of the UTF-8 `text` begins at `position`, or the text ends there.
fn begins_character(text: &[u8], position: usize) -> bool {
    text.get(position).is_none_or(|byte| byte & 0b1100_0000 != 0b1000_0000)
}

//! Numbers in text. Eight digits are read as one word, whose bytes are tested and added up together (Lemire, *Number
//! Parsing at a Gigabyte per Second*, 2021).

/// A field: its first byte and its length. The bytes go on behind it, so that words can be read past its end.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    /// From the first byte of the field to beyond its last.
    tail: &'a [u8],
    length: usize,
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

impl<'a> Field<'a> {
    /// The first `length` bytes of `tail`, which is as long at least.
    #[inline(always)]
    pub(crate) fn new(tail: &'a [u8], length: usize) -> Self {
        Self { tail, length }
    }

    pub(crate) fn len(self) -> usize {
        self.length
    }

    #[inline(always)]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.tail.get(..self.length).unwrap_or_default()
    }

    #[inline(always)]
    pub(crate) fn first(self) -> u8 {
        if self.length == 0 { 0 } else { self.tail.first().copied().unwrap_or_default() }
    }

    #[inline(always)]
    pub(crate) fn skip(self, bytes: usize) -> Self {
        Self { tail: self.tail.get(bytes..).unwrap_or_default(), length: self.length.saturating_sub(bytes) }
    }

    /// The first `length` bytes of it.
    #[inline(always)]
    pub(crate) fn shorten(self, length: usize) -> Self {
        Self { tail: self.tail, length }
    }

    #[inline(always)]
    pub(crate) fn word<const N: usize>(self) -> Option<&'a [u8; N]> {
        self.tail.first_chunk()
    }
}

/// The number that the eight ASCII digits of `word` are, the first in the lowest byte.
#[inline(always)]
pub(crate) fn eight_digits(word: u64) -> Option<u64> {
    let digits = word ^ ZEROS;
    // 0x76 + 9 is 0x7f: one more, and the high bit is set.
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    Some(low.wrapping_add(high) >> 32)
}

/// The number that the first `length` bytes of `word` are, 1 to 8 digits.
#[inline(always)]
fn up_to_eight(word: u64, length: usize) -> Option<u64> {
    let bits = 8 * length as u32;
    // Zeros before the digits, which lie in the lower bytes.
    let zeros = ZEROS.checked_shr(bits).unwrap_or(0);
    eight_digits(word.checked_shl(64 - bits)? | zeros)
}

#[inline(always)]
fn up_to_sixteen(word: u128, length: usize) -> Option<u64> {
    if length <= 8 {
        return up_to_eight(word as u64, length);
    }
    let first = length - 8;
    let high = up_to_eight(word as u64, first)?;
    Some(high * 100_000_000 + eight_digits((word >> (8 * first as u32)) as u64)?)
}

/// Up to sixteen digits.
#[inline(always)]
fn short_unsigned(field: Field<'_>) -> Option<u64> {
    match field.len() {
        1..=8 => up_to_eight(u64::from_le_bytes(*field.word()?), field.len()),
        9..=16 => up_to_sixteen(u128::from_le_bytes(*field.word()?), field.len()),
        _ => None,
    }
}

/// An integer of up to 64 bits: digits, perhaps with a sign.
#[inline(always)]
pub(crate) fn integer<T: TryFrom<i64> + TryFrom<i128>>(field: Field<'_>) -> Option<T> {
    let is_negative = field.first() == b'-';
    let digits = if is_negative { field.skip(1) } else { field };
    match short_unsigned(digits) {
        Some(number) => {
            let number = number as i64;
            T::try_from(if is_negative { -number } else { number }).ok()
        },
        None => T::try_from(long_integer(field.bytes())?).ok(),
    }
}

#[cold]
fn long_integer(text: &[u8]) -> Option<i128> {
    let (is_negative, digits) = sign(text);
    let mut number: i128 = 0;
    for digit in digits {
        let digit = i128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    (!digits.is_empty()).then_some(if is_negative { -number } else { number })
}

/// An unsigned integer of 128 bits.
pub(crate) fn integer128(field: Field<'_>) -> Option<u128> {
    let text = field.bytes();
    // Rust reads digits with or without `+`.
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    }
}

/// Digits around a point.
struct Fixed {
    is_negative: bool,
    /// The digits without the point: 2^53 at most.
    digits: u64,
    /// Digits behind the point.
    scale: usize,
}

/// The largest integer up to which doubles hold every one.
const EXACT: u64 = 1 << 53;

/// Up to sixteen digits and a point, perhaps with a minus; `None` may be a longer or another number.
#[inline(always)]
fn fixed(field: Field<'_>) -> Option<Fixed> {
    let is_negative = field.first() == b'-';
    let field = if is_negative { field.skip(1) } else { field };
    let length = field.len();
    if length == 0 || length > 16 {
        return None;
    }
    let word = u128::from_le_bytes(*field.word()?);
    let (digits, scale) = if length <= 8 {
        let word = word as u64;
        let point = point(word);
        if point >= length {
            (up_to_eight(word, length)?, 0)
        } else if length > 1 {
            let before = word & ((1 << (8 * point)) - 1);
            // The bytes behind the point move to where it is.
            let behind = (word >> 8) & !((1 << (8 * point)) - 1);
            (up_to_eight(before | behind, length - 1)?, length - 1 - point)
        } else {
            return None;
        }
    } else {
        let point = match point(word as u64) {
            8 => 8 + point((word >> 64) as u64),
            point => point,
        };
        if point >= length {
            (up_to_sixteen(word, length)?, 0)
        } else {
            let before = word & ((1 << (8 * point)) - 1);
            let behind = (word >> 8) & !((1 << (8 * point)) - 1);
            (up_to_sixteen(before | behind, length - 1)?, length - 1 - point)
        }
    };
    Some(Fixed { is_negative, digits, scale })
}

/// The index of the first byte that is a point, 8 if none is.
#[inline(always)]
fn point(word: u64) -> usize {
    let differs = word ^ 0x2e2e_2e2e_2e2e_2e2e;
    // The lowest bit that is set is right; higher ones may be set by a borrow.
    let same = differs.wrapping_sub(0x0101_0101_0101_0101) & !differs & 0x8080_8080_8080_8080;
    same.trailing_zeros() as usize / 8
}

/// Powers of ten that doubles hold.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A double, rounded correctly. The quotient of two numbers that are exact is (Clinger, 1990).
#[inline(always)]
pub(crate) fn float64(field: Field<'_>) -> Option<f64> {
    match fixed(field) {
        Some(Fixed { is_negative, digits, scale }) if digits <= EXACT => {
            let number = digits as f64 / POWERS.get(scale)?;
            Some(if is_negative { -number } else { number })
        },
        _ => long_float(field.bytes()),
    }
}

/// A float of 32 bits, rounded correctly.
#[inline(always)]
pub(crate) fn float32(field: Field<'_>) -> Option<f32> {
    match fixed(field) {
        Some(Fixed { is_negative, digits, scale }) if digits <= 1 << 24 && scale <= 10 => {
            let number = digits as f32 / *POWERS.get(scale)? as f32;
            Some(if is_negative { -number } else { number })
        },
        _ => long_float(field.bytes()),
    }
}

#[cold]
fn long_float<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The unscaled value of a decimal with `scale` digits behind the point and fewer than `limit`, which is a power of ten.
/// Digits beyond are rounded, half away from zero.
#[inline(always)]
pub(crate) fn decimal64(field: Field<'_>, scale: usize, limit: i64) -> Option<i64> {
    match fixed(field) {
        Some(found) if found.scale <= scale && scale - found.scale <= 2 => {
            // Sixteen digits and two more fit 64 bits.
            let factor = *[1, 10, 100].get(scale - found.scale)?;
            let number = found.digits as i64 * factor;
            (number < limit).then_some(if found.is_negative { -number } else { number })
        },
        _ => decimal128(field, scale, i128::from(limit)).and_then(|number| i64::try_from(number).ok()),
    }
}

/// As [`decimal64`], with up to 38 digits, and an exponent.
pub(crate) fn decimal128(field: Field<'_>, scale: usize, limit: i128) -> Option<i128> {
    let (is_negative, text) = sign(field.bytes());
    let (digits, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => {
            let exponent = long_integer(text.get(at + 1..)?)?;
            (text.get(..at)?, exponent)
        },
        None => (text, 0),
    };
    let mut number: i128 = 0;
    // Digits behind the point so far; `None` before it.
    let mut behind: Option<i128> = None;
    let mut any = false;
    let mut rounds_up = None;
    let wanted = i128::try_from(scale).ok()?;
    let whole_scale = wanted.checked_add(exponent).filter(|scale| scale.abs() < 10_000)?;
    for byte in digits {
        if *byte == b'.' && behind.is_none() {
            behind = Some(0);
            continue;
        }
        let digit = i128::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        any = true;
        match &mut behind {
            Some(behind) if *behind >= whole_scale => {
                // The first digit that is cut off decides.
                rounds_up = rounds_up.or(Some(*behind == whole_scale && digit >= 5));
                *behind += 1;
                continue;
            },
            Some(behind) => *behind += 1,
            None => {},
        }
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    if !any {
        return None;
    }
    for _ in behind.unwrap_or(0)..whole_scale {
        if number != 0 {
            number = number.checked_mul(10)?;
        }
    }
    if whole_scale < 0 {
        // Digits before the point are cut off as well.
        for cut in (whole_scale..0).rev() {
            rounds_up = Some(number % 10 >= 5 && cut == whole_scale);
            number /= 10;
        }
    }
    if rounds_up == Some(true) {
        number += 1;
    }
    (number < limit).then_some(if is_negative { -number } else { number })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with<T>(text: &str, parse: impl Fn(Field<'_>) -> Option<T>) -> Option<T> {
        // What stands behind a field is of no meaning.
        let padded = format!("{text},9.9-9,9999999999999999999999");
        parse(Field::new(padded.as_bytes(), text.len()))
    }

    #[test]
    fn eight_digits_are_told_from_all_else() {
        assert_eq!(eight_digits(u64::from_le_bytes(*b"12345678")), Some(12_345_678));
        for byte in (0..=255u8).filter(|byte| !byte.is_ascii_digit()) {
            for place in 0..8 {
                let mut text = *b"99999999";
                text[place] = byte;
                assert_eq!(eight_digits(u64::from_le_bytes(text)), None, "{byte} {place}");
            }
        }
    }

    proptest! {
        #[test]
        fn integers_are_those_of_rust(number in any::<i64>(), shift in 0u32..64, text in "[-+]?[0-9]{0,25}|[-+0-9a.: ]{0,18}") {
            let number = number >> shift;
            assert_eq!(with(&number.to_string(), integer::<i64>), Some(number));
            assert_eq!(with(&text, integer::<i64>), text.parse().ok());
            assert_eq!(with(&text, integer::<u64>).map(|number| number == 0), text.trim_start_matches('-').parse().ok().map(|number: u64| number == 0).filter(|zero| *zero || !text.starts_with('-')));
            assert_eq!(with(&text, integer::<i8>), text.parse().ok());
        }

        #[test]
        fn floats_are_those_of_rust(
            number in any::<f64>(),
            cents in any::<i32>(),
            text in "[-+]?[0-9]{0,12}[.]?[0-9]{0,12}(e[-+]?[0-9]{1,3})?|[-+0-9.e ]{0,18}",
        ) {
            let fixed = format!("{}.{:02}", cents / 100, (cents % 100).abs());
            for text in [number.to_string(), format!("{number:e}"), fixed, text] {
                let found = with(&text, float64);
                assert_eq!(found.map(f64::to_bits), text.parse().ok().map(f64::to_bits), "{text}");
                let found = with(&text, float32);
                assert_eq!(found.map(f32::to_bits), text.parse().ok().map(f32::to_bits), "{text}");
            }
        }

        #[test]
        fn decimals_of_both_widths_are_the_same(text in "[-+]?[0-9]{0,10}[.]?[0-9]{0,9}", scale in 0usize..6) {
            let limit = 10i64.pow(12);
            let narrow = with(&text, |field| decimal64(field, scale, limit));
            let wide = with(&text, |field| decimal128(field, scale, i128::from(limit)));
            assert_eq!(narrow.map(i128::from), wide, "{text}");
            // Digits that are all behind a point of Rust's own parser.
            if let Some(number) = wide {
                let unscaled = text.parse::<f64>().unwrap() * 10f64.powi(scale as i32);
                assert!((unscaled - number as f64).abs() <= 0.5 + 1e-9 * unscaled.abs(), "{text} {number}");
            }
        }
    }
}

//! Dates and times in text, in the forms of ISO 8601.

use polars_core::datatypes::{DataType, TimeUnit, TimeZone};

use super::number::{Field, eight_digits};

const DAY_SECONDS: i64 = 86_400;

/// Days since 1970-01-01 of `2024-01-31`.
#[inline(always)]
pub(crate) fn date(field: Field<'_>) -> Option<i32> {
    if field.len() != 10 {
        return None;
    }
    date_at_start(field)
}

/// As [`date`], of the first ten bytes.
#[inline(always)]
fn date_at_start(field: Field<'_>) -> Option<i32> {
    let word = u64::from_le_bytes(*field.word()?);
    let day = u64::from(u16::from_le_bytes(*field.skip(8).word()?));
    if word & 0xff00_00ff_0000_0000 != 0x2d00_002d_0000_0000 {
        return None;
    }
    let digits = word & 0xffff_ffff | (word >> 40 & 0xffff) << 32 | day << 48;
    let number = eight_digits(digits)? as u32;
    days(number / 10_000, number / 100 % 100, number % 100)
}

/// Days of the year before each month, and of each month.
const MONTHS: [(u32, u32); 12] = [
    (0, 31),
    (31, 28),
    (59, 31),
    (90, 30),
    (120, 31),
    (151, 30),
    (181, 31),
    (212, 31),
    (243, 30),
    (273, 31),
    (304, 30),
    (334, 31),
];

/// Days since 1970-01-01 of a date of the Gregorian calendar, if there is such a date.
#[inline(always)]
fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    let (before, length) = *MONTHS.get((month as usize).wrapping_sub(1))?;
    let leap = u32::from(year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)));
    if day == 0 || day > length + u32::from(month == 2) * leap {
        return None;
    }
    // One cycle of the calendar more, so that the year 0 has years before it.
    let years = year + 399;
    let before_year = 365 * years + years / 4 - years / 100 + years / 400;
    let of_year = before + u32::from(month > 2) * leap + day - 1;
    /// Days from the start of the year -400 to 1970-01-01.
    const EPOCH: i32 = 719_162 + 146_097;
    Some((before_year + of_year) as i32 - EPOCH)
}

/// Nanoseconds since midnight of `12:34`, `12:34:56` or `12:34:56.789`.
pub(crate) fn time(field: Field<'_>) -> Option<i64> {
    let (seconds, nanos) = clock(field.bytes())?;
    Some(seconds * 1_000_000_000 + nanos)
}

/// Units since 1970-01-01 00:00 of a date, or of a date and a time behind `T` or a space, `per_second` units a second;
/// finer digits are cut off. Only if it `has_zone`, `Z` or an offset such as `+02:00` may follow.
#[inline(always)]
pub(crate) fn datetime(field: Field<'_>, per_second: i64, has_zone: bool) -> Option<i64> {
    let days = i64::from(date_at_start(field).filter(|_| field.len() >= 10)?);
    let rest = field.skip(10).bytes();
    let (mut seconds, nanos) = match rest.split_first() {
        None => (0, 0),
        Some((b'T' | b't' | b' ', rest)) => {
            let (time, offset) = if has_zone { zone(rest)? } else { (rest, 0) };
            let (seconds, nanos) = clock(time)?;
            (seconds - offset, nanos)
        },
        Some(_) => return None,
    };
    seconds += days * DAY_SECONDS;
    seconds.checked_mul(per_second)?.checked_add(nanos / (1_000_000_000 / per_second))
}

/// The type of a text that is a date, a time, or both.
pub(crate) fn temporal_type(text: &[u8]) -> Option<DataType> {
    let mut padded = text.to_vec();
    padded.resize(text.len() + 16, 0);
    let field = Field::new(&padded, text.len());
    if date(field).is_some() {
        Some(DataType::Date)
    } else if datetime(field, 1_000_000, false).is_some() {
        Some(DataType::Datetime(TimeUnit::Microseconds, None))
    } else if datetime(field, 1_000_000, true).is_some() {
        Some(DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)))
    } else {
        time(field).map(|_| DataType::Time)
    }
}

fn two(text: &[u8]) -> Option<i64> {
    let [tens, ones] = text.first_chunk()?;
    let digit = |byte: u8| byte.checked_sub(b'0').filter(|digit| *digit < 10);
    Some(i64::from(digit(*tens)? * 10 + digit(*ones)?))
}

/// Seconds and nanoseconds of a time of day.
fn clock(text: &[u8]) -> Option<(i64, i64)> {
    let (hours, minutes) = (two(text)?, two(text.get(3..)?)?);
    let rest = text.get(5..)?;
    if text.get(2) != Some(&b':') || hours > 23 || minutes > 59 {
        return None;
    }
    let (seconds, rest) = match rest.split_first() {
        Some((b':', rest)) => (two(rest)?, rest.get(2..)?),
        None => (0, rest),
        Some(_) => return None,
    };
    if seconds > 59 {
        return None;
    }
    let nanos = match rest.split_first() {
        None => 0,
        Some((b'.' | b',', digits)) if (1..=9).contains(&digits.len()) => {
            let mut nanos = 0;
            for index in 0..9 {
                let digit = digits.get(index).copied().unwrap_or(b'0');
                nanos = nanos * 10 + i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
            }
            nanos
        },
        Some(_) => return None,
    };
    Some(((hours * 60 + minutes) * 60 + seconds, nanos))
}

/// The time, and how many seconds its zone is ahead of UTC; none if no zone is given.
fn zone(text: &[u8]) -> Option<(&[u8], i64)> {
    if let Some((b'Z' | b'z', time)) = text.split_last() {
        return Some((time, 0));
    }
    let Some(at) = text.iter().position(|byte| matches!(byte, b'+' | b'-')) else { return Some((text, 0)) };
    let (time, offset) = text.split_at(at);
    let (sign, digits) = offset.split_first()?;
    let hours = two(digits)?;
    let minutes = match digits.get(2..)? {
        [] => 0,
        [b':', minutes @ ..] | minutes if minutes.len() == 2 => two(minutes)?,
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Some((time, if *sign == b'-' { -seconds } else { seconds }))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<i32> {
        let padded = format!("{text},9999999999999999");
        date(Field::new(padded.as_bytes(), text.len()))
    }

    /// All dates of four digits a year, one after the other.
    #[test]
    fn every_day_follows_the_one_before() {
        let first = parse("0000-01-01").unwrap();
        let mut expected = first;
        for year in 0..=9999u32 {
            for month in 1..=12u32 {
                let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
                let length = match month {
                    2 if leap => 29,
                    2 => 28,
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                for day in 1..=length {
                    assert_eq!(days(year, month, day), Some(expected), "{year}-{month}-{day}");
                    expected += 1;
                }
                assert_eq!(days(year, month, length + 1), None);
                assert_eq!(days(year, month, 0), None);
            }
            assert_eq!((days(year, 0, 1), days(year, 13, 1)), (None, None));
        }
        assert_eq!(parse("1970-01-01"), Some(0));
        assert_eq!(parse("2000-03-01"), Some(11_017));
        for text in ["1970-01-0", "1970-01-011", "1970/01/01", "1970-01-0a", "x970-01-01", "1970-0101-"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

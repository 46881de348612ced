//! Values as text, in the forms that are read.

/// Appends two digits.
fn write_two(number: u32, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
}

/// Appends the date so many days after 1970-01-01; years of more than four digits have a sign.
pub(crate) fn write_date(days: i64, bytes: &mut Vec<u8>) {
    // Years from March on, in cycles of 400 years (Hinnant, *chrono-Compatible Low-Level Date Algorithms*, 2013).
    let days = days + 719_468;
    let (cycle, day_of_cycle) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    if (0..=9999).contains(&year) {
        write_two(year as u32 / 100, bytes);
        write_two(year as u32 % 100, bytes);
    } else {
        bytes.push(if year < 0 { b'-' } else { b'+' });
        write_digits(u128::from(year.unsigned_abs()), 4, bytes);
    }
    for number in [month, day] {
        bytes.push(b'-');
        write_two(number as u32, bytes);
    }
}

/// Appends the time so many units after midnight, `digits` of which are behind the point of a second.
pub(crate) fn write_time(units: i64, digits: usize, bytes: &mut Vec<u8>) {
    let per_second = 10i64.pow(digits as u32);
    let (seconds, rest) = (units / per_second, units % per_second);
    for (index, number) in [seconds / 3600, seconds / 60 % 60, seconds % 60].into_iter().enumerate() {
        if index > 0 {
            bytes.push(b':');
        }
        write_two(number as u32, bytes);
    }
    bytes.push(b'.');
    write_digits(rest.unsigned_abs().into(), digits, bytes);
}

/// Appends the time so many nanoseconds after midnight, with as many digits behind the point of a second as are needed: none,
/// three, six or nine.
pub(crate) fn write_short_time(nanos: i64, bytes: &mut Vec<u8>) {
    write_time(nanos, 9, bytes);
    let cut = match nanos.rem_euclid(1_000_000_000) {
        0 => 10,
        rest if rest % 1_000_000 == 0 => 6,
        rest if rest % 1000 == 0 => 3,
        _ => 0,
    };
    bytes.truncate(bytes.len() - cut);
}

/// Appends a number with zeros before it, so that it has so many digits at least.
pub(crate) fn write_digits(number: u128, digits: usize, bytes: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(number);
    bytes.extend(std::iter::repeat_n(b'0', digits.saturating_sub(text.len())));
    bytes.extend_from_slice(text.as_bytes());
}

/// Appends an unscaled decimal with `scale` digits behind the point.
pub(crate) fn write_decimal(number: i128, scale: usize, bytes: &mut Vec<u8>) {
    if number < 0 {
        bytes.push(b'-');
    }
    write_digits(number.unsigned_abs(), scale + 1, bytes);
    if scale > 0 {
        let point = bytes.len() - scale;
        bytes.insert(point, b'.');
    }
}

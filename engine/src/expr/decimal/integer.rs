//! Checked operations on the integers that hold decimals.

use super::types::MAX_PRECISION;

/// The first value that no decimal has.
pub(super) const BOUND: i128 = 10i128.pow(MAX_PRECISION as u32);

/// `10^exponent`, if it is a decimal or [`BOUND`].
pub(super) fn power_of_ten(exponent: usize) -> Option<i128> {
    10i128.checked_pow(u32::try_from(exponent).ok()?)
}

/// `value` if a decimal has it.
pub(super) fn bounded(value: i128) -> Option<i128> {
    (-BOUND < value && value < BOUND).then_some(value)
}

/// The exact product.
pub(super) fn multiply(left: i128, right: i128) -> Option<i128> {
    match (i64::try_from(left), i64::try_from(right)) {
        // At most 2^126, which is smaller than the bound.
        (Ok(left), Ok(right)) => Some(i128::from(left) * i128::from(right)),
        _ => left.checked_mul(right).and_then(bounded),
    }
}

/// `numerator * factor / denominator`, rounded half away from zero. `factor` is positive, `denominator` is not zero.
pub(super) fn multiply_divide(numerator: i128, factor: i128, denominator: i128) -> Option<i128> {
    let negative = (numerator < 0) != (denominator < 0);
    let divisor = denominator.unsigned_abs();
    let (high, low) = widening_multiply(numerator.unsigned_abs(), factor.unsigned_abs());
    let (quotient, remainder) = if high == 0 { (low / divisor, low % divisor) } else { divide(high, low, divisor)? };
    let quotient = quotient.checked_add(u128::from(remainder >= divisor - remainder))?;
    let quotient = bounded(i128::try_from(quotient).ok()?)?;
    Some(if negative { -quotient } else { quotient })
}

/// `value / divisor`, rounded half away from zero. `divisor` is positive.
pub(super) fn divide_rounded(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    if remainder.abs() >= divisor - remainder.abs() { quotient + value.signum() } else { quotient }
}

/// The quotient rounded down. `divisor` is not zero.
pub(super) fn divide_floor(value: i128, divisor: i128) -> i128 {
    let quotient = value / divisor;
    if modulus(value, divisor) != value % divisor { quotient - 1 } else { quotient }
}

/// What [`divide_floor`] leaves; it has the sign of `divisor`, which is not zero.
pub(super) fn modulus(value: i128, divisor: i128) -> i128 {
    let remainder = value % divisor;
    if remainder != 0 && (remainder < 0) != (divisor < 0) { remainder + divisor } else { remainder }
}

/// The 256 bits of a product, high half first.
fn widening_multiply(left: u128, right: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (left_high, left_low) = (left >> 64, left & LOW);
    let (right_high, right_low) = (right >> 64, right & LOW);
    let low = left_low * right_low;
    let first = left_high * right_low + (low >> 64);
    let second = left_low * right_high + (first & LOW);
    (left_high * right_high + (first >> 64) + (second >> 64), (second << 64) | (low & LOW))
}

/// Quotient and remainder of the 256 bits `high, low`, if the quotient fits: bit by bit, as dividends of more than 128
/// bits are rare.
fn divide(high: u128, low: u128, divisor: u128) -> Option<(u128, u128)> {
    if high >= divisor {
        return None;
    }
    let (mut remainder, mut quotient) = (high, 0);
    for bit in (0..u128::BITS).rev() {
        let carry = remainder >> 127;
        remainder = (remainder << 1) | ((low >> bit) & 1);
        quotient <<= 1;
        if carry == 1 || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Some((quotient, remainder))
}

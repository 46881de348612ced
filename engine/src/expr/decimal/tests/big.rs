//! Integers of any size, one decimal digit after the other: slow, and simple enough to be right.

use std::cmp::Ordering;

/// Digits, the smallest first, without zeros at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big {
    negative: bool,
    digits: Vec<u8>,
}

impl From<i128> for Big {
    fn from(value: i128) -> Self {
        let mut digits = Vec::new();
        let mut rest = value.unsigned_abs();
        while rest > 0 {
            digits.push((rest % 10) as u8);
            rest /= 10;
        }
        Self { negative: value < 0, digits }
    }
}

impl Big {
    fn of(negative: bool, mut digits: Vec<u8>) -> Self {
        while digits.last() == Some(&0) {
            digits.pop();
        }
        Self { negative: negative && !digits.is_empty(), digits }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub(super) fn to_i128(&self) -> Option<i128> {
        let mut value = 0i128;
        for digit in self.digits.iter().rev() {
            value = value.checked_mul(10)?.checked_sub(i128::from(*digit))?;
        }
        if self.negative { Some(value) } else { value.checked_neg() }
    }

    /// `self * 10^power`.
    pub(super) fn shift(&self, power: usize) -> Self {
        Self::of(self.negative, [vec![0; power], self.digits.clone()].concat())
    }

    pub(super) fn negate(&self) -> Self {
        Self::of(!self.negative, self.digits.clone())
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        if self.negative != other.negative {
            return match magnitude(&self.digits, &other.digits) {
                Ordering::Less => Self::of(other.negative, difference(&other.digits, &self.digits)),
                _ => Self::of(self.negative, difference(&self.digits, &other.digits)),
            };
        }
        let mut digits = Vec::new();
        let mut carry = 0;
        for at in 0..=self.digits.len().max(other.digits.len()) {
            let sum = digit(&self.digits, at) + digit(&other.digits, at) + carry;
            digits.push(sum % 10);
            carry = sum / 10;
        }
        Self::of(self.negative, digits)
    }

    pub(super) fn subtract(&self, other: &Self) -> Self {
        self.add(&other.negate())
    }

    pub(super) fn multiply(&self, other: &Self) -> Self {
        let mut total = Self::from(0);
        for (power, digit) in self.digits.iter().enumerate() {
            for _ in 0..*digit {
                total = total.add(&Self::of(false, other.digits.clone()).shift(power));
            }
        }
        Self::of(self.negative != other.negative, total.digits)
    }

    /// Quotient, rounded to zero, and remainder.
    pub(super) fn divide(&self, other: &Self) -> (Self, Self) {
        let divisor = Self::of(false, other.digits.clone());
        let mut remainder = Self::from(0);
        let mut quotient = vec![0; self.digits.len()];
        for at in (0..self.digits.len()).rev() {
            remainder = remainder.shift(1).add(&Self::of(false, vec![self.digits[at]]));
            while magnitude(&remainder.digits, &divisor.digits) != Ordering::Less {
                remainder = remainder.subtract(&divisor);
                quotient[at] += 1;
            }
        }
        (Self::of(self.negative != other.negative, quotient), Self::of(self.negative, remainder.digits))
    }

    /// The quotient, rounded half away from zero.
    pub(super) fn divide_rounded(&self, other: &Self) -> Self {
        let (quotient, remainder) = self.divide(other);
        let twice = remainder.add(&remainder);
        if magnitude(&twice.digits, &other.digits) == Ordering::Less {
            return quotient;
        }
        quotient.add(&Self::from(if self.negative != other.negative { -1 } else { 1 }))
    }

    /// The quotient, rounded down, and what it leaves.
    pub(super) fn divide_floor(&self, other: &Self) -> (Self, Self) {
        let (quotient, remainder) = self.divide(other);
        if remainder.is_zero() || self.negative == other.negative {
            return (quotient, remainder);
        }
        (quotient.subtract(&Self::from(1)), remainder.add(other))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let difference = self.subtract(other);
        match (difference.is_zero(), difference.negative) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }
}

fn digit(digits: &[u8], at: usize) -> u8 {
    digits.get(at).copied().unwrap_or(0)
}

fn magnitude(left: &[u8], right: &[u8]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.iter().rev().cmp(right.iter().rev()))
}

/// `left - right`, which is not negative.
fn difference(left: &[u8], right: &[u8]) -> Vec<u8> {
    let mut digits = Vec::new();
    let mut borrow = 0;
    for (at, value) in left.iter().enumerate() {
        let taken = digit(right, at) + borrow;
        borrow = u8::from(*value < taken);
        digits.push(value + 10 * borrow - taken);
    }
    digits
}

#[test]
fn big_integers_agree_with_small_ones() {
    let values = [0i128, 1, -1, 7, -9, 10, 12345, -99999, 1 << 80, -(1 << 90) + 3];
    for left in values {
        for right in values {
            let (l, r) = (Big::from(left), Big::from(right));
            assert_eq!(l.add(&r).to_i128(), Some(left + right));
            assert_eq!(l.subtract(&r).to_i128(), Some(left - right));
            assert_eq!(l.multiply(&r).to_i128(), left.checked_mul(right).or_else(|| l.multiply(&r).to_i128()));
            assert_eq!(l.compare(&r), left.cmp(&right));
            if right != 0 {
                let (quotient, remainder) = l.divide(&r);
                assert_eq!((quotient.to_i128(), remainder.to_i128()), (Some(left / right), Some(left % right)));
                assert_eq!(
                    l.divide_floor(&r).0.to_i128(),
                    Some(left.div_euclid(right))
                        .map(|quotient| { if right < 0 && left % right != 0 { quotient - 1 } else { quotient } })
                );
            }
        }
    }
}

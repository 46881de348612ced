use polars_core::datatypes::DataType;

use crate::physical::NARROW_DIGITS;

/// The digits of a decimal: every value is smaller than 10^38.
pub(super) const MAX_PRECISION: usize = 38;

/// A number of digits, and how many of them stand behind the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DecimalType {
    pub(super) precision: usize,
    pub(super) scale: usize,
}

impl DecimalType {
    /// A type with `before` digits before the point and `scale` behind it, as far as 38 allow.
    fn of_digits(before: usize, scale: usize) -> Self {
        Self { precision: (before + scale).clamp(1, MAX_PRECISION), scale }
    }

    /// The type of a decimal column.
    pub(super) fn of(dtype: &DataType) -> Option<Self> {
        match dtype {
            DataType::Decimal(precision, scale) => Some(Self { precision: *precision, scale: *scale }),
            _ => None,
        }
    }

    /// The type that holds every value of a decimal or integer column.
    pub(super) fn of_number(dtype: &DataType) -> Option<Self> {
        let digits = match dtype {
            DataType::Int8 | DataType::UInt8 => 3,
            DataType::Int16 | DataType::UInt16 => 5,
            DataType::Int32 | DataType::UInt32 => 10,
            DataType::Int64 => 19,
            DataType::UInt64 => 20,
            other => return Self::of(other),
        };
        Some(Self::of_digits(digits, 0))
    }

    /// Whether columns of this type lie in batches as 64-bit integers.
    pub(super) fn is_narrow(self) -> bool {
        self.precision <= NARROW_DIGITS
    }

    pub(super) fn dtype(self) -> DataType {
        DataType::Decimal(self.precision, self.scale)
    }

    fn before(self) -> usize {
        self.precision - self.scale.min(self.precision)
    }

    pub(super) fn multiply(self, other: Self) -> Self {
        let precision = (self.precision + other.precision).min(MAX_PRECISION);
        Self { precision, scale: self.scale + other.scale }
    }

    pub(super) fn add(self, other: Self) -> Self {
        Self::of_digits(self.before().max(other.before()) + 1, self.scale.max(other.scale))
    }

    pub(super) fn divide(self, other: Self) -> Self {
        Self::of_digits(self.before() + other.scale, quotient_scale(self.scale))
    }

    pub(super) fn floor_divide(self, other: Self) -> Self {
        Self::of_digits(self.before() + other.scale, 0)
    }

    pub(super) fn modulus(self, other: Self) -> Self {
        Self::of_digits(other.before(), self.scale.max(other.scale))
    }

    pub(super) fn sum(self) -> Self {
        Self { precision: MAX_PRECISION, scale: self.scale }
    }

    pub(super) fn mean(self) -> Self {
        Self { precision: MAX_PRECISION, scale: quotient_scale(self.scale) }
    }

    /// The type that holds the values of both.
    pub(super) fn supertype(self, other: Self) -> Self {
        Self::of_digits(self.before().max(other.before()), self.scale.max(other.scale))
    }

    /// Whether every value of `self` has a place in `other`.
    pub(super) fn fits_in(self, other: Self) -> bool {
        self.scale <= other.scale && self.before() <= other.before()
    }
}

/// Digits behind the point of a quotient whose dividend has `scale` of them.
fn quotient_scale(scale: usize) -> usize {
    scale.max((scale + 6).min(12))
}

/// How many digits `value` has; zero has one.
pub(super) fn digits(value: i128) -> usize {
    value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// The type of a product of decimals or integers, if its scale is at most 38 and one operand is a decimal.
pub fn multiply_dtype(left: &DataType, right: &DataType) -> Option<DataType> {
    if !left.is_decimal() && !right.is_decimal() {
        return None;
    }
    let product = DecimalType::of_number(left)?.multiply(DecimalType::of_number(right)?);
    (product.scale <= MAX_PRECISION).then(|| product.dtype())
}

/// The type of a sum of a decimal column: 38 digits, the same scale.
pub fn sum_dtype(dtype: &DataType) -> Option<DataType> {
    Some(DecimalType::of(dtype)?.sum().dtype())
}

/// The type of the mean of a decimal column: 38 digits, scale `max(s, min(s + 6, 12))`.
pub fn mean_dtype(dtype: &DataType) -> Option<DataType> {
    Some(DecimalType::of(dtype)?.mean().dtype())
}

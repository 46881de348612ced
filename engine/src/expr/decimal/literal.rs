//! Literals as exact decimal numbers.

use polars_core::datatypes::AnyValue;
use polars_plan::dsl::Operator;
use polars_plan::plans::{DynLiteralValue, LiteralValue};

use super::integer;
use super::types::{DecimalType, MAX_PRECISION, digits};

/// The number `mantissa / 10^scale`; a large number may have a negative scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    mantissa: i128,
    scale: i32,
}

impl Number {
    /// The number that a literal stands for; a float stands for its shortest decimal text.
    ///
    /// Nothing for a float with more than 15 digits in that text: it was not written as a decimal.
    pub(super) fn of(literal: &LiteralValue) -> Option<Self> {
        match literal {
            LiteralValue::Dyn(DynLiteralValue::Int(value)) => Some(Self { mantissa: *value, scale: 0 }),
            LiteralValue::Dyn(DynLiteralValue::Float(value)) => Self::of_text(&format!("{value:e}")),
            LiteralValue::Scalar(scalar) => Self::of_value(scalar.value()),
            _ => None,
        }
    }

    /// As [`Self::of`], for one value.
    pub(super) fn of_value(value: &AnyValue<'_>) -> Option<Self> {
        match value {
            AnyValue::Decimal(value, _, scale) => Some(Self { mantissa: *value, scale: i32::try_from(*scale).ok()? }),
            AnyValue::Float64(value) => Self::of_text(&format!("{value:e}")),
            AnyValue::Float32(value) => Self::of_text(&format!("{value:e}")),
            value if value.is_integer() => Some(Self { mantissa: value.extract()?, scale: 0 }),
            _ => None,
        }
    }

    /// Reads `-1.25e3`.
    fn of_text(text: &str) -> Option<Self> {
        const EXACT_DIGITS: usize = 15;
        let (mantissa, exponent) = text.split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
        if digits(mantissa) > EXACT_DIGITS {
            return None;
        }
        Some(Self { mantissa, scale: i32::try_from(fraction.len()).ok()? - exponent })
    }

    /// The type with no more digits than the number needs, if it is written without a fraction or as a decimal.
    pub(super) fn exact_type(&self) -> Option<(i128, DecimalType)> {
        let scale = usize::try_from(self.scale).ok()?;
        let precision = digits(self.mantissa).max(scale).max(1);
        (precision <= MAX_PRECISION).then_some((self.mantissa, DecimalType { precision, scale }))
    }

    /// The number at `scale`, if it has no more digits behind the point.
    pub(super) fn at_scale(&self, scale: usize) -> Option<i128> {
        match self.rescaled(scale) {
            Rescaled::Exact(value) => Some(value),
            _ => None,
        }
    }

    /// How decimals of scale `scale` compare with the number by `op`: `x < 0.055` is `x <= 0.05` for two digits.
    pub(super) fn threshold(&self, scale: usize, op: Operator) -> Threshold {
        use Operator::{Gt, GtEq, Lt, LtEq, NotEq, NotEqValidity};
        match (self.rescaled(scale), op) {
            (Rescaled::Exact(value), op) => Threshold::At(op, value),
            (Rescaled::Between(floor), Lt | LtEq) => Threshold::At(LtEq, floor),
            (Rescaled::Between(floor), Gt | GtEq) => Threshold::At(Gt, floor),
            (Rescaled::Beyond, Lt | LtEq) => Threshold::Always(self.mantissa > 0),
            (Rescaled::Beyond, Gt | GtEq) => Threshold::Always(self.mantissa < 0),
            (_, op) => Threshold::Always(matches!(op, NotEq | NotEqValidity)),
        }
    }

    fn rescaled(&self, scale: usize) -> Rescaled {
        let Some(shift) = i32::try_from(scale).ok().map(|scale| scale - self.scale) else { return Rescaled::Beyond };
        let power = integer::power_of_ten(shift.unsigned_abs() as usize);
        match (power, shift >= 0) {
            (_, _) if self.mantissa == 0 => Rescaled::Exact(0),
            (Some(power), true) => match self.mantissa.checked_mul(power).and_then(integer::bounded) {
                Some(value) => Rescaled::Exact(value),
                None => Rescaled::Beyond,
            },
            (Some(power), false) => {
                let floor = integer::divide_floor(self.mantissa, power);
                match integer::bounded(floor) {
                    None => Rescaled::Beyond,
                    Some(floor) if floor.checked_mul(power) == Some(self.mantissa) => Rescaled::Exact(floor),
                    Some(floor) => Rescaled::Between(floor),
                }
            },
            (None, true) => Rescaled::Beyond,
            (None, false) => Rescaled::Between(if self.mantissa < 0 { -1 } else { 0 }),
        }
    }
}

/// What a comparison with a [`Number`] comes down to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Threshold {
    /// The comparison with this decimal.
    At(Operator, i128),
    /// The same for every value that is not null.
    Always(bool),
}

enum Rescaled {
    /// The number at the scale.
    Exact(i128),
    /// The number lies between this decimal and the next one.
    Between(i128),
    /// The magnitude is greater than that of every decimal.
    Beyond,
}

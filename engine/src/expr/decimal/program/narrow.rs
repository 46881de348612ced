use super::{Block, Operand, Results, Step};
use crate::physical::magnitude_bits_of;

/// Magnitudes stay at most 2^62, so that neither a sum nor a rounding leaves 64 bits.
const LIMIT: u32 = 62;

/// A stack of columns of 64-bit integers, one block high.
pub(super) struct Narrow {
    slots: Vec<i64>,
    width: usize,
    stack: Vec<Entry>,
}

/// A value of the stack; the column of the n-th value is the n-th slot.
#[derive(Clone, Copy)]
enum Entry {
    /// No magnitude in the column is greater than 2^bits.
    Column {
        bits: u32,
    },
    Constant(i64),
}

impl Entry {
    fn bits(self) -> u32 {
        match self {
            Entry::Column { bits } => bits,
            Entry::Constant(value) => bits(value),
        }
    }
}

/// The smallest number for which the magnitude of `value` is at most 2^bits.
fn bits(value: i64) -> u32 {
    i64::BITS - value.unsigned_abs().saturating_sub(1).leading_zeros()
}

impl Narrow {
    pub(super) fn new(depth: usize, width: usize) -> Self {
        Self { slots: vec![0; depth * width], width, stack: Vec::with_capacity(depth) }
    }

    /// Appends the block's results to `results`, or returns false if a value might leave 64 bits or fails.
    pub(super) fn run(&mut self, steps: &[Step], block: &Block<'_>, results: &mut Results) -> bool {
        self.stack.clear();
        if steps.iter().any(|step| self.step(*step, block).is_none()) {
            return false;
        }
        match self.stack.pop() {
            Some(Entry::Column { .. }) => {
                results.extend_narrow(self.slots.get(..block.len).unwrap_or_default().iter().copied());
            },
            Some(Entry::Constant(value)) => results.extend_narrow(std::iter::repeat_n(value, block.len)),
            None => return false,
        }
        true
    }

    fn step(&mut self, step: Step, block: &Block<'_>) -> Option<()> {
        match step {
            Step::Leaf(index) => self.push(block.operand(index)?),
            Step::Constant(value) => self.push(Operand::Constant(value)),
            Step::Add => self.binary(block.len, |left, right| left.max(right) + 1, |left, right| left + right),
            Step::Subtract => self.binary(block.len, |left, right| left.max(right) + 1, |left, right| left - right),
            Step::Multiply => self.binary(block.len, |left, right| left + right, |left, right| left * right),
            Step::Scale(factor) => {
                self.unary(block.len, factor, |value, factor| value + factor, |value, factor| value * factor)
            },
            Step::Round(divisor) => self.unary(block.len, divisor, |value, _| value, divide_rounded),
            Step::Divide(factor) => {
                let divisor = self.stack.pop()?;
                self.unary(block.len, factor, |value, factor| value + factor, |value, factor| value * factor)?;
                self.stack.push(divisor);
                self.divide(block.len, |dividend, _| dividend, divide_rounded)
            },
            Step::FloorDivide => self.divide(block.len, |dividend, _| dividend + 1, divide_floor),
            Step::Modulus => self.divide(block.len, |_, divisor| divisor, modulus),
            Step::Below(bound) => {
                let bits = self.stack.last()?.bits();
                // The bound is a power of ten; only a magnitude that is surely smaller passes here.
                (1i128 << bits < bound).then_some(()).or_else(|| self.below(block.len, bound))
            },
            Step::Low => Some(()),
            Step::High => {
                *self.stack.last_mut()? = Entry::Constant(0);
                Some(())
            },
        }
    }

    fn push(&mut self, operand: Operand<'_>) -> Option<()> {
        let entry = match operand {
            Operand::Constant(value) => Entry::Constant(i64::try_from(value).ok()?),
            Operand::Narrow(values) => {
                let slot = self.slots.get_mut(self.stack.len() * self.width..)?.get_mut(..values.len())?;
                let mut spread = 0;
                for (slot, value) in slot.iter_mut().zip(values) {
                    *slot = *value;
                    spread |= value ^ (value << 1);
                }
                Entry::Column { bits: magnitude_bits_of(spread) }
            },
            Operand::Wide(values) => {
                let slot = self.slots.get_mut(self.stack.len() * self.width..)?;
                // Bits that differ from the sign, and high halves that are not the sign alone.
                let (mut spread, mut lost) = (0, 0);
                for (narrow, halves) in slot.iter_mut().zip(bytemuck::cast_slice::<i128, [i64; 2]>(values)) {
                    let [low, high] = if cfg!(target_endian = "little") { *halves } else { [halves[1], halves[0]] };
                    let sign = low >> 63;
                    *narrow = low;
                    spread |= low ^ sign;
                    lost |= high ^ sign;
                }
                if lost != 0 {
                    return None;
                }
                Entry::Column { bits: i64::BITS - spread.leading_zeros() }
            },
        };
        self.stack.push(entry);
        (entry.bits() <= LIMIT).then_some(())
    }

    /// Combines the topmost value with a constant.
    fn unary(
        &mut self,
        len: usize,
        constant: i128,
        bound: impl Fn(u32, u32) -> u32,
        apply: impl Fn(i64, i64) -> i64,
    ) -> Option<()> {
        self.push(Operand::Constant(constant))?;
        self.binary(len, bound, apply)
    }

    /// Combines the two topmost values. `bound` gives the bits of the result from those of the operands.
    fn binary(&mut self, len: usize, bound: impl Fn(u32, u32) -> u32, apply: impl Fn(i64, i64) -> i64) -> Option<()> {
        let (right, left) = (self.stack.pop()?, self.stack.pop()?);
        let bits = bound(left.bits(), right.bits());
        if bits > LIMIT {
            return None;
        }
        let (below, above) = self.slots.split_at_mut_checked((self.stack.len() + 1) * self.width)?;
        let target = below.get_mut(self.stack.len() * self.width..)?.get_mut(..len)?;
        let entry = match (left, right) {
            (Entry::Constant(left), Entry::Constant(right)) => Entry::Constant(apply(left, right)),
            (Entry::Column { .. }, Entry::Constant(right)) => {
                target.iter_mut().for_each(|left| *left = apply(*left, right));
                Entry::Column { bits }
            },
            (Entry::Constant(left), Entry::Column { .. }) => {
                target.iter_mut().zip(&*above).for_each(|(target, right)| *target = apply(left, *right));
                Entry::Column { bits }
            },
            (Entry::Column { .. }, Entry::Column { .. }) => {
                target.iter_mut().zip(&*above).for_each(|(left, right)| *left = apply(*left, *right));
                Entry::Column { bits }
            },
        };
        self.stack.push(entry);
        Some(())
    }

    /// As [`Self::binary`], for divisors without a zero.
    fn divide(&mut self, len: usize, bound: impl Fn(u32, u32) -> u32, apply: impl Fn(i64, i64) -> i64) -> Option<()> {
        let zero = match self.stack.last()? {
            Entry::Constant(divisor) => *divisor == 0,
            Entry::Column { .. } => self.top(len)?.contains(&0),
        };
        if zero {
            return None;
        }
        self.binary(len, bound, apply)
    }

    fn below(&self, len: usize, bound: i128) -> Option<()> {
        let fits = |value: &i64| i128::from(value.unsigned_abs()) < bound;
        match self.stack.last()? {
            Entry::Constant(value) => fits(value),
            Entry::Column { .. } => self.top(len)?.iter().all(fits),
        }
        .then_some(())
    }

    fn top(&self, len: usize) -> Option<&[i64]> {
        self.slots.get((self.stack.len() - 1) * self.width..)?.get(..len)
    }
}

fn divide_rounded(value: i64, divisor: i64) -> i64 {
    let (quotient, remainder) = (value / divisor, (value % divisor).unsigned_abs());
    let away = remainder >= divisor.unsigned_abs() - remainder;
    quotient + i64::from(away) * ((value ^ divisor) >> 63 | 1)
}

fn divide_floor(value: i64, divisor: i64) -> i64 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    quotient - i64::from(remainder != 0 && (remainder ^ divisor) < 0)
}

fn modulus(value: i64, divisor: i64) -> i64 {
    let remainder = value % divisor;
    remainder + i64::from(remainder != 0 && (remainder ^ divisor) < 0) * divisor
}

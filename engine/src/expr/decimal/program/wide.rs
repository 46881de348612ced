use super::super::integer;
use super::{Block, Fault, Operand, Step};

/// A stack of columns of 128-bit integers, one block high; every operation is checked.
pub(super) struct Wide {
    slots: Vec<i128>,
    depth: usize,
    width: usize,
}

impl Wide {
    /// Memory is taken by the first block that needs it.
    pub(super) fn new(depth: usize, width: usize) -> Self {
        Self { slots: Vec::new(), depth, width }
    }

    /// The block's results.
    pub(super) fn run(&mut self, steps: &[Step], block: &Block<'_>) -> Result<&[i128], Fault> {
        self.slots.resize(self.depth * self.width, 0);
        let mut height = 0;
        for step in steps {
            height = self.step(*step, height, block)?;
        }
        Ok(self.slots.get(..block.len).unwrap_or_default())
    }

    /// Executes `step` on a stack of `height` columns and returns its new height.
    fn step(&mut self, step: Step, height: usize, block: &Block<'_>) -> Result<usize, Fault> {
        use Fault::{DivisionByZero, Overflow};
        let checked = |value: Option<i128>| value.and_then(integer::bounded).ok_or(Overflow);
        match step {
            Step::Leaf(index) => self.push(block.operand(index), height, block),
            Step::Constant(value) => self.push(Some(Operand::Constant(value)), height, block),
            Step::Add => self.binary(height, block, |left, right| checked(left.checked_add(right))),
            Step::Subtract => self.binary(height, block, |left, right| checked(left.checked_sub(right))),
            Step::Multiply => self.binary(height, block, |left, right| integer::multiply(left, right).ok_or(Overflow)),
            Step::Scale(factor) => self.unary(height, block, |value| integer::multiply(value, factor).ok_or(Overflow)),
            Step::Round(divisor) => self.unary(height, block, |value| Ok(integer::divide_rounded(value, divisor))),
            Step::Divide(factor) => self.binary(height, block, |dividend, divisor| match divisor {
                0 => Err(DivisionByZero),
                _ => integer::multiply_divide(dividend, factor, divisor).ok_or(Overflow),
            }),
            Step::FloorDivide => self.binary(height, block, |dividend, divisor| match divisor {
                0 => Err(DivisionByZero),
                _ => Ok(integer::divide_floor(dividend, divisor)),
            }),
            Step::Modulus => self.binary(height, block, |dividend, divisor| match divisor {
                0 => Err(DivisionByZero),
                _ => Ok(integer::modulus(dividend, divisor)),
            }),
            Step::Below(bound) => self
                .unary(height, block, |value| if -bound < value && value < bound { Ok(value) } else { Err(Overflow) }),
            Step::Low => self.unary(height, block, |value| Ok(i128::from(value as i64))),
            Step::High => self.unary(height, block, |value| Ok((value - i128::from(value as i64)) >> 64)),
        }
    }

    fn push(&mut self, operand: Option<Operand<'_>>, height: usize, block: &Block<'_>) -> Result<usize, Fault> {
        let slot = self.slots.iter_mut().skip(height * self.width).take(block.len);
        match operand {
            Some(Operand::Narrow(values)) => slot.zip(values).for_each(|(slot, value)| *slot = i128::from(*value)),
            Some(Operand::Wide(values)) => slot.zip(values).for_each(|(slot, value)| *slot = *value),
            Some(Operand::Constant(value)) => slot.for_each(|slot| *slot = value),
            None => {},
        }
        Ok(height + 1)
    }

    fn unary(
        &mut self,
        height: usize,
        block: &Block<'_>,
        apply: impl Fn(i128) -> Result<i128, Fault>,
    ) -> Result<usize, Fault> {
        let slot = self.slots.iter_mut().skip((height - 1) * self.width).take(block.len);
        for (row, value) in slot.enumerate() {
            *value = or_invalid(apply(*value), block, row)?;
        }
        Ok(height)
    }

    fn binary(
        &mut self,
        height: usize,
        block: &Block<'_>,
        apply: impl Fn(i128, i128) -> Result<i128, Fault>,
    ) -> Result<usize, Fault> {
        let (below, above) = self.slots.split_at_mut((height - 1) * self.width);
        let left = below.iter_mut().skip((height - 2) * self.width);
        for (row, (left, right)) in left.zip(above).take(block.len).enumerate() {
            *left = or_invalid(apply(*left, *right), block, row)?;
        }
        Ok(height - 1)
    }
}

/// A fault counts in valid rows alone.
fn or_invalid(value: Result<i128, Fault>, block: &Block<'_>, row: usize) -> Result<i128, Fault> {
    value.or_else(|fault| if block.is_valid(row) { Err(fault) } else { Ok(0) })
}

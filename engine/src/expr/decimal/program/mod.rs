//! Arithmetic on decimal columns: a whole tree of operations in one pass over the rows.
//!
//! Rows are computed in blocks that stay in the first-level cache, so that no column is written but the result. A block
//! is first tried on 64-bit integers: while its inputs are narrowed, their magnitude is found, and from it a bound for
//! every intermediate value; if all of them are below 2^62 nothing can overflow and the loops have neither branches nor
//! checks. Else the block is computed on 128 bits, every operation checked. The declared precision is not relied on:
//! values decide. Results leave with the width that the caller can take.

mod narrow;
mod wide;

use polars_arrow::bitmap::Bitmap;

use self::narrow::Narrow;
use self::wide::Wide;
use crate::physical;

/// Rows of a block: 8 KB of 64-bit integers for each value on the stack.
const BLOCK: usize = 1024;

/// An instruction. All but the first two take their operands from a stack and leave their result there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Pushes a column.
    Leaf(usize),
    /// Pushes a number.
    Constant(i128),
    Add,
    Subtract,
    Multiply,
    /// Multiplies by a positive number.
    Scale(i128),
    /// Divides by a positive number, rounded half away from zero.
    Round(i128),
    /// Divides after multiplying the dividend by a positive number, rounded half away from zero.
    Divide(i128),
    /// The quotient rounded down.
    FloorDivide,
    /// What [`Step::FloorDivide`] leaves.
    Modulus,
    /// Fails unless the magnitude is smaller than the number.
    Below(i128),
    /// The low 64 bits of a number as a signed number; with [`Step::High`] the number is `high * 2^64 + low`.
    Low,
    /// What [`Step::Low`] leaves, divided by 2^64.
    High,
}

/// Why a value cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Overflow,
    DivisionByZero,
}

/// A column, or one value that is the same for every row.
pub(super) enum Operand<'a> {
    Narrow(&'a [i64]),
    Wide(&'a [i128]),
    Constant(i128),
}

/// How wide the results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 64 bits; a result that does not fit is an overflow.
    Narrow,
    /// 128 bits.
    Wide,
    /// 64 bits if all results fit, else 128.
    Adaptive,
}

/// One integer a row.
#[derive(Debug, PartialEq)]
pub(super) enum Results {
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

impl Results {
    fn with_capacity(rows: usize, width: Width) -> Self {
        match width {
            Width::Narrow | Width::Adaptive => Results::Narrow(Vec::with_capacity(rows)),
            Width::Wide => Results::Wide(Vec::with_capacity(rows)),
        }
    }

    fn extend_narrow(&mut self, values: impl Iterator<Item = i64>) {
        match self {
            Results::Narrow(results) => results.extend(values),
            Results::Wide(results) => results.extend(values.map(i128::from)),
        }
    }

    fn extend_wide(&mut self, values: &[i128], width: Width, block: &Block<'_>) -> Result<(), Fault> {
        if let (Results::Narrow(results), Width::Adaptive) = (&*self, width) {
            *self = Results::Wide(results.iter().map(|value| i128::from(*value)).collect());
        }
        match self {
            Results::Wide(results) => results.extend_from_slice(values),
            Results::Narrow(results) => {
                let validity = block.validity.map(|validity| validity.clone().sliced(block.start, block.len));
                results.extend(physical::narrow(values, validity.as_ref()).ok_or(Fault::Overflow)?);
            },
        }
        Ok(())
    }

    /// The integer of the first row.
    pub(super) fn first(&self) -> Option<i128> {
        match self {
            Results::Narrow(values) => values.first().map(|value| i128::from(*value)),
            Results::Wide(values) => values.first().copied(),
        }
    }
}

/// Instructions in the order of their execution; they leave one value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Program {
    steps: Vec<Step>,
    depth: usize,
}

impl Program {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        let (mut depth, mut height) = (0, 0usize);
        for step in &steps {
            match step {
                Step::Leaf(_) | Step::Constant(_) => height += 1,
                Step::Add | Step::Subtract | Step::Multiply | Step::Divide(_) | Step::FloorDivide | Step::Modulus => {
                    height -= 1
                },
                Step::Scale(_) | Step::Round(_) | Step::Below(_) | Step::Low | Step::High => {},
            }
            depth = depth.max(height);
        }
        Self { steps, depth }
    }

    /// The result for each of `rows` rows. What is in the rows that `validity` excludes has no meaning and never fails.
    pub(super) fn run(
        &self,
        operands: &[Operand<'_>],
        rows: usize,
        validity: Option<&Bitmap>,
        width: Width,
    ) -> Result<Results, Fault> {
        let mut results = Results::with_capacity(rows, width);
        let height = rows.min(BLOCK);
        let mut narrow = Narrow::new(self.depth, height);
        let mut wide = Wide::new(self.depth, height);
        for start in (0..rows).step_by(BLOCK) {
            let block = Block { operands, start, len: (rows - start).min(BLOCK), validity };
            if !narrow.run(&self.steps, &block, &mut results) {
                results.extend_wide(wide.run(&self.steps, &block)?, width, &block)?;
            }
        }
        Ok(results)
    }
}

/// The rows that are computed together.
struct Block<'a> {
    operands: &'a [Operand<'a>],
    start: usize,
    len: usize,
    validity: Option<&'a Bitmap>,
}

impl Block<'_> {
    fn operand(&self, index: usize) -> Option<Operand<'_>> {
        Some(match self.operands.get(index)? {
            Operand::Narrow(values) => Operand::Narrow(values.get(self.start..self.start + self.len)?),
            Operand::Wide(values) => Operand::Wide(values.get(self.start..self.start + self.len)?),
            Operand::Constant(value) => Operand::Constant(*value),
        })
    }

    fn is_valid(&self, row: usize) -> bool {
        self.validity.is_none_or(|validity| validity.get_bit(self.start + row))
    }
}

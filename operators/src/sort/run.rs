//! A sorted run: some rows of a sort, in order.

use std::collections::VecDeque;

use polars_arrow::array::BinaryArray;
use polars_core::frame::DataFrame;
use polars_core::prelude::IdxSize;
use quokka_engine::error::OperatorError;

use super::order::SortOrder;
use crate::detach::detach;
use crate::gather::gather;

/// Rows in sort order, in blocks that are given up one by one as a merge reads them.
///
/// Keys are not kept: those of a block are made again when a merge comes to it, as that costs little (3 ns a number, 30 ns a
/// string) and keys are often larger than what is sorted.
pub(super) struct Run {
    blocks: VecDeque<DataFrame>,
    rows: usize,
    bytes: usize,
    /// How much of the first block was read.
    front: Option<Front>,
}

struct Front {
    keys: BinaryArray<i64>,
    read: usize,
}

/// Consecutive rows of a run, with their keys.
pub(super) struct Piece {
    pub(super) frame: DataFrame,
    pub(super) keys: BinaryArray<i64>,
}

/// Up to where rows are read.
#[derive(Clone, Copy)]
pub(super) enum Bound<'a> {
    /// Rows before the first with this key.
    Before(&'a [u8]),
    /// Rows up to the last with this key.
    Through(&'a [u8]),
    /// All rows.
    End,
}

impl Run {
    /// Sorts the rows of `frame`; equal rows keep their order.
    pub(super) fn sort(mut frame: DataFrame, order: &SortOrder, block_rows: usize) -> Result<Self, OperatorError> {
        frame.rechunk_mut();
        let frame = detach(frame)?;
        let bytes = frame.estimated_size();
        let indices = order.sorted_indices(&frame)?;
        let blocks = indices.chunks(block_rows).map(|rows| gather(&frame, rows)).collect::<Result<_, _>>()?;
        Ok(Self { blocks, rows: frame.height(), bytes, front: None })
    }

    /// A run of rows that are in order already.
    pub(super) fn from_sorted(mut frame: DataFrame, block_rows: usize) -> Self {
        frame.rechunk_mut();
        let starts = (0..frame.height()).step_by(block_rows);
        let blocks = starts.map(|start| frame.slice(start as i64, block_rows)).collect();
        Self { blocks, rows: frame.height(), bytes: frame.estimated_size(), front: None }
    }

    /// Rows that are left.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Estimated bytes of all rows that the run had.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The blocks that are left; nothing may have been read.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &DataFrame> {
        self.blocks.iter()
    }

    /// The sort columns of one row of each block, its `offset`-th if it has as many.
    pub(super) fn sample(&self, order: &SortOrder, offset: usize) -> Result<Option<DataFrame>, OperatorError> {
        let mut sample: Option<DataFrame> = None;
        for block in self.blocks.iter().filter(|block| block.height() > offset) {
            let row = order.columns_of(&gather(block, &[offset as IdxSize])?)?;
            match &mut sample {
                None => sample = Some(row),
                Some(sample) => {
                    sample.vstack_mut_owned(row)?;
                },
            }
        }
        Ok(sample)
    }

    /// Reads rows up to `bound`.
    pub(super) fn read(
        &mut self,
        order: &SortOrder,
        bound: Bound,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), OperatorError> {
        while let Some(block) = self.blocks.front() {
            let front = match &mut self.front {
                Some(front) => front,
                none => none.insert(Front { keys: order.keys(block)?, read: 0 }),
            };
            let end = match bound {
                Bound::Before(bound) => position(&front.keys, front.read, |key| key < bound),
                Bound::Through(bound) => position(&front.keys, front.read, |key| key <= bound),
                Bound::End => block.height(),
            };
            let rows = end - front.read;
            if rows > 0 {
                let mut keys = front.keys.clone();
                keys.slice(front.read, rows);
                pieces.push(Piece { frame: block.slice(front.read as i64, rows), keys });
                front.read = end;
                self.rows -= rows;
            }
            if end < block.height() {
                return Ok(());
            }
            self.blocks.pop_front();
            self.front = None;
        }
        Ok(())
    }
}

/// The first of `keys` from `start` on for which `before` is false.
fn position(keys: &BinaryArray<i64>, start: usize, before: impl Fn(&[u8]) -> bool) -> usize {
    let (mut low, mut high) = (start, keys.len());
    while low < high {
        let middle = low.midpoint(high);
        if before(keys.value(middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

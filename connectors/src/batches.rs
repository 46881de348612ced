//! Cuts frames into batches.

use polars_core::frame::DataFrame;

/// The batches of a frame: slices of equal size, of which none has more rows than asked for. Nothing is copied.
#[derive(Default)]
pub(crate) struct Batches {
    frame: DataFrame,
    rows: usize,
    next: usize,
}

impl Batches {
    pub(crate) fn new(frame: DataFrame, rows: usize) -> Self {
        let batches = frame.height().div_ceil(rows.max(1));
        let rows = frame.height().div_ceil(batches.max(1));
        Self { frame, rows, next: 0 }
    }
}

impl Iterator for Batches {
    type Item = DataFrame;

    fn next(&mut self) -> Option<DataFrame> {
        let start = self.next;
        let height = self.frame.height();
        if start >= height {
            return None;
        }
        self.next = (start + self.rows).min(height);
        if self.next == height {
            // The last batch takes the frame along, so that nothing is held longer than needed.
            let frame = std::mem::take(&mut self.frame);
            return Some(if start == 0 { frame } else { frame.slice(start as i64, height - start) });
        }
        Some(self.frame.slice(start as i64, self.rows))
    }
}

//! Exact comparison of keys that are not machine words.

use polars_arrow::array::{Array, BinaryArray, BinaryViewArray, View};
use polars_core::chunked_array::ops::row_encode::encode_rows_unordered;
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;

/// The key columns of one side, in a form in which single rows can be compared: strings as they are, all other columns
/// encoded as bytes, row by row.
pub(super) struct KeyColumns {
    views: Vec<BinaryViewArray>,
    rows: Option<BinaryArray<i64>>,
}

impl KeyColumns {
    /// Takes the columns `names` of `frame`.
    pub(super) fn of(frame: &DataFrame, names: &[PlSmallStr]) -> Result<Self, OperatorError> {
        let mut views = Vec::new();
        let mut others = Vec::new();
        for name in names {
            let column = frame.column(name)?;
            match column.dtype() {
                DataType::String => views.push(single_chunk(&column.as_materialized_series().str()?.as_binary())),
                DataType::Binary => views.push(single_chunk(column.as_materialized_series().binary()?)),
                _ => others.push(column.clone()),
            }
        }
        let rows = if others.is_empty() {
            None
        } else {
            encode_rows_unordered(&others)?.rechunk().downcast_iter().next().cloned()
        };
        Ok(Self { views, rows })
    }

    /// Whether the key in `row` equals the key in row `other_row` of `other`. Nulls equal nulls here: rows whose null
    /// keys match nothing are left out before. Both must be row numbers of their side.
    #[inline]
    pub(super) fn equal(&self, row: usize, other: &KeyColumns, other_row: usize) -> bool {
        let views = self.views.iter().zip(&other.views);
        let rows = self.rows.iter().zip(&other.rows);
        views.into_iter().all(|(a, b)| equal_views(a, row, b, other_row))
            && rows.into_iter().all(|(a, b)| a.value(row) == b.value(other_row))
    }

    pub(super) fn bytes(&self) -> usize {
        let views = self.views.iter().map(|array| array.len() * size_of::<View>() + array.total_buffer_len());
        let rows = self.rows.iter().map(|array| array.values().len() + array.len() * size_of::<i64>());
        views.sum::<usize>() + rows.sum::<usize>()
    }
}

fn single_chunk(column: &BinaryChunked) -> BinaryViewArray {
    column.rechunk().downcast_as_array().clone()
}

#[inline]
fn equal_views(a: &BinaryViewArray, i: usize, b: &BinaryViewArray, j: usize) -> bool {
    match (a.is_valid(i), b.is_valid(j)) {
        (true, true) => {},
        (a_valid, b_valid) => return a_valid == b_valid,
    }
    let (x, y) = (a.views()[i], b.views()[j]);
    if x.length != y.length || x.prefix != y.prefix {
        false
    } else if x.length <= View::MAX_INLINE_SIZE {
        x.as_u128() == y.as_u128()
    } else {
        a.value(i) == b.value(j)
    }
}

//! Frees strings from the batches that they came in.

use polars_arrow::array::{BinaryViewArrayGeneric, ViewType};
use polars_core::prelude::*;
use quokka_engine::error::OperatorError;

/// Buffers smaller than this are not worth a copy.
const SMALL: usize = 1 << 16;

/// Copies the strings of a column if they use less than a quarter of the buffers that they keep alive, as after a selective
/// filter or a hash exchange. What is held for long must not hold the rows that were dropped.
pub(super) fn compact(column: &Column) -> Result<Column, OperatorError> {
    let name = column.name().clone();
    Ok(match column.dtype() {
        DataType::String => {
            let chunks = column.as_materialized_series().str()?.downcast_iter().map(compact_chunk);
            StringChunked::from_chunk_iter(name, chunks).into_column()
        },
        DataType::Binary => {
            let chunks = column.as_materialized_series().binary()?.downcast_iter().map(compact_chunk);
            BinaryChunked::from_chunk_iter(name, chunks).into_column()
        },
        _ => column.clone(),
    })
}

fn compact_chunk<V: ViewType + ?Sized>(chunk: &BinaryViewArrayGeneric<V>) -> BinaryViewArrayGeneric<V> {
    let held = chunk.total_buffer_len();
    if held > SMALL && held / 4 > chunk.total_bytes_len() { chunk.clone().gc() } else { chunk.clone() }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn held(column: &Column) -> usize {
        let series = column.as_materialized_series().cast(&DataType::String).unwrap();
        series.str().unwrap().downcast_iter().map(|chunk| chunk.total_buffer_len()).sum()
    }

    #[test]
    fn a_few_strings_let_go_of_the_rest() {
        let texts: Vec<String> = (0..10_000).map(|i| format!("a string that is not inlined, number {i}")).collect();
        let strings = Column::new("s".into(), texts);
        for column in [strings.clone(), strings.cast(&DataType::Binary).unwrap()] {
            let few = column.slice(77, 10);
            assert!(held(&few) > 300_000);
            let compacted = compact(&few).unwrap();
            assert!(held(&compacted) < 500);
            assert_eq!(compacted, few);
            let most = column.slice(0, 8_000);
            assert_eq!(held(&compact(&most).unwrap()), held(&most));
        }
    }
}

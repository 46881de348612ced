//! What a batch weighs, for credit and metrics.

use polars_core::prelude::*;

/// Bytes of the rows themselves: of strings those that the rows refer to, not the buffers that they share with others.
pub(super) fn batch_bytes(batch: &DataFrame) -> usize {
    batch.columns().iter().map(|column| column_bytes(column, batch.height())).sum()
}

fn column_bytes(column: &Column, rows: usize) -> usize {
    const VIEW: usize = 16;
    let strings = |column: &Column| Some(column.str().ok()?.downcast_iter().map(|array| array.total_bytes_len()).sum());
    let binaries =
        |column: &Column| Some(column.binary().ok()?.downcast_iter().map(|array| array.total_bytes_len()).sum());
    match column.dtype() {
        DataType::Null => 0,
        DataType::Boolean => rows.div_ceil(8),
        DataType::Int8 | DataType::UInt8 => rows,
        DataType::Int16 | DataType::UInt16 => 2 * rows,
        DataType::Int32 | DataType::UInt32 | DataType::Float32 | DataType::Date => 4 * rows,
        DataType::Decimal(..) | DataType::Int128 | DataType::UInt128 => 16 * rows,
        DataType::String => VIEW * rows + strings(column).unwrap_or(0),
        DataType::Binary => VIEW * rows + binaries(column).unwrap_or(0),
        DataType::List(_) | DataType::Array(..) | DataType::Struct(_) => {
            column.as_materialized_series().estimated_size()
        },
        _ => 8 * rows,
    }
}

//! arrow-rs record batches as a Polars frame.

use std::mem::transmute;

use arrow_array::ffi::FFI_ArrowArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::ffi::FFI_ArrowSchema;
use polars_arrow::array::ArrayRef;
use polars_arrow::datatypes::Field;
use polars_arrow::ffi;
use polars_core::error::{PolarsResult, polars_err};
use polars_core::frame::DataFrame;
use polars_core::prelude::IntoColumn;
use polars_core::series::Series;
use polars_core::utils::accumulate_dataframes_vertical;

/// One frame with the rows of all batches, which must have one schema; `None` without a batch.
pub(crate) fn from_record_batches(batches: &[RecordBatch]) -> PolarsResult<Option<DataFrame>> {
    if batches.is_empty() {
        return Ok(None);
    }
    let frames = batches.iter().map(frame).collect::<PolarsResult<Vec<_>>>()?;
    Ok(Some(accumulate_dataframes_vertical(frames)?))
}

fn frame(batch: &RecordBatch) -> PolarsResult<DataFrame> {
    let columns = batch
        .schema_ref()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| {
            let (field, array) = import(field, array.as_ref())?;
            Ok(Series::try_from((&field, vec![array]))?.into_column())
        })
        .collect::<PolarsResult<Vec<_>>>()?;
    DataFrame::new(batch.num_rows(), columns)
}

fn import(field: &arrow_schema::Field, array: &dyn Array) -> PolarsResult<(Field, ArrayRef)> {
    let refused = |error| polars_err!(ComputeError: "Arrow array `{}` cannot be exported: {error}", field.name());
    let (c_array, _) = arrow_array::ffi::to_ffi(&array.to_data()).map_err(refused)?;
    let c_schema = FFI_ArrowSchema::try_from(field).map_err(refused)?;
    // SAFETY: both crates declare the structs of the C data interface with `repr(C)`, so that their layout is fixed by
    // the standard; each value is moved, hence released once.
    let (c_array, c_schema) = unsafe {
        (
            transmute::<FFI_ArrowArray, ffi::ArrowArray>(c_array),
            transmute::<FFI_ArrowSchema, ffi::ArrowSchema>(c_schema),
        )
    };
    // SAFETY: arrow-rs filled both structs, as the standard wants them.
    let field = unsafe { ffi::import_field_from_c(&c_schema) }?;
    // SAFETY: as above, and the type is the one that was exported with the array.
    let array = unsafe { ffi::import_array_from_c(c_array, field.dtype.clone()) }?;
    Ok((field, array))
}

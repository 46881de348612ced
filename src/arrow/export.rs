//! A Polars frame as arrow-rs record batches.

use std::mem::transmute;
use std::sync::Arc;

use arrow_array::ffi::FFI_ArrowArray;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{Field, Schema};
use polars_arrow::ffi;
use polars_core::datatypes::CompatLevel;
use polars_core::error::{PolarsError, PolarsResult, polars_err};
use polars_core::frame::DataFrame;

/// One batch for each chunk of `frame`, at least one, so that the schema is known.
pub(crate) fn to_record_batches(mut frame: DataFrame) -> PolarsResult<Vec<RecordBatch>> {
    frame.align_chunks();
    let fields = frame
        .columns()
        .iter()
        .map(|column| export_field(&column.field().to_arrow(CompatLevel::newest())))
        .collect::<PolarsResult<Vec<_>>>()?;
    let schema = Arc::new(Schema::new(fields));
    let mut batches = frame
        .iter_chunks(CompatLevel::newest(), false)
        .map(|chunk| {
            let rows = chunk.len();
            let columns = chunk.into_arrays().into_iter().map(export_array).collect::<PolarsResult<Vec<_>>>()?;
            record_batch(&schema, columns, rows)
        })
        .collect::<PolarsResult<Vec<_>>>()?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

fn record_batch(schema: &Arc<Schema>, columns: Vec<ArrayRef>, rows: usize) -> PolarsResult<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(refused)
}

fn export_field(field: &polars_arrow::datatypes::Field) -> PolarsResult<Field> {
    let c_schema = ffi::export_field_to_c(field);
    // SAFETY: both crates declare the struct of the C data interface with `repr(C)`, so that its layout is fixed by the
    // standard; the value is moved, hence released once.
    let c_schema = unsafe { transmute::<ffi::ArrowSchema, FFI_ArrowSchema>(c_schema) };
    Field::try_from(&c_schema).map_err(refused)
}

fn export_array(array: polars_arrow::array::ArrayRef) -> PolarsResult<ArrayRef> {
    let field = polars_arrow::datatypes::Field::new("".into(), array.dtype().clone(), true);
    let c_schema = ffi::export_field_to_c(&field);
    let c_array = ffi::export_array_to_c(array);
    // SAFETY: as in `export_field`, for both structs.
    let (c_array, c_schema) = unsafe {
        (
            transmute::<ffi::ArrowArray, FFI_ArrowArray>(c_array),
            transmute::<ffi::ArrowSchema, FFI_ArrowSchema>(c_schema),
        )
    };
    // SAFETY: Polars filled both structs, as the standard wants them, from one array.
    let data = unsafe { arrow_array::ffi::from_ffi(c_array, &c_schema) }.map_err(refused)?;
    Ok(make_array(data))
}

fn refused(error: arrow_schema::ArrowError) -> PolarsError {
    polars_err!(ComputeError: "Arrow refuses the frame: {error}")
}

//! A column of a record batch as Polars has it.

use std::ops::Range;

use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField};
use polars_core::prelude::{Column, IdxCa, IntoColumn};
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;

use super::array::decode;
use super::body::Parts;
use super::error::Damage;
use super::nested::keys;
use super::schema::IpcColumn;
use crate::guard::guarded;

/// Some rows of `column`.
pub(super) fn read_column(column: &IpcColumn, mut parts: Parts<'_>, rows: Range<usize>) -> Result<Column, Damage> {
    let name = &column.field.name;
    let height = rows.len();
    let series = match &column.field.dtype {
        ArrowDataType::Dictionary(key, _, _) => {
            let values = parts.dictionaries.series(column)?;
            let keys = keys(&mut parts, *key, values.len(), &rows)?;
            match values.is_empty() {
                // All keys are those of nulls.
                true => Series::full_null(name.clone(), height, &column.dtype),
                false => guarded::<_, Damage>(|| values.take(&IdxCa::with_chunk(PlSmallStr::EMPTY, keys)))?,
            }
        },
        dtype => {
            let array = decode(&mut parts, dtype, &column.ids, rows)?;
            let field = ArrowField { dtype: array.dtype().clone(), ..column.field.clone() };
            guarded::<_, Damage>(|| Series::try_from((&field, vec![array])))?
        },
    };
    match series.dtype() == &column.dtype && series.len() == height {
        true => Ok(series.with_name(name.clone()).into_column()),
        false => Err(Damage::Schema("a column that is not of its type")),
    }
}

//! Values that columns refer to by number.

use std::sync::Arc;

use parking_lot::Mutex;
use polars_arrow::array::Array;
use polars_arrow::compute::concatenate::concatenate;
use polars_arrow::datatypes::Field as ArrowField;
use polars_arrow::io::ipc::IpcField;
use polars_core::prelude::PlHashMap;
use polars_core::series::Series;
use polars_utils::pl_str::PlSmallStr;

use super::array::decode;
use super::body::{Body, Parts, lay_out};
use super::error::Damage;
use super::message::BatchHeader;
use super::schema::{IpcColumn, IpcColumns};
use crate::guard::guarded;

/// The dictionaries of a file, or those that a stream has told so far.
#[derive(Default)]
pub(super) struct Dictionaries {
    arrays: PlHashMap<i64, Box<dyn Array>>,
    /// The values of the dictionaries of columns, in the types of these.
    series: Mutex<PlHashMap<PlSmallStr, Arc<Series>>>,
}

impl Clone for Dictionaries {
    fn clone(&self) -> Self {
        Self { arrays: self.arrays.clone(), series: Mutex::default() }
    }
}

impl Dictionaries {
    /// Puts the values of a dictionary message in the place of those that were there, or behind them.
    pub(super) fn insert(
        &mut self,
        columns: &IpcColumns,
        id: i64,
        is_delta: bool,
        header: &BatchHeader,
        body: &Body,
    ) -> Result<(), Damage> {
        // One that no column refers to is of no account.
        let Some((dtype, _)) = columns.dictionary(id) else { return Ok(()) };
        let parts = lay_out(std::iter::once(dtype), header)?;
        let mut parts = Parts::new(header, parts.first().ok_or(Damage::Missing("arrays"))?, body, self);
        let mut values = decode(&mut parts, dtype, &IpcField::default(), 0..header.rows)?;
        if let (true, Some(before)) = (is_delta, self.arrays.get(&id)) {
            values = guarded::<_, Damage>(|| concatenate(&[&**before, &*values]))?;
        }
        self.arrays.insert(id, values);
        self.series.lock().clear();
        Ok(())
    }

    /// The values of the dictionary of a field.
    pub(super) fn values(&self, ids: &IpcField) -> Result<Box<dyn Array>, Damage> {
        let id = ids.dictionary_id.ok_or(Damage::Schema("a dictionary without a number"))?;
        self.arrays.get(&id).cloned().ok_or(Damage::NoDictionary(id))
    }

    /// The values of the dictionary of a column, in its type: made once, as strings become categories.
    pub(super) fn series(&self, column: &IpcColumn) -> Result<Arc<Series>, Damage> {
        let name = &column.field.name;
        if let Some(series) = self.series.lock().get(name) {
            return Ok(series.clone());
        }
        let values = self.values(&column.ids)?;
        let field = ArrowField::new(name.clone(), values.dtype().clone(), true);
        let series = guarded::<_, Damage>(|| Series::try_from((&field, vec![values]))?.strict_cast(&column.dtype))?;
        let series = Arc::new(series);
        self.series.lock().insert(name.clone(), series.clone());
        Ok(series)
    }
}

//! Numbers for long strings, so that keys with them can be packed.

use polars_arrow::array::{Array, BinaryViewArray, Utf8ViewArray};
use polars_core::prelude::{NamedFrom, Series};

use super::bytes_table::BytesTable;

/// For each key column that needs it, a table of its strings. Equal strings get equal numbers as long as it lives.
#[derive(Default)]
pub(super) struct Dictionaries {
    tables: Vec<Option<BytesTable>>,
}

impl Dictionaries {
    /// A table for each column of strings.
    pub fn of(keys: &[Series]) -> Self {
        let is_text = |key: &Series| key.dtype().is_string() || key.dtype().is_binary();
        Self { tables: keys.iter().map(|key| is_text(key).then(BytesTable::new)).collect() }
    }

    /// Whether no column has a table.
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(Option::is_none)
    }

    pub fn bytes(&self) -> usize {
        self.tables.iter().flatten().map(BytesTable::bytes).sum()
    }

    /// Replaces the columns that have a table by numbers.
    pub fn encode(&mut self, keys: &mut [Series]) {
        for (key, table) in keys.iter_mut().zip(&mut self.tables) {
            let Some(table) = table else { continue };
            let mut numbers = Vec::with_capacity(key.len());
            if look_up_texts(table, key.chunks()[0].as_ref(), &mut numbers, &mut Vec::new()) {
                *key = Series::new(key.name().clone(), numbers);
            }
        }
    }
}

/// Looks up strings or byte strings; `false` if `array` holds something else.
pub(super) fn look_up_texts(
    table: &mut BytesTable,
    array: &dyn Array,
    groups: &mut Vec<u32>,
    founders: &mut Vec<u32>,
) -> bool {
    if let Some(array) = array.as_any().downcast_ref::<Utf8ViewArray>() {
        table.lookup(array.iter().map(|key| key.map(str::as_bytes)), groups, founders);
    } else if let Some(array) = array.as_any().downcast_ref::<BinaryViewArray>() {
        table.lookup(array.iter(), groups, founders);
    } else {
        return false;
    }
    true
}

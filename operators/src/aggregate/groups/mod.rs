//! Which group a row belongs to.
//!
//! Key columns are packed into one or two machine words when they fit, which they do for numbers, dates and short
//! strings; long strings become numbers first if that makes them fit. Other keys are row encoded. Either way a table of
//! our own maps the key to a dense group number.

mod byte_strings;
mod bytes_table;
mod dictionary;
mod layout;
mod packed_table;
mod prefetch;
mod runs;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
mod word;

use polars_arrow::array::builder::ShareStrategy;
use polars_core::frame::DataFrame;
use polars_core::frame::builder::DataFrameBuilder;
use polars_core::prelude::row_encode::encode_rows_unordered;
use polars_core::prelude::{Column, Series};
use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};

use self::bytes_table::BytesTable;
use self::dictionary::{Dictionaries, look_up_texts};
use self::layout::PackedLayout;
use self::packed_table::PackedTable;
pub(crate) use self::runs::Runs;

/// Groups whose slots surely lie in the nearest cache.
const SMALL: usize = 64;

/// The groups of the rows of one batch.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// Group of each row.
    pub of_rows: Vec<u32>,
    /// The rows that founded a group, in the order of the groups' numbers.
    pub founders: Vec<u32>,
}

/// Maps rows to dense group numbers, in order of first appearance, and keeps the keys of all groups.
///
/// Nulls are equal to each other, as are NaNs, and -0.0 and 0.0.
pub(crate) struct GroupTable {
    index: Index,
    dictionaries: Dictionaries,
    keys: DataFrameBuilder,
    schema: SchemaRef,
    /// Packed keys of the current batch.
    words: Words,
}

enum Index {
    /// No row was seen yet, so that the layout is open.
    Open,
    Narrow(PackedLayout, PackedTable<u64>),
    Wide(PackedLayout, PackedTable<u128>),
    Bytes(BytesTable),
}

#[derive(Default)]
struct Words {
    narrow: Vec<u64>,
    wide: Vec<u128>,
}

/// More groups than a group number can tell apart.
#[derive(Debug, thiserror::Error)]
#[error("more than 4294967294 groups on one worker; run the query on more workers")]
struct TooManyGroups;

/// Key columns of one chunk each.
pub(crate) fn single_chunks(keys: &[Column]) -> Vec<Series> {
    keys.iter().map(|key| key.as_materialized_series().rechunk()).collect()
}

impl GroupTable {
    /// A table without groups, for keys of these columns.
    pub fn new(schema: SchemaRef) -> Self {
        Self {
            index: Index::Open,
            dictionaries: Dictionaries::default(),
            keys: DataFrameBuilder::new(schema.clone()),
            schema,
            words: Words::default(),
        }
    }

    /// Groups so far.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Bytes held, roughly: what the key columns take is estimated by the width of their types.
    pub fn bytes(&self) -> usize {
        let index = match &self.index {
            Index::Open => 0,
            Index::Narrow(_, table) => table.bytes(),
            Index::Wide(_, table) => table.bytes(),
            Index::Bytes(table) => 2 * table.bytes(),
        };
        index + self.dictionaries.bytes() + self.len() * self.schema.len() * size_of::<u128>()
    }

    /// Whether a lookup costs no more than to compare a key with the one before.
    pub fn is_small(&self) -> bool {
        matches!(self.index, Index::Narrow(..)) && self.dictionaries.is_empty() && self.len() <= SMALL
    }

    /// Finds the group of each row of `keys`, founding groups for new keys. `keys` has the columns of the table's schema.
    pub fn lookup(&mut self, keys: &[Column], groups: &mut Groups) -> Result<(), OperatorError> {
        let keys = single_chunks(keys);
        let rows = keys.first().map_or(0, |key| key.len());
        if self.len() + rows >= u32::MAX as usize {
            return Err(OperatorError::new(ErrorKind::Compute, TooManyGroups));
        }
        groups.of_rows.clear();
        groups.founders.clear();
        self.find(&keys, groups)?;
        if groups.founders.is_empty() {
            return Ok(());
        }
        let keys = DataFrame::new(rows, keys.into_iter().map(Column::from).collect())?;
        // SAFETY: founders are row numbers of `keys`, whose columns were rechunked above.
        unsafe { self.keys.gather_extend(&keys, &groups.founders, ShareStrategy::Never) };
        Ok(())
    }

    /// The keys of all groups in group order; the table is empty afterwards, and has room for as many groups.
    pub fn take(&mut self) -> DataFrame {
        match &mut self.index {
            Index::Narrow(_, table) if self.dictionaries.is_empty() => table.clear(),
            Index::Wide(_, table) if self.dictionaries.is_empty() => table.clear(),
            index => *index = Index::Open,
        }
        self.dictionaries = Dictionaries::default();
        self.keys.freeze_reset()
    }

    fn find(&mut self, keys: &[Series], groups: &mut Groups) -> Result<(), OperatorError> {
        if !matches!(self.index, Index::Bytes(_)) {
            let mut physical = self.physical(keys);
            if self.find_packed(&physical, groups) {
                return Ok(());
            }
            let mut layout = self.covering(&physical);
            let has_none = layout.is_none() && keys.len() > 1 && self.dictionaries.is_empty();
            if has_none && PackedLayout::fits_numbered(&physical) {
                self.dictionaries = Dictionaries::of(&physical);
                self.dictionaries.encode(&mut physical);
                layout = self.covering(&physical);
            }
            self.rebuild(layout)?;
            if self.find_packed(&physical, groups) {
                return Ok(());
            }
            self.rebuild(None)?;
        }
        self.find_bytes(keys, groups)
    }

    /// The columns as they are packed.
    fn physical(&mut self, keys: &[Series]) -> Vec<Series> {
        let mut physical: Vec<Series> = keys.iter().map(|key| key.to_physical_repr().into_owned()).collect();
        self.dictionaries.encode(&mut physical);
        physical
    }

    fn covering(&self, physical: &[Series]) -> Option<PackedLayout> {
        match &self.index {
            Index::Open | Index::Bytes(_) => PackedLayout::covering(physical, None),
            Index::Narrow(layout, _) | Index::Wide(layout, _) => PackedLayout::covering(physical, Some(layout)),
        }
    }

    /// `false` if the keys do not fit the layout, or nothing is packed.
    fn find_packed(&mut self, physical: &[Series], groups: &mut Groups) -> bool {
        match &mut self.index {
            Index::Narrow(layout, table) => {
                let fit = layout.pack(physical, &mut self.words.narrow);
                if fit {
                    table.lookup(&self.words.narrow, &mut groups.of_rows, &mut groups.founders);
                }
                fit
            },
            Index::Wide(layout, table) => {
                let fit = layout.pack(physical, &mut self.words.wide);
                if fit {
                    table.lookup(&self.words.wide, &mut groups.of_rows, &mut groups.founders);
                }
                fit
            },
            Index::Open | Index::Bytes(_) => false,
        }
    }

    fn find_bytes(&mut self, keys: &[Series], groups: &mut Groups) -> Result<(), OperatorError> {
        let Index::Bytes(table) = &mut self.index else { return Ok(()) };
        let Groups { of_rows, founders } = groups;
        if let [key] = keys
            && look_up_texts(table, key.chunks()[0].as_ref(), of_rows, founders)
        {
            return Ok(());
        }
        let keys: Vec<Column> = keys.iter().cloned().map(Column::from).collect();
        let encoded = encode_rows_unordered(&keys)?;
        for array in encoded.downcast_iter() {
            table.lookup(array.values_iter().map(Some), of_rows, founders);
        }
        Ok(())
    }

    /// Enters the keys of all groups into an index of another layout; `None` for the index that takes keys of any length.
    fn rebuild(&mut self, layout: Option<PackedLayout>) -> Result<(), OperatorError> {
        self.index = match layout {
            Some(layout) if layout.bits() <= u64::BITS => Index::Narrow(layout, PackedTable::new()),
            Some(layout) => Index::Wide(layout, PackedTable::new()),
            None => {
                self.dictionaries = Dictionaries::default();
                Index::Bytes(BytesTable::new())
            },
        };
        if self.keys.is_empty() {
            return Ok(());
        }
        let keys = self.keys.freeze_reset();
        let series: Vec<Series> = keys.columns().iter().map(|key| key.as_materialized_series().clone()).collect();
        let physical = self.physical(&series);
        let mut groups = Groups::default();
        if !self.find_packed(&physical, &mut groups) {
            self.find_bytes(&series, &mut groups)?;
        }
        debug_assert_eq!(groups.founders.len(), keys.height());
        self.keys.extend(&keys, ShareStrategy::Never);
        Ok(())
    }
}

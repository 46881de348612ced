//! Parses columns of some rows of a block.

use polars_core::datatypes::DataType;
use polars_core::prelude::{Column, IntoColumn};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::block::Block;
use super::columns::{ColumnBuilder, builder};
use super::error::CsvError;
use super::reader::layout;
use super::scan::Table;
use super::values::{BadField, Fault, Reading};
use crate::survivors::Chosen;
use crate::text::{BadRows, Columns, shown};

/// Rows that are parsed column after column: few enough that their bytes stay in the cache.
const ROWS: usize = 1024;

/// The rows of a block.
pub(super) struct BlockColumns<'a> {
    pub(super) table: &'a Table,
    pub(super) file: usize,
    pub(super) block: &'a Block,
    /// What becomes of fields that are no values.
    pub(super) bad_rows: BadRows,
}

impl Columns for BlockColumns<'_> {
    fn parse(&self, names: &[&PlSmallStr], rows: Chosen<'_>, bad: &mut Vec<u32>) -> Result<Vec<Column>, OperatorError> {
        let table = self.table;
        let layout = layout(table, self.file)?;
        let mut columns: Vec<(usize, &PlSmallStr, &DataType, Box<dyn ColumnBuilder>)> = Vec::new();
        for name in names {
            let found = table.files.file_schema.get_full(name);
            let Some((index, name, dtype)) = found else { continue };
            let Some(builder) = builder(dtype, rows.len()) else { continue };
            columns.push((layout.field(index), name, dtype, builder));
        }
        let is_text = columns.iter().any(|column| column.3.is_text()) && self.block.rows.is_text();
        let reading = Reading {
            quote: table.dialect.quote,
            nulls: &table.nulls,
            empty_is_null: !table.options.missing_utf8_is_empty_string,
            is_text,
            bad_rows: self.bad_rows,
        };
        let fields = table.files.file_schema.len();
        for start in (0..rows.len()).step_by(ROWS) {
            let end = (start + ROWS).min(rows.len());
            let rows = rows.part(start, end);
            for (field, name, dtype, builder) in &mut columns {
                let column = self.block.rows.column(*field, fields);
                let read = builder.read(column, rows, &reading, bad);
                read.map_err(|bad| self.error(bad, *field, name, dtype))?;
            }
        }
        let finish = |column: (usize, &PlSmallStr, &DataType, Box<dyn ColumnBuilder>)| {
            Ok(column.3.finish(column.1.clone())?.into_column())
        };
        columns.into_iter().map(finish).collect()
    }
}

impl BlockColumns<'_> {
    fn error(&self, bad: BadField, field: usize, name: &PlSmallStr, dtype: &DataType) -> OperatorError {
        let file = match self.table.files.file(self.file) {
            Ok(file) => file,
            Err(error) => return error,
        };
        let rows = &self.block.rows;
        let text = rows.column(field, self.table.files.file_schema.len()).field(bad.row);
        let text = shown(text.map(|text| text.bytes()).unwrap_or_default());
        let place = self.block.place(file, rows.start(bad.row));
        let column = name.to_string();
        let error = match bad.fault {
            Fault::Value => CsvError::Value { place, column, dtype: Box::new(dtype.clone()), text },
            Fault::Quote => CsvError::Quotes { place, column, text },
            Fault::Utf8 => CsvError::Encoding { place, column, text },
        };
        error.into()
    }
}

//! Some rows from all over the files of a table.

use std::sync::OnceLock;

use polars_core::prelude::Column;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::block::Block;
use super::keys::Keys;
use super::reader::BlockColumns;
use super::rows::Rows;
use super::scan::Table;
use crate::survivors::Chosen;
use crate::text::{BadRows, Columns, Peek, Peeked, SamplePlace, TextSample};

/// Some lines, and where the values of all columns stand in them: to find those of one takes as long.
pub(super) struct Lines {
    block: Block,
    rows: Rows,
}

impl Peek for Table {
    type Rows = Lines;

    fn taken(&self) -> &OnceLock<Option<TextSample<Lines>>> {
        &self.sample
    }

    fn peek(&self, place: &SamplePlace) -> Result<Peeked<Lines>, OperatorError> {
        let (file, schema) = (self.files.file(place.file)?, &self.files.file_schema);
        let (mut block, mut rows) = (Block::default(), Rows::default());
        block.peek(file, &place.bytes)?;
        let mut keys = Keys::new(schema.iter_names().map(PlSmallStr::as_str));
        let start = block.start();
        let scanned = rows.scan(block.text(), start, place.rows, schema.len(), &mut keys, BadRows::Skip);
        let (end, skipped) = scanned.map_err(|bad| block.syntax_error(file, bad))?;
        let (count, bytes) = (rows.len(), (end - start) as u64);
        Ok(Peeked { rows: Lines { block, rows }, count, seen: count as u64 + skipped, bytes })
    }

    fn parse(
        &self,
        file: usize,
        lines: &Lines,
        count: usize,
        name: &PlSmallStr,
    ) -> Result<Option<Column>, OperatorError> {
        let columns = BlockColumns {
            table: self,
            file: self.files.file(file)?,
            block: &lines.block,
            rows: &lines.rows,
            wanted: &self.files.file_schema.iter_names_cloned().collect::<Vec<_>>(),
            bad_rows: BadRows::Null,
        };
        Ok(columns.parse(&[name], Chosen::All(0, count), &mut Vec::new())?.pop())
    }
}

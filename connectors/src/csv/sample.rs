//! Some rows from all over the files of a table.

use std::sync::OnceLock;

use polars_core::prelude::Column;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::block::Block;
use super::reader::layout;
use super::rows::Rows;
use super::scan::Table;
use super::slice::BlockColumns;
use crate::survivors::Chosen;
use crate::text::{BadRows, Columns, Peek, Peeked, SamplePlace, TextSample};

impl Peek for Table {
    type Rows = Block;

    fn taken(&self) -> &OnceLock<Option<TextSample<Block>>> {
        &self.sample
    }

    fn peek(&self, place: &SamplePlace) -> Result<Peeked<Block>, OperatorError> {
        let first = layout(self, place.file)?.start;
        let mut block = Block::new(Rows::default());
        let (file, fields) = (self.files.file(place.file)?, self.files.file_schema.len());
        let (seen, bytes) = block.peek(file, &place.bytes, first, &self.dialect, fields)?;
        Ok(Peeked { count: block.rows.len().min(place.rows), rows: block, seen, bytes })
    }

    fn parse(
        &self,
        file: usize,
        block: &Block,
        count: usize,
        name: &PlSmallStr,
    ) -> Result<Option<Column>, OperatorError> {
        let columns = BlockColumns { table: self, file, block, bad_rows: BadRows::Null };
        Ok(columns.parse(&[name], Chosen::All(0, count), &mut Vec::new())?.pop())
    }
}

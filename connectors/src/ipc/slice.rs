//! Reads some rows of a record batch.

use std::ops::Range;

use polars_core::frame::DataFrame;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;

use super::batch::Batch;
use super::scan::Table;
use crate::request::Request;
use crate::survivors::{Chosen, Survivors};

/// The columns that are asked for, of those of some rows that pass.
pub(super) fn read_rows(
    table: &Table,
    request: &Request,
    file: usize,
    batch: &mut Batch,
    rows: Range<usize>,
) -> Result<DataFrame, OperatorError> {
    let opened = table.file(file)?;
    let survivors = Survivors::new(0..rows.len(), &table.constants, file);
    survivors.deliver(request, &mut |names, left| {
        let read = |name: &&PlSmallStr| {
            let column = batch.column(opened, name, rows.clone())?;
            match left {
                Chosen::All(..) => Ok(column),
                Chosen::Some(left) => Ok(column.take_slice(left)?),
            }
        };
        names.iter().map(read).collect()
    })
}

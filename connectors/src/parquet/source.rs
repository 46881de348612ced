//! The row groups of a table that a query has to read.

use std::sync::Arc;

use polars_core::schema::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::{Description, WorkerContext};
use quokka_engine::source::{ScanRequest, Source, Split, SplitReader};

use super::pruning::{may_match, prune};
use super::reader::RowGroupReader;
use super::scan::Table;
use crate::request::Request;

/// A table with the columns and rows that one query wants of it.
pub(super) struct ParquetSource {
    pub(super) table: Arc<Table>,
    pub(super) request: Arc<Request>,
    pub(super) row_groups: Vec<RowGroup>,
    all_row_groups: usize,
}

/// A row group that is read.
#[derive(Clone, Debug)]
pub(super) struct RowGroup {
    /// Index of the file in the table.
    pub(super) file: usize,
    /// Index of the row group in the file.
    pub(super) index: usize,
    pub(super) rows: usize,
    /// The conjuncts of the request that some row may fail.
    pub(super) conjuncts: Vec<usize>,
}

impl ParquetSource {
    pub(super) fn new(table: Arc<Table>, request: &ScanRequest) -> Result<Self, OperatorError> {
        let request = Request::new(request, &table.schema)?;
        let conjuncts: Vec<usize> = (0..request.conjuncts.len()).collect();
        let all: Vec<RowGroup> = (table.files.iter().enumerate())
            .flat_map(|(file, opened)| {
                let row_groups = opened.row_groups().iter().enumerate();
                row_groups.map(move |(index, row_group)| (file, index, row_group.num_rows()))
            })
            .map(|(file, index, rows)| RowGroup { file, index, rows, conjuncts: conjuncts.clone() })
            .collect();
        let all_row_groups = all.len();
        let row_groups = if request.is_never_true { Vec::new() } else { prune(&table, &request, all)? };
        Ok(Self { table, request: Arc::new(request), row_groups, all_row_groups })
    }
}

impl Source for ParquetSource {
    fn describe(&self) -> Description {
        self.request
            .describe(self.table.describe(), &self.table.schema)
            .with("row-groups", format!("{} of {}", self.row_groups.len(), self.all_row_groups))
    }

    fn schema(&self) -> SchemaRef {
        self.request.schema.clone()
    }

    fn splits(&self) -> Result<Vec<Split>, OperatorError> {
        let split = |row_group: &RowGroup| {
            let path = self.table.files.get(row_group.file).map(|file| file.path.display().to_string());
            Split {
                name: format!("{}, row group {}", path.unwrap_or_default(), row_group.index),
                rows: Some(row_group.rows as u64),
            }
        };
        Ok(self.row_groups.iter().map(split).collect())
    }

    fn open(&self, split: usize, context: &WorkerContext) -> Result<Box<dyn SplitReader>, OperatorError> {
        let Some(row_group) = self.row_groups.get(split) else {
            return Err(OperatorError::message(ErrorKind::Internal, format!("there is no split {split}")));
        };
        let mut row_group = row_group.clone();
        if !may_match(&self.table, &self.request, &row_group) {
            row_group.rows = 0;
        }
        Ok(Box::new(RowGroupReader::new(self.table.clone(), self.request.clone(), row_group, context)))
    }
}

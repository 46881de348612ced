//! Tables without rows, for tests of the plan.

use std::sync::Arc;

use polars_core::prelude::{DataType, Field, Schema, SchemaRef};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;
use quokka_engine::source::{Scan, ScanRequest, Source};

use super::UnionRule;
use super::logical::LogicalPlan;
use crate::error::PlanError;

struct Table {
    name: String,
    schema: SchemaRef,
    rows: Option<u64>,
}

impl Scan for Table {
    fn describe(&self) -> Description {
        Description::streams(self.name.as_str())
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    fn source(&self, _request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        Err(OperatorError::message(ErrorKind::Internal, "a table for tests of the plan has no rows"))
    }
}

impl LogicalPlan {
    /// The rows of all `inputs`, which must have the same columns in the same order.
    pub(crate) fn union(inputs: Vec<Self>) -> Result<Self, PlanError> {
        Self::union_with(inputs, UnionRule::default(), "union")
    }
}

/// A table with 64-bit integer columns of the given names, separated by blanks.
pub(crate) fn table(name: &str, columns: &str) -> LogicalPlan {
    sized_table(name, columns, None)
}

/// [`table`] with a known number of rows.
pub(crate) fn sized_table(name: &str, columns: &str, rows: Option<u64>) -> LogicalPlan {
    let fields = columns.split(' ').map(|column| Field::new(column.into(), DataType::Int64));
    let schema = Arc::new(fields.collect::<Schema>());
    LogicalPlan::scan(Arc::new(Table { name: name.into(), schema, rows }))
}

/// Asserts that `plan` prints as `expected`, apart from the indentation of the test.
#[track_caller]
pub(crate) fn assert_text(plan: &LogicalPlan, expected: &str) {
    let lines: Vec<&str> = expected.lines().filter(|line| !line.trim().is_empty()).collect();
    let indent = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let expected: String =
        lines.iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or("").trim_end())).collect();
    assert_eq!(plan.to_string(), expected, "\n{plan}");
}

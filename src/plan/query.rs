//! A query as it is run: a plan, and the parts of it whose results are read more than once.

use std::sync::Arc;

use polars_core::prelude::SchemaRef;
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::operator::Description;
use quokka_engine::source::{Scan, ScanRequest, Source};

use super::logical::{LogicalPlan, Node};

/// A plan whose leaves are tables and results of shared plans.
pub(crate) struct Query {
    pub(crate) root: LogicalPlan,
    /// A plan comes before those whose results it reads.
    pub(crate) shared: Vec<SharedPlan>,
}

/// A plan that runs once, and whose result the query reads several times.
pub(crate) struct SharedPlan {
    /// The result.
    pub(crate) scan: Arc<SharedScan>,
    /// The columns and rows of it that its readers need.
    pub(crate) plan: LogicalPlan,
}

/// The result of a shared plan, as a table that the rest of the query scans. So every rule treats it as a table: what
/// its readers need of it ends up in their requests.
pub(crate) struct SharedScan {
    number: usize,
    schema: SchemaRef,
    estimated_rows: Option<u64>,
}

impl SharedScan {
    /// The result of the `number`-th shared plan, which has the columns of `schema` and about so many rows.
    pub(crate) fn new(number: usize, schema: SchemaRef, estimated_rows: Option<u64>) -> Self {
        Self { number, schema, estimated_rows }
    }

    /// What tells it from other shared plans.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Whether `scan` is this one.
    pub(crate) fn is(self: &Arc<Self>, scan: &dyn Scan) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(self), scan)
    }

    /// What all scans of it in `plan` ask for.
    pub(crate) fn requests<'a>(self: &Arc<Self>, plan: &'a LogicalPlan, into: &mut Vec<&'a ScanRequest>) {
        match plan.node() {
            Node::Scan { scan, request } if self.is(scan.as_ref()) => into.push(request),
            _ => plan.inputs().into_iter().for_each(|input| self.requests(input, into)),
        }
    }
}

impl Scan for SharedScan {
    fn describe(&self) -> Description {
        Description::streams("shared").with("plan", self.number)
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn estimated_rows(&self) -> Option<u64> {
        self.estimated_rows
    }

    fn source(&self, _request: &ScanRequest) -> Result<Arc<dyn Source>, OperatorError> {
        Err(OperatorError::message(ErrorKind::Internal, "a shared plan is read outside its query"))
    }
}

impl From<LogicalPlan> for Query {
    /// Nothing is shared.
    fn from(root: LogicalPlan) -> Self {
        Self { root, shared: Vec::new() }
    }
}

//! Tables.

use std::sync::Arc;

use quokka_engine::source::{Scan, ScanRequest};

use crate::plan::logical::{LogicalPlan, Node};

impl LogicalPlan {
    /// All rows and columns of a table.
    pub(crate) fn scan(scan: Arc<dyn Scan>) -> Self {
        let schema = scan.schema();
        Self::new(Node::Scan { scan, request: ScanRequest::default() }, schema)
    }
}

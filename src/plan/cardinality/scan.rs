//! The share of a table's rows that pass the predicate of a scan.

use std::sync::Arc;

use polars_core::prelude::PlSmallStr;
use polars_plan::dsl::Expr;
use quokka_engine::expr::{Predicate, columns_of, conjunction, split_conjunction};
use quokka_engine::source::Scan;

use super::Estimates;
use super::column::table_column;
use super::predicate::{self, Known};

/// A filter of a table, as the optimizer meets it again and again.
pub(super) struct FilteredScan {
    /// Kept, so that no other table gets its address.
    scan: Arc<dyn Scan>,
    predicate: Expr,
    selectivity: f64,
}

impl Estimates {
    /// The share of the rows of `scan` for which `predicate` is true.
    pub(super) fn scan_selectivity(&self, scan: &Arc<dyn Scan>, predicate: &Expr) -> f64 {
        let is_known = |known: &&FilteredScan| Arc::ptr_eq(&known.scan, scan) && known.predicate == *predicate;
        if let Some(known) = self.scans.borrow().iter().find(is_known) {
            return known.selectivity;
        }
        let selectivity = estimate(scan.as_ref(), predicate);
        let known = FilteredScan { scan: scan.clone(), predicate: predicate.clone(), selectivity };
        self.scans.borrow_mut().push(known);
        selectivity
    }
}

fn estimate(scan: &dyn Scan, predicate: &Expr) -> f64 {
    // What a user's function costs, or does besides, nobody knows.
    let (opaque, clear): (Vec<_>, Vec<_>) = split_conjunction(predicate).into_iter().partition(calls_user_function);
    let schema = scan.schema();
    let guess = |parts: Vec<Expr>| {
        let column = |name: &PlSmallStr| table_column(scan, name);
        let known = Known { schema: &schema, column: &column };
        conjunction(parts).map_or(1.0, |predicate| predicate::selectivity(&predicate, &known))
    };
    let clear_share = conjunction(clear.clone()).map_or(Some(1.0), |clear| in_sample(scan, &clear));
    clear_share.unwrap_or_else(|| guess(clear)) * guess(opaque)
}

/// The share of the rows of the table's sample that pass; half a row if none does.
fn in_sample(scan: &dyn Scan, predicate: &Expr) -> Option<f64> {
    let columns = columns_of(predicate);
    if columns.is_empty() {
        return None;
    }
    let sample = scan.sample(&columns).ok()??;
    if sample.height() == 0 {
        return None;
    }
    let passing = Predicate::compile(predicate, sample.schema()).and_then(|predicate| predicate.mask(&sample)).ok()?;
    Some((passing.num_trues() as f64).max(0.5) / sample.height() as f64)
}

fn calls_user_function(predicate: &Expr) -> bool {
    predicate.into_iter().any(|part| matches!(part, Expr::AnonymousFunction { .. }))
}

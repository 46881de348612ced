//! Parts of a query that occur more than once are computed once.
//!
//! Equal parts are found before any other rule, while they are still equal: what each reader needs (other columns, other
//! rows) would soon make them different. A part that holds a join, an aggregate, a sort or other work that costs more than
//! to keep its result becomes a plan of its own; its readers scan the result as they would scan a table. A table with
//! filters and projections alone is read once for each use instead: each use then skips what it does not need. A part that
//! is estimated to make many more rows than it reads is computed for each use, too: nobody knows whether memory holds them.
//!
//! The rules are applied to the rest of the query first. They leave in the requests of the scans what each reader needs
//! of the result, so the shared plan delivers the columns that any of them needs, and, if every reader has a predicate,
//! the rows that pass any of these. Then it is optimized itself, and the plans that it reads follow.

mod classes;
mod needs;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::sync::Arc;

use self::classes::Classes;
use self::needs::narrowed;
use super::{OptimizerRule, Rules, optimize};
use crate::plan::cardinality::Estimates;
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::query::{Query, SharedPlan, SharedScan};

/// Applies the rules to `plan`, after its common parts were taken out.
pub(crate) fn optimize_query(plan: LogicalPlan, rules: Rules, estimates: &Estimates) -> Query {
    if !rules.apply(OptimizerRule::Sharing) {
        return optimize(plan, rules, estimates).into();
    }
    let Some(classes) = Classes::of(&plan) else { return optimize(plan, rules, estimates).into() };
    let shared: Vec<(usize, Arc<SharedScan>)> = classes
        .shared(|part| is_small(&optimize(part.clone(), rules, estimates), estimates))
        .into_iter()
        .zip(1..)
        .map(|(class, number)| {
            let part = classes.plan(class);
            let rows = estimates.rows(part).map(|rows| rows.ceil() as u64);
            (class, Arc::new(SharedScan::new(number, part.schema().clone(), rows)))
        })
        .collect();
    if shared.is_empty() {
        return optimize(plan, rules, estimates).into();
    }
    let leaf = |class: usize| {
        let found = shared.iter().find(|(shared, _)| *shared == class);
        found.map(|(_, scan)| LogicalPlan::scan(scan.clone()))
    };
    let mut query = Query::from(optimize(classes.rewrite(&plan, &leaf), rules, estimates));
    for (class, scan) in &shared {
        let mut requests = Vec::new();
        scan.requests(&query.root, &mut requests);
        query.shared.iter().for_each(|user| scan.requests(&user.plan, &mut requests));
        // The optimizer may have found that nobody needs it.
        if requests.is_empty() {
            continue;
        }
        let part = classes.rewrite(classes.plan(*class), &leaf);
        let plan = optimize(narrowed(part, &requests), rules, estimates);
        query.shared.push(SharedPlan { scan: scan.clone(), plan });
    }
    query
}

/// Rows that are kept however few they were made of.
const ROWS_KEPT: f64 = (1 << 20) as f64;

/// Whether a result may be kept: it is small, or has no more rows than the tables that it comes of. A join that multiplies
/// its rows streams; to keep what it makes could take more memory than there is.
fn is_small(part: &LogicalPlan, estimates: &Estimates) -> bool {
    match (estimates.rows(part), rows_read(part, estimates)) {
        (Some(rows), Some(read)) => rows <= read.max(ROWS_KEPT),
        _ => true,
    }
}

fn rows_read(part: &LogicalPlan, estimates: &Estimates) -> Option<f64> {
    match part.node() {
        Node::Scan { .. } => estimates.rows(part),
        _ => part.inputs().into_iter().map(|input| rows_read(input, estimates)).sum(),
    }
}

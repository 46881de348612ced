//! What the readers of a shared plan need of it.

use polars_core::prelude::{PlIndexSet, PlSmallStr};
use polars_plan::dsl::Expr;
use quokka_engine::expr::{conjunction, split_conjunction};
use quokka_engine::source::ScanRequest;

use crate::plan::expression::columns;
use crate::plan::logical::LogicalPlan;

/// `plan` with the columns and rows that any of `requests` asks for.
pub(super) fn narrowed(plan: LogicalPlan, requests: &[&ScanRequest]) -> LogicalPlan {
    let plan = match predicate(requests) {
        Some(predicate) => plan.filtered(predicate),
        None => plan,
    };
    let Some(needed) = needed_columns(requests) else { return plan };
    let schema = plan.schema().clone();
    let kept: Vec<&PlSmallStr> = schema.iter_names().filter(|name| needed.contains(*name)).collect();
    // Where only the number of rows counts, any column tells it.
    let kept = if kept.is_empty() { schema.iter_names().take(1).collect() } else { kept };
    plan.columns(kept)
}

/// The columns that the requests deliver or look at; `None` for all.
fn needed_columns(requests: &[&ScanRequest]) -> Option<PlIndexSet<PlSmallStr>> {
    let mut needed = PlIndexSet::default();
    for request in requests {
        needed.extend(request.projection.as_ref()?.iter().cloned());
        needed.extend(request.predicate.iter().flat_map(columns).cloned());
    }
    Some(needed)
}

/// What is true for every row that any of the requests wants: the parts that all predicates have, and one of the others.
fn predicate(requests: &[&ScanRequest]) -> Option<Expr> {
    let mut alternatives = Vec::with_capacity(requests.len());
    for request in requests {
        let parts = split_conjunction(request.predicate.as_ref()?);
        if !alternatives.contains(&parts) {
            alternatives.push(parts);
        }
    }
    let (first, others) = alternatives.split_first()?;
    let common: Vec<Expr> =
        first.iter().filter(|part| others.iter().all(|other| other.contains(part))).cloned().collect();
    let rest = alternatives
        .iter()
        .map(|parts| conjunction(parts.iter().filter(|part| !common.contains(part)).cloned().collect()));
    // An alternative that asks for no more than the common parts leaves nothing to choose.
    let choice = rest.collect::<Option<Vec<Expr>>>().and_then(|rest| rest.into_iter().reduce(Expr::or));
    conjunction(common.into_iter().chain(choice).collect())
}

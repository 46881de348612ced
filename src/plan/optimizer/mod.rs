//! Rewrites a logical plan into one that means the same and does less. One rule a file.

mod predicate_pushdown;
mod projection_pushdown;
mod sort_limit;

use super::logical::LogicalPlan;

/// Which rules apply; all by default. Results never depend on it (but the order of rows in an unordered result may).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) predicate_pushdown: bool,
    pub(crate) projection_pushdown: bool,
    pub(crate) sort_limit: bool,
}

impl Rules {
    /// No rule applies.
    pub(crate) const NONE: Self = Self { predicate_pushdown: false, projection_pushdown: false, sort_limit: false };
}

impl Default for Rules {
    fn default() -> Self {
        Self { predicate_pushdown: true, projection_pushdown: true, sort_limit: true }
    }
}

/// Applies the rules in the order in which they help each other: filters move down to the scans, a limit turns a sort
/// into a top-k, then the columns that nothing reads any more go.
pub(crate) fn optimize(plan: LogicalPlan, rules: Rules) -> LogicalPlan {
    let mut plan = plan;
    if rules.predicate_pushdown {
        plan = predicate_pushdown::apply(&plan);
    }
    if rules.sort_limit {
        plan = sort_limit::apply(&plan);
    }
    if rules.projection_pushdown {
        plan = projection_pushdown::apply(&plan);
    }
    plan
}

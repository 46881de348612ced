//! Rewrites a logical plan into one that means the same and does less. One rule a file.

mod alternatives;
mod common_subexpressions;
mod distinct_counts;
mod limit_pushdown;
mod predicate_pushdown;
mod projection_pushdown;
mod simplify;
mod sort_limit;

use super::logical::LogicalPlan;

/// Which rules apply; all by default. Results never depend on it (but the order of rows in an unordered result may).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) simplify: bool,
    pub(crate) alternatives: bool,
    pub(crate) predicate_pushdown: bool,
    pub(crate) projection_pushdown: bool,
    pub(crate) limit_pushdown: bool,
    pub(crate) sort_limit: bool,
    pub(crate) distinct_counts: bool,
    pub(crate) common_subexpressions: bool,
}

impl Rules {
    /// No rule applies.
    pub(crate) const NONE: Self = Self {
        simplify: false,
        alternatives: false,
        predicate_pushdown: false,
        projection_pushdown: false,
        limit_pushdown: false,
        sort_limit: false,
        distinct_counts: false,
        common_subexpressions: false,
    };
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            simplify: true,
            alternatives: true,
            predicate_pushdown: true,
            projection_pushdown: true,
            limit_pushdown: true,
            sort_limit: true,
            distinct_counts: true,
            common_subexpressions: true,
        }
    }
}

/// Applies the rules in the order in which they help each other: predicates are simplified so that their parts can move
/// on their own, filters move down to the scans and are simplified where they meet others, limits move down and turn
/// sorts into top-ks, which move on, then the columns that nothing reads any more go. What is left to compute is
/// computed in the cheapest way.
pub(crate) fn optimize(plan: LogicalPlan, rules: Rules) -> LogicalPlan {
    let mut plan = plan;
    let simplified = |mut plan: LogicalPlan| {
        if rules.simplify {
            plan = simplify::apply(&plan);
        }
        if rules.alternatives {
            plan = alternatives::apply(&plan);
        }
        plan
    };
    plan = simplified(plan);
    if rules.predicate_pushdown {
        plan = simplified(predicate_pushdown::apply(&plan));
    }
    if rules.limit_pushdown {
        plan = limit_pushdown::apply(&plan);
    }
    if rules.sort_limit {
        plan = sort_limit::apply(&plan);
    }
    if rules.limit_pushdown && rules.sort_limit {
        plan = limit_pushdown::apply(&plan);
    }
    if rules.projection_pushdown {
        plan = projection_pushdown::apply(&plan);
    }
    if rules.distinct_counts {
        plan = distinct_counts::apply(&plan);
    }
    if rules.common_subexpressions {
        plan = common_subexpressions::apply(&plan);
    }
    plan
}

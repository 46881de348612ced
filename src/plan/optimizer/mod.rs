//! Rewrites a logical plan into one that means the same and does less. One rule a file.

mod alternatives;
mod common_subexpressions;
mod distinct_counts;
mod distinct_first;
mod early_aggregation;
mod join_order;
mod known_predicates;
mod limit_pushdown;
mod outer_joins;
mod partial_results;
mod predicate_pushdown;
mod projection_pushdown;
mod rules;
mod share;
mod simplify;
mod sort_limit;

pub use self::rules::OptimizerRule;
pub(crate) use self::rules::Rules;
pub(crate) use self::share::optimize_query;

use super::cardinality::Estimates;
use super::logical::LogicalPlan;

/// Applies the rules in the order in which they help each other: predicates are simplified so that their parts can move
/// on their own, outer joins that need not be so become inner, filters move down to the scans and are simplified where
/// they meet others, joins are ordered by what is left of the tables, limits move down and turn sorts into top-ks, which
/// move on, then the columns that nothing reads any more go. What is left to compute is computed in the cheapest way.
pub(crate) fn optimize(plan: LogicalPlan, rules: Rules, estimates: &Estimates) -> LogicalPlan {
    let mut plan = plan;
    let simplified = |mut plan: LogicalPlan| {
        if rules.apply(OptimizerRule::Simplify) {
            plan = simplify::apply(&plan);
        }
        if rules.apply(OptimizerRule::Alternatives) {
            plan = alternatives::apply(&plan);
        }
        plan
    };
    plan = simplified(plan);
    if rules.apply(OptimizerRule::OuterJoins) {
        plan = outer_joins::apply(&plan);
    }
    if rules.apply(OptimizerRule::PredicatePushdown) {
        plan = simplified(predicate_pushdown::apply(&plan));
    }
    if rules.apply(OptimizerRule::JoinOrder) {
        plan = join_order::apply(&plan, estimates);
    }
    if rules.apply(OptimizerRule::LimitPushdown) {
        plan = limit_pushdown::apply(&plan);
    }
    if rules.apply(OptimizerRule::SortLimit) {
        plan = sort_limit::apply(&plan);
    }
    if rules.apply(OptimizerRule::LimitPushdown) && rules.apply(OptimizerRule::SortLimit) {
        plan = limit_pushdown::apply(&plan);
    }
    if rules.apply(OptimizerRule::ProjectionPushdown) {
        plan = projection_pushdown::apply(&plan);
    }
    if rules.apply(OptimizerRule::EarlyAggregation) {
        plan = early_aggregation::apply(&plan, estimates);
    }
    if rules.apply(OptimizerRule::DistinctCounts) {
        plan = distinct_counts::apply(&plan);
    }
    if rules.apply(OptimizerRule::DistinctFirst) {
        plan = distinct_first::apply(&plan, estimates);
    }
    if rules.apply(OptimizerRule::CommonSubexpressions) {
        plan = common_subexpressions::apply(&plan);
    }
    plan
}

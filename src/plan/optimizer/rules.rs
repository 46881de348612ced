//! The rules by name, so that each can be left out.

use std::fmt;

/// A rewrite of queries by the optimizer. Results never depend on it (but the order of rows in an unordered result may):
/// one is left out to find out whether it is at fault, or what it gains.
///
/// ```
/// use quokka::{Context, OptimizerRule};
/// let rule = OptimizerRule::ALL.into_iter().find(|rule| rule.to_string() == "predicate-pushdown").unwrap();
/// let context = Context::builder().without_rule(rule).build()?;
/// # Ok::<(), quokka::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptimizerRule {
    /// Parts of a query that occur more than once are computed once.
    Sharing,
    /// Expressions are simplified.
    Simplify,
    /// What all alternatives of a predicate have in common comes out of them.
    Alternatives,
    /// Outer joins become inner where rows without a match are dropped anyway.
    OuterJoins,
    /// Filters move towards the tables.
    PredicatePushdown,
    /// Joins run in the order that costs least.
    JoinOrder,
    /// Limits move towards the tables.
    LimitPushdown,
    /// A limit above a sort becomes a top-k.
    SortLimit,
    /// Columns that nothing reads are not read.
    ProjectionPushdown,
    /// Groups are made below a join where that leaves it few rows.
    EarlyAggregation,
    /// Whether a group has one distinct value is found in two phases.
    DistinctCounts,
    /// Distinct values are made before they are counted.
    DistinctFirst,
    /// Equal expressions are computed once.
    CommonSubexpressions,
    /// Scans leave out rows that the build side of a join above them cannot match.
    DynamicFilters,
}

impl OptimizerRule {
    /// All rules.
    pub const ALL: [Self; 14] = [
        Self::Sharing,
        Self::Simplify,
        Self::Alternatives,
        Self::OuterJoins,
        Self::PredicatePushdown,
        Self::JoinOrder,
        Self::LimitPushdown,
        Self::SortLimit,
        Self::ProjectionPushdown,
        Self::EarlyAggregation,
        Self::DistinctCounts,
        Self::DistinctFirst,
        Self::CommonSubexpressions,
        Self::DynamicFilters,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Sharing => "sharing",
            Self::Simplify => "simplify",
            Self::Alternatives => "alternatives",
            Self::OuterJoins => "outer-joins",
            Self::PredicatePushdown => "predicate-pushdown",
            Self::JoinOrder => "join-order",
            Self::LimitPushdown => "limit-pushdown",
            Self::SortLimit => "sort-limit",
            Self::ProjectionPushdown => "projection-pushdown",
            Self::EarlyAggregation => "early-aggregation",
            Self::DistinctCounts => "distinct-counts",
            Self::DistinctFirst => "distinct-first",
            Self::CommonSubexpressions => "common-subexpressions",
            Self::DynamicFilters => "dynamic-filters",
        }
    }
}

impl fmt::Display for OptimizerRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which rules apply; all by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// A bit for each rule.
    applied: u32,
}

impl Rules {
    /// No rule applies.
    pub(crate) const NONE: Self = Self { applied: 0 };

    /// Whether a rule applies.
    pub(crate) fn apply(self, rule: OptimizerRule) -> bool {
        self.applied & (1 << rule as u32) != 0
    }

    /// The other rules.
    pub(crate) fn without(self, rule: OptimizerRule) -> Self {
        Self { applied: self.applied & !(1 << rule as u32) }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self { applied: u32::MAX }
    }
}

//! Which side of a join is held, and how it is spread over the cluster.

use polars_core::prelude::PlSmallStr;
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;
use quokka_operators::join::{Distribution, JoinOptions, JoinType as OperatorType, Side};

use crate::plan::cardinality::Estimates;
use crate::plan::expression::NamedExpr;
use crate::plan::join::Join;
use crate::plan::logical::{LogicalPlan, Node};

/// More rows than this are not sent to every process, however many the other side has.
const BROADCAST_ROWS: f64 = (1u64 << 20) as f64;

/// Where rows of the held side leave on their own at the end, holding it has to spare so many times as many rows.
const LATE_ROWS: f64 = 4.0;

/// The side to hold: the smaller one. Where rows of the held side leave on their own at the end, only if that pays. The rows
/// that either side has to group count too: what the held side knows reaches the tables of the other, whose groups without
/// a match are then never made.
pub(super) fn build_side(join: &Join, left: &LogicalPlan, right: &LogicalPlan, estimates: &Estimates) -> Side {
    let (left_rows, right_rows) = match (estimates.rows(left), estimates.rows(right)) {
        (Some(left), Some(right)) => (left, right),
        // A side of known size is not the one that surprises.
        (Some(_), None) if join.how == JoinType::Inner => return Side::Left,
        _ => return JoinOptions::new(operator_type(&join.how)).build,
    };
    let late = |keeps_rows| if keeps_rows { LATE_ROWS } else { 1.0 };
    let grouped_left = Grouping::of(left, join.keys.iter().map(|key| &key.left), estimates);
    let grouped_right = Grouping::of(right, join.keys.iter().map(|key| &key.right), estimates);
    let held_left = left_rows * late(join.keeps_left() || join.filters_left())
        + grouped_left.rows
        + if join.keeps_right() { grouped_right.rows } else { grouped_right.rows_for(left_rows) };
    let held_right = right_rows * late(join.keeps_right())
        + grouped_right.rows
        + if join.keeps_left() { grouped_left.rows } else { grouped_left.rows_for(right_rows) };
    if held_left < held_right { Side::Left } else { Side::Right }
}

/// Rows that a side of a join groups by a key of the join.
#[derive(Default)]
struct Grouping {
    rows: f64,
    groups: f64,
}

impl Grouping {
    fn of<'a>(plan: &LogicalPlan, keys: impl Iterator<Item = &'a Expr>, estimates: &Estimates) -> Self {
        let grouping = |key: &Expr| match key {
            Expr::Column(name) => Self::by(plan, name, estimates),
            _ => None,
        };
        keys.filter_map(grouping).max_by(|one, other| one.rows.total_cmp(&other.rows)).unwrap_or_default()
    }

    fn by(plan: &LogicalPlan, key: &PlSmallStr, estimates: &Estimates) -> Option<Self> {
        let origin = |exprs: &[NamedExpr]| exprs.iter().find(|named| named.name == *key)?.source_column().cloned();
        match plan.node() {
            Node::Filter { input, .. } | Node::Placed { input, .. } => Self::by(input, key, estimates),
            Node::Select { input, exprs } => Self::by(input, &origin(exprs)?, estimates),
            Node::WithColumns { input, exprs } if exprs.iter().all(|named| named.name != *key) => {
                Self::by(input, key, estimates)
            },
            Node::Aggregate { input, keys, .. } => {
                let groups = estimates.column(input, &origin(keys)?)?.distinct;
                Some(Self { rows: estimates.rows(input)?, groups })
            },
            _ => None,
        }
    }

    /// Rows that are left to group if only `keys` keys are asked for.
    fn rows_for(&self, keys: f64) -> f64 {
        self.rows * (keys / self.groups.max(1.0)).min(1.0)
    }
}

/// A small side is sent to every process of a cluster, so that rows of the large one stay where they are.
pub(super) fn distribution(
    join: &Join,
    build: Side,
    left: &LogicalPlan,
    right: &LogicalPlan,
    processes: usize,
    estimates: &Estimates,
) -> Distribution {
    if join.how == JoinType::Cross {
        return Distribution::Broadcast;
    }
    // Which of its rows found no match in any process, a broadcast side cannot know.
    let (build_plan, probe_plan, emits_build_rows) = match build {
        Side::Left => (left, right, join.keeps_left() || join.filters_left()),
        Side::Right => (right, left, join.keeps_right()),
    };
    match (estimates.rows(build_plan), estimates.rows(probe_plan)) {
        (Some(build_rows), Some(probe_rows))
            if processes > 1
                && !emits_build_rows
                && build_rows <= BROADCAST_ROWS
                && build_rows * 2.0 * processes as f64 <= probe_rows =>
        {
            Distribution::Broadcast
        },
        _ => Distribution::Partitioned,
    }
}

pub(super) fn operator_type(how: &JoinType) -> OperatorType {
    match how {
        JoinType::Inner => OperatorType::Inner,
        JoinType::Left => OperatorType::Left,
        JoinType::Right => OperatorType::Right,
        JoinType::Full => OperatorType::Full,
        JoinType::Semi => OperatorType::Semi,
        JoinType::Anti => OperatorType::Anti,
        JoinType::Cross => OperatorType::Cross,
    }
}

//! Which side of a join is held, and how it is spread over the cluster.

use polars_ops::prelude::JoinType;
use quokka_operators::join::{Distribution, JoinOptions, JoinType as OperatorType, Side};

use crate::plan::cardinality::Estimates;
use crate::plan::join::Join;
use crate::plan::logical::LogicalPlan;

/// More rows than this are not sent to every process, however many the other side has.
const BROADCAST_ROWS: f64 = (1u64 << 20) as f64;

/// Where rows of the held side leave on their own at the end, holding it has to spare so many times as many rows.
const LATE_ROWS: f64 = 4.0;

/// The side to hold: the smaller one. Where rows of the held side leave on their own at the end, only if that pays.
pub(super) fn build_side(join: &Join, left: &LogicalPlan, right: &LogicalPlan, estimates: &Estimates) -> Side {
    let (left, right) = match (estimates.rows(left), estimates.rows(right)) {
        (Some(left), Some(right)) => (left, right),
        // A side of known size is not the one that surprises.
        (Some(_), None) if join.how == JoinType::Inner => return Side::Left,
        _ => return JoinOptions::new(operator_type(&join.how)).build,
    };
    let is_left = match join.how {
        JoinType::Left | JoinType::Semi | JoinType::Anti => left * LATE_ROWS < right,
        JoinType::Right => left <= right * LATE_ROWS,
        _ => left < right,
    };
    if is_left { Side::Left } else { Side::Right }
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

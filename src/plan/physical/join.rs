//! Joins: a build side that is held, a probe side that streams.

use std::sync::Arc;

use polars_core::prelude::{PlSmallStr, Schema, SchemaRef};
use polars_ops::prelude::{JoinCoalesce, JoinType};
use quokka_engine::expr::prelude::{Expr, coalesce, col};
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::Input;
use quokka_operators::join::{Distribution, HashJoin, JoinInput, JoinOptions, Side};

use super::cardinality::estimate;
use super::keys::KeyColumns;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::expression::{NamedExpr, substitute};
use crate::plan::join::{Join, JoinSource};
use crate::plan::logical::LogicalPlan;

/// More rows than this are not sent to every process, however many the other side has.
const BROADCAST_ROWS: u64 = 1 << 20;

impl Lowering {
    pub(super) fn join(&mut self, left: &LogicalPlan, right: &LogicalPlan, join: &Join, schema: &SchemaRef) -> Lowered {
        let build = build_side(join, left, right);
        let distribution = self.distribution(join, build, left, right);

        // The build side comes first in the plan: the probe side waits for it.
        let (left_keys, right_keys) = (
            KeyColumns::new(
                join.keys.iter().map(|key| (key.left.clone(), Some(key.dtype.clone()))),
                "left_key",
                left.schema(),
            )?,
            KeyColumns::new(
                join.keys.iter().map(|key| (key.right.clone(), Some(key.dtype.clone()))),
                "right_key",
                right.schema(),
            )?,
        );
        let (build_plan, build_keys, probe_plan, probe_keys) = match build {
            Side::Left => (left, &left_keys, right, &right_keys),
            Side::Right => (right, &right_keys, left, &left_keys),
        };
        let build_stream = self.lower(build_plan, Order::Ignored)?;
        let build_stream = self.with_key_columns(build_stream, build_keys)?;
        let probe_stream = self.lower(probe_plan, Order::Ignored)?;
        let mut probe_stream = self.with_key_columns(probe_stream, probe_keys)?;

        let (left_schema, right_schema) = match build {
            Side::Left => (&build_stream.schema, &probe_stream.schema),
            Side::Right => (&probe_stream.schema, &build_stream.schema),
        };
        let names = PairNames::new(left_schema, right_schema);
        let mut options = JoinOptions::new(operator_type(&join.how))
            .with_build(build)
            .with_nulls_equal(join.nulls_equal)
            .with_coalesce(JoinCoalesce::KeepColumns)
            .with_suffix(names.suffix.clone())
            .with_distribution(distribution)
            .with_projection(names.projection(join, &left_keys, &right_keys));
        if let Some(condition) = &join.condition {
            let physical = |name: &PlSmallStr| {
                let column = condition.columns.iter().find(|column| column.name == *name)?;
                Some(Expr::Column(names.of(&column.source)?))
            };
            options.condition = substitute(&condition.predicate, physical);
        }
        let stays = self.processes == 1 || distribution == Distribution::Broadcast;
        if stays && let Some(node) = self.plan.nodes.get(probe_stream.node) {
            options = options.with_probe_channels(node.channels);
        }
        let operators = HashJoin::new(
            JoinInput { schema: left_schema.clone(), on: left_keys.names().to_vec() },
            JoinInput { schema: right_schema.clone(), on: right_keys.names().to_vec() },
            options,
        )?;

        let partitioning = match distribution {
            Distribution::Broadcast => Partitioning::BroadcastToProcesses,
            Distribution::Partitioned => Partitioning::Hash(build_keys.names().to_vec()),
        };
        let edge = vec![Input { from: build_stream.node, partitioning }];
        self.operator(operators.build.clone(), edge, Arc::new(Schema::default()));

        for source in &probe_stream.sources {
            if let Some(node) = self.plan.nodes.get_mut(*source) {
                node.gates.push(operators.gate.clone());
            }
        }
        if stays {
            probe_stream = self.fuse(probe_stream, operators.probe.clone(), operators.schema.clone());
        } else {
            let partitioning = Partitioning::HashToProcess(probe_keys.names().to_vec());
            probe_stream = self.exchange(probe_stream, partitioning, operators.probe.clone(), operators.schema.clone());
        }
        if let Some(node) = self.plan.nodes.get_mut(probe_stream.node)
            && !probe_stream.sources.contains(&probe_stream.node)
        {
            node.gates.push(operators.gate.clone());
        }
        probe_stream.sources.extend(build_stream.sources);
        probe_stream.placement = if self.workers == 1 { Placement::One } else { Placement::Spread };
        self.output(probe_stream, join, &names, &left_keys, &right_keys, schema)
    }

    /// Gives the columns that the operator delivers their names, and makes coalesced keys.
    fn output(
        &mut self,
        stream: Stream,
        join: &Join,
        names: &PairNames,
        left_keys: &KeyColumns,
        right_keys: &KeyColumns,
        schema: &SchemaRef,
    ) -> Lowered {
        let exprs: Vec<NamedExpr> = join
            .columns
            .iter()
            .filter_map(|column| {
                let expr = match &column.source {
                    JoinSource::Key(index) => {
                        let left = names.left(left_keys.names().get(*index)?);
                        let right = names.right(right_keys.names().get(*index)?);
                        coalesce(&[col(left), col(right)])
                    },
                    source => Expr::Column(names.of(source)?),
                };
                Some(NamedExpr { name: column.name.clone(), expr })
            })
            .collect();
        if exprs.iter().all(NamedExpr::is_plain) {
            return Ok(stream);
        }
        self.project(stream, &exprs, schema)
    }

    fn distribution(&self, join: &Join, build: Side, left: &LogicalPlan, right: &LogicalPlan) -> Distribution {
        if join.how == JoinType::Cross {
            return Distribution::Broadcast;
        }
        let (build_plan, probe_plan) = match build {
            Side::Left => (left, right),
            Side::Right => (right, left),
        };
        let emits_build_rows = match build {
            Side::Left => join.keeps_left() || join.filters_left(),
            Side::Right => join.keeps_right(),
        };
        match (estimate(build_plan), estimate(probe_plan)) {
            (Some(build_rows), Some(probe_rows))
                if self.processes > 1
                    && !emits_build_rows
                    && build_rows <= BROADCAST_ROWS
                    && build_rows.saturating_mul(2 * self.processes as u64) <= probe_rows =>
            {
                Distribution::Broadcast
            },
            _ => Distribution::Partitioned,
        }
    }
}

/// The side to hold: the smaller one. Where rows of the held side leave on their own at the end, only if that pays.
fn build_side(join: &Join, left: &LogicalPlan, right: &LogicalPlan) -> Side {
    let (Some(left), Some(right)) = (estimate(left), estimate(right)) else {
        return JoinOptions::new(operator_type(&join.how)).build;
    };
    let is_left = match join.how {
        JoinType::Left | JoinType::Semi | JoinType::Anti => left.saturating_mul(4) < right,
        JoinType::Right => left <= right.saturating_mul(4),
        _ => left < right,
    };
    if is_left { Side::Left } else { Side::Right }
}

fn operator_type(how: &JoinType) -> quokka_operators::join::JoinType {
    use quokka_operators::join::JoinType as Operator;
    match how {
        JoinType::Inner => Operator::Inner,
        JoinType::Left => Operator::Left,
        JoinType::Right => Operator::Right,
        JoinType::Full => Operator::Full,
        JoinType::Semi => Operator::Semi,
        JoinType::Anti => Operator::Anti,
        JoinType::Cross => Operator::Cross,
    }
}

/// The names that the join operator gives the columns of both sides if it keeps all.
struct PairNames {
    left: SchemaRef,
    suffix: PlSmallStr,
}

impl PairNames {
    fn new(left: &SchemaRef, right: &SchemaRef) -> Self {
        let mut suffix = String::from("_right");
        let clashes = |suffix: &str| {
            right.iter_names().filter(|name| left.contains(*name)).any(|name| {
                let suffixed = format!("{name}{suffix}");
                left.contains(&suffixed) || right.contains(&suffixed)
            })
        };
        while clashes(&suffix) {
            suffix.insert(0, '_');
        }
        Self { left: left.clone(), suffix: suffix.into() }
    }

    fn left(&self, name: &PlSmallStr) -> PlSmallStr {
        name.clone()
    }

    fn right(&self, name: &PlSmallStr) -> PlSmallStr {
        if self.left.contains(name) { format!("{name}{}", self.suffix).into() } else { name.clone() }
    }

    /// The name of a column of one side.
    fn of(&self, source: &JoinSource) -> Option<PlSmallStr> {
        match source {
            JoinSource::Left(name) => Some(self.left(name)),
            JoinSource::Right(name) => Some(self.right(name)),
            JoinSource::Key(_) => None,
        }
    }

    /// The columns that the operator has to deliver, each once.
    fn projection(&self, join: &Join, left_keys: &KeyColumns, right_keys: &KeyColumns) -> Vec<PlSmallStr> {
        let mut wanted: Vec<PlSmallStr> = Vec::new();
        for column in &join.columns {
            let names = match &column.source {
                JoinSource::Key(index) => {
                    let left = left_keys.names().get(*index).map(|name| self.left(name));
                    let right = right_keys.names().get(*index).map(|name| self.right(name));
                    [left, right]
                },
                source => [self.of(source), None],
            };
            for name in names.into_iter().flatten() {
                if !wanted.contains(&name) {
                    wanted.push(name);
                }
            }
        }
        wanted
    }
}

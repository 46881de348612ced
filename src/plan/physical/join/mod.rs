//! Joins: a build side that is held, a probe side that streams.

mod names;
mod sides;

use std::sync::Arc;

use polars_core::prelude::{PlSmallStr, Schema, SchemaRef};
use polars_ops::prelude::{JoinCoalesce, JoinType};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_engine::expr::prelude::{Expr, coalesce, col};
use quokka_engine::gate::Gate;
use quokka_engine::partitioning::Partitioning;
use quokka_engine::plan::{Channels, Input};
use quokka_operators::join::{Distribution, HashJoin, JoinInput, JoinOptions, Side};

use self::names::PairNames;
use self::sides::{build_side, distribution, operator_type};
use super::dynamic_filter::{Doomed, of_side};
use super::keys::KeyColumns;
use super::place::in_turn;
use super::trace::Handover;
use super::{Lowered, Lowering, Order, Placement, Stream};
use crate::plan::expression::{NamedExpr, substitute};
use crate::plan::join::{Join, JoinColumn, JoinKey, JoinSource};
use crate::plan::logical::LogicalPlan;

/// The key columns of both sides.
struct Keys {
    left: KeyColumns,
    right: KeyColumns,
}

impl Lowering<'_> {
    pub(super) fn join(
        &mut self,
        left: &LogicalPlan,
        right: &LogicalPlan,
        join: &Join,
        schema: &SchemaRef,
        doomed: Vec<Doomed>,
    ) -> Lowered {
        let wanted = self.take_wanted();
        let build = build_side(join, left, right, self.estimates);
        let distribution = match &wanted {
            // The workers that are wanted hold the build side, each a part.
            Some(_) if join.how != JoinType::Cross => Distribution::Partitioned,
            _ => distribution(join, build, left, right, self.processes, self.estimates),
        };
        let keys = Keys {
            left: key_columns(join, |key| &key.left, "left_key", left)?,
            right: key_columns(join, |key| &key.right, "right_key", right)?,
        };
        let (build_plan, build_keys, probe_plan, probe_keys) = match build {
            Side::Left => (left, &keys.left, right, &keys.right),
            Side::Right => (right, &keys.right, left, &keys.left),
        };
        self.filters.expect(of_side(join, build, left, right, &doomed));
        let build_stream = self.lower(build_plan, Order::Ignored)?;
        let build_stream = self.with_key_columns(build_stream, build_keys)?;
        let (index, by_build) = self.filters.add_join(join, build.opposite(), probe_plan);
        let by_others = of_side(join, build.opposite(), left, right, &doomed);
        self.filters.expect(by_build.into_iter().chain(by_others).collect());
        let probe_stream = self.lower(probe_plan, Order::Ignored)?;
        let probe_stream = self.with_key_columns(probe_stream, probe_keys)?;

        let (left_schema, right_schema) = match build {
            Side::Left => (&build_stream.schema, &probe_stream.schema),
            Side::Right => (&probe_stream.schema, &build_stream.schema),
        };
        let names = PairNames::new(left_schema, right_schema);
        let by_key = Partitioning::Hash(build_keys.names().to_vec());
        let (partitioning, channels) = match (distribution, &wanted) {
            (Distribution::Broadcast, wanted) => {
                (Partitioning::BroadcastToProcesses, wanted.clone().unwrap_or(Channels::All))
            },
            (_, Some(one)) if one.count(self.workers) == 1 => self.to_one(&build_stream, Some(one)),
            (_, Some(wanted)) => (by_key, wanted.clone()),
            _ if self.builds_on_one(build_plan, probe_plan) => self.to_one(&build_stream, None),
            _ => (by_key, Channels::All),
        };
        // Between processes a probe row travels to the one that owns its key, unless all have the build side. The workers
        // of a process share it.
        let stays = match (distribution, &wanted) {
            (_, Some(wanted)) if self.processes == 1 || distribution == Distribution::Broadcast => {
                wanted.include(&probe_stream.channels, self.workers)
            },
            (Distribution::Broadcast, None) => true,
            _ => self.processes == 1 || probe_stream.placement == Placement::One && probe_stream.channels == channels,
        };
        let options = options(join, &names, &keys)?.with_build(build).with_distribution(distribution);
        let options = options.with_build_channels(channels.clone()).with_filters(self.filters.of_join(index));
        let emits_build_rows = options.emits_build_rows();
        let operators = HashJoin::new(
            JoinInput { schema: left_schema.clone(), on: keys.left.names().to_vec() },
            JoinInput { schema: right_schema.clone(), on: keys.right.names().to_vec() },
            options,
        )?;

        let exchanges_filters =
            self.processes > 1 && distribution == Distribution::Partitioned && !self.filters.of_join(index).is_empty();
        let edge = vec![Input { from: build_stream.node, partitioning }];
        let emitted = if exchanges_filters { HashJoin::filter_schema() } else { Arc::new(Schema::default()) };
        let build_node = self.operator(operators.build.clone(), edge, emitted, channels.clone());
        let mut gates = vec![operators.gate.clone()];
        if exchanges_filters {
            // Each process knows the build keys that it owns; its scans may read probe rows of any key.
            let (collect, gate) = operators.collect_filters();
            let edge = vec![Input { from: build_node, partitioning: Partitioning::BroadcastToProcesses }];
            self.operator(collect, edge, Arc::new(Schema::default()), Channels::All);
            gates.push(gate);
        }

        let mut joined = if stays {
            self.fuse(probe_stream, operators.probe.clone(), operators.schema.clone())
        } else {
            let partitioning = match distribution {
                Distribution::Broadcast => in_turn(),
                Distribution::Partitioned => Partitioning::HashToProcess(probe_keys.names().to_vec()),
            };
            self.exchange(
                probe_stream,
                (partitioning, channels.clone()),
                operators.probe.clone(),
                operators.schema.clone(),
            )
        };
        let probe = self.last_operator(&joined);
        self.handovers.push(Handover { from: build_node, to: probe, what: "build side" });
        gates.iter().for_each(|gate| self.wait_for(gate, &joined));
        joined.sources.extend(build_stream.sources);
        if emits_build_rows {
            let workers = joined.channels.workers(self.workers).chain(channels.workers(self.workers));
            joined.channels = Channels::new(workers, self.workers);
        }
        joined.placement = if joined.channels.count(self.workers) == 1 { Placement::One } else { Placement::Spread };
        self.join_output(joined, join, &names, &keys, schema)
    }

    /// Whether one worker holds the build side, which is small. Between processes, its process then gets all probe rows: if
    /// they are few as well.
    fn builds_on_one(&self, build: &LogicalPlan, probe: &LogicalPlan) -> bool {
        self.is_small(build) && (self.processes == 1 || self.is_small(probe))
    }

    /// Holds `stream` and the sources that it comes from back until `gate` opens.
    pub(super) fn wait_for(&mut self, gate: &Arc<Gate>, stream: &Stream) {
        let mut waiting = stream.sources.clone();
        if !waiting.contains(&stream.node) {
            waiting.push(stream.node);
        }
        for node in waiting {
            if let Some(node) = self.plan.nodes.get_mut(node) {
                node.gates.push(gate.clone());
            }
        }
    }

    /// Gives the columns that the operator delivers their names, and makes coalesced keys.
    fn join_output(
        &mut self,
        stream: Stream,
        join: &Join,
        names: &PairNames,
        keys: &Keys,
        schema: &SchemaRef,
    ) -> Lowered {
        let expr = |source: &JoinSource| match source {
            JoinSource::Key(index) => {
                let left = names.left(keys.left.names().get(*index)?);
                let right = names.right(keys.right.names().get(*index)?);
                Some(coalesce(&[col(left), col(right)]))
            },
            source => names.of(source).map(Expr::Column),
        };
        let named = |column: &JoinColumn| Some(NamedExpr { name: column.name.clone(), expr: expr(&column.source)? });
        let exprs: Vec<NamedExpr> = join.columns.iter().filter_map(named).collect();
        if exprs.iter().all(NamedExpr::is_plain) {
            return Ok(stream);
        }
        self.project(stream, &exprs, schema)
    }
}

fn key_columns(
    join: &Join,
    side: impl Fn(&JoinKey) -> &Expr,
    kind: &str,
    plan: &LogicalPlan,
) -> Result<KeyColumns, OperatorError> {
    KeyColumns::new(join.keys.iter().map(|key| (side(key).clone(), Some(key.dtype.clone()))), kind, plan.schema())
}

/// What the operator is asked for: the columns that are needed, under its own names.
fn options(join: &Join, names: &PairNames, keys: &Keys) -> Result<JoinOptions, OperatorError> {
    let options = JoinOptions::new(operator_type(&join.how))
        .with_nulls_equal(join.nulls_equal)
        .with_coalesce(JoinCoalesce::KeepColumns)
        .with_suffix(names.suffix.clone())
        .with_projection(names.projection(join, &keys.left, &keys.right));
    let Some(condition) = &join.condition else { return Ok(options) };
    let physical = |name: &PlSmallStr| {
        let column = condition.columns.iter().find(|column| column.name == *name)?;
        Some(Expr::Column(names.of(&column.source)?))
    };
    match substitute(&condition.predicate, physical) {
        Some(condition) => Ok(options.with_condition(condition)),
        None => {
            let message = format!("join condition `{}` names a column that neither side has", condition.predicate);
            Err(OperatorError::message(ErrorKind::Internal, message))
        },
    }
}

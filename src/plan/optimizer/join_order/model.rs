//! How many rows a set of relations joins to, and what a join costs.

use polars_core::prelude::PlHashMap;

use super::classes::over_relation;
use super::graph::{Edge, Graph, Scoped};
use super::set::Set;
use crate::plan::cardinality::{ColumnEstimate, Equality, Estimates, key_selectivity};
use crate::plan::logical::{LogicalPlan, Node};

/// What a row costs that is held: it is exchanged, hashed and written to a table, which it makes larger for all others.
const BUILD: f64 = 3.0;

/// What a row costs that is looked up in a small table and passes on; each time that the table is twice as large as
/// what a cache holds, it costs more by [`MISS`].
const PROBE: f64 = 1.0;
const MISS: f64 = 0.1;
const CACHED: f64 = 4096.0;

/// What a row of a table costs that the scan drops, as it knows what was built.
const DROPPED: f64 = 0.25;

/// What a row of the result costs.
const OUTPUT: f64 = 1.0;

/// Of the pairs that have equal keys, a predicate over several relations keeps one in so many.
const PREDICATE: f64 = 3.0;

/// The side of a semi or anti join that is filtered is held only if it is smaller by this factor.
const LATE_ROWS: f64 = 4.0;

/// Figures for the relations of a graph. Those that only filter come after the others.
pub(super) struct Model<'a> {
    graph: &'a Graph,
    relations: Vec<f64>,
    filters: Vec<Filter>,
    classes: Vec<Vec<Member>>,
    /// The share of pairs that each edge keeps.
    edges: Vec<f64>,
    /// Relations that are read from tables.
    tables: Set,
    rows: PlHashMap<Set, f64>,
}

/// A semi or anti join.
struct Filter {
    /// Rows of its right side.
    rows: f64,
    /// Whether the right side is read from a table.
    is_table: bool,
    /// The share of left rows that pass.
    share: f64,
}

/// A column of a class.
struct Member {
    relation: usize,
    domain: f64,
    column: ColumnEstimate,
}

/// The cheaper way to join two sets.
pub(super) struct Step {
    pub(super) cost: f64,
    pub(super) probe: Set,
    pub(super) build: Set,
}

impl<'a> Model<'a> {
    /// Figures for `graph`; `None` if the size of a relation is unknown.
    pub(super) fn new(graph: &'a Graph, estimates: &Estimates) -> Option<Self> {
        let relations = graph.relations.iter().map(|plan| estimates.rows(plan)).collect::<Option<Vec<f64>>>()?;
        let mut classes = Vec::new();
        for class in &graph.classes {
            let mut members = Vec::new();
            for member in &class.members {
                let column = estimates.column(graph.relations.get(member.relation)?, &member.column)?;
                members.push(Member { relation: member.relation, domain: column.domain, column });
            }
            bound_domains(&mut members);
            classes.push(members);
        }
        let edges = graph.edges.iter().map(|edge| edge_selectivity(graph, edge, estimates));
        let edges = edges.collect();
        let filters = (0..graph.filters.len()).map(|index| filter(graph, index, estimates)).collect::<Option<_>>()?;
        let tables = graph.relations.iter().enumerate().filter(|(_, plan)| is_table(plan)).map(|(index, _)| index);
        let tables = tables.collect();
        Some(Self { graph, relations, filters, classes, edges, tables, rows: PlHashMap::default() })
    }

    /// About how many rows the relations of `set` join to.
    pub(super) fn rows(&mut self, set: Set) -> f64 {
        if let Some(rows) = self.rows.get(&set) {
            return *rows;
        }
        let rows = self.compute_rows(set);
        self.rows.insert(set, rows);
        rows
    }

    fn compute_rows(&self, set: Set) -> f64 {
        let mut rows = 1.0;
        // The least domain of the members of each class so far.
        let mut least: Vec<Option<f64>> = vec![None; self.classes.len()];
        let mut earlier = Set::default();
        for index in set.iter() {
            if let Some(filter) = index.checked_sub(self.relations.len()).and_then(|index| self.filters.get(index)) {
                rows *= filter.share;
                continue;
            }
            rows *= self.relations.get(index).copied().unwrap_or(1.0) / self.combinations(index, earlier, &least);
            for (class, least) in self.classes.iter().zip(&mut least) {
                if let Some(member) = class.iter().find(|member| member.relation == index) {
                    rows *= 1.0 - member.column.nulls;
                    *least = Some(least.map_or(member.domain, |least| least.min(member.domain)));
                }
            }
            earlier = earlier.with(Set::of(index));
        }
        for (edge, share) in self.graph.edges.iter().zip(&self.edges) {
            if set.includes(edge.left.relations().with(edge.right.relations())) {
                rows *= share;
            }
        }
        let held = |predicate: &&Scoped| {
            let relations = predicate.relations();
            !relations.is_empty() && set.includes(relations)
        };
        rows / PREDICATE.powi(self.graph.predicates.iter().filter(held).count() as i32)
    }

    /// Of how many rows of `index` one matches a row of the relations in `earlier`, whose classes have these domains.
    fn combinations(&self, index: usize, earlier: Set, least: &[Option<f64>]) -> f64 {
        let mut joined: Vec<(&Vec<Member>, &Member, f64)> = Vec::new();
        for (class, least) in self.classes.iter().zip(least) {
            if let (Some(member), Some(least)) = (class.iter().find(|member| member.relation == index), least) {
                joined.push((class, member, member.domain.max(*least).max(1.0)));
            }
        }
        // Columns that also appear together in another relation have no more combinations than the smaller of the two
        // tables has rows: they are its key.
        let together =
            |other: usize| joined.iter().filter(move |(class, ..)| class.iter().any(|m| m.relation == other));
        let partner = earlier.descending().max_by_key(|other| together(*other).count());
        let Some(partner) = partner.filter(|partner| together(*partner).count() > 1) else {
            return joined.iter().map(|(.., domain)| domain).product();
        };
        let (mut shared, mut alone, mut most) = (1.0, 1.0, f64::INFINITY);
        for (class, member, domain) in &joined {
            match class.iter().find(|other| other.relation == partner) {
                Some(other) => {
                    shared *= domain;
                    most = most.min(member.column.origin.rows).min(other.column.origin.rows);
                },
                None => alone *= domain,
            }
        }
        shared.min(most.max(1.0)) * alone
    }

    /// The cheaper way to join `one` and `other`.
    pub(super) fn join(&mut self, one: Set, other: Set) -> Step {
        let relations = self.relations.len();
        let as_filter = |set: Set| set.only().and_then(|index| index.checked_sub(relations));
        let output = self.rows(one.with(other)).max(1.0);
        for (filter, filtered) in [(one, other), (other, one)] {
            if let Some(index) = as_filter(filter) {
                let left = self.rows(filtered).max(1.0);
                let cost = OUTPUT * output + self.filter_cost(index, left, output, self.reads_table(filtered));
                return Step { cost, probe: filtered, build: filter };
            }
        }
        let (one_rows, other_rows) = (self.rows(one).max(1.0), self.rows(other).max(1.0));
        let (probe, build) = if one_rows < other_rows { (other, one) } else { (one, other) };
        let (probe_rows, build_rows) = (one_rows.max(other_rows), one_rows.min(other_rows));
        let probed = if self.share_key(one, other) {
            passing(probe_rows, output, build_rows, self.reads_table(probe))
        } else {
            probe_rows * build_rows
        };
        Step { cost: OUTPUT * output + BUILD * build_rows + probed, probe, build }
    }

    fn filter_cost(&self, index: usize, left: f64, output: f64, left_is_table: bool) -> f64 {
        let Some(filter) = self.filters.get(index) else { return 0.0 };
        let right = filter.rows.max(1.0);
        if left * LATE_ROWS < right {
            // The right side looks up the left one, of whose keys it may have many.
            return BUILD * left + passing(right, right.min(left * LATE_ROWS), left, filter.is_table);
        }
        BUILD * right + passing(left, output, right, left_is_table)
    }

    /// Whether equal keys connect two sets.
    fn share_key(&self, one: Set, other: Set) -> bool {
        let class = self.graph.classes.iter().any(|class| {
            let relations = class.relations();
            !relations.both(one).is_empty() && !relations.both(other).is_empty()
        });
        class
            || self.graph.edges.iter().any(|edge| {
                let (left, right) = (edge.left.relations(), edge.right.relations());
                (one.includes(left) && other.includes(right)) || (one.includes(right) && other.includes(left))
            })
    }

    fn reads_table(&self, set: Set) -> bool {
        set.only().is_some_and(|index| self.tables.has(index))
    }
}

/// What looking up `rows` rows among `held` ones costs, if `output` find a match. What a table holds in vain its scan
/// drops.
fn passing(rows: f64, output: f64, held: f64, is_table: bool) -> f64 {
    let found = output.min(rows);
    let looked_up = PROBE * found + if is_table { DROPPED } else { PROBE } * (rows - found);
    looked_up * (1.0 + MISS * (held / CACHED).max(1.0).log2())
}

/// Where values were not counted, there are no more than another relation of the class has rows: joins follow foreign
/// keys.
fn bound_domains(members: &mut [Member]) {
    let bounds: Vec<f64> = (0..members.len())
        .map(|index| {
            let others = members.iter().enumerate().filter(|(other, _)| *other != index);
            others.map(|(_, member)| member.column.origin.rows).fold(f64::INFINITY, f64::min)
        })
        .collect();
    for (member, bound) in members.iter_mut().zip(bounds) {
        if !member.column.counted {
            member.domain = member.domain.min(bound);
        }
    }
}

fn edge_selectivity(graph: &Graph, edge: &Edge, estimates: &Estimates) -> f64 {
    match (scoped(graph, &edge.left, estimates), scoped(graph, &edge.right, estimates)) {
        (Some(left), Some(right)) => key_selectivity(&[Equality { left, right }]),
        _ => 0.1,
    }
}

/// What is known of an expression over one relation.
fn scoped(graph: &Graph, scoped: &Scoped, estimates: &Estimates) -> Option<ColumnEstimate> {
    let plan = graph.relations.get(scoped.relations().only()?)?;
    match scoped.attribute() {
        Some(attribute) => estimates.column(plan, &attribute.column),
        None => estimates.expression(plan, &over_relation(scoped)?),
    }
}

fn filter(graph: &Graph, index: usize, estimates: &Estimates) -> Option<Filter> {
    let filter = graph.filters.get(index)?;
    let rows = estimates.rows(&filter.right)?;
    let keys: Vec<Equality> = filter
        .keys
        .iter()
        .filter_map(|key| {
            let right = estimates.expression(&filter.right, &key.right)?;
            Some(Equality { left: scoped(graph, &key.left, estimates)?, right })
        })
        .collect();
    let met = if keys.is_empty() { 0.5 } else { estimates.share_met(rows, &keys) };
    let met = if filter.condition.is_some() { met / PREDICATE } else { met };
    let share = if filter.is_semi() { met } else { (1.0 - met).max(0.05) };
    Some(Filter { rows, is_table: is_table(&filter.right), share })
}

/// Whether the rows of a plan come straight from a table.
fn is_table(plan: &LogicalPlan) -> bool {
    match plan.node() {
        Node::Scan { .. } => true,
        Node::Filter { input, .. } | Node::Select { input, .. } | Node::WithColumns { input, .. } => is_table(input),
        _ => false,
    }
}

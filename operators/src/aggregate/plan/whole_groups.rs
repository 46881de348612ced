//! Aggregates that need whole groups: the rows of a group meet on the owner of its key.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::GroupPositions;
use polars_core::schema::{Schema, SchemaRef};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::prelude::col;
use quokka_engine::expr::{Expr, GroupProjection, Projection, columns_of};

use super::two_phase::TwoPhase;
use super::{Named, describe, internal_name};
use crate::sketch::with_own_sketches;

/// A group-by that exchanges rows. Aggregates that decompose are folded as rows come if that makes columns that need not be
/// held.
pub(crate) struct WholeGroups {
    /// Columns of the exchanged rows that hold the keys.
    keys: Vec<PlSmallStr>,
    key_schema: SchemaRef,
    /// From rows to the columns that aggregates read, and the keys.
    pre: Projection,
    /// The columns of the exchanged rows that are held: what `aggregates` read, and the keys.
    held: SchemaRef,
    aggregates: Aggregates,
    /// Aggregates of exchanged rows that no row has to be held for.
    folded: Option<Arc<TwoPhase>>,
    output: SchemaRef,
    /// The aggregates, for `explain`.
    description: String,
}

enum Aggregates {
    /// One row for each group.
    Groups(GroupProjection),
    /// Without keys: all rows are the group, as in Polars' `select`.
    Frame(Projection),
}

impl WholeGroups {
    pub fn new(keys: &[Named], aggs: &[Named], schema: &SchemaRef) -> Result<Self, OperatorError> {
        let read: Vec<PlSmallStr> = schema
            .iter_names()
            .filter(|name| aggs.iter().any(|agg| columns_of(&agg.expr).contains(name)))
            .cloned()
            .collect();
        let mut pre: Vec<Expr> = read.iter().map(|name| col(name.clone())).collect();
        let mut names = Vec::with_capacity(keys.len());
        for (i, key) in keys.iter().enumerate() {
            let plain = matches!(&key.expr, Expr::Column(name) if name == &key.name);
            if plain && read.contains(&key.name) {
                names.push(key.name.clone());
                continue;
            }
            // Aggregates see the columns of the input, also where a key has the name of one.
            let taken =
                |name: &str| read.iter().any(|other| other == name) || keys.iter().any(|other| other.name == name);
            let name = if read.contains(&key.name) { internal_name("key", i, taken) } else { key.name.clone() };
            pre.push(key.expr.clone().alias(name.clone()));
            names.push(name);
        }
        let pre = Projection::compile(&pre, schema)?;
        let (folded, whole) = split(&names, aggs, pre.schema())?;
        let mut held = pre.schema().as_ref().clone();
        held.retain(|name, _| names.contains(name) || reads(&whole, name));
        let held = Arc::new(held);
        let exprs: Vec<Expr> =
            whole.iter().map(|agg| with_own_sketches(agg.expr.clone()).alias(agg.name.clone())).collect();
        let aggregates = if keys.is_empty() {
            Aggregates::Frame(Projection::compile(&exprs, &held)?)
        } else {
            Aggregates::Groups(GroupProjection::compile(&exprs, &held)?)
        };
        let folded = match folded.as_slice() {
            [] => None,
            folded => TwoPhase::new(&columns(&names), folded, pre.schema())?.map(Arc::new),
        };
        let mut key_schema = Schema::with_capacity(keys.len());
        let mut output = Schema::with_capacity(keys.len() + aggs.len());
        for (key, name) in keys.iter().zip(&names) {
            let dtype = pre.schema().try_get(name)?;
            key_schema.insert(name.clone(), dtype.clone());
            output.insert(key.name.clone(), dtype.clone());
        }
        for agg in aggs {
            let folded = folded.as_ref().and_then(|folded| folded.output_schema().get(&agg.name));
            let dtype = folded.map_or_else(|| aggregates.schema().try_get(&agg.name), Ok)?;
            output.insert(agg.name.clone(), dtype.clone());
        }
        Ok(Self {
            keys: names,
            key_schema: Arc::new(key_schema),
            pre,
            held,
            aggregates,
            folded,
            output: Arc::new(output),
            description: describe(aggs),
        })
    }

    pub fn key_names(&self) -> &[PlSmallStr] {
        &self.keys
    }

    pub fn key_schema(&self) -> &SchemaRef {
        &self.key_schema
    }

    pub fn exchanged_schema(&self) -> &SchemaRef {
        self.pre.schema()
    }

    pub fn output_schema(&self) -> &SchemaRef {
        &self.output
    }

    /// The aggregates, for `explain`.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The columns of `rows` that are exchanged.
    pub fn exchanged(&self, rows: &DataFrame) -> Result<DataFrame, OperatorError> {
        self.pre.evaluate(rows)
    }

    /// The columns of the exchanged rows that are held.
    pub fn held_schema(&self) -> &SchemaRef {
        &self.held
    }

    /// The aggregates that are folded as rows come.
    pub fn folded(&self) -> Option<&Arc<TwoPhase>> {
        self.folded.as_ref()
    }

    /// The output for some groups with the given keys; `groups` hold row numbers of `rows`. `folded` has a row for each of
    /// the groups, with the aggregates that were folded.
    pub fn finish(
        &self,
        keys: &DataFrame,
        rows: &DataFrame,
        groups: &GroupPositions,
        folded: Option<&DataFrame>,
    ) -> Result<DataFrame, OperatorError> {
        let values = match &self.aggregates {
            Aggregates::Groups(aggregates) => aggregates.evaluate(rows, groups)?,
            Aggregates::Frame(aggregates) => aggregates.select(rows)?,
        };
        let keys = keys.columns().iter().zip(self.output.iter_names());
        let mut columns: Vec<_> = keys.map(|(key, name)| key.clone().with_name(name.clone())).collect();
        for name in self.output.iter_names().skip(columns.len()) {
            columns.push(match folded.filter(|folded| folded.schema().contains(name)) {
                Some(folded) => folded.column(name)?.clone(),
                None => values.column(name)?.clone(),
            });
        }
        Ok(DataFrame::new(values.height(), columns)?)
    }
}

/// The aggregates that are folded, and those that need whole groups or read no column that is not held for these.
fn split(keys: &[PlSmallStr], aggs: &[Named], schema: &SchemaRef) -> Result<(Vec<Named>, Vec<Named>), OperatorError> {
    let (mut decompose, mut whole) = (Vec::new(), Vec::new());
    for agg in aggs {
        let plan = TwoPhase::new(&columns(keys), std::slice::from_ref(agg), schema)?;
        let list = if plan.is_some() { &mut decompose } else { &mut whole };
        list.push(agg.clone());
    }
    let is_held = |name: &PlSmallStr| keys.contains(name) || reads(&whole, name);
    let (kept, folded): (Vec<_>, Vec<_>) =
        decompose.into_iter().partition(|agg| columns_of(&agg.expr).iter().all(is_held));
    whole.extend(kept);
    Ok((folded, whole))
}

/// Whether any of some aggregates reads a column.
fn reads(aggs: &[Named], name: &PlSmallStr) -> bool {
    aggs.iter().any(|agg| columns_of(&agg.expr).contains(name))
}

/// Columns under their own names.
fn columns(names: &[PlSmallStr]) -> Vec<Named> {
    names.iter().map(|name| Named { name: name.clone(), expr: col(name.clone()) }).collect()
}

impl Aggregates {
    fn schema(&self) -> &SchemaRef {
        match self {
            Aggregates::Groups(aggregates) => aggregates.schema(),
            Aggregates::Frame(aggregates) => aggregates.schema(),
        }
    }
}

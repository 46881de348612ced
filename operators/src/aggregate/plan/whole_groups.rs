//! Aggregates that need whole groups: the rows of a group meet on the owner of its key.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::GroupPositions;
use polars_core::schema::{Schema, SchemaRef};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::prelude::col;
use quokka_engine::expr::{Expr, GroupProjection, Projection, columns_of};

use super::{Named, describe, internal_name};

/// A group-by that exchanges rows.
pub(crate) struct WholeGroups {
    /// Columns of the exchanged rows that hold the keys.
    keys: Vec<PlSmallStr>,
    key_schema: SchemaRef,
    /// From rows to the columns that aggregates read, and the keys.
    pre: Projection,
    aggregates: Aggregates,
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
        let mut key_schema = Schema::with_capacity(keys.len());
        let mut output = Schema::with_capacity(keys.len() + aggs.len());
        for (key, name) in keys.iter().zip(&names) {
            let dtype = pre.schema().try_get(name)?;
            key_schema.insert(name.clone(), dtype.clone());
            output.insert(key.name.clone(), dtype.clone());
        }
        let exprs: Vec<Expr> = aggs.iter().map(|agg| agg.expr.clone().alias(agg.name.clone())).collect();
        let aggregates = if keys.is_empty() {
            Aggregates::Frame(Projection::compile(&exprs, pre.schema())?)
        } else {
            Aggregates::Groups(GroupProjection::compile(&exprs, pre.schema())?)
        };
        output.merge(aggregates.schema().as_ref().clone());
        Ok(Self {
            keys: names,
            key_schema: Arc::new(key_schema),
            pre,
            aggregates,
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

    /// The output for some groups with the given keys; `groups` hold row numbers of `rows`.
    pub fn finish(
        &self,
        keys: &DataFrame,
        rows: &DataFrame,
        groups: &GroupPositions,
    ) -> Result<DataFrame, OperatorError> {
        let values = match &self.aggregates {
            Aggregates::Groups(aggregates) => aggregates.evaluate(rows, groups)?,
            Aggregates::Frame(aggregates) => aggregates.select(rows)?,
        };
        let keys = keys.columns().iter().zip(self.output.iter_names());
        let mut columns: Vec<_> = keys.map(|(key, name)| key.clone().with_name(name.clone())).collect();
        let height = values.height();
        columns.extend(values.into_columns());
        Ok(DataFrame::new(height, columns)?)
    }
}

impl Aggregates {
    fn schema(&self) -> &SchemaRef {
        match self {
            Aggregates::Groups(aggregates) => aggregates.schema(),
            Aggregates::Frame(aggregates) => aggregates.schema(),
        }
    }
}

//! Aggregates that decompose: partial on each worker, final on the owner of the key.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::Column;
use polars_core::schema::{Schema, SchemaExt, SchemaRef};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::prelude::col;
use quokka_engine::expr::{Expr, Projection, Requirement, requirement};
use quokka_engine::physical::physical_schema;

use super::decompose::{Decomposer, Partial, Parts};
use super::{Named, describe, internal_name};
use crate::aggregate::accumulator::Accumulator;

/// A group-by in two phases. Rows become keys and inputs, these become keys and states, the exchange brings the states of
/// a group together, and the merged states become the aggregates.
pub(crate) struct TwoPhase {
    keys: Vec<PlSmallStr>,
    key_schema: SchemaRef,
    /// From rows to keys and inputs.
    pre: Projection,
    parts: Parts,
    /// Keys and states.
    partial_schema: SchemaRef,
    /// From keys and aggregates that stand alone to the output.
    post: Projection,
    /// The aggregates, for `explain`.
    description: String,
}

impl TwoPhase {
    /// `None` if some aggregate does not decompose.
    pub fn new(keys: &[Named], aggs: &[Named], schema: &SchemaRef) -> Result<Option<Self>, OperatorError> {
        let output: Vec<PlSmallStr> = keys.iter().chain(aggs).map(|output| output.name.clone()).collect();
        Self::ordered(keys, aggs, schema, &output)
    }

    /// Like [`new`](Self::new), with the columns of the output in the given order.
    pub fn ordered(
        keys: &[Named],
        aggs: &[Named],
        schema: &SchemaRef,
        output: &[PlSmallStr],
    ) -> Result<Option<Self>, OperatorError> {
        let taken = |name: &str| keys.iter().any(|key| key.name == name);
        let mut decomposer = Decomposer::new(schema, &taken);
        let mut post: Vec<Expr> = keys.iter().map(|key| col(key.name.clone())).collect();
        for agg in aggs {
            let Some(rewritten) = decomposer.rewrite(&agg.expr)? else { return Ok(None) };
            post.push(rewritten.alias(agg.name.clone()));
        }
        if keys.is_empty() && decomposer.parts.states == 0 {
            // Something must tell how many rows the only group has.
            decomposer.rewrite(&Expr::Len)?;
        }
        let parts = decomposer.parts;

        let inputs = parts.inputs.iter().enumerate();
        let inputs = inputs.map(|(i, input)| input.clone().alias(internal_name("input", i, taken)));
        let pre: Vec<Expr> = keys.iter().map(|key| key.expr.clone().alias(key.name.clone())).chain(inputs).collect();
        // Computed decimals go into sums, most of the time, which take either form.
        let pre = Projection::compile_adaptive(&pre, keys.len()..pre.len(), schema)?;
        let key_schema: Schema = pre.schema().iter_fields().take(keys.len()).collect();

        let mut partial_schema = key_schema.clone();
        for partial in &parts.partials {
            for (i, dtype) in partial.function.state(&partial.dtype).into_iter().enumerate() {
                partial_schema.insert(internal_name(&partial.function, partial.state + i, taken), dtype);
            }
        }
        let mut alone = key_schema.clone();
        for (i, outcome) in parts.outcomes.iter().enumerate() {
            alone.insert(internal_name("aggregate", i, taken), outcome.dtype());
        }
        let alone = Arc::new(alone);
        for expr in &post {
            if requirement(expr, &alone)? != Requirement::Rows {
                return Ok(None);
            }
        }
        let named = output.iter().filter_map(|name| {
            let at = keys.iter().chain(aggs).position(|column| column.name == *name)?;
            post.get(at).cloned()
        });
        let post = Projection::compile(&named.collect::<Vec<_>>(), &alone)?;
        Ok(Some(Self {
            keys: key_schema.iter_names_cloned().collect(),
            key_schema: physical_schema(&Arc::new(key_schema)),
            pre,
            parts,
            partial_schema: Arc::new(partial_schema),
            post,
            description: describe(aggs),
        }))
    }

    pub fn key_names(&self) -> &[PlSmallStr] {
        &self.keys
    }

    /// The keys, as they lie in batches.
    pub fn key_schema(&self) -> &SchemaRef {
        &self.key_schema
    }

    pub fn partial_schema(&self) -> &SchemaRef {
        &self.partial_schema
    }

    pub fn output_schema(&self) -> &SchemaRef {
        self.post.schema()
    }

    /// The functions, for `explain`.
    pub fn functions(&self) -> String {
        let names = self.parts.partials.iter().map(|partial| match partial.input {
            Some(input) => format!("{}({})", partial.function, self.parts.inputs[input]),
            None => format!("{}()", partial.function),
        });
        names.collect::<Vec<_>>().join(", ")
    }

    /// The aggregates, for `explain`.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Keys and inputs of rows.
    pub fn inputs(&self, rows: &DataFrame) -> Result<DataFrame, OperatorError> {
        self.pre.evaluate(rows)
    }

    /// An accumulator for each function, with the column of the inputs that it takes and the columns of its state. Both
    /// are counted from the first column behind the keys.
    pub fn accumulators(&self) -> Result<Vec<Slot>, OperatorError> {
        let slot = |partial: &Partial| {
            let width = partial.function.state(&partial.dtype).len();
            Ok(Slot {
                accumulator: partial.function.accumulator(&partial.dtype)?,
                partial: partial.clone(),
                states: partial.state..partial.state + width,
            })
        };
        self.parts.partials.iter().map(slot).collect()
    }

    /// Keys and states of rows that each stand for themselves; `inputs` are keys and inputs of a batch from `origin`.
    pub fn single_rows(&self, inputs: DataFrame, origin: usize) -> Result<DataFrame, OperatorError> {
        let rows = inputs.height();
        let inputs = inputs.into_columns();
        let (keys, inputs) = inputs.split_at(self.keys.len());
        let mut columns = keys.to_vec();
        for partial in &self.parts.partials {
            let input = partial.input.map(|input| partial.input_of(&inputs[input])).transpose()?;
            columns.extend(partial.function.single_rows(input.as_ref(), rows, origin)?);
        }
        self.named(rows, columns)
    }

    /// A frame of keys and states in the order of the plan.
    pub fn named(&self, rows: usize, columns: Vec<Column>) -> Result<DataFrame, OperatorError> {
        let columns = columns.into_iter().zip(self.partial_schema.iter_names());
        Ok(DataFrame::new(rows, columns.map(|(column, name)| column.with_name(name.clone())).collect())?)
    }

    /// The output for groups whose keys and merged states are the rows of `states`.
    pub fn finish(&self, states: &DataFrame) -> Result<DataFrame, OperatorError> {
        let rows = states.height();
        let (keys, states) = states.columns().split_at(self.keys.len());
        let mut columns = keys.to_vec();
        let names = self.post.input_schema().iter_names().skip(self.keys.len());
        for (outcome, name) in self.parts.outcomes.iter().zip(names) {
            columns.push(outcome.finish(states, name)?);
        }
        self.post.evaluate(&DataFrame::new(rows, columns)?)
    }
}

/// An accumulator and the columns that it reads and writes.
pub(crate) struct Slot {
    pub accumulator: Box<dyn Accumulator>,
    pub partial: Partial,
    pub states: std::ops::Range<usize>,
}

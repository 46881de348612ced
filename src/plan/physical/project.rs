//! Projections.

use std::sync::Arc;

use polars_core::frame::DataFrame;
use polars_core::prelude::SchemaRef;
use quokka_engine::expr::{Projection, Requirement};
use quokka_operators::aggregate::AggregatePlan;
use quokka_operators::project::Project;
use quokka_operators::select::Select;

use super::requirement::requirement_of;
use super::{Lowered, Lowering, Order, Stream};
use crate::plan::expression::{NamedExpr, to_exprs};
use crate::plan::logical::LogicalPlan;

impl Lowering<'_> {
    pub(super) fn select(
        &mut self,
        plan: &LogicalPlan,
        input: &LogicalPlan,
        exprs: &[NamedExpr],
        order: Order,
    ) -> Lowered {
        let schema = plan.schema();
        let expressions = to_exprs(exprs);
        match requirement_of(exprs.iter().map(|named| &named.expr), input.schema())? {
            Some(Requirement::Rows) => {
                let stream = self.lower(input, order)?;
                self.project(stream, exprs, schema)
            },
            // No columns at all, but as many rows as before.
            None if exprs.is_empty() => {
                let stream = self.lower(input, order)?;
                self.project(stream, exprs, schema)
            },
            // Constants alone make one row, as aggregates do.
            Some(Requirement::Aggregate) | None => {
                let wanted = self.take_wanted();
                let stream = self.lower(input, Order::Ignored)?;
                let aggregates = AggregatePlan::new(&[], &expressions, &stream.schema)?;
                Ok(self.aggregated(stream, aggregates, plan, wanted))
            },
            Some(requirement) => {
                let projection = Projection::compile(&expressions, input.schema())?;
                // With window keys each worker has rows of its own, so the number of rows must follow from them.
                let by_rows = matches!(requirement, Requirement::Window { .. });
                let function = Arc::new(
                    move |frame: DataFrame| {
                        if by_rows { projection.evaluate(&frame) } else { projection.select(&frame) }
                    },
                );
                self.whole_frame(
                    input,
                    &requirement,
                    order,
                    format!("select {}", list(exprs)),
                    function,
                    schema.clone(),
                )
            },
        }
    }

    pub(super) fn with_columns(
        &mut self,
        input: &LogicalPlan,
        exprs: &[NamedExpr],
        schema: &SchemaRef,
        order: Order,
    ) -> Lowered {
        let all: Vec<NamedExpr> = schema
            .iter_names()
            .map(|name| match exprs.iter().find(|named| named.name == *name) {
                Some(named) => named.clone(),
                None => NamedExpr::column(name.clone()),
            })
            .collect();
        let requirement = match requirement_of(exprs.iter().map(|named| &named.expr), input.schema())? {
            // A value of all rows has to wait for all rows.
            Some(Requirement::Aggregate) => Requirement::Frame,
            Some(requirement) => requirement,
            None => Requirement::Rows,
        };
        if requirement == Requirement::Rows {
            let stream = self.lower(input, order)?;
            return self.project(stream, &all, schema);
        }
        let projection = Projection::compile(&to_exprs(&all), input.schema())?;
        let function = Arc::new(move |frame: DataFrame| projection.evaluate(&frame));
        self.whole_frame(input, &requirement, order, format!("with-columns {}", list(exprs)), function, schema.clone())
    }

    /// Computes `exprs` row by row.
    pub(super) fn project(&mut self, stream: Stream, exprs: &[NamedExpr], schema: &SchemaRef) -> Lowered {
        let columns: Option<Vec<_>> =
            exprs.iter().map(|named| Some((named.source_column()?.clone(), named.name.clone()))).collect();
        match columns {
            Some(columns) => {
                let select = Select::new(&stream.schema, columns)?;
                Ok(self.fuse(stream, Arc::new(select), schema.clone()))
            },
            None => {
                let projection = Projection::compile(&to_exprs(exprs), &stream.schema)?;
                let project = Project::new(Arc::new(projection), list(exprs));
                Ok(self.fuse(stream, Arc::new(project), schema.clone()))
            },
        }
    }
}

/// The expressions as users read them.
pub(super) fn list(exprs: &[NamedExpr]) -> String {
    let text = |named: &NamedExpr| match named.is_plain() {
        true => named.name.to_string(),
        false => format!("{} as {}", named.expr, named.name),
    };
    exprs.iter().map(text).collect::<Vec<_>>().join(", ")
}

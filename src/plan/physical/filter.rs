//! Filters.

use std::sync::Arc;

use polars_plan::dsl::Expr;
use quokka_engine::expr::{Predicate, Requirement};
use quokka_operators::filter::Filter;

use super::requirement::requirement_of;
use super::{Lowered, Lowering, Order};
use crate::plan::logical::LogicalPlan;

impl Lowering<'_> {
    pub(super) fn filter(&mut self, input: &LogicalPlan, predicate: &Expr, order: Order) -> Lowered {
        let requirement = match requirement_of([predicate], input.schema())? {
            // A value of all rows has to wait for all rows.
            Some(Requirement::Aggregate) => Requirement::Frame,
            Some(requirement) => requirement,
            None => Requirement::Rows,
        };
        if requirement == Requirement::Rows {
            let stream = self.lower(input, order)?;
            let schema = stream.schema.clone();
            let filter = Filter::new(Arc::new(Predicate::compile(predicate, &schema)?), predicate);
            return Ok(self.fuse(stream, Arc::new(filter), schema));
        }
        let compiled = Arc::new(Predicate::compile(predicate, input.schema())?);
        let function = Arc::new(move |frame| compiled.filter(&frame));
        self.whole_frame(input, &requirement, order, format!("filter {predicate}"), function, input.schema().clone())
    }
}

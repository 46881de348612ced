//! The condition that a pair must meet besides equal keys.

use std::sync::Arc;

use polars_arrow::bitmap::Bitmap;
use polars_core::frame::DataFrame;
use polars_core::schema::Schema;
use polars_plan::dsl::Expr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::Predicate;

pub(super) struct Condition(Predicate);

impl Condition {
    /// Compiles a condition over the columns of `schema`.
    pub(super) fn new(condition: &Expr, schema: &Schema) -> Result<Self, OperatorError> {
        Predicate::compile(condition, &Arc::new(schema.clone())).map(Self)
    }

    /// Which pairs meet it. A null does not.
    pub(super) fn met(&self, pairs: &DataFrame) -> Result<Bitmap, OperatorError> {
        let mask = self.0.mask(pairs)?.rechunk().into_owned();
        let mask = mask.downcast_as_array();
        Ok(match mask.validity() {
            Some(valid) => mask.values() & valid,
            None => mask.values().clone(),
        })
    }
}

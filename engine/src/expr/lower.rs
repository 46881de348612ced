use std::sync::Arc;

use polars_core::datatypes::Field;
use polars_core::prelude::{InitHashMaps, PlHashSet};
use polars_core::schema::{Schema, SchemaRef};
use polars_expr::prelude::PhysicalExpr;
use polars_expr::{ExpressionConversionState, create_physical_expr};
use polars_plan::dsl::Expr;
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{
    AExpr, ExprToIRContext, IRAggExpr, LiteralValue, ToFieldContext, is_elementwise_rec, is_scalar_ae, to_expr_ir,
};
use polars_utils::arena::{Arena, Node};

use super::coerce::coerce;
use super::error::{ExprError, invalid};
use super::expand::expand;
use super::{decimal, udf};
use crate::error::OperatorError;

/// What an expression is evaluated on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All rows of a batch.
    Rows,
    /// Groups of rows: several values of a group become one list.
    Groups,
}

/// Expanded, typed and coerced expressions, ready to be turned into physical ones.
pub(super) struct Lowered {
    pub(super) arena: Arena<AExpr>,
    pub(super) outputs: Vec<Output>,
}

/// One output column.
pub(super) struct Output {
    /// The expanded expression, as the user wrote it.
    pub(super) expr: Expr,
    pub(super) node: Node,
    pub(super) field: Field,
    /// Whether it yields one value, whatever the number of rows.
    pub(super) scalar: bool,
    /// Whether one value of it stands for all rows. Polars gives one value for some elementwise expressions too, such
    /// as a literal with its nulls filled from a column.
    pub(super) repeats: bool,
}

/// Lowers `exprs`, which see columns of `schema`.
pub(super) fn lower(exprs: &[Expr], schema: &Schema, scope: Scope) -> Result<Lowered, OperatorError> {
    let exprs = expand(exprs, schema)?;
    let mut arena = Arena::with_capacity(4 * exprs.len());
    let mut names = PlHashSet::with_capacity(exprs.len());
    let mut outputs = Vec::with_capacity(exprs.len());
    for expr in exprs {
        let output = lower_one(expr, &mut arena, schema, scope)?;
        if !names.insert(output.field.name.clone()) {
            return Err(ExprError::DuplicateOutput { name: output.field.name }.into());
        }
        outputs.push(output);
    }
    Ok(Lowered { arena, outputs })
}

fn lower_one(expr: Expr, arena: &mut Arena<AExpr>, schema: &Schema, scope: Scope) -> Result<Output, OperatorError> {
    let rewritten = decimal::rewrite(materialize_literal(&expr), schema)?;
    let polars = |error| invalid(&expr, error);

    let output = to_expr_ir(rewritten, &mut ExprToIRContext::new(arena, schema)).map_err(polars)?;
    let name = output.output_name().clone();
    let mut node = output.node();
    let scalar = is_scalar_ae(node, arena);
    if scope == Scope::Groups && !scalar {
        node = arena.add(AExpr::Agg(IRAggExpr::Implode { input: node, maintain_order: true }));
    }
    coerce(arena, [node], schema).map_err(polars)?;
    if let AExpr::Literal(literal @ LiteralValue::Dyn(_)) = arena.get(node) {
        let literal = literal.clone().materialize();
        arena.replace(node, AExpr::Literal(literal));
    }
    udf::check_results(arena, node, schema).map_err(polars)?;
    let dtype = arena
        .get(node)
        .to_dtype(&ToFieldContext::new(arena, schema))
        .and_then(|dtype| dtype.materialize_unknown(true))
        .map_err(polars)?;
    let repeats = scalar || is_elementwise_rec(node, arena);
    Ok(Output { node, field: Field::new(name, dtype), scalar, repeats, expr })
}

/// Polars types a number without a type when it meets another operand; one that stands alone is typed here.
fn materialize_literal(expr: &Expr) -> Expr {
    match expr {
        Expr::Literal(literal @ LiteralValue::Dyn(_)) => Expr::Literal(literal.clone().materialize()),
        Expr::Alias(inner, name) if matches!(inner.as_ref(), Expr::Literal(LiteralValue::Dyn(_))) => {
            Expr::Alias(Arc::new(materialize_literal(inner)), name.clone())
        },
        other => other.clone(),
    }
}

impl Lowered {
    /// Columns of the outputs.
    pub(super) fn schema(&self) -> Schema {
        self.outputs.iter().map(|output| output.field.clone()).collect()
    }

    /// One physical expression an output. They never use Polars' threads.
    pub(super) fn physical(&mut self, schema: &SchemaRef) -> Result<Vec<Arc<dyn PhysicalExpr>>, OperatorError> {
        let mut state = ExpressionConversionState::new(false);
        self.outputs
            .iter()
            .map(|output| {
                let root = ExprIR::from_node(output.node, &self.arena);
                create_physical_expr(&root, &mut self.arena, schema, &mut state)
                    .map_err(|error| invalid(&output.expr, error))
            })
            .collect()
    }
}

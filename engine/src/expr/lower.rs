use std::ops::Range;
use std::sync::Arc;

use polars_core::datatypes::{DataType, Field};
use polars_core::frame::column::Column;
use polars_core::prelude::{InitHashMaps, PlHashSet};
use polars_core::schema::{Schema, SchemaRef};
use polars_error::PolarsResult;
use polars_expr::prelude::PhysicalExpr;
use polars_expr::{ExpressionConversionState, create_physical_expr};
use polars_plan::dsl::Expr;
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{
    AExpr, ExprToIRContext, IRAggExpr, LiteralValue, ToFieldContext, is_elementwise_rec, is_scalar_ae, to_expr_ir,
};
use polars_plan::utils::expr_output_name;
use polars_utils::arena::{Arena, Node};

use super::broadcast::write_out_right_sides;
use super::coerce::coerce;
use super::decimal::{self, Columns, Computation, Form, Rewritten};
use super::error::{ExprError, evaluation, invalid};
use super::expand::expand;
use super::udf;
use crate::error::OperatorError;
use crate::physical::{column_to_physical, is_narrow, physical_dtype, physical_schema, to_physical_schema};

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

/// What expressions are lowered for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To find out their types, or to look at them. Columns have Polars' types.
    Types,
    /// To evaluate them on batches.
    Batches,
}

/// One output column.
pub(super) struct Output {
    /// The expanded expression, as the user wrote it.
    pub(super) expr: Expr,
    /// The expression, or the inputs of the computation.
    pub(super) nodes: Vec<Node>,
    /// What is computed from the values of the nodes, if not Polars computes it.
    pub(super) computation: Option<Computation>,
    /// Name and type in the plan.
    pub(super) field: Field,
    /// Whether it yields one value, whatever the number of rows.
    pub(super) scalar: bool,
    /// Whether one value of it stands for all rows. Polars gives one value for some elementwise expressions too, such
    /// as a literal with its nulls filled from a column.
    pub(super) repeats: bool,
}

/// Lowers `exprs`, which see columns of `schema`. Decimals computed by expressions with an index in `adaptive` may come in
/// either form.
pub(super) fn lower(
    exprs: &[Expr],
    schema: &Schema,
    scope: Scope,
    purpose: Purpose,
    adaptive: Range<usize>,
) -> Result<Lowered, OperatorError> {
    let exprs = expand(exprs, schema)?;
    let physical = to_physical_schema(schema);
    let columns = Columns { logical: schema, physical: (purpose == Purpose::Batches).then_some(physical.as_ref()) };
    let mut lowering = Lowering { arena: Arena::with_capacity(4 * exprs.len()), columns, scope };
    let mut names = PlHashSet::with_capacity(exprs.len());
    let mut outputs = Vec::with_capacity(exprs.len());
    for (index, expr) in exprs.into_iter().enumerate() {
        let output = lowering.lower(expr, adaptive.contains(&index))?;
        if !names.insert(output.field.name.clone()) {
            return Err(ExprError::DuplicateOutput { name: output.field.name }.into());
        }
        outputs.push(output);
    }
    Ok(Lowered { arena: lowering.arena, outputs })
}

struct Lowering<'a> {
    arena: Arena<AExpr>,
    columns: Columns<'a>,
    scope: Scope,
}

/// An expression in the arena.
struct Placed {
    node: Node,
    field: Field,
    scalar: bool,
    repeats: bool,
}

impl Lowering<'_> {
    fn lower(&mut self, expr: Expr, adaptive: bool) -> Result<Output, OperatorError> {
        let form = match (self.columns.physical, self.scope) {
            // Several values of a group become a list, which holds Polars' decimals.
            (None, _) | (Some(_), Scope::Groups) => Form::Polars,
            (Some(_), Scope::Rows) if adaptive => Form::Adaptive,
            (Some(_), Scope::Rows) => Form::Native,
        };
        match decimal::rewrite(materialize_literal(&expr), self.columns, form)? {
            Rewritten::Expr { expr: rewritten, narrow } => self.expression(expr, rewritten, narrow),
            Rewritten::Computation { input, computation, dtype } => self.computation(expr, input, computation, dtype),
        }
    }

    /// An output that Polars evaluates. `narrow`: its integers stand for decimals of this type.
    fn expression(&mut self, expr: Expr, rewritten: Expr, narrow: Option<DataType>) -> Result<Output, OperatorError> {
        let mut placed = self.place(&expr, rewritten.clone())?;
        let mut field = placed.field.clone();
        match narrow {
            Some(dtype) => field.dtype = dtype,
            None if self.columns.physical.is_some() && is_narrow(&field.dtype) => {
                placed = self.place(&expr, decimal::narrowed(rewritten))?;
            },
            None => {},
        }
        let Placed { node, scalar, repeats, .. } = placed;
        Ok(Output { expr, nodes: vec![node], computation: None, field, scalar, repeats })
    }

    /// An output that is computed from what Polars evaluates.
    fn computation(
        &mut self,
        expr: Expr,
        input: Vec<Expr>,
        computation: Computation,
        dtype: DataType,
    ) -> Result<Output, OperatorError> {
        let name = expr_output_name(&expr).map_err(|error| invalid(&expr, error))?;
        let input = input.into_iter().map(|input| self.place(&expr, input)).collect::<Result<Vec<_>, _>>()?;
        Ok(Output {
            expr,
            nodes: input.iter().map(|input| input.node).collect(),
            computation: Some(computation),
            field: Field::new(name, dtype),
            scalar: input.iter().all(|input| input.scalar),
            repeats: input.iter().all(|input| input.repeats),
        })
    }

    /// Puts `rewritten`, which stands for `expr`, into the arena.
    fn place(&mut self, expr: &Expr, rewritten: Expr) -> Result<Placed, OperatorError> {
        let arena = &mut self.arena;
        let schema = self.columns.physical.unwrap_or(self.columns.logical);
        let polars = |error| invalid(expr, error);

        let output = to_expr_ir(rewritten, &mut ExprToIRContext::new(arena, schema)).map_err(polars)?;
        let name = output.output_name().clone();
        let mut node = output.node();
        let scalar = is_scalar_ae(node, arena);
        if self.scope == Scope::Groups && !scalar {
            node = arena.add(AExpr::Agg(IRAggExpr::Implode { input: node, maintain_order: true }));
        }
        coerce(arena, [node], schema).map_err(polars)?;
        if let AExpr::Literal(literal @ LiteralValue::Dyn(_)) = arena.get(node) {
            let literal = literal.clone().materialize();
            arena.replace(node, AExpr::Literal(literal));
        }
        udf::check_results(arena, node, schema).map_err(polars)?;
        if self.scope == Scope::Rows {
            write_out_right_sides(arena, node);
        }
        let dtype = arena
            .get(node)
            .to_dtype(&ToFieldContext::new(arena, schema))
            .and_then(|dtype| dtype.materialize_unknown(true))
            .map_err(polars)?;
        let repeats = scalar || is_elementwise_rec(node, arena);
        Ok(Placed { node, field: Field::new(name, dtype), scalar, repeats })
    }
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

    /// The physical expressions of each output, which sees columns of `schema` as they lie in batches. They never use
    /// Polars' threads.
    pub(super) fn physical(&mut self, schema: &SchemaRef) -> Result<Vec<Compiled>, OperatorError> {
        let schema = physical_schema(schema);
        let mut state = ExpressionConversionState::new(false);
        std::mem::take(&mut self.outputs)
            .into_iter()
            .map(|output| {
                let nodes = output.nodes.iter().map(|node| {
                    let root = ExprIR::from_node(*node, &self.arena);
                    create_physical_expr(&root, &mut self.arena, &schema, &mut state)
                        .map_err(|error| invalid(&output.expr, error))
                });
                let physical = nodes.collect::<Result<Vec<_>, _>>()?;
                Ok(Compiled { physical, physical_dtype: physical_dtype(&output.field.dtype), output })
            })
            .collect()
    }
}

/// An output with what evaluates it.
pub(super) struct Compiled {
    /// The expression, or the inputs of the computation.
    pub(super) physical: Vec<Arc<dyn PhysicalExpr>>,
    /// Its type in batches.
    pub(super) physical_dtype: DataType,
    pub(super) output: Output,
}

impl Compiled {
    /// The output for a batch, of which `evaluate` yields the value of a physical expression.
    pub(super) fn column(
        &self,
        mut evaluate: impl FnMut(&dyn PhysicalExpr) -> PolarsResult<Column>,
    ) -> Result<Column, OperatorError> {
        let Self { physical, output, .. } = self;
        let failed = |error| evaluation(&output.expr, error);
        let mut columns = Vec::with_capacity(physical.len());
        for physical in physical {
            columns.push(evaluate(physical.as_ref()).map_err(failed)?);
        }
        let column = match &output.computation {
            Some(computation) => computation.evaluate(&columns).map_err(failed)?,
            None => self.typed(columns.pop().unwrap_or_default())?,
        };
        let name = &output.field.name;
        Ok(if column.name() == name { column } else { column.with_name(name.clone()) })
    }

    /// Makes sure of the type of `column`.
    ///
    /// Polars' prediction of a type is off for a few of its own functions. The plan was built on the prediction, so the
    /// column follows it. User functions are checked where they are called.
    fn typed(&self, column: Column) -> Result<Column, OperatorError> {
        let Self { physical_dtype, output, .. } = self;
        if column.dtype() == physical_dtype {
            return Ok(column);
        }
        let failed = |error| evaluation(&output.expr, error);
        if is_narrow(&output.field.dtype) {
            return column_to_physical(column.strict_cast(&output.field.dtype).map_err(failed)?);
        }
        column.strict_cast(physical_dtype).map_err(failed)
    }
}

//! Puts exact operations in the place of Polars' in the tree of an expression, from the leaves up.

mod aggregate;
mod arithmetic;
mod cast;
mod compare;
mod unify;
mod value;

use std::sync::Arc;

use polars_core::datatypes::DataType;
use polars_core::schema::Schema;
use polars_plan::constants::{get_pl_element_name, get_pl_structfields_name};
use polars_plan::dsl::{AggExpr, DataTypeExpr, Expr, FunctionExpr, Operator, StringFunction};

use self::value::{Computed, Kind, Value};
use super::super::columns::map_children;
use super::super::error::invalid;
use super::super::stack::with_stack;
use super::types::DecimalType;
use crate::error::OperatorError;

/// `expr`, which sees columns of `schema`, with exact operations wherever it computes with decimals.
pub(in crate::expr) fn rewrite(expr: Expr, schema: &Schema) -> Result<Expr, OperatorError> {
    if !mentions_decimals(&expr, schema) {
        return Ok(expr);
    }
    Rewriter { schema }.rewrite(&expr)?.into_expr()
}

/// Whether a decimal may appear somewhere in `expr`.
fn mentions_decimals(expr: &Expr, schema: &Schema) -> bool {
    expr.into_iter().any(|node| match node {
        Expr::Column(name) => schema.get(name).is_some_and(contains_decimals),
        Expr::Literal(literal) => contains_decimals(&literal.get_datatype()),
        Expr::Cast { dtype: DataTypeExpr::Literal(dtype), .. } => contains_decimals(dtype),
        Expr::Function { function: FunctionExpr::StringExpr(StringFunction::ToDecimal { .. }), .. }
        | Expr::Cast { .. }
        | Expr::AnonymousFunction { .. } => true,
        _ => false,
    })
}

fn contains_decimals(dtype: &DataType) -> bool {
    match dtype {
        DataType::Decimal(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| contains_decimals(&field.dtype)),
        other => other.inner_dtype().is_some_and(contains_decimals),
    }
}

struct Rewriter<'a> {
    schema: &'a Schema,
}

impl Rewriter<'_> {
    fn rewrite(&self, expr: &Expr) -> Result<Value, OperatorError> {
        with_stack(|| self.rewrite_node(expr))
    }

    fn rewrite_node(&self, expr: &Expr) -> Result<Value, OperatorError> {
        match expr {
            Expr::Column(name) => Ok(Value::typed(expr.clone(), self.schema.get(name).cloned())),
            Expr::Literal(literal) => Ok(Value::typed(expr.clone(), Some(literal.get_datatype()))),
            Expr::Alias(inner, name) => {
                let inner = self.rewrite(inner)?;
                let dtype = inner.known_dtype();
                Ok(Value::typed(Expr::Alias(Arc::new(inner.into_expr()?), name.clone()), dtype))
            },
            Expr::BinaryExpr { left, op, right } if op.is_comparison() => self.comparison(expr, left, *op, right),
            Expr::BinaryExpr { left, op, right } if is_arithmetic(*op) => self.arithmetic(expr, left, *op, right),
            Expr::Cast { expr: inner, dtype: DataTypeExpr::Literal(dtype), options } => {
                self.cast(expr, inner, dtype, *options)
            },
            Expr::Ternary { predicate, truthy, falsy } => self.ternary(predicate, truthy, falsy),
            Expr::Agg(AggExpr::Sum(input)) => self.sum(expr, input),
            Expr::Agg(AggExpr::Mean(input)) => self.mean(expr, input),
            Expr::Function { input, function } => self.function(expr, input, function),
            Expr::Eval { expr: input, evaluation, variant } => {
                let mut input = self.rewrite(input)?;
                let dtype = self.dtype(&mut input)?;
                let element = variant.element_dtype(&dtype).map_err(|error| invalid(expr, error))?;
                let mut schema = self.schema.clone();
                schema.insert(get_pl_element_name(), element.clone());
                let evaluation = Rewriter { schema: &schema }.rewrite(evaluation)?.into_expr()?;
                let (expr, evaluation) = (Arc::new(input.into_expr()?), Arc::new(evaluation));
                Ok(Value::untyped(Expr::Eval { expr, evaluation, variant: *variant }))
            },
            Expr::StructEval { expr: input, evaluation } => {
                let mut input = self.rewrite(input)?;
                let mut schema = self.schema.clone();
                schema.insert(get_pl_structfields_name(), self.dtype(&mut input)?);
                let inner = Rewriter { schema: &schema };
                let evaluation =
                    evaluation.iter().map(|expr| inner.rewrite(expr)?.into_expr()).collect::<Result<_, _>>()?;
                Ok(Value::untyped(Expr::StructEval { expr: Arc::new(input.into_expr()?), evaluation }))
            },
            other => self.children(other),
        }
    }

    /// Rewrites the inputs of an operation that treats decimals as any other type.
    fn children(&self, expr: &Expr) -> Result<Value, OperatorError> {
        map_children(expr.clone(), &mut |child| self.rewrite(&child)?.into_expr()).map(Value::untyped)
    }

    /// The type of `value`; found out by Polars if no rule of ours gave it.
    fn dtype(&self, value: &mut Value) -> Result<DataType, OperatorError> {
        if let Some(dtype) = value.known_dtype() {
            return Ok(dtype);
        }
        let Value::Expr { expr, dtype } = value else { return Ok(DataType::Null) };
        let found = expr.to_field(self.schema).map_err(|error| invalid(&*expr, error))?.dtype;
        Ok(dtype.insert(found).clone())
    }

    fn kind(&self, value: &mut Value) -> Result<Kind, OperatorError> {
        if let Some(kind) = value.literal_kind() {
            return Ok(kind);
        }
        let dtype = self.dtype(value)?;
        Ok(match (&dtype, DecimalType::of_number(&dtype)) {
            (DataType::Null, _) => Kind::Null,
            (DataType::Decimal(..), Some(decimal)) => Kind::Decimal(decimal),
            (_, Some(integer)) => Kind::Integer(integer),
            _ => Kind::Other,
        })
    }
}

fn is_arithmetic(op: Operator) -> bool {
    matches!(
        op,
        Operator::Plus
            | Operator::Minus
            | Operator::Multiply
            | Operator::RustDivide
            | Operator::TrueDivide
            | Operator::FloorDivide
            | Operator::Modulus
    )
}

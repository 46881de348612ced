//! Puts exact operations in the place of Polars' in the tree of an expression, from the leaves up.

mod aggregate;
mod arithmetic;
mod cast;
mod compare;
mod unify;

use std::sync::Arc;

use polars_core::datatypes::DataType;
use polars_core::schema::Schema;
use polars_plan::constants::{get_pl_element_name, get_pl_structfields_name};
use polars_plan::dsl::{AggExpr, DataTypeExpr, Expr, FunctionExpr, Operator, StringFunction};
use polars_plan::plans::{Literal, LiteralValue};
use polars_plan::utils::expr_output_name;

use super::super::columns::map_children;
use super::super::error::invalid;
use super::column::decimal;
use super::function::{compute, fault_error};
use super::literal::Number;
use super::program::{Program, Step};
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

/// A rewritten expression.
enum Value {
    /// One that Polars evaluates, with its type if that is known.
    Expr { expr: Expr, dtype: Option<DataType> },
    /// Decimal arithmetic, which a parent may go on with.
    Computed(Computed),
}

/// Decimal arithmetic that has not become a function yet.
struct Computed {
    input: Vec<Expr>,
    steps: Vec<Step>,
    output: DecimalType,
    /// What it was made of, for names and errors.
    original: Expr,
}

/// What a value is, where a decimal meets it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Decimal(DecimalType),
    /// An integer, with the type that holds its values.
    Integer(DecimalType),
    Null,
    Other,
}

impl Kind {
    /// The type of a number that is no float.
    fn exact(self) -> Option<DecimalType> {
        match self {
            Kind::Decimal(dtype) | Kind::Integer(dtype) => Some(dtype),
            Kind::Null | Kind::Other => None,
        }
    }

    fn is_decimal(self) -> bool {
        matches!(self, Kind::Decimal(_))
    }
}

impl Rewriter<'_> {
    fn rewrite(&self, expr: &Expr) -> Result<Value, OperatorError> {
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

impl Value {
    fn typed(expr: Expr, dtype: Option<DataType>) -> Self {
        Value::Expr { expr, dtype }
    }

    fn untyped(expr: Expr) -> Self {
        Value::Expr { expr, dtype: None }
    }

    fn known_dtype(&self) -> Option<DataType> {
        match self {
            Value::Expr { dtype, .. } => dtype.clone(),
            Value::Computed(computed) => Some(computed.output.dtype()),
        }
    }

    fn literal(&self) -> Option<&LiteralValue> {
        let Value::Expr { expr, .. } = self else { return None };
        let mut expr = expr;
        while let Expr::Alias(inner, _) = expr {
            expr = inner;
        }
        match expr {
            Expr::Literal(literal) if literal.is_scalar() => Some(literal),
            _ => None,
        }
    }

    /// The number that this is, if it is a literal.
    fn number(&self) -> Option<Number> {
        self.literal().and_then(Number::of)
    }

    /// A literal integer has as many digits as it is written with.
    fn literal_kind(&self) -> Option<Kind> {
        let dtype = self.literal()?.get_datatype();
        if !dtype.is_integer() {
            return None;
        }
        Some(Kind::Integer(self.number()?.exact_type()?.1))
    }

    fn into_expr(self) -> Result<Expr, OperatorError> {
        match self {
            Value::Expr { expr, .. } => Ok(expr),
            Value::Computed(computed) => computed.into_expr(),
        }
    }

    /// This, a number of `kind` or null, as the start of decimal arithmetic.
    fn into_computed(self, kind: Kind) -> Computed {
        let output = kind.exact().unwrap_or(DecimalType { precision: 1, scale: 0 });
        let constant = self.number().and_then(|number| number.at_scale(output.scale));
        let expr = match self {
            Value::Computed(computed) => return computed,
            Value::Expr { expr, .. } => expr,
        };
        let original = expr.clone();
        let (input, step) = match (constant, kind) {
            (Some(value), _) => (Vec::new(), Step::Constant(value)),
            (None, Kind::Null) => (vec![expr.cast(output.dtype())], Step::Leaf(0)),
            (None, _) => (vec![expr], Step::Leaf(0)),
        };
        Computed { input, steps: vec![step], output, original }
    }
}

impl Computed {
    /// Multiplies by `10^digits` and so gives the number more digits behind the point.
    fn widen(mut self, scale: usize) -> Option<Self> {
        let added = scale.checked_sub(self.output.scale)?;
        if added > 0 {
            let factor = super::integer::power_of_ten(added)?;
            match self.steps.as_mut_slice() {
                [Step::Constant(value)] => *value = super::integer::multiply(*value, factor)?,
                _ => self.steps.push(Step::Scale(factor)),
            }
            self.output.precision += added;
            self.output.scale = scale;
        }
        Some(self)
    }

    /// The function that computes this, or its result if it depends on no column.
    fn into_expr(self) -> Result<Expr, OperatorError> {
        let Self { mut input, steps, output, original } = self;
        if let ([Step::Leaf(0)], 1) = (steps.as_slice(), input.len())
            && let Some(input) = input.pop()
        {
            return Ok(input);
        }
        let program = Program::new(steps);
        let name = expr_output_name(&original).ok();
        let expr = if input.is_empty() {
            let value = program.run(&[], 1, None).map_err(|fault| fault_error(fault, &original, output.precision))?;
            decimal(value.first().copied(), output).lit()
        } else {
            compute(input, program, output, original)
        };
        Ok(match name {
            Some(name) if expr_output_name(&expr).ok().as_ref() != Some(&name) => expr.alias(name),
            _ => expr,
        })
    }
}

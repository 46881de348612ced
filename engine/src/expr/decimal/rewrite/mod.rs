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
use polars_plan::utils::expr_output_name;
use polars_utils::pl_str::PlSmallStr;

use self::value::{Computed, Kind, Native, Value};
use super::super::columns::map_children;
use super::super::error::invalid;
use super::super::stack::with_stack;
use super::function::{Computation, narrow};
use super::program::Width;
use super::types::DecimalType;
use crate::error::OperatorError;

/// The columns that an expression sees.
#[derive(Clone, Copy)]
pub(in crate::expr) struct Columns<'a> {
    /// Their types in the plan.
    pub(in crate::expr) logical: &'a Schema,
    /// Their types in batches, if that is where the expression is evaluated.
    pub(in crate::expr) physical: Option<&'a Schema>,
}

/// An expression with exact operations wherever it computes with decimals.
pub(in crate::expr) enum Rewritten {
    /// Polars evaluates it. `narrow`: it yields 64-bit integers that stand for decimals of this type.
    Expr { expr: Expr, narrow: Option<DataType> },
    /// Polars evaluates the inputs; the type of the result is decided for each batch.
    Computation { input: Vec<Expr>, computation: Computation, dtype: DataType },
}

/// The form in which an expression is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::expr) enum Form {
    /// Polars' types.
    Polars,
    /// Whatever costs least.
    Native,
    /// Whatever costs least, which may differ from batch to batch if decimals are computed.
    Adaptive,
}

/// `expr`, which sees `columns`, with exact operations.
pub(in crate::expr) fn rewrite(expr: Expr, columns: Columns<'_>, form: Form) -> Result<Rewritten, OperatorError> {
    if !mentions_decimals(&expr, columns.logical) {
        return Ok(Rewritten::Expr { expr, narrow: None });
    }
    let rewriter = Rewriter { schema: columns.logical, physical: columns.physical };
    if form == Form::Adaptive && columns.physical.is_some() {
        let mut root = &expr;
        while let Expr::Alias(inner, _) = root {
            root = inner;
        }
        if let Value::Computed(computed) = rewriter.rewrite(root)?
            && !computed.input.is_empty()
            && !computed.output.is_narrow()
        {
            let dtype = computed.output.dtype();
            let (input, computation) = computed.into_computation(Width::Adaptive);
            return Ok(Rewritten::Computation { input, computation, dtype });
        }
    }
    let value = rewriter.rewrite(&expr)?;
    if form == Form::Polars {
        return Ok(Rewritten::Expr { expr: value.into_expr()?, narrow: None });
    }
    let Native { expr, narrow } = rewriter.native(value)?;
    Ok(Rewritten::Expr { expr, narrow: narrow.map(DecimalType::dtype) })
}

/// `expr`, which yields Polars' decimals of at most 18 digits, as they lie in batches.
pub(in crate::expr) fn narrowed(expr: Expr) -> Expr {
    let name = expr_output_name(&expr).ok();
    match name {
        Some(name) => narrow(expr).alias(name),
        None => narrow(expr),
    }
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
    physical: Option<&'a Schema>,
}

impl Rewriter<'_> {
    fn rewrite(&self, expr: &Expr) -> Result<Value, OperatorError> {
        with_stack(|| self.rewrite_node(expr))
    }

    fn rewrite_node(&self, expr: &Expr) -> Result<Value, OperatorError> {
        match expr {
            Expr::Column(name) => Ok(self.column(expr, name)),
            Expr::Literal(literal) => Ok(Value::typed(expr.clone(), Some(literal.get_datatype()))),
            Expr::Alias(inner, name) => {
                let inner = self.rewrite(inner)?;
                let dtype = inner.known_dtype();
                let Native { expr, narrow } = self.native(inner)?;
                let expr = Expr::Alias(Arc::new(expr), name.clone());
                Ok(match narrow {
                    Some(dtype) => Value::Narrow { expr, dtype },
                    None => Value::typed(expr, dtype),
                })
            },
            Expr::BinaryExpr { left, op, right } if op.is_comparison() => self.comparison(expr, left, *op, right),
            Expr::BinaryExpr { left, op, right } if is_arithmetic(*op) => self.arithmetic(expr, left, *op, right),
            Expr::Cast { expr: inner, dtype: DataTypeExpr::Literal(dtype), options } => {
                self.cast(expr, inner, dtype, *options)
            },
            Expr::Ternary { predicate, truthy, falsy } => self.ternary(predicate, truthy, falsy),
            Expr::Agg(AggExpr::Sum(input)) => self.sum(expr, input),
            Expr::Agg(AggExpr::Mean(input)) => self.mean(expr, input),
            Expr::Agg(AggExpr::Min { .. } | AggExpr::Max { .. } | AggExpr::First(_) | AggExpr::Last(_)) => {
                self.one_of(expr)
            },
            Expr::Agg(AggExpr::Count { .. } | AggExpr::NUnique(_)) => self.whatever_form(expr),
            Expr::Function { input, function } => self.function(expr, input, function),
            Expr::Eval { expr: input, evaluation, variant } => {
                let mut input = self.rewrite(input)?;
                let dtype = self.dtype(&mut input)?;
                let element = variant.element_dtype(&dtype).map_err(|error| invalid(expr, error))?;
                let inner = self.extended(get_pl_element_name(), element.clone());
                let evaluation = inner.rewriter().rewrite(evaluation)?.into_expr()?;
                let (expr, evaluation) = (Arc::new(input.into_expr()?), Arc::new(evaluation));
                Ok(Value::untyped(Expr::Eval { expr, evaluation, variant: *variant }))
            },
            Expr::StructEval { expr: input, evaluation } => {
                let mut input = self.rewrite(input)?;
                let inner = self.extended(get_pl_structfields_name(), self.dtype(&mut input)?);
                let evaluation = evaluation.iter().map(|expr| inner.rewriter().rewrite(expr)?.into_expr());
                let evaluation = evaluation.collect::<Result<_, _>>()?;
                Ok(Value::untyped(Expr::StructEval { expr: Arc::new(input.into_expr()?), evaluation }))
            },
            other => self.children(other),
        }
    }

    /// Rewrites the inputs of an operation that treats decimals as any other type.
    fn children(&self, expr: &Expr) -> Result<Value, OperatorError> {
        map_children(expr.clone(), &mut |child| self.rewrite(&child)?.into_expr()).map(Value::untyped)
    }

    /// A column, whose decimals may lie as in batches.
    fn column(&self, expr: &Expr, name: &str) -> Value {
        let dtype = self.schema.get(name);
        match (dtype.and_then(DecimalType::of), self.physical.and_then(|physical| physical.get(name))) {
            (Some(dtype), Some(DataType::Int64)) => Value::Narrow { expr: expr.clone(), dtype },
            _ => Value::typed(expr.clone(), dtype.cloned()),
        }
    }

    /// `value` in the form that costs least.
    fn native(&self, value: Value) -> Result<Native, OperatorError> {
        value.into_native(self.physical.is_some())
    }

    /// An operation that yields one of the values of its only input.
    fn one_of(&self, expr: &Expr) -> Result<Value, OperatorError> {
        let mut narrow = None;
        let expr = map_children(expr.clone(), &mut |child| {
            let native = self.native(self.rewrite(&child)?)?;
            narrow = native.narrow;
            Ok(native.expr)
        })?;
        Ok(Native { expr, narrow }.into_value())
    }

    /// An operation that does not look at the values of its inputs, other than whether they are null or equal.
    fn whatever_form(&self, expr: &Expr) -> Result<Value, OperatorError> {
        map_children(expr.clone(), &mut |child| Ok(self.native(self.rewrite(&child)?)?.expr)).map(Value::untyped)
    }

    /// The columns with one more, which lies as Polars has it.
    fn extended(&self, name: PlSmallStr, dtype: DataType) -> Extended {
        let extend = |schema: &Schema| {
            let mut schema = schema.clone();
            schema.insert(name.clone(), dtype.clone());
            schema
        };
        Extended { schema: extend(self.schema), physical: self.physical.map(extend) }
    }

    /// The type of `value`; found out by Polars if no rule of ours gave it.
    fn dtype(&self, value: &mut Value) -> Result<DataType, OperatorError> {
        if let Some(dtype) = value.known_dtype() {
            return Ok(dtype);
        }
        let Value::Expr { expr, dtype } = value else { return Ok(DataType::Null) };
        let found = expr.to_field(self.physical.unwrap_or(self.schema)).map_err(|error| invalid(&*expr, error))?.dtype;
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

/// What an expression inside of another one sees.
struct Extended {
    schema: Schema,
    physical: Option<Schema>,
}

impl Extended {
    fn rewriter(&self) -> Rewriter<'_> {
        Rewriter { schema: &self.schema, physical: self.physical.as_ref() }
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

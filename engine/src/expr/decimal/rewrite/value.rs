use polars_core::datatypes::DataType;
use polars_plan::dsl::Expr;
use polars_plan::plans::{Literal, LiteralValue};
use polars_plan::utils::expr_output_name;

use super::super::column::decimal;
use super::super::function::{compute, fault_error};
use super::super::integer;
use super::super::literal::Number;
use super::super::program::{Program, Step};
use super::super::types::DecimalType;
use crate::error::OperatorError;

/// A rewritten expression.
pub(super) enum Value {
    /// One that Polars evaluates, with its type if that is known.
    Expr { expr: Expr, dtype: Option<DataType> },
    /// Decimal arithmetic, which a parent may go on with.
    Computed(Computed),
}

/// Decimal arithmetic that has not become a function yet.
pub(super) struct Computed {
    /// The columns that [`Step::Leaf`] means.
    pub(super) input: Vec<Expr>,
    pub(super) steps: Vec<Step>,
    pub(super) output: DecimalType,
    /// What it was made of, for names and errors.
    pub(super) original: Expr,
}

/// What a value is, where a decimal meets it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Decimal(DecimalType),
    /// An integer, with the type that holds its values.
    Integer(DecimalType),
    Null,
    Other,
}

impl Kind {
    /// The type of a number that is no float.
    pub(super) fn exact(self) -> Option<DecimalType> {
        match self {
            Kind::Decimal(dtype) | Kind::Integer(dtype) => Some(dtype),
            Kind::Null | Kind::Other => None,
        }
    }

    pub(super) fn is_decimal(self) -> bool {
        matches!(self, Kind::Decimal(_))
    }
}

impl Value {
    pub(super) fn typed(expr: Expr, dtype: Option<DataType>) -> Self {
        Value::Expr { expr, dtype }
    }

    pub(super) fn untyped(expr: Expr) -> Self {
        Value::Expr { expr, dtype: None }
    }

    pub(super) fn known_dtype(&self) -> Option<DataType> {
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
    pub(super) fn number(&self) -> Option<Number> {
        self.literal().and_then(Number::of)
    }

    /// A literal integer has as many digits as it is written with.
    pub(super) fn literal_kind(&self) -> Option<Kind> {
        let dtype = self.literal()?.get_datatype();
        if !dtype.is_integer() {
            return None;
        }
        Some(Kind::Integer(self.number()?.exact_type()?.1))
    }

    pub(super) fn into_expr(self) -> Result<Expr, OperatorError> {
        match self {
            Value::Expr { expr, .. } => Ok(expr),
            Value::Computed(computed) => computed.into_expr(),
        }
    }

    /// This, a number of `kind` or null, as the start of decimal arithmetic.
    pub(super) fn into_computed(self, kind: Kind) -> Computed {
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
    pub(super) fn widen(mut self, scale: usize) -> Option<Self> {
        let added = scale.checked_sub(self.output.scale)?;
        if added > 0 {
            let factor = integer::power_of_ten(added)?;
            match self.steps.as_mut_slice() {
                [Step::Constant(value)] => *value = integer::multiply(*value, factor)?,
                _ => self.steps.push(Step::Scale(factor)),
            }
            self.output.precision += added;
            self.output.scale = scale;
        }
        Some(self)
    }

    /// The function that computes this, or its result if it depends on no column.
    pub(super) fn into_expr(self) -> Result<Expr, OperatorError> {
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

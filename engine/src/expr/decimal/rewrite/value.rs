use polars_core::datatypes::DataType;
use polars_plan::dsl::Expr;
use polars_plan::plans::{Literal, LiteralValue};
use polars_plan::utils::expr_output_name;

use super::super::column::decimal;
use super::super::function::{Computation, compute, fault_error, narrow, widen};
use super::super::integer;
use super::super::literal::Number;
use super::super::program::{Program, Step, Width};
use super::super::types::DecimalType;
use crate::error::OperatorError;

/// A rewritten expression.
pub(super) enum Value {
    /// One that Polars evaluates, with its type if that is known.
    Expr { expr: Expr, dtype: Option<DataType> },
    /// Decimals as they lie in batches: Polars evaluates an expression of 64-bit integers.
    Narrow { expr: Expr, dtype: DecimalType },
    /// Decimal arithmetic, which a parent may go on with.
    Computed(Computed),
}

/// An expression in the form that costs least.
pub(super) struct Native {
    pub(super) expr: Expr,
    /// The type of the decimals, if the expression is one of 64-bit integers that stand for decimals.
    pub(super) narrow: Option<DecimalType>,
}

impl Native {
    /// The expression as Polars' types have it.
    pub(super) fn into_expr(self) -> Expr {
        match self.narrow {
            Some(dtype) => widen(self.expr, dtype),
            None => self.expr,
        }
    }

    /// The expression, whose values are decimals of at most 18 digits, as one of 64-bit integers.
    pub(super) fn into_narrow(self) -> Expr {
        match self.narrow {
            Some(_) => self.expr,
            None => narrow(self.expr),
        }
    }

    /// The value again.
    pub(super) fn into_value(self) -> Value {
        match self.narrow {
            Some(dtype) => Value::Narrow { expr: self.expr, dtype },
            None => Value::untyped(self.expr),
        }
    }
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
            Value::Narrow { dtype, .. } => Some(dtype.dtype()),
            Value::Computed(computed) => Some(computed.output.dtype()),
        }
    }

    /// Whether [`into_native`](Self::into_native) gives 64-bit integers that stand for decimals.
    pub(super) fn is_narrow(&self, physical: bool) -> bool {
        match self {
            Value::Expr { .. } => false,
            Value::Narrow { .. } => true,
            Value::Computed(computed) => physical && computed.output.is_narrow() && !computed.input.is_empty(),
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
            Value::Narrow { expr, dtype } => Ok(widen(expr, dtype)),
            Value::Computed(computed) => computed.into_expr(Width::Wide),
        }
    }

    /// The expression in the form that costs least; decimals may be 64-bit integers if `physical`.
    pub(super) fn into_native(self, physical: bool) -> Result<Native, OperatorError> {
        let is_narrow = self.is_narrow(physical);
        Ok(match self {
            Value::Narrow { expr, dtype } => Native { expr, narrow: Some(dtype) },
            Value::Computed(computed) if is_narrow => {
                let dtype = computed.output;
                Native { expr: computed.into_expr(Width::Narrow)?, narrow: Some(dtype) }
            },
            value => Native { expr: value.into_expr()?, narrow: None },
        })
    }

    /// This, a number of `kind` or null, as the start of decimal arithmetic.
    pub(super) fn into_computed(self, kind: Kind) -> Computed {
        let output = kind.exact().unwrap_or(DecimalType { precision: 1, scale: 0 });
        let constant = self.number().and_then(|number| number.at_scale(output.scale));
        let expr = match self {
            Value::Computed(computed) => return computed,
            Value::Expr { expr, .. } | Value::Narrow { expr, .. } => expr,
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

    /// What is null where this is null.
    pub(super) fn into_counted(mut self) -> Result<Expr, OperatorError> {
        match (self.steps.as_slice(), self.input.pop()) {
            ([Step::Leaf(0)], Some(input)) if self.input.is_empty() => Ok(input),
            (_, last) => {
                self.input.extend(last);
                self.into_expr(Width::Wide)
            },
        }
    }

    /// The inputs, and the computation on them.
    pub(super) fn into_computation(self, width: Width) -> (Vec<Expr>, Computation) {
        let Self { input, steps, output, original } = self;
        (input, Computation { program: Program::new(steps), output, original, width })
    }

    /// The function that computes this, or its result, a decimal, if it depends on no column.
    pub(super) fn into_expr(self, width: Width) -> Result<Expr, OperatorError> {
        let name = expr_output_name(&self.original).ok();
        let expr = match self.into_computation(width) {
            (input, Computation { program, output, original, .. }) if input.is_empty() => {
                let value = program.run(&[], 1, None, Width::Wide);
                let value = value.map_err(|fault| fault_error(fault, &original, output.precision))?;
                decimal(value.first(), output).lit()
            },
            (input, computation) => compute(input, computation),
        };
        Ok(match name {
            Some(name) if expr_output_name(&expr).ok().as_ref() != Some(&name) => expr.alias(name),
            _ => expr,
        })
    }
}

//! Takes aggregate expressions apart: inputs, functions over them, and what remains to be computed from their values.

use std::sync::Arc;

use polars_core::prelude::{Column, DataType, TimeUnit, sum_output_dtype};
use polars_core::schema::Schema;
use polars_plan::dsl::{AggExpr, BooleanFunction, FunctionExpr};
use quokka_engine::error::OperatorError;
use quokka_engine::expr::decimal::{mean_dtype, sum_dtype};
use quokka_engine::expr::prelude::{NULL, as_struct, col, lit, when};
use quokka_engine::expr::{Expr, Requirement, columns_of, output_field, requirement};
use quokka_engine::physical::{column_to_logical, is_narrow};

use super::function::Function;
use super::internal_name;
use super::outcome::Outcome;
use crate::aggregate::accumulator::Counted;
use crate::sketch::{Quantiles, recognize};

/// A function over an input, with its place among the states.
#[derive(Clone, Debug)]
pub(crate) struct Partial {
    pub function: Function,
    /// Index of the input; `None` for a count of rows.
    pub input: Option<usize>,
    /// Type of the input.
    pub dtype: DataType,
    /// Index of its first state column.
    pub state: usize,
}

impl Partial {
    /// `column`, which holds the input as it lies in batches, as an accumulator takes it.
    pub fn input_of(&self, column: &Column) -> Result<Column, OperatorError> {
        let takes_any_form = matches!(self.function, Function::Sum(_) | Function::Count(_));
        let narrow = is_narrow(&self.dtype) && self.function != Function::Moments;
        if takes_any_form || narrow || !self.dtype.is_decimal() {
            return Ok(column.clone());
        }
        column_to_logical(column.clone(), &self.dtype)
    }
}

/// The parts of a list of aggregate expressions. Equal parts are kept once.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Elementwise expressions over the rows.
    pub inputs: Vec<Expr>,
    pub partials: Vec<Partial>,
    /// Aggregates, as they follow from the states.
    pub outcomes: Vec<Outcome>,
    /// Number of state columns.
    pub states: usize,
}

/// Takes expressions apart; see [`Parts`].
pub(crate) struct Decomposer<'a> {
    schema: &'a Schema,
    /// Names that outcomes must not take.
    taken: &'a dyn Fn(&str) -> bool,
    pub parts: Parts,
}

impl<'a> Decomposer<'a> {
    pub fn new(schema: &'a Schema, taken: &'a dyn Fn(&str) -> bool) -> Self {
        Self { schema, taken, parts: Parts::default() }
    }

    /// `expr` over the outcomes, or `None` if some part of it needs whole groups.
    pub fn rewrite(&mut self, expr: &Expr) -> Result<Option<Expr>, OperatorError> {
        Ok(match expr {
            Expr::Literal(_) => Some(expr.clone()),
            Expr::Len => {
                let column = self.partial(Function::Count(Counted::Rows), None, DataType::UInt64);
                Some(self.outcome(Outcome::Count { column }))
            },
            Expr::Agg(aggregate) => self.aggregate(aggregate)?,
            Expr::Alias(inner, name) => self.rewrite(inner)?.map(|inner| inner.alias(name.clone())),
            Expr::Cast { expr, dtype, options } => self.rewrite(expr)?.map(|expr| Expr::Cast {
                expr: Arc::new(expr),
                dtype: dtype.clone(),
                options: *options,
            }),
            Expr::BinaryExpr { left, op, right } => {
                let (Some(left), Some(right)) = (self.rewrite(left)?, self.rewrite(right)?) else { return Ok(None) };
                Some(Expr::BinaryExpr { left: Arc::new(left), op: *op, right: Arc::new(right) })
            },
            Expr::Ternary { predicate, truthy, falsy } => {
                let (Some(predicate), Some(truthy), Some(falsy)) =
                    (self.rewrite(predicate)?, self.rewrite(truthy)?, self.rewrite(falsy)?)
                else {
                    return Ok(None);
                };
                Some(Expr::Ternary { predicate: Arc::new(predicate), truthy: Arc::new(truthy), falsy: Arc::new(falsy) })
            },
            Expr::Function { input, function } => {
                if let [input] = input.as_slice()
                    && let Some(outcome) = self.function(input, function)?
                {
                    return Ok(Some(outcome));
                }
                let Some(input) = self.rewrite_all(input)? else { return Ok(None) };
                Some(Expr::Function { input, function: function.clone() })
            },
            Expr::AnonymousFunction { input, function, options, fmt_str } => {
                if let ([input], Some((quantiles, k))) = (input.as_slice(), recognize(function)) {
                    return self.quantiles(input, quantiles, k);
                }
                let Some(input) = self.rewrite_all(input)? else { return Ok(None) };
                Some(Expr::AnonymousFunction {
                    input,
                    function: function.clone(),
                    options: *options,
                    fmt_str: fmt_str.clone(),
                })
            },
            _ => None,
        })
    }

    fn rewrite_all(&mut self, exprs: &[Expr]) -> Result<Option<Vec<Expr>>, OperatorError> {
        exprs.iter().map(|expr| self.rewrite(expr)).collect()
    }

    fn aggregate(&mut self, aggregate: &AggExpr) -> Result<Option<Expr>, OperatorError> {
        match aggregate {
            AggExpr::Sum(input) => self.sum(input),
            AggExpr::Mean(input) => self.mean(input),
            AggExpr::Min { input, propagate_nans } => {
                self.state_of(Function::Extremum { largest: false, propagate_nans: *propagate_nans }, input, true)
            },
            AggExpr::Max { input, propagate_nans } => {
                self.state_of(Function::Extremum { largest: true, propagate_nans: *propagate_nans }, input, true)
            },
            AggExpr::First(input) => self.state_of(Function::EndValue { last: false }, input, false),
            AggExpr::Last(input) => self.state_of(Function::EndValue { last: true }, input, false),
            AggExpr::Count { input, include_nulls: false } => self.count(Counted::Values, input, true),
            AggExpr::Count { input, include_nulls: true } => self.len(input),
            AggExpr::Std(input, ddof) => self.variance(input, *ddof, true),
            AggExpr::Var(input, ddof) => self.variance(input, *ddof, false),
            _ => Ok(None),
        }
    }

    /// Aggregates that Polars writes as functions.
    fn function(&mut self, input: &Expr, function: &FunctionExpr) -> Result<Option<Expr>, OperatorError> {
        match function {
            FunctionExpr::NullCount => self.count(Counted::Nulls, input, false),
            FunctionExpr::ApproxNUnique => self.distinct(input),
            FunctionExpr::Boolean(BooleanFunction::Any { ignore_nulls }) => {
                self.state_of(Function::Truth { any: true, ignore_nulls: *ignore_nulls }, input, *ignore_nulls)
            },
            FunctionExpr::Boolean(BooleanFunction::All { ignore_nulls }) => {
                self.state_of(Function::Truth { any: false, ignore_nulls: *ignore_nulls }, input, *ignore_nulls)
            },
            _ => Ok(None),
        }
    }

    fn sum(&mut self, input: &Expr) -> Result<Option<Expr>, OperatorError> {
        let Some((input, dtype)) = self.input(input, true)? else { return Ok(None) };
        if dtype.is_bool() {
            let column = self.partial(Function::Count(Counted::True), Some(input), dtype);
            return Ok(Some(self.outcome(Outcome::Count { column })));
        }
        let value = sum_dtype(&dtype).unwrap_or_else(|| sum_output_dtype(&dtype));
        let function = Function::Sum(if dtype.is_float() { DataType::Float64 } else { value.clone() });
        if !function.takes(&dtype) {
            return Ok(None);
        }
        let column = self.partial(function, Some(input), dtype);
        Ok(Some(self.outcome(Outcome::State { column, dtype: value })))
    }

    fn mean(&mut self, input: &Expr) -> Result<Option<Expr>, OperatorError> {
        let Some((input, dtype)) = self.input(input, true)? else { return Ok(None) };
        let (sum, mean) = match &dtype {
            DataType::Decimal(..) => match (sum_dtype(&dtype), mean_dtype(&dtype)) {
                (Some(sum), Some(mean)) => (sum, mean),
                _ => return Ok(None),
            },
            DataType::Float32 => (DataType::Float64, DataType::Float32),
            DataType::Date => (DataType::Float64, DataType::Datetime(TimeUnit::Microseconds, None)),
            DataType::Datetime(..) | DataType::Duration(_) | DataType::Time => (DataType::Float64, dtype.clone()),
            number if number.is_primitive_numeric() || number.is_bool() => (DataType::Float64, DataType::Float64),
            _ => return Ok(None),
        };
        let days = dtype == DataType::Date;
        let sum = self.partial(Function::Sum(sum), Some(input), dtype.clone());
        let count = self.partial(Function::Count(Counted::Values), Some(input), dtype);
        Ok(Some(self.outcome(Outcome::Mean { sum, count, days, dtype: mean })))
    }

    fn variance(&mut self, input: &Expr, ddof: u8, root: bool) -> Result<Option<Expr>, OperatorError> {
        let Some((input, dtype)) = self.input(input, true)? else { return Ok(None) };
        if !Function::Moments.takes(&dtype) {
            return Ok(None);
        }
        let value = if dtype == DataType::Float32 { DataType::Float32 } else { DataType::Float64 };
        let column = self.partial(Function::Moments, Some(input), dtype);
        Ok(Some(self.outcome(Outcome::Variance { column, ddof, root, dtype: value })))
    }

    fn quantiles(&mut self, input: &Expr, quantiles: Quantiles, k: u16) -> Result<Option<Expr>, OperatorError> {
        let Some((input, dtype)) = self.input(input, true)? else { return Ok(None) };
        let function = Function::QuantileSketch(k);
        if !function.takes(&dtype) {
            return Ok(None);
        }
        let column = self.partial(function, Some(input), dtype.clone());
        Ok(Some(self.outcome(Outcome::Quantiles { column, k, quantiles, input: dtype })))
    }

    fn distinct(&mut self, input: &Expr) -> Result<Option<Expr>, OperatorError> {
        // Null is a value, so that it cannot stand for rows that are dropped.
        let (input, filtered) = match input {
            Expr::Filter { input, by } => {
                if !self.is_input(by)? || !self.is_input(input)? {
                    return Ok(None);
                }
                let kept = by.as_ref().clone().alias("kept");
                (as_struct(vec![kept, input.as_ref().clone().alias("value")]), true)
            },
            input => (input.clone(), false),
        };
        let Some((input, dtype)) = self.input(&input, false)? else { return Ok(None) };
        let function = Function::DistinctSketch { filtered };
        if !function.takes(&dtype) {
            return Ok(None);
        }
        let column = self.partial(function, Some(input), dtype);
        Ok(Some(self.outcome(Outcome::Distinct { column })))
    }

    fn count(&mut self, counted: Counted, input: &Expr, filtered: bool) -> Result<Option<Expr>, OperatorError> {
        let Some((input, dtype)) = self.input(input, filtered)? else { return Ok(None) };
        let function = Function::Count(counted);
        if !function.takes(&dtype) {
            return Ok(None);
        }
        let column = self.partial(function, Some(input), dtype);
        Ok(Some(self.outcome(Outcome::Count { column })))
    }

    /// The number of rows, whatever is in them.
    fn len(&mut self, input: &Expr) -> Result<Option<Expr>, OperatorError> {
        match input {
            Expr::Filter { input, by } if self.is_input(input)? => self.count(Counted::True, by, false),
            input if self.is_input(input)? => self.rewrite(&Expr::Len),
            _ => Ok(None),
        }
    }

    /// An aggregate that is its own state.
    fn state_of(&mut self, function: Function, input: &Expr, filtered: bool) -> Result<Option<Expr>, OperatorError> {
        let Some((input, dtype)) = self.input(input, filtered)? else { return Ok(None) };
        if !function.takes(&dtype) {
            return Ok(None);
        }
        let column = self.partial(function, Some(input), dtype.clone());
        Ok(Some(self.outcome(Outcome::State { column, dtype })))
    }

    /// The index and type of an input. `filtered`: whether a null changes nothing, so that a filter may make nulls of
    /// the rows that it drops.
    fn input(&mut self, expr: &Expr, filtered: bool) -> Result<Option<(usize, DataType)>, OperatorError> {
        let expr = match expr {
            Expr::Filter { input, by } if filtered => {
                if !self.is_input(by)? {
                    return Ok(None);
                }
                when(by.as_ref().clone()).then(input.as_ref().clone()).otherwise(lit(NULL))
            },
            expr => expr.clone(),
        };
        if !self.is_input(&expr)? {
            return Ok(None);
        }
        let dtype = output_field(&expr, self.schema)?.dtype;
        let inputs = &mut self.parts.inputs;
        let index = inputs.iter().position(|known| known == &expr).unwrap_or_else(|| {
            inputs.push(expr);
            inputs.len() - 1
        });
        Ok(Some((index, dtype)))
    }

    /// Whether `expr` has one value a row, each computed from that row alone.
    fn is_input(&self, expr: &Expr) -> Result<bool, OperatorError> {
        Ok(!columns_of(expr).is_empty() && requirement(expr, self.schema)? == Requirement::Rows)
    }

    /// The index of the first state column of a function.
    fn partial(&mut self, function: Function, input: Option<usize>, dtype: DataType) -> usize {
        let parts = &mut self.parts;
        if let Some(known) = parts.partials.iter().find(|known| known.function == function && known.input == input) {
            return known.state;
        }
        let state = parts.states;
        parts.states += function.state(&dtype).len();
        parts.partials.push(Partial { function, input, dtype, state });
        state
    }

    /// The column that stands for an aggregate.
    fn outcome(&mut self, outcome: Outcome) -> Expr {
        let outcomes = &mut self.parts.outcomes;
        let index = outcomes.iter().position(|known| known == &outcome).unwrap_or_else(|| {
            outcomes.push(outcome);
            outcomes.len() - 1
        });
        col(internal_name("aggregate", index, self.taken))
    }
}

//! Approximate quantiles as expressions.

use std::sync::Arc;

use polars_core::prelude::{
    Column, DataType, Field, IntoColumn, PolarsResult, ReshapeDimension, polars_bail, polars_err,
};
use polars_core::schema::Schema;
use polars_plan::dsl::{AnonymousColumnsUdf, ColumnsUdf, LazySerde, OpaqueColumnUdf, new_column_udf};
use polars_plan::prelude::{FunctionFlags, FunctionOptions};
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::Expr;
use quokka_engine::physical::column_to_logical;

use super::keys::Key;
use super::ranks::Ranks;

/// How exact approximate quantiles are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantileOptions {
    rank_error: f64,
}

impl Default for QuantileOptions {
    /// A rank error of 1 %.
    fn default() -> Self {
        Self { rank_error: 0.01 }
    }
}

impl QuantileOptions {
    /// How far, as a share of the number of values, the place of a result in the order may be from the place that was asked
    /// for: from 0.0001 to 0.2. A median with a rank error of 0.01 lies between the exact quantiles 0.49 and 0.51, with a
    /// probability of 99 %. The memory a group takes is proportional to the inverse.
    ///
    /// ```
    /// use quokka_operators::sketch::QuantileOptions;
    ///
    /// let exact = QuantileOptions::default().rank_error(0.001);
    /// assert_ne!(exact, QuantileOptions::default());
    /// ```
    pub fn rank_error(mut self, rank_error: f64) -> Self {
        self.rank_error = rank_error;
        self
    }

    /// Values that the highest level of a sketch holds. The formula was fitted to measurements by the authors of Apache
    /// DataSketches (<https://datasketches.apache.org/docs/KLL/KLLAccuracyAndSize.html>); the larger buffer of ours only
    /// makes the error smaller.
    fn k(self) -> Option<u16> {
        (0.0001..=0.2).contains(&self.rank_error).then(|| (2.296 / self.rank_error).powf(1.0 / 0.9723).ceil() as u16)
    }
}

/// Expressions for approximate aggregates; Polars' own is `approx_n_unique`.
///
/// They can be used wherever Polars' aggregates can. In `agg` and `select` each worker makes a small sketch of its values,
/// and the owner of a group merges them.
pub trait ApproximateExpr {
    /// The value at `quantile`, from 0 to 1, of the order of all values: the smallest that this share of the values are
    /// not above, where the share is off by up to 1 % ([`QuantileOptions`]). 0 and 1 are the exact extremes, and so are the
    /// quantiles of up to some 250 values.
    ///
    /// Takes numbers, decimals, dates and times; the result is one of the values, and has their type. Nulls are left out;
    /// NaN counts as the largest value. Null if there are no values.
    ///
    /// The result depends on the order in which values come, and so may differ from run to run with several workers, but
    /// not on chance: the same rows in the same order on one worker give the same result.
    fn approximate_quantile(self, quantile: f64) -> Expr;

    /// The values at several quantiles, as a list in the order of `quantiles`, from one sketch. Nulls if there are no
    /// values.
    fn approximate_quantiles(self, quantiles: &[f64]) -> Expr;

    /// The quantile 0.5.
    fn approximate_median(self) -> Expr;
}

impl ApproximateExpr for Expr {
    fn approximate_quantile(self, quantile: f64) -> Expr {
        approximate_quantile(self, quantile, QuantileOptions::default())
    }

    fn approximate_quantiles(self, quantiles: &[f64]) -> Expr {
        approximate_quantiles(self, quantiles, QuantileOptions::default())
    }

    fn approximate_median(self) -> Expr {
        self.approximate_quantile(0.5)
    }
}

/// [`ApproximateExpr::approximate_quantile`] with options.
///
/// Holds a sketch of a few kilobytes for each group (9 KB for a rank error of 1 %), less for groups of few values.
pub fn approximate_quantile(input: Expr, quantile: f64, options: QuantileOptions) -> Expr {
    Function { quantiles: Quantiles { at: [quantile].into(), list: false }, options }.call(input)
}

/// [`ApproximateExpr::approximate_quantiles`] with options.
pub fn approximate_quantiles(input: Expr, quantiles: &[f64], options: QuantileOptions) -> Expr {
    Function { quantiles: Quantiles { at: quantiles.into(), list: true }, options }.call(input)
}

/// Which quantiles of a column are wanted, and in which form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quantiles {
    at: Arc<[f64]>,
    /// A list of several, rather than one.
    list: bool,
}

/// Whether there are quantiles of values of a type.
pub(crate) fn has_order(dtype: &DataType) -> bool {
    let number = dtype.is_primitive_numeric() || dtype.is_temporal() || dtype.is_decimal();
    number && !matches!(dtype, DataType::UInt128 | DataType::Float16)
}

/// Whether values of a type, as they lie in batches, need more than 64 bits.
pub(crate) fn is_wide(dtype: &DataType) -> bool {
    matches!(dtype, DataType::Int128 | DataType::Decimal(..))
}

/// The quantiles that a user function stands for, and the size of the sketch; `None` for other functions.
pub(crate) fn recognize(function: &OpaqueColumnUdf) -> Option<(Quantiles, u16)> {
    let LazySerde::Deserialized(function) = function else { return None };
    let function: &Arc<dyn AnonymousColumnsUdf> = function;
    // Functions of others need not answer to `as_any`.
    let mut mark = Vec::new();
    function.try_serialize(&mut mark).ok().filter(|()| mark == MARK)?;
    let function = function.as_any().downcast_ref::<Function>()?;
    Some((function.quantiles.clone(), function.options.k()?))
}

const MARK: &[u8] = b"quokka: approximate quantiles";

impl Quantiles {
    /// Type of the result for values of type `dtype`.
    pub fn dtype(&self, dtype: &DataType) -> DataType {
        if self.list { DataType::List(Box::new(dtype.clone())) } else { dtype.clone() }
    }

    /// The result for each of some sketches of values of type `dtype`, which lie as `lies`, as do those of the result
    /// unless they are lists.
    pub fn of<T: Key>(
        &self,
        sketches: &[Ranks<T>],
        dtype: &DataType,
        lies: &DataType,
    ) -> Result<Column, OperatorError> {
        let rows = sketches.len();
        let mut keys = Vec::with_capacity(rows * self.at.len());
        for sketch in sketches {
            match sketch.quantiles(&self.at) {
                Some(values) => keys.extend(values.into_iter().map(Some)),
                None => keys.resize(keys.len() + self.at.len(), None),
            }
        }
        let values = T::column(&keys, lies)?;
        if !self.list {
            return Ok(values.into_column());
        }
        if rows == 0 {
            return Ok(Column::new_empty(PlSmallStr::EMPTY, &self.dtype(dtype)));
        }
        // Lists hold Polars' decimals.
        let values = column_to_logical(values.into_column(), dtype)?.take_materialized_series();
        let shape = [ReshapeDimension::new(rows as i64), ReshapeDimension::new(self.at.len() as i64)];
        Ok(values.reshape_list(&shape)?.into_column())
    }
}

/// The user function that the expression calls. Aggregates recognize it and merge sketches; Polars calls it elsewhere.
#[derive(Clone, Debug)]
struct Function {
    quantiles: Quantiles,
    options: QuantileOptions,
}

impl Function {
    fn call(self, input: Expr) -> Expr {
        let at: Vec<String> = self.quantiles.at.iter().map(f64::to_string).collect();
        let error = self.options.rank_error;
        Expr::AnonymousFunction {
            input: vec![input],
            fmt_str: Box::new(PlSmallStr::from_string(format!("approximate_quantile[{}; {error}]", at.join(", ")))),
            options: FunctionOptions::aggregation().flag(FunctionFlags::NON_ORDER_OBSERVING),
            function: new_column_udf(self),
        }
    }

    fn k(&self) -> PolarsResult<usize> {
        self.options.k().map(usize::from).ok_or_else(|| {
            polars_err!(InvalidOperation: "a rank error must lie from 0.0001 to 0.2, not be {}", self.options.rank_error)
        })
    }

    fn evaluate<T: Key>(&self, values: &Column) -> Result<Column, OperatorError> {
        let mut sketch = Ranks::<T>::new(self.k()?);
        T::of(values)?.non_null_values_iter().for_each(|key| sketch.insert(key));
        self.quantiles.of(&[sketch], values.dtype(), values.dtype())
    }
}

impl ColumnsUdf for Function {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn call_udf(&self, columns: &mut [Column]) -> PolarsResult<Column> {
        let [values] = columns else { polars_bail!(InvalidOperation: "approximate quantiles take one column") };
        let result =
            if is_wide(values.dtype()) { self.evaluate::<i128>(values) } else { self.evaluate::<i64>(values) }?;
        Ok(result.with_name(values.name().clone()))
    }
}

impl AnonymousColumnsUdf for Function {
    fn as_column_udf(self: Arc<Self>) -> Arc<dyn ColumnsUdf> {
        self
    }

    fn deep_clone(self: Arc<Self>) -> Arc<dyn AnonymousColumnsUdf> {
        self
    }

    fn try_serialize(&self, buffer: &mut Vec<u8>) -> PolarsResult<()> {
        buffer.extend_from_slice(MARK);
        Ok(())
    }

    fn get_field(&self, _schema: &Schema, fields: &[Field]) -> PolarsResult<Field> {
        let [field] = fields else { polars_bail!(InvalidOperation: "approximate quantiles take one column") };
        self.k()?;
        if let Some(wrong) = self.quantiles.at.iter().find(|quantile| !(0.0..=1.0).contains(*quantile)) {
            polars_bail!(InvalidOperation: "a quantile must lie from 0 to 1, not be {wrong}");
        }
        if self.quantiles.at.is_empty() {
            polars_bail!(InvalidOperation: "no quantile to compute: name at least one");
        }
        let dtype = field.dtype();
        if !has_order(dtype) {
            polars_bail!(
                InvalidOperation: "approximate quantiles take numbers, decimals, dates and times, not `{dtype}`"
            );
        }
        Ok(Field::new(field.name().clone(), self.quantiles.dtype(dtype)))
    }
}

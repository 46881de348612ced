//! Approximate aggregates of whole columns.

use polars_core::prelude::{ExplodeOptions, NamedFrom, PlSmallStr, Series};
use polars_plan::dsl::{Expr, Selector};
use quokka_engine::expr::prelude::{col, lit};
use quokka_operators::sketch::{ApproximateExpr, QuantileOptions, approximate_quantiles};

use super::DataStream;
use crate::plan::expression::select_columns;

/// The column of [`DataStream::approximate_quantile`] that names its rows.
const QUANTILE: &str = "quantile";

/// Each of these blocks, and holds one small sketch of each column on each worker. [`ApproximateExpr`] and Polars'
/// `approx_n_unique` do the same for groups.
///
/// [`ApproximateExpr`]: crate::ApproximateExpr
impl DataStream {
    /// The approximate number of different values of columns, in one row. Null counts as a value.
    ///
    /// The standard error is 0.8 %: with a probability of 99 % the result is within 2 %. Up to some 1500 values the result is
    /// all but exact. It depends on nothing but the values. Holds at most 16 KB for each column on each worker.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("user" => [1, 2, 1], "page" => ["a", "b", "c"]).unwrap());
    /// let counts = stream.approx_n_unique(cols(["user", "page"])).collect()?;
    /// assert_eq!(counts, df!("user" => [2u32], "page" => [3u32]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn approx_n_unique(self, columns: Selector) -> Self {
        self.then(|plan| plan.select(&[columns.as_expr().approx_n_unique()], "approx_n_unique"))
    }

    /// Approximate quantiles of columns: one row for each of `quantiles`, in their order, which the column `quantile`
    /// names, and the value of each column. [`ApproximateExpr`] tells what is meant; places in the order are off by up to
    /// 1 %.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("price" => (1..=100i64).collect::<Vec<_>>()).unwrap());
    /// let quartiles = stream.approximate_quantile(cols(["price"]), [0.25, 0.5, 0.75]).collect()?;
    /// assert_eq!(quartiles, df!("quantile" => [0.25, 0.5, 0.75], "price" => [25i64, 50, 75]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A quantile outside of 0 to 1, a column without an order of numbers, one with the name `quantile`.
    ///
    /// [`ApproximateExpr`]: crate::ApproximateExpr
    pub fn approximate_quantile(self, columns: Selector, quantiles: impl AsRef<[f64]>) -> Self {
        self.approximate_quantile_with(columns, quantiles, QuantileOptions::default())
    }

    /// [`approximate_quantile`](Self::approximate_quantile) with another error.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("price" => (1..=1000i64).collect::<Vec<_>>()).unwrap());
    /// let options = QuantileOptions::default().rank_error(0.002);
    /// let quartiles = stream.approximate_quantile_with(cols(["price"]), [0.25, 0.75], options).collect()?;
    /// assert_eq!(quartiles, df!("quantile" => [0.25, 0.75], "price" => [250i64, 750]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn approximate_quantile_with(
        self,
        columns: Selector,
        quantiles: impl AsRef<[f64]>,
        options: QuantileOptions,
    ) -> Self {
        const METHOD: &str = "approximate_quantile";
        let quantiles = quantiles.as_ref();
        self.then(|plan| {
            let names = select_columns(&columns, plan.schema(), METHOD)?;
            let lists: Vec<Expr> =
                names.iter().map(|name| approximate_quantiles(col(name.clone()), quantiles, options)).collect();
            let plan = plan.select(&lists, METHOD)?;
            let mut rows = vec![lit(Series::new(PlSmallStr::from_static(QUANTILE), quantiles))];
            let explode = ExplodeOptions { empty_as_null: true, keep_nulls: true };
            rows.extend(names.iter().map(|name| col(name.clone()).explode(explode)));
            plan.select(&rows, METHOD)
        })
    }

    /// The approximate medians of columns, in one row: [`approximate_quantile`](Self::approximate_quantile) with 0.5.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("price" => [10, 30, 20]).unwrap());
    /// assert_eq!(stream.approximate_median(cols(["price"])).collect()?, df!("price" => [20]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn approximate_median(self, columns: Selector) -> Self {
        const METHOD: &str = "approximate_median";
        self.then(|plan| {
            let names = select_columns(&columns, plan.schema(), METHOD)?;
            let medians: Vec<Expr> = names.into_iter().map(|name| col(name).approximate_median()).collect();
            plan.select(&medians, METHOD)
        })
    }
}

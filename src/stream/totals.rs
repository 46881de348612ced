//! Methods that make one row of all rows, column by column.

use quokka_engine::expr::prelude::{Expr, QuantileMethod, all};

use super::DataStream;

/// Each of these blocks and holds one partial result on each worker, unless it says otherwise.
impl DataStream {
    fn totals(self, total: impl FnOnce(Expr) -> Expr, method: &'static str) -> Self {
        self.then(|plan| plan.select(&[total(all().as_expr())], method))
    }

    /// The number of values of every column that are not null.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1), None]).unwrap());
    /// assert_eq!(stream.count().collect()?, df!("a" => [1u32]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn count(self) -> Self {
        self.totals(Expr::count, "count")
    }

    /// The number of nulls of every column.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.null_count().collect()?, df!("a" => [1u32]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn null_count(self) -> Self {
        self.totals(Expr::null_count, "null_count")
    }

    /// The sum of every column.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.sum().collect()?, df!("a" => [4.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn sum(self) -> Self {
        self.totals(Expr::sum, "sum")
    }

    /// The least value of every column.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.min().collect()?, df!("a" => [1.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn min(self) -> Self {
        self.totals(Expr::min, "min")
    }

    /// The greatest value of every column.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.max().collect()?, df!("a" => [3.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn max(self) -> Self {
        self.totals(Expr::max, "max")
    }

    /// The mean of every column.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.mean().collect()?, df!("a" => [2.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn mean(self) -> Self {
        self.totals(Expr::mean, "mean")
    }

    /// The median of every column. One worker holds all rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.median().collect()?, df!("a" => [2.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn median(self) -> Self {
        self.totals(Expr::median, "median")
    }

    /// The standard deviation of every column, with `ddof` degrees of freedom taken off.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.std(0).collect()?, df!("a" => [1.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn std(self, ddof: u8) -> Self {
        self.totals(|columns| columns.std(ddof), "std")
    }

    /// The variance of every column, with `ddof` degrees of freedom taken off.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), Some(3.0), None]).unwrap());
    /// assert_eq!(stream.var(1).collect()?, df!("a" => [2.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn var(self, ddof: u8) -> Self {
        self.totals(|columns| columns.var(ddof), "var")
    }

    /// The `quantile`-quantile of every column, exactly. One worker holds all rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4, 50]).unwrap());
    /// let high = stream.quantile(lit(0.75), QuantileMethod::Nearest);
    /// assert_eq!(high.collect()?, df!("a" => [4.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn quantile(self, quantile: Expr, method: QuantileMethod) -> Self {
        self.totals(|columns| columns.quantile(quantile, method), "quantile")
    }

    /// The number of different values of every column, exactly; null is a value. Each worker holds the different values
    /// that it finds.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 1, 2], "b" => ["x", "y", "z"]).unwrap());
    /// assert_eq!(stream.n_unique().collect()?, df!("a" => [2u32], "b" => [3u32]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    #[doc(alias = "count_distinct")]
    pub fn n_unique(self) -> Self {
        self.totals(Expr::n_unique, "n_unique")
    }
}

//! Methods that replace missing values.

use quokka_engine::expr::prelude::{Expr, FillNullStrategy, all};

use super::DataStream;

impl DataStream {
    /// Replaces nulls in all columns; a column whose type the value does not fit stays as it is or takes a common type, as
    /// in Polars.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1), None]).unwrap());
    /// assert_eq!(stream.fill_null(lit(0)).collect()?, df!("a" => [1, 0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn fill_null<E: Into<Expr>>(self, value: E) -> Self {
        let filled = all().as_expr().fill_null(value);
        self.then(|plan| plan.select(&[filled], "fill_null"))
    }

    /// Replaces nulls in all columns by a strategy: `Forward` and `Backward` take the value before or behind, over at most
    /// as many rows as the limit says; `Min`, `Max` and `Mean` that of the column; `Zero` and `One`
    /// a constant of its type. A strategy must fit all columns: choose them with
    /// `with_columns([cols(["a"]).as_expr().fill_null_with_strategy(strategy)])`.
    ///
    /// Constants stream. The others block, and one worker holds all rows; `Forward` and `Backward` look at the order of a
    /// sort or else of the table. A value of the whole column can also be joined to the rows, so that nobody holds them, if
    /// the table may be read twice:
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(1).build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.0), None, Some(3.0)]).unwrap());
    /// let mean = stream.clone().select([col("a").mean().alias("mean")]);
    /// let filled = stream.cross_join(mean, None).select([col("a").fill_null(col("mean"))]);
    /// assert_eq!(filled.collect()?, df!("a" => [1.0, 2.0, 3.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1), None, None]).unwrap());
    /// let filled = stream.fill_null_with_strategy(FillNullStrategy::Forward(Some(1))).collect()?;
    /// assert_eq!(filled, df!("a" => [Some(1), Some(1), None]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn fill_null_with_strategy(self, strategy: FillNullStrategy) -> Self {
        let filled = all().as_expr().fill_null_with_strategy(strategy);
        self.then(|plan| plan.select(&[filled], "fill_null_with_strategy"))
    }

    /// Replaces NaN in all columns of floating point numbers. Streams and holds nothing.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1.5, f64::NAN]).unwrap());
    /// assert_eq!(stream.fill_nan(lit(0.0)).collect()?, df!("a" => [1.5, 0.0]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn fill_nan<E: Into<Expr>>(self, value: E) -> Self {
        let value = value.into();
        self.then(|plan| {
            let floats = plan.schema().iter().filter(|(_, dtype)| dtype.is_float());
            let filled: Vec<Expr> =
                floats.map(|(name, _)| Expr::Column(name.clone()).fill_nan(value.clone())).collect();
            plan.with_columns(&filled, "fill_nan")
        })
    }
}

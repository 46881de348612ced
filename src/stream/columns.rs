//! Methods that compute, choose and name columns.

use polars_core::prelude::{DataType, PlSmallStr};
use quokka_engine::expr::prelude::{Expr, Selector, all};

use super::DataStream;
use crate::plan::expression::select_columns;

impl DataStream {
    /// Computes columns; the result has these alone.
    ///
    /// Expressions that look at one row at a time stream and hold nothing. Aggregates make one row, held as one partial
    /// result on each worker. `over` sends rows to workers by its keys and holds them; other expressions that need
    /// several rows are evaluated on one worker that holds all of them, and [`explain`](Self::explain) says so.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2], "b" => [10, 20]).unwrap());
    /// let sums = stream.select([(col("a") + col("b")).alias("sum")]).collect()?;
    /// assert_eq!(sums, df!("sum" => [11, 22]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn select<E: AsRef<[Expr]>>(self, exprs: E) -> Self {
        self.then(|plan| plan.select(exprs.as_ref(), "select"))
    }

    /// Computes columns and adds them to those of the input; one with the name of an input column replaces it.
    /// [`select`](Self::select) tells what is held.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2]).unwrap());
    /// let both = stream.with_columns([(col("a") * lit(2)).alias("double")]).collect()?;
    /// assert_eq!(both, df!("a" => [1, 2], "double" => [2, 4]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn with_columns<E: AsRef<[Expr]>>(self, exprs: E) -> Self {
        self.then(|plan| plan.with_columns(exprs.as_ref(), "with_columns"))
    }

    /// [`with_columns`](Self::with_columns) with one expression.
    pub fn with_column(self, expr: Expr) -> Self {
        self.then(|plan| plan.with_columns(&[expr], "with_column"))
    }

    /// Gives columns new names, all at once. If `strict`, all existing names must be there; otherwise those that are not
    /// are left out.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1], "b" => [2]).unwrap());
    /// let swapped = stream.rename(["a", "b"], ["b", "a"], true).collect()?;
    /// assert_eq!(swapped, df!("b" => [1], "a" => [2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn rename<I, J, T, S>(self, existing: I, new: J, strict: bool) -> Self
    where
        I: IntoIterator<Item = T>,
        J: IntoIterator<Item = S>,
        T: AsRef<str>,
        S: AsRef<str>,
    {
        let existing: Vec<PlSmallStr> = existing.into_iter().map(|name| name.as_ref().into()).collect();
        let new: Vec<PlSmallStr> = new.into_iter().map(|name| name.as_ref().into()).collect();
        self.then(|plan| plan.rename(&existing, &new, strict))
    }

    /// Leaves columns out.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1], "b" => [2], "c" => [3]).unwrap());
    /// assert_eq!(stream.drop(cols(["a", "c"])).collect()?, df!("b" => [2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn drop(self, columns: Selector) -> Self {
        self.then(|plan| {
            let dropped = select_columns(&columns, plan.schema(), "drop")?;
            let kept: Vec<_> = plan.schema().iter_names().filter(|name| !dropped.contains(name)).cloned().collect();
            Ok(plan.columns(&kept))
        })
    }

    /// Casts columns to other types. If `strict`, a value that does not fit is an error; otherwise it becomes null.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => ["1", "x"]).unwrap());
    /// let numbers = stream.cast([("a", DataType::Int64)], false).collect()?;
    /// assert_eq!(numbers, df!("a" => [Some(1i64), None]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn cast<S: AsRef<str>>(self, dtypes: impl IntoIterator<Item = (S, DataType)>, strict: bool) -> Self {
        let casts: Vec<Expr> = dtypes
            .into_iter()
            .map(|(name, dtype)| {
                let column = Expr::Column(name.as_ref().into());
                if strict { column.strict_cast(dtype) } else { column.cast(dtype) }
            })
            .collect();
        self.then(|plan| plan.with_columns(&casts, "cast"))
    }

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

    /// Replaces NaN in all columns of floating point numbers.
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

//! Methods that compute, choose and name columns.

use polars_core::frame::DataFrame;
use polars_core::prelude::{DataType, IntoColumn, PlSmallStr};
use quokka_engine::expr::prelude::{Expr, Selector};

use super::DataStream;
use crate::error::PlanError;
use crate::plan::expression::select_columns;
use crate::user::{UserError, computed_column};

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
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4]).unwrap());
    /// let squares = stream.with_column((col("a") * col("a")).alias("square"));
    /// assert_eq!(squares.collect()?, df!("a" => [1, 2, 3, 4], "square" => [1, 4, 9, 16]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
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

    /// Brings values of columns into the ranges from a lower to an upper bound, each an expression: those below become the
    /// lower bound, those above the upper one. Nulls stay; a bound that is null is none.
    ///
    /// Streams and holds nothing, if the bounds need one row only.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [-5, 5, 50], "b" => [1, 2, 3]).unwrap());
    /// let clipped = stream.clip([("a", lit(0), lit(10)), ("b", lit(2), lit(NULL))]).collect()?;
    /// assert_eq!(clipped, df!("a" => [0, 5, 10], "b" => [2, 2, 3]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn clip<S, L, U>(self, bounds: impl IntoIterator<Item = (S, L, U)>) -> Self
    where
        S: Into<PlSmallStr>,
        L: Into<Expr>,
        U: Into<Expr>,
    {
        let clip = |(name, lower, upper): (S, L, U)| Expr::Column(name.into()).clip(lower.into(), upper.into());
        let clipped: Vec<Expr> = bounds.into_iter().map(clip).collect();
        self.then(|plan| plan.with_columns(&clipped, "clip"))
    }

    /// Adds the column `name` of type `dtype`, or puts it in place of the one with that name: what `function` computes
    /// from batches of the columns `inputs`, one value for each row.
    ///
    /// How rows are cut into batches is not determined, so a value must depend on its row alone. Streams and holds
    /// nothing. Other columns of the stream stay what they are to the optimizer: those that nothing needs are not read,
    /// filters on them move below the function, and it is not called if nothing needs its column. For functions of one
    /// column, `col("a").map(…)` of Polars does the same inside any expression, `map_multiple` for several.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("path" => ["/a/b", "/a"], "size" => [1, 2]).unwrap());
    /// let depths = stream.with_column_fn("depth", ["path"], DataType::UInt32, |batch| -> Result<_, UserError> {
    ///     let depth = |path: Option<&str>| path.map(|path| path.matches('/').count() as u32);
    ///     Ok(batch.column("path")?.str()?.iter().map(depth).collect::<Series>())
    /// });
    /// let expected = df!("path" => ["/a/b", "/a"], "size" => [1, 2], "depth" => [2u32, 1]).unwrap();
    /// assert_eq!(depths.collect()?, expected);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// No inputs. The query fails with what the function returns, if it panics, and if it makes another type or another
    /// number of values.
    #[doc(alias("map_batches", "apply"))]
    pub fn with_column_fn<I, F, C, E>(
        self,
        name: impl Into<PlSmallStr>,
        inputs: impl IntoIterator<Item = I>,
        dtype: DataType,
        function: F,
    ) -> Self
    where
        I: Into<PlSmallStr>,
        F: Fn(DataFrame) -> Result<C, E> + Send + Sync + 'static,
        C: IntoColumn,
        E: Into<UserError>,
    {
        const METHOD: &str = "with_column_fn";
        let inputs: Vec<PlSmallStr> = inputs.into_iter().map(Into::into).collect();
        let has_inputs = !inputs.is_empty();
        let column = computed_column(name.into(), inputs, dtype, function);
        self.then(|plan| match has_inputs {
            true => plan.with_columns(&[column], METHOD),
            false => Err(PlanError::argument(METHOD, "the function has no inputs: name at least one column")),
        })
    }
}

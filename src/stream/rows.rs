//! Methods that choose rows.

use polars_core::prelude::{IdxSize, PlSmallStr};
use quokka_engine::expr::prelude::{Expr, Selector, all, lit};

use super::DataStream;
use crate::error::PlanError;
use crate::plan::expression::select_columns;
use crate::plan::logical::LogicalPlan;

impl DataStream {
    /// Keeps the rows for which `predicate` is true, not those for which it is false or null.
    ///
    /// Streams and holds nothing, unless the predicate needs several rows (see [`select`](Self::select)). Predicates on
    /// columns of a file are applied while it is read.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1), Some(2), None]).unwrap());
    /// assert_eq!(stream.filter(col("a").gt(lit(1))).collect()?, df!("a" => [Some(2)]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn filter(self, predicate: Expr) -> Self {
        self.then(|plan| plan.filter(&predicate, "filter"))
    }

    /// Drops the rows for which `predicate` is true, not those for which it is false or null.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1), Some(2), None]).unwrap());
    /// assert_eq!(stream.remove(col("a").gt(lit(1))).collect()?, df!("a" => [Some(1), None]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn remove(self, predicate: Expr) -> Self {
        self.then(|plan| plan.filter(&predicate.neq_missing(lit(true)), "remove"))
    }

    /// Keeps the rows without a null in the columns of `subset`, or in any column.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1), None], "b" => [None, Some(2)]).unwrap());
    /// assert_eq!(stream.clone().drop_nulls(Some(cols(["a"]))).collect()?.height(), 1);
    /// assert_eq!(stream.drop_nulls(None).collect()?.height(), 0);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn drop_nulls(self, subset: Option<Selector>) -> Self {
        self.then(|plan| {
            let is_set = columns(&plan, subset.as_ref(), "drop_nulls")?.into_iter().map(|column| column.is_not_null());
            match is_set.reduce(Expr::and) {
                Some(predicate) => plan.filter(&predicate, "drop_nulls"),
                None => Ok(plan),
            }
        })
    }

    /// Keeps the rows without a NaN in the columns of `subset`, or in any column of floating point numbers. Nulls stay.
    ///
    /// Streams and holds nothing.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [Some(1.5), Some(f64::NAN), None]).unwrap());
    /// assert_eq!(stream.drop_nans(None).collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn drop_nans(self, subset: Option<Selector>) -> Self {
        const METHOD: &str = "drop_nans";
        self.then(|plan| {
            let columns = match &subset {
                Some(_) => columns(&plan, subset.as_ref(), METHOD)?,
                None => {
                    let floats = plan.schema().iter().filter(|(_, dtype)| dtype.is_float());
                    floats.map(|(name, _)| Expr::Column(name.clone())).collect()
                },
            };
            let is_other = columns.into_iter().map(|column| column.is_nan().neq_missing(lit(true)));
            match is_other.reduce(Expr::and) {
                Some(predicate) => plan.filter(&predicate, METHOD),
                None => Ok(plan),
            }
        })
    }

    /// Keeps the first `n` rows. Without an order, any `n` rows.
    ///
    /// Streams; what feeds it stops early. After a sort it becomes a top-k.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3]).unwrap());
    /// assert_eq!(stream.limit(2).collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    #[doc(alias = "head")]
    pub fn limit(self, n: IdxSize) -> Self {
        self.slice(0, n)
    }

    /// Keeps the first row.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4]).unwrap());
    /// assert_eq!(stream.first().collect()?, df!("a" => [1]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn first(self) -> Self {
        self.slice(0, 1)
    }

    /// Keeps the last row. One worker holds all rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4]).unwrap());
    /// assert_eq!(stream.last().collect()?, df!("a" => [4]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn last(self) -> Self {
        self.slice(-1, 1)
    }

    /// Keeps the last `n` rows. One worker holds all rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4]).unwrap());
    /// assert_eq!(stream.tail(2).collect()?, df!("a" => [3, 4]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn tail(self, n: IdxSize) -> Self {
        self.slice(-i64::from(n), n)
    }

    /// Keeps `len` rows from the `offset`-th on; a negative offset counts from the end. Which rows these are is only
    /// determined if the stream is sorted.
    ///
    /// Streams on one worker; with a negative offset, that worker holds all rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4]).unwrap());
    /// assert_eq!(stream.slice(1, 2).collect()?, df!("a" => [2, 3]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn slice(self, offset: i64, len: IdxSize) -> Self {
        self.then(|plan| Ok(plan.slice(offset, u64::from(len))))
    }

    /// Adds a first column `name` with the number of each row, counted from `offset` (or 0) on.
    ///
    /// Rows are counted in the order of a sort, or else of the table: file after file. Those of a join or a group-by, which
    /// have no order, get numbers in any.
    ///
    /// Streams. A table that knows how many rows its parts have (Parquet files, frames) is numbered on all workers where it
    /// is read; any other, or one that is filtered before, is read by one worker. After a sort, each worker holds its range
    /// until all have counted theirs.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => ["x", "y"]).unwrap());
    /// let numbered = stream.with_row_index("row", Some(10)).collect()?;
    /// assert_eq!(numbered, df!("row" => [10u32, 11], "a" => ["x", "y"]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A column of that name. The query fails if there are more than `u32::MAX` rows.
    pub fn with_row_index(self, name: impl Into<PlSmallStr>, offset: Option<IdxSize>) -> Self {
        let name = name.into();
        self.then(|plan| plan.with_row_index(name, offset.unwrap_or(0)))
    }

    /// The rows in the opposite order, for streams that have one.
    ///
    /// Blocks, and one worker holds all rows; a sort in the other direction is spread over the workers.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3]).unwrap());
    /// assert_eq!(stream.reverse().collect()?, df!("a" => [3, 2, 1]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn reverse(self) -> Self {
        self.then(|plan| plan.select(&[all().as_expr().reverse()], "reverse"))
    }

    /// Moves the values of all columns `n` rows down, or up if `n` is negative; nulls take their places.
    ///
    /// Blocks, and one worker holds all rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3]).unwrap());
    /// assert_eq!(stream.shift(1).collect()?, df!("a" => [None, Some(1), Some(2)]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn shift<E: Into<Expr>>(self, n: E) -> Self {
        let shifted = all().as_expr().shift(n.into());
        self.then(|plan| plan.select(&[shifted], "shift"))
    }
}

/// The columns of `plan` that `subset` chooses, all if there is none.
pub(super) fn columns(
    plan: &LogicalPlan,
    subset: Option<&Selector>,
    method: &'static str,
) -> Result<Vec<Expr>, PlanError> {
    let Some(subset) = subset else {
        return Ok(plan.schema().iter_names().cloned().map(Expr::Column).collect());
    };
    Ok(select_columns(subset, plan.schema(), method)?.into_iter().map(Expr::Column).collect())
}

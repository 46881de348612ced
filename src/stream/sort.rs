//! Methods that order rows.

use polars_core::prelude::{IdxSize, IntoVec, PlSmallStr, SortMultipleOptions};
use quokka_engine::expr::prelude::{Expr, col};

use super::DataStream;

impl DataStream {
    /// Orders all rows by columns, the first one being the most significant. Nulls come first unless the options say
    /// otherwise; rows with equal keys come in any order unless they say `maintain_order`.
    ///
    /// Blocks, and holds all rows, spread over the workers by ranges of the keys.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [2, 3, 1]).unwrap());
    /// let descending = SortMultipleOptions::default().with_order_descending(true);
    /// assert_eq!(stream.sort(["a"], descending).collect()?, df!("a" => [3, 2, 1]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn sort(self, by: impl IntoVec<PlSmallStr>, options: SortMultipleOptions) -> Self {
        let by: Vec<Expr> = by.into_vec().into_iter().map(col).collect();
        self.then(|plan| plan.sort(&by, options, "sort"))
    }

    /// [`sort`](Self::sort) by the values of expressions.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4]).unwrap());
    /// let sorted = stream.sort_by_exprs([col("a") % lit(3)], Default::default());
    /// assert_eq!(sorted.first().collect()?, df!("a" => [3]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn sort_by_exprs<E: AsRef<[Expr]>>(self, by_exprs: E, options: SortMultipleOptions) -> Self {
        self.then(|plan| plan.sort(by_exprs.as_ref(), options, "sort_by_exprs"))
    }

    /// The `k` rows with the greatest values of `by_exprs`, greatest first; nulls are less than all values. Options that
    /// reverse a direction make it least first.
    ///
    /// Blocks, and holds `k` rows on each worker.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [2, 3, 1]).unwrap());
    /// assert_eq!(stream.top_k(2, [col("a")], Default::default()).collect()?, df!("a" => [3, 2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn top_k<E: AsRef<[Expr]>>(self, k: IdxSize, by_exprs: E, options: SortMultipleOptions) -> Self {
        let options = options.with_order_reversed().with_nulls_last(true);
        self.then(|plan| plan.top_k(u64::from(k), by_exprs.as_ref(), options, "top_k"))
    }

    /// The `k` rows with the least values of `by_exprs`, least first; nulls count as greater than all values.
    /// [`top_k`](Self::top_k) tells what is held.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2, 3, 4]).unwrap());
    /// assert_eq!(stream.bottom_k(2, [col("a")], Default::default()).collect()?, df!("a" => [1, 2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn bottom_k<E: AsRef<[Expr]>>(self, k: IdxSize, by_exprs: E, options: SortMultipleOptions) -> Self {
        let options = options.with_nulls_last(true);
        self.then(|plan| plan.top_k(u64::from(k), by_exprs.as_ref(), options, "bottom_k"))
    }
}

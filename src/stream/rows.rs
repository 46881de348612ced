//! Methods that choose rows.

use polars_core::prelude::{IdxSize, UniqueKeepStrategy};
use quokka_engine::expr::prelude::{Expr, Selector, as_struct, col, len, lit};

use super::DataStream;
use crate::error::PlanError;
use crate::plan::expression::select_columns;
use crate::plan::logical::{LogicalPlan, Node};

/// Name of the count of equal rows in [`DataStream::unique`].
const COUNT: &str = "__unique_count";

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
    pub fn limit(self, n: IdxSize) -> Self {
        self.slice(0, n)
    }

    /// Keeps the first row.
    pub fn first(self) -> Self {
        self.slice(0, 1)
    }

    /// Keeps the last row.
    pub fn last(self) -> Self {
        self.slice(-1, 1)
    }

    /// Keeps the last `n` rows.
    pub fn tail(self, n: IdxSize) -> Self {
        self.slice(-i64::from(n), n)
    }

    /// Keeps `len` rows from the `offset`-th on; a negative offset counts from the end. Which rows these are is only
    /// determined if the stream is sorted.
    ///
    /// Streams on one worker; with a negative offset, that worker holds all rows.
    pub fn slice(self, offset: i64, len: IdxSize) -> Self {
        self.then(|plan| Ok(plan.slice(offset, u64::from(len))))
    }

    /// Keeps one of each set of equal rows, nulls being equal to each other.
    ///
    /// Blocks, and holds the distinct rows.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 1, 2]).unwrap());
    /// assert_eq!(stream.distinct().collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn distinct(self) -> Self {
        self.unique(None, UniqueKeepStrategy::Any)
    }

    /// Keeps one of each set of rows that are equal in the columns of `subset` (or in all columns): any of them, the
    /// first, the last, or none unless it is alone.
    ///
    /// Blocks, and holds the distinct rows; `First` and `Last` need the order of rows, hence one worker that holds all.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 1, 2], "b" => ["x", "y", "z"]).unwrap());
    /// let alone = stream.unique(Some(cols(["a"])), UniqueKeepStrategy::None).collect()?;
    /// assert_eq!(alone, df!("a" => [2], "b" => ["z"]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn unique(self, subset: Option<Selector>, keep: UniqueKeepStrategy) -> Self {
        self.then(|plan| unique(plan, subset.as_ref(), keep))
    }

    /// The rows of this stream and those of `other`, which must have the same columns in the same order.
    ///
    /// Streams and holds nothing.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let (one, two) = (df!("a" => [1]).unwrap(), df!("a" => [2]).unwrap());
    /// let both = context.from_df(one).union(context.from_df(two));
    /// assert_eq!(both.sort(["a"], Default::default()).collect()?, df!("a" => [1, 2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn union(self, other: DataStream) -> Self {
        self.then(|plan| {
            let mut inputs = match plan.node() {
                Node::Union { inputs } => inputs.clone(),
                _ => vec![plan],
            };
            inputs.push(other.plan?);
            LogicalPlan::union(inputs)
        })
    }
}

/// The columns of `plan` that `subset` chooses, all if there is none.
fn columns(plan: &LogicalPlan, subset: Option<&Selector>, method: &'static str) -> Result<Vec<Expr>, PlanError> {
    let Some(subset) = subset else {
        return Ok(plan.schema().iter_names().cloned().map(Expr::Column).collect());
    };
    Ok(select_columns(subset, plan.schema(), method)?.into_iter().map(Expr::Column).collect())
}

fn unique(plan: LogicalPlan, subset: Option<&Selector>, keep: UniqueKeepStrategy) -> Result<LogicalPlan, PlanError> {
    const METHOD: &str = "unique";
    let keys = columns(&plan, subset, METHOD)?;
    if keys.is_empty() {
        return Err(PlanError::argument(METHOD, "there is no column to compare"));
    }
    let names = plan.schema().clone();
    let others = || {
        let is_key = |column: &Expr| keys.contains(column);
        names.iter_names().cloned().map(Expr::Column).filter(move |column| !is_key(column)).map(Expr::first)
    };
    match keep {
        UniqueKeepStrategy::Any => {
            let others: Vec<Expr> = others().collect();
            Ok(plan.aggregate(&keys, &others, METHOD)?.columns(names.iter_names()))
        },
        UniqueKeepStrategy::None => {
            let aggs: Vec<Expr> = others().chain([len().alias(COUNT)]).collect();
            let counted = plan.aggregate(&keys, &aggs, METHOD)?.filter(&col(COUNT).eq(lit(1)), METHOD)?;
            Ok(counted.columns(names.iter_names()))
        },
        UniqueKeepStrategy::First => plan.filter(&as_struct(keys).is_first_distinct(), METHOD),
        UniqueKeepStrategy::Last => plan.filter(&as_struct(keys).is_last_distinct(), METHOD),
    }
}

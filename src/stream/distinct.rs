//! Methods that drop rows which are equal to others.

use polars_core::prelude::UniqueKeepStrategy;
use quokka_engine::expr::prelude::{Expr, Selector, as_struct, col, len, lit};

use super::DataStream;
use super::rows::columns;
use crate::error::PlanError;
use crate::plan::logical::LogicalPlan;
use crate::plan::rows::RowOperation;

/// Name of the count of equal rows in [`DataStream::unique`].
const COUNT: &str = "__unique_count";

impl DataStream {
    /// Keeps one of each set of equal rows, nulls being equal to each other.
    ///
    /// Streams: the first of them leaves as it comes. Holds the distinct rows, spread over the workers.
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
    /// `Any` is SQL's `DISTINCT ON`; it streams and holds the columns of `subset` of the rows it has sent, spread over the
    /// workers. `First` does so on one worker, which gets the rows in the order of the table; after a sort, and for `Last`,
    /// that worker holds all rows. `None` blocks and holds the distinct rows.
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
        UniqueKeepStrategy::Any | UniqueKeepStrategy::First => {
            let names = keys.iter().filter_map(|key| match key {
                Expr::Column(name) => Some(name.clone()),
                _ => None,
            });
            let keys = names.collect();
            Ok(plan.rows(RowOperation::Distinct { keys, in_order: matches!(keep, UniqueKeepStrategy::First) }))
        },
        UniqueKeepStrategy::None => {
            let aggs: Vec<Expr> = others().chain([len().alias(COUNT)]).collect();
            let counted = plan.aggregate(&keys, &aggs, METHOD)?.filter(&col(COUNT).eq(lit(1)), METHOD)?;
            Ok(counted.columns(names.iter_names()))
        },
        UniqueKeepStrategy::Last => plan.filter(&as_struct(keys).is_last_distinct(), METHOD),
    }
}

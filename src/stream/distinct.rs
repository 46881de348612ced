//! Methods that drop rows which are equal to others.

use polars_core::prelude::UniqueKeepStrategy;
use quokka_engine::expr::prelude::{Expr, Selector, as_struct, col, len, lit};

use super::DataStream;
use super::rows::columns;
use crate::error::PlanError;
use crate::plan::logical::LogicalPlan;

/// Name of the count of equal rows in [`DataStream::unique`].
const COUNT: &str = "__unique_count";

impl DataStream {
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

//! Grouped aggregates.

use polars_core::prelude::PlSmallStr;
use quokka_engine::expr::prelude::{Expr, col};

use super::DataStream;

impl DataStream {
    /// Groups rows by the values of `by`; [`agg`](GroupedDataStream::agg) makes one row of each group. Nulls form a group.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("k" => [1, 2, 1], "v" => [10, 20, 30]).unwrap());
    /// let sums = stream.group_by([col("k")]).agg([col("v").sum(), len().alias("rows")]);
    /// let sums = sums.sort(["k"], Default::default()).collect()?;
    /// assert_eq!(sums, df!("k" => [1, 2], "v" => [40, 20], "rows" => [2u32, 1]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn group_by<E: AsRef<[IE]>, IE: Into<Expr> + Clone>(self, by: E) -> GroupedDataStream {
        let keys = by.as_ref().iter().map(|key| key.clone().into()).collect();
        GroupedDataStream { stream: self, keys, having: Vec::new() }
    }
}

/// A stream whose rows are grouped, made by [`DataStream::group_by`].
#[derive(Clone, Debug)]
#[must_use = "call `agg`"]
pub struct GroupedDataStream {
    stream: DataStream,
    keys: Vec<Expr>,
    having: Vec<Expr>,
}

impl GroupedDataStream {
    /// Keeps the groups for which `predicate`, an aggregate, is true.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("k" => [1, 2, 1], "v" => [10, 20, 30]).unwrap());
    /// let large = stream.group_by([col("k")]).having(len().gt(lit(1))).agg([col("v").max()]);
    /// assert_eq!(large.collect()?, df!("k" => [1], "v" => [30]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn having(mut self, predicate: Expr) -> Self {
        self.having.push(predicate);
        self
    }

    /// One row for each group: the keys, then what `aggs` make of its rows. What is not one value becomes a list.
    ///
    /// Blocks. Aggregates that can be merged (sums, counts, extremes, means, variances, …) are computed on each worker and
    /// merged on the worker that owns the key: each holds one row for each of its groups. Others, such as medians, hold
    /// all rows, spread over the workers by key.
    pub fn agg<E: AsRef<[Expr]>>(self, aggs: E) -> DataStream {
        const METHOD: &str = "group_by";
        let Self { stream, keys, having } = self;
        stream.then(|plan| {
            if having.is_empty() {
                return plan.aggregate(&keys, aggs.as_ref(), METHOD);
            }
            let names: Vec<_> = (0..having.len()).map(|i| PlSmallStr::from_string(format!("__having_{i}"))).collect();
            let mut all = aggs.as_ref().to_vec();
            all.extend(having.into_iter().zip(&names).map(|(predicate, name)| predicate.alias(name.clone())));
            let aggregated = plan.aggregate(&keys, &all, METHOD)?;
            let kept: Vec<_> =
                aggregated.schema().iter_names().filter(|name| !names.contains(*name)).cloned().collect();
            let conditions = names.iter().map(|name| col(name.clone())).reduce(Expr::and);
            let filtered = match conditions {
                Some(conditions) => aggregated.filter(&conditions, "having")?,
                None => aggregated,
            };
            Ok(filtered.columns(&kept))
        })
    }
}

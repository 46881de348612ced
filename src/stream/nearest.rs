//! The nearest rows of another stream.

use std::sync::Arc;

use polars_core::prelude::{DataType, PlSmallStr};
use quokka_operators::nearest::holds_vectors;

use super::DataStream;
use crate::error::PlanError;
use crate::nearest::{DISTANCE, HeldQueries, HeldRows, Merge, Nearest, NearestOptions, Number, QUERY, RANK};
use crate::plan::cardinality::Estimates;
use crate::plan::logical::LogicalPlan;

const METHOD: &str = "nearest_join";

impl DataStream {
    /// Each row of this stream with the `k` rows of `other` whose vectors are nearest to its own: exactly, all pairs are
    /// compared. The columns of both (those of `other` with a suffix if this stream has the name, too), then the distance
    /// as `distance`, and as `rank` the place among the neighbours, from 1 for the nearest.
    ///
    /// Vectors are arrays or lists of 32-bit or 64-bit floats in the columns `left_on` and `right_on`, all of one length.
    /// Rows whose vector is null, or has a null, NaN or infinite component, are near to nothing and are left out, as is with
    /// [`Metric::Cosine`](crate::Metric::Cosine) a vector of length 0. Fewer than `k` rows are found if `other` has fewer.
    /// Distances are computed in 64 bits; between equal ones a hash of the row of `other` decides, so which rows are found
    /// does not depend on how a query runs. Rows come in no particular order.
    ///
    /// Every worker holds the rows of the side that is estimated to be smaller, or those of this stream if that is unknown.
    /// If it holds this stream it blocks, and holds the nearest rows so far, too; if it holds `other`, this stream streams.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let vectors = |name: &str, vectors: [[f32; 2]; 3]| Series::new(name.into(), vectors.map(|v| Series::new("".into(), v)));
    /// let documents = DataFrame::new(3, vec![
    ///     Column::new("document".into(), ["a", "b", "c"]),
    ///     vectors("vector", [[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]).into_column(),
    /// ]).unwrap();
    /// let queries = DataFrame::new(1, vec![
    ///     Column::new("query".into(), [1]),
    ///     vectors("vector", [[5.0, 1.0]; 3]).slice(0, 1).into_column(),
    /// ]).unwrap();
    /// let options = NearestOptions::default().metric(Metric::Cosine);
    /// let nearest = context.from_df(queries).nearest_join(context.from_df(documents), "vector", "vector", 2, options);
    /// let nearest = nearest.sort(["rank"], Default::default()).select([col("query"), col("document"), col("rank")]);
    /// assert_eq!(nearest.collect()?, df!("query" => [1, 1], "document" => ["a", "c"], "rank" => [1u32, 2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// Columns without vectors, `k` of 0, columns with the name `distance` or `rank`. The query fails if it meets vectors of
    /// different lengths.
    pub fn nearest_join(
        self,
        other: DataStream,
        left_on: impl Into<PlSmallStr>,
        right_on: impl Into<PlSmallStr>,
        k: usize,
        options: NearestOptions,
    ) -> Self {
        let (left_on, right_on) = (left_on.into(), right_on.into());
        self.then(|left| {
            let right = other.plan?;
            check(&left, &left_on, &right, &right_on, k)?;
            let renamed: Vec<PlSmallStr> =
                right.schema().iter_names().filter(|name| left.schema().contains(name)).cloned().collect();
            let with_suffix = |name: &PlSmallStr| PlSmallStr::from_string(format!("{name}{}", options.suffix));
            let names: Vec<PlSmallStr> = renamed.iter().map(with_suffix).collect();
            let right_on = if renamed.contains(&right_on) { with_suffix(&right_on) } else { right_on };
            let right = right.rename(&renamed, &names, true)?;
            let mut taken: Vec<PlSmallStr> =
                left.schema().iter_names().chain(right.schema().iter_names()).cloned().collect();
            taken.extend([DISTANCE, RANK, QUERY].map(PlSmallStr::from_static));
            taken.sort_unstable();
            if let Some(pair) = taken.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(PlanError::DuplicateColumn { column: pair[0].to_string(), method: METHOD });
            }
            let estimates = Estimates::default();
            let nearest = Nearest { metric: options.metric, k, left_on, right_on };
            let holds_right = match (estimates.rows(&left), estimates.rows(&right)) {
                (Some(left), Some(right)) => right < left,
                // A side of known size is not the one that surprises.
                (left, right) => left.is_none() && right.is_some(),
            };
            if holds_right {
                return LogicalPlan::stateful(vec![left, right], Arc::new(HeldRows { nearest }));
            }
            let left = LogicalPlan::stateful(vec![left], Arc::new(Number))?;
            let queries = left.schema().clone();
            let found = LogicalPlan::stateful(vec![left, right], Arc::new(HeldQueries { nearest, queries }))?;
            let schema = found.schema().clone();
            LogicalPlan::stateful(vec![found], Arc::new(Merge { k, found: schema }))
        })
    }
}

fn check(
    left: &LogicalPlan,
    left_on: &PlSmallStr,
    right: &LogicalPlan,
    right_on: &PlSmallStr,
    k: usize,
) -> Result<(), PlanError> {
    if k == 0 {
        return Err(PlanError::argument(METHOD, "`k` is 0: ask for at least 1 row"));
    }
    let dtype = |plan: &LogicalPlan, name: &PlSmallStr| {
        let dtype = plan.schema().get(name).cloned();
        let dtype = dtype.ok_or_else(|| PlanError::unknown_column(name, METHOD, plan.schema()))?;
        if holds_vectors(&dtype) {
            return Ok(dtype);
        }
        let (expression, found) = (name.to_string(), dtype.to_string());
        let expected = "an array or a list of 32-bit or 64-bit floats".to_string();
        Err(PlanError::Type { expression, method: METHOD, expected, found })
    };
    match (dtype(left, left_on)?, dtype(right, right_on)?) {
        (DataType::Array(_, one), DataType::Array(_, other)) if one != other => {
            let reason = format!("the vectors in `{left_on}` have {one} components, those in `{right_on}` {other}");
            Err(PlanError::argument(METHOD, reason))
        },
        _ => Ok(()),
    }
}

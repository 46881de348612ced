//! [`DataStream`]: a lazy stream of DataFrames, with the names and meaning of Polars' `LazyFrame`.

mod approximate;
mod channels;
mod columns;
mod dataset;
mod describe;
mod distinct;
mod files;
mod group_by;
mod ipc;
mod join;
mod json;
mod missing;
mod moments;
mod nearest;
mod nested;
mod options;
mod picture;
mod profile;
mod rows;
mod run;
mod sample;
mod sink;
mod sort;
mod totals;
mod union;
mod user;

pub use dataset::Dataset;
pub use files::RunningSink;
pub use group_by::GroupedDataStream;
pub use join::JoinBuilder;
pub use profile::Profile;
pub use run::RunningQuery;
pub use sample::SampleOptions;
pub use union::UnionOptions;

use std::fmt;

use polars_core::prelude::SchemaRef;

use crate::context::Context;
use crate::error::{PlanError, Result};
use crate::plan::logical::LogicalPlan;

/// A query that has not run: where its rows come from and what happens to them.
///
/// Methods have the names, arguments and meaning of Polars' [`LazyFrame`]; expressions are Polars expressions. Each method
/// returns a new stream; streams share their common parts, so cloning is cheap. Nothing runs before
/// [`collect`](Self::collect) or [`start`](Self::start).
///
/// A method that does not fit its input (an unknown column, a wrong type) does not fail at once: the stream remembers the
/// first such error, and [`schema`](Self::schema), [`explain`](Self::explain) and [`collect`](Self::collect) return it.
///
/// Rows have no particular order, unless the query ends with a sort or a top-k, perhaps followed by operations that look
/// at one row at a time.
///
/// ```
/// use quokka::prelude::*;
/// let context = Context::builder().workers(2).build()?;
/// let orders = context.from_df(df!("customer" => ["a", "b", "a"], "price" => [10, 20, 30]).unwrap());
/// let totals = orders
///     .filter(col("price").gt(lit(5)))
///     .group_by([col("customer")])
///     .agg([col("price").sum()])
///     .sort(["customer"], Default::default())
///     .collect()?;
/// assert_eq!(totals, df!("customer" => ["a", "b"], "price" => [40, 20]).unwrap());
/// # Ok::<(), quokka::Error>(())
/// ```
///
/// [`LazyFrame`]: https://docs.rs/polars/latest/polars/prelude/struct.LazyFrame.html
#[derive(Clone)]
#[must_use = "nothing runs before `collect`"]
pub struct DataStream {
    context: Context,
    plan: Result<LogicalPlan, PlanError>,
}

impl DataStream {
    pub(crate) fn new(context: Context, plan: LogicalPlan) -> Self {
        Self { context, plan: Ok(plan) }
    }

    /// The columns of the result, with their types.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1i64]).unwrap()).select([(col("a") / lit(2.0)).alias("half")]);
    /// assert_eq!(stream.schema()?.get("half"), Some(&DataType::Float64));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first method of the query that does not fit its input.
    pub fn schema(&self) -> Result<SchemaRef> {
        Ok(self.plan()?.schema().clone())
    }

    /// The logical plan, or why there is none.
    pub(crate) fn plan(&self) -> Result<&LogicalPlan> {
        Ok(self.plan.as_ref().map_err(PlanError::clone)?)
    }

    /// The stream that `next` makes of the plan of this one.
    fn then(self, next: impl FnOnce(LogicalPlan) -> Result<LogicalPlan, PlanError>) -> Self {
        Self { plan: self.plan.and_then(next), context: self.context }
    }
}

impl fmt::Debug for DataStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plan {
            Ok(plan) => write!(f, "DataStream\n{plan}"),
            Err(error) => write!(f, "DataStream({error})"),
        }
    }
}

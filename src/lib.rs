//! Lazy streams of Polars DataFrames, executed by timely dataflow.
//!
//! A [`DataStream`] has the methods of Polars' `LazyFrame` and takes Polars expressions. It runs on the workers of a
//! [`Context`]: threads of this process, or of many processes on many machines, started with timely's own flags. Rows
//! stream from operator to operator in batches, each a Polars DataFrame; what must be held is spread over the workers.
//!
//! ```
//! use quokka::prelude::*;
//!
//! let context = Context::builder().workers(2).build()?;
//! let sales = df!("shop" => ["n", "s", "n"], "amount" => [10.0, 20.0, 30.0])?;
//! let totals = context
//!     .from_df(sales)
//!     .group_by([col("shop")])
//!     .agg([col("amount").sum(), len().alias("sales")])
//!     .sort(["shop"], Default::default())
//!     .collect()?;
//! assert_eq!(totals, df!("shop" => ["n", "s"], "amount" => [40.0, 20.0], "sales" => [2u32, 1])?);
//! # Ok::<(), quokka::Error>(())
//! ```
//!
//! Programs that use quokka should set a fast global allocator, such as `mimalloc`: Polars' kernels allocate large
//! blocks, which the default allocator of Linux returns to the system again and again.

mod arrow;
mod context;
mod error;
mod figures;
mod moments;
mod nearest;
mod picture;
mod placement;
mod plan;
pub mod prelude;
mod progress;
mod stream;
mod user;

pub use context::{Context, ContextBuilder, Paths};
pub use error::{Error, Hint, PlanError, Result};
pub use nearest::NearestOptions;
pub use placement::Placement;
pub use plan::OptimizerRule;
pub use quokka_connectors::csv::{BadRows, CsvOptions, CsvWriteOptions, QuoteStyle, TextCompression};
pub use quokka_connectors::ipc::{IpcCompression, IpcLayout, IpcOptions, IpcWriteOptions};
pub use quokka_connectors::json::{JsonOptions, JsonWriteOptions};
pub use quokka_connectors::parquet::{ParquetCompression, ParquetOptions, ParquetWriteOptions};
pub use quokka_connectors::sink::{FileOptions, WriteMode, WriteOptions, WriteReport, WrittenFile};
pub use quokka_connectors::store::StoreOptions;
pub use quokka_engine as engine;
pub use quokka_engine::error::ErrorKind;
pub use quokka_engine::pool::{QueryProgress, SourceProgress};
pub use quokka_operators::nearest::Metric;
pub use quokka_operators::sketch::{ApproximateExpr, QuantileOptions, approximate_quantile, approximate_quantiles};
pub use stream::Dataset;
pub use stream::{DataStream, GroupedDataStream, JoinBuilder, Profile, RunningQuery, RunningSink};
pub use stream::{SampleOptions, UnionOptions};
pub use user::{
    Batches, ColumnStatistics, Description, InputPartitioning, InputReader, MapOptions, Output, Progress, Split, State,
    StatefulChannel, StatefulOperator, UserError, WorkerContext,
};

/// The examples of the page on user-defined parts, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../docs/user-defined.md")]
struct UserDefinedDoctests;

/// The examples of the page on progress, pictures and spans.
#[cfg(doctest)]
#[doc = include_str!("../docs/observability.md")]
struct ObservabilityDoctests;
/// The example of the page on channels.
#[cfg(doctest)]
#[doc = include_str!("../docs/channels.md")]
struct ChannelsDoctests;

/// The examples of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

/// The examples of the page on CSV files.
#[cfg(doctest)]
#[doc = include_str!("../docs/csv.md")]
struct CsvDoctests;

/// The examples of the page on JSON files.
#[cfg(doctest)]
#[doc = include_str!("../docs/json.md")]
struct JsonDoctests;

/// The examples of the page on Parquet files.
#[cfg(doctest)]
#[doc = include_str!("../docs/parquet.md")]
struct ParquetDoctests;

/// The examples of the page on stores.
#[cfg(doctest)]
#[doc = include_str!("../docs/stores.md")]
struct StoresDoctests;
/// The examples of the page on Arrow IPC files.
#[cfg(doctest)]
#[doc = include_str!("../docs/ipc.md")]
struct IpcDoctests;

/// The examples beside the pictures.
#[cfg(doctest)]
#[doc = include_str!("../docs/overview.md")]
struct OverviewDoctests;

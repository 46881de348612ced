//! What a program that uses quokka needs: the types of quokka, and Polars' frames, types and expression functions.
//!
//! ```
//! use quokka::prelude::*;
//! let frame = df!("a" => [1, 2]).unwrap();
//! assert_eq!(frame.height(), 2);
//! ```

pub use polars_core::df;
pub use polars_core::frame::{DataFrame, UniqueKeepStrategy};
pub use polars_core::prelude::{Column, IntoColumn, IntoSeries, NamedFrom, PlSmallStr};
pub use polars_core::series::Series;
pub use polars_ops::prelude::{JoinArgs, JoinCoalesce, JoinType};
pub use quokka_engine::expr::prelude::*;
pub use quokka_operators::nearest::Metric;
pub use quokka_operators::sketch::{ApproximateExpr, QuantileOptions};

pub use crate::Dataset;
pub use crate::NearestOptions;
pub use crate::Placement;
pub use crate::{
    BadRows, Batches, ColumnStatistics, Context, ContextBuilder, CsvOptions, CsvWriteOptions, DataStream, Description,
    GroupedDataStream, InputPartitioning, InputReader, IpcCompression, IpcLayout, IpcOptions, IpcWriteOptions,
    JoinBuilder, JsonOptions, JsonWriteOptions, MapOptions, Output, ParquetCompression, ParquetOptions,
    ParquetWriteOptions, Profile, Progress, QuoteStyle, RunningQuery, RunningSink, Split, State, StatefulChannel,
    StatefulOperator, StoreOptions, TextCompression, UserError, WorkerContext, WriteMode, WriteReport,
};
pub use crate::{SampleOptions, UnionOptions};

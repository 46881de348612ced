//! What users need to write expressions: Polars' own functions and types.

pub use polars_compute::rolling::QuantileMethod;
pub use polars_core::chunked_array::cast::CastOptions;
pub use polars_core::chunked_array::ops::{ExplodeOptions, FillNullStrategy, SortMultipleOptions, SortOptions};
pub use polars_core::datatypes::{AnyValue, DataType, Field, TimeUnit, TimeZone};
pub use polars_core::scalar::Scalar;
pub use polars_core::schema::{Schema, SchemaRef};
pub use polars_core::series::ops::NullBehavior;
pub use polars_ops::series::{ClosedInterval, InterpolationMethod, RankMethod, RankOptions, RoundMode};
pub use polars_plan::dsl::functions::{
    DatetimeArgs, DurationArgs, all, all_horizontal, any_horizontal, as_list, as_struct, avg, by_name, cast, coalesce,
    col, cols, concat_expr, concat_list, concat_str, cov, cum_fold_exprs, cum_reduce_exprs, datetime, dtype_col,
    dtype_cols, duration, element, empty, first, fold_exprs, format_str, index_cols, is_not_null, is_null, last, len,
    lit, max, max_horizontal, mean, mean_horizontal, median, min, min_horizontal, not, nth, pearson_corr, quantile,
    reduce_exprs, repeat, sum, sum_horizontal,
};
pub use polars_plan::dsl::{
    ChainedThen, ChainedWhen, DataTypeExpr, DataTypeSelector, Expr, Operator, Selector, StrptimeOptions, Then, When,
    WindowMapping, apply_multiple, binary_expr, map_multiple, ternary_expr, when,
};
pub use polars_plan::plans::{Literal, LiteralValue, NULL, Null, TypedLiteral, typed_lit};

//! Forecasting revenue change.

use quokka::prelude::*;

use super::literals::date;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    Ok(tables
        .lineitem()?
        .filter(
            col("l_shipdate")
                .gt_eq(date(1994, 1, 1))
                .and(col("l_shipdate").lt(date(1995, 1, 1)))
                .and(col("l_discount").is_between(lit(0.05), lit(0.07), ClosedInterval::Both))
                .and(col("l_quantity").lt(lit(24))),
        )
        .select([(col("l_extendedprice") * col("l_discount")).sum().alias("revenue")]))
}

//! Top supplier.

use quokka::prelude::*;

use super::literals::{date, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let revenue = tables
        .lineitem()?
        .filter(col("l_shipdate").gt_eq(date(1996, 1, 1)).and(col("l_shipdate").lt(date(1996, 4, 1))))
        .group_by([col("l_suppkey").alias("supplier_no")])
        .agg([discounted_price().sum().alias("total_revenue")]);
    let greatest = revenue.clone().select([col("total_revenue").max().alias("greatest")]);
    Ok(tables
        .supplier()?
        .inner_join(revenue, col("s_suppkey"), col("supplier_no"))
        .inner_join(greatest, col("total_revenue"), col("greatest"))
        .select([col("s_suppkey"), col("s_name"), col("s_address"), col("s_phone"), col("total_revenue")])
        .sort(["s_suppkey"], SortMultipleOptions::default()))
}

//! Shipping priority.

use quokka::prelude::*;

use super::literals::{date, descending, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    Ok(tables
        .customer()?
        .inner_join(tables.orders()?, col("c_custkey"), col("o_custkey"))
        .inner_join(tables.lineitem()?, col("o_orderkey"), col("l_orderkey"))
        .filter(
            col("c_mktsegment")
                .eq(lit("BUILDING"))
                .and(col("o_orderdate").lt(date(1995, 3, 15)))
                .and(col("l_shipdate").gt(date(1995, 3, 15))),
        )
        .group_by([col("o_orderkey").alias("l_orderkey"), col("o_orderdate"), col("o_shippriority")])
        .agg([discounted_price().sum().alias("revenue")])
        .select([col("l_orderkey"), col("revenue"), col("o_orderdate"), col("o_shippriority")])
        .sort(["revenue", "o_orderdate"], descending([true, false]))
        .limit(10))
}

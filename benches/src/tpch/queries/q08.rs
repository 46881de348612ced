//! National market share.

use quokka::prelude::*;

use super::literals::{date, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let suppliers = tables.nation()?.select([col("n_nationkey").alias("n2_key"), col("n_name").alias("nation")]);
    let of_brazil = when(col("nation").eq(lit("BRAZIL"))).then(discounted_price()).otherwise(lit(0));
    Ok(tables
        .part()?
        .inner_join(tables.lineitem()?, col("p_partkey"), col("l_partkey"))
        .inner_join(tables.supplier()?, col("l_suppkey"), col("s_suppkey"))
        .inner_join(tables.orders()?, col("l_orderkey"), col("o_orderkey"))
        .inner_join(tables.customer()?, col("o_custkey"), col("c_custkey"))
        .inner_join(tables.nation()?, col("c_nationkey"), col("n_nationkey"))
        .inner_join(tables.region()?, col("n_regionkey"), col("r_regionkey"))
        .inner_join(suppliers, col("s_nationkey"), col("n2_key"))
        .filter(
            col("r_name")
                .eq(lit("AMERICA"))
                .and(col("o_orderdate").is_between(date(1995, 1, 1), date(1996, 12, 31), ClosedInterval::Both))
                .and(col("p_type").eq(lit("ECONOMY ANODIZED STEEL"))),
        )
        .group_by([col("o_orderdate").dt().year().alias("o_year")])
        .agg([(of_brazil.sum() / discounted_price().sum()).alias("mkt_share")])
        .sort(["o_year"], SortMultipleOptions::default()))
}

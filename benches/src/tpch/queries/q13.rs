//! Customer distribution.

use quokka::prelude::*;

use super::literals::descending;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let orders = tables.orders()?.filter(col("o_comment").str().contains(lit("special.*requests"), true).not());
    Ok(tables
        .customer()?
        .left_join(orders, col("c_custkey"), col("o_custkey"))
        .group_by([col("c_custkey")])
        .agg([col("o_orderkey").count().alias("c_count")])
        .group_by([col("c_count")])
        .agg([len().alias("custdist")])
        .sort(["custdist", "c_count"], descending([true, true])))
}

//! Large volume customer.

use quokka::prelude::*;

use super::literals::descending;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let large = tables
        .lineitem()?
        .group_by([col("l_orderkey")])
        .having(col("l_quantity").sum().gt(lit(300)))
        .agg([len().alias("lines")]);
    Ok(tables
        .customer()?
        .inner_join(tables.orders()?, col("c_custkey"), col("o_custkey"))
        .inner_join(tables.lineitem()?, col("o_orderkey"), col("l_orderkey"))
        .semi_join(large, col("o_orderkey"), col("l_orderkey"))
        .group_by(["c_name", "c_custkey", "o_orderkey", "o_orderdate", "o_totalprice"].map(col))
        .agg([col("l_quantity").sum().alias("sum(l_quantity)")])
        .sort(["o_totalprice", "o_orderdate"], descending([true, false]))
        .limit(100))
}

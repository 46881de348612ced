//! Product type profit measure.

use quokka::prelude::*;

use super::literals::{descending, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let profit = discounted_price() - col("ps_supplycost") * col("l_quantity");
    Ok(tables
        .part()?
        .inner_join(tables.lineitem()?, col("p_partkey"), col("l_partkey"))
        .inner_join(tables.supplier()?, col("l_suppkey"), col("s_suppkey"))
        .join(
            tables.partsupp()?,
            [col("l_suppkey"), col("p_partkey")],
            [col("ps_suppkey"), col("ps_partkey")],
            JoinArgs::new(JoinType::Inner),
        )
        .inner_join(tables.orders()?, col("l_orderkey"), col("o_orderkey"))
        .inner_join(tables.nation()?, col("s_nationkey"), col("n_nationkey"))
        .filter(col("p_name").str().contains_literal(lit("green")))
        .group_by([col("n_name").alias("nation"), col("o_orderdate").dt().year().alias("o_year")])
        .agg([profit.sum().alias("sum_profit")])
        .sort(["nation", "o_year"], descending([false, true])))
}

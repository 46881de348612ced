//! Local supplier volume.

use quokka::prelude::*;

use super::literals::{date, descending, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    Ok(tables
        .customer()?
        .inner_join(tables.orders()?, col("c_custkey"), col("o_custkey"))
        .inner_join(tables.lineitem()?, col("o_orderkey"), col("l_orderkey"))
        .join(
            tables.supplier()?,
            [col("l_suppkey"), col("c_nationkey")],
            [col("s_suppkey"), col("s_nationkey")],
            JoinArgs::new(JoinType::Inner),
        )
        .inner_join(tables.nation()?, col("c_nationkey"), col("n_nationkey"))
        .inner_join(tables.region()?, col("n_regionkey"), col("r_regionkey"))
        .filter(
            col("r_name")
                .eq(lit("ASIA"))
                .and(col("o_orderdate").gt_eq(date(1994, 1, 1)))
                .and(col("o_orderdate").lt(date(1995, 1, 1))),
        )
        .group_by([col("n_name")])
        .agg([discounted_price().sum().alias("revenue")])
        .sort(["revenue"], descending([true])))
}

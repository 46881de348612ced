//! Potential part promotion.

use quokka::prelude::*;

use super::literals::date;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let shipped = tables
        .lineitem()?
        .filter(col("l_shipdate").gt_eq(date(1994, 1, 1)).and(col("l_shipdate").lt(date(1995, 1, 1))))
        .group_by([col("l_partkey"), col("l_suppkey")])
        .agg([(lit(0.5) * col("l_quantity").sum()).alias("half")]);
    let forest = tables.part()?.filter(col("p_name").str().starts_with(lit("forest")));
    let excess = tables
        .partsupp()?
        .semi_join(forest, col("ps_partkey"), col("p_partkey"))
        .join(
            shipped,
            [col("ps_partkey"), col("ps_suppkey")],
            [col("l_partkey"), col("l_suppkey")],
            JoinArgs::new(JoinType::Inner),
        )
        .filter(col("ps_availqty").gt(col("half")));
    Ok(tables
        .supplier()?
        .inner_join(tables.nation()?, col("s_nationkey"), col("n_nationkey"))
        .filter(col("n_name").eq(lit("CANADA")))
        .semi_join(excess, col("s_suppkey"), col("ps_suppkey"))
        .select([col("s_name"), col("s_address")])
        .sort(["s_name"], SortMultipleOptions::default()))
}

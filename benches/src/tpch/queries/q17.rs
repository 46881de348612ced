//! Small-quantity-order revenue.

use quokka::prelude::*;

use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let small = tables
        .lineitem()?
        .group_by([col("l_partkey").alias("key")])
        .agg([(lit(0.2) * col("l_quantity").mean()).alias("small")]);
    Ok(tables
        .lineitem()?
        .inner_join(tables.part()?, col("l_partkey"), col("p_partkey"))
        .inner_join(small, col("l_partkey"), col("key"))
        .filter(
            col("p_brand")
                .eq(lit("Brand#23"))
                .and(col("p_container").eq(lit("MED BOX")))
                .and(col("l_quantity").lt(col("small"))),
        )
        .select([(col("l_extendedprice").sum() / lit(7.0)).alias("avg_yearly")]))
}

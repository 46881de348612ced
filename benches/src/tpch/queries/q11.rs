//! Important stock identification.

use quokka::prelude::*;

use super::literals::descending;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let value = (col("ps_supplycost") * col("ps_availqty")).sum();
    let stock = tables
        .partsupp()?
        .inner_join(tables.supplier()?, col("ps_suppkey"), col("s_suppkey"))
        .inner_join(tables.nation()?, col("s_nationkey"), col("n_nationkey"))
        .filter(col("n_name").eq(lit("GERMANY")));
    let least = stock.clone().select([(value.clone() * lit(0.0001)).alias("least")]);
    Ok(stock
        .group_by([col("ps_partkey")])
        .agg([value.alias("value")])
        .cross_join(least, None)
        .filter(col("value").gt(col("least")))
        .select([col("ps_partkey"), col("value")])
        .sort(["value"], descending([true])))
}

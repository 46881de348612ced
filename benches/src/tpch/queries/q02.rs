//! Minimum cost supplier.

use quokka::prelude::*;

use super::literals::descending;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let offers = tables
        .part()?
        .inner_join(tables.partsupp()?, col("p_partkey"), col("ps_partkey"))
        .inner_join(tables.supplier()?, col("ps_suppkey"), col("s_suppkey"))
        .inner_join(tables.nation()?, col("s_nationkey"), col("n_nationkey"))
        .inner_join(tables.region()?, col("n_regionkey"), col("r_regionkey"))
        .filter(
            col("p_size")
                .eq(lit(15))
                .and(col("p_type").str().ends_with(lit("BRASS")))
                .and(col("r_name").eq(lit("EUROPE"))),
        );
    let cheapest = offers.clone().group_by([col("p_partkey")]).agg([col("ps_supplycost").min()]);
    let keys = [col("p_partkey"), col("ps_supplycost")];
    Ok(offers
        .join(cheapest, keys.clone(), keys, JoinArgs::new(JoinType::Inner))
        .select([
            col("s_acctbal"),
            col("s_name"),
            col("n_name"),
            col("p_partkey"),
            col("p_mfgr"),
            col("s_address"),
            col("s_phone"),
            col("s_comment"),
        ])
        .sort(["s_acctbal", "n_name", "s_name", "p_partkey"], descending([true, false, false, false]))
        .limit(100))
}

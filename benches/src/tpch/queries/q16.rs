//! Parts/supplier relationship.

use quokka::prelude::*;

use super::literals::{descending, list};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let complaints = tables.supplier()?.filter(col("s_comment").str().contains(lit("Customer.*Complaints"), true));
    Ok(tables
        .partsupp()?
        .inner_join(tables.part()?, col("ps_partkey"), col("p_partkey"))
        .filter(
            col("p_brand")
                .neq(lit("Brand#45"))
                .and(col("p_type").str().starts_with(lit("MEDIUM POLISHED")).not())
                .and(col("p_size").is_in(list([49i64, 14, 23, 45, 19, 3, 36, 9]), false)),
        )
        .anti_join(complaints, col("ps_suppkey"), col("s_suppkey"))
        .group_by([col("p_brand"), col("p_type"), col("p_size")])
        .agg([col("ps_suppkey").n_unique().alias("supplier_cnt")])
        .sort(["supplier_cnt", "p_brand", "p_type", "p_size"], descending([true, false, false, false])))
}

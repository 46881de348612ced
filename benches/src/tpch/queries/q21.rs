//! Suppliers who kept orders waiting.

use quokka::prelude::*;

use super::literals::descending;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let suppliers = || col("l_suppkey").n_unique();
    let late = || Ok::<_, quokka::Error>(tables.lineitem()?.filter(col("l_receiptdate").gt(col("l_commitdate"))));
    let shared = tables
        .lineitem()?
        .group_by([col("l_orderkey")])
        .having(suppliers().gt(lit(1)))
        .agg([suppliers().alias("suppliers")]);
    let one_late =
        late()?.group_by([col("l_orderkey")]).having(suppliers().eq(lit(1))).agg([suppliers().alias("late_suppliers")]);
    Ok(tables
        .supplier()?
        .inner_join(late()?, col("s_suppkey"), col("l_suppkey"))
        .inner_join(tables.orders()?, col("l_orderkey"), col("o_orderkey"))
        .inner_join(tables.nation()?, col("s_nationkey"), col("n_nationkey"))
        .filter(col("o_orderstatus").eq(lit("F")).and(col("n_name").eq(lit("SAUDI ARABIA"))))
        .semi_join(shared, col("l_orderkey"), col("l_orderkey"))
        .semi_join(one_late, col("l_orderkey"), col("l_orderkey"))
        .group_by([col("s_name")])
        .agg([len().alias("numwait")])
        .sort(["numwait", "s_name"], descending([true, false]))
        .limit(100))
}

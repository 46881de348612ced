//! Order priority checking.

use quokka::prelude::*;

use super::literals::date;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let late = tables.lineitem()?.filter(col("l_commitdate").lt(col("l_receiptdate")));
    Ok(tables
        .orders()?
        .filter(col("o_orderdate").gt_eq(date(1993, 7, 1)).and(col("o_orderdate").lt(date(1993, 10, 1))))
        .semi_join(late, col("o_orderkey"), col("l_orderkey"))
        .group_by([col("o_orderpriority")])
        .agg([len().alias("order_count")])
        .sort(["o_orderpriority"], SortMultipleOptions::default()))
}

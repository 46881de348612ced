//! Shipping modes and order priority.

use quokka::prelude::*;

use super::literals::{date, list};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let urgent = || col("o_orderpriority").is_in(list(["1-URGENT", "2-HIGH"]), false);
    let count = |condition: Expr| when(condition).then(lit(1)).otherwise(lit(0)).sum();
    Ok(tables
        .orders()?
        .inner_join(tables.lineitem()?, col("o_orderkey"), col("l_orderkey"))
        .filter(
            col("l_shipmode")
                .is_in(list(["MAIL", "SHIP"]), false)
                .and(col("l_commitdate").lt(col("l_receiptdate")))
                .and(col("l_shipdate").lt(col("l_commitdate")))
                .and(col("l_receiptdate").gt_eq(date(1994, 1, 1)))
                .and(col("l_receiptdate").lt(date(1995, 1, 1))),
        )
        .group_by([col("l_shipmode")])
        .agg([count(urgent()).alias("high_line_count"), count(urgent().not()).alias("low_line_count")])
        .sort(["l_shipmode"], SortMultipleOptions::default()))
}

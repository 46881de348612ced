//! Returned item reporting.

use quokka::prelude::*;

use super::literals::{date, descending, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let customer = ["c_custkey", "c_name", "c_acctbal", "c_phone", "n_name", "c_address", "c_comment"];
    Ok(tables
        .customer()?
        .inner_join(tables.orders()?, col("c_custkey"), col("o_custkey"))
        .inner_join(tables.lineitem()?, col("o_orderkey"), col("l_orderkey"))
        .inner_join(tables.nation()?, col("c_nationkey"), col("n_nationkey"))
        .filter(
            col("o_orderdate")
                .gt_eq(date(1993, 10, 1))
                .and(col("o_orderdate").lt(date(1994, 1, 1)))
                .and(col("l_returnflag").eq(lit("R"))),
        )
        .group_by(customer.map(col))
        .agg([discounted_price().sum().alias("revenue")])
        .select([
            col("c_custkey"),
            col("c_name"),
            col("revenue"),
            col("c_acctbal"),
            col("n_name"),
            col("c_address"),
            col("c_phone"),
            col("c_comment"),
        ])
        .sort(["revenue"], descending([true]))
        .limit(20))
}

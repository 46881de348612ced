//! Volume shipping.

use quokka::prelude::*;

use super::literals::{date, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let between = |supplier: &'static str, customer: &'static str| {
        col("supp_nation").eq(lit(supplier)).and(col("cust_nation").eq(lit(customer)))
    };
    let suppliers = tables.nation()?.select([col("n_nationkey").alias("n1_key"), col("n_name").alias("supp_nation")]);
    let customers = tables.nation()?.select([col("n_nationkey").alias("n2_key"), col("n_name").alias("cust_nation")]);
    Ok(tables
        .supplier()?
        .inner_join(tables.lineitem()?, col("s_suppkey"), col("l_suppkey"))
        .inner_join(tables.orders()?, col("l_orderkey"), col("o_orderkey"))
        .inner_join(tables.customer()?, col("o_custkey"), col("c_custkey"))
        .inner_join(suppliers, col("s_nationkey"), col("n1_key"))
        .inner_join(customers, col("c_nationkey"), col("n2_key"))
        .filter(between("FRANCE", "GERMANY").or(between("GERMANY", "FRANCE")).and(col("l_shipdate").is_between(
            date(1995, 1, 1),
            date(1996, 12, 31),
            ClosedInterval::Both,
        )))
        .group_by([col("supp_nation"), col("cust_nation"), col("l_shipdate").dt().year().alias("l_year")])
        .agg([discounted_price().sum().alias("revenue")])
        .sort(["supp_nation", "cust_nation", "l_year"], SortMultipleOptions::default()))
}

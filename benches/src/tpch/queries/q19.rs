//! Discounted revenue.

use quokka::prelude::*;

use super::literals::{discounted_price, list};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let choice = |brand: &'static str, containers: [&'static str; 4], quantity: i32, size: i32| {
        col("p_brand")
            .eq(lit(brand))
            .and(col("p_container").is_in(list(containers), false))
            .and(col("l_quantity").is_between(lit(quantity), lit(quantity + 10), ClosedInterval::Both))
            .and(col("p_size").is_between(lit(1), lit(size), ClosedInterval::Both))
            .and(col("l_shipmode").is_in(list(["AIR", "AIR REG"]), false))
            .and(col("l_shipinstruct").eq(lit("DELIVER IN PERSON")))
    };
    Ok(tables
        .lineitem()?
        .inner_join(tables.part()?, col("l_partkey"), col("p_partkey"))
        .filter(
            choice("Brand#12", ["SM CASE", "SM BOX", "SM PACK", "SM PKG"], 1, 5)
                .or(choice("Brand#23", ["MED BAG", "MED BOX", "MED PKG", "MED PACK"], 10, 10))
                .or(choice("Brand#34", ["LG CASE", "LG BOX", "LG PACK", "LG PKG"], 20, 15)),
        )
        .select([discounted_price().sum().alias("revenue")]))
}

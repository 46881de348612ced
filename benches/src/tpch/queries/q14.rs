//! Promotion effect.

use quokka::prelude::*;

use super::literals::{date, discounted_price};
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let promotion = when(col("p_type").str().starts_with(lit("PROMO"))).then(discounted_price()).otherwise(lit(0));
    Ok(tables
        .lineitem()?
        .inner_join(tables.part()?, col("l_partkey"), col("p_partkey"))
        .filter(col("l_shipdate").gt_eq(date(1995, 9, 1)).and(col("l_shipdate").lt(date(1995, 10, 1))))
        .select([(lit(100) * promotion.sum() / discounted_price().sum()).alias("promo_revenue")]))
}

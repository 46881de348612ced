//! Global sales opportunity.

use quokka::prelude::*;

use super::literals::list;
use crate::tpch::tables::Tables;

pub(super) fn query(tables: &Tables) -> quokka::Result<DataStream> {
    let customers = tables
        .customer()?
        .with_columns([col("c_phone").str().head(lit(2)).alias("cntrycode")])
        .filter(col("cntrycode").is_in(list(["13", "31", "23", "29", "30", "18", "17"]), false));
    let average =
        customers.clone().filter(col("c_acctbal").gt(lit(0))).select([col("c_acctbal").mean().alias("average")]);
    Ok(customers
        .cross_join(average, None)
        .filter(col("c_acctbal").gt(col("average")))
        .anti_join(tables.orders()?, col("c_custkey"), col("o_custkey"))
        .group_by([col("cntrycode")])
        .agg([len().alias("numcust"), col("c_acctbal").sum().alias("totacctbal")])
        .sort(["cntrycode"], SortMultipleOptions::default()))
}

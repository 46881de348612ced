//! `orders`.

use polars_core::prelude::Column;
use tpchgen::generators::Order;

use super::columns::{dates, decimals, displayed, integers, strings};

pub(super) fn columns(rows: &[Order<'_>]) -> Vec<Column> {
    vec![
        integers("o_orderkey", rows, |row| row.o_orderkey),
        integers("o_custkey", rows, |row| row.o_custkey),
        strings("o_orderstatus", rows, |row| row.o_orderstatus.as_str()),
        decimals("o_totalprice", rows, |row| row.o_totalprice),
        dates("o_orderdate", rows, |row| row.o_orderdate),
        strings("o_orderpriority", rows, |row| row.o_orderpriority),
        displayed("o_clerk", rows, |row| row.o_clerk),
        integers("o_shippriority", rows, |row| row.o_shippriority.into()),
        strings("o_comment", rows, |row| row.o_comment),
    ]
}

//! `lineitem`.

use polars_core::prelude::Column;
use tpchgen::decimal::TPCHDecimal;
use tpchgen::generators::LineItem;

use super::columns::{dates, decimals, integers, strings};

pub(super) fn columns(rows: &[LineItem<'_>]) -> Vec<Column> {
    vec![
        integers("l_orderkey", rows, |row| row.l_orderkey),
        integers("l_partkey", rows, |row| row.l_partkey),
        integers("l_suppkey", rows, |row| row.l_suppkey),
        integers("l_linenumber", rows, |row| row.l_linenumber.into()),
        // The generator counts whole units; the column is a decimal like the others.
        decimals("l_quantity", rows, |row| TPCHDecimal(row.l_quantity * 100)),
        decimals("l_extendedprice", rows, |row| row.l_extendedprice),
        decimals("l_discount", rows, |row| row.l_discount),
        decimals("l_tax", rows, |row| row.l_tax),
        strings("l_returnflag", rows, |row| row.l_returnflag),
        strings("l_linestatus", rows, |row| row.l_linestatus),
        dates("l_shipdate", rows, |row| row.l_shipdate),
        dates("l_commitdate", rows, |row| row.l_commitdate),
        dates("l_receiptdate", rows, |row| row.l_receiptdate),
        strings("l_shipinstruct", rows, |row| row.l_shipinstruct),
        strings("l_shipmode", rows, |row| row.l_shipmode),
        strings("l_comment", rows, |row| row.l_comment),
    ]
}

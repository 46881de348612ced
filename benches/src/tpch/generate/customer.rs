//! `supplier` and `customer`.

use polars_core::prelude::Column;
use tpchgen::generators::{Customer, Supplier};

use super::columns::{decimals, displayed, integers, strings};

pub(super) fn supplier_columns(rows: &[Supplier]) -> Vec<Column> {
    vec![
        integers("s_suppkey", rows, |row| row.s_suppkey),
        displayed("s_name", rows, |row| row.s_name),
        displayed("s_address", rows, |row| &row.s_address),
        integers("s_nationkey", rows, |row| row.s_nationkey),
        displayed("s_phone", rows, |row| &row.s_phone),
        decimals("s_acctbal", rows, |row| row.s_acctbal),
        strings("s_comment", rows, |row| &row.s_comment),
    ]
}

pub(super) fn customer_columns(rows: &[Customer<'_>]) -> Vec<Column> {
    vec![
        integers("c_custkey", rows, |row| row.c_custkey),
        displayed("c_name", rows, |row| row.c_name),
        displayed("c_address", rows, |row| &row.c_address),
        integers("c_nationkey", rows, |row| row.c_nationkey),
        displayed("c_phone", rows, |row| &row.c_phone),
        decimals("c_acctbal", rows, |row| row.c_acctbal),
        strings("c_mktsegment", rows, |row| row.c_mktsegment),
        strings("c_comment", rows, |row| row.c_comment),
    ]
}

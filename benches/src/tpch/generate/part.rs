//! `part` and `partsupp`.

use polars_core::prelude::Column;
use tpchgen::generators::{Part, PartSupp};

use super::columns::{decimals, displayed, integers, strings};

pub(super) fn part_columns(rows: &[Part<'_>]) -> Vec<Column> {
    vec![
        integers("p_partkey", rows, |row| row.p_partkey),
        displayed("p_name", rows, |row| &row.p_name),
        displayed("p_mfgr", rows, |row| row.p_mfgr),
        displayed("p_brand", rows, |row| row.p_brand),
        strings("p_type", rows, |row| row.p_type),
        integers("p_size", rows, |row| row.p_size.into()),
        strings("p_container", rows, |row| row.p_container),
        decimals("p_retailprice", rows, |row| row.p_retailprice),
        strings("p_comment", rows, |row| row.p_comment),
    ]
}

pub(super) fn partsupp_columns(rows: &[PartSupp<'_>]) -> Vec<Column> {
    vec![
        integers("ps_partkey", rows, |row| row.ps_partkey),
        integers("ps_suppkey", rows, |row| row.ps_suppkey),
        integers("ps_availqty", rows, |row| row.ps_availqty.into()),
        decimals("ps_supplycost", rows, |row| row.ps_supplycost),
        strings("ps_comment", rows, |row| row.ps_comment),
    ]
}

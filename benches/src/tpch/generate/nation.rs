//! `region` and `nation`.

use polars_core::prelude::Column;
use tpchgen::generators::{Nation, Region};

use super::columns::{integers, strings};

pub(super) fn region_columns(rows: &[Region<'_>]) -> Vec<Column> {
    vec![
        integers("r_regionkey", rows, |row| row.r_regionkey),
        strings("r_name", rows, |row| row.r_name),
        strings("r_comment", rows, |row| row.r_comment),
    ]
}

pub(super) fn nation_columns(rows: &[Nation<'_>]) -> Vec<Column> {
    vec![
        integers("n_nationkey", rows, |row| row.n_nationkey),
        strings("n_name", rows, |row| row.n_name),
        integers("n_regionkey", rows, |row| row.n_regionkey),
        strings("n_comment", rows, |row| row.n_comment),
    ]
}

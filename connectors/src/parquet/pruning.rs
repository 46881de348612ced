//! Leaves out the row groups that a predicate rules out.

use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, ChunkFullNull, Column, IdxCa, IdxSize, IntoColumn, NamedFrom};
use polars_core::series::Series;
use polars_plan::dsl::Expr;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::Predicate;

use super::rewrite::{ROWS, max_of, min_of, nulls_of, rewrite};
use super::scan::Table;
use super::source::RowGroup;
use super::statistics::{Bounds, bounds};
use crate::request::{Conjunct, Request};
use crate::row_filter::RowFilter;

/// Drops the row groups in which no row can pass, and from the others the conjuncts that all of their rows pass.
pub(super) fn prune(
    table: &Table,
    request: &Request,
    mut row_groups: Vec<RowGroup>,
) -> Result<Vec<RowGroup>, OperatorError> {
    row_groups.retain(|row_group| row_group.rows > 0);
    for (index, conjunct) in request.conjuncts.iter().enumerate() {
        let Decision { may, all } = decide(table, conjunct, &row_groups)?;
        let mut decided = may.iter().zip(all.iter());
        row_groups.retain_mut(|row_group| {
            let (may, all) = decided.next().unwrap_or_default();
            if all == Some(true) {
                row_group.conjuncts.retain(|other| *other != index);
            }
            may != Some(false)
        });
    }
    Ok(row_groups)
}

/// A dynamic filter that no row of `row_group` can pass. Filters are complete when a row group is opened.
pub(super) fn excluded_by<'a>(table: &Table, request: &'a Request, row_group: &RowGroup) -> Option<&'a RowFilter> {
    request.filters.iter().find(|filter| {
        !filter.may_match(|name| {
            let one = std::slice::from_ref(row_group);
            let known = match table.partitions.column(name) {
                Ok(partition) => partition_bounds(partition, one).ok()?,
                Err(_) => {
                    let file = table.files.get(row_group.file)?;
                    bounds(std::iter::once((file, row_group.index)), name, table.schema.get(name)?).ok()?
                },
            };
            Some((known.min, known.max))
        })
    })
}

/// For each of some row groups, whether some row may pass and whether all do; null is unknown.
struct Decision {
    may: BooleanChunked,
    all: BooleanChunked,
}

fn decide(table: &Table, conjunct: &Conjunct, row_groups: &[RowGroup]) -> Result<Decision, OperatorError> {
    let partitions = &table.partitions;
    if conjunct.columns.iter().all(|name| partitions.get_column_index(name).is_some()) {
        // All rows of a file have the same values: the conjunct itself decides.
        let passes = conjunct.mask(&partitions.select(conjunct.columns.iter().cloned())?)?;
        let passes: Vec<bool> = row_groups.iter().map(|r| passes.get(r.file) == Some(true)).collect();
        let passes = BooleanChunked::new(PlSmallStr::EMPTY, passes);
        return Ok(Decision { may: passes.clone(), all: passes });
    }
    let rewritten = rewrite(&conjunct.expr, &table.schema);
    let unknown = || BooleanChunked::full_null(PlSmallStr::EMPTY, row_groups.len());
    if row_groups.is_empty() || (rewritten.may.is_none() && rewritten.all.is_none()) {
        return Ok(Decision { may: unknown(), all: unknown() });
    }
    let frame = bounds_frame(table, row_groups, &conjunct.columns)?;
    let decide = |predicate: Option<Expr>| {
        let predicate = Predicate::compile(&predicate?, frame.schema()).ok()?;
        predicate.mask(&frame).ok()
    };
    Ok(Decision {
        may: decide(rewritten.may).unwrap_or_else(unknown),
        all: decide(rewritten.all).unwrap_or_else(unknown),
    })
}

/// The bounds of `columns`, one row a row group.
fn bounds_frame(table: &Table, row_groups: &[RowGroup], columns: &[PlSmallStr]) -> Result<DataFrame, OperatorError> {
    let rows: Vec<u64> = row_groups.iter().map(|row_group| row_group.rows as u64).collect();
    let mut frame = vec![Column::new(ROWS.into(), rows)];
    for name in columns {
        let Some(dtype) = table.schema.get(name) else { continue };
        let Bounds { min, max, nulls } = match table.partitions.column(name) {
            Ok(partition) => partition_bounds(partition, row_groups)?,
            Err(_) => {
                let read = row_groups.iter().filter_map(|r| Some((table.files.get(r.file)?, r.index)));
                bounds(read, name, dtype)?
            },
        };
        let named = [(min, min_of(name)), (max, max_of(name)), (nulls, nulls_of(name))];
        frame.extend(named.map(|(series, name)| series.with_name(name).into_column()));
    }
    Ok(DataFrame::new(row_groups.len(), frame)?)
}

/// Folders say exactly what their rows hold.
fn partition_bounds(partition: &Column, row_groups: &[RowGroup]) -> Result<Bounds, OperatorError> {
    let files: Vec<IdxSize> = row_groups.iter().map(|row_group| row_group.file as IdxSize).collect();
    let values = partition.as_materialized_series().take(&IdxCa::new(PlSmallStr::EMPTY, files))?;
    let is_null = values.is_null();
    let nulls = row_groups.iter().zip(is_null.iter());
    let nulls: Vec<u64> = nulls.map(|(r, is_null)| if is_null == Some(true) { r.rows as u64 } else { 0 }).collect();
    let nulls = Series::new(PlSmallStr::EMPTY, nulls);
    Ok(Bounds { min: values.clone(), max: values, nulls })
}

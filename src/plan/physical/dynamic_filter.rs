//! Follows the keys of a join's probe side down to the scans that they come from, which then leave out rows that have no
//! match.
//!
//! The rows that a filter drops are doomed: further up, the join drops whatever is made of them. So a filter may pass an
//! operation if no row of its result that is not doomed depends on a doomed row of its input. Unlike a predicate, a filter
//! may drop any of the doomed rows or none, and other rows with the same key may stay.

use std::sync::Arc;

use polars_core::prelude::{DataType, PlSmallStr, Schema};
use polars_plan::dsl::Expr;
use quokka_engine::dynamic_filter::{DynamicFilter, ScanFilter};
use quokka_engine::physical::physical_dtype;
use quokka_operators::join::Side;

use crate::plan::expression::{NamedExpr, Properties};
use crate::plan::join::{Join, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// The filters that the scans below one join want of it.
struct JoinFilters {
    dtypes: Vec<DataType>,
    nulls_equal: bool,
    filters: Vec<Arc<DynamicFilter>>,
}

/// Keys of a join as columns of a plan somewhere below its probe side. Rows whose values are not among those of the build
/// side are doomed.
#[derive(Clone)]
pub(super) struct Doomed {
    /// Index in [`DynamicFilters::joins`].
    join: usize,
    /// An index among the keys of the join, and the column.
    keys: Vec<(usize, PlSmallStr)>,
}

/// The filters of a plan while it is lowered.
pub(super) struct DynamicFilters {
    is_enabled: bool,
    joins: Vec<JoinFilters>,
    /// What is known of the rows of the plan that is lowered next.
    next: Vec<Doomed>,
    made: usize,
}

impl DynamicFilters {
    pub(super) fn new(is_enabled: bool) -> Self {
        Self { is_enabled, joins: Vec::new(), next: Vec::new(), made: 0 }
    }

    /// What is known of the rows of `plan`, which is about to be lowered.
    pub(super) fn take(&mut self) -> Vec<Doomed> {
        std::mem::take(&mut self.next)
    }

    /// Says what is known of the rows of the plan that is lowered next.
    pub(super) fn expect(&mut self, doomed: Vec<Doomed>) {
        self.next = doomed;
    }

    /// Registers a join whose probe side is `probe`. Returns its index, and which rows of the probe side it dooms.
    pub(super) fn add_join(&mut self, join: &Join, probe: Side, plan: &LogicalPlan) -> (usize, Vec<Doomed>) {
        let index = self.joins.len();
        self.joins.push(JoinFilters {
            dtypes: join.keys.iter().map(|key| key.dtype.clone()).collect(),
            nulls_equal: join.nulls_equal,
            filters: Vec::new(),
        });
        let keeps_unmatched = match probe {
            Side::Left => join.keeps_left(),
            Side::Right => join.keeps_right(),
        };
        if keeps_unmatched || !self.is_enabled {
            return (index, Vec::new());
        }
        let keys = join.keys.iter().enumerate().filter_map(|(position, key)| {
            let expr = match probe {
                Side::Left => &key.left,
                Side::Right => &key.right,
            };
            let Expr::Column(column) = expr else { return None };
            let dtype = plan.schema().get(column)?;
            // Numbers are compared in a type that holds those of both sides, so to cast them loses nothing.
            let is_cast = dtype.is_primitive_numeric() && key.dtype.is_primitive_numeric();
            (*dtype == key.dtype || is_cast).then(|| (position, column.clone()))
        });
        let keys: Vec<_> = keys.collect();
        let doomed = if keys.is_empty() { Vec::new() } else { vec![Doomed { join: index, keys }] };
        (index, doomed)
    }

    /// The filters that scans want of a join.
    pub(super) fn of_join(&self, join: usize) -> Vec<Arc<DynamicFilter>> {
        self.joins.get(join).map(|join| join.filters.clone()).unwrap_or_default()
    }

    /// Filters for a scan, whose doomed rows these are.
    pub(super) fn of_scan(&mut self, doomed: Vec<Doomed>) -> Vec<ScanFilter> {
        let mut scan_filters = Vec::new();
        for Doomed { join, mut keys } in doomed {
            let Some(join) = self.joins.get_mut(join) else { continue };
            let mut read: Vec<PlSmallStr> = Vec::with_capacity(keys.len());
            keys.retain(|(_, column)| {
                let is_new = !read.contains(column);
                read.push(column.clone());
                is_new
            });
            let (positions, columns): (Vec<usize>, Vec<PlSmallStr>) = keys.into_iter().unzip();
            let known = join.filters.iter().find(|filter| filter.keys() == positions);
            let filter = match known {
                Some(filter) => filter.clone(),
                None => {
                    let dtypes = positions.iter().filter_map(|key| join.dtypes.get(*key).map(physical_dtype)).collect();
                    self.made += 1;
                    let filter = Arc::new(DynamicFilter::new(self.made, positions, dtypes, join.nulls_equal));
                    join.filters.push(filter.clone());
                    filter
                },
            };
            scan_filters.push(ScanFilter { filter, columns });
        }
        scan_filters
    }
}

/// The column that `expr` is, if it has type `dtype`.
fn plain_column<'a>(expr: &'a Expr, dtype: &DataType, schema: &Schema) -> Option<&'a PlSmallStr> {
    match expr {
        Expr::Column(name) if schema.get(name) == Some(dtype) => Some(name),
        _ => None,
    }
}

impl Doomed {
    /// The same rows by other columns. Keys that have none are left out; what is left dooms no row that was not.
    fn rename(&self, column: impl Fn(&PlSmallStr) -> Option<PlSmallStr>) -> Option<Self> {
        let keys: Vec<_> = self.keys.iter().filter_map(|(key, name)| Some((*key, column(name)?))).collect();
        (!keys.is_empty()).then_some(Self { join: self.join, keys })
    }
}

fn rename_all(doomed: &[Doomed], column: impl Fn(&PlSmallStr) -> Option<PlSmallStr>) -> Vec<Doomed> {
    doomed.iter().filter_map(|doomed| doomed.rename(&column)).collect()
}

/// Rows of the input of `plan` that are doomed, given those of its result. For joins see [`of_side`].
pub(super) fn of_input(plan: &LogicalPlan, doomed: &[Doomed]) -> Vec<Doomed> {
    if doomed.is_empty() {
        return Vec::new();
    }
    let elementwise = |expr: &Expr, input: &LogicalPlan| Properties::of(expr, input.schema()).elementwise;
    let all_elementwise =
        |exprs: &[NamedExpr], input: &LogicalPlan| exprs.iter().all(|named| elementwise(&named.expr, input));
    match plan.node() {
        Node::Filter { input, predicate } if elementwise(predicate, input) => doomed.to_vec(),
        Node::Select { input, exprs } if all_elementwise(exprs, input) => {
            rename_all(doomed, |name| defined(exprs, name)?.source_column().cloned())
        },
        Node::WithColumns { input, exprs } if all_elementwise(exprs, input) => {
            rename_all(doomed, |name| match defined(exprs, name) {
                Some(named) => named.source_column().cloned(),
                None => Some(name.clone()),
            })
        },
        // Whole groups are doomed.
        Node::Aggregate { keys, .. } => rename_all(doomed, |name| defined(keys, name)?.source_column().cloned()),
        Node::Rows { operation, .. } => {
            rename_all(doomed, |name| operation.passes_filters_on(name).then(|| name.clone()))
        },
        Node::Sort { .. } | Node::Union { .. } | Node::Placed { .. } => doomed.to_vec(),
        // Which rows a limit takes depends on the others; what looks at many rows too.
        _ => Vec::new(),
    }
}

fn defined<'a>(exprs: &'a [NamedExpr], name: &PlSmallStr) -> Option<&'a NamedExpr> {
    exprs.iter().find(|named| named.name == *name)
}

/// Rows of one side of `join` that are doomed, given those of its result.
pub(super) fn of_side(
    join: &Join,
    side: Side,
    left: &LogicalPlan,
    right: &LogicalPlan,
    doomed: &[Doomed],
) -> Vec<Doomed> {
    // A row of the other side that loses its last match must be doomed, or vanish anyway.
    let (keeps_left, keeps_right) = (join.keeps_left(), join.keeps_right());
    let same_type = |index: usize| {
        let key = join.keys.get(index)?;
        let left = plain_column(&key.left, &key.dtype, left.schema())?;
        let right = plain_column(&key.right, &key.dtype, right.schema())?;
        Some((left, right))
    };
    // The column of the other side that a pair of rows has the same value in.
    let partner = |name: &PlSmallStr, of: Side| {
        (0..join.keys.len()).filter_map(same_type).find_map(|(left, right)| match of {
            Side::Left => (left == name).then(|| right.clone()),
            Side::Right => (right == name).then(|| left.clone()),
        })
    };
    rename_all(doomed, |name| {
        let source = &join.columns.iter().find(|column| column.name == *name)?.source;
        match (source, side) {
            (JoinSource::Left(column), Side::Left) if !keeps_right => Some(column.clone()),
            (JoinSource::Left(column), Side::Right) if !keeps_right => partner(column, Side::Left),
            (JoinSource::Right(column), Side::Right) if !keeps_left => Some(column.clone()),
            (JoinSource::Right(column), Side::Left) if !keeps_left => partner(column, Side::Right),
            // Whatever row has the key shows it in the result.
            (JoinSource::Key(key), Side::Left) => same_type(*key).map(|(left, _)| left.clone()),
            (JoinSource::Key(key), Side::Right) => same_type(*key).map(|(_, right)| right.clone()),
            _ => None,
        }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

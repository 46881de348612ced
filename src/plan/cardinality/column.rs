//! Columns: how many different values, in which range, and where they come from.

use polars_core::prelude::{DataType, PlSmallStr};
use polars_plan::dsl::Expr;
use quokka_engine::expr::{Test, comparisons};
use quokka_engine::source::Scan;

use super::Estimates;
use super::number::{number, values_between};
use crate::plan::expression::{NamedExpr, columns};
use crate::plan::join::{Join, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// What is guessed of a column of a plan.
#[derive(Clone, Debug)]
pub(crate) struct ColumnEstimate {
    /// Different values in the rows of the plan.
    pub(crate) distinct: f64,
    /// Different values before filters dropped rows: of those the rows of the plan are a sample.
    pub(crate) domain: f64,
    /// Whether there really are about so many different values; otherwise there are at most so many.
    pub(crate) counted: bool,
    /// The least and the greatest value, as numbers.
    pub(crate) range: Option<(f64, f64)>,
    /// The share of nulls.
    pub(crate) nulls: f64,
    /// The table or aggregate that the column comes from: its address, and its rows before filters.
    pub(crate) origin: Origin,
}

/// Where the values of a column come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Origin {
    /// Tells it from others.
    pub(crate) address: usize,
    /// Its rows, before filters.
    pub(crate) rows: f64,
}

impl ColumnEstimate {
    /// A column of which nothing is known but the number of rows.
    fn unknown(origin: Origin) -> Self {
        Self { distinct: origin.rows, domain: origin.rows, counted: false, range: None, nulls: 0.0, origin }
    }

    /// Behind a filter on other columns, which keeps `share` of `rows` rows.
    pub(crate) fn sampled(mut self, rows: f64, share: f64) -> Self {
        self.distinct = surviving(self.distinct, rows, share);
        self
    }

    /// Behind a filter that keeps `share` of `rows` rows and asks `tests` of the column.
    fn tested(self, rows: f64, share: f64, tests: &[Test]) -> Self {
        let mut column = self.sampled(rows, share);
        for test in tests {
            let (low, high, values) = match test {
                Test::Eq(value) => (number(value), number(value), Some(1.0)),
                Test::In(values) => (None, None, Some(values.len() as f64)),
                Test::Lt(value) | Test::LtEq(value) => (None, number(value), None),
                Test::Gt(value) | Test::GtEq(value) => (number(value), None, None),
                Test::IsNotNull => {
                    column.nulls = 0.0;
                    continue;
                },
                Test::IsNull | Test::NotEq(_) => continue,
            };
            column.nulls = 0.0;
            if let Some((least, greatest)) = &mut column.range {
                let width = *greatest - *least;
                *least = low.map_or(*least, |low| least.max(low));
                *greatest = high.map_or(*greatest, |high| greatest.min(high)).max(*least);
                if width > 0.0 {
                    column.domain *= ((*greatest - *least) / width).clamp(1.0 / column.domain.max(1.0), 1.0);
                }
            }
            column.domain = column.domain.min(values.unwrap_or(f64::INFINITY)).max(1.0);
        }
        column.distinct = column.distinct.min(column.domain);
        column
    }
}

/// How many of `distinct` values, spread evenly over `rows` rows, are left in a share of the rows.
fn surviving(distinct: f64, rows: f64, share: f64) -> f64 {
    if distinct <= 0.0 || share >= 1.0 {
        return distinct;
    }
    distinct * (1.0 - (1.0 - share).powf((rows / distinct).max(1.0)))
}

impl Estimates {
    /// What is known of a column of `plan`; `None` if there is no such column, or if the size of a table is unknown.
    pub(crate) fn column(&self, plan: &LogicalPlan, name: &PlSmallStr) -> Option<ColumnEstimate> {
        // Also keeps the plan, so that no other gets its address.
        let rows = self.rows(plan)?;
        let key = (plan.address(), name.clone());
        if let Some(known) = self.columns.borrow().get(&key) {
            return known.clone();
        }
        let column = self.compute_column(plan, name, rows).map(|mut column| {
            column.distinct = column.distinct.min(rows.max(1.0));
            column
        });
        self.columns.borrow_mut().insert(key, column.clone());
        column
    }

    fn compute_column(&self, plan: &LogicalPlan, name: &PlSmallStr, rows: f64) -> Option<ColumnEstimate> {
        let made_here = || ColumnEstimate::unknown(Origin { address: plan.address(), rows });
        match plan.node() {
            Node::Scan { scan, request } => {
                let column = table_column(scan.as_ref(), name)?;
                Some(match &request.predicate {
                    Some(predicate) => {
                        self.filtered(column, name, scan.estimated_rows()? as f64, rows, predicate, plan)
                    },
                    None => column,
                })
            },
            Node::Filter { input, predicate } => {
                let column = self.column(input, name)?;
                Some(self.filtered(column, name, self.rows(input)?, rows, predicate, input))
            },
            Node::Select { input, exprs } => {
                let named = exprs.iter().find(|named| named.name == *name)?;
                Some(self.made(input, named).unwrap_or_else(made_here))
            },
            Node::WithColumns { input, exprs } => match exprs.iter().find(|named| named.name == *name) {
                Some(named) => Some(self.made(input, named).unwrap_or_else(made_here)),
                None => self.column(input, name),
            },
            Node::Aggregate { input, keys, .. } => {
                let key = keys.iter().find(|key| key.name == *name).and_then(|key| self.expression(input, &key.expr));
                Some(match key {
                    Some(key) => ColumnEstimate { origin: made_here().origin, ..key },
                    None => made_here(),
                })
            },
            Node::Join { left, right, join } => self.joined_column(left, right, join, name, rows),
            Node::Sort { input, .. } | Node::Placed { input, .. } => self.column(input, name),
            Node::TopK { input, .. } | Node::Slice { input, .. } => {
                let before = self.rows(input)?;
                Some(self.column(input, name)?.sampled(before, rows / before.max(1.0)))
            },
            Node::Union { inputs } => {
                let columns = inputs.iter().map(|input| self.column(input, name)).collect::<Option<Vec<_>>>()?;
                let distinct = columns.iter().map(|column| column.distinct).fold(0.0, f64::max);
                Some(ColumnEstimate { distinct, domain: distinct, ..made_here() })
            },
            // Their number of rows is unknown, or they add a column.
            Node::Rows { input, operation } => operation.keeps(name).then(|| self.column(input, name))?,
            Node::MapBatches { .. } | Node::Stateful { .. } => None,
        }
    }

    /// What a filter that keeps `after` of `before` rows leaves of a column.
    fn filtered(
        &self,
        column: ColumnEstimate,
        name: &PlSmallStr,
        before: f64,
        after: f64,
        predicate: &Expr,
        plan: &LogicalPlan,
    ) -> ColumnEstimate {
        let share = (after / before.max(1.0)).clamp(0.0, 1.0);
        if !columns(predicate).any(|read| read == name) {
            return column.sampled(before, share);
        }
        let found = match plan.node() {
            Node::Scan { scan, .. } => comparisons(predicate, &scan.schema()),
            _ => comparisons(predicate, plan.schema()),
        };
        let tests: Vec<Test> = found.into_iter().filter(|test| test.column == *name).map(|test| test.test).collect();
        column.tested(before, share, &tests)
    }

    /// What is known of an expression over the columns of `input`.
    pub(crate) fn expression(&self, input: &LogicalPlan, expr: &Expr) -> Option<ColumnEstimate> {
        match expr {
            Expr::Column(name) => self.column(input, name),
            Expr::Alias(inner, _) => self.expression(input, inner),
            expr => {
                let mut read = columns(expr).map(|name| self.column(input, name));
                let first = read.next()??;
                let merged = read.try_fold(first, |merged, column| {
                    let column = column?;
                    let distinct = merged.distinct * column.distinct;
                    Some(ColumnEstimate { distinct, domain: merged.domain * column.domain, ..merged })
                })?;
                let rows = self.rows(input)?;
                let distinct = merged.distinct.min(rows);
                Some(ColumnEstimate { distinct, domain: distinct, counted: false, range: None, ..merged })
            },
        }
    }

    fn made(&self, input: &LogicalPlan, named: &NamedExpr) -> Option<ColumnEstimate> {
        self.expression(input, &named.expr)
    }

    fn joined_column(
        &self,
        left: &LogicalPlan,
        right: &LogicalPlan,
        join: &Join,
        name: &PlSmallStr,
        rows: f64,
    ) -> Option<ColumnEstimate> {
        let of = |side: &LogicalPlan, column: ColumnEstimate| {
            let before = self.rows(side)?;
            Some(column.sampled(before, (rows / before.max(1.0)).min(1.0)))
        };
        let found = join.columns.iter().find(|column| column.name == *name)?;
        let (side, expr, key) = match &found.source {
            JoinSource::Left(column) => {
                let expr = Expr::Column(column.clone());
                let key = join.keys.iter().find(|key| key.left == expr).map(|key| (right, &key.right));
                (left, expr, key)
            },
            JoinSource::Right(column) => {
                let expr = Expr::Column(column.clone());
                let key = join.keys.iter().find(|key| key.right == expr).map(|key| (left, &key.left));
                (right, expr, key)
            },
            JoinSource::Key(index) => (left, join.keys.get(*index)?.left.clone(), None),
        };
        let own = self.expression(side, &expr)?;
        // A key that finds a partner has one of the values of both sides.
        let met = key.filter(|_| join.drops_unmatched()).and_then(|(plan, expr)| self.expression(plan, expr));
        match met {
            Some(other) if other.distinct < own.distinct => Some(ColumnEstimate { distinct: other.distinct, ..own }),
            Some(_) => Some(own),
            None => of(side, own),
        }
    }
}

/// What a table knows of a column, before any filter.
pub(super) fn table_column(scan: &dyn Scan, name: &PlSmallStr) -> Option<ColumnEstimate> {
    let rows = scan.estimated_rows()? as f64;
    let schema = scan.schema();
    let dtype = schema.get(name)?;
    let statistics = scan.statistics(name);
    let range = statistics.min.as_ref().and_then(number).zip(statistics.max.as_ref().and_then(number));
    let mut most = rows;
    if let Some((low, high)) = range
        && let Some(values) = values_between(dtype, low, high)
    {
        most = most.min(values);
    }
    if *dtype == DataType::Boolean {
        most = most.min(2.0);
    }
    let distinct = statistics.distinct.map(|distinct| (distinct as f64).min(rows).max(1.0));
    let nulls = statistics.nulls.map_or(0.0, |nulls| nulls as f64 / rows.max(1.0));
    let origin = Origin { address: std::ptr::from_ref(scan).cast::<()>().addr(), rows };
    let values = distinct.unwrap_or(most);
    Some(ColumnEstimate { distinct: values, domain: values, counted: distinct.is_some(), range, nulls, origin })
}

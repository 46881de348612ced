//! A logical plan as text: one line a node, inputs indented below it.

use std::fmt;

use polars_core::prelude::SortMultipleOptions;
use polars_plan::dsl::Expr;
use quokka_engine::source::{Scan, ScanRequest};

use super::cardinality::Estimates;
use super::expression::NamedExpr;
use super::join::Join;
use super::logical::{LogicalPlan, Node};
use super::query::Query;

impl fmt::Display for LogicalPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_nodes(self, 0, f, &|_, _| Ok(()))
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_query(self, f, &|_, _| Ok(()))
    }
}

/// A query, each node with about how many rows it delivers, where that is known.
pub(crate) struct WithRows<'a> {
    pub(crate) query: &'a Query,
    pub(crate) estimates: &'a Estimates,
}

impl fmt::Display for WithRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_query(self.query, f, &|plan, f| match self.estimates.rows(plan) {
            Some(rows) => write!(f, " rows≈{rows:.0}"),
            None => Ok(()),
        })
    }
}

/// What is written at the end of a node's line.
type Annotate<'a> = &'a dyn Fn(&LogicalPlan, &mut fmt::Formatter<'_>) -> fmt::Result;

fn write_query(query: &Query, f: &mut fmt::Formatter<'_>, annotate: Annotate<'_>) -> fmt::Result {
    write_nodes(&query.root, 0, f, annotate)?;
    query.shared.iter().try_for_each(|shared| {
        writeln!(f, "shared plan {}", shared.scan.number())?;
        write_nodes(&shared.plan, 0, f, annotate)
    })
}

fn write_nodes(plan: &LogicalPlan, depth: usize, f: &mut fmt::Formatter<'_>, annotate: Annotate<'_>) -> fmt::Result {
    write!(f, "{:indent$}", "", indent = 2 * depth)?;
    write_node(plan, f)?;
    annotate(plan, f)?;
    writeln!(f)?;
    plan.inputs().into_iter().try_for_each(|input| write_nodes(input, depth + 1, f, annotate))
}

/// A node without its inputs.
pub(crate) struct Line<'a>(pub(crate) &'a LogicalPlan);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(self.0, f)
    }
}

fn write_node(plan: &LogicalPlan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match plan.node() {
        Node::Scan { scan, request } => write_scan(scan.as_ref(), request, f)?,
        Node::Filter { predicate, .. } => write!(f, "filter {predicate:?}")?,
        Node::Select { exprs, .. } => write!(f, "select {}", List(exprs))?,
        Node::WithColumns { exprs, .. } => write!(f, "with-columns {}", List(exprs))?,
        Node::Aggregate { keys, aggs, .. } => write!(f, "aggregate by {} {}", List(keys), List(aggs))?,
        Node::Join { join, .. } => write_join(join, f)?,
        Node::Sort { by, options, .. } => write!(f, "sort by {}", SortKeys(by, options))?,
        Node::TopK { k, by, options, .. } => write!(f, "top-k {k} by {}", SortKeys(by, options))?,
        Node::Slice { offset: 0, length, .. } => write!(f, "limit {length}")?,
        Node::Slice { offset, length, .. } => write!(f, "slice {length} from {offset}")?,
        Node::Union { .. } => f.write_str("union")?,
        Node::Rows { operation, .. } => write!(f, "{operation}")?,
        Node::Placed { placement, .. } => write!(f, "channels {placement}")?,
        Node::MapBatches { function, .. } => write!(f, "{}", function.describe())?,
        Node::Stateful { operator, .. } => write!(f, "{}", operator.describe())?,
    }
    Ok(())
}

fn write_scan(scan: &dyn Scan, request: &ScanRequest, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", scan.describe())?;
    if let Some(projection) = &request.projection {
        write!(f, " columns={}/{} {}", projection.len(), scan.schema().len(), List(projection))?;
    }
    match &request.predicate {
        Some(predicate) => write!(f, " where {predicate:?}"),
        None => Ok(()),
    }
}

fn write_join(join: &Join, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}-join", join.how.to_string().to_lowercase())?;
    for (i, key) in join.keys.iter().enumerate() {
        write!(f, "{}{key}", if i == 0 { " on " } else { " and " })?;
    }
    if join.nulls_equal {
        f.write_str(" nulls-equal")?;
    }
    if let Some(condition) = &join.condition {
        write!(f, " where {:?}", condition.predicate)?;
    }
    f.write_str(" columns=[")?;
    for (i, column) in join.columns.iter().enumerate() {
        write!(f, "{}{column}", if i > 0 { ", " } else { "" })?;
    }
    f.write_str("]")
}

/// Items between brackets, names without quotes.
struct List<'a, T>(&'a [T]);

impl<T: ListItem> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, item) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            item.write(f)?;
        }
        f.write_str("]")
    }
}

trait ListItem {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl ListItem for NamedExpr {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_plain() { f.write_str(&self.name) } else { write!(f, "{:?} as {}", self.expr, self.name) }
    }
}

impl ListItem for polars_core::prelude::PlSmallStr {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Sort keys with their directions.
struct SortKeys<'a>(&'a [Expr], &'a SortMultipleOptions);

impl fmt::Display for SortKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(by, options) = self;
        f.write_str("[")?;
        for (i, (key, (descending, nulls_last))) in
            by.iter().zip(options.descending.iter().zip(&options.nulls_last)).enumerate()
        {
            if i > 0 {
                f.write_str(", ")?;
            }
            match key {
                Expr::Column(name) => f.write_str(name)?,
                key => write!(f, "{key:?}")?,
            }
            if *descending {
                f.write_str(" descending")?;
            }
            if *nulls_last {
                f.write_str(" nulls last")?;
            }
        }
        f.write_str("]")
    }
}

//! Expressions that occur several times in one projection or aggregate are computed once, as columns below it.
//!
//! Only what is computed row by row and cannot fail is shared, and only if it is more than a column. The largest
//! expression goes first, so that what is inside it counts once. Aggregates over equal inputs share them anyway. Sums and
//! products of decimals are not shared: the expressions around them compute them on the way, block by block in the nearest
//! cache and with 64 bits where they fit, in less time than a column, of 128 bits a value by its type, is written and read.

use polars_core::prelude::{PlSmallStr, Schema};
use polars_plan::dsl::{BooleanFunction, DataTypeExpr, Expr, FunctionExpr, Operator};
use polars_plan::plans::visitor::TreeWalker;
use quokka_engine::expr::output_field;

use super::simplify::is_plain_function;
use crate::plan::expression::{NamedExpr, Properties, columns, reads_columns};
use crate::plan::logical::{LogicalPlan, Node};

/// Computes common sub-expressions of every projection and aggregate of `plan` once.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let plan = plan.map_inputs(apply);
    let node = match plan.node() {
        Node::Select { input, exprs } => share(input, exprs).map(|(input, exprs)| Node::Select { input, exprs }),
        Node::WithColumns { input, exprs } => share(input, exprs).map(|(input, mut exprs)| {
            // The shared columns end here.
            let made: Vec<NamedExpr> = plan
                .schema()
                .iter_names()
                .map(|name| match exprs.iter().position(|named| named.name == *name) {
                    Some(index) => exprs.swap_remove(index),
                    None => NamedExpr::column(name.clone()),
                })
                .collect();
            Node::Select { input, exprs: made }
        }),
        Node::Aggregate { input, keys, aggs } => {
            let all: Vec<NamedExpr> = keys.iter().chain(aggs).cloned().collect();
            share(input, &all).map(|(input, mut all)| {
                let aggs = all.split_off(keys.len());
                Node::Aggregate { input, keys: all, aggs }
            })
        },
        _ => None,
    };
    match node {
        Some(node) => LogicalPlan::new(node, plan.schema().clone()),
        None => plan,
    }
}

/// `exprs` over columns for what they have in common, and `input` with these columns; `None` if there is nothing.
fn share(input: &LogicalPlan, exprs: &[NamedExpr]) -> Option<(LogicalPlan, Vec<NamedExpr>)> {
    let mut shared: Vec<NamedExpr> = Vec::new();
    let mut rewritten = exprs.to_vec();
    let mut refused: Vec<Expr> = Vec::new();
    while let Some(common) = most_common(rewritten.iter().chain(&shared), &refused) {
        if !is_shareable(&common, input.schema()) {
            refused.push(common);
            continue;
        }
        let name = fresh_name(shared.len(), input.schema());
        let column = Expr::Column(name.clone());
        for named in rewritten.iter_mut().chain(&mut shared) {
            named.expr = replace(&named.expr, &common, &column);
        }
        shared.push(NamedExpr { name, expr: common });
    }
    if shared.is_empty() {
        return None;
    }
    let with_shared = with_columns(input, shared)?;
    let same_types = exprs.iter().zip(&rewritten).all(|(before, after)| {
        let dtype = |named: &NamedExpr, schema| output_field(&named.expr, schema).ok().map(|field| field.dtype);
        before == after || dtype(before, input.schema()) == dtype(after, with_shared.schema())
    });
    same_types.then_some((with_shared, rewritten))
}

/// `input` with the columns `shared`, of which some are computed from others.
fn with_columns(input: &LogicalPlan, mut shared: Vec<NamedExpr>) -> Option<LogicalPlan> {
    let mut plan = input.clone();
    while !shared.is_empty() {
        let waits = |named: &NamedExpr| columns(&named.expr).any(|name| shared.iter().any(|other| other.name == *name));
        let (later, now): (Vec<_>, Vec<_>) = shared.iter().cloned().partition(waits);
        let exprs: Vec<Expr> = now.iter().map(NamedExpr::to_expr).collect();
        plan = plan.with_columns(&exprs, "common sub-expressions").ok().filter(|_| !now.is_empty())?;
        shared = later;
    }
    Some(plan)
}

/// A name that no column has.
fn fresh_name(index: usize, schema: &Schema) -> PlSmallStr {
    let mut name = format!("common({index})");
    while schema.contains(&name) {
        name.insert(0, '_');
    }
    name.into()
}

/// Whether `expr` may be computed below, and has a type of its own there.
fn is_shareable(expr: &Expr, schema: &Schema) -> bool {
    let has_type = expr.to_field(schema).is_ok_and(|field| field.dtype.is_known() && !field.dtype.is_null());
    has_type && Properties::of(expr, schema).is_movable() && !is_decimal_arithmetic(expr, schema)
}

/// Whether `expr` is a sum or product of decimals.
fn is_decimal_arithmetic(expr: &Expr, schema: &Schema) -> bool {
    is_sum_or_product(expr) && output_field(expr, schema).is_ok_and(|field| field.dtype.is_decimal())
}

fn is_sum_or_product(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Literal(_) => true,
        Expr::BinaryExpr { left, op: Operator::Plus | Operator::Minus | Operator::Multiply, right } => {
            is_sum_or_product(left) && is_sum_or_product(right)
        },
        _ => false,
    }
}

/// The largest expression that occurs at least twice and is not among `refused`.
fn most_common<'a>(exprs: impl Iterator<Item = &'a NamedExpr>, refused: &[Expr]) -> Option<Expr> {
    let mut occurrences = Occurrences::default();
    for named in exprs {
        occurrences.add(&named.expr, false);
    }
    let repeated = occurrences.found.into_iter().filter(|found| found.count > 1 && !refused.contains(found.expr));
    // Of equal sizes the first, so that plans do not change from one run to the next.
    repeated
        .reduce(|largest, other| if other.size > largest.size { other } else { largest })
        .map(|found| found.expr.clone())
}

/// The expressions that can be shared, with how often they occur.
#[derive(Default)]
struct Occurrences<'a> {
    found: Vec<Found<'a>>,
    aggregated: Vec<&'a Expr>,
}

struct Found<'a> {
    expr: &'a Expr,
    size: usize,
    count: usize,
}

impl<'a> Occurrences<'a> {
    /// Adds what is in `expr`, the input of an aggregate or not.
    fn add(&mut self, expr: &'a Expr, is_aggregated: bool) {
        if !is_row_by_row(expr) {
            let is_aggregate = matches!(expr, Expr::Agg(_));
            for input in inputs(expr) {
                self.add(input, is_aggregate);
            }
            return;
        }
        if is_aggregated {
            if self.aggregated.contains(&expr) {
                return;
            }
            self.aggregated.push(expr);
        }
        self.add_row_by_row(expr);
    }

    /// Returns the size of `expr`.
    fn add_row_by_row(&mut self, expr: &'a Expr) -> usize {
        let size = 1 + inputs(expr).into_iter().map(|input| self.add_row_by_row(input)).sum::<usize>();
        if is_worth_it(expr) {
            match self.found.iter_mut().find(|found| found.size == size && found.expr == expr) {
                Some(found) => found.count += 1,
                None => self.found.push(Found { expr, size, count: 1 }),
            }
        }
        size
    }
}

/// Whether computing `expr` costs more than passing a column on.
fn is_worth_it(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr { .. } | Expr::Ternary { .. } => reads_columns(expr),
        Expr::Cast { expr, .. } => !matches!(expr.as_ref(), Expr::Column(_)) && reads_columns(expr),
        Expr::Function {
            function: FunctionExpr::Boolean(BooleanFunction::IsNull | BooleanFunction::IsNotNull),
            ..
        } => false,
        Expr::Function { .. } => reads_columns(expr),
        _ => false,
    }
}

/// Whether `expr` is made of operations that see one row at a time.
fn is_row_by_row(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) => true,
        Expr::Literal(literal) => literal.is_scalar(),
        Expr::Alias(..) | Expr::BinaryExpr { .. } | Expr::Ternary { .. } => inputs(expr).into_iter().all(is_row_by_row),
        Expr::Cast { expr, dtype: DataTypeExpr::Literal(_), .. } => is_row_by_row(expr),
        Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::IsIn { .. }) } => {
            // A list of values is one value.
            input.first().is_some_and(is_row_by_row) && !input.iter().skip(1).any(reads_columns)
        },
        Expr::Function { input, function } => {
            is_plain_function(function) && !is_aggregate_function(function) && input.iter().all(is_row_by_row)
        },
        _ => false,
    }
}

fn is_aggregate_function(function: &FunctionExpr) -> bool {
    matches!(
        function,
        FunctionExpr::NullCount
            | FunctionExpr::Boolean(
                BooleanFunction::Any { .. }
                    | BooleanFunction::All { .. }
                    | BooleanFunction::HasNulls
                    | BooleanFunction::IsEmpty { .. }
            )
    )
}

/// What `expr` is computed from, if it sees the rows that its inputs see.
fn inputs(expr: &Expr) -> Vec<&Expr> {
    if !descends(expr) {
        return Vec::new();
    }
    let mut inputs = Default::default();
    expr.nodes(&mut inputs);
    inputs.iter().rev().copied().collect()
}

fn descends(expr: &Expr) -> bool {
    match expr {
        Expr::Function { function, .. } => is_plain_function(function),
        Expr::Alias(..)
        | Expr::Cast { .. }
        | Expr::BinaryExpr { .. }
        | Expr::Ternary { .. }
        | Expr::Filter { .. }
        | Expr::Agg(_) => true,
        _ => false,
    }
}

/// `expr` with `column` in the place of `common`.
fn replace(expr: &Expr, common: &Expr, column: &Expr) -> Expr {
    if expr == common {
        return column.clone();
    }
    if !descends(expr) {
        return expr.clone();
    }
    let replaced = expr.clone().map_children(&mut |input, _| Ok(replace(&input, common, column)), &mut ());
    // The closure never fails, and nothing else does.
    replaced.unwrap_or_else(|_| expr.clone())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::prelude::DataType;
    use quokka_engine::expr::prelude::{col, len, lit, when};

    use super::*;
    use crate::plan::testing::{assert_text, table};

    fn t() -> LogicalPlan {
        table("t", "a b c")
    }

    #[track_caller]
    fn check(plan: &LogicalPlan, expected: &str) {
        let shared = apply(plan);
        assert_eq!(shared.schema(), plan.schema());
        assert_text(&shared, expected);
    }

    #[track_caller]
    fn assert_stays(plan: &LogicalPlan) {
        check(plan, &plan.to_string());
    }

    fn product() -> Expr {
        col("a") * (lit(1) - col("b"))
    }

    #[test]
    fn inputs_of_aggregates() {
        let aggs = [
            product().sum().alias("x"),
            (product() * col("c")).sum().alias("y"),
            product().mean().alias("z"),
            len().alias("rows"),
        ];
        check(
            &t().aggregate(&[col("c")], &aggs, "agg").unwrap(),
            r#"
            aggregate by [c] [col("common(0)").sum() as x, [(col("common(0)")) * (col("c"))].sum() as y, col("common(0)").mean() as z, len() as rows]
              with-columns [[(col("a")) * ([(dyn int: 1) - (col("b"))])] as common(0)]
                t
            "#,
        );
        // Equal inputs are shared anyway.
        let aggs = [product().sum().alias("x"), product().mean().alias("y")];
        assert_stays(&t().aggregate(&[col("c")], &aggs, "agg").unwrap());
        // A key that is aggregated.
        check(
            &t().aggregate(&[product().alias("k")], &[product().sum()], "agg").unwrap(),
            r#"
            aggregate by [col("common(0)") as k] [col("common(0)").sum() as a]
              with-columns [[(col("a")) * ([(dyn int: 1) - (col("b"))])] as common(0)]
                t
            "#,
        );
    }

    #[test]
    fn decimals_are_computed_on_the_way() {
        let decimals = ["a", "b"].map(|name| col(name).cast(DataType::Decimal(15, 2)));
        let decimals = t().select(&decimals, "select").unwrap();
        let aggs = [product().sum().alias("x"), (product() * col("b")).sum().alias("y")];
        assert_stays(&decimals.aggregate(&[col("b")], &aggs, "agg").unwrap());
    }

    #[test]
    fn the_largest_goes_first() {
        let (small, large) = (|| col("a") + col("b"), || (col("a") + col("b")) * col("c"));
        let exprs = [(large() - lit(1)).alias("x"), (large() - lit(2)).alias("y"), (small() - lit(3)).alias("z")];
        check(
            &t().select(&exprs, "select").unwrap(),
            r#"
            select [[(col("common(0)")) - (dyn int: 1)] as x, [(col("common(0)")) - (dyn int: 2)] as y, [(col("common(1)")) - (dyn int: 3)] as z]
              with-columns [[(col("common(1)")) * (col("c"))] as common(0)]
                with-columns [[(col("a")) + (col("b"))] as common(1)]
                  t
            "#,
        );
    }

    #[test]
    fn columns_that_are_added() {
        let exprs = [(product() + lit(1)).alias("x"), (product() + lit(2)).alias("b")];
        check(
            &t().with_columns(&exprs, "with_columns").unwrap(),
            r#"
            select [a, [(col("common(0)")) + (dyn int: 2)] as b, c, [(col("common(0)")) + (dyn int: 1)] as x]
              with-columns [[(col("a")) * ([(dyn int: 1) - (col("b"))])] as common(0)]
                t
            "#,
        );
    }

    #[test]
    fn what_is_cheap_fails_or_has_no_type_of_its_own_stays() {
        let twice = |expr: Expr| [(expr.clone() + col("a")).alias("x"), (expr + col("b")).alias("y")];
        for expr in [
            col("a"),
            lit(1) + lit(2),
            col("a").cast(DataType::Int8),
            col("a").strict_cast(DataType::Int8) + col("b").strict_cast(DataType::Int8),
            when(col("a").is_null()).then(lit(1)).otherwise(lit(0)),
            col("a").cum_sum(false),
        ] {
            assert_stays(&t().select(&twice(expr), "select").unwrap());
        }
        assert_stays(
            &t().select(&[col("a").is_null().alias("x"), col("a").is_null().not().alias("y")], "select").unwrap(),
        );
    }

    #[test]
    fn names_that_are_taken() {
        let plan = t().rename(&["c".into()], &["common(0)".into()], true).unwrap();
        let exprs = [(product() + lit(1)).alias("x"), (product() + col("common(0)")).alias("y")];
        check(
            &plan.select(&exprs, "select").unwrap(),
            r#"
            select [[(col("_common(0)")) + (dyn int: 1)] as x, [(col("_common(0)")) + (col("common(0)"))] as y]
              with-columns [[(col("a")) * ([(dyn int: 1) - (col("b"))])] as _common(0)]
                select [a, b, col("c") as common(0)]
                  t
            "#,
        );
    }
}

//! `n_unique` counts the rows of a `distinct`.
//!
//! A count of distinct values needs all values of a group on one worker. If the values are grouped together with the keys
//! first, each worker drops repetitions of its own, what is exchanged is spread by keys and values, and the groups above
//! count rows. Other aggregates go along if they can be merged. That pays if most values are repetitions, which is
//! estimated: of six million rows with seven values each, it takes three quarters of the time, with one value each three
//! times as long.

use std::sync::Arc;

use polars_core::prelude::{DataType, PlSmallStr, Schema};
use polars_plan::dsl::{AggExpr, Expr};
use quokka_engine::expr::output_field;

use super::partial_results::PartialResults;
use crate::plan::cardinality::Estimates;
use crate::plan::expression::{NamedExpr, Properties, reads_columns};
use crate::plan::logical::{LogicalPlan, Node};

/// A value has to occur so many times in a group on average.
const REPETITIONS: f64 = 6.0;

/// Rewrites every aggregate of `plan` that counts the distinct values of one expression, where that pays.
pub(crate) fn apply(plan: &LogicalPlan, estimates: &Estimates) -> LogicalPlan {
    rewrite(plan, &|rows, distinct| match (estimates.rows(rows), estimates.rows(distinct)) {
        (Some(rows), Some(distinct)) => distinct * REPETITIONS <= rows,
        _ => false,
    })
}

/// Rewrites every aggregate of `plan` for which `pays`, told its rows and the distinct values among them, says so.
fn rewrite(plan: &LogicalPlan, pays: &dyn Fn(&LogicalPlan, &LogicalPlan) -> bool) -> LogicalPlan {
    let plan = plan.map_inputs(|input| rewrite(input, pays));
    let (input, rewritten) = match plan.node() {
        Node::Aggregate { input, keys, aggs } => (input, grouped(input, keys, aggs, plan.schema())),
        // Aggregates of all rows.
        Node::Select { input, exprs } => (input, grouped(input, &[], exprs, plan.schema())),
        _ => return plan,
    };
    let rewritten = rewritten.filter(|rewritten| rewritten.inputs().into_iter().all(|distinct| pays(input, distinct)));
    rewritten.unwrap_or(plan)
}

/// `aggs` of the rows of `input`, grouped by `keys`, with distinct values made first.
fn grouped(input: &LogicalPlan, keys: &[NamedExpr], aggs: &[NamedExpr], schema: &Arc<Schema>) -> Option<LogicalPlan> {
    let values = counted(aggs)?;
    let is_row_by_row = |expr: &Expr| reads_columns(expr) && Properties::of(expr, input.schema()).elementwise;
    if !is_row_by_row(values) || !is_comparable(&output_field(values, input.schema()).ok()?.dtype) {
        return None;
    }
    let value_name = fresh("value", keys, input.schema());
    let inputs = |expr: &Expr| is_row_by_row(expr).then(|| expr.clone());
    let name = |index: usize| fresh(&format!("partial({index})"), keys, input.schema());
    let mut partials =
        PartialResults { input: &inputs, name: &name, distinct: Some(values), adds_nulls: false, exprs: Vec::new() };
    let aggs: Option<Vec<NamedExpr>> =
        aggs.iter().map(|agg| Some(NamedExpr { name: agg.name.clone(), expr: partials.merged(&agg.expr)? })).collect();
    let aggs = aggs?;
    let mut by: Vec<Expr> = keys.iter().map(NamedExpr::to_expr).collect();
    by.push(values.clone().alias(value_name));
    let distinct = input.clone().aggregate(&by, &partials.named(), "distinct values").ok()?;
    let keys: Vec<NamedExpr> = keys.iter().map(|key| NamedExpr::column(key.name.clone())).collect();
    let same_types = aggs.iter().all(|agg| {
        let dtype = output_field(&agg.expr, distinct.schema()).map(|field| field.dtype);
        dtype.is_ok_and(|dtype| schema.get(&agg.name) == Some(&dtype))
    });
    let node = match keys.is_empty() {
        true => Node::Select { input: distinct, exprs: aggs },
        false => Node::Aggregate { input: distinct, keys, aggs },
    };
    same_types.then(|| LogicalPlan::new(node, schema.clone()))
}

/// The only expression whose distinct values are counted.
fn counted(aggs: &[NamedExpr]) -> Option<&Expr> {
    let mut values = None;
    for part in aggs.iter().flat_map(|agg| &agg.expr) {
        if let Expr::Agg(AggExpr::NUnique(input)) = part {
            if values.is_some_and(|values| values != input.as_ref()) {
                return None;
            }
            values = Some(input.as_ref());
        }
    }
    values
}

/// Whether values of a type are equal as keys if they are equal for `n_unique`.
fn is_comparable(dtype: &DataType) -> bool {
    dtype.is_primitive_numeric()
        || dtype.is_temporal()
        || dtype.is_decimal()
        || dtype.is_bool()
        || dtype.is_string()
        || dtype.is_binary()
        || dtype.is_enum()
}

/// `name`, or one like it that nothing else has.
fn fresh(name: &str, keys: &[NamedExpr], schema: &Schema) -> PlSmallStr {
    let mut name = String::from(name);
    while schema.contains(&name) || keys.iter().any(|key| key.name == name) {
        name.insert(0, '_');
    }
    name.into()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use quokka_engine::expr::prelude::{col, len, lit};

    use super::*;
    use crate::plan::testing::{assert_text, table};

    #[track_caller]
    fn check(plan: &LogicalPlan, expected: &str) {
        let rewritten = rewrite(plan, &|_, _| true);
        assert_eq!(rewritten.schema(), plan.schema());
        assert_text(&rewritten, expected);
    }

    fn grouped(aggs: &[Expr]) -> LogicalPlan {
        table("t", "k v w").aggregate(&[col("k") % lit(2)], aggs, "agg").unwrap()
    }

    #[test]
    fn groups() {
        check(
            &grouped(&[col("v").n_unique()]),
            r#"
            aggregate by [k] [len() as v]
              aggregate by [[(col("k")) % (dyn int: 2)] as k, col("v") as value] []
                t
            "#,
        );
        let aggs = [(col("v").n_unique() * lit(2)).alias("x"), col("w").sum(), col("v").min(), len()];
        check(
            &grouped(&aggs),
            r#"
            aggregate by [k] [[(len()) * (dyn int: 2)] as x, col("partial(0)").sum() as w, col("partial(1)").min() as v, col("partial(2)").sum() as len]
              aggregate by [[(col("k")) % (dyn int: 2)] as k, col("v") as value] [col("w").sum() as partial(0), col("v").min() as partial(1), len() as partial(2)]
                t
            "#,
        );
    }

    #[test]
    fn all_rows() {
        check(
            &table("t", "a value").select(&[col("a").n_unique(), col("value").max()], "select").unwrap(),
            r#"
            select [len() as a, col("partial(0)").max() as value]
              aggregate by [col("a") as _value] [col("value").max() as partial(0)]
                t
            "#,
        );
    }

    #[test]
    fn what_stays() {
        for plan in [
            grouped(&[col("v").n_unique(), col("w").n_unique()]),
            grouped(&[col("v").n_unique(), col("w").median()]),
            grouped(&[col("v").n_unique(), col("w").first()]),
            grouped(&[col("v").sort(Default::default()).n_unique()]),
            grouped(&[lit(1).n_unique()]),
            grouped(&[col("v").sum()]),
            table("t", "a b").select(&[col("a").n_unique(), col("b")], "select").unwrap(),
            table("t", "a b").with_columns(&[col("a").n_unique()], "with_columns").unwrap(),
        ] {
            check(&plan, &plan.to_string());
        }
    }
}

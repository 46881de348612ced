//! Counts of distinct values that are only asked whether they are one.
//!
//! `n_unique` needs all values of a group. But whether there is more than one follows from the smallest, the largest and
//! the number of nulls, which each worker can find for its own rows.

use std::sync::Arc;

use polars_core::prelude::{DataType, PlSmallStr, Schema, SchemaRef};
use polars_plan::dsl::{AggExpr, Expr, Operator};
use polars_plan::plans::visitor::TreeWalker;
use polars_plan::plans::{DynLiteralValue, LiteralValue};
use quokka_engine::expr::output_field;
use quokka_engine::expr::prelude::lit;

use crate::plan::expression::{NamedExpr, Properties, columns};
use crate::plan::logical::{LogicalPlan, Node};

/// Rewrites every aggregate of `plan` that needs no other counts of distinct values.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let plan = plan.map_inputs(apply);
    match plan.node() {
        Node::Aggregate { input, keys, aggs } if aggs.iter().any(|agg| counts_distinct(&agg.expr)) => {
            let aggs =
                aggs.iter().map(|agg| NamedExpr { name: agg.name.clone(), expr: rewrite(&agg.expr, input.schema()) });
            aggregate(input, keys, aggs.collect(), plan.schema()).unwrap_or(plan)
        },
        Node::Aggregate { .. } | Node::Select { .. } => {
            let filter = plan.inputs().first().and_then(|input| asked_by_filter(&plan, input));
            filter.map(|filter| plan.map_inputs(|_| filter.clone())).unwrap_or(plan)
        },
        _ => plan,
    }
}

/// The aggregate of `aggs`; `None` if it still counts distinct values.
fn aggregate(input: &LogicalPlan, keys: &[NamedExpr], aggs: Vec<NamedExpr>, schema: &SchemaRef) -> Option<LogicalPlan> {
    // Without keys there may be a group without rows.
    if keys.is_empty() || aggs.iter().any(|agg| counts_distinct(&agg.expr)) {
        return None;
    }
    let node = Node::Aggregate { input: input.clone(), keys: keys.to_vec(), aggs };
    Some(LogicalPlan::new(node, schema.clone()))
}

/// `plan`, a filter of an aggregate whose counts are only asked by that filter, and not by `reader`.
fn asked_by_filter(reader: &LogicalPlan, plan: &LogicalPlan) -> Option<LogicalPlan> {
    let Node::Filter { input: grouped, predicate } = plan.node() else { return None };
    let Node::Aggregate { input, keys, aggs } = grouped.node() else { return None };
    let is_read = |name: &PlSmallStr| match reader.node() {
        Node::Select { exprs, .. } => exprs.iter().any(|named| columns(&named.expr).any(|column| column == name)),
        Node::Aggregate { keys, aggs, .. } => {
            keys.iter().chain(aggs).any(|named| columns(&named.expr).any(|column| column == name))
        },
        _ => true,
    };
    let mut schema = Schema::clone(grouped.schema());
    let mut predicate = predicate.clone();
    let mut answers = Vec::with_capacity(aggs.len());
    for agg in aggs {
        let mut agg = agg.clone();
        if let Expr::Agg(AggExpr::NUnique(values)) = &agg.expr
            && !is_read(&agg.name)
            && let Some(answered) = answered(&predicate, &agg.name)
        {
            agg.expr = rewrite(&values.as_ref().clone().n_unique().gt(lit(1)), input.schema());
            schema.insert(agg.name.clone(), DataType::Boolean);
            predicate = answered;
        }
        answers.push(agg);
    }
    let schema = Arc::new(schema);
    Some(aggregate(input, keys, answers, &schema)?.filtered(predicate))
}

/// `predicate` over a column `name` that says whether there are several values, in the place of their count; `None` if
/// it asks for anything else.
fn answered(predicate: &Expr, name: &PlSmallStr) -> Option<Expr> {
    if let Some((Expr::Column(counted), is_one)) = comparison_with_one(predicate)
        && counted == name
    {
        let several = Expr::Column(name.clone());
        return Some(if is_one { several.not() } else { several });
    }
    if columns(predicate).all(|column| column != name) {
        return Some(predicate.clone());
    }
    match predicate {
        Expr::BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right } => Some(Expr::BinaryExpr {
            left: Arc::new(answered(left, name)?),
            op: *op,
            right: Arc::new(answered(right, name)?),
        }),
        _ => None,
    }
}

fn counts_distinct(expr: &Expr) -> bool {
    expr.into_iter().any(|part| matches!(part, Expr::Agg(AggExpr::NUnique(_))))
}

/// `expr` with every question whether a count of distinct values is one put otherwise.
fn rewrite(expr: &Expr, schema: &Schema) -> Expr {
    if let Some((values, is_one)) = question(expr)
        && is_ordered(values, schema)
    {
        let (min, max) = (|| values.clone().min(), || values.clone().max());
        // A null counts as a value.
        return if is_one {
            min().eq_missing(max()).and(values.clone().null_count().eq(lit(0)).or(min().is_null()))
        } else {
            min().neq_missing(max()).or(values.clone().null_count().gt(lit(0)).and(min().is_not_null()))
        };
    }
    match expr {
        Expr::Alias(..)
        | Expr::Cast { .. }
        | Expr::BinaryExpr { .. }
        | Expr::Ternary { .. }
        | Expr::Function { .. } => {
            let inputs = expr.clone().map_children(&mut |input, _| Ok(rewrite(&input, schema)), &mut ());
            // The closure never fails, and nothing else does.
            inputs.unwrap_or_else(|_| expr.clone())
        },
        _ => expr.clone(),
    }
}

/// The values whose distinct ones are counted and compared, and whether the comparison is true if there is one, or if
/// there are more.
fn question(expr: &Expr) -> Option<(&Expr, bool)> {
    match comparison_with_one(expr)? {
        (Expr::Agg(AggExpr::NUnique(values)), is_one) => Some((values, is_one)),
        _ => None,
    }
}

/// What is compared, a number that is never less than one, and whether the comparison is true if it is one, or if it is
/// more.
fn comparison_with_one(expr: &Expr) -> Option<(&Expr, bool)> {
    let Expr::BinaryExpr { left, op, right } = expr else { return None };
    let number = match right.as_ref() {
        Expr::Literal(LiteralValue::Dyn(DynLiteralValue::Int(number))) => *number,
        Expr::Literal(LiteralValue::Scalar(scalar)) if scalar.dtype().is_integer() => scalar.value().extract()?,
        _ => return None,
    };
    let is_one = match (op, number) {
        (Operator::Eq | Operator::EqValidity | Operator::LtEq, 1) | (Operator::Lt, 2) => true,
        (Operator::NotEq | Operator::NotEqValidity | Operator::Gt, 1) | (Operator::GtEq, 2) => false,
        _ => return None,
    };
    Some((left, is_one))
}

/// Whether `values` are computed row by row and are of a type whose extremes differ if two values do. Extremes of floats
/// leave NaN out.
fn is_ordered(values: &Expr, schema: &Schema) -> bool {
    let Ok(field) = output_field(values, schema) else { return false };
    let is_ordered = match &field.dtype {
        DataType::Boolean | DataType::String | DataType::Binary => true,
        dtype => dtype.is_integer() || dtype.is_decimal() || dtype.is_temporal(),
    };
    is_ordered && Properties::of(values, schema).elementwise
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use quokka_engine::expr::prelude::col;

    use super::*;
    use crate::plan::testing::{assert_text, table};

    fn aggregated(aggs: &[Expr]) -> LogicalPlan {
        table("t", "k v w").aggregate(&[col("k")], aggs, "agg").unwrap()
    }

    #[test]
    fn whether_there_is_one() {
        const MANY: &str = r#"
            aggregate by [k] [[([(col("v").min()) !=v (col("v").max())]) | ([([(col("v").null_count()) > (dyn int: 0)]) & (col("v").min().is_not_null())])] as v]
              t
            "#;
        const ONE: &str = r#"
            aggregate by [k] [[([(col("v").min()) ==v (col("v").max())]) & ([([(col("v").null_count()) == (dyn int: 0)]) | (col("v").min().is_null())])] as v]
              t
            "#;
        let count = || col("v").n_unique();
        for (question, expected) in [
            (count().gt(lit(1)), MANY),
            (count().gt_eq(lit(2)), MANY),
            (count().neq(lit(1)), MANY),
            (count().eq(lit(1)), ONE),
            (count().lt_eq(lit(1)), ONE),
            (count().lt(lit(2)), ONE),
        ] {
            let plan = aggregated(&[question]);
            let rewritten = apply(&plan);
            assert_eq!(rewritten.schema(), plan.schema());
            assert_text(&rewritten, expected);
        }
    }

    #[test]
    fn other_questions() {
        let count = || col("v").n_unique();
        for plan in [
            aggregated(&[count()]),
            aggregated(&[count().gt(lit(2))]),
            aggregated(&[count().gt(col("w").n_unique())]),
            aggregated(&[count().gt(lit(1)), col("w").n_unique()]),
            aggregated(&[col("v").cast(DataType::Float64).n_unique().gt(lit(1))]),
            aggregated(&[col("v").unique().n_unique().gt(lit(1))]),
            table("t", "v").aggregate(&[], &[count().eq(lit(1))], "agg").unwrap(),
        ] {
            assert_eq!(apply(&plan).to_string(), plan.to_string());
        }
    }

    #[test]
    fn a_filter_asks() {
        let several = || col("n").gt(lit(1));
        let filtered = |predicate: Expr| {
            let grouped = aggregated(&[col("v").n_unique().alias("n"), col("w").sum()]);
            grouped.filter(&predicate, "filter").unwrap()
        };
        const MANY: &str = r#"[([(col("v").min()) !=v (col("v").max())]) | ([([(col("v").null_count()) > (dyn int: 0)]) & (col("v").min().is_not_null())])] as n"#;
        let plan = filtered(several().and(col("w").gt(lit(5)))).select(&[col("k")], "select").unwrap();
        let rewritten = apply(&plan);
        assert_eq!(rewritten.schema(), plan.schema());
        assert_text(
            &rewritten,
            &format!(
                r#"
            select [k]
              filter [(col("n")) & ([(col("w")) > (dyn int: 5)])]
                aggregate by [k] [{MANY}, col("w").sum() as w]
                  t
            "#
            ),
        );
        let plan = filtered(col("n").eq(lit(1)).or(col("w").gt(lit(5)))).aggregate(&[col("w")], &[], "agg").unwrap();
        assert_text(
            &apply(&plan),
            &format!(
                r#"
            aggregate by [w] []
              filter [(col("n").not()) | ([(col("w")) > (dyn int: 5)])]
                aggregate by [k] [{MANY}, col("w").sum() as w]
                  t
            "#
            ),
        );
        for plan in [
            filtered(several()),
            filtered(several()).select(&[col("n")], "select").unwrap(),
            filtered(col("n").gt(lit(2))).select(&[col("k")], "select").unwrap(),
            filtered(several().and(col("n").lt(col("w")))).select(&[col("k")], "select").unwrap(),
        ] {
            assert_eq!(apply(&plan).to_string(), plan.to_string());
        }
    }
}

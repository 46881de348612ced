//! Counts of distinct values that are only asked whether they are one.
//!
//! `n_unique` needs all values of a group. But whether there is more than one follows from the smallest, the largest and
//! the number of nulls, which each worker can find for its own rows.

use polars_core::prelude::{DataType, Schema};
use polars_plan::dsl::{AggExpr, Expr, Operator};
use polars_plan::plans::visitor::TreeWalker;
use polars_plan::plans::{DynLiteralValue, LiteralValue};
use quokka_engine::expr::output_field;
use quokka_engine::expr::prelude::lit;

use crate::plan::expression::{NamedExpr, Properties};
use crate::plan::logical::{LogicalPlan, Node};

/// Rewrites every aggregate of `plan` that needs no other counts of distinct values.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let plan = plan.map_inputs(apply);
    let Node::Aggregate { input, keys, aggs } = plan.node() else { return plan };
    // Without keys there may be a group without rows.
    if keys.is_empty() || !aggs.iter().any(|agg| counts_distinct(&agg.expr)) {
        return plan;
    }
    let rewritten = aggs.iter().map(|agg| {
        let expr = rewrite(&agg.expr, input.schema());
        NamedExpr { name: agg.name.clone(), expr }
    });
    let rewritten: Vec<NamedExpr> = rewritten.collect();
    if rewritten.iter().any(|agg| counts_distinct(&agg.expr)) {
        return plan;
    }
    let node = Node::Aggregate { input: input.clone(), keys: keys.clone(), aggs: rewritten };
    LogicalPlan::new(node, plan.schema().clone())
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
    let Expr::BinaryExpr { left, op, right } = expr else { return None };
    let Expr::Agg(AggExpr::NUnique(values)) = left.as_ref() else { return None };
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
    Some((values, is_one))
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
}

//! A limit above a sort becomes a top-k: each worker then holds `k` rows in place of all.

use crate::plan::expression::{NamedExpr, Properties, reads_columns};
use crate::plan::logical::{LogicalPlan, Node};

/// Rewrites every slice from the start whose input is a sort, or a projection of one.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let plan = plan.map_inputs(apply);
    match plan.node() {
        Node::Slice { input, offset, length } => match u64::try_from(*offset) {
            // A slice from further down still needs nothing after its end.
            Ok(offset) => match limit(input, offset.saturating_add(*length)) {
                Some(limited) if offset == 0 => limited,
                Some(limited) => LogicalPlan::new(
                    Node::Slice { input: limited, offset: offset as i64, length: *length },
                    plan.schema().clone(),
                ),
                None => plan,
            },
            Err(_) => plan,
        },
        _ => plan,
    }
}

/// The first `k` rows of `plan`, if it is sorted.
fn limit(plan: &LogicalPlan, k: u64) -> Option<LogicalPlan> {
    let rows_stay_rows = |exprs: &[NamedExpr], input: &LogicalPlan| {
        exprs.iter().all(|named| Properties::of(&named.expr, input.schema()).is_movable())
            && exprs.iter().any(|named| reads_columns(&named.expr))
    };
    let node = match plan.node() {
        Node::Sort { input, by, options } => {
            Node::TopK { input: input.clone(), k, by: by.clone(), options: options.clone() }
        },
        Node::TopK { input, k: all, by, options } => {
            Node::TopK { input: input.clone(), k: k.min(*all), by: by.clone(), options: options.clone() }
        },
        Node::Select { input, exprs } if rows_stay_rows(exprs, input) => {
            Node::Select { input: limit(input, k)?, exprs: exprs.clone() }
        },
        Node::WithColumns { input, exprs } if rows_stay_rows(exprs, input) || exprs.is_empty() => {
            Node::WithColumns { input: limit(input, k)?, exprs: exprs.clone() }
        },
        _ => return None,
    };
    Some(LogicalPlan::new(node, plan.schema().clone()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::prelude::SortMultipleOptions;
    use quokka_engine::expr::prelude::{col, lit};

    use super::*;
    use crate::plan::testing::{assert_text, table};

    fn sorted() -> LogicalPlan {
        let options = SortMultipleOptions::default().with_order_descending(true);
        table("t", "a b").sort(&[col("a"), col("b") % lit(2)], options, "sort").unwrap()
    }

    #[test]
    fn a_limit_of_a_sort_is_a_top_k() {
        assert_text(
            &apply(&sorted().slice(0, 3)),
            r#"
            top-k 3 by [a descending, [(col("b")) % (dyn int: 2)] descending]
              t
            "#,
        );
    }

    #[test]
    fn through_a_projection_and_with_an_offset() {
        let plan = sorted().select(&[col("b"), col("a") + lit(1)], "select").unwrap();
        assert_text(
            &apply(&plan.slice(2, 3)),
            r#"
            slice 3 from 2
              select [b, [(col("a")) + (dyn int: 1)] as a]
                top-k 5 by [a descending, [(col("b")) % (dyn int: 2)] descending]
                  t
            "#,
        );
    }

    #[test]
    fn the_smaller_limit_counts() {
        assert_text(
            &apply(&sorted().slice(0, 3).slice(0, 2)),
            r#"
            top-k 2 by [a descending, [(col("b")) % (dyn int: 2)] descending]
              t
            "#,
        );
    }

    #[test]
    fn not_from_the_end_nor_through_what_changes_rows() {
        for plan in [
            sorted().slice(-3, 3),
            sorted().select(&[col("a").head(Some(4))], "select").unwrap().slice(0, 3),
            sorted().select(&[lit(1)], "select").unwrap().slice(0, 3),
            sorted().filter(&col("a").gt(lit(1)), "filter").unwrap().slice(0, 3),
        ] {
            assert_eq!(apply(&plan).to_string(), plan.to_string());
        }
    }
}

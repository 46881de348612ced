//! Limits and top-ks move towards the tables, so that what is below them stops early or passes on few rows.
//!
//! A limit moves below a projection, and two limits become one. Below what keeps all rows of an input, such as a union or
//! the outer side of a join, a copy goes: of that input, no more rows than the limit are needed. A top-k does the same
//! where its keys come from that input. Which rows a limit keeps is open unless they are sorted, as is which of equal rows
//! a top-k keeps, unless it maintains their order: such a top-k stays.

use std::sync::Arc;

use polars_core::prelude::{PlSmallStr, SortMultipleOptions};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::Expr;

use crate::plan::expression::{NamedExpr, Properties, reads_columns, substitute};
use crate::plan::join::{Join, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

/// Limits of more rows stay, unless they meet another: one worker holds what a limit keeps, and would do alone what is
/// above it.
const MOST_ROWS: u64 = 1 << 16;

/// Moves all limits and top-ks of `plan` down.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    let moved = match plan.node() {
        Node::Slice { input, offset, length } => {
            u64::try_from(*offset).ok().and_then(|offset| slice(input, offset, *length))
        },
        Node::TopK { input, k, by, options } if !options.maintain_order && *k <= MOST_ROWS => {
            TopK { k: *k, by, options }.push(input)
        },
        _ => None,
    };
    match moved {
        Some(Moved::Through(moved)) => apply(&moved),
        Some(Moved::Copied(copied)) => copied.map_inputs(apply),
        None => plan.map_inputs(apply),
    }
}

/// What became of a limit.
enum Moved {
    /// It is below what it was above.
    Through(LogicalPlan),
    /// It stayed, and copies of it went down.
    Copied(LogicalPlan),
}

/// `length` rows of `plan` from the `offset`-th on, computed with less; `None` if there is no way.
fn slice(plan: &LogicalPlan, offset: u64, length: u64) -> Option<Moved> {
    let end = offset.saturating_add(length);
    let limited =
        |input: &LogicalPlan| if has_at_most(input, end) { input.clone() } else { input.clone().slice(0, end) };
    if let Node::Slice { input, offset: first, length: available } = plan.node() {
        let first = u64::try_from(*first).ok()?;
        let length = available.saturating_sub(offset).min(length);
        let offset = i64::try_from(first.checked_add(offset)?).ok()?;
        return Some(Moved::Through(input.clone().slice(offset, length)));
    }
    if end > MOST_ROWS {
        return None;
    }
    let below = match plan.node() {
        Node::Select { input, exprs } if row_by_row(exprs, input) && exprs.iter().any(|e| reads_columns(&e.expr)) => {
            let node = Node::Select { input: input.clone().slice(offset as i64, length), exprs: exprs.clone() };
            return Some(Moved::Through(LogicalPlan::new(node, plan.schema().clone())));
        },
        Node::WithColumns { input, exprs } if row_by_row(exprs, input) => {
            let node = Node::WithColumns { input: input.clone().slice(offset as i64, length), exprs: exprs.clone() };
            return Some(Moved::Through(LogicalPlan::new(node, plan.schema().clone())));
        },
        Node::Rows { input, operation: RowOperation::Index { number, offset: first } } => {
            let operation = RowOperation::Index { number: number.clone(), offset: first.checked_add(offset)? };
            return Some(Moved::Through(input.clone().slice(offset as i64, length).rows(operation)));
        },
        Node::Rows { operation, .. } if operation.keeps_all_rows() => plan.map_inputs(limited),
        Node::Union { .. } => plan.map_inputs(limited),
        Node::Join { left, right, join } => {
            let (left, right) = match join.how {
                JoinType::Left => (limited(left), right.clone()),
                JoinType::Right => (left.clone(), limited(right)),
                // As many rows of both sides make at least as many pairs, if there are any.
                JoinType::Cross if join.condition.is_none() => (limited(left), limited(right)),
                _ => return None,
            };
            LogicalPlan::new(Node::Join { left, right, join: join.clone() }, plan.schema().clone())
        },
        _ => return None,
    };
    is_changed(plan, &below).then(|| Moved::Copied(below.slice(offset as i64, length)))
}

/// Whether an input became another.
fn is_changed(plan: &LogicalPlan, other: &LogicalPlan) -> bool {
    plan.inputs().into_iter().zip(other.inputs()).any(|(before, after)| !std::ptr::eq(before.node(), after.node()))
}

/// Whether `plan` surely has no more than `rows` rows.
fn has_at_most(plan: &LogicalPlan, rows: u64) -> bool {
    match plan.node() {
        Node::Slice { length, .. } | Node::TopK { k: length, .. } => *length <= rows,
        Node::Scan { scan, .. } => scan.rows().is_some_and(|all| all <= rows),
        Node::Aggregate { keys, .. } => keys.is_empty() && rows > 0,
        Node::Filter { input, .. } | Node::Sort { input, .. } => has_at_most(input, rows),
        _ => false,
    }
}

fn row_by_row(exprs: &[NamedExpr], input: &LogicalPlan) -> bool {
    exprs.iter().all(|named| Properties::of(&named.expr, input.schema()).is_movable())
}

/// A top-k that wants to move.
struct TopK<'a> {
    k: u64,
    by: &'a [Expr],
    options: &'a SortMultipleOptions,
}

impl TopK<'_> {
    /// This top-k of `plan`, computed with less; `None` if there is no way.
    fn push(&self, plan: &LogicalPlan) -> Option<Moved> {
        let below = match plan.node() {
            Node::Select { input, exprs } if row_by_row(exprs, input) => {
                let by = self.keys(|name| exprs.iter().find(|e| e.name == *name)?.source_column().cloned())?;
                let node = Node::Select { input: self.of(input.clone(), by), exprs: exprs.clone() };
                return Some(Moved::Through(LogicalPlan::new(node, plan.schema().clone())));
            },
            Node::WithColumns { input, exprs } if row_by_row(exprs, input) => {
                let by = self.keys(|name| (!exprs.iter().any(|e| e.name == *name)).then(|| name.clone()))?;
                let node = Node::WithColumns { input: self.of(input.clone(), by), exprs: exprs.clone() };
                return Some(Moved::Through(LogicalPlan::new(node, plan.schema().clone())));
            },
            Node::Union { .. } => plan.map_inputs(|input| self.copy(input, self.by.to_vec())),
            Node::Join { left, right, join } => self.join(left, right, join, plan)?,
            _ => return None,
        };
        is_changed(plan, &below).then(|| Moved::Copied(self.of(below, self.by.to_vec())))
    }

    /// Every row of the outer side makes at least one row.
    fn join(
        &self,
        left: &LogicalPlan,
        right: &LogicalPlan,
        join: &Arc<Join>,
        plan: &LogicalPlan,
    ) -> Option<LogicalPlan> {
        let source = |name: &_| join.columns.iter().find(|column| column.name == *name).map(|column| &column.source);
        let (left, right) = match join.how {
            JoinType::Left => {
                let by = self.keys(|name| match source(name)? {
                    JoinSource::Left(column) => Some(column.clone()),
                    _ => None,
                })?;
                (self.copy(left, by), right.clone())
            },
            JoinType::Right => {
                let by = self.keys(|name| match source(name)? {
                    JoinSource::Right(column) => Some(column.clone()),
                    _ => None,
                })?;
                (left.clone(), self.copy(right, by))
            },
            _ => return None,
        };
        Some(LogicalPlan::new(Node::Join { left, right, join: join.clone() }, plan.schema().clone()))
    }

    /// The keys, over the columns that those they read come from.
    fn keys(&self, column: impl Fn(&PlSmallStr) -> Option<PlSmallStr>) -> Option<Vec<Expr>> {
        let key = |key: &Expr| match key {
            Expr::Column(name) => column(name).map(Expr::Column),
            key => substitute(key, |name| column(name).map(Expr::Column)),
        };
        self.by.iter().map(key).collect()
    }

    fn copy(&self, plan: &LogicalPlan, by: Vec<Expr>) -> LogicalPlan {
        if has_at_most(plan, self.k) { plan.clone() } else { self.of(plan.clone(), by) }
    }

    fn of(&self, input: LogicalPlan, by: Vec<Expr>) -> LogicalPlan {
        let schema = input.schema().clone();
        LogicalPlan::new(Node::TopK { input, k: self.k, by, options: self.options.clone() }, schema)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use quokka_engine::expr::prelude::{col, len, lit};

    use super::*;
    use crate::plan::JoinSpecification;
    use crate::plan::testing::{assert_text, sized_table, table};

    fn joined(how: JoinType) -> LogicalPlan {
        let keys = if how == JoinType::Cross { ("", "") } else { ("k", "j") };
        let on = |key: &str| if key.is_empty() { Vec::new() } else { vec![col(key)] };
        let specification =
            JoinSpecification { how, left_on: on(keys.0), right_on: on(keys.1), ..JoinSpecification::default() };
        table("left", "k a x").join(table("right", "j b x"), &specification).unwrap()
    }

    fn top(plan: LogicalPlan, by: &[Expr]) -> LogicalPlan {
        plan.top_k(3, by, SortMultipleOptions::default(), "top_k").unwrap()
    }

    fn assert_stays(plan: &LogicalPlan) {
        assert_eq!(apply(plan).to_string(), plan.to_string());
    }

    #[test]
    fn a_limit_moves_below_projections() {
        let plan = table("t", "a b").with_columns(&[(col("a") + lit(1)).alias("c")], "with_columns").unwrap();
        let plan = plan.select(&[col("c"), col("b")], "select").unwrap();
        assert_text(
            &apply(&plan.slice(2, 3)),
            r#"
            select [c, b]
              with-columns [[(col("a")) + (dyn int: 1)] as c]
                slice 3 from 2
                  t
            "#,
        );
    }

    #[test]
    fn what_makes_other_rows_is_a_barrier() {
        let t = table("t", "a b");
        for plan in [
            t.clone().select(&[col("a").head(Some(4))], "select").unwrap(),
            t.clone().select(&[col("a").cum_sum(false)], "select").unwrap(),
            t.clone().select(&[lit(1)], "select").unwrap(),
            t.clone().select(&[col("a").strict_cast(polars_core::prelude::DataType::Int8)], "select").unwrap(),
            t.clone().filter(&col("a").gt(lit(1)), "filter").unwrap(),
            t.clone().aggregate(&[col("a")], &[len()], "agg").unwrap(),
            joined(JoinType::Inner),
            joined(JoinType::Full),
            joined(JoinType::Semi),
            joined(JoinType::Anti),
        ] {
            assert_stays(&plan.slice(0, 3));
        }
        assert_stays(&t.select(&[col("a")], "select").unwrap().slice(-3, 3));
    }

    #[test]
    fn a_limit_of_numbered_rows_counts_them_itself() {
        let plan = table("t", "a b").with_row_index("row".into(), 3).unwrap();
        assert_text(
            &apply(&plan.slice(10, 5)),
            r#"
            row-index name=[row] offset=[13]
              slice 5 from 10
                t
            "#,
        );
    }

    #[test]
    fn what_makes_a_row_of_each_row_needs_no_more_of_them() {
        use quokka_engine::expr::prelude::ExplodeOptions;

        let exploded = |empty_as_null| {
            let options = ExplodeOptions { empty_as_null, keep_nulls: true };
            table("t", "a b").rows(RowOperation::Explode { columns: vec!["b".into()], options }).slice(0, 5)
        };
        assert_text(&apply(&exploded(true)), "limit 5\n  explode columns=[b]\n    limit 5\n      t");
        assert_stays(&exploded(false));
    }

    #[test]
    fn large_limits_stay() {
        let plan = LogicalPlan::union(vec![table("t", "a b"), table("u", "a b")]).unwrap();
        assert_stays(&plan.slice(MOST_ROWS as i64, 1));
        assert_stays(&joined(JoinType::Left).top_k(MOST_ROWS + 1, &[col("a")], Default::default(), "top_k").unwrap());
    }

    #[test]
    fn limits_merge() {
        assert_text(&apply(&table("t", "a").slice(2, 10).slice(3, 20)), "slice 7 from 5\n  t");
        assert_text(&apply(&table("t", "a").slice(2, 4).slice(5, 20)), "slice 0 from 7\n  t");
        assert_text(&apply(&table("t", "a").slice(0, 4).slice(0, 2)), "limit 2\n  t");
        assert_stays(&table("t", "a").slice(-4, 4).slice(0, 2));
    }

    #[test]
    fn inputs_of_a_union_deliver_no_more_than_is_needed() {
        let small = sized_table("small", "a b", Some(5));
        let plan = LogicalPlan::union(vec![table("t", "a b"), small, table("u", "a b").slice(0, 9)]).unwrap();
        assert_text(
            &apply(&plan.clone().slice(2, 3)),
            r#"
            slice 3 from 2
              union
                limit 5
                  t
                small
                limit 5
                  u
            "#,
        );
        assert_text(
            &apply(&top(plan, &[col("a")])),
            r#"
            top-k 3 by [a]
              union
                top-k 3 by [a]
                  t
                top-k 3 by [a]
                  small
                top-k 3 by [a]
                  limit 9
                    u
            "#,
        );
    }

    #[test]
    fn the_outer_side_of_a_join_delivers_no_more_than_is_needed() {
        assert_text(
            &apply(&joined(JoinType::Left).slice(0, 3)),
            r#"
            limit 3
              left-join on col("k") = col("j") columns=[k, a, x, b, right.x as x_right]
                limit 3
                  left
                right
            "#,
        );
        assert_text(
            &apply(&joined(JoinType::Right).slice(0, 3)),
            r#"
            limit 3
              right-join on col("k") = col("j") columns=[a, x, j, b, right.x as x_right]
                left
                limit 3
                  right
            "#,
        );
        assert_text(
            &apply(&joined(JoinType::Cross).slice(1, 3)),
            r#"
            slice 3 from 1
              cross-join columns=[k, a, x, j, b, right.x as x_right]
                limit 4
                  left
                limit 4
                  right
            "#,
        );
        assert_text(
            &apply(&top(joined(JoinType::Left), &[col("a"), col("x") % lit(2)])),
            r#"
            top-k 3 by [a, [(col("x")) % (dyn int: 2)]]
              left-join on col("k") = col("j") columns=[k, a, x, b, right.x as x_right]
                top-k 3 by [a, [(col("x")) % (dyn int: 2)]]
                  left
                right
            "#,
        );
        assert_text(
            &apply(&top(joined(JoinType::Right), &[col("x_right")])),
            r#"
            top-k 3 by [x_right]
              right-join on col("k") = col("j") columns=[a, x, j, b, right.x as x_right]
                left
                top-k 3 by [x]
                  right
            "#,
        );
        for plan in [
            top(joined(JoinType::Left), &[col("a"), col("b")]),
            top(joined(JoinType::Right), &[col("a")]),
            top(joined(JoinType::Inner), &[col("a")]),
            top(joined(JoinType::Full), &[col("a")]),
        ] {
            assert_stays(&plan);
        }
        let ordered = SortMultipleOptions::default().with_maintain_order(true);
        assert_stays(&joined(JoinType::Left).top_k(3, &[col("a")], ordered, "top_k").unwrap());
    }

    #[test]
    fn a_top_k_moves_below_projections_of_its_keys() {
        let plan = table("t", "a b").select(&[col("a").alias("x"), (col("b") + lit(1)).alias("y")], "select").unwrap();
        assert_text(
            &apply(&top(plan.clone(), &[col("x")])),
            r#"
            select [col("a") as x, [(col("b")) + (dyn int: 1)] as y]
              top-k 3 by [a]
                t
            "#,
        );
        assert_stays(&top(plan, &[col("y")]));
        let plan = table("t", "a b").with_columns(&[(col("b") + lit(1)).alias("y")], "with_columns").unwrap();
        assert_text(
            &apply(&top(plan.clone(), &[col("a"), col("b")])),
            r#"
            with-columns [[(col("b")) + (dyn int: 1)] as y]
              top-k 3 by [a, b]
                t
            "#,
        );
        assert_stays(&top(plan, &[col("y")]));
    }
}

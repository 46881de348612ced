//! Outer joins whose rows without a match something above drops become inner joins, or outer joins of fewer rows.
//!
//! A filter `right.x > 1` is not true where the right side is missing, as are conditions of an inner join above. What is
//! known from above is carried down as sets of columns: a row that is null in all columns of one of them is dropped. After
//! Galindo-Legaria and Rosenthal, "Outerjoin simplification and reordering for query optimization" (TODS 1997).

use std::sync::Arc;

use polars_core::prelude::{PlSmallStr, Schema};
use polars_ops::prelude::JoinType;
use polars_plan::dsl::{BooleanFunction, Expr, FunctionExpr, Operator};

use crate::plan::expression::{NamedExpr, Properties};
use crate::plan::join::{Join, JoinColumn, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

/// Columns of which a row must not be null in all.
type Columns = Vec<PlSmallStr>;

/// Rewrites all outer joins of `plan` for which that holds.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    visit(plan, Vec::new())
}

/// `plan`, of whose rows those are dropped that are null in all columns of one of `dropped`.
fn visit(plan: &LogicalPlan, mut dropped: Vec<Columns>) -> LogicalPlan {
    match plan.node() {
        Node::Filter { input, predicate } => {
            if is_row_by_row([predicate], input.schema()) {
                dropped.extend(drops(predicate));
            } else {
                dropped.clear();
            }
            plan.map_inputs(|input| visit(input, dropped.clone()))
        },
        Node::Select { input, exprs } | Node::WithColumns { input, exprs } => {
            let others_pass = matches!(plan.node(), Node::WithColumns { .. });
            if is_row_by_row(exprs.iter().map(|named| &named.expr), input.schema()) {
                dropped = dropped.iter().flat_map(|columns| before(columns, exprs, others_pass)).collect();
            } else {
                dropped.clear();
            }
            plan.map_inputs(|input| visit(input, dropped.clone()))
        },
        Node::Aggregate { input, keys, .. } => {
            if is_row_by_row(keys.iter().map(|key| &key.expr), input.schema()) {
                dropped = dropped.iter().flat_map(|columns| before(columns, keys, false)).collect();
            } else {
                dropped.clear();
            }
            plan.map_inputs(|input| visit(input, dropped.clone()))
        },
        Node::Join { left, right, join } => visit_join(plan, left, right, join, &dropped),
        Node::Sort { .. } | Node::Union { .. } | Node::Placed { .. } => {
            plan.map_inputs(|input| visit(input, dropped.clone()))
        },
        Node::Scan { .. }
        | Node::TopK { .. }
        | Node::Slice { .. }
        | Node::Rows { .. }
        | Node::MapBatches { .. }
        | Node::Stateful { .. } => plan.map_inputs(apply),
    }
}

fn visit_join(
    plan: &LogicalPlan,
    left: &LogicalPlan,
    right: &LogicalPlan,
    join: &Join,
    dropped: &[Columns],
) -> LogicalPlan {
    let on = |side: fn(&JoinSource) -> Option<&PlSmallStr>| -> Vec<Columns> {
        let column =
            |name: &PlSmallStr| side(&join.columns.iter().find(|column| column.name == *name)?.source).cloned();
        dropped.iter().filter_map(|columns| columns.iter().map(column).collect()).collect()
    };
    let mut on_left = on(|source| match source {
        JoinSource::Left(column) => Some(column),
        _ => None,
    });
    let mut on_right = on(|source| match source {
        JoinSource::Right(column) => Some(column),
        _ => None,
    });
    // Rows of one side without a match are null in all columns of the other.
    let keeps_left = join.keeps_left() && (join.filters_left() || on_right.is_empty());
    let keeps_right = join.keeps_right() && on_left.is_empty();
    let how = match (&join.how, keeps_left, keeps_right) {
        (JoinType::Left, false, _) | (JoinType::Right, _, false) | (JoinType::Full, false, false) => JoinType::Inner,
        (JoinType::Full, true, false) => JoinType::Left,
        (JoinType::Full, false, true) => JoinType::Right,
        (how, ..) => how.clone(),
    };
    if !join.nulls_equal {
        // A row without a key finds no match.
        if !keeps_left {
            on_left.extend(join.keys.iter().flat_map(|key| singles(&key.left)));
        }
        if !keeps_right {
            on_right.extend(join.keys.iter().flat_map(|key| singles(&key.right)));
        }
    }
    let join = if how == join.how { join.clone() } else { with_plain_keys(join, &how, left, right) };
    let node = Node::Join { left: visit(left, on_left), right: visit(right, on_right), join: Arc::new(join) };
    LogicalPlan::new(node, plan.schema().clone())
}

/// `join`, with coalesced keys taken from the side that all rows of a `how` join have, if it has their type.
fn with_plain_keys(join: &Join, how: &JoinType, left: &LogicalPlan, right: &LogicalPlan) -> Join {
    let plain = |column: &JoinColumn| {
        let JoinSource::Key(index) = column.source else { return None };
        let key = join.keys.get(index)?;
        let (expr, schema) = match how {
            JoinType::Right => (&key.right, right.schema()),
            _ => (&key.left, left.schema()),
        };
        let Expr::Column(name) = expr else { return None };
        let source = match how {
            JoinType::Right => JoinSource::Right(name.clone()),
            _ => JoinSource::Left(name.clone()),
        };
        (schema.get(name) == Some(&key.dtype)).then(|| JoinColumn { name: column.name.clone(), source })
    };
    let columns = join.columns.iter().map(|column| plain(column).unwrap_or_else(|| column.clone())).collect();
    Join { columns, how: how.clone(), ..join.clone() }
}

/// Whether what is computed of a row depends on that row alone, so that others may go.
fn is_row_by_row<'a>(exprs: impl IntoIterator<Item = &'a Expr>, schema: &Schema) -> bool {
    exprs.into_iter().all(|expr| Properties::of(expr, schema).elementwise)
}

/// Columns before a projection of which one is null wherever one in `columns` is: all ways to choose them.
fn before(columns: &Columns, exprs: &[NamedExpr], others_pass: bool) -> Vec<Columns> {
    let mut sets: Vec<Columns> = vec![Vec::new()];
    for name in columns {
        let sources = match exprs.iter().find(|named| named.name == *name) {
            Some(named) => nulled_by(&named.expr),
            None if others_pass => vec![name.clone()],
            None => Vec::new(),
        };
        sets = combined(&sets, &sources.into_iter().map(|source| vec![source]).collect::<Vec<_>>());
    }
    sets
}

/// One set of each list, in all combinations, as long as there are few.
fn combined(one: &[Columns], other: &[Columns]) -> Vec<Columns> {
    const FEW: usize = 16;
    let pairs = one.iter().flat_map(|one| other.iter().map(|other| [one.as_slice(), other].concat()));
    pairs.take(FEW).collect()
}

/// Sets of columns: `predicate` is not true for a row that is null in all columns of one of them.
fn drops(predicate: &Expr) -> Vec<Columns> {
    match predicate {
        Expr::Alias(inner, _) => drops(inner),
        Expr::BinaryExpr { left, op: Operator::And | Operator::LogicalAnd, right } => {
            [drops(left), drops(right)].concat()
        },
        Expr::BinaryExpr { left, op: Operator::Or | Operator::LogicalOr, right } => {
            combined(&drops(left), &drops(right))
        },
        Expr::Function { input, function: FunctionExpr::Boolean(function) } => match (function, input.as_slice()) {
            (BooleanFunction::IsNotNull, [input]) => singles(input),
            (BooleanFunction::AllHorizontal, parts) => parts.iter().flat_map(drops).collect(),
            (BooleanFunction::AnyHorizontal, [first, rest @ ..]) => {
                rest.iter().fold(drops(first), |all, part| combined(&all, &drops(part)))
            },
            _ => singles(predicate),
        },
        _ => singles(predicate),
    }
}

fn singles(expr: &Expr) -> Vec<Columns> {
    nulled_by(expr).into_iter().map(|column| vec![column]).collect()
}

/// Columns each of which makes `expr` null where it is null.
fn nulled_by(expr: &Expr) -> Vec<PlSmallStr> {
    match expr {
        Expr::Column(name) => vec![name.clone()],
        Expr::Alias(inner, _) | Expr::Cast { expr: inner, .. } => nulled_by(inner),
        Expr::BinaryExpr { left, op, right } if op.is_null_propagating_comparison() || is_arithmetic(*op) => {
            [nulled_by(left), nulled_by(right)].concat()
        },
        Expr::Function { input, function: FunctionExpr::Boolean(function) } => match (function, input.first()) {
            (
                BooleanFunction::Not | BooleanFunction::IsBetween { .. } | BooleanFunction::IsIn { nulls_equal: false },
                Some(first),
            ) => nulled_by(first),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn is_arithmetic(op: Operator) -> bool {
    use Operator::{FloorDivide, Minus, Modulus, Multiply, Plus, RustDivide, TrueDivide};
    matches!(op, Plus | Minus | Multiply | RustDivide | TrueDivide | FloorDivide | Modulus)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_ops::prelude::JoinCoalesce;
    use quokka_engine::expr::prelude::{DataType, col, len, lit};

    use super::*;
    use crate::plan::JoinSpecification;
    use crate::plan::testing::table;

    fn join(left: LogicalPlan, right: LogicalPlan, on: (&str, &str), how: JoinType) -> LogicalPlan {
        let (left_on, right_on) = (vec![col(on.0)], vec![col(on.1)]);
        let coalesce = JoinCoalesce::CoalesceColumns;
        left.join(right, &JoinSpecification { how, left_on, right_on, coalesce, ..Default::default() }).unwrap()
    }

    fn joined(how: JoinType) -> LogicalPlan {
        join(table("left", "k a"), table("right", "j b c"), ("k", "j"), how)
    }

    /// The kinds of joins, from the root.
    fn kinds(plan: &LogicalPlan) -> Vec<String> {
        let text = apply(plan).to_string();
        let words = text.lines().filter_map(|line| line.split_whitespace().next()?.strip_suffix("-join"));
        words.map(String::from).collect()
    }

    #[track_caller]
    fn check(how: JoinType, predicate: Expr, expected: &str) {
        assert_eq!(kinds(&joined(how).filter(&predicate, "filter").unwrap()), [expected], "{predicate}");
    }

    #[test]
    fn a_filter_on_the_other_side_drops_rows_without_a_match() {
        use JoinType::{Full, Left, Right};
        check(Left, col("b").gt(lit(1)), "inner");
        check(Left, col("a").gt(lit(1)), "left");
        check(Left, (col("b") + col("a")).gt(lit(1)), "inner");
        check(Right, col("a").eq(lit(1)), "inner");
        check(Right, col("b").eq(lit(1)), "right");
        check(Full, col("b").neq(lit(1)), "right");
        check(Full, col("a").neq(lit(1)), "left");
        check(Full, col("a").lt(col("b")), "inner");
        // The coalesced key is there on both sides.
        check(Full, col("k").gt(lit(1)), "full");
    }

    #[test]
    fn only_what_is_not_true_of_nulls_counts() {
        use JoinType::Left;
        for predicate in [
            col("b").is_null(),
            col("b").is_not_null().not(),
            col("b").gt(lit(1)).or(col("a").gt(lit(1))),
            col("b").fill_null(lit(2)).gt(lit(1)),
            col("b").eq_missing(col("c")),
            lit(true),
        ] {
            check(Left, predicate, "left");
        }
        for predicate in [
            col("b").is_not_null(),
            col("b").gt(lit(1)).not(),
            col("b").gt(lit(1)).or(col("c").gt(lit(1))),
            col("b").gt(lit(1)).or(col("a").gt(lit(1)).and(col("c").lt(lit(3)))),
            col("b").cast(DataType::Float64).gt(lit(1.0)),
        ] {
            check(Left, predicate, "inner");
        }
    }

    #[test]
    fn keys_of_joins_above_drop_nulls() {
        let outer = || joined(JoinType::Left);
        let third = || table("third", "x y");
        assert_eq!(kinds(&join(outer(), third(), ("b", "x"), JoinType::Inner)), ["inner", "inner"]);
        assert_eq!(kinds(&join(outer(), third(), ("b", "x"), JoinType::Semi)), ["semi", "inner"]);
        assert_eq!(kinds(&join(third(), outer(), ("x", "b"), JoinType::Left)), ["left", "inner"]);
        assert_eq!(kinds(&join(outer(), third(), ("b", "x"), JoinType::Anti)), ["anti", "left"]);
        assert_eq!(kinds(&join(outer(), third(), ("b", "x"), JoinType::Left)), ["left", "left"]);
        assert_eq!(kinds(&join(outer(), third(), ("a", "x"), JoinType::Inner)), ["inner", "left"]);
        let nulls_equal = JoinSpecification {
            left_on: vec![col("b")],
            right_on: vec![col("x")],
            nulls_equal: true,
            ..Default::default()
        };
        assert_eq!(kinds(&outer().join(third(), &nulls_equal).unwrap()), ["inner", "left"]);
    }

    #[test]
    fn through_projections_and_groups_but_nothing_that_looks_at_other_rows() {
        let above = |plan: LogicalPlan| kinds(&plan.filter(&col("n").gt(lit(1)), "filter").unwrap());
        let outer = || joined(JoinType::Left);
        let named = |expr: Expr| outer().select(&[expr.alias("n"), col("a")], "select").unwrap();
        assert_eq!(above(named(col("b") * lit(2))), ["inner"]);
        assert_eq!(above(named(col("b").fill_null(lit(0)))), ["left"]);
        assert_eq!(above(named(col("b").cum_sum(false))), ["left"]);
        let added = outer().with_columns(&[(col("b") + col("a")).alias("n")], "with_columns").unwrap();
        assert_eq!(above(added), ["inner"]);
        let grouped = outer().aggregate(&[col("b").alias("n")], &[len()], "agg").unwrap();
        assert_eq!(above(grouped), ["inner"]);
        let counted = outer().aggregate(&[col("a")], &[col("b").sum().alias("n")], "agg").unwrap();
        assert_eq!(above(counted), ["left"]);
        assert_eq!(above(named(col("b")).slice(0, 3)), ["left"]);
        let mean = named(col("b")).filter(&col("a").gt(col("a").mean()), "filter").unwrap();
        assert_eq!(above(mean), ["left"]);
    }

    #[test]
    fn columns_stay() {
        let plan = joined(JoinType::Full).filter(&col("a").lt(col("b")), "filter").unwrap();
        let rewritten = apply(&plan);
        assert_eq!(rewritten.schema(), plan.schema());
        crate::plan::testing::assert_text(
            &rewritten,
            r#"
            filter [(col("a")) < (col("b"))]
              inner-join on col("k") = col("j") columns=[k, a, b, c]
                left
                right
            "#,
        );
    }
}

//! Filters move towards the scans, so that rows are dropped before they are joined, exchanged or even decoded.
//!
//! A predicate moves if it is elementwise, cannot fail and is deterministic. Below a projection its columns are replaced
//! by their definitions. Below a join it goes to the side whose columns it reads, if rows of that side cannot turn up
//! unmatched, and, if it reads keys only, to the other side too, as does what is known of the keys of an outer join's
//! side that keeps its rows. Of alternatives that read both sides, each side gets
//! what they say of it, and the whole stays above the join. A predicate never passes a limit or a top-k, whose result
//! depends on which rows there are, nor an operation that looks at more than one row at a time; but it passes windows if it
//! reads only columns that all of them are partitioned by.

mod join;

use polars_core::prelude::{PlIndexMap, PlSmallStr};
use polars_plan::dsl::Expr;
use quokka_engine::expr::{Requirement, conjunction, requirement, split_conjunction};
use quokka_engine::source::ScanRequest;

use crate::plan::expression::{NamedExpr, Properties, reads_columns, substitute};
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

/// Moves all filters of `plan` as far down as they can go.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    push(plan, Vec::new())
}

/// `plan`, filtered by all of `predicates`, which may move.
pub(super) fn push(plan: &LogicalPlan, predicates: Vec<Expr>) -> LogicalPlan {
    match plan.node() {
        Node::Scan { scan, request } => {
            let all = request.predicate.iter().cloned().chain(predicates).collect();
            let request = ScanRequest { predicate: conjunction(all), ..request.clone() };
            LogicalPlan::new(Node::Scan { scan: scan.clone(), request }, plan.schema().clone())
        },
        Node::Filter { input, predicate } => push_filter(input, predicate, predicates),
        Node::Select { input, exprs } => {
            let (below, above) = split_by_definition(exprs, input, false, predicates);
            let node = Node::Select { input: push(input, below), exprs: exprs.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), above)
        },
        Node::WithColumns { input, exprs } => {
            let (below, above) = split_by_definition(exprs, input, true, predicates);
            let node = Node::WithColumns { input: push(input, below), exprs: exprs.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), above)
        },
        Node::Aggregate { input, keys, aggs } => {
            let (below, above) = split_by_keys(keys, input, predicates);
            let node = Node::Aggregate { input: push(input, below), keys: keys.clone(), aggs: aggs.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), above)
        },
        Node::Join { left, right, join } => {
            let mut sides = join::split(join, left, right, predicates);
            sides.infer(join, left, right);
            let node = Node::Join { left: push(left, sides.left), right: push(right, sides.right), join: join.clone() };
            filtered(LogicalPlan::new(node, plan.schema().clone()), sides.above)
        },
        Node::Rows { operation, .. } => {
            let (below, above) = split_by_operation(operation, predicates);
            filtered(plan.map_inputs(|input| push(input, below.clone())), above)
        },
        Node::Sort { .. } | Node::Union { .. } | Node::Placed { .. } => {
            plan.map_inputs(|input| push(input, predicates.clone()))
        },
        Node::TopK { .. } | Node::Slice { .. } | Node::MapBatches { .. } | Node::Stateful { .. } => {
            filtered(plan.map_inputs(apply), predicates)
        },
    }
}

fn filtered(plan: LogicalPlan, predicates: Vec<Expr>) -> LogicalPlan {
    match conjunction(predicates) {
        Some(predicate) => plan.filtered(predicate),
        None => plan,
    }
}

/// A filter with `predicates` above it.
fn push_filter(input: &LogicalPlan, predicate: &Expr, predicates: Vec<Expr>) -> LogicalPlan {
    let parts = split_conjunction(predicate);
    let properties: Vec<_> = parts.iter().map(|part| Properties::of(part, input.schema())).collect();
    if properties.iter().any(|properties| !properties.elementwise) {
        // What it compares a row with depends on all rows, so none may be dropped before.
        return filtered(apply(input).filtered(predicate.clone()), predicates);
    }
    let mut movable = Vec::new();
    let mut staying = Vec::new();
    for (part, properties) in parts.into_iter().zip(properties) {
        if properties.is_movable() { movable.push(part) } else { staying.push(part) }
    }
    movable.extend(predicates);
    filtered(push(input, movable), staying)
}

/// Predicates below a projection, over the columns of its input, and those that stay above it.
fn split_by_definition(
    exprs: &[NamedExpr],
    input: &LogicalPlan,
    others_pass: bool,
    predicates: Vec<Expr>,
) -> (Vec<Expr>, Vec<Expr>) {
    if predicates.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let properties: PlIndexMap<&PlSmallStr, (&Expr, Properties)> =
        exprs.iter().map(|e| (&e.name, (&e.expr, Properties::of(&e.expr, input.schema())))).collect();
    let row_by_row = properties.values().all(|(_, properties)| properties.elementwise)
        && (others_pass || exprs.iter().any(|e| reads_columns(&e.expr)));
    if !row_by_row {
        let keys = window_keys(exprs, input);
        let (candidates, mut above): (Vec<_>, Vec<_>) = predicates.into_iter().partition(reads_columns);
        let (below, staying) = split(candidates, |name| {
            let column = match exprs.iter().find(|named| named.name == *name) {
                Some(named) => named.source_column()?,
                None => Some(name).filter(|_| others_pass)?,
            };
            keys.contains(column).then(|| Expr::Column(column.clone()))
        });
        above.extend(staying);
        return (below, above);
    }
    split(predicates, |name| match properties.get(name) {
        Some((expr, properties)) => properties.is_movable().then(|| Expr::clone(expr)),
        None => others_pass.then(|| Expr::Column(name.clone())),
    })
}

/// The columns that agree in all rows which a value of `exprs` depends on; none if there are other dependencies than
/// windows. Equal floats may differ in their sign.
fn window_keys(exprs: &[NamedExpr], input: &LogicalPlan) -> Vec<PlSmallStr> {
    let mut common: Option<Vec<PlSmallStr>> = None;
    for named in exprs {
        match requirement(&named.expr, input.schema()) {
            Ok(Requirement::Rows) => {},
            Ok(Requirement::Window { keys, .. }) => {
                let columns = keys.into_iter().filter_map(|key| match key {
                    Expr::Column(name) => Some(name),
                    _ => None,
                });
                let is_common = |name: &PlSmallStr| common.as_ref().is_none_or(|common| common.contains(name));
                let is_exact = |name: &PlSmallStr| input.schema().get(name).is_some_and(|dtype| !dtype.is_float());
                common = Some(columns.filter(|name| is_common(name) && is_exact(name)).collect());
            },
            _ => return Vec::new(),
        }
    }
    common.unwrap_or_default()
}

/// Predicates below an aggregate, which read only its keys, and those that stay above it.
fn split_by_keys(keys: &[NamedExpr], input: &LogicalPlan, predicates: Vec<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    // A predicate without columns, such as `false`, must not empty the input of an aggregate that then still has a row.
    let (candidates, mut above): (Vec<_>, Vec<_>) = predicates.into_iter().partition(reads_columns);
    let (below, staying) = split(candidates, |name| {
        let key = keys.iter().find(|key| key.name == *name)?;
        Properties::of(&key.expr, input.schema()).is_movable().then(|| key.expr.clone())
    });
    above.extend(staying);
    (below, above)
}

/// Predicates below an operation on rows, which read only columns that let them pass, and those that stay above it.
fn split_by_operation(operation: &RowOperation, predicates: Vec<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    let (candidates, mut above): (Vec<_>, Vec<_>) = predicates.into_iter().partition(reads_columns);
    let (below, staying) =
        split(candidates, |name| operation.passes_filters_on(name).then(|| Expr::Column(name.clone())));
    above.extend(staying);
    (below, above)
}

/// Predicates whose columns all have a definition, rewritten, and the others.
fn split(predicates: Vec<Expr>, definition: impl Fn(&PlSmallStr) -> Option<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    let mut below = Vec::new();
    let mut above = Vec::new();
    for predicate in predicates {
        match substitute(&predicate, &definition) {
            Some(rewritten) => below.push(rewritten),
            None => above.push(predicate),
        }
    }
    (below, above)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::prelude::SortMultipleOptions;
    use polars_ops::prelude::{JoinCoalesce, JoinType};
    use quokka_engine::expr::prelude::{DataType, Expr, col, len, lit};

    use super::*;
    use crate::plan::JoinSpecification;
    use crate::plan::testing::{assert_text, table};

    fn filter(plan: LogicalPlan, predicate: Expr) -> LogicalPlan {
        plan.filter(&predicate, "filter").unwrap()
    }

    fn joined(how: JoinType, predicate: Expr) -> LogicalPlan {
        joined_with(JoinSpecification { how, ..JoinSpecification::default() }, predicate)
    }

    fn joined_with(specification: JoinSpecification, predicate: Expr) -> LogicalPlan {
        let specification = JoinSpecification { left_on: vec![col("k")], right_on: vec![col("j")], ..specification };
        let plan = table("left", "k a x").join(table("right", "j b x"), &specification).unwrap();
        apply(&filter(plan, predicate))
    }

    #[test]
    fn reaches_the_scan_through_projections() {
        let plan = table("t", "a b").with_columns(&[(col("a") + lit(1)).alias("c")], "with_columns").unwrap();
        let plan = plan.select(&[col("c"), col("b").alias("d")], "select").unwrap();
        let plan = filter(plan, col("c").gt(lit(2)).and(col("d").lt(lit(5))));
        assert_text(
            &apply(&plan),
            r#"
            select [c, col("b") as d]
              with-columns [[(col("a")) + (dyn int: 1)] as c]
                t where [([([(col("a")) + (dyn int: 1)].alias("c")) > (dyn int: 2)]) & ([(col("b").alias("d")) < (dyn int: 5)])]
            "#,
        );
    }

    #[test]
    fn operations_on_rows_let_pass_what_they_keep() {
        use quokka_engine::expr::prelude::ExplodeOptions;

        let options = ExplodeOptions { empty_as_null: true, keep_nulls: true };
        let exploded = table("t", "a b").rows(RowOperation::Explode { columns: vec!["b".into()], options });
        assert_text(
            &apply(&filter(exploded, col("a").gt(lit(1)).and(col("b").gt(lit(2))))),
            r#"
            filter [(col("b")) > (dyn int: 2)]
              explode columns=[b]
                t where [(col("a")) > (dyn int: 1)]
            "#,
        );
        let indexed = table("t", "a b").with_row_index("row".into(), 3).unwrap();
        assert_text(
            &apply(&filter(indexed, col("a").gt(lit(1)))),
            r#"
            filter [(col("a")) > (dyn int: 1)]
              row-index name=[row] offset=[3]
                t
            "#,
        );
    }

    #[test]
    fn filters_merge() {
        let plan = filter(filter(table("t", "a b"), col("a").gt(lit(1))), col("b").gt(lit(2)));
        assert_text(&apply(&plan), r#"t where [([(col("a")) > (dyn int: 1)]) & ([(col("b")) > (dyn int: 2)])]"#);
    }

    #[test]
    fn what_looks_at_many_rows_is_a_barrier() {
        let plan = table("t", "a b").with_columns(&[col("a").cum_sum(false).alias("s")], "with_columns").unwrap();
        assert_text(
            &apply(&filter(plan, col("b").gt(lit(2)))),
            r#"
            filter [(col("b")) > (dyn int: 2)]
              with-columns [col("a").cum_sum() as s]
                t
            "#,
        );
        let plan = filter(filter(table("t", "a b"), col("a").gt(col("a").mean())), col("b").gt(lit(2)));
        assert_text(
            &apply(&plan),
            r#"
            filter [(col("b")) > (dyn int: 2)]
              filter [(col("a")) > (col("a").mean())]
                t
            "#,
        );
        let plan = table("t", "a b").select(&[lit(1).alias("one")], "select").unwrap();
        assert_text(
            &apply(&filter(plan, col("one").gt(lit(2)))),
            r#"
            filter [(col("one")) > (dyn int: 2)]
              select [dyn int: 1 as one]
                t
            "#,
        );
    }

    #[test]
    fn keys_of_all_windows_pass() {
        let windows = [
            col("v").sum().over([col("k"), col("j")]).unwrap().alias("s"),
            (col("v") - col("v").shift(lit(1)).over([col("j")]).unwrap()).alias("d"),
            (col("v") + lit(1)).alias("x"),
        ];
        let plan = table("t", "k j v").with_columns(&windows, "with_columns").unwrap();
        let predicate = col("j").gt(lit(1)).and(col("k").gt(lit(2))).and(col("x").gt(lit(3))).and(col("s").gt(lit(4)));
        let pushed = apply(&filter(plan, predicate));
        assert_eq!(pushed.to_string().lines().count(), 3);
        assert!(pushed.to_string().ends_with("    t where [(col(\"j\")) > (dyn int: 1)]\n"), "{pushed}");
        let plan = table("t", "k j v").select(&[col("j").alias("i"), windows[1].clone()], "select").unwrap();
        let pushed = apply(&filter(plan.clone(), col("i").gt(lit(1))));
        assert!(pushed.to_string().ends_with("  t where [(col(\"j\").alias(\"i\")) > (dyn int: 1)]\n"), "{pushed}");
        let total = plan.with_columns(&[col("d").sum().alias("t")], "with_columns").unwrap();
        let total = filter(total, col("i").gt(lit(1)));
        assert_eq!(apply(&total).to_string(), total.to_string());
    }

    #[test]
    fn what_can_fail_stays_but_lets_others_pass() {
        let strict = col("a").strict_cast(DataType::Int8).gt(lit(1));
        let plan = filter(filter(table("t", "a b"), strict), col("b").gt(lit(2)));
        assert_text(
            &apply(&plan),
            r#"
            filter [(col("a").strict_cast(Int8)) > (dyn int: 1)]
              t where [(col("b")) > (dyn int: 2)]
            "#,
        );
        let plan = table("t", "a b").select(&[col("a").strict_cast(DataType::Int8), col("b")], "select").unwrap();
        assert_text(
            &apply(&filter(plan, col("a").gt(lit(1)))),
            r#"
            filter [(col("a")) > (dyn int: 1)]
              select [col("a").strict_cast(Int8) as a, b]
                t
            "#,
        );
    }

    #[test]
    fn keys_pass_an_aggregate_and_results_do_not() {
        let plan = table("t", "a b").aggregate(&[(col("a") % lit(10)).alias("k")], &[col("b").sum()], "agg").unwrap();
        let plan = filter(plan, col("k").gt(lit(1)).and(col("b").gt(lit(2))));
        assert_text(
            &apply(&plan),
            r#"
            filter [(col("b")) > (dyn int: 2)]
              aggregate by [[(col("a")) % (dyn int: 10)] as k] [col("b").sum() as b]
                t where [([(col("a")) % (dyn int: 10)].alias("k")) > (dyn int: 1)]
            "#,
        );
        let plan = table("t", "a b").aggregate(&[], &[len()], "agg").unwrap();
        assert_text(
            &apply(&filter(plan, lit(false))),
            r#"
            filter false
              aggregate by [] [len() as len]
                t
            "#,
        );
    }

    #[test]
    fn passes_sort_and_union_but_no_limit() {
        let options = SortMultipleOptions::default();
        let plan = LogicalPlan::union(vec![table("t", "a b"), table("u", "a b")]).unwrap();
        let plan = plan.sort(&[col("b")], options.clone(), "sort").unwrap();
        assert_text(
            &apply(&filter(plan, col("a").gt(lit(1)))),
            r#"
            sort by [b]
              union
                t where [(col("a")) > (dyn int: 1)]
                u where [(col("a")) > (dyn int: 1)]
            "#,
        );
        assert_text(
            &apply(&filter(table("t", "a b").slice(0, 3), col("a").gt(lit(1)))),
            r#"
            filter [(col("a")) > (dyn int: 1)]
              limit 3
                t
            "#,
        );
        let plan = table("t", "a b").top_k(3, &[col("a")], options, "top_k").unwrap();
        assert_text(
            &apply(&filter(plan, col("a").gt(lit(1)))),
            r#"
            filter [(col("a")) > (dyn int: 1)]
              top-k 3 by [a]
                t
            "#,
        );
    }

    #[test]
    fn inner_join_sends_each_side_its_own_and_keys_to_both() {
        assert_text(
            &joined(JoinType::Inner, col("a").gt(lit(1)).and(col("x_right").gt(lit(2))).and(col("k").gt(lit(3)))),
            r#"
            inner-join on col("k") = col("j") columns=[k, a, x, b, right.x as x_right]
              left where [([(col("a")) > (dyn int: 1)]) & ([(col("k")) > (dyn int: 3)])]
              right where [([(col("x").alias("x_right")) > (dyn int: 2)]) & ([(col("j").alias("k")) > (dyn int: 3)])]
            "#,
        );
        assert_text(
            &joined(JoinType::Inner, col("a").gt(col("b"))),
            r#"
            filter [(col("a")) > (col("b"))]
              inner-join on col("k") = col("j") columns=[k, a, x, b, right.x as x_right]
                left
                right
            "#,
        );
    }

    #[test]
    fn alternatives_tell_each_side_something() {
        let alternative = |a: i32, b: i32| col("a").eq(lit(a)).and(col("b").eq(lit(b))).and(col("a").lt(col("b")));
        assert_text(
            &joined(JoinType::Inner, alternative(1, 2).or(alternative(3, 4))),
            r#"
            filter [([([([(col("a")) == (dyn int: 1)]) & ([(col("b")) == (dyn int: 2)])]) & ([(col("a")) < (col("b"))])]) | ([([([(col("a")) == (dyn int: 3)]) & ([(col("b")) == (dyn int: 4)])]) & ([(col("a")) < (col("b"))])])]
              inner-join on col("k") = col("j") columns=[k, a, x, b, right.x as x_right]
                left where [([(col("a")) == (dyn int: 1)]) | ([(col("a")) == (dyn int: 3)])]
                right where [([(col("b")) == (dyn int: 2)]) | ([(col("b")) == (dyn int: 4)])]
            "#,
        );
        // One alternative says nothing of the right side.
        assert_text(
            &joined(JoinType::Left, col("a").eq(lit(1)).and(col("b").eq(lit(2))).or(col("a").eq(lit(3)))),
            r#"
            filter [([([(col("a")) == (dyn int: 1)]) & ([(col("b")) == (dyn int: 2)])]) | ([(col("a")) == (dyn int: 3)])]
              left-join on col("k") = col("j") columns=[k, a, x, b, right.x as x_right]
                left where [([(col("a")) == (dyn int: 1)]) | ([(col("a")) == (dyn int: 3)])]
                right
            "#,
        );
    }

    #[test]
    fn left_join_keeps_predicates_on_the_right_above() {
        assert_text(
            &joined(JoinType::Left, col("a").gt(lit(1)).and(col("b").gt(lit(2))).and(col("k").gt(lit(3)))),
            r#"
            filter [(col("b")) > (dyn int: 2)]
              left-join on col("k") = col("j") columns=[k, a, x, b, right.x as x_right]
                left where [([(col("a")) > (dyn int: 1)]) & ([(col("k")) > (dyn int: 3)])]
                right where [(col("j").alias("k")) > (dyn int: 3)]
            "#,
        );
    }

    #[test]
    fn right_join_is_the_mirror_of_left() {
        assert_text(
            &joined(JoinType::Right, col("a").gt(lit(1)).and(col("b").gt(lit(2))).and(col("j").gt(lit(3)))),
            r#"
            filter [(col("a")) > (dyn int: 1)]
              right-join on col("k") = col("j") columns=[a, x, j, b, right.x as x_right]
                left where [(col("k").alias("j")) > (dyn int: 3)]
                right where [([(col("b")) > (dyn int: 2)]) & ([(col("j")) > (dyn int: 3)])]
            "#,
        );
    }

    #[test]
    fn full_join_lets_coalesced_keys_pass_only() {
        let predicate = col("a").gt(lit(1)).and(col("b").gt(lit(2))).and(col("k").gt(lit(3)));
        assert_text(
            &joined(JoinType::Full, predicate.clone()),
            r#"
            filter [([([(col("a")) > (dyn int: 1)]) & ([(col("b")) > (dyn int: 2)])]) & ([(col("k")) > (dyn int: 3)])]
              full-join on col("k") = col("j") columns=[k, a, x, j, b, right.x as x_right]
                left
                right
            "#,
        );
        let coalescing = JoinSpecification {
            how: JoinType::Full,
            coalesce: JoinCoalesce::CoalesceColumns,
            ..JoinSpecification::default()
        };
        assert_text(
            &joined_with(coalescing, predicate),
            r#"
            filter [([(col("a")) > (dyn int: 1)]) & ([(col("b")) > (dyn int: 2)])]
              full-join on col("k") = col("j") columns=[key k, a, x, b, right.x as x_right]
                left where [(col("k")) > (dyn int: 3)]
                right where [(col("j").alias("k")) > (dyn int: 3)]
            "#,
        );
    }

    #[test]
    fn semi_and_anti_joins_filter_the_right_by_keys() {
        for how in [JoinType::Semi, JoinType::Anti] {
            let name = how.to_string().to_lowercase();
            assert_text(
                &joined(how, col("a").gt(lit(1)).and(col("k").gt(lit(3)))),
                &format!(
                    r#"
                    {name}-join on col("k") = col("j") columns=[k, a, x]
                      left where [([(col("a")) > (dyn int: 1)]) & ([(col("k")) > (dyn int: 3)])]
                      right where [(col("j").alias("k")) > (dyn int: 3)]
                    "#
                ),
            );
        }
    }

    #[test]
    fn what_is_known_of_the_kept_side_of_an_outer_join_holds_for_the_other() {
        let kept = filter(table("left", "k a x"), col("k").lt(lit(3)).and(col("a").gt(lit(1))));
        let specification = JoinSpecification {
            how: JoinType::Left,
            left_on: vec![col("k")],
            right_on: vec![col("j")],
            ..JoinSpecification::default()
        };
        let plan = kept.clone().join(table("right", "j b"), &specification).unwrap();
        let expected = r#"
            left-join on col("k") = col("j") columns=[k, a, x, b]
              left where [([(col("k")) < (dyn int: 3)]) & ([(col("a")) > (dyn int: 1)])]
              right where [(col("j").alias("k")) < (dyn int: 3)]
            "#;
        assert_text(&apply(&plan), expected);
        assert_text(&apply(&apply(&plan)), expected);
        let full = JoinSpecification { how: JoinType::Full, ..specification };
        assert_text(
            &apply(&kept.join(table("right", "j b"), &full).unwrap()),
            r#"
            full-join on col("k") = col("j") columns=[k, a, x, j, b]
              left where [([(col("k")) < (dyn int: 3)]) & ([(col("a")) > (dyn int: 1)])]
              right
            "#,
        );
    }
}

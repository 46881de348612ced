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

use polars_ops::prelude::JoinType;
use quokka_engine::expr::prelude::{Expr, col, lit};

use super::*;
use crate::plan::JoinSpecification;
use crate::plan::optimizer::predicate_pushdown;
use crate::plan::testing::{assert_text, sized_table, table};

fn sized(name: &str, columns: &str, rows: u64) -> LogicalPlan {
    sized_table(name, columns, Some(rows))
}

fn inner(left: LogicalPlan, right: LogicalPlan, on: &str) -> LogicalPlan {
    join(left, right, on, JoinType::Inner)
}

/// Joins on pairs of keys such as `a=b c=d`.
fn join(left: LogicalPlan, right: LogicalPlan, on: &str, how: JoinType) -> LogicalPlan {
    let pairs = on.split(' ').map(|pair| pair.split_once('=').unwrap());
    let (left_on, right_on) = pairs.map(|(left, right)| (col(left), col(right))).unzip();
    left.join(right, &JoinSpecification { how, left_on, right_on, ..Default::default() }).unwrap()
}

fn cross(left: LogicalPlan, right: LogicalPlan) -> LogicalPlan {
    left.join(right, &JoinSpecification { how: JoinType::Cross, ..Default::default() }).unwrap()
}

fn filter(plan: LogicalPlan, predicate: Expr) -> LogicalPlan {
    plan.filter(&predicate, "filter").unwrap()
}

fn ordered(plan: &LogicalPlan) -> LogicalPlan {
    let pushed = predicate_pushdown::apply(plan);
    let ordered = apply(&pushed, &Estimates::default());
    assert_eq!(ordered.schema(), plan.schema());
    ordered
}

#[track_caller]
fn check(plan: &LogicalPlan, expected: &str) {
    assert_text(&ordered(plan), expected);
}

fn sales() -> LogicalPlan {
    sized("sales", "shop item amount", 1_000_000)
}

fn shops() -> LogicalPlan {
    sized("shops", "shop_id town", 1000)
}

fn items() -> LogicalPlan {
    sized("items", "item_id price", 100)
}

#[test]
fn small_tables_are_held_and_selective_joins_run_first() {
    let plan = inner(inner(shops(), sales(), "shop_id=shop"), items(), "item=item_id");
    check(
        &filter(plan, col("price").eq(lit(3))),
        r#"
        inner-join on col("shop") = col("shop_id") columns=[shop_id, town, item, amount, price]
          inner-join on col("item") = col("item_id") columns=[item, amount, price, shop]
            sales
            items where [(col("price")) == (dyn int: 3)]
          shops
        "#,
    );
}

#[test]
fn equal_columns_join_what_the_program_does_not() {
    // a = b and b = c: the small a and c can be joined first.
    let plan = inner(inner(sized("a", "x", 10), sized("b", "y b", 1_000_000), "x=y"), sized("c", "z", 20), "x=z");
    check(
        &plan,
        r#"
            inner-join on col("y") = col("x") columns=[x, b]
              b
              inner-join on col("z") = col("x") columns=[x]
                c
                a
        "#,
    );
}

#[test]
fn a_cross_join_with_an_equality_is_an_inner_join() {
    let plan = cross(cross(sales(), shops()), items());
    let plan = filter(plan, col("shop").eq(col("shop_id")).and(col("item_id").eq(col("item"))));
    check(
        &plan,
        r#"
            inner-join on col("item") = col("item_id") columns=[shop, item, amount, shop_id, town, item_id, price]
              inner-join on col("shop") = col("shop_id") columns=[shop, item, amount, shop_id, town]
                sales
                shops
              items
        "#,
    );
    // Without any, all pairs are made: the small sides are held.
    check(
        &cross(cross(sales(), shops()), items()),
        r#"
            cross-join columns=[shop, item, amount, shop_id, town, item_id, price]
              sales
              cross-join columns=[shop_id, town, item_id, price]
                shops
                items
        "#,
    );
}

#[test]
fn predicates_over_several_relations_become_conditions() {
    let plan = inner(inner(sales(), shops(), "shop=shop_id"), items(), "item=item_id");
    check(
        &filter(plan, col("amount").gt(col("price")).and(col("town").lt(col("price") + col("amount")))),
        r#"
            inner-join on col("shop") = col("shop_id") where [(col("town")) < ([(col("price")) + (col("amount"))])] columns=[shop, item, amount, town, price]
              inner-join on col("item") = col("item_id") where [(col("amount")) > (col("price"))] columns=[shop, item, amount, price]
                sales
                items
              shops
        "#,
    );
}

#[test]
fn semi_and_anti_joins_run_where_they_pay() {
    let plan = inner(inner(shops(), sales(), "shop_id=shop"), items(), "item=item_id");
    let plan = join(plan, sized("open", "id", 10), "shop_id=id", JoinType::Semi);
    check(
        &join(plan, sized("closed", "id other", 5), "shop_id=id item=other", JoinType::Anti),
        r#"
            inner-join on col("item") = col("item_id") columns=[shop_id, town, item, amount, price]
              anti-join on col("shop_id") = col("id") and col("item") = col("other") columns=[shop_id, town, item, amount]
                inner-join on col("shop") = col("shop_id") columns=[shop_id, town, item, amount]
                  sales
                  semi-join on col("shop_id") = col("id") columns=[shop_id, town]
                    shops
                    open
                closed
              items
        "#,
    );
}

#[test]
fn what_is_known_of_a_key_holds_for_all_equal_columns() {
    let plan = inner(inner(shops(), sales(), "shop_id=shop"), sized("rents", "at rent", 1000), "shop_id=at");
    let plan = join(plan, sized("open", "id", 10), "shop_id=id", JoinType::Semi);
    check(
        &filter(plan, col("shop_id").lt(lit(7))),
        r#"
            inner-join on col("shop") = col("shop_id") columns=[shop_id, town, item, amount, rent]
              sales where [(col("shop").alias("shop_id")) < (dyn int: 7)]
              inner-join on col("shop_id") = col("at") columns=[shop_id, town, rent]
                shops where [(col("shop_id")) < (dyn int: 7)]
                semi-join on col("at") = col("id") columns=[rent, at]
                  rents where [(col("at").alias("shop_id")) < (dyn int: 7)]
                  open where [(col("id").alias("shop_id")) < (dyn int: 7)]
        "#,
    );
}

#[test]
fn names_and_order_of_columns_stay() {
    // Both sides have the same names; keys are kept; columns are renamed and appear twice.
    let specification = JoinSpecification {
        left_on: vec![col("k")],
        right_on: vec![col("k")],
        coalesce: polars_ops::prelude::JoinCoalesce::KeepColumns,
        ..Default::default()
    };
    let plan = sized("big", "k v", 1000).join(sized("small", "k v", 10), &specification).unwrap();
    let plan = plan.select(&[col("v_right").alias("k"), col("k").alias("a"), col("k").alias("b")], "select").unwrap();
    check(
        &inner(plan, sized("tiny", "b", 2), "b=b"),
        r#"
            select [k, a, col("a") as b]
              inner-join on col("k") = col("k_1") columns=[k, left.k as a]
                big
                inner-join on col("k") = col("b") columns=[left.v as k, left.k as k_1]
                  small
                  tiny
        "#,
    );
}

#[test]
fn two_equal_columns_of_a_relation_are_compared_in_it() {
    let plan = inner(sized("t", "a b v", 1000), sized("u", "c", 100), "a=c b=c");
    check(
        &plan,
        r#"
            inner-join on col("b") = col("c") columns=[a, b, v]
              t where [(col("b")) == (col("a"))]
              u
        "#,
    );
}

#[test]
fn outer_joins_and_aggregates_are_relations() {
    let left = join(shops(), sized("owners", "of name", 900), "shop_id=of", JoinType::Left);
    let totals = sales().aggregate(&[col("shop")], &[col("amount").sum()], "agg").unwrap();
    check(
        &inner(inner(left, totals, "shop_id=shop"), sized("few", "town2", 2), "town=town2"),
        r#"
            inner-join on col("shop") = col("shop_id") columns=[shop_id, town, name, amount]
              aggregate by [shop] [col("amount").sum() as amount]
                sales
              inner-join on col("town") = col("town2") columns=[shop_id, town, name]
                left-join on col("shop_id") = col("of") columns=[shop_id, town, name]
                  shops
                  owners
                few
        "#,
    );
}

#[test]
fn null_keys_that_match_keep_their_join() {
    let specification = JoinSpecification {
        left_on: vec![col("shop")],
        right_on: vec![col("shop_id")],
        nulls_equal: true,
        ..Default::default()
    };
    check(
        &inner(sales().join(shops(), &specification).unwrap(), items(), "item=item_id"),
        r#"
            inner-join on col("item") = col("item_id") columns=[shop, item, amount, town, price]
              inner-join on col("shop") = col("shop_id") nulls-equal columns=[shop, item, amount, town]
                sales
                shops
              items
        "#,
    );
}

#[test]
fn keys_may_be_expressions() {
    let specification = JoinSpecification {
        left_on: vec![col("shop") + lit(1), col("amount") + col("price")],
        right_on: vec![col("shop_id"), col("town")],
        ..Default::default()
    };
    let plan = inner(sales(), items(), "item=item_id").join(shops(), &specification).unwrap();
    check(
        &plan,
        r#"
            inner-join on [(col("shop")) + (dyn int: 1)] = col("shop_id") where [([(col("amount").alias("left.amount").alias("amount")) + (col("price").alias("left.price").alias("price"))].cast(Int64)) == (col("town").alias("right.town").alias("town").cast(Int64))] columns=[shop, item, amount, price, shop_id, town]
              inner-join on col("item") = col("item_id") columns=[shop, item, amount, price]
                sales
                items
              shops
        "#,
    );
}

#[test]
fn the_order_stays_where_sizes_are_unknown() {
    let plan = inner(inner(shops(), table("sales", "shop item amount"), "shop_id=shop"), items(), "item=item_id");
    check(
        &filter(plan, col("price").eq(lit(3))),
        r#"
            inner-join on col("item") = col("item_id") columns=[shop_id, town, item, amount, price]
              inner-join on col("shop_id") = col("shop") columns=[shop_id, town, item, amount]
                shops
                sales
              items where [(col("price")) == (dyn int: 3)]
        "#,
    );
}

#[test]
fn one_row_is_crossed_early() {
    let average = sales().select(&[col("amount").mean().alias("average")], "select").unwrap();
    let plan = join(cross(sales(), average), sized("returns", "at", 100_000_000), "shop=at", JoinType::Anti);
    check(
        &filter(plan, col("amount").cast(polars_core::prelude::DataType::Float64).gt(col("average"))),
        r#"
            anti-join on col("shop") = col("at") columns=[shop, item, amount, average]
              cross-join where [(col("amount").cast(Float64)) > (col("average"))] columns=[shop, item, amount, average]
                sales
                select [col("amount").mean() as average]
                  sales
              returns
        "#,
    );
}

/// Relations of different sizes, every second one with a filter: in a chain, or all joined on one key.
fn many(count: u64, chain: bool) -> LogicalPlan {
    let relation = |index: u64| {
        let plan = sized(&format!("r{index}"), &format!("a{index} b{index}"), 1000 * (1 + index * 7 % 13));
        if index.is_multiple_of(2) { filter(plan, col(format!("b{index}")).eq(lit(1))) } else { plan }
    };
    (1..count).fold(relation(0), |plan, index| {
        let left = if chain { format!("b{}", index - 1) } else { "a0".into() };
        inner(plan, relation(index), &format!("{left}=a{index}"))
    })
}

#[test]
fn no_order_without_cross_joins_is_cheaper() {
    for chain in [false, true] {
        let graph = Graph::of(&predicate_pushdown::apply(&many(6, chain)), &LogicalPlan::clone).unwrap();
        let mut model = Model::new(&graph, &Estimates::default()).unwrap();
        let best = best_tree(&graph, &mut model);
        let best = cost(&graph, &best, &mut model).unwrap();
        let mut all = Vec::new();
        trees(set::Set::up_to(5), &mut all);
        let costs = all.iter().filter_map(|tree| cost(&graph, tree, &mut model));
        let least = costs.fold(f64::INFINITY, f64::min);
        assert!((best - least).abs() < 1e-9 * least, "{best} is not {least}");
    }
}

/// All trees over `set`, apart from which side is held.
fn trees(set: set::Set, found: &mut Vec<graph::Tree>) {
    use graph::Tree;
    if let Some(index) = set.only() {
        found.push(Tree::Relation(index));
        return;
    }
    let first = set::Set::of(set.iter().next().unwrap());
    for left in set.subsets().filter(|left| left.includes(first) && *left != set) {
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        trees(left, &mut lefts);
        trees(set.without(left), &mut rights);
        for left in &lefts {
            found.extend(rights.iter().map(|right| Tree::Join(Box::new(left.clone()), Box::new(right.clone()))));
        }
    }
}

/// What a tree costs; `None` if it makes all pairs of two relations.
fn cost(graph: &Graph, tree: &graph::Tree, model: &mut Model<'_>) -> Option<f64> {
    let graph::Tree::Join(left, right) = tree else { return Some(0.0) };
    let below = cost(graph, left, model)? + cost(graph, right, model)?;
    let (left, right) = (left.relations(), right.relations());
    let meets = |side: set::Set, class: &classes::Class| !class.relations().both(side).is_empty();
    let connected = graph.classes.iter().any(|class| meets(left, class) && meets(right, class));
    connected.then(|| below + model.join(left, right).cost)
}

#[test]
fn many_relations_are_ordered_too() {
    for chain in [false, true] {
        let ordered = ordered(&many(40, chain));
        let joins = ordered.to_string().lines().filter(|line| line.trim_start().starts_with("inner-join")).count();
        assert_eq!(joins, 39);
    }
}

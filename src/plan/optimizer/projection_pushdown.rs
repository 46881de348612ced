//! Columns that nothing reads are not computed, not exchanged, and not read from files.

use std::sync::Arc;

use polars_core::prelude::{PlIndexSet, PlSmallStr, Schema, SchemaRef};
use quokka_engine::source::ScanRequest;

use crate::plan::expression::{NamedExpr, Properties, columns};
use crate::plan::join::{Join, JoinSource};
use crate::plan::logical::{LogicalPlan, Node};

type Names = PlIndexSet<PlSmallStr>;

/// Drops every column of every node that does not contribute to the columns of `plan`.
pub(crate) fn apply(plan: &LogicalPlan) -> LogicalPlan {
    prune(plan, &plan.schema().iter_names().cloned().collect())
}

/// `plan` with exactly the columns in `required`, in the order in which `plan` has them.
fn prune(plan: &LogicalPlan, required: &Names) -> LogicalPlan {
    let pruned = match plan.node() {
        Node::Scan { scan, request } => {
            let schema = kept(plan.schema(), required);
            let request = if schema.len() == scan.schema().len() {
                request.clone()
            } else {
                let projection: Arc<[PlSmallStr]> = schema.iter_names().cloned().collect();
                ScanRequest { projection: Some(projection), ..request.clone() }
            };
            LogicalPlan::new(Node::Scan { scan: scan.clone(), request }, schema)
        },
        Node::Filter { input, predicate } => {
            prune(input, &with_columns_of(required.clone(), [predicate])).filtered(predicate.clone())
        },
        Node::Select { input, exprs } => prune_select(plan.schema(), input, exprs, required),
        Node::WithColumns { input, exprs } => prune_with_columns(plan.schema(), input, exprs, required),
        Node::Aggregate { input, keys, aggs } => {
            let aggs: Vec<_> = aggs.iter().filter(|agg| required.contains(&agg.name)).cloned().collect();
            let used = with_columns_of(Names::default(), keys.iter().chain(&aggs).map(|named| &named.expr));
            let made: Names = keys.iter().chain(&aggs).map(|named| named.name.clone()).collect();
            let node = Node::Aggregate { input: computed_from(input, &used), keys: keys.clone(), aggs };
            LogicalPlan::new(node, kept(plan.schema(), &made))
        },
        Node::Join { left, right, join } => prune_join(plan.schema(), left, right, join, required),
        Node::Sort { input, by, options } => {
            let input = prune(input, &with_columns_of(required.clone(), by));
            let schema = input.schema().clone();
            LogicalPlan::new(Node::Sort { input, by: by.clone(), options: options.clone() }, schema)
        },
        Node::TopK { input, k, by, options } => {
            let input = prune(input, &with_columns_of(required.clone(), by));
            let schema = input.schema().clone();
            LogicalPlan::new(Node::TopK { input, k: *k, by: by.clone(), options: options.clone() }, schema)
        },
        Node::Rows { input, operation } if !operation.is_needed(required) => prune(input, required),
        Node::Rows { input, operation } => prune(input, &operation.reads(required)).rows(operation.clone()),
        Node::Slice { input, offset, length } => prune(input, required).slice(*offset, *length),
        Node::Union { inputs } => {
            let inputs = inputs.iter().map(|input| prune(input, required)).collect();
            LogicalPlan::new(Node::Union { inputs }, kept(plan.schema(), required))
        },
        Node::Placed { input, placement, channels } => {
            let input = computed_from(input, required);
            let schema = input.schema().clone();
            let node = Node::Placed { input, placement: placement.clone(), channels: channels.clone() };
            LogicalPlan::new(node, schema)
        },
        // Code of the user sees the columns that it was promised.
        Node::MapBatches { .. } | Node::Stateful { .. } => plan.map_inputs(apply),
    };
    pruned.columns(plan.schema().iter_names().filter(|name| required.contains(*name)))
}

/// `plan` with the columns in `used` for an operation that names all columns it delivers: it may have others too.
fn computed_from(plan: &LogicalPlan, used: &Names) -> LogicalPlan {
    let pruned = prune(plan, used);
    match pruned.node() {
        Node::Select { input, exprs } if exprs.iter().all(NamedExpr::is_plain) => input.clone(),
        _ => pruned,
    }
}

/// The fields of `schema` whose names are in `names`.
fn kept(schema: &SchemaRef, names: &Names) -> SchemaRef {
    let fields = schema.iter().filter(|(name, _)| names.contains(*name));
    Arc::new(fields.map(|(name, dtype)| (name.clone(), dtype.clone())).collect::<Schema>())
}

/// `names` and the columns that `exprs` read.
fn with_columns_of<'a>(mut names: Names, exprs: impl IntoIterator<Item = &'a polars_plan::dsl::Expr>) -> Names {
    for expr in exprs {
        names.extend(columns(expr).cloned());
    }
    names
}

fn prune_select(schema: &SchemaRef, input: &LogicalPlan, exprs: &[NamedExpr], required: &Names) -> LogicalPlan {
    let is_scalar = |named: &NamedExpr| Properties::of(&named.expr, input.schema()).scalar;
    let mut used: Vec<_> = exprs.iter().filter(|named| required.contains(&named.name)).cloned().collect();
    // One value stands for all rows: something has to say how many there are.
    if used.iter().all(is_scalar)
        && let Some(column) = exprs.iter().find(|named| !is_scalar(named))
    {
        used.push(column.clone());
    } else if used.is_empty() {
        used.extend(exprs.first().cloned());
    }
    let names: Names = used.iter().map(|named| named.name.clone()).collect();
    let exprs: Vec<_> = exprs.iter().filter(|named| names.contains(&named.name)).cloned().collect();
    let used = with_columns_of(Names::default(), exprs.iter().map(|named| &named.expr));
    let input = computed_from(input, &used);
    if exprs.iter().all(NamedExpr::is_plain) {
        return input;
    }
    LogicalPlan::new(Node::Select { input, exprs }, kept(schema, &names))
}

fn prune_with_columns(schema: &SchemaRef, input: &LogicalPlan, exprs: &[NamedExpr], required: &Names) -> LogicalPlan {
    let exprs: Vec<_> = exprs.iter().filter(|named| required.contains(&named.name)).cloned().collect();
    let made: Names = exprs.iter().map(|named| named.name.clone()).collect();
    let others = required.iter().filter(|name| !made.contains(*name)).cloned().collect();
    let below = prune(input, &with_columns_of(others, exprs.iter().map(|named| &named.expr)));
    if exprs.is_empty() {
        return below;
    }
    let mut columns = Schema::clone(below.schema());
    columns.merge(Schema::clone(&kept(schema, &made)));
    LogicalPlan::new(Node::WithColumns { input: below, exprs }, Arc::new(columns))
}

fn prune_join(
    schema: &SchemaRef,
    left: &LogicalPlan,
    right: &LogicalPlan,
    join: &Join,
    required: &Names,
) -> LogicalPlan {
    let mut columns: Vec<_> = join.columns.iter().filter(|column| required.contains(&column.name)).cloned().collect();
    if columns.is_empty() {
        // The number of rows is still asked for.
        columns.extend(join.columns.first().cloned());
    }
    let mut left_names = with_columns_of(Names::default(), join.keys.iter().map(|key| &key.left));
    let mut right_names = with_columns_of(Names::default(), join.keys.iter().map(|key| &key.right));
    let condition = join.condition.iter().flat_map(|condition| &condition.columns);
    for column in columns.iter().chain(condition) {
        match &column.source {
            JoinSource::Left(name) => left_names.insert(name.clone()),
            JoinSource::Right(name) => right_names.insert(name.clone()),
            JoinSource::Key(_) => false,
        };
    }
    let names: Names = columns.iter().map(|column| column.name.clone()).collect();
    let node = Node::Join {
        left: prune(left, &left_names),
        right: prune(right, &right_names),
        join: Arc::new(Join { columns, ..join.clone() }),
    };
    LogicalPlan::new(node, kept(schema, &names))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::prelude::SortMultipleOptions;
    use polars_ops::prelude::{JoinCoalesce, JoinType};
    use quokka_engine::expr::prelude::{col, len, lit};

    use super::*;
    use crate::plan::JoinSpecification;
    use crate::plan::testing::{assert_text, table};

    fn check(plan: &LogicalPlan, expected: &str) {
        let pruned = apply(plan);
        assert_eq!(pruned.schema(), plan.schema());
        assert_text(&pruned, expected);
    }

    #[test]
    fn scans_read_what_is_used() {
        let plan = table("t", "a b c d").filter(&col("c").gt(lit(1)), "filter").unwrap();
        check(
            &plan.select(&[col("d"), col("a")], "select").unwrap(),
            r#"
            select [d, a]
              filter [(col("c")) > (dyn int: 1)]
                t columns=3/4 [a, c, d]
            "#,
        );
        check(&table("t", "a b"), "t");
    }

    #[test]
    fn unused_expressions_go() {
        let plan = table("t", "a b c").with_columns(
            &[(col("a") + lit(1)).alias("x"), (col("b") + lit(1)).alias("y"), (col("c") * lit(2)).alias("c")],
            "with_columns",
        );
        let plan = plan.unwrap().select(&[(col("x") * lit(2)).alias("z"), col("c")], "select").unwrap();
        check(
            &plan,
            r#"
            select [[(col("x")) * (dyn int: 2)] as z, c]
              with-columns [[(col("a")) + (dyn int: 1)] as x, [(col("c")) * (dyn int: 2)] as c]
                t columns=2/3 [a, c]
            "#,
        );
    }

    #[test]
    fn operations_on_rows_read_what_they_need() {
        use quokka_engine::expr::prelude::ExplodeOptions;

        use crate::plan::rows::RowOperation;

        let options = ExplodeOptions { empty_as_null: false, keep_nulls: true };
        let exploded = table("t", "a b c").rows(RowOperation::Explode { columns: vec!["b".into()], options });
        check(
            &exploded.select(&[col("c")], "select").unwrap(),
            r#"
            select [c]
              explode columns=[b] empty=[dropped]
                t columns=2/3 [b, c]
            "#,
        );
        let indexed = table("t", "a b c").with_row_index("row".into(), 0).unwrap();
        check(&indexed.clone().select(&[col("c")], "select").unwrap(), "t columns=1/3 [c]");
        check(
            &indexed.select(&[col("row")], "select").unwrap(),
            r#"
            row-index name=[row]
              t columns=0/3 []
            "#,
        );
    }

    #[test]
    fn the_number_of_rows_survives() {
        let plan = table("t", "a b").select(&[col("a"), lit(1).alias("one")], "select").unwrap();
        check(
            &plan.clone().select(&[(col("one") + lit(1)).alias("two")], "select").unwrap(),
            r#"
            select [[(col("one")) + (dyn int: 1)] as two]
              select [a, dyn int: 1 as one]
                t columns=1/2 [a]
            "#,
        );
        check(
            &plan.aggregate(&[], &[len()], "agg").unwrap(),
            r#"
            aggregate by [] [len() as len]
              t columns=1/2 [a]
            "#,
        );
        check(
            &table("t", "a b").aggregate(&[], &[len()], "agg").unwrap(),
            r#"
            aggregate by [] [len() as len]
              t columns=0/2 []
            "#,
        );
    }

    #[test]
    fn aggregates_keep_their_keys() {
        let plan = table("t", "a b c d").aggregate(&[col("a")], &[col("b").sum(), col("c").sum()], "agg").unwrap();
        check(
            &plan.select(&[col("c")], "select").unwrap(),
            r#"
            select [c]
              aggregate by [a] [col("c").sum() as c]
                t columns=2/4 [a, c]
            "#,
        );
    }

    #[test]
    fn sort_keys_are_dropped_behind_the_sort() {
        let options = SortMultipleOptions::default();
        let plan = table("t", "a b c").sort(&[col("b")], options.clone(), "sort").unwrap();
        check(
            &plan.select(&[col("a")], "select").unwrap(),
            r#"
            select [a]
              sort by [b]
                t columns=2/3 [a, b]
            "#,
        );
        let plan = table("t", "a b c").top_k(2, &[col("b")], options, "top_k").unwrap().slice(0, 1);
        check(
            &plan.select(&[col("a")], "select").unwrap(),
            r#"
            limit 1
              select [a]
                top-k 2 by [b]
                  t columns=2/3 [a, b]
            "#,
        );
    }

    #[test]
    fn both_sides_of_a_join_deliver_what_is_used() {
        let specification = JoinSpecification {
            left_on: vec![col("k")],
            right_on: vec![col("j") + lit(1)],
            condition: Some(col("b").gt(col("b_right"))),
            ..JoinSpecification::default()
        };
        let plan = table("left", "k a b x").join(table("right", "j b c x"), &specification).unwrap();
        check(
            &plan.select(&[col("x_right")], "select").unwrap(),
            r#"
            inner-join on col("k") = [(col("j")) + (dyn int: 1)] where [(col("b")) > (col("b_right"))] columns=[right.x as x_right]
              left columns=2/4 [k, b]
              right columns=3/4 [j, b, x]
            "#,
        );
        let specification = JoinSpecification {
            how: JoinType::Full,
            left_on: vec![col("k")],
            right_on: vec![col("j")],
            coalesce: JoinCoalesce::CoalesceColumns,
            ..JoinSpecification::default()
        };
        let plan = table("left", "k a").join(table("right", "j b"), &specification).unwrap();
        check(
            &plan.clone().select(&[col("k")], "select").unwrap(),
            r#"
            full-join on col("k") = col("j") columns=[key k]
              left columns=1/2 [k]
              right columns=1/2 [j]
            "#,
        );
        check(
            &plan.aggregate(&[], &[len()], "agg").unwrap(),
            r#"
            aggregate by [] [len() as len]
              full-join on col("k") = col("j") columns=[key k]
                left columns=1/2 [k]
                right columns=1/2 [j]
            "#,
        );
    }

    #[test]
    fn unions_are_pruned_alike() {
        let plan = LogicalPlan::union(vec![table("t", "a b c"), table("u", "a b c")]).unwrap();
        check(
            &plan.select(&[col("b")], "select").unwrap(),
            r#"
            union
              t columns=1/3 [b]
              u columns=1/3 [b]
            "#,
        );
    }
}

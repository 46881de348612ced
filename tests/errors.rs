//! Queries that do not fit their input.

use quokka::engine::error::ErrorKind;
use quokka::prelude::*;
use quokka::{Error, PlanError};

use crate::support::{context, numbers, orders};

#[track_caller]
fn check_message(query: impl Fn(DataStream) -> DataStream, expected: &str) {
    let stream = query(context().from_df(numbers()));
    let error = stream.schema().unwrap_err();
    assert_eq!(error.report(), expected);
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    assert_eq!(stream.collect().unwrap_err().report(), expected);
    assert_eq!(stream.explain().unwrap_err().report(), expected);
    // Later methods do not hide the first error.
    assert_eq!(stream.select([col("nonsense")]).limit(1).schema().unwrap_err().report(), expected);
}

#[test]
fn unknown_columns() {
    check_message(|t| t.filter(col("valeu").gt(lit(1))), "unknown column `valeu` in `filter`: did you mean `value`?");
    check_message(|t| t.select([col("VALUE")]), "unknown column `VALUE` in `select`: did you mean `value`?");
    check_message(
        |t| t.with_column(col("nothing like it") + lit(1)),
        "unknown column `nothing like it` in `with_column`: the columns are `id`, `key`, `value`, `text`, `flag`, `real`",
    );
    check_message(|t| t.sort(["ids"], Default::default()), "unknown column `ids` in `sort`: did you mean `id`?");
    check_message(
        |t| t.top_k(2, [col("kex")], Default::default()),
        "unknown column `kex` in `top_k`: did you mean `key`?",
    );
    check_message(|t| t.group_by([col("kye")]).agg([len()]), "unknown column `kye` in `group_by`: did you mean `key`?");
    check_message(
        |t| t.group_by([col("key")]).agg([col("reel").sum()]),
        "unknown column `reel` in `group_by`: did you mean `real`?",
    );
    check_message(|t| t.rename(["tex"], ["x"], true), "unknown column `tex` in `rename`: did you mean `text`?");
    check_message(|t| t.drop(cols(["flags"])), "unknown column `flags` in `drop`: did you mean `flag`?");
    check_message(
        |t| t.drop_nulls(Some(cols(["flags"]))),
        "unknown column `flags` in `drop_nulls`: did you mean `flag`?",
    );
    check_message(
        |t| t.inner_join(context().from_df(orders()), col("kez"), col("key")),
        "unknown column `kez` in `join`: did you mean `key`?",
    );
    check_message(
        |t| t.inner_join(context().from_df(orders()), col("key"), col("nam")),
        "unknown column `nam` in `join`: did you mean `name`?",
    );
}

#[test]
fn names_that_clash() {
    check_message(
        |t| t.select([col("id"), col("key").alias("id")]),
        "`select` produces two columns named `id`: rename one with `.alias(…)`",
    );
    check_message(
        |t| t.group_by([col("key")]).agg([col("value").sum(), col("value").mean()]),
        "`group_by` produces two columns named `value`: rename one with `.alias(…)`",
    );
    check_message(
        |t| t.rename(["id"], ["key"], true),
        "`rename` produces two columns named `key`: rename one with `.alias(…)`",
    );
    check_message(
        |t| t.join_builder().with(context().from_df(orders())).on([col("key")]).suffix("").finish(),
        "`join`: two columns of the result are named `value`: choose another suffix",
    );
}

#[test]
fn types_that_do_not_fit() {
    check_message(
        |t| t.filter(col("value") + lit(1)),
        "expression `[(col(\"value\")) + (dyn int: 1)]` in `filter` must be a boolean, but it is i32",
    );
    let error = context().from_df(numbers()).select([col("text") * lit(2)]).schema().unwrap_err();
    let Error::Plan(PlanError::Expression { expression, method: "select", .. }) = &error else { panic!("{error:?}") };
    assert_eq!(expression, "[(col(\"text\")) * (dyn int: 2)]");
    assert!(error.report().contains("arithmetic on dtypes str and dyn int is not allowed"), "{}", error.report());
    check_message(
        |t| t.inner_join(context().from_df(orders()), col("key"), col("name")),
        "expression `col(\"name\")` in `join` must be i64 as its left key `col(\"key\")`, but it is str",
    );
    check_message(
        |t| t.union(context().from_df(orders())),
        "the inputs of `union` differ: in input 1, there are 3 columns, not 6",
    );
    check_message(
        |t| t.clone().union(t.cast([("value", DataType::Int64)], true)),
        "the inputs of `union` differ: in input 1, column `value` is i64, not i32: cast it",
    );
}

#[test]
fn arguments_that_contradict_each_other() {
    check_message(|t| t.rename(["id"], ["a", "b"], true), "`rename`: there are 1 existing but 2 new names");
    check_message(
        |t| t.sort(["id"], SortMultipleOptions::default().with_order_descending_multi([true, false])),
        "`sort`: `descending` has 2 values for 1 sort keys: give one, or one for each",
    );
    check_message(
        |t| t.join_builder().with(context().from_df(orders())).left_on([col("key")]).finish(),
        "`join`: there are 1 left but 0 right keys",
    );
    check_message(
        |t| t.join_builder().with(context().from_df(orders())).finish(),
        "`join`: there are no keys: name them with `on`, or use `cross_join`",
    );
    check_message(
        |t| t.join_builder().on([col("key")]).finish(),
        "`join`: there is no right side: name it with `with`",
    );
    check_message(
        |t| t.join_builder().with(context().from_df(orders())).how(JoinType::Cross).on([col("key")]).finish(),
        "`join`: a cross join takes no keys",
    );
    check_message(
        |t| t.sort_by_exprs([col("id").cum_sum(false)], Default::default()),
        "`sort_by_exprs`: `col(\"id\").cum_sum()` depends on other rows: compute it with `with_columns` first",
    );
}

#[test]
fn values_that_cannot_be_computed() {
    let failing = |predicate: Expr| {
        let context = Context::builder().workers(2).build().unwrap();
        context.from_df(numbers()).filter(predicate).collect().unwrap_err()
    };
    let error = failing(col("text").strict_cast(DataType::Int64).is_null());
    let report = error.report();
    assert!(report.contains("filter") && report.contains("text"), "{report}");
    let error = failing(col("text").gt(lit(1)));
    assert!(error.report().contains("cannot compare string with numeric type"), "{}", error.report());
}

//! `group_by` and its aggregates.

use quokka::prelude::*;

use crate::support::{Rows, check, numbers, orders};

#[track_caller]
fn check_aggregates(keys: &[Expr], aggs: &[Expr]) {
    check([&numbers()], Rows::AnyOrder, |[t]| t.group_by(keys).agg(aggs), |[t]| t.group_by_stable(keys).agg(aggs));
}

#[test]
fn what_merges() {
    let aggs = [
        col("value").sum().alias("sum"),
        col("value").mean().alias("mean"),
        col("value").min().alias("min"),
        col("text").max().alias("max"),
        col("value").count().alias("count"),
        col("value").null_count().alias("nulls"),
        col("real").std(1).alias("std"),
        col("real").var(0).alias("var"),
        col("flag").any(true).alias("any"),
        col("flag").all(true).alias("all"),
        len(),
        (col("value").sum() * lit(100) / len()).alias("scaled"),
        (col("value") * col("id")).sum().alias("product"),
        col("value").filter(col("flag")).sum().alias("filtered"),
    ];
    check_aggregates(&[col("key")], &aggs);
    check_aggregates(&[col("key"), col("flag")], &aggs);
    check_aggregates(&[(col("id") % lit(5)).alias("mod"), col("text").str().len_chars().alias("chars")], &aggs);
}

#[test]
fn what_needs_whole_groups() {
    let aggs = [
        col("value").median().alias("median"),
        col("value").n_unique().alias("distinct"),
        col("real").quantile(lit(0.25), polars_core::prelude::QuantileMethod::Linear).alias("quantile"),
        col("text").sort_by([col("id")], Default::default()).last().alias("latest"),
        col("id").sum().alias("sum"),
    ];
    check_aggregates(&[col("key")], &aggs);
}

#[test]
fn whether_values_of_a_group_differ() {
    let day = || (col("id") % lit(3)).cast(DataType::Int32).cast(DataType::Date);
    let values = || [col("value") % lit(2), col("text"), col("flag"), day(), col("real")].map(|value| value.alias("x"));
    for value in values() {
        let count = || value.clone().n_unique();
        let aggs = [count().gt(lit(1)).alias("several"), count().eq(lit(1)).alias("one"), len()];
        // Groups of few rows, of nulls alone, of one value, and of one value and nulls.
        for key in [col("key"), col("id") / lit(3), (col("value") % lit(7)).is_null(), col("id") % lit(29)] {
            check_aggregates(&[key.alias("k")], &aggs);
        }
    }
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            t.group_by([col("key")]).agg([col("text").n_unique()]).filter(col("text").gt(lit(1))).select([col("key")])
        },
        |[t]| {
            t.group_by([col("key")]).agg([col("text").n_unique()]).filter(col("text").gt(lit(1))).select([col("key")])
        },
    );
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| t.group_by([col("key")]).having(col("text").n_unique().gt(lit(1))).agg([len()]),
        |[t]| {
            t.group_by([col("key")])
                .agg([len(), col("text").n_unique()])
                .filter(col("text").gt(lit(1)))
                .drop(cols(["text"]))
        },
    );
}

#[test]
fn counts_of_distinct_values() {
    let special = when(col("id").lt(lit(20))).then(lit(f64::NAN)).when(col("id").lt(lit(90))).then(lit(-0.0));
    let special = special.otherwise(col("real") % lit(3.0));
    for value in [col("value"), col("text"), col("flag"), special, col("value").cast(DataType::Date)] {
        let count = || value.clone().n_unique().alias("distinct");
        check_aggregates(&[col("key")], &[count()]);
        check_aggregates(&[col("id") % lit(2)], &[count()]);
        let aggs = [count(), len(), col("value").sum().alias("sum"), col("real").max(), col("text").count()];
        check_aggregates(&[col("key"), (col("id") % lit(4)).alias("mod")], &aggs);
        let empty = || col("id").lt(lit(0));
        check([&numbers()], Rows::Ordered, |[t]| t.select(&aggs), |[t]| t.select(&aggs));
        check(
            [&numbers()],
            Rows::Ordered,
            |[t]| t.filter(empty()).select(&aggs),
            |[t]| t.filter(empty()).select(&aggs),
        );
    }
}

#[test]
fn repetitions_go_before_values_are_counted() {
    let grouped = crate::support::context().from_df(numbers()).group_by([col("flag")]).agg([col("text").n_unique()]);
    let plan = grouped.explain().unwrap();
    assert!(plan.contains("as value] []"), "{plan}");
}

#[test]
fn groups_below_a_join() {
    // Every key of `numbers` has many rows.
    let aggs = [
        col("value").sum().alias("sum"),
        col("value").min().alias("min"),
        (col("value") * lit(2)).max().alias("max"),
        (col("value").count() + len()).alias("counts"),
        col("real").sum().alias("real"),
        len(),
    ];
    let keys = [col("name")];
    for how in [JoinType::Inner, JoinType::Left] {
        let args = || JoinArgs::new(how.clone());
        check(
            [&orders(), &numbers()],
            Rows::AnyOrder,
            |[orders, numbers]| {
                let orders = orders.select([col("key"), col("name")]);
                orders.join(numbers, [col("key")], [col("key")], args()).group_by(&keys).agg(&aggs)
            },
            |[orders, numbers]| {
                let orders = orders.select([col("key"), col("name")]);
                orders.join(numbers, [col("key")], [col("key")], args()).group_by(&keys).agg(&aggs)
            },
        );
    }
    let context = crate::support::context();
    let joined = context.from_df(orders()).left_join(context.from_df(numbers()), col("key"), col("key"));
    let plan = joined.group_by([col("name")]).agg([col("real").sum()]).explain().unwrap();
    assert!(plan.contains("partial(0)"), "{plan}");
}

#[test]
fn order_of_rows_in_a_group() {
    let aggs = [
        col("id").first().alias("first"),
        col("text").last().alias("last"),
        col("value").head(Some(2)).alias("head"),
        col("id").alias("ids"),
    ];
    check_aggregates(&[col("key")], &aggs);
    check_aggregates(&[col("key")], &aggs[..2]);
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            t.sort(["value"], SortMultipleOptions::default().with_maintain_order(true))
                .group_by([col("key")])
                .agg(&aggs)
        },
        |[t]| {
            t.sort(["value"], SortMultipleOptions::default().with_maintain_order(true))
                .group_by([col("key")])
                .agg(&aggs)
        },
    );
}

#[test]
fn wildcards_leave_the_keys_out() {
    check_aggregates(&[col("key"), col("flag")], &[all().as_expr().max().name().suffix("_max")]);
    check_aggregates(&[col("key")], &[dtype_col(&DataType::Int64).as_selector().as_expr().sum()]);
}

#[test]
fn distinct_keys() {
    check_aggregates(&[col("key"), col("text")], &[]);
}

#[test]
fn filters_of_groups() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            t.group_by([col("key")])
                .having(len().gt(lit(13)))
                .having(col("value").sum().gt(lit(0)))
                .agg([col("id").max()])
        },
        |[t]| {
            t.group_by([col("key")])
                .having(len().gt(lit(13)))
                .having(col("value").sum().gt(lit(0)))
                .agg([col("id").max()])
        },
    );
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            t.group_by([col("key")])
                .agg([col("value").sum()])
                .filter(col("key").gt(lit(4)).and(col("value").gt(lit(0))))
        },
        |[t]| {
            t.group_by([col("key")])
                .agg([col("value").sum()])
                .filter(col("key").gt(lit(4)).and(col("value").gt(lit(0))))
        },
    );
}

#[test]
fn groups_of_groups() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[t]| {
            t.group_by([col("key"), col("flag")])
                .agg([col("value").sum(), len().alias("rows")])
                .group_by([col("rows")])
                .agg([col("value").max(), len()])
        },
        |[t]| {
            t.group_by([col("key"), col("flag")])
                .agg([col("value").sum(), len().alias("rows")])
                .group_by([col("rows")])
                .agg([col("value").max(), len()])
        },
    );
}

#[test]
fn no_rows_no_groups() {
    let nothing = numbers().clear();
    let aggs = [col("value").sum(), col("real").median()];
    check(
        [&nothing],
        Rows::Ordered,
        |[t]| t.group_by([col("key")]).agg(&aggs),
        |[t]| t.group_by([col("key")]).agg(&aggs),
    );
}

#[test]
fn extrema_with_nan() {
    // `nan_max` is not a number if one value is not; `max` passes over it.
    let nan = || when((col("id") % lit(29)).eq(lit(3))).then(lit(f64::NAN)).otherwise(col("real"));
    let frame = numbers();
    let aggs = [nan().nan_max().alias("nan_max"), nan().nan_min().alias("nan_min"), nan().max().alias("max")];
    check(
        [&frame],
        Rows::AnyOrder,
        |[t]| t.group_by([col("key")]).agg(&aggs),
        |[t]| t.group_by([col("key")]).agg(&aggs),
    );
    check([&frame], Rows::Ordered, |[t]| t.select(&aggs), |[t]| t.select(&aggs));
    let over = [nan().nan_min().over([col("key")]).unwrap().alias("over")];
    check([&frame], Rows::AnyOrder, |[t]| t.with_columns(&over), |[t]| t.with_columns(&over));
}

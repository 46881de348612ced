//! A stream that is used more than once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars_lazy::dsl::{UnionArgs, concat};
use polars_lazy::frame::LazyFrame;
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Rows, check, context, numbers, orders};

fn totals(rows: DataStream) -> DataStream {
    rows.group_by([col("key")]).agg([col("value").sum(), col("id").min(), len().alias("rows")])
}

fn lazy_totals(rows: LazyFrame) -> LazyFrame {
    rows.group_by([col("key")]).agg([col("value").sum(), col("id").min(), len().alias("rows")])
}

fn shared_plans(stream: &DataStream) -> usize {
    stream.explain().unwrap().lines().filter(|line| line.starts_with("shared plan ")).count()
}

#[test]
fn both_sides_of_a_join_read_one_result() {
    let on = || (col("value"), col("rows").cast(DataType::Int32));
    let args = || JoinArgs::new(JoinType::Full).with_suffix(Some("_2".into()));
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[rows]| {
            let totals = totals(rows);
            totals.clone().join(totals, [on().0], [on().1], args())
        },
        |[rows]| {
            let totals = lazy_totals(rows);
            totals.clone().join(totals, [on().0], [on().1], args())
        },
    );
}

#[test]
fn shared_plans_read_shared_plans() {
    let query = |inner: [DataStream; 2]| {
        let [rows, orders] = inner;
        let joined = rows.inner_join(orders.select([col("key"), col("name")]), col("key"), col("key"));
        let totals = totals(joined.clone());
        let most = totals.clone().select([col("rows").max().alias("most")]);
        joined
            .join(totals.clone(), [col("key")], [col("key")], JoinArgs::new(JoinType::Left))
            .cross_join(most, None)
            .semi_join(totals.filter(col("rows").gt(lit(5))), col("key"), col("key"))
            .select([col("id"), col("name"), col("rows"), col("most")])
    };
    check([&numbers(), &orders()], Rows::AnyOrder, query, |[rows, orders]| {
        let joined = rows.inner_join(orders.select([col("key"), col("name")]), col("key"), col("key"));
        let totals = lazy_totals(joined.clone());
        let most = totals.clone().select([col("rows").max().alias("most")]);
        joined
            .left_join(totals.clone(), col("key"), col("key"))
            .join(most, [], [], JoinArgs::new(JoinType::Cross))
            .join(totals.filter(col("rows").gt(lit(5))), [col("key")], [col("key")], JoinArgs::new(JoinType::Semi))
            .select([col("id"), col("name"), col("rows"), col("most")])
    });
    let context = context();
    assert_eq!(shared_plans(&query([context.from_df(numbers()), context.from_df(orders())])), 2);
}

#[test]
fn dynamic_filters_reach_results() {
    let few = df!("key" => [1i64, 2, 3], "few" => ["a", "b", "c"]).unwrap();
    let query = |[rows, few]: [DataStream; 2]| {
        let totals = totals(rows);
        let some = totals.clone().inner_join(few, col("key"), col("key")).select([col("key"), col("rows")]);
        some.union(totals.select([col("key"), col("rows")]))
    };
    check([&numbers(), &few], Rows::AnyOrder, query, |[rows, few]| {
        let totals = lazy_totals(rows);
        let some = totals.clone().inner_join(few, col("key"), col("key")).select([col("key"), col("rows")]);
        concat([some, totals.select([col("key"), col("rows")])], UnionArgs::default()).unwrap()
    });
    let context = context();
    let text = query([context.from_df(numbers()), context.from_df(few)]).explain().unwrap();
    let scan = text.lines().find(|line| line.contains(": materialized ") && line.contains("filters=["));
    assert!(scan.is_some(), "{text}");
}

#[test]
fn an_order_survives() {
    check(
        [&numbers()],
        Rows::Ordered,
        |[rows]| {
            let sorted = rows.sort(["id"], SortMultipleOptions::default().with_order_descending(true));
            let least = sorted.clone().select([col("id").min().alias("least")]);
            // The sort is read in order, and by an aggregate that does not care.
            sorted
                .clone()
                .with_columns([col("value").shift(lit(1)).alias("next")])
                .limit(150)
                .union(
                    least
                        .cross_join(sorted, None)
                        .select([
                            col("least").alias("id"),
                            col("key"),
                            col("value"),
                            col("text"),
                            col("flag"),
                            col("real"),
                            col("value").alias("next"),
                        ])
                        .limit(0),
                )
                .sort(["id"], Default::default())
        },
        |[rows]| {
            let sorted = rows.sort(["id"], SortMultipleOptions::default().with_order_descending(true));
            sorted.with_columns([col("value").shift(lit(1)).alias("next")]).limit(150).sort(["id"], Default::default())
        },
    );
    // Nothing but the shared sort gives the order.
    check(
        [&numbers()],
        Rows::Ordered,
        |[rows]| {
            let sorted = rows.sort(["real", "id"], Default::default());
            let count = sorted.clone().select([len().alias("count")]);
            sorted
                .filter(col("value").is_not_null())
                .with_columns([col("id").cum_sum(false).alias("sum")])
                .slice(3, 50)
                .join(count, [lit(200u32)], [col("count")], JoinArgs::new(JoinType::Semi))
                .sort(["sum"], Default::default())
        },
        |[rows]| {
            let sorted = rows.sort(["real", "id"], Default::default());
            sorted.filter(col("value").is_not_null()).with_columns([col("id").cum_sum(false).alias("sum")]).slice(3, 50)
        },
    );
}

#[test]
fn nothing_comes_of_it() {
    check(
        [&numbers()],
        Rows::AnyOrder,
        |[rows]| {
            let none = totals(rows.filter(col("id").lt(lit(0))));
            let count = none.clone().select([len().alias("count"), col("value").sum().alias("sum")]);
            none.clone().union(none).select([len().alias("twice")]).cross_join(count, None)
        },
        |[rows]| {
            let none = lazy_totals(rows.filter(col("id").lt(lit(0))));
            let count = none.clone().select([len().alias("count"), col("value").sum().alias("sum")]);
            concat([none.clone(), none], UnionArgs::default()).unwrap().select([len().alias("twice")]).join(
                count,
                [],
                [],
                JoinArgs::new(JoinType::Cross),
            )
        },
    );
}

#[test]
fn readers_that_stop_early() {
    for (workers, batch_rows) in [(1, 3), (2, 1), (4, 7)] {
        let context = Context::builder().workers(workers).batch_rows(batch_rows).build().unwrap();
        let joined = context.from_df(numbers()).inner_join(context.from_df(orders()), col("key"), col("key"));
        let part = totals(joined);
        let few = part.clone().limit(2).select([col("rows")]).union(part.clone().limit(3).select([col("rows")]));
        assert_eq!(few.collect().unwrap().height(), 5);
        let none = part.clone().limit(0).select([col("rows")]).union(part.select([col("rows")]).limit(0));
        assert_eq!(none.collect().unwrap().height(), 0);
    }
}

#[test]
fn a_user_function_runs_once_a_row() {
    let context = Context::builder().workers(2).build().unwrap();
    let rows = Arc::new(AtomicUsize::new(0));
    let counted = rows.clone();
    let function = col("id").map(
        move |column| {
            counted.fetch_add(column.len(), Ordering::Relaxed);
            Ok(column)
        },
        |_, field| Ok(field.clone()),
    );
    let part = context.from_df(numbers()).with_columns([function.alias("seen")]);
    let sum = part.clone().select([col("seen").sum().alias("sum")]);
    let result = part.cross_join(sum, None).select([len().alias("rows"), col("sum").max()]).collect().unwrap();
    assert_eq!(result, df!("rows" => [200u32], "sum" => [199i64 * 100]).unwrap());
    assert_eq!(rows.load(Ordering::Relaxed), 200);
}

#[test]
fn a_failure_in_a_shared_plan_fails_the_query() {
    let context = Context::builder().workers(2).build().unwrap();
    let part = totals(context.from_df(numbers()).with_columns([col("text").strict_cast(DataType::Int64).alias("id")]));
    let error = part.clone().union(part).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Compute);
    assert!(error.report().contains("text"), "{}", error.report());
    assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
}

#[test]
fn cancel_while_readers_wait() {
    let context = Context::builder().workers(2).build().unwrap();
    let rows = context.from_df(df!("n" => (0..20_000i64).collect::<Vec<_>>()).unwrap());
    let pairs = rows.clone().cross_join(rows.clone(), Some("_2".into())).cross_join(rows, Some("_3".into()));
    let endless = pairs.group_by([col("n") + col("n_2") + col("n_3")]).agg([len().alias("rows")]);
    let query = endless.clone().union(endless).start().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!query.is_finished());
    query.cancel();
    assert_eq!(query.wait().unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
}

#[test]
fn what_is_shared_is_computed_once() {
    let context = Context::builder().workers(2).build().unwrap();
    let part = context.from_df(numbers()).inner_join(context.from_df(orders()), col("key"), col("key"));
    let (_, profile) = totals(part.clone()).semi_join(part, col("id"), col("id")).profile().unwrap();
    let operators = profile.report().nodes.iter().flat_map(|node| &node.operators);
    let scanned: u64 = operators.filter(|operator| operator.name == "memory-scan").map(|scan| scan.rows_out).sum();
    assert!(scanned <= 260, "{profile}");
    assert!(profile.to_string().contains("shared plan 1"), "{profile}");
}

//! Results that stay in the memory of the workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars_core::prelude::Categories;
use polars_lazy::frame::{IntoLazy, LazyFrame};
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Rows, assert_same, context, numbers, orders, setting, settings};

/// Checks, with whatever setting, that `after`, read from the dataset of `before` over [`numbers`], gives what `oracle`
/// gives.
#[track_caller]
fn check(
    rows: Rows,
    before: impl Fn(DataStream) -> DataStream,
    after: impl Fn(DataStream) -> DataStream,
    oracle: impl Fn(LazyFrame) -> LazyFrame,
) {
    let expected = oracle(numbers().lazy()).collect().unwrap();
    for (setting, context) in (0..settings()).map(setting) {
        let dataset = before(context.from_df(numbers())).compute().unwrap_or_else(|error| panic!("{}", error.report()));
        let stream = after(context.read_dataset(&dataset));
        // Twice: reading takes nothing away.
        for _ in 0..2 {
            let result = stream.collect().unwrap_or_else(|error| panic!("{setting}: {}", error.report()));
            assert_same(&result, &expected, rows, &|| format!("{setting}\n{}", stream.explain().unwrap()));
        }
    }
}

#[test]
fn rows_are_those_of_the_query() {
    let aggregate = |n: DataStream| n.group_by([col("key")]).agg([col("value").sum(), col("real").max(), len()]);
    check(
        Rows::AnyOrder,
        aggregate,
        |stream| stream,
        |n| n.group_by([col("key")]).agg([col("value").sum(), col("real").max(), len()]),
    );
    check(
        Rows::AnyOrder,
        |n| n,
        |n| n.filter(col("value").gt(lit(3))).select([col("id"), col("text")]),
        |n| n.filter(col("value").gt(lit(3))).select([col("id"), col("text")]),
    );
    check(
        Rows::AnyOrder,
        |n| n.filter(col("flag")),
        |n| n.clone().inner_join(n, col("key"), col("key")),
        |n| {
            let flagged = n.filter(col("flag"));
            flagged.clone().join(flagged, [col("key")], [col("key")], JoinArgs::new(JoinType::Inner))
        },
    );
    check(Rows::Ordered, |n| n, |n| n.select([len()]), |n| n.select([len()]));
}

#[test]
fn a_sorted_dataset_stays_sorted() {
    let sort = |n: DataStream| n.sort(["text", "id"], Default::default());
    let sorted = |n: LazyFrame| n.sort(["text", "id"], Default::default());
    check(Rows::Ordered, sort, |stream| stream, sorted);
    check(
        Rows::Ordered,
        sort,
        |n| n.filter(col("flag")).select([col("id")]),
        |n| sorted(n).filter(col("flag")).select([col("id")]),
    );
    check(Rows::Ordered, sort, |n| n.slice(17, 30), |n| sorted(n).slice(17, 30));
    check(Rows::Ordered, sort, |n| n.slice(-9, 5), |n| sorted(n).slice(-9, 5));
    check(
        Rows::Ordered,
        sort,
        |n| n.with_columns([col("id").shift(lit(1)).alias("before")]),
        |n| sorted(n).with_columns([col("id").shift(lit(1)).alias("before")]),
    );
    check(
        Rows::AnyOrder,
        sort,
        |n| n.group_by([col("text")]).agg([col("id").first()]),
        |n| sorted(n).group_by([col("text")]).agg([col("id").first()]),
    );
    check(
        Rows::Ordered,
        |n| n.top_k(9, [col("id")], Default::default()),
        |n| n,
        |n| n.top_k(9, [col("id")], Default::default()),
    );
}

/// Enough rows for a sort that every worker takes part in.
fn many() -> DataFrame {
    let ids: Vec<i64> = (0..50_000).map(|n| n * 7_919 % 50_000).collect();
    df!("id" => ids).unwrap()
}

#[test]
fn workers_hold_ranges_of_a_large_sort() {
    let context = Context::builder().workers(4).build().unwrap();
    let dataset = context.from_df(many()).sort(["id"], Default::default()).compute().unwrap();
    let sorted = df!("id" => (0..50_000i64).collect::<Vec<_>>()).unwrap();
    assert_eq!(dataset.to_df().unwrap(), sorted);
    assert_eq!(context.read_dataset(&dataset).collect().unwrap(), sorted);
    let first = context.read_dataset(&dataset).filter(col("id").gt(lit(40_000))).limit(3).collect().unwrap();
    assert_eq!(first, df!("id" => [40_001i64, 40_002, 40_003]).unwrap());
    // Where the rows are: each worker gives its own, in order.
    let seen = Arc::new(std::sync::Mutex::new(vec![Vec::new(); 4]));
    let sink = seen.clone();
    let write = context.read_dataset(&dataset).sink_fn(move |worker, batch| {
        sink.lock().unwrap()[worker].extend(batch.column("id")?.i64()?.iter().flatten());
        Ok(())
    });
    write.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|rows| rows.len() > 5_000), "{:?}", seen.iter().map(Vec::len).collect::<Vec<_>>());
    assert!(seen.concat().into_iter().eq(0..50_000));
}

#[test]
fn the_order_of_an_unsorted_dataset_is_the_same_every_time() {
    for (setting, context) in (0..settings()).map(setting) {
        let dataset = context.from_df(numbers()).group_by([col("id")]).agg([col("value").first()]).compute().unwrap();
        let frame = dataset.to_df().unwrap();
        let running = context.read_dataset(&dataset).with_columns([col("id").cum_sum(false)]).collect().unwrap();
        let expected = frame.clone().lazy().with_columns([col("id").cum_sum(false)]).collect().unwrap();
        assert_same(&running, &expected, Rows::Ordered, &|| setting.to_string());
        let first = context.read_dataset(&dataset).limit(5).collect().unwrap();
        assert_same(&first, &frame.head(Some(5)), Rows::Ordered, &|| setting.to_string());
    }
}

#[test]
fn every_type_comes_back() {
    let context = context();
    let decimals = Series::new("decimal".into(), ["1.25", "-3.50", "7.00"]).cast(&DataType::Decimal(15, 2)).unwrap();
    let wide = Series::new("wide".into(), ["1.25", "-3.50", "7.00"]).cast(&DataType::Decimal(38, 2)).unwrap();
    let lists = Series::new(
        "list".into(),
        [Series::new("".into(), [1, 2]), Series::new("".into(), [0i32; 0]), Series::new("".into(), [3])],
    );
    let categories = Series::new("category".into(), ["x", "y", "x"]);
    let categories = categories.cast(&DataType::from_categories(Categories::global())).unwrap();
    let columns = [decimals, wide, lists, categories].map(IntoColumn::into_column);
    let mut frame =
        df!("n" => [Some(1i8), None, Some(3)], "t" => [Some("a"), None, Some("")], "b" => [true, false, true]).unwrap();
    frame = frame.hstack(&columns).unwrap();
    let dataset = context.from_df(frame.clone()).compute().unwrap();
    assert_eq!(dataset.schema(), *frame.schema());
    assert!(dataset.to_df().unwrap().equals_missing(&frame));
    assert!(context.read_dataset(&dataset).collect().unwrap().equals_missing(&frame));
    let rows: usize = dataset.to_arrow().unwrap().iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(rows, 3);
    let sum = context.read_dataset(&dataset).select([col("decimal").sum()]).collect().unwrap();
    assert_eq!(sum.column("decimal").unwrap().get(0).unwrap().to_string(), "4.75");
}

#[test]
fn no_rows_and_no_columns() {
    let context = context();
    let none = context.from_df(numbers()).filter(col("id").lt(lit(0))).compute().unwrap();
    assert!(none.is_empty());
    assert_eq!(none.to_df().unwrap(), numbers().clear());
    assert_eq!(context.read_dataset(&none).collect().unwrap(), numbers().clear());
    assert_eq!(context.read_dataset(&none).select([len()]).collect().unwrap(), df!("len" => [0u32]).unwrap());
    assert_eq!(none.to_arrow().unwrap().len(), 1);
    let counted = context.from_df(numbers()).select([] as [Expr; 0]).compute().unwrap();
    assert_eq!((counted.len(), counted.schema().len()), (200, 0));
    assert_eq!(context.read_dataset(&counted).select([len()]).collect().unwrap(), df!("len" => [200u32]).unwrap());
}

#[test]
fn several_queries_read_it_at_the_same_time() {
    let context = Context::builder().workers(2).batch_rows(7).build().unwrap();
    let dataset = context.from_df(numbers()).compute().unwrap();
    let sum = context.read_dataset(&dataset).select([col("id").sum()]);
    let running: Vec<_> = (0..20).map(|_| sum.start().unwrap()).collect();
    // A dataset of a dataset, meanwhile.
    let orders = context.from_df(orders()).compute().unwrap();
    let joined = context.read_dataset(&dataset).semi_join(context.read_dataset(&orders), col("key"), col("key"));
    let joined = joined.compute().unwrap();
    drop((dataset, orders));
    for query in running {
        assert_eq!(query.wait().unwrap(), df!("id" => [19_900i64]).unwrap());
    }
    let keys = numbers().lazy().join(
        crate::support::orders().lazy(),
        [col("key")],
        [col("key")],
        JoinArgs::new(JoinType::Semi),
    );
    assert_same(&joined.to_df().unwrap(), &keys.collect().unwrap(), Rows::AnyOrder, &|| "semi join".into());
}

#[test]
fn planners_know_what_is_in_it() {
    let context = Context::builder().workers(2).build().unwrap();
    let dataset = context.from_df(numbers()).filter(col("id").lt(lit(150))).compute().unwrap();
    assert_eq!(dataset.len(), 150);
    let text = context.read_dataset(&dataset).filter(col("id").lt(lit(50))).explain().unwrap();
    assert!(text.contains("dataset-scan dataset=[") && text.contains("rows=[150]"), "{text}");
    assert!(text.contains("rows≈50"), "{text}");
    // Another dataset has another number, so that processes cannot mistake one for the other.
    let other = context.from_df(numbers()).filter(col("id").lt(lit(150))).compute().unwrap();
    let physical = |dataset: &Dataset| context.read_dataset(dataset).explain().unwrap();
    assert_ne!(physical(&dataset), physical(&other));
    assert_eq!(physical(&dataset), physical(&dataset.clone()));
}

#[test]
fn a_dataset_of_another_context_is_refused() {
    let context = context();
    let other = Context::builder().workers(1).build().unwrap();
    let dataset = other.from_df(numbers()).compute().unwrap();
    let error = context.read_dataset(&dataset).collect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    assert!(error.to_string().contains("another context"), "{error}");
    assert_eq!(other.clone().read_dataset(&dataset).collect().unwrap().height(), 200);
}

#[test]
fn a_query_that_fails_makes_no_dataset() {
    let context = context();
    let calls = Arc::new(AtomicUsize::new(0));
    let failing = context.from_df(numbers()).select([col("text").strict_cast(DataType::Int64)]);
    let error = failing.compute().unwrap_err();
    assert!(error.report().contains("text"), "{}", error.report());
    let unknown = context.from_df(numbers()).select([col("nothing")]).compute().unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidQuery);
    // The workers go on.
    let counter = calls.clone();
    let dataset = context.from_df(numbers()).compute().unwrap();
    let count = move |_, batch: DataFrame| {
        counter.fetch_add(batch.height(), Ordering::Relaxed);
        Ok(())
    };
    context.read_dataset(&dataset).sink_fn(count).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 200);
}

//! Functions of batches.

use polars_lazy::frame::IntoLazy;
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Rows, check, check_against, context, numbers, orders, setting, settings};

/// Each row twice, the second time with a negative `id`.
fn doubled(batch: DataFrame) -> Result<DataFrame, UserError> {
    let mut negative = batch.clone();
    negative.with_column((batch.column("id")? * -1i64).into_column())?;
    Ok(batch.vstack(&negative)?)
}

fn oracle(rows: &DataFrame) -> DataFrame {
    doubled(rows.clone()).unwrap()
}

#[test]
fn a_function_makes_more_rows() {
    let rows = numbers();
    let query = |[stream]: [DataStream; 1]| stream.map_batches(numbers().schema().clone(), doubled);
    check_against([&rows], Rows::AnyOrder, query, &oracle(&rows));
}

#[test]
fn nothing_moves_past_a_function() {
    let rows = numbers();
    // Each would give another result below the function.
    let query = |[stream]: [DataStream; 1]| {
        stream
            .map_batches(numbers().schema().clone(), doubled)
            .filter(col("id").lt(lit(0)))
            .sort(["id"], Default::default())
            .limit(20)
            .select([col("id"), col("key")])
    };
    let expected = oracle(&rows).lazy().filter(col("id").lt(lit(0))).sort(["id"], Default::default()).limit(20);
    check_against([&rows], Rows::Ordered, query, &expected.select([col("id"), col("key")]).collect().unwrap());
}

#[test]
fn below_and_above_joins_and_aggregates() {
    let (rows, others) = (numbers(), orders());
    let expected = {
        let pairs = oracle(&rows).lazy().filter(col("id").gt(lit(-50)));
        let sums = pairs.group_by([col("key")]).agg([col("id").sum(), len().alias("rows")]);
        sums.inner_join(others.clone().lazy(), col("key"), col("key")).collect().unwrap()
    };
    let query = |[stream, others]: [DataStream; 2]| {
        let same = numbers().schema().clone();
        let sums = stream
            .map_batches(same, doubled)
            .filter(col("id").gt(lit(-50)))
            .group_by([col("key")])
            .agg([col("id").sum(), len().alias("rows")]);
        let schema = sums.schema().unwrap();
        let passed = sums.map_batches(schema, |batch| -> Result<DataFrame, UserError> { Ok(batch) });
        passed.inner_join(others, col("key"), col("key"))
    };
    check_against([&rows, &others], Rows::AnyOrder, query, &expected);
}

#[test]
fn a_function_may_drop_all_rows() {
    let rows = numbers();
    let query = |[stream]: [DataStream; 1]| {
        stream.map_batches(numbers().schema().clone(), |_| -> Result<DataFrame, UserError> { Ok(DataFrame::empty()) })
    };
    check([&rows], Rows::AnyOrder, query, |[frame]| frame.filter(lit(false)));
}

#[test]
fn the_order_of_a_sort_stays() {
    let rows = numbers();
    let query = |[stream]: [DataStream; 1]| {
        let sorted = stream.sort(["id"], SortMultipleOptions::default().with_order_descending(true));
        let schema = sorted.schema().unwrap();
        sorted.map_batches(schema, |batch| -> Result<DataFrame, UserError> { Ok(batch) })
    };
    check([&rows], Rows::Ordered, query, |[frame]| {
        frame.sort(["id"], SortMultipleOptions::default().with_order_descending(true))
    });
}

#[test]
fn a_function_gets_the_columns_that_it_asks_for() {
    let rows = numbers();
    let sum = |batch: DataFrame| -> Result<DataFrame, UserError> {
        assert_eq!(batch.get_column_names(), ["value", "id"]);
        let values = batch.column("value")?.cast(&DataType::Int64)?;
        let sum = (&values + batch.column("id")?)?.with_name("sum".into());
        Ok(DataFrame::new(batch.height(), vec![sum])?)
    };
    let schema = || Schema::from_iter([Field::new("sum".into(), DataType::Int64)]);
    let options = || MapOptions::default().name("add").required_columns(["value", "id"]);
    let query = |[stream]: [DataStream; 1]| stream.map_batches_with(schema(), options(), sum);
    check([&rows], Rows::AnyOrder, query, |[frame]| {
        frame.select([(col("value").cast(DataType::Int64) + col("id")).alias("sum")])
    });
    let plan = query([context().from_df(rows.clone())]).explain().unwrap();
    assert!(plan.contains("add columns=[sum]") && plan.contains("columns=2/6"), "{plan}");
    let error =
        context().from_df(rows).map_batches_with(schema(), MapOptions::default().required_columns(["velue"]), sum);
    assert_eq!(
        error.schema().unwrap_err().to_string(),
        "unknown column `velue` in `map_batches`: did you mean `value`?"
    );
}

#[test]
fn decimals_are_those_of_polars() {
    let price = Series::new("price".into(), ["1.25", "-3.10", "0.05"]).cast(&DataType::Decimal(15, 2)).unwrap();
    let rows = DataFrame::new(3, vec![price.into_column()]).unwrap();
    let query = |[stream]: [DataStream; 1]| {
        let schema = stream.schema().unwrap();
        let seen = schema.clone();
        stream.map_batches(schema, move |batch| -> Result<DataFrame, UserError> {
            assert_eq!(batch.schema(), &seen);
            Ok(batch)
        })
    };
    check([&rows], Rows::AnyOrder, query, |[frame]| frame);
    // And a function that makes them.
    let made = rows.clone();
    let query = move |[stream]: [DataStream; 1]| {
        let made = made.clone();
        let wide = stream.map_batches(made.schema().clone(), move |batch| -> Result<DataFrame, UserError> {
            Ok(made.head(Some(batch.height())))
        });
        wide.select([col("price").sum()])
    };
    let one = rows.head(Some(1));
    check([&one], Rows::AnyOrder, query, |[frame]| frame.select([col("price").sum()]));
}

#[test]
fn a_stream_that_is_used_twice() {
    let rows = numbers();
    let query = |[stream]: [DataStream; 1]| {
        let made = stream.map_batches(numbers().schema().clone(), doubled);
        made.clone().filter(col("id").gt(lit(150))).union(made.filter(col("id").lt(lit(-150))))
    };
    let expected = oracle(&rows).lazy().filter(col("id").gt(lit(150)).or(col("id").lt(lit(-150))));
    check_against([&rows], Rows::AnyOrder, query, &expected.collect().unwrap());
}

#[test]
fn other_columns_than_promised() {
    type Function = fn(DataFrame) -> Result<DataFrame, UserError>;
    let cases: [(&str, Function); 4] = [
        ("column `id` is i32, not i64", |mut batch| {
            let id = batch.column("id")?.cast(&DataType::Int32)?;
            batch.with_column(id)?;
            Ok(batch)
        }),
        ("column `text` (str) is missing", |batch| Ok(batch.drop("text")?)),
        ("column `id_2` is not among them", |mut batch| {
            let id = batch.column("id")?.clone().with_name("id_2".into());
            batch.with_column(id)?;
            Ok(batch)
        }),
        ("column 0 is `key`, not `id`", |batch| Ok(batch.select(["key", "id", "value", "text", "flag", "real"])?)),
    ];
    for index in 0..settings() {
        let (setting, context) = setting(index);
        for (message, function) in cases {
            let stream = context.from_df(numbers());
            let wrong =
                stream.map_batches_with(numbers().schema().clone(), MapOptions::default().name("wrong"), function);
            let error = wrong.collect().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{setting}");
            let report = error.report();
            assert!(report.contains("`wrong` delivers") && report.contains(message), "{setting}: {report}");
        }
    }
}

#[test]
fn errors_and_panics_are_those_of_the_query() {
    #[derive(Debug, thiserror::Error)]
    #[error("row {0} is not good enough")]
    struct NotGood(usize);

    let context = Context::builder().workers(2).build().unwrap();
    let run = |function: fn(DataFrame) -> Result<DataFrame, UserError>| {
        let stream = context.from_df(numbers()).map_batches(numbers().schema().clone(), function);
        let error = stream.collect().unwrap_err();
        assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
        error
    };
    let error = run(|_| Err(NotGood(7).into()));
    assert_eq!(error.kind(), ErrorKind::User);
    assert!(error.report().ends_with("row 7 is not good enough"), "{}", error.report());
    let quokka::Error::Engine(quokka::engine::error::Error::Operator { source, .. }) = error else { panic!("{error}") };
    assert_eq!(source.get_ref().downcast_ref::<NotGood>().map(|error| error.0), Some(7));
    assert_eq!(run(|_| Err("a message".into())).kind(), ErrorKind::User);
    assert_eq!(run(|batch| Ok(batch.select(["nothing"])?)).kind(), ErrorKind::InvalidQuery);
    let error = run(|_| panic!("the user's own mistake"));
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert!(error.report().contains("map-batches") && error.report().contains("the user's own mistake"));
}

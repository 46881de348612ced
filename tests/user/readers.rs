//! Readers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use polars_lazy::frame::{IntoLazy, LazyFrame};
use quokka::engine::error::ErrorKind;
use quokka::prelude::*;

use crate::support::{Rows, assert_same, context, numbers, orders, setting, settings};

/// The rows of a frame, some in each split, and what was asked of it.
#[derive(Clone)]
struct FrameReader {
    frame: DataFrame,
    split_rows: usize,
    /// Delivers the columns that it is asked for, in reverse; otherwise all.
    projects: bool,
    rows: Option<u64>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FrameReader {
    fn new(frame: DataFrame, projects: bool) -> Self {
        Self { frame, split_rows: 17, projects, rows: None, asked: Arc::default() }
    }
}

impl InputReader for FrameReader {
    fn describe(&self) -> Description {
        Description::streams("frame-reader").with("rows", self.frame.height())
    }

    fn schema(&self) -> SchemaRef {
        self.frame.schema().clone()
    }

    fn splits(&self) -> Result<Vec<Split>, UserError> {
        let split = |start| Split { name: format!("rows from {start}"), rows: None };
        Ok((0..self.frame.height()).step_by(self.split_rows).map(split).collect())
    }

    fn read(&self, split: usize, columns: &Schema) -> Result<Batches, UserError> {
        *self.asked.lock().unwrap() = columns.iter_names().map(|name| name.to_string()).collect();
        let rows = self.frame.slice((split * self.split_rows) as i64, self.split_rows);
        let mut names: Vec<_> = columns.iter_names_cloned().collect();
        names.reverse();
        let rows = if self.projects { rows.select(names)? } else { rows };
        // Nothing yet, then some, then the rest.
        Ok(Box::new([DataFrame::empty(), rows.slice(0, 5), rows.slice(5, self.split_rows)].into_iter().map(Ok)))
    }

    fn rows(&self) -> Option<u64> {
        self.rows
    }

    fn statistics(&self, column: &str) -> ColumnStatistics {
        match column {
            "id" => ColumnStatistics { distinct: Some(200), nulls: Some(0), ..ColumnStatistics::default() },
            _ => ColumnStatistics::default(),
        }
    }
}

fn check_reader(rows: Rows, query: impl Fn(DataStream) -> DataStream, oracle: impl Fn(LazyFrame) -> LazyFrame) {
    let expected = oracle(numbers().lazy()).collect().unwrap();
    for index in 0..settings() {
        let (setting, context) = setting(index);
        for projects in [false, true] {
            let mut reader = FrameReader::new(numbers(), projects);
            reader.rows = projects.then_some(200);
            let stream = query(context.read(reader));
            assert_eq!(stream.schema().unwrap().as_ref(), expected.schema().as_ref(), "{setting}");
            let result = stream.collect().unwrap_or_else(|error| panic!("{setting}: {}", error.report()));
            assert_same(&result, &expected, rows, &|| format!("{setting}\n{}", stream.explain().unwrap()));
        }
    }
}

#[test]
fn all_rows() {
    check_reader(Rows::AnyOrder, |stream| stream, |frame| frame);
}

#[test]
fn filters_projections_and_counts() {
    let predicate = || col("key").gt(lit(3)).and(col("text").is_not_null());
    check_reader(
        Rows::AnyOrder,
        |stream| stream.filter(predicate()).select([col("real"), col("id")]),
        |frame| frame.filter(predicate()).select([col("real"), col("id")]),
    );
    check_reader(Rows::AnyOrder, |stream| stream.select([len()]), |frame| frame.select([len()]));
    check_reader(
        Rows::AnyOrder,
        |stream| stream.filter(predicate()).select([len()]),
        |frame| frame.filter(predicate()).select([len()]),
    );
}

#[test]
fn order_of_splits_and_limits() {
    check_reader(
        Rows::Ordered,
        |stream| stream.with_columns([col("id").cum_sum(false).alias("sum")]).sort(["id"], Default::default()),
        |frame| frame.with_columns([col("id").cum_sum(false).alias("sum")]).sort(["id"], Default::default()),
    );
    check_reader(Rows::Counted, |stream| stream.limit(33), |frame| frame.limit(33));
    check_reader(
        Rows::Ordered,
        |stream| stream.top_k(9, [col("id")], Default::default()),
        |frame| frame.top_k(9, [col("id")], Default::default()),
    );
}

#[test]
fn joins_and_uses_twice() {
    let expected = {
        let sums = numbers().lazy().group_by([col("key")]).agg([col("id").sum()]);
        let pairs = numbers().lazy().inner_join(orders().lazy(), col("key"), col("key"));
        pairs.inner_join(sums, col("key"), col("key")).collect().unwrap()
    };
    for index in 0..settings() {
        let (setting, context) = setting(index);
        let stream = context.read(FrameReader::new(numbers(), true));
        let sums = stream.clone().group_by([col("key")]).agg([col("id").sum()]);
        let pairs = stream.inner_join(context.from_df(orders()), col("key"), col("key"));
        let joined = pairs.inner_join(sums, col("key"), col("key"));
        assert_same(&joined.collect().unwrap(), &expected, Rows::AnyOrder, &|| setting.to_string());
    }
}

#[test]
fn a_reader_is_asked_for_what_is_needed() {
    let asked = |query: fn(DataStream) -> DataStream| {
        let reader = FrameReader::new(numbers(), true);
        let asked = reader.asked.clone();
        query(context().read(reader)).collect().unwrap();
        asked.lock().unwrap().join(" ")
    };
    assert_eq!(asked(|stream| stream), "id key value text flag real");
    assert_eq!(asked(|stream| stream.select([col("real"), col("key")])), "key real");
    assert_eq!(asked(|stream| stream.filter(col("text").is_not_null()).select([col("real")])), "text real");
    assert_eq!(asked(|stream| stream.select([len()])), "id");
    let plan = context().read(FrameReader::new(numbers(), true)).select([col("id")]).explain().unwrap();
    assert!(plan.contains("frame-reader rows=[200]") && plan.contains("columns=1/6 [id]"), "{plan}");
}

#[test]
fn decimals() {
    let price = Series::new("price".into(), ["1.25", "-3.10", "0.05"]).cast(&DataType::Decimal(15, 2)).unwrap();
    let rows = DataFrame::new(3, vec![price.into_column()]).unwrap();
    for index in 0..settings() {
        let stream = setting(index).1.read(FrameReader::new(rows.clone(), false));
        assert_same(&stream.collect().unwrap(), &rows, Rows::AnyOrder, &String::new);
        let positive = stream.filter(col("price").gt(lit(0))).select([col("price").sum()]).collect().unwrap();
        assert_eq!(positive.column("price").unwrap().get(0).unwrap().to_string(), "1.30");
    }
}

/// Fails in one way or another.
struct Bad(&'static str);

impl InputReader for Bad {
    fn describe(&self) -> Description {
        Description::streams("bad")
    }

    fn schema(&self) -> SchemaRef {
        Schema::from_iter(["a", "b"].map(|name| Field::new(name.into(), DataType::Int64))).into()
    }

    fn splits(&self) -> Result<Vec<Split>, UserError> {
        match self.0 {
            "splits" => Err("no splits".into()),
            "splits panic" => panic!("no splits"),
            _ => Ok(vec![Split { name: "the only split".into(), rows: None }]),
        }
    }

    fn read(&self, _split: usize, _columns: &Schema) -> Result<Batches, UserError> {
        let one = |frame: Result<DataFrame, UserError>| -> Result<Batches, UserError> {
            Ok(Box::new(std::iter::once(frame)))
        };
        match self.0 {
            "open" => Err("not readable".into()),
            "open panic" => panic!("not readable"),
            "rows" => one(Err("a bad row".into())),
            "missing" => one(Ok(df!("a" => [1i64])?)),
            "type" => one(Ok(df!("a" => [1i64], "b" => ["x"])?)),
            other => unreachable!("{other}"),
        }
    }
}

#[test]
fn readers_that_fail() {
    for (bad, kind, message) in [
        ("splits", ErrorKind::User, "no splits"),
        ("splits panic", ErrorKind::Panic, "`bad`"),
        ("open", ErrorKind::User, "the only split: not readable"),
        ("open panic", ErrorKind::Panic, "the only split: panicked: not readable"),
        ("rows", ErrorKind::User, "the only split: a bad row"),
        ("missing", ErrorKind::SchemaMismatch, "column `b` (i64) is missing"),
        ("type", ErrorKind::SchemaMismatch, "column `b` is str, not i64"),
    ] {
        let context = Context::builder().workers(2).build().unwrap();
        let error = context.read(Bad(bad)).collect().unwrap_err();
        assert_eq!(error.kind(), kind, "{bad}: {}", error.report());
        assert!(error.report().contains(message), "{bad}: {}", error.report());
        assert_eq!(context.from_df(numbers()).collect().unwrap().height(), 200);
    }
}

/// Endless.
struct Endless(Arc<AtomicUsize>);

impl InputReader for Endless {
    fn describe(&self) -> Description {
        Description::streams("endless")
    }

    fn schema(&self) -> SchemaRef {
        Schema::from_iter([Field::new("a".into(), DataType::Int64)]).into()
    }

    fn splits(&self) -> Result<Vec<Split>, UserError> {
        Ok(vec![Split { name: "all".into(), rows: None }])
    }

    fn read(&self, _split: usize, _columns: &Schema) -> Result<Batches, UserError> {
        let read = self.0.clone();
        Ok(Box::new(std::iter::repeat_with(move || {
            read.fetch_add(1, Ordering::Relaxed);
            Ok(df!("a" => [1i64; 100])?)
        })))
    }
}

#[test]
fn a_limit_stops_a_reader() {
    let batches = Arc::new(AtomicUsize::new(0));
    let context = Context::builder().workers(2).build().unwrap();
    assert_eq!(context.read(Endless(batches.clone())).limit(250).collect().unwrap().height(), 250);
    assert!(batches.load(Ordering::Relaxed) >= 3);
}

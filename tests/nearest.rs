//! The nearest rows of another stream, on every setting.

use quokka::prelude::*;

use crate::support::{context, setting, settings};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Euclidean, Metric::NegativeInnerProduct];

/// Rows with a vector, some of which have none, and every tenth of which is that of the row before.
fn frame(name: &str, rows: usize, dimension: usize, by: usize) -> DataFrame {
    let component = |row: usize, at: usize| ((row * by + at * 131) % 257) as f32 / 257.0 - 0.4;
    let vectors: Vec<Option<Series>> = (0..rows)
        .map(|row| {
            let same = row - usize::from(row % 10 == 9);
            let vector: Vec<f32> = (0..dimension).map(|at| component(same, at)).collect();
            (row % 13 != 5).then(|| Series::new("".into(), vector))
        })
        .collect();
    let vectors = match vectors.is_empty() {
        true => Series::new_empty("vector".into(), &DataType::List(Box::new(DataType::Float32))),
        false => Series::new("vector".into(), vectors),
    };
    DataFrame::new(
        rows,
        vec![
            Column::new(name.into(), (0..rows as i64).collect::<Vec<_>>()),
            vectors.into_column(),
            Column::new("text".into(), (0..rows).map(|row| format!("{name} {row}")).collect::<Vec<_>>()),
        ],
    )
    .unwrap()
}

/// The distance of each query to each row, the nearest first.
fn distances(queries: &DataFrame, rows: &DataFrame, metric: Metric) -> Vec<Vec<f64>> {
    let vectors = |frame: &DataFrame| -> Vec<Option<Vec<f64>>> {
        let vectors = frame.column("vector").unwrap().cast(&DataType::List(Box::new(DataType::Float64))).unwrap();
        let vectors = vectors.list().unwrap();
        (0..frame.height())
            .map(|row| Some(vectors.get_as_series(row)?.f64().unwrap().iter().flatten().collect()))
            .collect()
    };
    let rows = vectors(rows);
    let dot = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>();
    let distance = |one: &[f64], other: &[f64]| match metric {
        Metric::Cosine => 1.0 - dot(one, other) / (dot(one, one) * dot(other, other)).sqrt(),
        Metric::Euclidean => one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt(),
        Metric::NegativeInnerProduct => -dot(one, other),
    };
    let of = |query: Option<Vec<f64>>| {
        let Some(query) = query else { return Vec::new() };
        let mut all: Vec<f64> = rows.iter().flatten().map(|row| distance(&query, row)).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    vectors(queries).into_iter().map(of).collect()
}

/// Checks the neighbours that are found, with whatever setting; which rows they are must not depend on it.
fn check(queries: &DataFrame, rows: &DataFrame, k: usize, metric: Metric) {
    let expected = distances(queries, rows, metric);
    let mut first: Option<DataFrame> = None;
    for index in 0..settings() {
        let (setting, context) = setting(index);
        let options = NearestOptions::default().metric(metric).suffix("_near");
        let other = context.from_df(rows.clone());
        let stream = context.from_df(queries.clone()).nearest_join(other, "vector", "vector", k, options);
        let schema = stream.schema().unwrap();
        let found = stream.sort(["query", "rank"], Default::default()).collect().unwrap();
        assert_eq!(schema.as_ref(), found.schema().as_ref(), "{setting}");
        let names: Vec<&str> = schema.iter_names().map(|name| name.as_str()).collect();
        assert_eq!(names, ["query", "vector", "text", "row", "vector_near", "text_near", "distance", "rank"]);
        assert!(first.get_or_insert_with(|| found.clone()).equals_missing(&found), "{setting}");
        let queries = found.column("query").unwrap().i64().unwrap().iter();
        let ranks = found.column("rank").unwrap().u32().unwrap().iter();
        let places: Vec<(usize, usize)> =
            queries.zip(ranks).map(|(query, rank)| (query.unwrap() as usize, rank.unwrap() as usize)).collect();
        let all: Vec<(usize, usize)> = (0..expected.len())
            .flat_map(|query| (1..=expected[query].len().min(k)).map(move |rank| (query, rank)))
            .collect();
        assert_eq!(places, all, "{setting}");
        for ((query, rank), distance) in places.into_iter().zip(found.column("distance").unwrap().f64().unwrap().iter())
        {
            let expected = expected[query][rank - 1];
            let distance = distance.unwrap();
            assert!((distance - expected).abs() < 1e-9, "{setting} {metric:?}: {distance}, not {expected}");
        }
    }
}

#[test]
fn few_queries_are_held() {
    for metric in METRICS {
        check(&frame("query", 15, 6, 31), &frame("row", 140, 6, 17), 4, metric);
    }
}

#[test]
fn few_rows_are_held() {
    for metric in METRICS {
        check(&frame("query", 90, 5, 31), &frame("row", 23, 5, 17), 3, metric);
    }
}

#[test]
fn fewer_rows_than_are_asked_for() {
    check(&frame("query", 4, 3, 31), &frame("row", 5, 3, 17), 100, Metric::Euclidean);
    check(&frame("query", 7, 3, 31), &frame("row", 2, 3, 17), 100, Metric::Euclidean);
    for (queries, rows) in [(0, 5), (5, 0), (0, 0)] {
        check(&frame("query", queries, 3, 31), &frame("row", rows, 3, 17), 2, Metric::Cosine);
    }
}

#[test]
fn what_holds_is_the_smaller_side() {
    let plan = |queries: usize, rows: usize| {
        let (queries, rows) = (frame("query", queries, 3, 31), frame("row", rows, 3, 17));
        let context = context();
        let other = context.from_df(rows);
        let options = NearestOptions::default();
        context.from_df(queries).nearest_join(other, "vector", "vector", 1, options).explain().unwrap()
    };
    assert!(plan(5, 50).contains("holds=[queries]"), "{}", plan(5, 50));
    assert!(plan(50, 5).contains("holds=[rows]"), "{}", plan(50, 5));
}

#[test]
fn a_stream_with_itself_and_around_other_operations() {
    let context = context();
    let stream = context.from_df(frame("row", 60, 4, 29)).filter(col("row").lt(lit(40i64)));
    let nearest = stream.clone().nearest_join(stream, "vector", "vector", 1, NearestOptions::default());
    let nearest = nearest.filter(col("distance").lt(lit(1e-9))).select([col("row"), col("row_right")]);
    let nearest = nearest.sort(["row"], Default::default()).collect().unwrap();
    let rows = (0..40i64).filter(|row| row % 13 != 5);
    assert!(nearest.column("row").unwrap().i64().unwrap().iter().flatten().eq(rows), "{nearest}");
}

#[test]
fn what_is_refused() {
    let context = context();
    let stream = || context.from_df(frame("row", 3, 4, 29));
    let join = |left: DataStream, right: DataStream, on: &str, k: usize| {
        left.nearest_join(right, "vector", on, k, NearestOptions::default()).collect().unwrap_err().report()
    };
    let refused = |error: String, reason: &str| assert!(error.contains(reason), "{error}");
    refused(join(stream(), stream(), "vector", 0), "`k` is 0");
    refused(join(stream(), stream(), "text", 1), "an array or a list");
    refused(join(stream(), stream(), "vectors", 1), "did you mean `vector`");
    let other = context.from_df(frame("row", 3, 5, 29));
    refused(join(stream(), other, "vector", 1), "components");
    let named = stream().rename(["row"], ["rank"], true);
    refused(join(named, stream(), "vector", 1), "`rank`");
}

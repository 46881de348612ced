//! Against loops over all pairs.

use polars_arrow::array::FixedSizeListArray;
use polars_arrow::bitmap::Bitmap;
use polars_core::df;
use polars_core::prelude::*;
use quokka_engine::error::ErrorKind;

use super::{Metric, NearestRows};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Euclidean, Metric::NegativeInnerProduct];

fn random() -> impl FnMut() -> f64 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }
}

/// Vectors, some of which are null or have a null or NaN.
fn vectors(rows: usize, dimension: usize, mut component: impl FnMut() -> f64) -> Vec<Option<Vec<Option<f64>>>> {
    (0..rows)
        .map(|row| {
            let mut vector: Vec<Option<f64>> = (0..dimension).map(|_| Some(component())).collect();
            match row % 41 {
                7 => return None,
                13 => vector[0] = None,
                17 => vector[dimension - 1] = Some(f64::NAN),
                19 => vector[0] = Some(f64::INFINITY),
                23 => vector.fill(Some(0.0)),
                _ => {},
            }
            Some(vector)
        })
        .collect()
}

fn array(name: &str, vectors: &[Option<Vec<Option<f64>>>], dimension: usize, single: bool) -> Column {
    let flat = vectors.iter().flat_map(|vector| vector.clone().unwrap_or_else(|| vec![None; dimension]));
    let flat = Float64Chunked::from_iter_options("".into(), flat);
    let valid: Bitmap = vectors.iter().map(Option::is_some).collect();
    let inner = if single { flat.cast(&DataType::Float32).unwrap() } else { flat.into_series() };
    let inner = inner.rechunk().chunks()[0].clone();
    let dtype = FixedSizeListArray::default_datatype(inner.dtype().clone(), dimension);
    let array = FixedSizeListArray::new(dtype, vectors.len(), inner, Some(valid));
    Series::from_arrow(name.into(), array.boxed()).unwrap().into_column()
}

/// As lists.
fn list(name: &str, vectors: &[Option<Vec<Option<f64>>>], dimension: usize, single: bool) -> Column {
    let array = array(name, vectors, dimension, single);
    let DataType::Array(inner, _) = array.dtype().clone() else { unreachable!() };
    array.cast(&DataType::List(inner)).unwrap()
}

fn distance(metric: Metric, one: &[Option<f64>], other: &[Option<f64>]) -> Option<f64> {
    let (one, other): (Option<Vec<f64>>, Option<Vec<f64>>) =
        (one.iter().copied().collect(), other.iter().copied().collect());
    let (one, other) = (one?, other?);
    let dot = |one: &[f64], other: &[f64]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f64>();
    let distance = match metric {
        Metric::Cosine => 1.0 - dot(&one, &other) / (dot(&one, &one) * dot(&other, &other)).sqrt(),
        Metric::Euclidean => one.iter().zip(&other).map(|(one, other)| (one - other).powi(2)).sum::<f64>().sqrt(),
        Metric::NegativeInnerProduct => -dot(&one, &other),
    };
    let finite = one.iter().chain(&other).all(|component| component.is_finite());
    (finite && distance.is_finite()).then_some(distance)
}

/// For each query with neighbours its id, and their ids and distances.
fn found(nearest: &mut NearestRows, rows: usize) -> Vec<(i64, Vec<(i64, f64)>)> {
    let mut found: Vec<(i64, Vec<(i64, f64)>)> = Vec::new();
    while let Some(neighbours) = nearest.next(rows).unwrap() {
        let queries = neighbours.queries.column("q").unwrap().i64().unwrap();
        let ids = neighbours.rows.column("id").unwrap().i64().unwrap();
        for (row, (query, id)) in queries.iter().zip(ids.iter()).enumerate() {
            if neighbours.ranks[row] == 1 {
                found.push((query.unwrap(), Vec::new()));
            }
            let last = found.last_mut().unwrap();
            last.1.push((id.unwrap(), neighbours.distances[row]));
            assert_eq!((last.0, last.1.len()), (query.unwrap(), neighbours.ranks[row] as usize));
        }
    }
    found
}

#[test]
fn neighbours_are_those_of_all_pairs() {
    for (dimension, queries, rows, k) in
        [(1, 5, 100, 3), (3, 20, 500, 4), (17, 13, 700, 1), (128, 7, 300, 10), (4, 6, 3, 5)]
    {
        let mut component = random();
        let mut single = || f64::from(component() as f32);
        let (queries, rows) = (vectors(queries, dimension, &mut single), vectors(rows, dimension, &mut single));
        let ids = |count: usize| (0..count as i64).collect::<Vec<_>>();
        for metric in METRICS {
            for (make, single) in
                [(array as fn(_, _, _, _) -> Column, true), (array, false), (list, true), (list, false)]
            {
                let mut held = df!("q" => ids(queries.len())).unwrap();
                held.with_column(make("a", &queries, dimension, single)).unwrap();
                let mut base = df!("id" => ids(rows.len())).unwrap();
                base.with_column(make("b", &rows, dimension, single)).unwrap();
                for batch in [7, 64, 1000] {
                    let mut nearest = NearestRows::new(metric, k, held.clone(), "a", "b".into()).unwrap();
                    for start in (0..rows.len()).step_by(batch) {
                        nearest.add(&base.slice(start as i64, batch)).unwrap();
                    }
                    let mut found = found(&mut nearest, 5).into_iter();
                    for (query, vector) in queries.iter().enumerate() {
                        let mut all: Vec<f64> =
                            rows.iter().filter_map(|row| distance(metric, vector.as_ref()?, row.as_ref()?)).collect();
                        all.sort_by(f64::total_cmp);
                        all.truncate(k);
                        if all.is_empty() {
                            continue;
                        }
                        let (id, neighbours) = found.next().unwrap();
                        assert_eq!((id, neighbours.len()), (query as i64, all.len()), "{metric:?}");
                        for ((id, found), expected) in neighbours.iter().zip(all) {
                            let own = distance(metric, vector.as_ref().unwrap(), rows[*id as usize].as_ref().unwrap());
                            assert!(
                                (found - expected).abs() < 1e-12 * (1.0 + expected.abs()),
                                "{metric:?} {found} {expected}"
                            );
                            assert!(
                                (found - own.unwrap()).abs() < 1e-12 * (1.0 + found.abs()),
                                "{metric:?} {found} {own:?}"
                            );
                        }
                    }
                    assert!(found.next().is_none());
                }
            }
        }
    }
}

#[test]
fn distances_that_differ_in_the_last_digits_are_told_apart() {
    // Far from zero, in 32 bits all would be equally near.
    let rows: Vec<Option<Vec<Option<f64>>>> =
        (0..500).map(|row| Some(vec![Some(1e6 + f64::from(row * 37 % 500) * 1e-7), Some(1e6)])).collect();
    let queries = vec![Some(vec![Some(1e6), Some(1e6)])];
    for metric in [Metric::Euclidean, Metric::NegativeInnerProduct] {
        let mut held = df!("q" => [0i64]).unwrap();
        held.with_column(array("a", &queries, 2, false)).unwrap();
        let mut base = df!("id" => (0..500i64).collect::<Vec<_>>()).unwrap();
        base.with_column(array("b", &rows, 2, false)).unwrap();
        let mut nearest = NearestRows::new(metric, 3, held, "a", "b".into()).unwrap();
        nearest.add(&base).unwrap();
        let places: Vec<i64> = found(&mut nearest, 100)[0].1.iter().map(|(id, _)| id * 37 % 500).collect();
        let expected = if metric == Metric::Euclidean { [0, 1, 2] } else { [499, 498, 497] };
        assert_eq!(places, expected, "{metric:?}");
    }
}

#[test]
fn equal_distances_are_decided_alike_in_any_order() {
    let rows = vec![Some(vec![Some(1.0), Some(2.0)]); 200];
    let ids: Vec<i64> = (0..200).collect();
    let mut base = df!("id" => ids).unwrap();
    base.with_column(array("b", &rows, 2, true)).unwrap();
    let mut held = df!("q" => [0i64]).unwrap();
    held.with_column(array("a", &rows[..1], 2, true)).unwrap();
    let mut first = None;
    for by in [1, 3, 7, 199] {
        let order = IdxCa::from_vec("".into(), (0..200).map(|row| (row * by) % 200).collect());
        let shuffled = base.take(&order).unwrap().unique_stable(None, UniqueKeepStrategy::Any, None).unwrap();
        assert_eq!(shuffled.height(), 200);
        let mut nearest = NearestRows::new(Metric::Euclidean, 5, held.clone(), "a", "b".into()).unwrap();
        (0..200).step_by(30).for_each(|start| nearest.add(&shuffled.slice(start, 30)).unwrap());
        let found = found(&mut nearest, 100);
        assert_eq!(first.get_or_insert(found.clone()), &found);
    }
}

#[test]
fn rows_that_are_no_longer_near_are_given_up() {
    // Each is nearer than all before.
    let rows = 200_000;
    let mut held = df!("q" => [0i64]).unwrap();
    held.with_column(array("a", &[Some(vec![Some(0.0)])], 1, true)).unwrap();
    let mut nearest = NearestRows::new(Metric::Euclidean, 2, held, "a", "b".into()).unwrap();
    let mut most = 0;
    for start in (0..rows).step_by(1000) {
        let vectors: Vec<_> = (start..start + 1000).map(|row| Some(vec![Some(f64::from(rows - row))])).collect();
        let mut base = df!("id" => (i64::from(start)..i64::from(start) + 1000).collect::<Vec<_>>()).unwrap();
        base.with_column(array("b", &vectors, 1, true)).unwrap();
        nearest.add(&base).unwrap();
        most = most.max(nearest.bytes());
    }
    assert!(most < 2 << 20, "{most} bytes");
    let ids: Vec<i64> = found(&mut nearest, 100)[0].1.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [199_999, 199_998]);
}

#[test]
fn vectors_of_other_lengths_are_refused() {
    let lists = |name: &str, lengths: [usize; 2]| {
        let lists: Vec<Series> = lengths.iter().map(|length| Series::new("".into(), vec![1f64; *length])).collect();
        DataFrame::new(2, vec![Series::new(name.into(), lists).into_column()]).unwrap()
    };
    let error = NearestRows::new(Metric::Cosine, 1, lists("a", [2, 3]), "a", "b".into()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("row 1 of a batch in column `a` has 3 components, not 2"), "{error}");
    let mut nearest = NearestRows::new(Metric::Cosine, 1, lists("a", [2, 2]), "a", "b".into()).unwrap();
    let error = nearest.add(&lists("b", [2, 5])).unwrap_err();
    assert!(error.to_string().contains("column `b` has 5 components, not 2"), "{error}");
    let words = df!("b" => ["x"]).unwrap();
    assert!(nearest.add(&words).unwrap_err().to_string().contains("not vectors"));
}

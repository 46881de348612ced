//! Sketches against sorted values.

use polars_core::prelude::*;

use super::keys::Key;
use super::ranks::Ranks;

/// A reproducible sequence of numbers without order.
fn numbers(count: usize) -> Vec<i64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 1) as i64
    };
    (0..count).map(|_| next()).collect()
}

/// The share of values between `value` and the place of the quantile in the order.
fn rank_error(sorted: &[i64], quantile: f64, value: i64) -> f64 {
    let place = quantile * sorted.len() as f64;
    let first = sorted.partition_point(|other| *other < value) as f64;
    let last = sorted.partition_point(|other| *other <= value) as f64;
    (first - place).max(place - last).max(0.0) / sorted.len() as f64
}

fn quantiles() -> Vec<f64> {
    (0..=100).map(|percent| f64::from(percent) / 100.0).collect()
}

#[track_caller]
fn check(sketch: &Ranks<i64>, sorted: &[i64], bound: f64) {
    assert_eq!(sketch.count(), sorted.len() as u64);
    let values = sketch.quantiles(&quantiles()).unwrap();
    for (quantile, value) in quantiles().into_iter().zip(&values) {
        let error = rank_error(sorted, quantile, *value);
        assert!(error <= bound, "quantile {quantile} is off by {error}");
    }
    assert_eq!((values[0], values[100]), (sorted[0], sorted[sorted.len() - 1]));
}

#[test]
fn few_values_are_exact() {
    let mut sketch = Ranks::<i64>::new(200);
    assert_eq!(sketch.quantiles(&[0.5]), None);
    let values = numbers(199);
    let mut sorted = values.clone();
    sorted.sort_unstable();
    sketch.insert_all(&values);
    for percent in 0..=100usize {
        let rank = (percent * sorted.len()).div_ceil(100).max(1);
        let quantile = percent as f64 / 100.0;
        assert_eq!(sketch.quantiles(&[quantile]), Some(vec![sorted[rank - 1]]), "{quantile}");
    }
}

#[test]
fn ranks_stay_within_the_bound() {
    let values = numbers(100_000);
    let mut sorted = values.clone();
    sorted.sort_unstable();
    let descending: Vec<i64> = sorted.iter().rev().copied().collect();
    let ends_first: Vec<i64> =
        sorted.iter().zip(&descending).take(sorted.len() / 2).flat_map(|(low, high)| [*low, *high]).collect();
    for (k, bound) in [(200, 0.0133), (1000, 0.0028)] {
        for values in [&values, &sorted, &descending, &ends_first] {
            let mut one = Ranks::new(k);
            values.iter().for_each(|value| one.insert(*value));
            check(&one, &sorted, bound);
            assert!(one.bytes() < 80 * k, "{} bytes", one.bytes());
            let mut all = Ranks::new(k);
            all.insert_all(values);
            assert_eq!(all, one);
            for parts in [2, 7, 300] {
                let mut whole = Ranks::new(k);
                for part in values.chunks(values.len().div_ceil(parts)) {
                    let mut sketch = Ranks::new(k);
                    sketch.insert_all(part);
                    whole.merge(&sketch);
                }
                check(&whole, &sorted, bound);
                assert!(whole.bytes() < 80 * k, "{} bytes", whole.bytes());
            }
        }
    }
}

#[test]
fn equal_values_take_their_share_of_the_ranks() {
    let values: Vec<i64> = (0..100_000).map(|i| if i % 10 < 6 { 5 } else { i % 100 }).collect();
    let mut sorted = values.clone();
    sorted.sort_unstable();
    let mut sketch = Ranks::new(200);
    sketch.insert_all(&values);
    check(&sketch, &sorted, 0.0133);
}

#[test]
fn images_come_back_and_damage_is_noticed() {
    for count in [0, 1, 199, 200, 5000, 200_000] {
        let mut sketch = Ranks::<i64>::new(200);
        sketch.insert_all(&numbers(count));
        let mut image = Vec::new();
        sketch.write(&mut image);
        assert_eq!(Ranks::read(200, &image), Some(sketch));
        if count < 200 {
            continue;
        }
        assert_eq!(Ranks::<i64>::read(200, &image[..image.len() - 1]), None);
        assert_eq!(Ranks::<i64>::read(200, &image[..12]), None);
        image.extend([0; 8]);
        assert_eq!(Ranks::<i64>::read(200, &image), None);
        image[0] = 255;
        assert_eq!(Ranks::<i64>::read(200, &image), None);
    }
    assert_eq!(Ranks::<i64>::read(200, &[]), None);
    assert_eq!(Ranks::<i64>::read(200, &[1, 2, 3]), None);
}

#[test]
fn keys_stand_in_the_order_of_values() {
    let floats = [f64::NEG_INFINITY, f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 1e-300, 1.5, f64::MAX, f64::INFINITY];
    let keys = i64::of(&Column::new("v".into(), floats)).unwrap();
    assert!(keys.values().windows(2).all(|pair| pair[0] < pair[1]));
    let back: Vec<Option<i64>> = keys.values().iter().map(|key| Some(*key)).collect();
    let back = i64::column(&back, &DataType::Float64).unwrap();
    assert_eq!(back.f64().unwrap().to_vec_null_aware().left().unwrap(), floats);

    let special = Column::new("v".into(), [-0.0, 0.0, f64::INFINITY, f64::NAN, -f64::NAN]);
    let keys = i64::of(&special).unwrap();
    let keys = keys.values();
    assert_eq!((keys[0], keys[3]), (keys[1], keys[4]));
    assert!(keys[2] < keys[3]);

    let unsigned = [0u64, 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX];
    let keys = i64::of(&Column::new("v".into(), unsigned)).unwrap();
    assert!(keys.values().windows(2).all(|pair| pair[0] < pair[1]));
    let back: Vec<Option<i64>> = keys.values().iter().map(|key| Some(*key)).chain([None]).collect();
    let back = i64::column(&back, &DataType::UInt64).unwrap();
    assert_eq!(back.u64().unwrap().iter().collect::<Vec<_>>()[4..], [Some(u64::MAX), None]);
}

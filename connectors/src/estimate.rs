//! How many different values a column has, from a part of it.

use polars_core::error::PolarsResult;
use polars_core::series::Series;

/// About how many different values there are to draw from, if `draws` draws showed `seen` of them: the solution of
/// `seen = values * (1 - exp(-draws / values))`, which holds if all values are equally frequent. Infinite if no value
/// was drawn twice.
pub(crate) fn population(seen: f64, draws: f64) -> f64 {
    if seen <= 0.0 {
        return 0.0;
    }
    if seen > draws - 0.5 {
        return f64::INFINITY;
    }
    // The right side grows with `values` from below `seen` to `draws`.
    let (mut low, mut high) = (seen, draws * draws);
    for _ in 0..64 {
        let middle = (low * high).sqrt();
        if seen_of(middle, draws) < seen { low = middle } else { high = middle }
    }
    high
}

/// About how many of `values` equally frequent values show in `draws` draws.
pub(crate) fn seen_of(values: f64, draws: f64) -> f64 {
    if values.is_infinite() { draws } else { -values * (-draws / values).exp_m1() }
}

/// About how many different values there are in `rows` rows of which `places` are samples, each of consecutive rows.
///
/// Rows that stand together are often alike, so a value counts once a place: what one place tells is how many rows share
/// a value with their neighbours, what several tell is how many values there are at all.
pub(crate) fn distinct(places: &[Series], rows: f64) -> PolarsResult<f64> {
    let mut all: Option<Series> = None;
    let (mut sampled, mut draws) = (0, 0);
    for place in places {
        let place = place.drop_nulls();
        sampled += place.len();
        let unique = place.unique()?;
        draws += unique.len();
        match &mut all {
            Some(all) => all.append(&unique).map(|_| ())?,
            None => all = Some(unique),
        }
    }
    let Some(all) = all.filter(|_| sampled > 0) else { return Ok(0.0) };
    let (sampled, draws) = (sampled as f64, draws as f64);
    let draws_of_all = rows * draws / sampled;
    Ok(seen_of(population(all.n_unique()? as f64, draws), draws_of_all))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::prelude::{NamedFrom, PlSmallStr};

    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= expected / 10.0, "{found} where about {expected} was expected");
    }

    #[test]
    fn the_population_is_found_from_what_was_seen_of_it() {
        for (values, draws) in [(10.0, 5.0), (200_000.0, 131_072.0), (1e6, 1e6), (50.0, 1e4), (1e7, 1e5)] {
            near(population(seen_of(values, draws), draws), values);
        }
        assert_eq!(population(0.0, 0.0), 0.0);
        assert!(population(100.0, 100.0).is_infinite());
        near(population(1.0, 1000.0), 1.0);
    }

    /// Values of 16 places of 128 rows each, all over `rows` rows.
    fn places(rows: u64, value: impl Fn(u64) -> u64) -> Vec<Series> {
        let place = |place: u64| (0..128).map(|row| value(place * rows / 16 + row)).collect::<Vec<u64>>();
        (0..16).map(|index| Series::new(PlSmallStr::EMPTY, place(index))).collect()
    }

    /// A number that looks random (splitmix64).
    fn random(row: u64) -> u64 {
        let mut x = row.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    #[test]
    fn samples_tell_few_values_keys_and_runs() {
        let rows = 1_000_000;
        near(distinct(&places(rows, |_| 7), rows as f64).unwrap(), 1.0);
        near(distinct(&places(rows, |row| random(row) % 50), rows as f64).unwrap(), 50.0);
        near(distinct(&places(rows, |row| random(row) % 2000), rows as f64).unwrap(), 2000.0);
        near(distinct(&places(rows, |row| row), rows as f64).unwrap(), 1e6);
        near(distinct(&places(rows, |row| row / 4), rows as f64).unwrap(), 250_000.0);
        assert_eq!(distinct(&[], 0.0).unwrap(), 0.0);
    }
}

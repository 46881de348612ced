//! Sums of products of columns, from which covariances are made.

/// Rows whose products are summed before they are added to the others. Their columns stay in the cache.
const TILE: usize = 512;
/// Columns of one block of the result, and those that they are multiplied with.
const BLOCK: usize = 4;
const ACROSS: usize = 2;
/// Columns on the left that stay in the first cache while those on the right pass.
const GROUP: usize = 4 * BLOCK;
/// Sums that are kept side by side.
const LANES: usize = 4;

/// The values of a column in a tile.
type Column = [[f64; LANES]; TILE / LANES];

/// The sums of products of each pair of columns over many rows, around their means or around zero.
///
/// A tile of rows is centred by its own means, so that no digit is lost where means are large and spreads small; tiles and
/// parts are joined as by Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
/// variances" (1979).
///
/// ```
/// use quokka_operators::moments::CoMoments;
///
/// let mut moments = CoMoments::new(2, true);
/// moments.add(&[&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]]);
/// assert_eq!((moments.count(), moments.sum(0, 1)), (3, 4.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct CoMoments {
    centred: bool,
    columns: usize,
    count: u64,
    /// Zero unless centred.
    means: Vec<f64>,
    /// A matrix, row by row, of which only the lower triangle is filled.
    sums: Vec<f64>,
    tile: Vec<Column>,
}

impl CoMoments {
    /// No rows of so many columns, around their means or around zero.
    pub fn new(columns: usize, centred: bool) -> Self {
        let (means, sums) = (vec![0.0; columns], vec![0.0; columns * columns]);
        Self { centred, columns, count: 0, means, sums, tile: Vec::new() }
    }

    /// What was taken apart by [`count`](Self::count), [`means`](Self::means) and [`sums`](Self::sums); `None` if the numbers
    /// of means and sums do not fit.
    pub fn from_parts(centred: bool, count: u64, means: Vec<f64>, sums: Vec<f64>) -> Option<Self> {
        let columns = means.len();
        (sums.len() == columns * columns).then(|| Self { centred, columns, count, means, sums, tile: Vec::new() })
    }

    /// Number of rows.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean of each column; zeros unless centred.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The sum for a pair of columns.
    pub fn sum(&self, one: usize, other: usize) -> f64 {
        self.sums[one.max(other) * self.columns + one.min(other)]
    }

    /// The sums as a matrix, row by row; those above its diagonal are zero.
    pub fn sums(&self) -> &[f64] {
        &self.sums
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        (self.means.capacity() + self.sums.capacity() + self.tile.capacity() * TILE) * size_of::<f64>()
    }

    /// Adds rows, given as columns of equal length.
    pub fn add(&mut self, columns: &[&[f64]]) {
        let rows = columns.first().map_or(0, |column| column.len());
        for start in (0..rows).step_by(TILE) {
            let end = rows.min(start + TILE);
            let means = self.fill_tile(columns.iter().map(|column| &column[start..end]), end - start);
            self.add_products();
            self.join((end - start) as u64, &means);
        }
    }

    /// Adds the rows of another part.
    pub fn merge(&mut self, other: &Self) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| *sum += other);
        self.join(other.count, &other.means);
    }

    /// Corrects the sums, to which those of `count` other rows around `means` were added.
    fn join(&mut self, count: u64, means: &[f64]) {
        let (here, there) = (self.count as f64, count as f64);
        self.count += count;
        if !self.centred || count == 0 {
            return;
        }
        let distances: Vec<f64> = self.means.iter().zip(means).map(|(here, there)| there - here).collect();
        let weight = there / (here + there);
        self.means.iter_mut().zip(&distances).for_each(|(mean, distance)| *mean += distance * weight);
        if here > 0.0 {
            for (i, (sums, one)) in self.sums.chunks_exact_mut(self.columns).zip(&distances).enumerate() {
                let one = one * here * weight;
                sums[..=i].iter_mut().zip(&distances).for_each(|(sum, other)| *sum += one * other);
            }
        }
    }

    /// Fills the tile with at most [`TILE`] rows, less their means if centred. Returns the means.
    fn fill_tile<'a>(&mut self, columns: impl Iterator<Item = &'a [f64]>, rows: usize) -> Vec<f64> {
        self.tile.resize(self.columns.next_multiple_of(BLOCK), [[0.0; LANES]; TILE / LANES]);
        let mut means = Vec::with_capacity(self.columns);
        for (column, values) in self.tile.iter_mut().zip(columns) {
            let mean = if self.centred { total(values) / rows as f64 } else { 0.0 };
            let (centred, rest) = column.as_flattened_mut().split_at_mut(rows);
            centred.iter_mut().zip(values).for_each(|(centred, value)| *centred = value - mean);
            rest.fill(0.0);
            means.push(mean);
        }
        means
    }

    /// Adds the products of the columns of the tile.
    fn add_products(&mut self) {
        for group in (0..self.tile.len()).step_by(GROUP) {
            let end = self.tile.len().min(group + GROUP);
            for right in (0..end).step_by(ACROSS) {
                let rights: [&Column; ACROSS] = std::array::from_fn(|i| &self.tile[right + i]);
                // Blocks above the diagonal are left out.
                let first = group.max(right / BLOCK * BLOCK);
                for left in (first..end).step_by(BLOCK) {
                    let lefts: [&Column; BLOCK] = std::array::from_fn(|i| &self.tile[left + i]);
                    for (i, products) in (left..).zip(products(lefts, rights)) {
                        for (j, product) in (right..).zip(products) {
                            if i < self.columns && j <= i {
                                self.sums[i * self.columns + j] += product;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The sum of the products of each column on the left with each on the right.
#[inline(always)]
fn products(left: [&Column; BLOCK], right: [&Column; ACROSS]) -> [[f64; ACROSS]; BLOCK] {
    let mut sums = [[[0.0; LANES]; ACROSS]; BLOCK];
    for step in 0..TILE / LANES {
        let right = right.map(|column| column[step]);
        for (sums, left) in sums.iter_mut().zip(left) {
            let left = left[step];
            for (sums, right) in sums.iter_mut().zip(right) {
                for lane in 0..LANES {
                    sums[lane] = multiply_add(left[lane], right[lane], sums[lane]);
                }
            }
        }
    }
    sums.map(|sums| sums.map(|lanes| (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])))
}

/// `x * y + z`, in one operation where the processor has it.
#[inline(always)]
fn multiply_add(x: f64, y: f64, z: f64) -> f64 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { x.mul_add(y, z) } else { x * y + z }
}

fn total(values: &[f64]) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Columns of reproducible numbers from -0.5 to 0.5 times a spread, around offsets.
    fn columns(columns: usize, rows: usize) -> Vec<Vec<f64>> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        (0..columns)
            .map(|column| (0..rows).map(|_| random() * (column + 1) as f64 + 1e7 * column as f64).collect())
            .collect()
    }

    fn slices(columns: &[Vec<f64>], rows: std::ops::Range<usize>) -> Vec<&[f64]> {
        columns.iter().map(|column| &column[rows.clone()]).collect()
    }

    /// In two passes.
    fn expected(columns: &[Vec<f64>], one: usize, other: usize, centred: bool) -> f64 {
        let mean = |column: &[f64]| if centred { column.iter().sum::<f64>() / column.len() as f64 } else { 0.0 };
        let (one_mean, other_mean) = (mean(&columns[one]), mean(&columns[other]));
        columns[one].iter().zip(&columns[other]).map(|(one, other)| (one - one_mean) * (other - other_mean)).sum()
    }

    #[test]
    fn sums_are_those_of_two_passes() {
        for (width, rows) in [(1, 1), (1, 1000), (3, 255), (4, 256), (5, 257), (19, 2000), (33, 700)] {
            let columns = columns(width, rows);
            for centred in [true, false] {
                let mut whole = CoMoments::new(width, centred);
                whole.add(&slices(&columns, 0..rows));
                let mut parts = CoMoments::new(width, centred);
                for part in 0..5 {
                    let mut moments = CoMoments::new(width, centred);
                    moments.add(&slices(&columns, rows * part / 5..rows * (part + 1) / 5));
                    let copy = CoMoments::from_parts(
                        centred,
                        moments.count(),
                        moments.means().to_vec(),
                        moments.sums().to_vec(),
                    );
                    parts.merge(&copy.unwrap());
                }
                for moments in [whole, parts] {
                    assert_eq!(moments.count(), rows as u64);
                    for one in 0..width {
                        for other in 0..width {
                            let (actual, expected) = (moments.sum(one, other), expected(&columns, one, other, centred));
                            let scale = (moments.sum(one, one) * moments.sum(other, other)).sqrt();
                            let error = (actual - expected).abs();
                            assert!(error <= 1e-9 * scale + 1e-12, "{width} {rows} {centred}: {actual} {expected}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn small_integers_are_exact_around_zero() {
        let mut moments = CoMoments::new(2, false);
        moments.add(&[&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]]);
        assert_eq!([moments.sum(0, 0), moments.sum(0, 1), moments.sum(1, 1)], [14.0, 32.0, 77.0]);
    }

    #[test]
    fn parts_must_fit() {
        assert!(CoMoments::from_parts(true, 1, vec![0.0; 2], vec![0.0; 3]).is_none());
    }
}

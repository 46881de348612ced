//! Loops over rows of few groups.
//!
//! Where the rows of a batch belong to few groups, neighbours often belong to the same one, and an addition must wait for
//! the one before it to reach memory and come back: four to five cycles a row. Neighbours are added in different places
//! therefore, which come together at the end of the batch.

/// Groups that are few.
pub(crate) const FEW: usize = 64;

/// Neighbours that do not wait for each other.
const LANES: usize = 4;

/// The sum of the values of each group, all of which are below [`FEW`]. No sum leaves 64 bits.
pub(crate) fn sum_by_group(groups: &[u32], values: &[i64]) -> [i64; FEW] {
    fold_by_group(groups.iter().copied().zip(values.iter().copied()))
}

/// The number of rows of each group, all of which are below [`FEW`].
pub(crate) fn count_by_group(groups: &[u32]) -> [i64; FEW] {
    fold_by_group(groups.iter().map(|group| (*group, 1)))
}

#[inline(always)]
fn fold_by_group(mut rows: impl ExactSizeIterator<Item = (u32, i64)>) -> [i64; FEW] {
    let mut lanes = [[0i64; FEW]; LANES];
    // The remainder spares the check of bounds: FEW is a power of two.
    for _ in 0..rows.len() / LANES {
        for lane in &mut lanes {
            if let Some((group, value)) = rows.next() {
                lane[group as usize % FEW] += value;
            }
        }
    }
    for (group, value) in rows {
        lanes[0][group as usize % FEW] += value;
    }
    let mut sums = [0; FEW];
    for lane in &lanes {
        sums.iter_mut().zip(lane).for_each(|(sum, part)| *sum += part);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_counts_once() {
        for rows in [0usize, 1, 3, 4, 5, 1000, 1003] {
            let groups: Vec<u32> = (0..rows as u32).map(|row| row * row % FEW as u32).collect();
            let values: Vec<i64> = (0..rows as i64).map(|row| row * 7 - 900).collect();
            let (mut sums, mut counts) = ([0; FEW], [0; FEW]);
            for (group, value) in groups.iter().zip(&values) {
                sums[*group as usize] += value;
                counts[*group as usize] += 1;
            }
            assert_eq!(sum_by_group(&groups, &values), sums);
            assert_eq!(count_by_group(&groups), counts);
        }
    }
}

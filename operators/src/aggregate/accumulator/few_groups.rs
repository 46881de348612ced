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
    let mut lanes = [[0; FEW]; LANES];
    let (groups, last_groups) = groups.as_chunks::<LANES>();
    let (values, last_values) = values.as_chunks::<LANES>();
    for (groups, values) in groups.iter().zip(values) {
        for ((lane, group), value) in lanes.iter_mut().zip(groups).zip(values) {
            lane[place(*group)] += value;
        }
    }
    for (group, value) in last_groups.iter().zip(last_values) {
        lanes[0][place(*group)] += value;
    }
    together(&lanes)
}

/// The number of rows of each group, all of which are below [`FEW`].
pub(crate) fn count_by_group(groups: &[u32]) -> [i64; FEW] {
    let mut lanes = [[0; FEW]; LANES];
    let (groups, last_groups) = groups.as_chunks::<LANES>();
    for groups in groups {
        for (lane, group) in lanes.iter_mut().zip(groups) {
            lane[place(*group)] += 1;
        }
    }
    for group in last_groups {
        lanes[0][place(*group)] += 1;
    }
    together(&lanes)
}

/// The group itself. The remainder, of a power of two, spares a check of bounds.
#[inline(always)]
fn place(group: u32) -> usize {
    group as usize % FEW
}

fn together(lanes: &[[i64; FEW]; LANES]) -> [i64; FEW] {
    let mut sums = [0; FEW];
    for lane in lanes {
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

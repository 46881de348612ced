//! Rows that stand for a whole table.

/// The places of `count` of `rows` rows, in order: one row, chosen by chance, of each of `count` ranges of equal size, so
/// that no pattern in the data meets the steps of the sample. The chance is the same every time. All rows if there are
/// not more than `count`.
///
/// ```
/// use quokka_engine::sample::places;
/// assert!(places(10, 3).eq(0..3));
/// let drawn: Vec<usize> = places(10, 1_000).collect();
/// assert_eq!(drawn.len(), 10);
/// assert!(drawn.iter().enumerate().all(|(range, row)| row / 100 == range));
/// ```
pub fn places(count: usize, rows: usize) -> impl Iterator<Item = usize> {
    let count = count.min(rows);
    (0..count).map(move |range| place(range, count, rows))
}

fn place(range: usize, count: usize, rows: usize) -> usize {
    let start = |range: usize| (range as u128 * rows as u128 / count as u128) as usize;
    let width = (start(range + 1) - start(range)).max(1);
    // The finalizer of SplitMix64.
    let mut bits = (range as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    start(range) + ((bits ^ (bits >> 31)) % width as u64) as usize
}

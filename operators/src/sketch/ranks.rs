//! Which value stands at which place of the order, roughly.

/// Values that are kept, in an order that stands for that of all values.
pub(crate) trait Item: Copy + Ord {
    /// Bytes of a value in an image.
    const WIDTH: usize;

    fn write(self, image: &mut Vec<u8>);

    /// The value that the first [`WIDTH`](Self::WIDTH) bytes hold.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Some bits of the value.
    fn bits(self) -> u64;
}

macro_rules! item {
    ($($native:ty),*) => {$(
        impl Item for $native {
            const WIDTH: usize = size_of::<$native>();

            fn write(self, image: &mut Vec<u8>) {
                image.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().map(|bytes| <$native>::from_le_bytes(*bytes))
            }

            fn bits(self) -> u64 {
                self as u64
            }
        }
    )*};
}

item!(i64, i128);

/// Values of a level that is never emptied for being too full, however deep it lies.
const LEAST_CAPACITY: usize = 8;
/// More levels than the values of any stream fill.
const MOST_LEVELS: usize = 61;

/// A sketch of the ranks of many values, of which it keeps some hundreds (Karnin, Lang and Liberty, "Optimal quantile
/// approximation in streams", 2016).
///
/// Kept values lie on levels; one on level `h` stands for 2^h values. A level that is too full is sorted, and every other
/// value moves up, the even or the odd ones as a coin falls. Levels may hold the fewer values the lower they lie, but the
/// lowest, an unsorted buffer, as many as the highest: sorting many values at once is cheaper, and only makes the sketch
/// more exact.
///
/// The coin depends on nothing but the values and their order, so that equal inputs have equal sketches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranks<T> {
    /// Values that the highest level may hold.
    k: usize,
    count: u64,
    coins: u64,
    /// Smallest and largest of the values that have left the lowest level.
    extremes: Option<(T, T)>,
    levels: Vec<Vec<T>>,
}

impl<T: Item> Ranks<T> {
    pub fn new(k: usize) -> Self {
        Self { k, count: 0, coins: 0, extremes: None, levels: vec![Vec::new()] }
    }

    /// Number of values that came.
    #[cfg(test)]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let levels = self.levels.capacity() * size_of::<Vec<T>>();
        levels + self.levels.iter().map(|level| level.capacity() * size_of::<T>()).sum::<usize>()
    }

    #[inline(always)]
    pub fn insert(&mut self, value: T) {
        self.count += 1;
        let lowest = &mut self.levels[0];
        lowest.push(value);
        if lowest.len() >= self.k {
            self.compress();
        }
    }

    pub fn insert_all(&mut self, mut values: &[T]) {
        while !values.is_empty() {
            let lowest = &mut self.levels[0];
            let (now, later) = values.split_at(values.len().min(self.k - lowest.len()));
            lowest.extend_from_slice(now);
            self.count += now.len() as u64;
            values = later;
            if lowest.len() >= self.k {
                self.compress();
            }
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.coins ^= other.coins;
        self.extremes = joined(self.extremes, other.extremes);
        if self.levels.len() < other.levels.len() {
            self.levels.resize(other.levels.len(), Vec::new());
        }
        for (height, (level, others)) in self.levels.iter_mut().zip(&other.levels).enumerate() {
            if height == 0 || level.is_empty() {
                level.extend_from_slice(others);
            } else if !others.is_empty() {
                *level = merged(level, others);
            }
        }
        if self.levels[0].len() >= self.k || self.kept() > self.capacity() {
            self.compress();
        }
    }

    /// The smallest value that at least `quantile` of all values, at least one, are not above; `None` without values.
    /// `quantiles` lie from 0 to 1. The result for 0 and 1 is exact.
    pub fn quantiles(&self, quantiles: &[f64]) -> Option<Vec<T>> {
        let mut kept = Vec::with_capacity(self.kept());
        for (height, level) in self.levels.iter().enumerate() {
            kept.extend(level.iter().map(|value| (*value, 1u64 << height)));
        }
        kept.sort_unstable_by_key(|(value, _)| *value);
        let (first, last) = (kept.first()?.0, kept.last()?.0);
        let (smallest, largest) = joined(self.extremes, Some((first, last)))?;
        let mut end = 0;
        for (_, weight) in &mut kept {
            end += *weight;
            *weight = end;
        }
        let at = |quantile: f64| {
            if quantile <= 0.0 {
                return smallest;
            }
            if quantile >= 1.0 {
                return largest;
            }
            let rank = ((quantile * self.count as f64).ceil() as u64).max(1);
            let place = kept.partition_point(|(_, end)| *end < rank);
            kept.get(place).map_or(largest, |(value, _)| *value)
        };
        Some(quantiles.iter().map(|quantile| at(*quantile)).collect())
    }

    fn kept(&self) -> usize {
        self.levels.iter().map(Vec::len).sum()
    }

    /// Values that a level may hold: two thirds of those of the level above it.
    fn capacity_of(&self, height: usize) -> usize {
        if height == 0 {
            return self.k;
        }
        let depth = (self.levels.len() - 1 - height) as i32;
        ((self.k as f64 * (2f64 / 3.0).powi(depth)) as usize).max(LEAST_CAPACITY)
    }

    fn capacity(&self) -> usize {
        (0..self.levels.len()).map(|height| self.capacity_of(height)).sum()
    }

    /// Makes room on the lowest level, and on others as long as all levels together hold too much.
    fn compress(&mut self) {
        let mut height = 0;
        while height < self.levels.len() {
            if height > 0 && self.kept() <= self.capacity() {
                return;
            }
            if self.levels[height].len() >= self.capacity_of(height) {
                self.compact(height);
            }
            height += 1;
        }
    }

    /// Moves every other value of a level up.
    fn compact(&mut self, height: usize) {
        let mut level = std::mem::take(&mut self.levels[height]);
        // Each that moves must stand for two.
        let rest = if level.len() % 2 == 1 { level.pop() } else { None };
        if height == 0 {
            level.sort_unstable();
            if let (Some(first), Some(last)) = (level.first(), level.last()) {
                self.extremes = joined(self.extremes, Some((*first, *last)));
            }
        }
        let from = usize::from(self.coin(&level));
        if height + 1 == self.levels.len() {
            self.levels.push(Vec::new());
        }
        let above = &mut self.levels[height + 1];
        let promoted = level.iter().copied().skip(from).step_by(2);
        if above.is_empty() {
            above.extend(promoted);
        } else {
            let promoted: Vec<T> = promoted.collect();
            *above = merged(above, &promoted);
        }
        if height == 0 {
            level.clear();
            level.extend(rest);
            self.levels[0] = level;
        } else {
            // Deep levels hold few values for long.
            self.levels[height] = Vec::from_iter(rest);
        }
    }

    /// A bit from SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), whose state
    /// takes up the values that it decides on.
    fn coin(&mut self, values: &[T]) -> bool {
        let value = values.get(values.len() / 2).map_or(0, |value| value.bits());
        self.coins = (self.coins ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.coins;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) & 1 == 1
    }

    /// Writes the sketch: the number of levels; unless that is 1, the count, the coins, the extremes and the number of
    /// values on each level; the values.
    pub fn write(&self, image: &mut Vec<u8>) {
        image.push(self.levels.len() as u8);
        if let (Some((smallest, largest)), 2..) = (self.extremes, self.levels.len()) {
            image.extend_from_slice(&self.count.to_le_bytes());
            image.extend_from_slice(&self.coins.to_le_bytes());
            smallest.write(image);
            largest.write(image);
            for level in &self.levels {
                image.extend_from_slice(&(level.len() as u32).to_le_bytes());
            }
        }
        self.levels.iter().flatten().for_each(|value| value.write(image));
    }

    /// The sketch with the given image; `None` if it is damaged.
    pub fn read(k: usize, image: &[u8]) -> Option<Self> {
        let (&levels, mut rest) = image.split_first()?;
        let levels = usize::from(levels);
        if levels == 1 {
            let values = read_all(rest)?;
            let count = values.len() as u64;
            return Some(Self { k, count, coins: 0, extremes: None, levels: vec![values] });
        }
        let mut take = |width: usize| {
            let (taken, left) = rest.split_at_checked(width)?;
            rest = left;
            Some(taken)
        };
        if !(2..=MOST_LEVELS).contains(&levels) {
            return None;
        }
        let count = u64::from_le_bytes(*take(8)?.first_chunk()?);
        let coins = u64::from_le_bytes(*take(8)?.first_chunk()?);
        let extremes = (T::read(take(T::WIDTH)?)?, T::read(take(T::WIDTH)?)?);
        let mut lengths = Vec::with_capacity(levels);
        for _ in 0..levels {
            lengths.push(u32::from_le_bytes(*take(4)?.first_chunk()?) as usize);
        }
        let mut weight = 0u64;
        let mut read = Vec::with_capacity(levels);
        for (height, length) in lengths.into_iter().enumerate() {
            let level: Vec<T> = read_all(take(length.checked_mul(T::WIDTH)?)?)?;
            if height > 0 && !level.is_sorted() {
                return None;
            }
            weight = weight.checked_add((length as u64).checked_mul(1 << height)?)?;
            read.push(level);
        }
        let sound = rest.is_empty() && weight == count && extremes.0 <= extremes.1;
        sound.then_some(Self { k, count, coins, extremes: Some(extremes), levels: read })
    }
}

fn read_all<T: Item>(bytes: &[u8]) -> Option<Vec<T>> {
    let values = bytes.chunks_exact(T::WIDTH);
    if !values.remainder().is_empty() {
        return None;
    }
    values.map(T::read).collect()
}

fn joined<T: Ord + Copy>(left: Option<(T, T)>, right: Option<(T, T)>) -> Option<(T, T)> {
    match (left, right) {
        (Some(left), Some(right)) => Some((left.0.min(right.0), left.1.max(right.1))),
        (left, right) => left.or(right),
    }
}

/// The values of two sorted levels, sorted.
fn merged<T: Ord + Copy>(left: &[T], right: &[T]) -> Vec<T> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    let (mut l, mut r) = (0, 0);
    while l < left.len() && r < right.len() {
        // Without a branch: which side comes next is anybody's guess.
        let takes_right = right[r] < left[l];
        all.push(if takes_right { right[r] } else { left[l] });
        r += usize::from(takes_right);
        l += usize::from(!takes_right);
    }
    all.extend_from_slice(&left[l..]);
    all.extend_from_slice(&right[r..]);
    all
}

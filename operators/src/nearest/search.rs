//! The nearest of many vectors for each of many queries.

use super::Metric;
use super::kernel::{Factors, Lane, QUERIES, WIDTH, products};
use super::vectors::Vectors;

/// Bytes of panels that all queries pass, so that panels stay in the second cache.
const TILE_BYTES: usize = 256 << 10;

/// A vector that is among the nearest of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Neighbour {
    pub distance: f64,
    /// Decides between equal distances.
    pub tie: u64,
    /// Where its row is held.
    pub place: u32,
}

impl Neighbour {
    fn is_before(&self, other: &Self) -> bool {
        self.distance.total_cmp(&other.distance).then(self.tie.cmp(&other.tie)).is_lt()
    }
}

/// What tells that a vector is too far from a query without its exact distance: with the product `t` of both directions and
/// the length `r` of the vector, its distance (its square for Euclid's) is at least `offset + b - slope * s * (t + error)`,
/// where `b` and `s` are `r²` and `r`, or 0 and 1 where lengths do not matter.
#[derive(Clone, Copy)]
struct Bound {
    offset: f64,
    slope: f64,
    /// The distance, or its square, that the last neighbour has; infinite as long as there are too few.
    limit: f64,
}

/// Finds the `k` nearest vectors of each query, exactly.
///
/// Products of directions, in 32 bits and many at once, tell which vectors may be near; their distances are then computed
/// in 64 bits, component by component. The error of the products is bounded, so that they never hide a neighbour.
pub(super) struct Search {
    metric: Metric,
    k: usize,
    queries: Vectors,
    /// Directions of the queries, group by group and component by component.
    groups: Vec<Factors>,
    bounds: Vec<Bound>,
    /// Of each query, the nearest first.
    neighbours: Vec<Vec<Neighbour>>,
    /// What a product in 32 bits is off by at most.
    error: f64,
    panels: Vec<Lane>,
}

impl Search {
    pub fn new(metric: Metric, k: usize, queries: Vectors) -> Self {
        let count = queries.rows.len();
        let dimension = queries.dimension;
        let mut groups = vec![[0.0; QUERIES]; count.div_ceil(QUERIES) * dimension];
        for query in 0..count {
            let group = query / QUERIES * dimension;
            let factors = &mut groups[group..group + dimension];
            for (factors, component) in factors.iter_mut().zip(directed(&queries, query)) {
                factors[query % QUERIES] = component;
            }
        }
        let bound = |norm: &f64| {
            let (offset, slope) = match metric {
                Metric::Cosine => (1.0, 1.0),
                Metric::Euclidean => (norm * norm, 2.0 * norm),
                Metric::NegativeInnerProduct => (0.0, *norm),
            };
            Bound { offset: offset * (1.0 - ROUNDING), slope, limit: f64::INFINITY }
        };
        Self {
            metric,
            k,
            groups,
            bounds: queries.norms.iter().map(bound).collect(),
            neighbours: vec![Vec::new(); count],
            // Rounded components, and a sum of so many rounded products.
            error: (dimension as f64 + 16.0) * 2f64.powi(-24) * 1.1,
            panels: Vec::new(),
            queries,
        }
    }

    /// Number of components of all vectors; `None` if there are no queries.
    pub fn dimension(&self) -> Option<usize> {
        (!self.queries.rows.is_empty()).then_some(self.queries.dimension)
    }

    /// Whether vectors need a direction.
    pub fn is_directed(&self) -> bool {
        self.metric == Metric::Cosine
    }

    /// Number of neighbours of all queries.
    pub fn len(&self) -> usize {
        self.neighbours.iter().map(Vec::len).sum()
    }

    /// The row of a query in the batch it came from.
    pub fn row(&self, query: usize) -> usize {
        self.queries.rows[query]
    }

    /// The nearest vectors of each query, the nearest first.
    pub fn neighbours(&self) -> &[Vec<Neighbour>] {
        &self.neighbours
    }

    /// Calls `place` with the place of every neighbour.
    pub fn each_place(&mut self, mut place: impl FnMut(&mut u32)) {
        self.neighbours.iter_mut().flatten().for_each(|neighbour| place(&mut neighbour.place));
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let neighbours: usize = self.neighbours.iter().map(Vec::capacity).sum();
        self.queries.values.capacity() * size_of::<f64>()
            + size_of_val(self.groups.as_slice())
            + size_of_val(self.bounds.as_slice())
            + neighbours * size_of::<Neighbour>()
    }

    /// Looks at more vectors. `tie` decides between equal distances, `place_of` tells where a vector's row will be held; both
    /// are called with the number of the vector.
    pub fn add(&mut self, vectors: &Vectors, tie: impl Fn(usize) -> u64, mut place_of: impl FnMut(usize) -> u32) {
        let dimension = self.queries.dimension;
        if self.queries.rows.is_empty() || vectors.rows.is_empty() {
            return;
        }
        let panel_bytes = dimension.max(1) * size_of::<Lane>();
        let vectors_a_tile = (TILE_BYTES / panel_bytes).max(1) * WIDTH;
        for start in (0..vectors.rows.len()).step_by(vectors_a_tile) {
            let end = vectors.rows.len().min(start + vectors_a_tile);
            let panels = self.pack(vectors, start..end);
            let norms = vectors.norms[start..end].chunks(WIDTH);
            let norms: Vec<Norms> = norms.map(|norms| Norms::of(self.metric, norms)).collect();
            for group in 0..self.bounds.len().div_ceil(QUERIES) {
                for (number, first) in (start..end).step_by(WIDTH).enumerate() {
                    let panel = &panels[number * dimension..(number + 1) * dimension];
                    let factors = &self.groups[group * dimension..(group + 1) * dimension];
                    let products = products(factors, panel);
                    for (query, products) in (group * QUERIES..self.bounds.len()).zip(&products) {
                        if !self.any_may_be_near(query, products, &norms[number]) {
                            continue;
                        }
                        for (place, vector) in (first..end.min(first + WIDTH)).enumerate() {
                            if self.may_be_near(query, place, products, &norms[number]) {
                                self.offer(query, vectors, vector, &tie, &mut place_of);
                            }
                        }
                    }
                }
            }
            self.panels = panels;
        }
    }

    /// The directions of some vectors, side by side.
    fn pack(&mut self, vectors: &Vectors, range: std::ops::Range<usize>) -> Vec<Lane> {
        let dimension = vectors.dimension;
        let mut panels = std::mem::take(&mut self.panels);
        panels.clear();
        panels.resize(range.len().div_ceil(WIDTH) * dimension, [0.0; WIDTH]);
        for (number, vector) in range.enumerate() {
            let panel = number / WIDTH * dimension;
            let lanes = &mut panels[panel..panel + dimension];
            for (lane, component) in lanes.iter_mut().zip(directed(vectors, vector)) {
                lane[number % WIDTH] = component;
            }
        }
        panels
    }

    /// Whether the vector at some place of a panel may be nearer than the last neighbour of a query.
    #[inline(always)]
    fn may_be_near(&self, query: usize, place: usize, products: &Lane, norms: &Norms) -> bool {
        let Bound { offset, slope, limit } = self.bounds[query];
        let product = f64::from(products[place]) + self.error;
        let least = offset + norms.offset[place] - slope * norms.slope[place] * product;
        // What is no number tells nothing.
        least <= limit || least.is_nan()
    }

    /// Whether any of the vectors of a panel may be.
    #[inline(always)]
    fn any_may_be_near(&self, query: usize, products: &Lane, norms: &Norms) -> bool {
        (0..WIDTH).fold(false, |near, place| near | self.may_be_near(query, place, products, norms))
    }

    /// Takes a vector up if it is nearer than the last neighbour of a query.
    fn offer(
        &mut self,
        query: usize,
        vectors: &Vectors,
        vector: usize,
        tie: &impl Fn(usize) -> u64,
        place: &mut impl FnMut(usize) -> u32,
    ) {
        let distance = self.distance(query, vectors, vector);
        let neighbours = &mut self.neighbours[query];
        let is_full = neighbours.len() == self.k;
        if is_full && neighbours.last().is_some_and(|last| distance > last.distance) {
            return;
        }
        let mut neighbour = Neighbour { distance, tie: tie(vector), place: 0 };
        if is_full {
            if neighbours.last().is_some_and(|last| !neighbour.is_before(last)) {
                return;
            }
            neighbours.pop();
        }
        neighbour.place = place(vector);
        let at = neighbours.partition_point(|other| other.is_before(&neighbour));
        neighbours.insert(at, neighbour);
        self.tighten(query);
    }

    /// Takes up a neighbour of a query that another search found; the nearest come first. `false` if it cannot be one.
    pub fn take_up(&mut self, query: usize, neighbour: Neighbour) -> bool {
        let Some(neighbours) = self.neighbours.get_mut(query) else { return false };
        if neighbours.len() == self.k || neighbours.last().is_some_and(|last| neighbour.is_before(last)) {
            return false;
        }
        neighbours.push(neighbour);
        self.tighten(query);
        true
    }

    /// Notes how near a vector must be once a query has enough neighbours.
    fn tighten(&mut self, query: usize) {
        let neighbours = &self.neighbours[query];
        if let Some(last) = neighbours.last().filter(|_| neighbours.len() == self.k) {
            let limit = match self.metric {
                Metric::Euclidean => last.distance * last.distance,
                Metric::Cosine | Metric::NegativeInnerProduct => last.distance,
            };
            self.bounds[query].limit = limit + limit.abs() * ROUNDING;
        }
    }

    /// The exact distance, as far as 64 bits go.
    fn distance(&self, query: usize, vectors: &Vectors, vector: usize) -> f64 {
        let (one, other) = (self.queries.of(query), vectors.of(vector));
        match self.metric {
            Metric::Cosine => {
                let norms = self.queries.norms[query] * vectors.norms[vector];
                (1.0 - dot(one, other) / norms).clamp(0.0, 2.0)
            },
            Metric::Euclidean => sum(one, other, |one, other| (one - other) * (one - other)).sqrt(),
            Metric::NegativeInnerProduct => -dot(one, other),
        }
    }
}

/// Relative errors of a few operations in 64 bits.
const ROUNDING: f64 = 1e-13;

/// What the lengths of the vectors of a panel add to a bound.
struct Norms {
    offset: [f64; WIDTH],
    slope: [f64; WIDTH],
}

impl Norms {
    fn of(metric: Metric, norms: &[f64]) -> Self {
        let mut terms = Self { offset: [f64::INFINITY; WIDTH], slope: [0.0; WIDTH] };
        for (place, norm) in norms.iter().enumerate().take(WIDTH) {
            (terms.offset[place], terms.slope[place]) = match metric {
                Metric::Cosine => (0.0, 1.0),
                Metric::Euclidean => (norm * norm * (1.0 - ROUNDING), *norm),
                Metric::NegativeInnerProduct => (0.0, *norm),
            };
        }
        terms
    }
}

/// The direction of a vector in 32 bits; zeros for a vector of length zero.
fn directed(vectors: &Vectors, vector: usize) -> impl Iterator<Item = f32> {
    let norm = vectors.norms[vector];
    let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
    vectors.of(vector).iter().map(move |component| (component * scale) as f32)
}

/// The inner product.
pub(super) fn dot(one: &[f64], other: &[f64]) -> f64 {
    sum(one, other, |one, other| one * other)
}

/// The sum over all components, always in the same order.
#[inline(always)]
fn sum(one: &[f64], other: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (ones, one_rest) = one.as_chunks::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (one, other) in ones.iter().zip(others) {
        for lane in 0..8 {
            sums[lane] += term(one[lane], other[lane]);
        }
    }
    for (lane, (one, other)) in one_rest.iter().zip(other_rest).enumerate() {
        sums[lane] += term(*one, *other);
    }
    ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]))
}

//! Rows with vectors: queries that are held, and the nearest rows to each of them.

use polars_core::frame::DataFrame;
use polars_core::prelude::IdxSize;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::hash::hash_rows;

use super::Metric;
use super::search::Search;
use super::vectors::{VectorColumn, Vectors};
use crate::aggregate::has_hash;
use crate::detach::detach;
use crate::gather::gather;

/// Rows whose vectors are read together.
const BLOCK_ROWS: usize = 4096;
/// Rows that are no longer near to anything and always tolerated.
const SLACK: usize = 1 << 16;
/// No place.
const NOWHERE: u32 = u32::MAX;

/// Queries, and the nearest of all rows that were looked at.
///
/// Distances are computed in 64 bits. Between equal distances a hash of the row decides, so the result does not depend on
/// the order of rows.
pub struct NearestRows {
    pub(super) search: Search,
    pub(super) queries: DataFrame,
    /// The vectors of the rows that are looked at.
    vectors: PlSmallStr,
    /// Rows that are near to some query, and some that were.
    pub(super) held: Vec<DataFrame>,
    pub(super) held_rows: usize,
    held_bytes: usize,
    /// Queries whose neighbours were taken.
    taken: usize,
}

/// Neighbours of some queries, a row each. The nearest of a query come first.
pub struct Neighbours {
    /// The query.
    pub queries: DataFrame,
    /// The row that is near to it.
    pub rows: DataFrame,
    /// How far it is.
    pub distances: Vec<f64>,
    /// What decides between equal distances.
    pub ties: Vec<u64>,
    /// Its place among the neighbours of the query, from 1 on.
    pub ranks: Vec<u32>,
}

impl NearestRows {
    /// The `k` nearest rows for each row of `queries`, whose vectors are in the column `query_vectors`. Those of the rows
    /// will be in the column `vectors`.
    ///
    /// # Errors
    /// A column that does not hold vectors of one length.
    pub fn new(
        metric: Metric,
        k: usize,
        queries: DataFrame,
        query_vectors: &str,
        vectors: PlSmallStr,
    ) -> Result<Self, OperatorError> {
        let column = VectorColumn::new(queries.column(query_vectors)?)?;
        let read = column.read(0..queries.height(), &mut None, metric == Metric::Cosine)?;
        let search = Search::new(metric, k.max(1), read);
        Ok(Self { search, queries, vectors, held: Vec::new(), held_rows: 0, held_bytes: 0, taken: 0 })
    }

    /// Looks at more rows.
    ///
    /// # Errors
    /// Vectors of another length than those of the queries.
    pub fn add(&mut self, rows: &DataFrame) -> Result<(), OperatorError> {
        let column = VectorColumn::new(rows.column(&self.vectors)?)?;
        let hashed: Vec<PlSmallStr> = rows
            .columns()
            .iter()
            .filter(|column| *column.name() != self.vectors && has_hash(column.dtype()))
            .map(|column| column.name().clone())
            .collect();
        let hashes = hash_rows(rows, &hashed)?;
        let mut places = vec![NOWHERE; rows.height()];
        let mut picked: Vec<IdxSize> = Vec::new();
        let mut dimension = self.search.dimension();
        for start in (0..rows.height()).step_by(BLOCK_ROWS) {
            let end = rows.height().min(start + BLOCK_ROWS);
            let block = column.read(start..end, &mut dimension, self.search.is_directed())?;
            let held_rows = self.held_rows;
            let place = |vector: usize| {
                let row = block.rows[vector];
                if places[row] == NOWHERE {
                    places[row] = (held_rows + picked.len()) as u32;
                    picked.push(row as IdxSize);
                }
                places[row]
            };
            self.search.add(&block, |vector| tie(hashes[block.rows[vector]], &block, vector), place);
        }
        if !picked.is_empty() {
            self.hold(detach(gather(rows, &picked)?)?);
        }
        if self.held_rows > 2 * self.search.len() + SLACK { self.compact() } else { Ok(()) }
    }

    pub(super) fn hold(&mut self, rows: DataFrame) {
        self.held_rows += rows.height();
        self.held_bytes += rows.estimated_size();
        self.held.push(rows);
    }

    /// Gives up the rows that are no longer near to anything.
    pub(super) fn compact(&mut self) -> Result<(), OperatorError> {
        if self.held_rows == 0 {
            return Ok(());
        }
        let mut places = vec![NOWHERE; self.held_rows];
        let mut kept: Vec<IdxSize> = Vec::new();
        self.search.each_place(|place| {
            let new = &mut places[*place as usize];
            if *new == NOWHERE {
                *new = kept.len() as u32;
                kept.push(*place as IdxSize);
            }
            *place = *new;
        });
        let held = self.take_held()?;
        self.hold(detach(gather(&held, &kept)?)?);
        Ok(())
    }

    /// All rows that are held, as one frame.
    fn take_held(&mut self) -> Result<DataFrame, OperatorError> {
        let mut held = std::mem::take(&mut self.held).into_iter();
        let mut all = held.next().unwrap_or_default();
        for rows in held {
            all.vstack_mut_owned(rows)?;
        }
        all.rechunk_mut();
        (self.held_rows, self.held_bytes) = (0, 0);
        Ok(all)
    }

    /// The neighbours of the next queries, some `rows` of them; `None` after the last.
    ///
    /// # Errors
    /// Rows that cannot be gathered.
    pub fn next(&mut self, rows: usize) -> Result<Option<Neighbours>, OperatorError> {
        if self.held.len() > 1 {
            let held = self.take_held()?;
            self.hold(held);
        }
        let mut queries: Vec<IdxSize> = Vec::new();
        let mut near: Vec<IdxSize> = Vec::new();
        let (mut distances, mut ties, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
        while near.len() < rows.max(1)
            && let Some(neighbours) = self.search.neighbours().get(self.taken)
        {
            queries.resize(queries.len() + neighbours.len(), self.search.row(self.taken) as IdxSize);
            near.extend(neighbours.iter().map(|neighbour| neighbour.place as IdxSize));
            distances.extend(neighbours.iter().map(|neighbour| neighbour.distance));
            ties.extend(neighbours.iter().map(|neighbour| neighbour.tie));
            ranks.extend(1..=neighbours.len() as u32);
            self.taken += 1;
        }
        let Some(held) = self.held.first().filter(|_| !near.is_empty()) else { return Ok(None) };
        let (queries, rows) = (gather(&self.queries, &queries)?, gather(held, &near)?);
        Ok(Some(Neighbours { queries, rows, distances, ties, ranks }))
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.search.bytes() + self.queries.estimated_size() + self.held_bytes
    }
}

/// What decides between equal distances: a hash of the row and its vector.
fn tie(hash: u64, vectors: &Vectors, vector: usize) -> u64 {
    let components = vectors.of(vector).iter().map(|component| (component + 0.0).to_bits());
    components.fold(hash, |hash, bits| (hash.rotate_left(23) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

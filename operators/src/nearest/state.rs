//! What was found so far, written out and read back.

use polars_core::df;
use polars_core::frame::DataFrame;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::State;

use super::search::Neighbour;
use super::{Metric, NearestRows};
use crate::state::foreign;

const QUERIES: &str = "queries";
const HELD: &str = "held";
const FOUND: &str = "found";

impl NearestRows {
    /// The queries, and the rows that are nearest so far. Only before [`next`](Self::next).
    ///
    /// # Errors
    /// Rows that cannot be put together.
    pub fn snapshot(&mut self) -> Result<State, OperatorError> {
        self.compact()?;
        let (mut queries, mut distances) = (Vec::new(), Vec::new());
        let (mut ties, mut places) = (Vec::new(), Vec::new());
        for (query, neighbours) in (0u64..).zip(self.search.neighbours()) {
            for neighbour in neighbours {
                queries.push(query);
                distances.push(neighbour.distance);
                ties.push(neighbour.tie);
                places.push(neighbour.place);
            }
        }
        let found = df!("query" => queries, "distance" => distances, "tie" => ties, "place" => places)?;
        let mut state = vec![(QUERIES.to_owned(), self.queries.clone()), (FOUND.to_owned(), found)];
        state.extend(self.held.iter().map(|rows| (HELD.to_owned(), rows.clone())));
        Ok(state)
    }

    /// Takes up what [`snapshot`](Self::snapshot) returned; the other arguments are those of [`new`](Self::new).
    ///
    /// # Errors
    /// A state of something else.
    pub fn restore(
        metric: Metric,
        k: usize,
        state: State,
        query_vectors: &str,
        vectors: PlSmallStr,
    ) -> Result<Self, OperatorError> {
        let (mut queries, mut found, mut held) = (None, None, Vec::new());
        for (name, frame) in state {
            match name.as_str() {
                QUERIES => queries = Some(frame),
                FOUND => found = Some(frame),
                HELD => held.push(frame),
                other => return Err(foreign(other)),
            }
        }
        let queries = queries.ok_or_else(|| foreign("no queries"))?;
        let mut nearest = Self::new(metric, k, queries, query_vectors, vectors)?;
        held.into_iter().for_each(|rows| nearest.hold(rows));
        match found {
            Some(found) => nearest.take_up(&found)?,
            None => return Err(foreign("no neighbours")),
        }
        Ok(nearest)
    }

    fn take_up(&mut self, found: &DataFrame) -> Result<(), OperatorError> {
        let (queries, places) = (found.column("query")?.u64()?, found.column("place")?.u32()?);
        let (distances, ties) = (found.column("distance")?.f64()?, found.column("tie")?.u64()?);
        for row in 0..found.height() {
            let (Some(query), Some(distance), Some(tie), Some(place)) =
                (queries.get(row), distances.get(row), ties.get(row), places.get(row))
            else {
                return Err(foreign("a neighbour without a place"));
            };
            let is_held = (place as usize) < self.held_rows;
            if !is_held || !self.search.take_up(query as usize, Neighbour { distance, tie, place }) {
                return Err(foreign("neighbours of other queries"));
            }
        }
        Ok(())
    }
}

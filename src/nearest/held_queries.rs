use std::collections::VecDeque;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, PlSmallStr, SchemaRef};
use quokka_operators::nearest::NearestRows;

use super::{DISTANCE, Nearest, TIE, concatenate, entries, field, foreign, joined, rows_of};
use crate::user::{
    Description, InputPartitioning, Output, Progress, State, StatefulChannel, StatefulOperator, UserError,
    WorkerContext,
};

/// Entries of the state.
const QUERIES: &str = "queries";
const WAITING: &str = "waiting";
const ENDED: &str = "ended";
const SEARCH: &str = "search ";

/// Finds the nearest rows of each worker to all queries. Input 0 are the queries, input 1 the rows.
///
/// Blocks; holds all queries and, for each, the rows that are nearest so far.
pub(crate) struct HeldQueries {
    pub(crate) nearest: Nearest,
    pub(crate) queries: SchemaRef,
}

struct Channel {
    nearest: Nearest,
    schema: SchemaRef,
    batch_rows: usize,
    queries: Vec<DataFrame>,
    /// From the end of the queries on.
    search: Option<NearestRows>,
    /// Rows that were not looked at.
    waiting: VecDeque<DataFrame>,
    ended: bool,
}

impl StatefulOperator for HeldQueries {
    fn describe(&self) -> Description {
        Description::blocks("nearest-rows").with("of", self.nearest.describe()).with("holds", "queries")
    }

    fn partitioning(&self, input: usize) -> InputPartitioning {
        if input == 0 { InputPartitioning::Broadcast } else { InputPartitioning::AsItComes }
    }

    fn first_input(&self) -> Option<usize> {
        Some(0)
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        let [queries, rows] = inputs else { return Err("there must be two inputs".into()) };
        let more = [field(DISTANCE, DataType::Float64), field(TIE, DataType::UInt64)];
        Ok(joined(queries, rows, more).into())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Channel {
            nearest: self.nearest.clone(),
            schema: self.queries.clone(),
            batch_rows: context.batch_rows,
            queries: Vec::new(),
            search: None,
            waiting: VecDeque::new(),
            ended: false,
        }))
    }
}

impl StatefulChannel for Channel {
    fn on_batch(&mut self, input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        match input {
            0 => self.queries.push(batch),
            _ => self.waiting.push_back(batch),
        }
        Ok(())
    }

    fn on_input_end(&mut self, input: usize, _output: &mut Output) -> Result<(), UserError> {
        if input == 0 {
            let queries = concatenate(std::mem::take(&mut self.queries), &self.schema)?;
            let Nearest { metric, k, left_on, right_on } = self.nearest.clone();
            self.search = Some(NearestRows::new(metric, k, queries, &left_on, right_on)?);
        } else {
            self.ended = true;
        }
        Ok(())
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, UserError> {
        let Some(search) = &mut self.search else { return Ok(Progress::Done) };
        if let Some(rows) = self.waiting.pop_front() {
            search.add(&rows)?;
            return Ok(Progress::More);
        }
        if !self.ended {
            return Ok(Progress::Done);
        }
        match search.next(self.batch_rows)? {
            Some(found) => {
                output.push(rows_of(found, |ties, _| Column::new(PlSmallStr::from_static(TIE), ties))?);
                Ok(Progress::More)
            },
            None => {
                self.search = None;
                Ok(Progress::Done)
            },
        }
    }

    fn snapshot(&mut self) -> Result<Option<State>, UserError> {
        let mut state = entries(QUERIES, &self.queries);
        if let Some(search) = &mut self.search {
            state.extend(search.snapshot()?.into_iter().map(|(name, frame)| (format!("{SEARCH}{name}"), frame)));
        }
        state.extend(entries(WAITING, &self.waiting));
        state.extend(self.ended.then(|| (ENDED.to_owned(), DataFrame::empty())));
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), UserError> {
        let mut search = State::new();
        for (name, frame) in state {
            match name.as_str() {
                QUERIES => self.queries.push(frame),
                WAITING => self.waiting.push_back(frame),
                ENDED => self.ended = true,
                name => match name.strip_prefix(SEARCH) {
                    Some(name) => search.push((name.to_owned(), frame)),
                    None => return Err(foreign(name)),
                },
            }
        }
        if !search.is_empty() {
            let Nearest { metric, k, left_on, right_on } = self.nearest.clone();
            self.search = Some(NearestRows::restore(metric, k, search, &left_on, right_on)?);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let frames = self.queries.iter().chain(&self.waiting);
        frames.map(DataFrame::estimated_size).sum::<usize>() + self.search.as_ref().map_or(0, NearestRows::bytes)
    }
}

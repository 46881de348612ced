use std::collections::VecDeque;

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, PlSmallStr, SchemaRef};
use quokka_operators::nearest::NearestRows;

use super::{DISTANCE, Nearest, RANK, entries, field, foreign, joined, rows_of};
use crate::user::{
    Description, InputPartitioning, Output, Progress, State, StatefulChannel, StatefulOperator, UserError,
    WorkerContext,
};

/// Entries of the state.
const ROWS: &str = "rows";
const WAITING: &str = "waiting";
const ENDED: &str = "ended";

/// Finds the nearest of all rows for each query. Input 0 are the queries, input 1 the rows.
///
/// Holds all rows, and streams the queries.
pub(crate) struct HeldRows {
    pub(crate) nearest: Nearest,
}

struct Channel {
    nearest: Nearest,
    batch_rows: usize,
    rows: Vec<DataFrame>,
    rows_bytes: usize,
    ended: bool,
    /// Queries that nothing was looked up for.
    waiting: VecDeque<DataFrame>,
    current: Option<Lookup>,
}

/// Queries, and how many batches of rows were looked at for them.
struct Lookup {
    search: NearestRows,
    looked_at: usize,
}

impl StatefulOperator for HeldRows {
    fn describe(&self) -> Description {
        Description::streams("nearest-rows").with("of", self.nearest.describe()).with("holds", "rows")
    }

    fn partitioning(&self, input: usize) -> InputPartitioning {
        if input == 0 { InputPartitioning::AsItComes } else { InputPartitioning::Broadcast }
    }

    fn first_input(&self) -> Option<usize> {
        Some(1)
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        let [queries, rows] = inputs else { return Err("there must be two inputs".into()) };
        let more = [field(DISTANCE, DataType::Float64), field(RANK, DataType::UInt32)];
        Ok(joined(queries, rows, more).into())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Channel {
            nearest: self.nearest.clone(),
            batch_rows: context.batch_rows,
            rows: Vec::new(),
            rows_bytes: 0,
            ended: false,
            waiting: VecDeque::new(),
            current: None,
        }))
    }
}

impl StatefulChannel for Channel {
    fn on_batch(&mut self, input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        if input == 0 {
            self.waiting.push_back(batch);
        } else {
            self.rows_bytes += batch.estimated_size();
            self.rows.push(batch);
        }
        Ok(())
    }

    fn on_input_end(&mut self, input: usize, _output: &mut Output) -> Result<(), UserError> {
        self.ended |= input == 1;
        Ok(())
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, UserError> {
        if !self.ended {
            return Ok(Progress::Done);
        }
        let Some(Lookup { search, looked_at }) = &mut self.current else {
            let Some(queries) = self.waiting.pop_front() else { return Ok(Progress::Done) };
            let Nearest { metric, k, left_on, right_on } = self.nearest.clone();
            let search = NearestRows::new(metric, k, queries, &left_on, right_on)?;
            self.current = Some(Lookup { search, looked_at: 0 });
            return Ok(Progress::More);
        };
        if let Some(rows) = self.rows.get(*looked_at) {
            search.add(rows)?;
            *looked_at += 1;
            return Ok(Progress::More);
        }
        match search.next(self.batch_rows)? {
            Some(found) => output.push(rows_of(found, |_, ranks| Column::new(PlSmallStr::from_static(RANK), ranks))?),
            None => self.current = None,
        }
        Ok(Progress::More)
    }

    fn snapshot(&mut self) -> Result<Option<State>, UserError> {
        let mut state = entries(ROWS, &self.rows);
        state.extend(entries(WAITING, &self.waiting));
        state.extend(self.ended.then(|| (ENDED.to_owned(), DataFrame::empty())));
        Ok(Some(state))
    }

    fn restore(&mut self, state: State) -> Result<(), UserError> {
        for (name, frame) in state {
            match name.as_str() {
                ROWS => {
                    self.rows_bytes += frame.estimated_size();
                    self.rows.push(frame);
                },
                WAITING => self.waiting.push_back(frame),
                ENDED => self.ended = true,
                name => return Err(foreign(name)),
            }
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let current = self.current.as_ref().map_or(0, |current| current.search.bytes());
        self.rows_bytes + self.waiting.iter().map(DataFrame::estimated_size).sum::<usize>() + current
    }
}

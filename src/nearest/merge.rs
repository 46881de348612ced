use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, IdxSize, PlSmallStr, Schema, SchemaRef};
use quokka_engine::error::OperatorError;

use super::{DISTANCE, QUERY, RANK, TIE, concatenate, entries, field, foreign, joined};
use crate::user::{
    Description, InputPartitioning, Output, Progress, State, StatefulChannel, StatefulOperator, UserError,
    WorkerContext,
};

/// The entries of the state.
const FOUND: &str = "found";

/// Keeps the nearest of the rows that workers found for each query. Blocks; holds what they found.
pub(crate) struct Merge {
    pub(crate) k: usize,
    /// What workers send.
    pub(crate) found: SchemaRef,
}

impl Merge {
    /// The columns of the result, but for the rank.
    fn kept(&self) -> Schema {
        let kept = self.found.iter().filter(|(name, _)| *name != QUERY && *name != TIE);
        kept.map(|(name, dtype)| (name.clone(), dtype.clone())).collect()
    }
}

struct Channel {
    k: usize,
    found: SchemaRef,
    kept: Vec<PlSmallStr>,
    batch_rows: usize,
    held: Vec<DataFrame>,
    held_bytes: usize,
    result: Option<Merged>,
}

/// Rows of the result on their way out.
struct Merged {
    found: DataFrame,
    rows: Vec<IdxSize>,
    ranks: Vec<u32>,
    sent: usize,
}

impl StatefulOperator for Merge {
    fn describe(&self) -> Description {
        Description::blocks("merge-nearest-rows").with("k", self.k)
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::keys([QUERY])
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(joined(&self.kept(), &Schema::default(), [field(RANK, DataType::UInt32)]).into())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Channel {
            k: self.k,
            found: self.found.clone(),
            kept: self.kept().iter_names_cloned().collect(),
            batch_rows: context.batch_rows.max(1),
            held: Vec::new(),
            held_bytes: 0,
            result: None,
        }))
    }
}

impl Channel {
    fn merge(&mut self) -> Result<Merged, OperatorError> {
        let found = concatenate(std::mem::take(&mut self.held), &self.found)?;
        let queries = found.column(QUERY)?.u64()?.iter();
        let (distances, ties) = (found.column(DISTANCE)?.f64()?.iter(), found.column(TIE)?.u64()?.iter());
        let mut order: Vec<(u64, f64, u64, IdxSize)> = queries
            .zip(distances)
            .zip(ties)
            .zip(0..)
            .map(|(((query, distance), tie), row)| {
                (query.unwrap_or_default(), distance.unwrap_or_default(), tie.unwrap_or_default(), row)
            })
            .collect();
        order.sort_unstable_by(|one, other| {
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)).then((one.2, one.3).cmp(&(other.2, other.3)))
        });
        let (mut rows, mut ranks) = (Vec::new(), Vec::new());
        for neighbours in order.chunk_by(|one, other| one.0 == other.0) {
            let nearest = neighbours.iter().take(self.k);
            ranks.extend(1..=nearest.len() as u32);
            rows.extend(nearest.map(|(.., row)| *row));
        }
        Ok(Merged { found: found.select(self.kept.iter().cloned())?, rows, ranks, sent: 0 })
    }
}

impl StatefulChannel for Channel {
    fn on_batch(&mut self, _input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        self.held_bytes += batch.estimated_size();
        self.held.push(batch);
        Ok(())
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<(), UserError> {
        self.result = Some(self.merge()?);
        Ok(())
    }

    fn resume(&mut self, output: &mut Output) -> Result<Progress, UserError> {
        let Some(Merged { found, rows, ranks, sent }) = &mut self.result else { return Ok(Progress::Done) };
        let end = rows.len().min(*sent + self.batch_rows);
        if *sent == end {
            self.result = None;
            self.held_bytes = 0;
            return Ok(Progress::Done);
        }
        let columns = found.columns().iter().map(|column| column.take_slice(&rows[*sent..end]));
        let mut columns = columns.collect::<Result<Vec<_>, _>>()?;
        columns.push(Column::new(PlSmallStr::from_static(RANK), &ranks[*sent..end]));
        output.push(DataFrame::new(end - *sent, columns)?);
        *sent = end;
        Ok(Progress::More)
    }

    fn snapshot(&mut self) -> Result<Option<State>, UserError> {
        Ok(Some(entries(FOUND, &self.held)))
    }

    fn restore(&mut self, state: State) -> Result<(), UserError> {
        for (name, frame) in state {
            if name != FOUND {
                return Err(foreign(&name));
            }
            self.held_bytes += frame.estimated_size();
            self.held.push(frame);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.held_bytes
    }
}

use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, DataType, PlSmallStr, Schema, SchemaRef};

use super::{QUERY, field, foreign, joined};
use crate::user::{
    Description, InputPartitioning, Output, State, StatefulChannel, StatefulOperator, UserError, WorkerContext,
};

/// The entry of the state.
const NEXT: &str = "next";

/// Gives each row a number that no other row has, in whatever order. Streams, and holds the next number.
pub(crate) struct Number;

struct Channel {
    next: u64,
    step: u64,
}

impl StatefulOperator for Number {
    fn describe(&self) -> Description {
        Description::streams("number-queries")
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::AsItComes
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        let input = inputs.first().ok_or("there is no input")?;
        Ok(joined(input, &Schema::default(), [field(QUERY, DataType::UInt64)]).into())
    }

    fn create(&self, context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Channel { next: context.worker as u64, step: context.workers as u64 }))
    }
}

impl StatefulChannel for Channel {
    fn on_batch(&mut self, _input: usize, batch: DataFrame, output: &mut Output) -> Result<(), UserError> {
        let rows = batch.height();
        let first = self.next;
        self.next += self.step * rows as u64;
        let numbers: Vec<u64> = (0..rows as u64).map(|row| first + row * self.step).collect();
        let mut columns = batch.into_columns();
        columns.push(Column::new(PlSmallStr::from_static(QUERY), numbers));
        output.push(DataFrame::new(rows, columns)?);
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Option<State>, UserError> {
        Ok(Some(vec![(NEXT.to_owned(), polars_core::df!(NEXT => [self.next])?)]))
    }

    fn restore(&mut self, state: State) -> Result<(), UserError> {
        for (name, frame) in state {
            let next = if name == NEXT { frame.column(NEXT)?.u64()?.get(0) } else { None };
            self.next = next.ok_or_else(|| foreign(&name))?;
        }
        Ok(())
    }
}

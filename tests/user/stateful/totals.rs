use std::collections::BTreeMap;

use polars_lazy::frame::IntoLazy;
use quokka::prelude::*;

use crate::support::numbers;

/// For each key the sum of `value`, and from how many rows of each input.
#[derive(Clone)]
pub struct Totals {
    inputs: usize,
    partitioning: Vec<InputPartitioning>,
}

impl Totals {
    pub fn by(partitioning: impl IntoIterator<Item = InputPartitioning>) -> Self {
        let partitioning: Vec<_> = partitioning.into_iter().collect();
        Self { inputs: partitioning.len(), partitioning }
    }
}

impl StatefulOperator for Totals {
    fn describe(&self) -> Description {
        Description::blocks("totals").with("of", "value")
    }

    fn partitioning(&self, input: usize) -> InputPartitioning {
        self.partitioning[input].clone()
    }

    fn output_schema(&self, inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        if inputs.len() != self.inputs {
            return Err(format!("there must be {} inputs, not {}", self.inputs, inputs.len()).into());
        }
        let rows = (0..self.inputs).map(|input| Field::new(format!("rows_{input}").into(), DataType::UInt64));
        let first = ["key", "sum"].map(|name| Field::new(name.into(), DataType::Int64));
        Ok(Schema::from_iter(first.into_iter().chain(rows)).into())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Sums { open: self.inputs, inputs: self.inputs, sums: BTreeMap::new() }))
    }
}

struct Sums {
    open: usize,
    inputs: usize,
    sums: BTreeMap<Option<i64>, (i64, Vec<u64>)>,
}

impl StatefulChannel for Sums {
    fn on_batch(&mut self, input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        assert!(batch.height() > 0);
        for (key, value) in batch.column("key")?.i64()?.iter().zip(batch.column("value")?.i32()?.iter()) {
            let (sum, rows) = self.sums.entry(key).or_insert_with(|| (0, vec![0; self.inputs]));
            *sum += i64::from(value.unwrap_or(0));
            rows[input] += 1;
        }
        Ok(())
    }

    fn on_input_end(&mut self, _input: usize, _output: &mut Output) -> Result<(), UserError> {
        self.open -= 1;
        Ok(())
    }

    // Three keys at a time.
    fn resume(&mut self, output: &mut Output) -> Result<Progress, UserError> {
        if self.open > 0 || self.sums.is_empty() {
            return Ok(Progress::Done);
        }
        let mut columns = Vec::new();
        let rest = match self.sums.keys().nth(3).copied() {
            Some(fourth) => self.sums.split_off(&fourth),
            None => BTreeMap::new(),
        };
        let taken = std::mem::replace(&mut self.sums, rest);
        let keys: Vec<Option<i64>> = taken.keys().copied().collect();
        columns.push(Series::new("key".into(), keys).into_column());
        let sums: Vec<i64> = taken.values().map(|(sum, _)| *sum).collect();
        columns.push(Series::new("sum".into(), sums).into_column());
        for input in 0..self.inputs {
            let rows: Vec<u64> = taken.values().map(|(_, rows)| rows[input]).collect();
            columns.push(Series::new(format!("rows_{input}").into(), rows).into_column());
        }
        output.push(DataFrame::new(taken.len(), columns)?);
        Ok(Progress::More)
    }
}

pub fn totals_of_numbers() -> DataFrame {
    let sums = [col("value").cast(DataType::Int64).sum().alias("sum"), len().cast(DataType::UInt64).alias("rows_0")];
    numbers().lazy().group_by([col("key")]).agg(sums).collect().unwrap()
}

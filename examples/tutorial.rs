//! A reader and an operator of one's own: the numbers below 80 are read in 8 splits and added up, which makes 3160.
//!
//! Run it with timely's flags: `-w 4` for four workers, and in two processes
//!
//! ```text
//! cargo run --release --example tutorial -- -w 2 -n 2 -p 0 &
//! cargo run --release --example tutorial -- -w 2 -n 2 -p 1
//! ```
//!
//! Each process prints the sum.

use quokka::prelude::*;

/// The numbers below an end, ten in a split.
struct Numbers {
    end: i64,
}

const SPLIT_ROWS: i64 = 10;

impl InputReader for Numbers {
    fn describe(&self) -> Description {
        Description::streams("numbers").with("end", self.end)
    }

    fn schema(&self) -> SchemaRef {
        Schema::from_iter([Field::new("n".into(), DataType::Int64)]).into()
    }

    fn splits(&self) -> Result<Vec<Split>, UserError> {
        let starts = (0..self.end).step_by(SPLIT_ROWS as usize);
        Ok(starts.map(|start| Split { name: format!("numbers from {start}"), rows: None }).collect())
    }

    fn read(&self, split: usize, _columns: &Schema) -> Result<Batches, UserError> {
        let start = SPLIT_ROWS * split as i64;
        let numbers: Vec<i64> = (start..self.end.min(start + SPLIT_ROWS)).collect();
        Ok(Box::new(std::iter::once(df!("n" => numbers).map_err(Into::into))))
    }
}

/// Adds up the column `n`, wherever the rows are: each worker makes the sum of its rows.
struct PartialSum;

/// Adds up the column `n` on one worker.
struct Sum;

fn sum_schema() -> SchemaRef {
    Schema::from_iter([Field::new("n".into(), DataType::Int64)]).into()
}

impl StatefulOperator for PartialSum {
    fn describe(&self) -> Description {
        Description::blocks("partial-sum")
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::AsItComes
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(sum_schema())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Adder { sum: 0 }))
    }
}

impl StatefulOperator for Sum {
    fn describe(&self) -> Description {
        Description::blocks("sum")
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::Single
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(sum_schema())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        Ok(Box::new(Adder { sum: 0 }))
    }
}

/// The state of either on one worker.
struct Adder {
    sum: i64,
}

impl StatefulChannel for Adder {
    fn on_batch(&mut self, _input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        self.sum += batch.column("n")?.i64()?.iter().flatten().sum::<i64>();
        Ok(())
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<(), UserError> {
        output.push(df!("n" => [self.sum])?);
        Ok(())
    }
}

/// The sum of the numbers below 80.
pub fn sum(context: &Context) -> quokka::Result<DataFrame> {
    context.read(Numbers { end: 80 }).stateful(PartialSum).stateful(Sum).collect()
}

fn main() -> Result<(), UserError> {
    let context = Context::from_args(std::env::args())?;
    println!("{}", sum(&context)?.column("n")?.get(0)?);
    Ok(())
}

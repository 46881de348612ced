//! Matrices of sums of products of columns: each worker sums up its rows, one merges the sums.

use polars_core::frame::DataFrame;
use polars_core::prelude::{
    Column, DataType, Field, IntoColumn, ListChunked, NamedFrom, PlSmallStr, Schema, SchemaRef, Series,
};
use quokka_engine::error::{ErrorKind, OperatorError};
use quokka_operators::moments::CoMoments;

use crate::user::{
    Description, InputPartitioning, Output, State, StatefulChannel, StatefulOperator, UserError, WorkerContext,
};

/// What a matrix has for a pair of columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Matrix {
    /// The covariance, with so many degrees of freedom taken off.
    Covariance { ddof: u8 },
    /// Pearson's correlation.
    Correlation,
    /// The sum of products, of the values or of their distances from the means.
    Gramian { demean: bool },
}

impl Matrix {
    fn is_centred(self) -> bool {
        self != Matrix::Gramian { demean: false }
    }

    /// The value for a pair of columns; `None` if there are too few rows.
    fn value(self, moments: &CoMoments, one: usize, other: usize) -> Option<f64> {
        let sum = moments.sum(one, other);
        match self {
            Matrix::Gramian { .. } => Some(sum),
            Matrix::Covariance { ddof } => {
                let freedom = moments.count().checked_sub(u64::from(ddof)).filter(|freedom| *freedom > 0)?;
                Some(sum / freedom as f64)
            },
            Matrix::Correlation if moments.count() == 0 => None,
            Matrix::Correlation => Some(sum / (moments.sum(one, one) * moments.sum(other, other)).sqrt()),
        }
    }
}

/// Sums up the rows of each worker, which are floats in so many columns. Blocks; holds a matrix.
pub(crate) struct Partial {
    pub(crate) matrix: Matrix,
    pub(crate) columns: usize,
}

/// Merges the sums and makes the matrix, one row for each of the columns. Blocks; holds a matrix.
pub(crate) struct Final {
    pub(crate) matrix: Matrix,
    /// The name of the row, then the columns.
    pub(crate) schema: SchemaRef,
}

fn part_schema() -> Schema {
    let floats = DataType::List(Box::new(DataType::Float64));
    let fields = [("rows", DataType::UInt64), ("means", floats.clone()), ("sums", floats)];
    fields.into_iter().map(|(name, dtype)| Field::new(PlSmallStr::from_static(name), dtype)).collect()
}

/// A part of the sums as one row.
fn part(moments: &CoMoments) -> Result<DataFrame, OperatorError> {
    let list = |name: &'static str, values: &[f64]| {
        let values = Series::new(PlSmallStr::EMPTY, values);
        Series::new(PlSmallStr::from_static(name), [values]).into_column()
    };
    let rows = Column::new(PlSmallStr::from_static("rows"), [moments.count()]);
    Ok(DataFrame::new(1, vec![rows, list("means", moments.means()), list("sums", moments.sums())])?)
}

/// Adds the parts that are the rows of `frame`.
fn merge(moments: &mut CoMoments, frame: &DataFrame, centred: bool) -> Result<(), OperatorError> {
    let damaged = || OperatorError::message(ErrorKind::Internal, "sums of products are damaged");
    let floats = |lists: &ListChunked, row: usize| -> Result<Vec<f64>, OperatorError> {
        let list = lists.get_as_series(row).ok_or_else(damaged)?;
        Ok(list.f64()?.iter().flatten().collect())
    };
    let (counts, means, sums) = (frame.column("rows")?, frame.column("means")?, frame.column("sums")?);
    for row in 0..frame.height() {
        let count = counts.u64()?.get(row).ok_or_else(damaged)?;
        let (means, sums) = (floats(means.list()?, row)?, floats(sums.list()?, row)?);
        let part = CoMoments::from_parts(centred, count, means, sums).ok_or_else(damaged)?;
        if part.means().len() != moments.means().len() {
            return Err(damaged());
        }
        moments.merge(&part);
    }
    Ok(())
}

/// The sums that a channel holds.
struct Channel {
    matrix: Matrix,
    moments: CoMoments,
    /// What a final channel makes.
    result: Option<SchemaRef>,
}

impl Channel {
    /// Sums up rows without nulls.
    fn add(&mut self, batch: &DataFrame) -> Result<(), OperatorError> {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| column.f64().map(|column| column.rechunk()))
            .collect::<Result<_, _>>()?;
        let validities: Vec<_> = columns.iter().filter_map(|column| column.downcast_as_array().validity()).collect();
        let whole: Vec<&[f64]> = columns.iter().map(|column| column.downcast_as_array().values().as_slice()).collect();
        if validities.iter().all(|validity| validity.unset_bits() == 0) {
            self.moments.add(&whole);
            return Ok(());
        }
        let rows: Vec<usize> = (0..batch.height())
            .filter(|row| validities.iter().all(|validity| validity.get(*row) == Some(true)))
            .collect();
        let picked: Vec<Vec<f64>> = whole.iter().map(|column| rows.iter().map(|row| column[*row]).collect()).collect();
        self.moments.add(&picked.iter().map(Vec::as_slice).collect::<Vec<_>>());
        Ok(())
    }

    /// The matrix, whose rows are named.
    fn matrix(&self, schema: &Schema) -> Result<DataFrame, OperatorError> {
        let mut names = schema.iter_names();
        let row_name = names.next().cloned().unwrap_or_default();
        let names: Vec<&str> = names.map(PlSmallStr::as_str).collect();
        let mut columns = vec![Column::new(row_name, &names)];
        for (one, name) in names.iter().enumerate() {
            let values: Vec<Option<f64>> =
                (0..names.len()).map(|other| self.matrix.value(&self.moments, one, other)).collect();
            columns.push(Column::new(PlSmallStr::from_str(name), values));
        }
        Ok(DataFrame::new(names.len(), columns)?)
    }
}

impl StatefulChannel for Channel {
    fn on_batch(&mut self, _input: usize, batch: DataFrame, _output: &mut Output) -> Result<(), UserError> {
        match self.result {
            None => self.add(&batch)?,
            Some(_) => merge(&mut self.moments, &batch, self.matrix.is_centred())?,
        }
        Ok(())
    }

    fn on_input_end(&mut self, _input: usize, output: &mut Output) -> Result<(), UserError> {
        output.push(match &self.result {
            None => part(&self.moments)?,
            Some(schema) => self.matrix(schema)?,
        });
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Option<State>, UserError> {
        Ok(Some(vec![("sums".to_string(), part(&self.moments)?)]))
    }

    fn restore(&mut self, state: State) -> Result<(), UserError> {
        for (_, sums) in state {
            merge(&mut self.moments, &sums, self.matrix.is_centred())?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        self.moments.bytes()
    }
}

impl StatefulOperator for Partial {
    fn describe(&self) -> Description {
        Description::blocks("partial-sums-of-products").with("matrix", format!("{:?}", self.matrix))
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::AsItComes
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(part_schema().into())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        let moments = CoMoments::new(self.columns, self.matrix.is_centred());
        Ok(Box::new(Channel { matrix: self.matrix, moments, result: None }))
    }
}

impl StatefulOperator for Final {
    fn describe(&self) -> Description {
        Description::blocks("sums-of-products").with("matrix", format!("{:?}", self.matrix))
    }

    fn partitioning(&self, _input: usize) -> InputPartitioning {
        InputPartitioning::Single
    }

    fn output_schema(&self, _inputs: &[SchemaRef]) -> Result<SchemaRef, UserError> {
        Ok(self.schema.clone())
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn StatefulChannel>, UserError> {
        let moments = CoMoments::new(self.schema.len() - 1, self.matrix.is_centred());
        Ok(Box::new(Channel { matrix: self.matrix, moments, result: Some(self.schema.clone()) }))
    }
}

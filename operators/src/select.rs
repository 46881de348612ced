//! Columns of a batch: chosen, renamed, reordered.

use std::fmt::Write as _;

use polars_core::error::PolarsError;
use polars_core::frame::DataFrame;
use polars_core::prelude::Column;
use polars_core::schema::Schema;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::operator::{Description, FnOperator, Operator, OperatorFactory, WorkerContext};

/// Chooses columns, in a new order and under new names if wanted, without computing anything.
///
/// Streams, holds no state. Costs a reference count and a name per column and batch, whatever the number of rows.
///
/// ```
/// use polars_core::df;
/// use quokka_engine::operator::testing::{Restore, drive, single_worker};
/// use quokka_operators::select::Select;
///
/// let rows = df!("a" => [1, 2], "b" => ["x", "y"]).unwrap();
/// let select = Select::new(rows.schema(), [("b", "name"), ("a", "a")]).unwrap();
/// let sent = drive(&select, &single_worker(7), vec![vec![rows]], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("name" => ["x", "y"], "a" => [1, 2]).unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct Select {
    columns: Vec<Selected>,
}

#[derive(Clone, Debug)]
struct Selected {
    index: usize,
    input: PlSmallStr,
    output: PlSmallStr,
}

impl Select {
    /// Delivers, of batches with the columns of `input`, the columns named first under the names given second. Fails if a
    /// column does not exist or a new name is given twice.
    pub fn new<I: Into<PlSmallStr>, O: Into<PlSmallStr>>(
        input: &Schema,
        columns: impl IntoIterator<Item = (I, O)>,
    ) -> Result<Self, OperatorError> {
        let mut selected: Vec<Selected> = Vec::new();
        for (from, to) in columns {
            let (from, to) = (from.into(), to.into());
            let index = input.index_of(&from).ok_or_else(|| PolarsError::ColumnNotFound(from.to_string().into()))?;
            if selected.iter().any(|other| other.output == to) {
                return Err(PolarsError::Duplicate(format!("two columns would be named `{to}`").into()).into());
            }
            selected.push(Selected { index, input: from, output: to });
        }
        Ok(Self { columns: selected })
    }
}

impl OperatorFactory for Select {
    fn describe(&self) -> Description {
        let mut list = String::new();
        for (i, column) in self.columns.iter().enumerate() {
            let _ = write!(list, "{}{}", if i > 0 { ", " } else { "" }, column.input);
            if column.output != column.input {
                let _ = write!(list, " as {}", column.output);
            }
        }
        Description::streams("select").with("columns", list)
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let columns = self.columns.clone();
        Ok(Box::new(FnOperator::new(move |batch: DataFrame| {
            let take = |selected: &Selected| -> Result<Column, OperatorError> {
                let column = match batch.select_at_idx(selected.index) {
                    Some(column) if *column.name() == selected.input => column,
                    _ => batch.column(&selected.input)?,
                };
                Ok(if selected.output == selected.input {
                    column.clone()
                } else {
                    column.clone().with_name(selected.output.clone())
                })
            };
            let chosen = columns.iter().map(take).collect::<Result<_, _>>()?;
            Ok(DataFrame::new(batch.height(), chosen)?)
        })))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_lazy::prelude::{IntoLazy, col};
    use quokka_engine::error::ErrorKind;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    fn rows() -> DataFrame {
        let numbers: Vec<Option<i64>> = (0..100).map(|n| (n % 7 != 0).then_some(n * 37 % 50)).collect();
        let texts: Vec<String> = (0..100).map(|n| format!("text {}", n % 9)).collect();
        df!("number" => numbers, "text" => texts, "half" => (0..100).map(|n| n as f64 / 2.0).collect::<Vec<_>>())
            .unwrap()
    }

    #[test]
    fn equals_polars() {
        let input = rows();
        let select = Select::new(input.schema(), [("half", "x"), ("number", "number"), ("half", "half")]).unwrap();
        let expected =
            input.clone().lazy().select([col("half").alias("x"), col("number"), col("half")]).collect().unwrap();
        for batch_rows in [1, 7, 65_536] {
            let given = vec![batches(&input, batch_rows)];
            let sent = drive(&select, &single_worker(batch_rows), given, Restore::EveryBatch).unwrap();
            assert!(concatenate(sent.into_iter()).unwrap().unwrap().equals_missing(&expected));
        }
        assert_eq!(select.describe().to_string(), "select columns=[half as x, number, half]");
    }

    #[test]
    fn no_columns_keep_the_number_of_rows() {
        let input = rows();
        let select = Select::new(input.schema(), Vec::<(&str, &str)>::new()).unwrap();
        let sent = drive(&select, &single_worker(7), vec![batches(&input, 7)], Restore::Never).unwrap();
        assert_eq!(sent.iter().map(DataFrame::height).sum::<usize>(), 100);
        assert!(sent.iter().all(|batch| batch.width() == 0));
    }

    #[test]
    fn refuses_what_it_cannot_deliver() {
        let schema = rows().schema().clone();
        for columns in [[("number", "a"), ("nowhere", "b")], [("number", "a"), ("half", "a")]] {
            assert_eq!(Select::new(&schema, columns).unwrap_err().kind(), ErrorKind::InvalidQuery);
        }
        let select = Select::new(&schema, [("half", "half")]).unwrap();
        let other = df!("a" => [1]).unwrap();
        let error = drive(&select, &single_worker(7), vec![vec![other]], Restore::Never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidQuery);
    }
}

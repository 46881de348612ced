//! Columns computed from a batch.

use std::fmt;
use std::sync::Arc;

use quokka_engine::error::OperatorError;
use quokka_engine::expr::Projection;
use quokka_engine::operator::{Description, FnOperator, Operator, OperatorFactory, WorkerContext};

/// Computes columns from each batch with expressions that need nothing but the row.
///
/// Streams, holds no state. Errors of the expressions keep their kind. For columns that exist already use
/// [`Select`](crate::select::Select).
///
/// ```
/// use std::sync::Arc;
/// use polars_core::df;
/// use quokka_engine::expr::Projection;
/// use quokka_engine::expr::prelude::*;
/// use quokka_engine::operator::testing::{Restore, drive, single_worker};
/// use quokka_operators::project::Project;
///
/// let rows = df!("a" => [1i64, 2]).unwrap();
/// let exprs = [(col("a") * lit(10)).alias("b")];
/// let project = Project::new(Arc::new(Projection::compile(&exprs, rows.schema()).unwrap()), &exprs[0]);
/// let sent = drive(&project, &single_worker(7), vec![vec![rows]], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("b" => [10i64, 20]).unwrap()]);
/// ```
#[derive(Clone)]
pub struct Project {
    projection: Arc<Projection>,
    text: String,
}

impl Project {
    /// Evaluates `projection`, shown to the user as `text`.
    pub fn new(projection: Arc<Projection>, text: impl fmt::Display) -> Self {
        Self { projection, text: text.to_string() }
    }
}

impl OperatorFactory for Project {
    fn describe(&self) -> Description {
        Description::streams("project").with("columns", &self.text)
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let projection = self.projection.clone();
        Ok(Box::new(FnOperator::new(move |batch| projection.evaluate(&batch))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::frame::DataFrame;
    use polars_lazy::prelude::IntoLazy;
    use quokka_engine::expr::prelude::*;
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
        let exprs =
            [col("text"), (col("number") + lit(1)).alias("more"), col("half") * col("number"), lit(3).alias("c")];
        let expected = input.clone().lazy().select(exprs.clone()).collect().unwrap();
        let projection = Arc::new(Projection::compile(&exprs, input.schema()).unwrap());
        for batch_rows in [1, 7, 65_536] {
            let given = vec![batches(&input, batch_rows)];
            let project = Project::new(projection.clone(), "columns");
            let sent = drive(&project, &single_worker(batch_rows), given, Restore::EveryBatch).unwrap();
            assert!(concatenate(sent.into_iter()).unwrap().unwrap().equals_missing(&expected));
        }
    }

    #[test]
    fn errors_keep_their_kind() {
        let input = rows();
        let exprs = [col("text").strict_cast(DataType::Int64)];
        let projection = Arc::new(Projection::compile(&exprs, input.schema()).unwrap());
        let cause = projection.evaluate(&input).unwrap_err();
        let project = Project::new(projection, &exprs[0]);
        let error = drive(&project, &single_worker(7), vec![vec![input]], Restore::Never).unwrap_err();
        assert_eq!((error.kind(), error.chain()), (cause.kind(), cause.chain()));
    }
}

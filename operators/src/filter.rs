//! Rows of a batch for which a predicate is true.

use std::fmt;
use std::sync::Arc;

use quokka_engine::error::OperatorError;
use quokka_engine::expr::Predicate;
use quokka_engine::operator::{Description, FnOperator, Operator, OperatorFactory, WorkerContext};

/// Passes the rows for which a predicate is true; rows for which it is false or null are dropped.
///
/// Streams, holds no state. A batch that passes as a whole is not copied. Errors of the expression keep their kind.
///
/// ```
/// use std::sync::Arc;
/// use polars_core::df;
/// use quokka_engine::expr::Predicate;
/// use quokka_engine::expr::prelude::*;
/// use quokka_engine::operator::testing::{Restore, drive, single_worker};
/// use quokka_operators::filter::Filter;
///
/// let rows = df!("a" => [Some(1i64), None, Some(3)]).unwrap();
/// let expr = col("a").gt(lit(1));
/// let filter = Filter::new(Arc::new(Predicate::compile(&expr, rows.schema()).unwrap()), &expr);
/// let sent = drive(&filter, &single_worker(7), vec![vec![rows]], Restore::Never).unwrap();
/// assert_eq!(sent, [df!("a" => [3i64]).unwrap()]);
/// ```
#[derive(Clone)]
pub struct Filter {
    predicate: Arc<Predicate>,
    text: String,
}

impl Filter {
    /// Applies `predicate`, shown to the user as `text`.
    pub fn new(predicate: Arc<Predicate>, text: impl fmt::Display) -> Self {
        Self { predicate, text: text.to_string() }
    }
}

impl OperatorFactory for Filter {
    fn describe(&self) -> Description {
        Description::streams("filter").with("predicate", &self.text)
    }

    fn create(&self, _context: &WorkerContext) -> Result<Box<dyn Operator>, OperatorError> {
        let predicate = self.predicate.clone();
        Ok(Box::new(FnOperator::new(move |batch| predicate.filter(&batch))))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::frame::DataFrame;
    use polars_lazy::prelude::IntoLazy;
    use quokka_engine::error::ErrorKind;
    use quokka_engine::expr::prelude::*;
    use quokka_engine::operator::testing::{Restore, batches, drive, single_worker};

    use super::*;
    use crate::ordered_batches::concatenate;

    fn rows() -> DataFrame {
        let numbers: Vec<Option<i64>> = (0..100).map(|n| (n % 7 != 0).then_some(n * 37 % 50)).collect();
        let texts: Vec<Option<String>> = (0..100).map(|n| (n % 5 != 0).then(|| format!("text {}", n % 9))).collect();
        df!("number" => numbers, "text" => texts).unwrap()
    }

    fn run(expr: &Expr, input: &DataFrame, batch_rows: usize) -> Result<Vec<DataFrame>, OperatorError> {
        let filter = Filter::new(Arc::new(Predicate::compile(expr, input.schema())?), expr);
        drive(&filter, &single_worker(batch_rows), vec![batches(input, batch_rows)], Restore::EveryBatch)
    }

    #[test]
    fn equals_polars() {
        let input = rows();
        let predicates = [
            col("number").gt(lit(20)),
            col("text").eq(lit("text 3")).or(col("number").is_null()),
            col("number").lt(lit(-1)),
            lit(true),
            lit(false),
            col("number").gt(lit(10)).and(col("text").is_not_null()),
        ];
        for expr in predicates {
            let expected = input.clone().lazy().filter(expr.clone()).collect().unwrap();
            for batch_rows in [1, 7, 65_536] {
                let sent = run(&expr, &input, batch_rows).unwrap();
                assert!(sent.iter().all(|batch| batch.height() > 0));
                let whole = concatenate(sent.into_iter()).unwrap().unwrap_or_else(|| input.clear());
                assert!(whole.equals_missing(&expected), "{expr}");
            }
        }
    }

    #[test]
    fn errors_keep_their_kind() {
        assert_eq!(run(&col("nowhere").gt(lit(1)), &rows(), 7).unwrap_err().kind(), ErrorKind::InvalidQuery);
        let strict = col("text").strict_cast(DataType::Int64).gt(lit(1));
        let cause = Predicate::compile(&strict, rows().schema()).unwrap().filter(&rows()).unwrap_err();
        let error = run(&strict, &rows(), 65_536).unwrap_err();
        assert_eq!((error.kind(), error.chain()), (cause.kind(), cause.chain()));
    }

    #[test]
    fn says_what_it_does() {
        let expr = col("number").gt(lit(20));
        let filter = Filter::new(Arc::new(Predicate::compile(&expr, rows().schema()).unwrap()), &expr);
        assert_eq!(filter.describe().to_string(), format!("filter predicate=[{expr}]"));
    }
}

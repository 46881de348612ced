use polars_core::datatypes::DataType;
use polars_error::PolarsError;
use polars_utils::pl_str::PlSmallStr;

use crate::error::{ErrorKind, OperatorError};

/// What is wrong with an expression. [`OperatorError::get_ref`] gives it back by `downcast_ref`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExprError {
    /// An expression names a column that its input does not have.
    #[error("column `{name}` not found; the columns are {}", list(available))]
    ColumnNotFound {
        /// The unknown name.
        name: PlSmallStr,
        /// The names of the input.
        available: Vec<PlSmallStr>,
    },
    /// Two outputs of a projection have one name.
    #[error("two expressions yield a column `{name}`: rename one with `alias`")]
    DuplicateOutput {
        /// The name.
        name: PlSmallStr,
    },
    /// One expression was expected and a selector stands for another number of them.
    #[error("`{expression}` stands for {count} columns, where one is expected")]
    NotSingle {
        /// The expression before expansion.
        expression: String,
        /// How many expressions it expands to.
        count: usize,
    },
    /// A predicate does not yield booleans.
    #[error("the predicate `{expression}` yields {dtype}, not a boolean")]
    NotBoolean {
        /// The predicate.
        expression: String,
        /// What it yields.
        dtype: DataType,
    },
    /// An expression yields neither one value nor one value a row.
    #[error("`{expression}` yields {actual} values for {expected} rows")]
    WrongLength {
        /// The expression or user function.
        expression: String,
        /// Rows of the batch, or groups.
        expected: usize,
        /// Values that came out.
        actual: usize,
    },
    /// A user function does not return the type that it declared.
    #[error("`{expression}` yields {actual}, but declares {expected}")]
    WrongType {
        /// The expression or user function.
        expression: String,
        /// The declared type.
        expected: DataType,
        /// The type that came out.
        actual: DataType,
    },
    /// The exact result of a decimal operation needs more digits behind the point than a decimal has.
    #[error("`{expression}` needs {scale} digits behind the decimal point, at most 38 exist: cast an operand to fewer")]
    DecimalScale {
        /// The operation.
        expression: String,
        /// The digits that an exact result needs.
        scale: usize,
    },
    /// A decimal value left the 38 digits of its type, or the digits of the type that it is cast to.
    #[error("decimal overflow in `{expression}`: the result needs more than {precision} digits")]
    DecimalOverflow {
        /// The operation.
        expression: String,
        /// Digits of the result's type.
        precision: usize,
    },
    /// A decimal is divided by zero.
    #[error("division by zero in `{expression}`")]
    DivisionByZero {
        /// The operation.
        expression: String,
    },
    /// Polars refuses an expression when it is planned.
    #[error("invalid expression `{expression}`")]
    Invalid {
        /// The expression.
        expression: String,
        /// What Polars says.
        source: PolarsError,
    },
    /// An expression fails on a batch.
    #[error("cannot evaluate `{expression}`")]
    Evaluation {
        /// The expression.
        expression: String,
        /// What Polars says.
        source: PolarsError,
    },
}

impl From<ExprError> for OperatorError {
    fn from(error: ExprError) -> Self {
        let kind = match &error {
            ExprError::DecimalOverflow { .. } => ErrorKind::Overflow,
            ExprError::DivisionByZero { .. } | ExprError::Evaluation { .. } => ErrorKind::Compute,
            _ => ErrorKind::InvalidQuery,
        };
        OperatorError::new(kind, error)
    }
}

/// An error of Polars while `expression` is planned: always the fault of the query.
pub(super) fn invalid(expression: impl ToString, error: PolarsError) -> OperatorError {
    let error = without_context(error);
    if carries_operator_error(&error) {
        return error.into();
    }
    ExprError::Invalid { expression: expression.to_string(), source: error }.into()
}

/// An error of Polars while `expression` is evaluated: the kind is that of its cause, but what Polars calls an invalid
/// operation is a value that cannot be computed, since the query itself was checked when it was compiled.
pub(super) fn evaluation(expression: impl ToString, error: PolarsError) -> OperatorError {
    let error = without_context(error);
    let cause = OperatorError::from(error.clone());
    if carries_operator_error(&error) {
        return cause;
    }
    let kind = match error {
        PolarsError::InvalidOperation(_) => ErrorKind::Compute,
        _ => cause.kind(),
    };
    OperatorError::new(kind, ExprError::Evaluation { expression: expression.to_string(), source: error })
}

/// Polars wraps an error once for every node of the expression; the outermost expression is named by [`ExprError`].
fn without_context(mut error: PolarsError) -> PolarsError {
    while let PolarsError::Context { error: inner, .. } | PolarsError::ExprContext { error: inner, .. } = error {
        error = *inner;
    }
    error
}

fn carries_operator_error(error: &PolarsError) -> bool {
    matches!(error, PolarsError::IO { error, .. } if error.get_ref().is_some_and(|inner| inner.is::<OperatorError>()))
}

fn list(names: &[PlSmallStr]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

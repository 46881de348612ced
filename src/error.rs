//! What can go wrong: a query that does not fit its input ([`PlanError`]), or a run that failed ([`Error::Engine`]).

use std::fmt;

use polars_core::error::PolarsError;
use polars_core::schema::Schema;
use quokka_engine::error::{ErrorKind, OperatorError};

/// Why a query cannot be planned or did not finish.
///
/// ```
/// use quokka::prelude::*;
/// let context = Context::builder().build()?;
/// let lines = context.from_df(df!("price" => [1.5], "discount" => [0.1]).unwrap());
/// let error = lines.filter(col("pirce").gt(lit(1.0))).schema().unwrap_err();
/// assert_eq!(error.to_string(), "unknown column `pirce` in `filter`: did you mean `price`?");
/// # Ok::<(), quokka::Error>(())
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query does not fit its input. Found before anything runs.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An operator refuses its part of the query. Found before anything runs.
    #[error("the query cannot be planned")]
    Planning {
        /// What it refuses.
        source: OperatorError,
    },
    /// A source could not be opened.
    #[error("cannot open `{source_name}`")]
    Source {
        /// What was to be opened: a path or a kind of source.
        source_name: String,
        /// What happened.
        source: OperatorError,
    },
    /// Nothing can be written there. Found before anything runs.
    #[error("cannot write to `{}`", path.display())]
    Sink {
        /// Where the query was to write.
        path: std::path::PathBuf,
        /// What happened.
        source: OperatorError,
    },
    /// The run failed, was cancelled or took too long, or the worker pool could not start.
    #[error(transparent)]
    Engine(#[from] quokka_engine::error::Error),
    /// A function of Polars failed that the program called itself, such as `df!`; so that `?` takes both kinds of errors.
    ///
    /// ```
    /// use quokka::prelude::*;
    ///
    /// fn total(context: &Context) -> quokka::Result<Option<f64>> {
    ///     let sales = context.from_df(df!("amount" => [10.0, 20.0])?);
    ///     Ok(sales.sum().collect()?.column("amount")?.f64()?.get(0))
    /// }
    ///
    /// assert_eq!(total(&Context::builder().build()?)?, Some(30.0));
    /// assert_eq!(quokka::Error::from(df!("a" => [1], "b" => [1, 2]).unwrap_err()).kind(), quokka::ErrorKind::InvalidQuery);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    #[error(transparent)]
    Polars(OperatorError),
}

impl From<PolarsError> for Error {
    fn from(error: PolarsError) -> Self {
        Self::Polars(error.into())
    }
}

impl Error {
    /// The kind, for callers that decide by it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Plan(_) => ErrorKind::InvalidQuery,
            Error::Planning { source } | Error::Source { source, .. } | Error::Sink { source, .. } => source.kind(),
            Error::Engine(error) => error.kind(),
            Error::Polars(error) => error.kind(),
        }
    }

    /// The message with all its sources, one line, outermost first.
    pub fn report(&self) -> String {
        use std::error::Error as _;
        if let Error::Engine(error) = self {
            return error.report();
        }
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

/// The result of most façade calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a query does not fit its input. Every variant names the method that was called.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A column is not in the input.
    #[error("unknown column `{column}` in `{method}`: {hint}")]
    UnknownColumn {
        /// The name that was asked for.
        column: String,
        /// The method that asked.
        method: &'static str,
        /// The nearest name, or all names if none is near.
        hint: Hint,
    },
    /// Two columns of the result have one name.
    #[error("`{method}` produces two columns named `{column}`: rename one with `.alias(…)`")]
    DuplicateColumn {
        /// The name.
        column: String,
        /// The method.
        method: &'static str,
    },
    /// An expression does not fit the types of its columns.
    #[error("expression `{expression}` is not valid in `{method}`")]
    Expression {
        /// The expression, as Polars prints it.
        expression: String,
        /// The method.
        method: &'static str,
        /// What is wrong with it.
        source: OperatorError,
    },
    /// An expression has another type than its place needs.
    #[error("expression `{expression}` in `{method}` must be {expected}, but it is {found}")]
    Type {
        /// The expression.
        expression: String,
        /// The method.
        method: &'static str,
        /// What the place needs.
        expected: String,
        /// The type of the expression.
        found: String,
    },
    /// Two inputs that must agree on a schema do not.
    #[error("the inputs of `{method}` differ: {difference}")]
    Schemas {
        /// The method.
        method: &'static str,
        /// The first difference.
        difference: String,
    },
    /// An operator of the user refuses its inputs.
    #[error("operator `{operator}` refuses its inputs")]
    Operator {
        /// Its name.
        operator: String,
        /// What it says.
        source: OperatorError,
    },
    /// The arguments contradict each other.
    #[error("`{method}`: {reason}")]
    Argument {
        /// The method.
        method: &'static str,
        /// What contradicts, and what to do.
        reason: String,
    },
}

impl PlanError {
    /// `column` is not among the columns of `schema`.
    pub(crate) fn unknown_column(column: &str, method: &'static str, schema: &Schema) -> Self {
        PlanError::UnknownColumn { column: column.to_owned(), method, hint: Hint::new(column, schema) }
    }

    /// The arguments of `method` contradict each other.
    pub(crate) fn argument(method: &'static str, reason: impl Into<String>) -> Self {
        PlanError::Argument { method, reason: reason.into() }
    }
}

/// What could have been meant by an unknown name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// A column with a similar name.
    Similar(String),
    /// No name is similar: all columns there are.
    Columns(Vec<String>),
}

impl Hint {
    fn new(name: &str, schema: &Schema) -> Self {
        let lower = name.to_lowercase();
        let nearest = schema
            .iter_names()
            .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
            .min_by_key(|(distance, _)| *distance);
        match nearest {
            // A third of the letters wrong is the limit of what is taken for a slip.
            Some((distance, candidate)) if distance <= (name.chars().count() / 3).max(1) => {
                Hint::Similar(candidate.to_string())
            },
            _ => Hint::Columns(schema.iter_names().map(|name| name.to_string()).collect()),
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Similar(name) => write!(f, "did you mean `{name}`?"),
            Hint::Columns(names) if names.is_empty() => f.write_str("the input has no columns"),
            Hint::Columns(names) => {
                f.write_str("the columns are ")?;
                for (i, name) in names.iter().enumerate() {
                    write!(f, "{}`{name}`", if i > 0 { ", " } else { "" })?;
                }
                Ok(())
            },
        }
    }
}

//! A [`ScanRequest`], checked against the columns of its table.

use std::sync::Arc;

use polars_core::error::polars_err;
use polars_core::frame::DataFrame;
use polars_core::prelude::{BooleanChunked, PlHashSet};
use polars_core::schema::{Schema, SchemaRef};
use polars_plan::dsl::Expr;
use polars_utils::pl_str::PlSmallStr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::{ExprError, Predicate, columns_of, conjunction, expand, split_conjunction};
use quokka_engine::operator::Description;
use quokka_engine::source::ScanRequest;

use crate::effort::Effort;
use crate::row_filter::{RowFilter, due};

/// What a source must deliver: a [`ScanRequest`] that fits the columns of its table.
///
/// ```
/// use polars_core::df;
/// use quokka_connectors::request::Request;
/// use quokka_engine::expr::prelude::{col, lit};
/// use quokka_engine::source::ScanRequest;
///
/// let table = df!("a" => [1, 2, 3], "b" => ["x", "y", "z"])?;
/// let (projection, predicate) = (Some(["b".into()].into()), Some(col("a").gt(lit(1))));
/// let request = Request::new(&ScanRequest { projection, predicate, ..ScanRequest::default() }, table.schema())?;
/// assert_eq!(request.columns(), ["b", "a"]);
/// assert_eq!(request.deliver(&table)?, df!("b" => ["y", "z"])?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Request {
    /// Columns to deliver, in order.
    pub schema: SchemaRef,
    /// All of these must be true.
    pub(crate) conjuncts: Vec<Conjunct>,
    /// A part of the predicate without columns is not true: there are no rows.
    pub is_never_true: bool,
    /// Rows that do not pass may be dropped.
    pub(crate) filters: Vec<RowFilter>,
}

/// What a row has to pass.
pub(crate) enum Test<'a> {
    /// A conjunct with its index.
    Conjunct(usize, &'a Conjunct),
    Filter(&'a RowFilter),
}

impl Test<'_> {
    pub(crate) fn effort(&self) -> &Effort {
        match self {
            Test::Conjunct(_, conjunct) => &conjunct.effort,
            Test::Filter(filter) => &filter.effort,
        }
    }
}

/// A part of the predicate that has columns.
pub(crate) struct Conjunct {
    pub(crate) expr: Expr,
    /// Columns that it reads.
    pub(crate) columns: Vec<PlSmallStr>,
    predicate: Predicate,
    pub(crate) effort: Effort,
}

impl Request {
    /// Checks `request` against a table with the columns of `schema`.
    ///
    /// # Errors
    /// A column that the table does not have or that is asked for twice; an expression that does not fit.
    pub fn new(request: &ScanRequest, schema: &SchemaRef) -> Result<Self, OperatorError> {
        let filters = request.filters.iter().map(|filter| RowFilter::new(filter, schema));
        let mut checked = Self {
            schema: project(request, schema)?,
            conjuncts: Vec::new(),
            is_never_true: false,
            filters: filters.collect::<Result<_, _>>()?,
        };
        for expr in expand(request.predicate.as_slice(), schema)?.iter().flat_map(split_conjunction) {
            let columns = columns_of(&expr);
            // The expression sees the columns in this order, which spares it the search by name.
            let seen = columns.iter().filter_map(|name| Some((name.clone(), schema.get(name)?.clone()))).collect();
            let predicate = Predicate::compile(&expr, &Arc::new(seen))?;
            if columns.is_empty() {
                checked.is_never_true |= predicate.mask(&DataFrame::empty_with_height(1))?.get(0) != Some(true);
            } else {
                checked.conjuncts.push(Conjunct { expr, columns, predicate, effort: Effort::default() });
            }
        }
        Ok(checked)
    }

    /// Rows that dynamic filters have dropped so far.
    pub fn dropped(&self) -> u64 {
        self.filters.iter().map(RowFilter::dropped).sum()
    }

    /// The columns to deliver and those that decide which rows are, each once.
    pub fn columns(&self) -> Vec<PlSmallStr> {
        let mut columns: Vec<PlSmallStr> = self.schema.iter_names_cloned().collect();
        let by_filters = self.filters.iter().flat_map(|filter| filter.columns());
        for name in self.conjuncts.iter().flat_map(|conjunct| &conjunct.columns).chain(by_filters) {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        columns
    }

    /// What decides which rows pass, in the order that has been cheapest so far: these conjuncts, and the filters that are worth
    /// a try. Predicates that reach a scan cannot fail, so their order does not matter otherwise.
    pub(crate) fn tests(&self, conjuncts: impl IntoIterator<Item = usize>) -> Vec<Test<'_>> {
        let conjunct = |index: usize| Some(Test::Conjunct(index, self.conjuncts.get(index)?));
        let conjuncts = conjuncts.into_iter().filter_map(conjunct);
        let mut tests: Vec<Test<'_>> = conjuncts.chain(due(&self.filters).map(Test::Filter)).collect();
        tests.sort_by(|left, right| left.effort().rank().total_cmp(&right.effort().rank()));
        tests
    }

    /// The rows of `batch` that pass, with the columns to deliver; if [`is_never_true`](Self::is_never_true), none should be
    /// read at all. It must have all of [`columns`](Self::columns), as they lie
    /// in batches ([`physical`](quokka_engine::physical)).
    ///
    /// # Errors
    /// A column that is missing; an expression that fails on a value.
    pub fn deliver(&self, batch: &DataFrame) -> Result<DataFrame, OperatorError> {
        let mut passed: Option<BooleanChunked> = None;
        for conjunct in &self.conjuncts {
            let mask = conjunct.mask(&batch.select(conjunct.columns.iter().cloned())?)?;
            passed = Some(match passed {
                Some(others) => &others & &mask,
                None => mask,
            });
        }
        for filter in due(&self.filters) {
            let keys = batch.select(filter.columns().iter().cloned())?;
            if let Some(mask) = filter.mask(&keys, passed.is_some())? {
                let mask = BooleanChunked::from_bitmap(PlSmallStr::EMPTY, mask);
                let before = passed.as_ref().map_or(batch.height(), |others| others.num_trues());
                let both = match passed {
                    Some(others) => &others & &mask,
                    None => mask,
                };
                filter.count_dropped(before - both.num_trues());
                passed = Some(both);
            }
        }
        let projected = batch.select(self.schema.iter_names().cloned())?;
        Ok(match passed {
            Some(passed) if passed.num_trues() < batch.height() => projected.filter_seq(&passed)?,
            _ => projected,
        })
    }

    /// The columns by which some conjuncts and the dynamic filters decide which rows are delivered, and the other ones to
    /// deliver, each once.
    pub(crate) fn deciding_and_other_columns(&self, conjuncts: &[usize]) -> (Vec<PlSmallStr>, Vec<PlSmallStr>) {
        let conjuncts = conjuncts.iter().filter_map(|index| self.conjuncts.get(*index));
        let by_filters = self.filters.iter().flat_map(|filter| filter.columns());
        let mut deciding: Vec<PlSmallStr> = Vec::new();
        for name in conjuncts.flat_map(|conjunct| &conjunct.columns).chain(by_filters) {
            if !deciding.contains(name) {
                deciding.push(name.clone());
            }
        }
        let others = self.schema.iter_names_cloned().filter(|name| !deciding.contains(name)).collect();
        (deciding, others)
    }

    /// Adds the columns, if they are not all of `table`, the predicate and the dynamic filters.
    pub fn describe(&self, description: Description, table: &Schema) -> Description {
        let names: Vec<&str> = self.schema.iter_names().map(PlSmallStr::as_str).collect();
        let description = match table.iter_names().eq(&names) {
            true => description,
            false => description.with("columns", names.join(", ")),
        };
        let predicate = conjunction(self.conjuncts.iter().map(|conjunct| conjunct.expr.clone()).collect());
        let description = match predicate {
            _ if self.is_never_true => description.with("predicate", false),
            Some(predicate) => description.with("predicate", predicate),
            None => description,
        };
        let filters: Vec<String> = self.filters.iter().map(RowFilter::to_string).collect();
        match filters.is_empty() {
            true => description,
            false => description.with("filters", filters.join(", ")),
        }
    }
}

impl Conjunct {
    /// One boolean or null a row of `frame`, which holds [`columns`](Self::columns) in order.
    pub(crate) fn mask(&self, frame: &DataFrame) -> Result<BooleanChunked, OperatorError> {
        self.predicate.mask(frame)
    }
}

fn project(request: &ScanRequest, schema: &SchemaRef) -> Result<SchemaRef, OperatorError> {
    let Some(projection) = &request.projection else { return Ok(schema.clone()) };
    let mut seen = PlHashSet::default();
    let fields = projection.iter().map(|name| {
        if !seen.insert(name.clone()) {
            return Err(polars_err!(Duplicate: "column `{name}` is projected twice").into());
        }
        let dtype = schema.get(name).ok_or_else(|| ExprError::ColumnNotFound {
            name: name.clone(),
            available: schema.iter_names().cloned().collect(),
        })?;
        Ok((name.clone(), dtype.clone()))
    });
    Ok(Arc::new(fields.collect::<Result<Schema, OperatorError>>()?))
}

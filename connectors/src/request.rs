//! A [`ScanRequest`], checked against the columns of its table.

use std::sync::Arc;
use std::time::Instant;

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

/// If at most one row in this many is left, the others are dropped before the next test.
const FEW: usize = 3;

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
    /// Columns that it reads.
    fn columns(&self) -> &[PlSmallStr] {
        match self {
            Test::Conjunct(_, conjunct) => &conjunct.columns,
            Test::Filter(filter) => filter.columns(),
        }
    }

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
    /// What has cost least for each row that it dropped is tested first, and only while rows are left.
    ///
    /// # Errors
    /// A column that is missing; an expression that fails on a value.
    pub fn deliver(&self, batch: &DataFrame) -> Result<DataFrame, OperatorError> {
        let mut left = Left { rows: batch.clone(), passed: None };
        let tests = self.tests(0..self.conjuncts.len());
        for (index, test) in tests.iter().enumerate() {
            let (before, start) = (left.height(), Instant::now());
            if left.are_few() {
                let coming = tests.get(index..).unwrap_or_default().iter().flat_map(Test::columns);
                left.gather(self.schema.iter_names().chain(coming))?;
            }
            let columns = left.rows.select(test.columns().iter().cloned())?;
            let mask = match test {
                Test::Conjunct(_, conjunct) => Some(conjunct.mask(&columns)?),
                Test::Filter(filter) => {
                    let mask = filter.mask(&columns, left.height() < batch.height())?;
                    mask.map(|mask| BooleanChunked::from_bitmap(PlSmallStr::EMPTY, mask))
                },
            };
            if let Some(mask) = mask {
                left.narrow(mask);
            }
            if let Test::Filter(filter) = test {
                filter.count_dropped(before - left.height());
            }
            test.effort().record(before, left.height(), start.elapsed());
            if left.height() == 0 {
                break;
            }
        }
        left.gather(self.schema.iter_names())?;
        Ok(left.rows)
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

/// The rows of a batch that have passed so far.
struct Left {
    rows: DataFrame,
    /// Which of these rows they are; `None` if all.
    passed: Option<BooleanChunked>,
}

impl Left {
    fn height(&self) -> usize {
        self.passed.as_ref().map_or(self.rows.height(), |passed| passed.num_trues())
    }

    /// Whether it is cheaper to gather them than to go on with the others as well.
    fn are_few(&self) -> bool {
        self.height() <= self.rows.height() / FEW
    }

    /// Drops the other rows, and all columns but these, which may be named twice.
    fn gather<'a>(&mut self, columns: impl Iterator<Item = &'a PlSmallStr>) -> Result<(), OperatorError> {
        let mut seen = PlHashSet::default();
        let projected = self.rows.select(columns.filter(|name| seen.insert(*name)).cloned())?;
        self.rows = match self.passed.take() {
            Some(passed) if passed.num_trues() < projected.height() => projected.filter_seq(&passed)?,
            _ => projected,
        };
        Ok(())
    }

    fn narrow(&mut self, mask: BooleanChunked) {
        self.passed = Some(match &self.passed {
            Some(passed) => passed & &mask,
            None => mask,
        });
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use quokka_engine::dynamic_filter::ScanFilter;
    use quokka_engine::expr::prelude::{col, lit};

    use super::*;
    use crate::testing::filter;

    fn table() -> DataFrame {
        let rows = || 0..1000i64;
        df!(
            "i" => rows().collect::<Vec<_>>(),
            "few" => rows().map(|row| (row % 11 != 0).then_some(row % 7)).collect::<Vec<_>>(),
            "t" => rows().map(|row| format!("row {}", row % 13)).collect::<Vec<_>>(),
        )
        .unwrap()
    }

    fn request(projection: &[&str], predicate: Expr, filters: Vec<ScanFilter>) -> Request {
        let projection = Some(projection.iter().map(|name| (*name).into()).collect());
        let request = ScanRequest { projection, predicate: Some(predicate), filters, ..ScanRequest::default() };
        Request::new(&request, table().schema()).unwrap()
    }

    #[test]
    fn rows_are_those_that_pass_all_tests_in_whatever_order() {
        let (few, text) = (col("few").gt_eq(lit(2i64)), col("t").neq(lit("row 5")));
        let most = col("i").lt(lit(900i64));
        let predicates = [
            few.clone().and(text.clone()),
            most.clone().and(few.clone()).and(text),
            col("few").eq(lit(3i64)).and(most.clone()).and(col("t").eq(lit("row 1"))),
            col("i").eq(lit(500i64)).and(most).and(few),
            col("i").gt(lit(5000i64)).and(col("few").is_null()),
        ];
        for predicate in predicates {
            let expected = Predicate::compile(&predicate, table().schema()).unwrap().filter(&table()).unwrap();
            for projection in [&["t", "i"][..], &["i"], &["few", "t"], &[]] {
                let request = request(projection, predicate.clone(), Vec::new());
                // Before and behind what was learnt from the first batches.
                for _ in 0..3 {
                    let found = request.deliver(&table()).unwrap();
                    assert_eq!(found.height(), expected.height(), "{predicate}");
                    assert!(found.equals_missing(&expected.select(projection.iter().copied()).unwrap()), "{predicate}");
                }
            }
        }
    }

    #[test]
    fn filters_drop_rows_between_conjuncts() {
        let keys: Vec<i64> = (0..1000).step_by(10).collect();
        let request = request(&["i"], col("few").eq(lit(3i64)), vec![filter(&df!("i" => keys).unwrap(), &["i"])]);
        let matching = col("few").eq(lit(3i64)).and((col("i") % lit(10i64)).eq(lit(0i64)));
        let expected = Predicate::compile(&matching, table().schema()).unwrap().filter(&table()).unwrap();
        for _ in 0..3 {
            assert_eq!(request.deliver(&table()).unwrap(), expected.select(["i"]).unwrap());
        }
        assert!(request.dropped() > 0);
    }

    #[test]
    fn nothing_is_tested_when_no_row_is_left() {
        let request = request(&["t"], col("i").lt(lit(0i64)).and(col("few").eq(lit(3i64))), Vec::new());
        let is_untried = |index: usize| request.conjuncts[index].effort.rank() == 0.0;
        let found = request.deliver(&table()).unwrap();
        assert_eq!((found.height(), found.width()), (0, 1));
        assert!(!is_untried(0) && is_untried(1));
    }

    #[test]
    fn what_drops_rows_comes_first_when_that_is_known() {
        let request = request(&["i"], col("i").gt_eq(lit(0i64)).and(col("few").eq(lit(3i64))), Vec::new());
        let first = || match request.tests(0..2).first() {
            Some(Test::Conjunct(index, _)) => *index,
            _ => 2,
        };
        assert_eq!(first(), 0);
        (0..100).for_each(|_| drop(request.deliver(&table()).unwrap()));
        // The other one drops nothing, so that it counts a thousand times.
        assert_eq!(first(), 1);
    }
}

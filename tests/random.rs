//! Random queries: whatever is built of the methods gives what Polars gives.

use polars_lazy::dsl::{UnionArgs, concat};
use polars_lazy::frame::{IntoLazy, LazyFrame};
use proptest::prelude::*;
use quokka::prelude::*;

use crate::support::{Rows, assert_same, setting, settings};

/// One method call. Numbers choose columns, modulo the number of columns there are.
#[derive(Clone, Debug)]
enum Step {
    Filter { column: usize, comparison: usize, value: i64 },
    FilterMean { column: usize },
    FilterNull { column: usize },
    WithColumns { left: usize, right: usize, operation: usize },
    Replace { column: usize, value: i64 },
    Select { columns: Vec<usize> },
    GroupBy { keys: Vec<usize>, values: Vec<(usize, usize)> },
    Totals { values: Vec<(usize, usize)> },
    Over { value: usize, key: usize },
    Shift { column: usize },
    Distinct,
    Unique { column: usize, first: bool },
    Index { offset: u32 },
    Sort { columns: Vec<usize>, descending: bool },
    Limit { offset: i64, length: u32 },
    Join { how: usize, left: usize, right: usize, second: bool },
    Union { column: usize, value: i64 },
    JoinTotals { how: usize, key: usize, value: usize, below: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let column = || 0usize..6;
    let columns = |count| prop::collection::vec(0usize..6, 1..count);
    let values = || prop::collection::vec((0usize..6, 0usize..8), 0..3);
    let constant = || -5i64..15;
    prop_oneof![
        6 => (column(), 0usize..10, constant()).prop_map(|(column, comparison, value)| Step::Filter { column, comparison, value }),
        1 => column().prop_map(|column| Step::FilterMean { column }),
        1 => column().prop_map(|column| Step::FilterNull { column }),
        3 => (column(), column(), 0usize..5).prop_map(|(left, right, operation)| Step::WithColumns { left, right, operation }),
        1 => (column(), constant()).prop_map(|(column, value)| Step::Replace { column, value }),
        2 => columns(5).prop_map(|columns| Step::Select { columns }),
        2 => (columns(3), values()).prop_map(|(keys, values)| Step::GroupBy { keys, values }),
        1 => prop::collection::vec((0usize..6, 0usize..8), 1..3).prop_map(|values| Step::Totals { values }),
        1 => (column(), column()).prop_map(|(value, key)| Step::Over { value, key }),
        1 => column().prop_map(|column| Step::Shift { column }),
        1 => Just(Step::Distinct),
        1 => (column(), any::<bool>()).prop_map(|(column, first)| Step::Unique { column, first }),
        1 => (0u32..5).prop_map(|offset| Step::Index { offset }),
        2 => (columns(3), any::<bool>()).prop_map(|(columns, descending)| Step::Sort { columns, descending }),
        1 => (-20i64..20, 0u32..20).prop_map(|(offset, length)| Step::Limit { offset, length }),
        3 => (0usize..6, column(), column(), any::<bool>()).prop_map(|(how, left, right, second)| Step::Join { how, left, right, second }),
        1 => (column(), constant()).prop_map(|(column, value)| Step::Union { column, value }),
        2 => (0usize..6, column(), column(), constant()).prop_map(|(how, key, value, below)| Step::JoinTotals { how, key, value, below }),
    ]
}

/// A table of small numbers, with nulls, in chunks of a few rows.
fn table() -> impl Strategy<Value = DataFrame> {
    (1usize..4, 0usize..40, 1usize..12).prop_flat_map(|(width, height, chunk)| {
        let column = prop::collection::vec(prop::option::weighted(0.9, 0i64..10), height);
        prop::collection::vec(column, width).prop_map(move |columns| {
            let columns = columns.into_iter().enumerate();
            let columns = columns.map(|(i, values)| Series::new(format!("c{i}").into(), values).into_column());
            let frame = DataFrame::new(height, columns.collect()).unwrap();
            crate::support::chunked(&frame, chunk)
        })
    })
}

/// What is known of the result of some steps.
struct Known {
    columns: Vec<String>,
    /// The rows have an order for operations that look at it: that of the table, or that of a sort.
    ordered: bool,
    /// The result has an order: there was a sort.
    sorted: bool,
    fresh: usize,
}

impl Known {
    fn of(frame: &DataFrame) -> Self {
        let columns = frame.get_column_names().into_iter().map(|name| name.to_string()).collect();
        Self { columns, ordered: true, sorted: false, fresh: 0 }
    }

    fn forget_order(&mut self) {
        (self.ordered, self.sorted) = (false, false);
    }

    fn name(&self, index: usize) -> String {
        self.columns[index % self.columns.len()].clone()
    }

    fn names(&self, indices: &[usize]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for index in indices {
            let name = self.name(*index);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn fresh(&mut self) -> String {
        self.fresh += 1;
        format!("n{}", self.fresh)
    }

    fn aggregates(&mut self, values: &[(usize, usize)]) -> Vec<(String, Expr)> {
        let aggregate = |column: Expr, function: usize| match function {
            0 => column.sum(),
            1 => column.min(),
            2 => column.max(),
            3 => column.count().cast(DataType::Int64),
            4 => column.n_unique().cast(DataType::Int64),
            5 => column.n_unique().gt(lit(1)).cast(DataType::Int64),
            6 => (column.clone() * column.clone() + lit(1)).sum() - (column.clone() * column).sum(),
            _ => column.sum() * lit(2) - len().cast(DataType::Int64),
        };
        let mut made = Vec::new();
        for (column, function) in values {
            let (column, name) = (col(self.name(*column)), self.fresh());
            made.push((name.clone(), aggregate(column, *function).alias(name)));
        }
        made
    }
}

/// The names of both sides are the same, so is the code.
macro_rules! apply {
    ($frame:expr, $other:expr, $steps:expr, $known:expr, $join:expr, $union:expr, $distinct:expr) => {{
        let mut frame = $frame;
        let known: &mut Known = $known;
        for step in $steps {
            frame = match step {
                Step::Filter { column, comparison, value } => {
                    let next = col(known.name(column + 1));
                    let (column, value) = (col(known.name(*column)), lit(*value));
                    frame.filter(match comparison {
                        0 => column.eq(value),
                        1 => column.neq(value),
                        2 => column.lt(value),
                        3 => column.gt(value).and(lit(true)),
                        4 => column.clone().gt_eq(value).or(column.is_null()),
                        5 => value.clone().lt(column.clone()).and(column.lt(lit(8)).or(lit(false)).and(next.gt(value))),
                        6 => column
                            .clone()
                            .eq(value.clone())
                            .and(next.clone().lt(lit(4)))
                            .or(next.gt(lit(6)).and(value.eq(column))),
                        7 => column.clone().lt(value.clone()).or(next.is_not_null().and(column.gt(value))).not(),
                        8 => column.clone().gt(lit(2)).eq(lit(true)).and(column.lt(value)),
                        _ => (column % lit(3)).lt_eq(value),
                    })
                },
                Step::FilterMean { column } => {
                    let column = col(known.name(*column));
                    frame.filter(column.clone().cast(DataType::Float64).gt_eq(column.mean()))
                },
                Step::FilterNull { column } => frame.filter(col(known.name(*column)).is_not_null()),
                Step::WithColumns { left, right, operation } => {
                    let (left, right, name) = (col(known.name(*left)), col(known.name(*right)), known.fresh());
                    known.columns.push(name.clone());
                    frame.with_columns([match operation {
                        0 => left + right,
                        1 => left * lit(3) - right,
                        2 => when(left.clone().gt(right.clone())).then(left).otherwise(right),
                        3 => (left.clone() - right.clone()) * (left - right),
                        _ => left.fill_null(right),
                    }
                    .alias(name)])
                },
                Step::Replace { column, value } => {
                    let name = known.name(*column);
                    frame.with_columns([(col(name.clone()) + lit(*value)).alias(name)])
                },
                Step::Select { columns } => {
                    known.columns = known.names(columns);
                    let exprs: Vec<Expr> = known.columns.iter().map(|name| col(name.clone())).collect();
                    frame.select(exprs)
                },
                Step::GroupBy { keys, values } => {
                    let (keys, aggs) = (known.names(keys), known.aggregates(values));
                    known.columns = keys.iter().cloned().chain(aggs.iter().map(|(name, _)| name.clone())).collect();
                    known.forget_order();
                    let keys: Vec<Expr> = keys.into_iter().map(col).collect();
                    let aggs: Vec<Expr> = aggs.into_iter().map(|(_, agg)| agg).collect();
                    frame.group_by(keys).agg(aggs)
                },
                Step::Totals { values } => {
                    let aggs = known.aggregates(values);
                    known.columns = aggs.iter().map(|(name, _)| name.clone()).collect();
                    (known.ordered, known.sorted) = (true, true);
                    frame.select(aggs.into_iter().map(|(_, agg)| agg).collect::<Vec<_>>())
                },
                Step::Over { value, key } => {
                    let (value, key, name) = (col(known.name(*value)), col(known.name(*key)), known.fresh());
                    known.columns.push(name.clone());
                    frame.with_columns([value.sum().over([key]).unwrap().alias(name)])
                },
                Step::Shift { column } if known.ordered => {
                    let (column, name) = (col(known.name(*column)), known.fresh());
                    known.columns.push(name.clone());
                    frame.with_columns([column.shift(lit(1)).alias(name)])
                },
                Step::Shift { .. } => frame,
                Step::Distinct => {
                    known.forget_order();
                    $distinct(frame)
                },
                Step::Unique { column, first } if !first || known.ordered => {
                    let name = known.name(*column);
                    let keep = if *first { UniqueKeepStrategy::First } else { UniqueKeepStrategy::None };
                    known.forget_order();
                    frame.unique(Some(cols([name])), keep)
                },
                Step::Unique { .. } => frame,
                Step::Index { offset } if known.ordered => {
                    let name = known.fresh();
                    known.columns.insert(0, name.clone());
                    let number = col(name.clone()).cast(DataType::Int64);
                    frame.with_row_index(name, Some(*offset)).with_columns([number])
                },
                Step::Index { .. } => frame,
                Step::Sort { columns, descending } => {
                    // By all columns, so that equal keys are equal rows.
                    let mut by = known.names(columns);
                    by.extend(known.columns.iter().filter(|name| !by.contains(*name)).cloned().collect::<Vec<_>>());
                    (known.ordered, known.sorted) = (true, true);
                    let options = SortMultipleOptions::default().with_order_descending(*descending);
                    frame.sort(by, options)
                },
                Step::Limit { offset, length } if known.sorted => frame.slice(*offset, *length),
                Step::Limit { .. } => frame,
                Step::Join { how, left, right, second } => {
                    use JoinType::{Anti, Full, Inner, Left, Right, Semi};
                    let how = [Inner, Left, Right, Full, Semi, Anti][*how].clone();
                    let (other, names): (_, &[String]) = $other;
                    let mut left_on = vec![col(known.name(*left))];
                    let mut right_on = vec![col(names[right % names.len()].clone())];
                    // Polars refuses a pair of columns that is compared twice.
                    let is_new =
                        known.name(left + 1) != known.name(*left) || right % names.len() != (right + 1) % names.len();
                    if *second && is_new {
                        left_on.push(col(known.name(left + 1)) + lit(1));
                        right_on.push(col(names[(right + 1) % names.len()].clone()));
                    }
                    let suffix = known.fresh();
                    let args = JoinArgs::new(how).with_suffix(Some(suffix.into()));
                    known.forget_order();
                    let joined = $join(frame, other, left_on, right_on, args);
                    known.columns = joined.1;
                    joined.0
                },
                Step::JoinTotals { how, key, value, below } => {
                    use JoinType::{Anti, Full, Inner, Left, Right, Semi};
                    let how = [Inner, Left, Right, Full, Semi, Anti][*how].clone();
                    let (key, value) = (col(known.name(*key)), col(known.name(*value)));
                    let (name, sum) = (known.fresh(), known.fresh());
                    let some = frame.clone().filter(value.clone().lt(lit(*below)));
                    let totals = some.group_by([key.clone().alias(name.clone())]).agg([value.sum().alias(sum)]);
                    known.forget_order();
                    let joined = $join(frame, totals, vec![key], vec![col(name)], JoinArgs::new(how));
                    known.columns = joined.1;
                    joined.0
                },
                Step::Union { column, value } => {
                    let column = col(known.name(*column));
                    known.forget_order();
                    $union(frame.clone(), frame.filter(column.lt(lit(*value))))
                },
            };
        }
        frame
    }};
}

fn oracle(frame: &DataFrame, other: &DataFrame, steps: &[Step], known: &mut Known) -> LazyFrame {
    let names: Vec<String> = other.get_column_names().iter().map(|name| name.to_string()).collect();
    apply!(
        frame.clone().lazy(),
        (other.clone().lazy(), &names),
        steps,
        known,
        |left: LazyFrame, right, left_on: Vec<Expr>, right_on: Vec<Expr>, args| {
            let mut joined = left.join(right, left_on, right_on, args);
            let names = joined.collect_schema().unwrap().iter_names().map(|name| name.to_string()).collect();
            (joined, names)
        },
        |one: LazyFrame, two| concat([one, two], UnionArgs::default()).unwrap(),
        |frame: LazyFrame| frame.unique(None, UniqueKeepStrategy::Any)
    )
}

fn query(context: &Context, frame: &DataFrame, other: &DataFrame, steps: &[Step]) -> DataStream {
    let names: Vec<String> = other.get_column_names().iter().map(|name| name.to_string()).collect();
    apply!(
        context.from_df(frame.clone()),
        (context.from_df(other.clone()), &names),
        steps,
        &mut Known::of(frame),
        |left: DataStream, right, left_on: Vec<Expr>, right_on: Vec<Expr>, args| {
            let joined = left.join(right, left_on, right_on, args);
            let names = joined.schema().unwrap().iter_names().map(|name| name.to_string()).collect();
            (joined, names)
        },
        |one: DataStream, two| one.union(two),
        |frame: DataStream| frame.distinct()
    )
}

/// Few by default, as one takes long in an unoptimized build: set `PROPTEST_CASES` for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_queries(
        frame in table(),
        other in table(),
        steps in prop::collection::vec(step(), 0..7),
        first in 0..settings(),
        second in 0..settings(),
    ) {
        let mut known = Known::of(&frame);
        let expected = oracle(&frame, &other, &steps, &mut known).collect().unwrap();
        let rows = if known.sorted { Rows::Ordered } else { Rows::AnyOrder };
        for chosen in [first, second] {
            let (setting, context) = setting(chosen);
            let stream = query(context, &frame, &other, &steps);
            let explain = || format!("{setting}\n{}", stream.explain().unwrap());
            let result = stream.collect().unwrap_or_else(|error| panic!("{}\n{}", error.report(), explain()));
            assert_same(&result, &expected, rows, &explain);
        }
    }
}

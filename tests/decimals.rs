//! Decimals of up to 18 digits, which are computed as 64-bit integers, against the same numbers with 30 digits, which are
//! not.

use polars_core::prelude::{AnyValue, Int128Chunked, NewChunkedArray};
use quokka::prelude::*;

use crate::support::{Rows, check, check_against, chunked, context, numbers};

fn decimals(name: &str, rows: i128, precision: usize, scale: usize, value: fn(i128) -> Option<i128>) -> Column {
    let values = Int128Chunked::from_iter_options(name.into(), (0..rows).map(value));
    values.into_decimal_unchecked(precision, scale).into_column()
}

/// 150 rows; `edge` holds the greatest decimals of 18 digits.
fn prices() -> DataFrame {
    let rows = 150;
    let most = |row: i128| (10i128.pow(18) - 1 - row % 3) * if row % 2 == 0 { 1 } else { -1 };
    let columns = vec![
        Column::new("id".into(), (0..rows as i64).collect::<Vec<_>>()),
        decimals("key", rows, 6, 1, |row| (row % 17 != 3).then_some(row * 7 % 13 * 5 - 30)),
        decimals("price", rows, 15, 2, |row| (row % 11 != 5).then_some(row * 7919 % 100_003 - 30_000)),
        decimals("rate", rows, 4, 3, |row| (row % 19 != 2).then_some(row % 23 * 10 - 50)),
        Column::new("text".into(), (0..rows).map(|row| format!("text {}", row % 7)).collect::<Vec<_>>()),
    ];
    let mut frame = DataFrame::new(rows as usize, columns).unwrap();
    let edge = Int128Chunked::from_iter_options("edge".into(), (0..rows).map(|row| (row % 13 != 7).then(|| most(row))));
    frame.with_column(edge.into_decimal_unchecked(18, 0).into_column()).unwrap();
    chunked(&frame, 23)
}

/// Every decimal column with the type that `dtype` makes of its scale.
fn with_decimals(frame: &DataFrame, dtype: impl Fn(&str, usize) -> DataType) -> DataFrame {
    let columns = frame.columns().iter().map(|column| match column.dtype() {
        DataType::Decimal(_, scale) => column.strict_cast(&dtype(column.name(), *scale)).unwrap(),
        _ => column.clone(),
    });
    DataFrame::new(frame.height(), columns.collect()).unwrap()
}

/// Checks that `query` gives the same numbers whatever the precision of its input is.
#[track_caller]
fn check_forms<const N: usize>(rows: Rows, query: impl Fn([DataStream; N]) -> DataStream) {
    let narrow = prices();
    let wide = with_decimals(&narrow, |_, scale| DataType::Decimal(30, scale));
    let context = context();
    let of = |frame: &DataFrame| query(std::array::from_fn(|_| context.from_df(frame.clone())));
    let schema = of(&narrow).schema().unwrap();
    let expected = of(&wide).collect().unwrap();
    let expected = with_decimals(&expected, |name, _| schema.get(name).unwrap().clone());
    check_against([&narrow; N], rows, query, &expected);
}

fn decimal(precision: usize, scale: usize) -> DataType {
    DataType::Decimal(precision, scale)
}

#[test]
fn arithmetic() {
    check_forms(Rows::AnyOrder, |[t]| {
        t.select([
            col("id"),
            (col("price") * col("rate")).alias("product"),
            (col("price") + col("rate")).alias("sum"),
            (col("edge") + col("edge")).alias("double"),
            (col("edge") - col("price")).alias("difference"),
            (-col("edge")).alias("negated"),
            (col("price") / (col("rate") + lit(7))).alias("quotient"),
            (col("price") % lit(7)).alias("remainder"),
            (col("price") * lit(3) + col("id")).alias("integers"),
            (lit(1) - col("rate")).alias("complement"),
            (col("price").cast(DataType::Float64) * lit(0.5)).alias("float"),
            col("price").abs().alias("abs"),
            col("price").round(1, Default::default()).alias("rounded"),
        ])
    });
}

#[test]
fn choices_and_comparisons() {
    let between = |low, high| col("price").is_between(low, high, ClosedInterval::Left);
    check_forms(Rows::AnyOrder, |[t]| {
        t.select([
            col("id"),
            when(col("rate").gt(lit(0.05))).then(col("price")).otherwise(lit(0)).alias("when"),
            when(col("rate").gt(lit(0.05))).then(col("price") * col("rate")).otherwise(lit(NULL)).alias("product"),
            col("rate").fill_null(col("key")).alias("filled"),
            coalesce(&[col("rate"), col("edge"), lit(1)]).alias("coalesced"),
            min_horizontal([col("rate"), col("key")]).unwrap().alias("least"),
            col("price").clip(lit(-100), lit(100.25)).alias("clipped"),
            col("price").gt(col("key")).alias("scales"),
            col("price").lt_eq(col("price").max()).alias("same scale"),
            col("price").eq(col("id")).alias("integer"),
            col("price").eq_missing(lit(NULL)).alias("missing"),
            col("price").gt(lit(1e30)).alias("beyond"),
            col("edge").lt(lit(i128::from(u64::MAX))).alias("beyond 64 bits"),
            col("price").neq(lit(0.125)).alias("no such price"),
            between(lit(-10.5), lit(99.995)).alias("between"),
            between(col("key"), col("rate") * lit(100)).alias("between columns"),
            col("rate").is_in(lit(Series::new("".into(), [0.05, 0.06, 0.0601])).implode(true), false).alias("in"),
            col("price").is_null().alias("null"),
            col("price").is_not_null().alias("not null"),
        ])
    });
    check_forms(Rows::AnyOrder, |[t]| t.filter(between(lit(-10.5), lit(99.995)).or(col("rate").lt(lit(0)))));
}

#[test]
fn casts() {
    check_forms(Rows::AnyOrder, |[t]| {
        t.select([
            col("id"),
            col("price").cast(decimal(18, 4)).alias("finer"),
            col("price").cast(decimal(10, 0)).alias("coarser"),
            col("price").cast(decimal(4, 1)).alias("or null"),
            col("price").cast(decimal(38, 10)).alias("wide"),
            col("price").cast(DataType::Float64).alias("float"),
            col("price").cast(DataType::Int64).alias("integer"),
            col("price").cast(DataType::String).alias("text"),
            col("id").cast(decimal(9, 2)).alias("from integer"),
            lit("1.25").cast(decimal(9, 2)).alias("from text"),
        ])
    });
    let stream = context().from_df(prices()).select([col("edge").strict_cast(decimal(17, 0))]);
    let error = stream.collect().unwrap_err();
    assert!(error.report().contains("overflow"), "{}", error.report());
}

fn aggregates() -> Vec<Expr> {
    vec![
        col("price").sum().alias("sum"),
        col("edge").sum().alias("beyond 64 bits"),
        col("price").mean().alias("mean"),
        col("price").min().alias("min"),
        col("edge").max().alias("max"),
        col("price").std(1).alias("std"),
        col("price").count().alias("count"),
        col("price").null_count().alias("nulls"),
        (col("price") * col("rate")).sum().alias("products"),
        (col("edge") * col("rate")).sum().alias("wide products"),
        (col("price") * col("rate")).max().alias("greatest product"),
        (col("price") * col("rate")).mean().alias("mean product"),
        (col("price") * col("rate")).var(0).alias("var"),
        col("price").filter(col("rate").gt(lit(0))).sum().alias("filtered"),
        (col("price").sum() / (col("price").count() + lit(1))).alias("quotient"),
        (col("price").max() - col("price").min()).alias("span"),
    ]
}

#[test]
fn sums_and_others() {
    for keys in [vec![col("key")], vec![col("text")], vec![col("key"), col("text")], vec![col("price") % lit(3)]] {
        check_forms(Rows::AnyOrder, |[t]| t.group_by(&keys).agg(aggregates()));
    }
    check_forms(Rows::AnyOrder, |[t]| t.select(aggregates()));
    check_forms(Rows::AnyOrder, |[t]| t.filter(col("id").lt(lit(0))).select(aggregates()));
}

#[test]
fn whole_groups() {
    let aggs = [
        col("price").median().alias("median"),
        col("price").n_unique().alias("distinct"),
        col("price").sort(Default::default()).first().alias("first"),
        col("price").sum().alias("sum"),
        (col("price") * col("rate")).sum().alias("products"),
        col("price").max().alias("max"),
        (col("price").max() - col("rate").min()).alias("span"),
        col("price").quantile(lit(0.25), Default::default()).alias("quantile"),
    ];
    check_forms(Rows::AnyOrder, |[t]| t.group_by([col("key")]).agg(&aggs));
    check_forms(Rows::AnyOrder, |[t]| t.select(&aggs));
    let frame = prices();
    let lists = [col("price").sort(Default::default())];
    check(
        [&frame],
        Rows::AnyOrder,
        |[t]| t.group_by([col("text")]).agg(&lists),
        |[t]| t.group_by([col("text")]).agg(&lists),
    );
}

#[test]
fn rows_of_a_group_in_order() {
    let aggs = [col("price").first().alias("first"), col("edge").last().alias("last"), (col("price") * lit(2)).last()];
    check_forms(Rows::AnyOrder, |[t]| {
        t.sort(["id"], SortMultipleOptions::default().with_maintain_order(true)).group_by([col("text")]).agg(&aggs)
    });
}

#[test]
fn joins() {
    for how in [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full, JoinType::Semi, JoinType::Anti] {
        let args = JoinArgs::new(how.clone());
        check_forms(Rows::AnyOrder, |[l, r]| l.join(r, [col("price")], [col("price")], args.clone()));
        check_forms(Rows::AnyOrder, |[l, r]| l.join(r, [col("key")], [col("rate") * lit(100)], args.clone()));
        // Keys of two types meet in a third.
        check_forms(Rows::AnyOrder, |[l, r]| {
            l.join(r.select([col("key").cast(decimal(30, 3)), col("edge")]), [col("key")], [col("key")], args.clone())
        });
    }
}

#[test]
fn orders() {
    let options = || SortMultipleOptions::default().with_order_descending_multi([true, false]).with_nulls_last(true);
    check_forms(Rows::Ordered, |[t]| t.sort(["price", "id"], options()));
    check_forms(Rows::Ordered, |[t]| t.sort(["edge", "id"], options()).limit(20));
    check_forms(Rows::Ordered, |[t]| t.sort_by_exprs([col("price") * col("rate"), col("id")], options()).limit(20));
}

#[test]
fn distinct_rows_and_unions() {
    check_forms(Rows::AnyOrder, |[t]| t.select([col("key"), col("rate")]).distinct());
    check_forms(Rows::AnyOrder, |[l, r]| {
        l.select([col("key")]).union(r.select([col("key").max()]).select([col("key")]))
    });
}

#[test]
fn windows_and_whole_columns() {
    check_forms(Rows::AnyOrder, |[t]| {
        t.with_columns([
            col("price").sum().over([col("key")]).unwrap().alias("sum"),
            (col("price") / col("price").max().over([col("text")]).unwrap()).alias("share"),
            col("edge").min().over([col("key")]).unwrap().alias("min"),
        ])
    });
    check_forms(Rows::AnyOrder, |[t]| {
        t.with_columns([
            col("price").shift(lit(1)).alias("shifted"),
            col("price").shift_and_fill(lit(2), lit(0)).alias("filled"),
            col("edge").cum_sum(false).alias("running"),
            col("price").rank(Default::default(), None).alias("rank"),
            col("price").fill_null_with_strategy(FillNullStrategy::Forward(None)).alias("forward"),
        ])
    });
    check_forms(Rows::AnyOrder, |[t]| {
        t.with_columns([
            col("id").sum().over([col("price")]).unwrap().alias("by narrow"),
            col("id").sum().over([col("edge")]).unwrap().alias("by wide"),
            col("price").is_unique().alias("unique"),
            col("edge").is_duplicated().alias("duplicated"),
        ])
    });
}

#[test]
fn user_functions_see_decimals() {
    let check_type = |column: Column| {
        assert_eq!(column.dtype(), &DataType::Decimal(15, 2));
        Ok(column)
    };
    let (frame, same) = (prices(), |_: &Schema, field: &Field| Ok(field.clone()));
    let expected = frame.select(["id", "price"]).unwrap();
    check_against([&frame], Rows::AnyOrder, |[t]| t.select([col("id"), col("price").map(check_type, same)]), &expected);
}

#[test]
fn structs_and_lists_hold_decimals() {
    let frame = prices();
    let list = || [col("id"), as_list([col("price")]).unwrap().alias("list")];
    check([&frame], Rows::AnyOrder, |[t]| t.select(list()), |[t]| t.select(list()));
    let pair = || as_struct(vec![col("price"), col("text")]).alias("pair");
    let inner = || col("pair").struct_().field_by_name("price");
    check(
        [&frame],
        Rows::AnyOrder,
        |[t]| t.select([col("id"), pair()]).select([col("id"), inner()]),
        |[t]| t.select([col("id"), pair()]).select([col("id"), inner()]),
    );
    // A number that comes out of a struct is computed with again.
    let doubled = [col("id"), (inner() * lit(2)).alias("double")];
    check_forms(Rows::AnyOrder, |[t]| t.select([col("id"), pair()]).select(&doubled));
}

#[test]
fn constants_and_columns_of_one_value() {
    let price = AnyValue::Decimal(125, 9, 2);
    let constant = lit(Scalar::new(decimal(9, 2), price));
    let frame = numbers();
    let expected = {
        let mut frame = frame.select(["id"]).unwrap();
        let constant = Series::new("c".into(), vec!["1.25"; frame.height()]).cast(&decimal(9, 2)).unwrap();
        frame.with_column(constant.into_column()).unwrap();
        frame
    };
    let query = |[t]: [DataStream; 1]| t.select([col("id"), constant.clone().alias("c")]);
    check_against([&frame], Rows::AnyOrder, query, &expected);
}

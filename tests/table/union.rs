//! `union_with`.

use polars_core::utils::accumulate_dataframes_vertical;
use polars_lazy::frame::{IntoLazy, LazyFrame};
use quokka::prelude::*;

use crate::support::{Rows, check_against, context, numbers, orders};

const BY_NAME: fn() -> UnionOptions = || UnionOptions::default().by_name();
const DIAGONAL: fn() -> UnionOptions = || UnionOptions::default().diagonal();

/// The rows of frames that have been brought to the same columns.
fn stacked(parts: impl IntoIterator<Item = LazyFrame>) -> DataFrame {
    accumulate_dataframes_vertical(parts.into_iter().map(|part| part.collect().unwrap())).unwrap()
}

#[test]
fn columns_by_name() {
    let (some, others) = (numbers(), numbers().select(["text", "real", "flag", "value", "key", "id"]).unwrap());
    let expected = stacked([some.clone().lazy(), some.clone().lazy()]);
    check_against([&some, &others], Rows::AnyOrder, |[t, u]| t.union_with(u, BY_NAME()), &expected);
    let filtered = expected.clone().lazy().filter(col("value").gt(lit(10))).select([col("real"), col("text")]);
    check_against(
        [&some, &others],
        Rows::AnyOrder,
        |[t, u]| t.union_with(u, BY_NAME()).filter(col("value").gt(lit(10))).select([col("real"), col("text")]),
        &filtered.collect().unwrap(),
    );
}

#[test]
fn missing_columns_are_null() {
    let (some, others) = (numbers(), orders());
    let names: Vec<PlSmallStr> = some.schema().iter_names().cloned().chain(["name".into()]).collect();
    let null = |name: &str, dtype: &DataType| lit(NULL).cast(dtype.clone()).alias(name);
    let missing = |present: &DataFrame, source: &DataFrame| -> Vec<Expr> {
        let absent = source.schema().iter().filter(|(name, _)| !present.schema().contains(name));
        absent.map(|(name, dtype)| null(name, dtype)).collect()
    };
    let aligned = |frame: &DataFrame, source: &DataFrame| {
        let all: Vec<Expr> = names.iter().cloned().map(col).collect();
        frame.clone().lazy().with_columns(missing(frame, source)).select(all)
    };
    for (some, others) in [
        (some.clone(), others.clone()),
        (some.clear(), others.clone()),
        (some.clone(), others.clear()),
        (some.head(Some(1)), others.head(Some(1))),
    ] {
        let expected = stacked([aligned(&some, &others), aligned(&others, &some)]);
        check_against([&some, &others], Rows::AnyOrder, |[t, u]| t.union_with(u, DIAGONAL()), &expected);
        let filtered = expected.clone().lazy().filter(col("name").is_null().or(col("id").is_null())).select([len()]);
        check_against(
            [&some, &others],
            Rows::AnyOrder,
            |[t, u]| t.union_with(u, DIAGONAL()).filter(col("name").is_null().or(col("id").is_null())).select([len()]),
            &filtered.collect().unwrap(),
        );
        let only = expected.lazy().filter(col("name").eq(lit("name 3"))).select([col("name"), col("value")]);
        check_against(
            [&some, &others],
            Rows::AnyOrder,
            |[t, u]| {
                t.union_with(u, DIAGONAL()).filter(col("name").eq(lit("name 3"))).select([col("name"), col("value")])
            },
            &only.collect().unwrap(),
        );
    }
}

#[test]
fn three_streams_keep_their_order() {
    let parts = [
        df!("a" => [1, 2], "b" => ["a", "b"]).unwrap(),
        df!("b" => ["a", "b"], "c" => [1, 2]).unwrap(),
        df!("a" => [5, 7], "c" => [1, 2], "d" => [1, 2]).unwrap(),
    ];
    let expected = df!(
        "a" => [Some(1), Some(2), None, None, Some(5), Some(7)],
        "b" => [Some("a"), Some("b"), Some("a"), Some("b"), None, None],
        "c" => [None, None, Some(1), Some(2), Some(1), Some(2)],
        "d" => [None, None, None, None, Some(1), Some(2)],
    );
    let [one, two, three] = &parts;
    check_against(
        [one, two, three],
        Rows::Ordered,
        // What looks at the order sees that of the inputs.
        |[t, u, v]| t.union_with(u, DIAGONAL()).union_with(v, DIAGONAL()).shift(0),
        &expected.unwrap(),
    );
}

#[test]
fn types_become_what_holds_both() {
    let ints = df!("a" => [1i32, 2], "b" => [Some("x"), None], "c" => [1i64, 2]).unwrap();
    let floats = df!("a" => [2.5, f64::NAN], "b" => [1i64, 2], "c" => [3i8, 4]).unwrap();
    let expected = df!(
        "a" => [1.0, 2.0, 2.5, f64::NAN],
        "b" => [Some("x"), None, Some("1"), Some("2")],
        "c" => [1i64, 2, 3, 4],
    );
    let expected = expected.unwrap();
    for options in [UnionOptions::default(), BY_NAME(), DIAGONAL(), UnionOptions::default().by_position()] {
        let options = options.to_supertypes();
        check_against([&ints, &floats], Rows::AnyOrder, |[t, u]| t.union_with(u, options), &expected);
    }
    let dtype = |scale| DataType::Decimal(10, scale);
    let decimals = |scale| ints.clone().lazy().select([col("c").cast(dtype(scale))]).collect().unwrap();
    let both = context()
        .from_df(decimals(0))
        .union_with(context().from_df(decimals(4)), UnionOptions::default().to_supertypes());
    assert_eq!(both.schema().unwrap().get("c"), Some(&DataType::Decimal(14, 4)));
    assert_eq!(both.collect().unwrap().height(), 4);
}

#[test]
fn columns_by_position() {
    let (some, others) = (df!("a" => [1], "b" => ["x"]).unwrap(), df!("c" => [2], "a" => ["y"]).unwrap());
    let expected = df!("a" => [1, 2], "b" => ["x", "y"]).unwrap();
    let by_position = UnionOptions::default().by_position();
    check_against([&some, &others], Rows::AnyOrder, |[t, u]| t.union_with(u, by_position), &expected);
}

#[test]
fn what_does_not_match_is_named() {
    let united = |one: DataFrame, two: DataFrame, options: UnionOptions| {
        let (one, two) = (context().from_df(one), context().from_df(two));
        one.union_with(two, options).schema().unwrap_err().to_string()
    };
    let ab = || df!("a" => [1], "b" => ["x"]).unwrap();
    for (other, options, expected) in [
        (df!("a" => [1]).unwrap(), BY_NAME(), "column `b` is missing: fill it with null by `diagonal`"),
        (
            df!("a" => [1], "b" => ["x"], "c" => [1]).unwrap(),
            BY_NAME(),
            "column `c` is not in input 0: fill it with null there by `diagonal`",
        ),
        (df!("b" => ["x"], "a" => [1]).unwrap(), UnionOptions::default(), "column 0 is `b`, not `a`"),
        (df!("a" => [1]).unwrap(), UnionOptions::default().by_position(), "there are 1 columns, not 2"),
        (df!("a" => [1i64], "b" => ["x"]).unwrap(), DIAGONAL(), "column `a` is i64, not i32: cast it"),
    ] {
        let message = united(ab(), other, options);
        assert_eq!(message, format!("the inputs of `union_with` differ: in input 1, {expected}"));
    }
    let day = Series::new("b".into(), [1i32]).cast(&DataType::Date).unwrap();
    let (flag, day) = (df!("b" => [true]).unwrap(), df!("b" => day).unwrap());
    let message = united(flag, day, DIAGONAL().to_supertypes());
    assert!(message.ends_with("column `b` is date, not bool, and no type holds both: cast one of them"), "{message}");
}

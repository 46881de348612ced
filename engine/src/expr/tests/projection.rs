use polars_core::prelude::*;
use polars_plan::dsl::Expr;

use super::{col, lazy, mixed, select};
use crate::expr::prelude::*;
use crate::expr::{Projection, output_schema};

/// Elementwise expressions over [`mixed`].
fn elementwise() -> Vec<Expr> {
    vec![
        col("i") + col("small") * lit(3),
        col("i") / col("small"),
        col("i").floor_div(col("small")),
        col("i") % lit(3),
        col("f") / col("i"),
        col("f") * lit(2) - lit(1.5),
        lit(1) - col("small"),
        -col("f"),
        col("i").gt(lit(2)).and(col("b")),
        col("i").eq(lit(NULL)),
        col("i").eq_missing(lit(NULL)),
        col("small").lt(lit(2.5)),
        col("s").eq(lit("text 3")).or(col("s").is_null()),
        col("s").str().starts_with(lit("text")),
        col("s").str().to_uppercase() + lit("!"),
        concat_str([col("k"), col("s")], "-", false),
        col("i").is_between(lit(-1), lit(5), ClosedInterval::Left),
        col("i").is_in(lit(Series::new("".into(), [1i64, 3, 5])).implode(true), false),
        col("k").is_in(lit(Series::new("".into(), ["x", "q"])).implode(true), false),
        when(col("b")).then(col("i")).otherwise(lit(0.5)),
        when(col("i").gt(lit(0))).then(lit("pos")).when(col("i").lt(lit(0))).then(lit("neg")).otherwise(lit(NULL)),
        col("i").fill_null(lit(9)),
        coalesce(&[col("i"), col("f"), lit(1)]),
        max_horizontal([col("i"), col("small"), col("f")]).unwrap(),
        sum_horizontal([col("i"), col("f")], true).unwrap(),
        any_horizontal([col("b"), col("i").gt(lit(1))]).unwrap(),
        col("day").dt().year(),
        col("day").dt().month() + lit(1),
        col("day").gt(lit(9010).cast(DataType::Date)),
        col("pair").struct_().field_by_name("f"),
        as_struct(vec![col("k"), col("i").alias("j")]),
        col("f").cast(DataType::Int32),
        col("i").cast(DataType::String),
        col("f").round(1, RoundMode::HalfToEven),
        col("f").abs().sqrt(),
        lit(5).alias("five"),
        lit("text"),
        lit(1.5f32),
        lit(3) * lit(4),
        lit(7000000000i64),
        col("i").pow(lit(2)),
        col("f").clip(lit(-1), lit(1)),
        col("s").str().len_chars(),
        col("s").cast(DataType::from_categories(Categories::global())),
        col("b").not(),
        col("i").alias("renamed").is_not_null(),
    ]
}

/// Expressions that see all rows.
fn whole() -> Vec<Expr> {
    vec![
        col("i").sum(),
        col("f").mean() + lit(1),
        col("i") - col("i").mean(),
        len(),
        col("s").n_unique(),
        col("i").sort(Default::default()),
        col("f").shift(lit(2)),
        col("i").cum_sum(false),
        col("f").rank(RankOptions { method: RankMethod::Min, descending: false }, None),
        col("k").unique_stable(),
        col("i").filter(col("b")).sum(),
        col("f").median(),
        col("f").quantile(lit(0.3), QuantileMethod::Linear),
        col("i").head(Some(3)),
        col("i").drop_nulls().len(),
        col("i").is_null().sum(),
        col("b").any(true),
        col("f").var(1),
        col("i").implode(true),
        col("i").first(),
        col("s").sort_by([col("f")], Default::default()).last(),
    ]
}

#[test]
fn elementwise_expressions_give_what_polars_gives() {
    for rows in [0, 1, 7, 100] {
        let frame = mixed(rows);
        for (at, expr) in elementwise().into_iter().enumerate() {
            let alone = expr.clone().alias("out");
            let exprs = [col("row"), alone];
            let projection = Projection::compile(&exprs, frame.schema()).unwrap();
            let expected = lazy(&frame).select(&exprs).collect().unwrap();
            let actual = projection.evaluate(&frame).unwrap();
            assert!(actual.equals_missing(&expected), "{at} {expr}\n{actual}\n{expected}");
            assert_eq!(&**projection.schema(), &**expected.schema(), "{expr}");
            assert_eq!(&output_schema(&exprs, frame.schema()).unwrap(), &**expected.schema(), "{expr}");
        }
    }
}

#[test]
fn names_are_those_of_polars() {
    let frame = mixed(3);
    for expr in elementwise() {
        let expected = lazy(&frame).select([expr.clone()]).collect().unwrap();
        let actual = select(&frame, std::slice::from_ref(&expr)).unwrap();
        assert_eq!(actual.get_column_names(), expected.get_column_names(), "{expr}");
    }
}

#[test]
fn select_has_the_height_that_polars_gives() {
    for rows in [1, 7, 100] {
        let frame = mixed(rows);
        for expr in whole().into_iter().chain(elementwise()) {
            let expected = lazy(&frame).select([expr.clone()]).collect().unwrap();
            let actual = select(&frame, std::slice::from_ref(&expr)).unwrap();
            assert!(actual.equals_missing(&expected), "{expr}\n{actual}\n{expected}");
            assert_eq!(actual.schema(), expected.schema(), "{expr}");
        }
    }
}

#[test]
fn one_value_is_repeated_for_every_row() {
    let frame = mixed(4);
    let exprs = [col("i").max().alias("max"), lit(5).alias("five"), len()];
    let actual = Projection::compile(&exprs, frame.schema()).unwrap().evaluate(&frame).unwrap();
    let expected =
        lazy(&frame).with_columns(&exprs).select([cols(["max", "five", "len"]).as_expr()]).collect().unwrap();
    assert!(actual.equals_missing(&expected), "{actual}");
    let empty = frame.clear();
    let none = Projection::compile(&exprs, frame.schema()).unwrap().evaluate(&empty).unwrap();
    assert_eq!((none.height(), none.width()), (0, 3));
}

#[test]
fn nothing_to_compute_keeps_the_height() {
    let frame = mixed(4);
    let projection = Projection::compile(&[], frame.schema()).unwrap();
    assert_eq!(projection.evaluate(&frame).unwrap().height(), 4);
}

#[test]
fn windows_with_keys_of_one_name_do_not_share_groups() {
    let frame = mixed(60);
    let total = |keys: Vec<Expr>| col("i").sum().over(keys).unwrap();
    let exprs = [
        total(vec![col("k")]).alias("by k"),
        total(vec![col("small") % lit(2)]).alias("by parity"),
        total(vec![col("small") % lit(3)]).alias("by remainder"),
        (total(vec![col("small")]) + total(vec![col("k"), col("small")])).alias("both"),
        col("f").rank(RankOptions { method: RankMethod::Min, descending: true }, None).over([col("k")]).unwrap(),
    ];
    let expected = lazy(&frame).select(&exprs).collect().unwrap();
    let projection = Projection::compile(&exprs, frame.schema()).unwrap();
    for _ in 0..2 {
        let actual = projection.evaluate(&frame).unwrap();
        assert!(actual.equals_missing(&expected), "{actual}\n{expected}");
    }
    // Another batch must not see the groups of the one before.
    let tail = frame.slice(10, 20);
    let expected = lazy(&tail).select(&exprs).collect().unwrap();
    assert!(projection.evaluate(&tail).unwrap().equals_missing(&expected));
}

#[test]
fn windows_with_the_same_keys_share_groups() {
    let frame = mixed(60);
    let exprs = [col("i").sum(), col("f").max(), col("i").cum_sum(false).alias("running"), col("s").n_unique()]
        .map(|expr| expr.over([col("k"), col("small")]).unwrap());
    let expected = lazy(&frame).select(&exprs).collect().unwrap();
    let actual = Projection::compile(&exprs, frame.schema()).unwrap().evaluate(&frame).unwrap();
    assert!(actual.equals_missing(&expected), "{actual}\n{expected}");
}

#[test]
fn chunked_and_constant_columns_are_read() {
    let mut frame = mixed(30);
    frame.vstack_mut(&mixed(20)).unwrap();
    frame.with_column(Column::new_scalar("constant".into(), Scalar::from(4i64), 50)).unwrap();
    let exprs = [(col("i") + col("constant")).alias("a"), col("constant"), (col("f") * col("small")).alias("b")];
    let expected = lazy(&frame).select(&exprs).collect().unwrap();
    let actual = select(&frame, &exprs).unwrap();
    assert!(actual.equals_missing(&expected), "{actual}\n{expected}");
}

#[test]
fn one_value_is_compared_with_a_constant_column_row_by_row() {
    let frame = mixed(5);
    let constant = |value: Option<i64>| {
        let value = Scalar::new(DataType::Int64, value.map_or(AnyValue::Null, AnyValue::Int64));
        let mut frame = frame.clone();
        frame.with_column(Column::new_scalar("constant".into(), value, 5)).unwrap();
        frame
    };
    for value in [Some(1), Some(-40), None] {
        let frame = constant(value);
        let mut written = frame.clone();
        let column = written.column("constant").unwrap().as_materialized_series().clone();
        written.with_column(column.into_column()).unwrap();
        for expr in [
            col("i").max().gt(col("constant")),
            lit(1).eq(col("constant")),
            col("i").sum().neq_missing(col("constant")).alias("x").or(col("b")),
            lit(1).lt_eq(col("i").first() + col("constant")),
        ] {
            let expected = lazy(&written).select([expr.clone()]).collect().unwrap();
            let actual = Projection::compile(std::slice::from_ref(&expr), frame.schema()).unwrap();
            let actual = actual.evaluate(&frame).unwrap();
            assert!(actual.equals_missing(&expected), "{expr}\n{actual}\n{expected}");
            assert_eq!(actual.height(), 5);
        }
    }
}

#[test]
fn a_projection_is_shared_by_threads() {
    let frame = mixed(100);
    let exprs = [col("i").sum().over([col("k")]).unwrap(), col("f") * lit(2)];
    let projection = Projection::compile(&exprs, frame.schema()).unwrap();
    let expected = projection.evaluate(&frame).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert!(projection.evaluate(&frame).unwrap().equals_missing(&expected));
                }
            });
        }
    });
}

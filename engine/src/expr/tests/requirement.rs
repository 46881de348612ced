use polars_core::prelude::*;

use super::{col, mixed};
use crate::expr::prelude::*;
use crate::expr::{Requirement, requirement};

fn of(expr: Expr) -> Requirement {
    requirement(&expr, mixed(1).schema()).unwrap()
}

fn all_are(expected: &Requirement, exprs: Vec<Expr>) {
    for expr in exprs {
        assert_eq!(&of(expr.clone()), expected, "{expr}");
    }
}

fn rank(method: RankMethod) -> Expr {
    col("i").rank(RankOptions { method, descending: false }, None)
}

#[test]
fn elementwise_needs_rows() {
    all_are(
        &Requirement::Rows,
        vec![
            col("i"),
            lit(5),
            lit(5).sum(),
            col("i") + lit(1),
            col("i").eq(lit(NULL)),
            when(col("b")).then(col("i")).otherwise(col("f")),
            col("s").str().len_bytes().is_in(lit(Series::new("".into(), [1u32, 2])).implode(true), false),
            col("i").fill_null(lit(0)),
            coalesce(&[col("i"), col("f")]),
            as_struct(vec![col("i"), col("s")]),
            col("day").dt().year(),
            col("i").map(Ok, |_, field| Ok(field.clone())),
        ],
    );
}

#[test]
fn values_of_all_rows_are_aggregates() {
    all_are(
        &Requirement::Aggregate,
        vec![
            col("i").sum(),
            col("i").sum() / col("f").max() + lit(1),
            len(),
            col("i").filter(col("b")).mean(),
            (col("i").filter(col("b")) * col("f").filter(col("b"))).sum(),
            col("f").median(),
            col("s").n_unique(),
            col("f").std(1),
            col("i").drop_nulls().len(),
            col("i").sort(Default::default()).first(),
            col("s").sort_by([col("day")], Default::default()).last(),
            (col("i") - col("i").mean()).pow(lit(2)).sum(),
            col("k").unique().len(),
            col("i").null_count(),
            col("b").all(true),
            cov(col("i"), col("f"), 1),
            col("i").sum().over([col("k")]).unwrap().max(),
            rank(RankMethod::Dense).max(),
            col("i").sort(Default::default()).head(Some(3)).sum(),
            col("f").quantile(lit(0.5), Default::default()),
        ],
    );
}

#[test]
fn over_needs_the_rows_of_its_keys() {
    let sum = |keys: &[&str]| col("i").sum().over(keys.iter().map(|key| col(key)).collect::<Vec<_>>()).unwrap();
    let window =
        |keys: &[&str], ordered| Requirement::Window { keys: keys.iter().map(|key| col(key)).collect(), ordered };
    assert_eq!(of(sum(&["k"])), window(&["k"], false));
    assert_eq!(of(col("i") / sum(&["k", "s"]) + lit(1)), window(&["k", "s"], false));
    assert_eq!(of(sum(&["k", "s"]) - sum(&["s"])), window(&["s"], false));
    assert_eq!(of(sum(&["k"]) - sum(&["s"])), Requirement::Frame);
    assert_eq!(of(sum(&["k"]) - col("i").mean()), Requirement::Frame);
    assert_eq!(of(rank(RankMethod::Min).over([col("k")]).unwrap()), window(&["k"], false));
    assert_eq!(of((col("i") - col("i").mean()).over([col("k")]).unwrap()), window(&["k"], false));
    assert_eq!(of(col("i").shift(lit(1)).over([col("k")]).unwrap()), window(&["k"], true));
    assert_eq!(of(col("i").sort(Default::default()).over([col("k")]).unwrap()), window(&["k"], true));
    assert_eq!(of(col("i").first().over([col("k")]).unwrap() + sum(&["s"])), Requirement::OrderedFrame);
    let by_day = |expr: Expr| {
        expr.over_with_options(Some([col("k")]), Some(([col("day")], Default::default())), Default::default()).unwrap()
    };
    assert_eq!(of(by_day(col("i").cum_sum(false))), window(&["k"], false));
    assert_eq!(
        of(col("i").sum().over([col("small") % lit(2)]).unwrap()),
        Requirement::Window { keys: vec![col("small") % lit(2)], ordered: false }
    );
    assert_eq!(of(col("i").sum().over([col("f").max().gt(col("f"))]).unwrap()), Requirement::Frame);
    assert_eq!(of(col("i").sum().over([lit(1)]).unwrap()), Requirement::Frame);
    let joined = col("i").over_with_options(Some([col("k")]), None, WindowMapping::Join).unwrap();
    assert_eq!(of(joined), window(&["k"], true));
}

#[test]
fn some_expressions_need_all_rows_in_any_order() {
    all_are(
        &Requirement::Frame,
        vec![
            col("i") - col("i").mean(),
            col("i").unique(),
            rank(RankMethod::Average),
            col("i").is_unique(),
            col("i").is_duplicated(),
            col("i").sort(Default::default()),
            col("i").sort(Default::default()).head(Some(3)),
            col("i").filter(col("b")),
            col("i").drop_nulls(),
            col("i").is_in(col("small").cast(DataType::Int64).implode(true), false),
            col("f").fill_null_with_strategy(FillNullStrategy::Mean),
            col("i").top_k(lit(3)),
            col("i").gt(col("i").max() - lit(1)),
            concat_list([col("i"), col("small").cast(DataType::Int64)])
                .unwrap()
                .explode(ExplodeOptions { empty_as_null: true, keep_nulls: true }),
        ],
    );
}

#[test]
fn others_need_the_order() {
    all_are(
        &Requirement::OrderedFrame,
        vec![
            col("i").shift(lit(1)),
            col("i").cum_sum(false),
            col("i").diff(lit(1), NullBehavior::Ignore),
            col("i").head(Some(3)),
            col("i").first(),
            col("i").last() + lit(1),
            col("i").reverse(),
            rank(RankMethod::Ordinal),
            col("i").unique_stable(),
            col("i").is_first_distinct(),
            col("i").arg_max(),
            col("i").implode(true),
            col("i").get(lit(3), true),
            col("i").interpolate(InterpolationMethod::Linear),
            col("f").fill_null_with_strategy(FillNullStrategy::Forward(None)),
            col("i").cum_sum(false).max(),
            col("i").apply(Ok, |_, field| Ok(field.clone())),
            col("i").filter(col("b")) + col("f").filter(col("i").gt(lit(1))),
            col("i").filter(col("b")) + col("f"),
            col("i").unique() + col("f"),
            col("i") + lit(Series::new("".into(), [1i64])),
        ],
    );
}

#[test]
fn one_expression_is_classified() {
    assert!(requirement(&cols(["i", "f"]).as_expr(), mixed(1).schema()).is_err());
    assert!(requirement(&col("nope"), mixed(1).schema()).is_err());
}

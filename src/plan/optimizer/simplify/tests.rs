use polars_core::df;
use polars_core::prelude::{Column, DataFrame, DataType, Field, IntoColumn, NamedFrom, Series, TimeUnit};
use polars_core::scalar::Scalar;
use polars_ops::prelude::JoinType;
use polars_plan::dsl::{SpecialEq, StrptimeOptions};
use polars_plan::plans::LiteralValue;
use proptest::prelude::*;
use quokka_connectors::memory::MemoryScan;
use quokka_engine::expr::prelude::{ClosedInterval, Expr, NULL, col, lit, when};
use quokka_engine::expr::{Predicate, Projection};

use super::*;
use crate::plan::JoinSpecification;
use crate::plan::testing::{assert_text, sized_table, table};

fn schema() -> Schema {
    Schema::from_iter([
        Field::new("i".into(), DataType::Int64),
        Field::new("j".into(), DataType::Int64),
        Field::new("p".into(), DataType::Boolean),
        Field::new("q".into(), DataType::Boolean),
        Field::new("s".into(), DataType::String),
        Field::new("date".into(), DataType::Date),
        Field::new("price".into(), DataType::Decimal(15, 2)),
    ])
}

/// The predicate that `predicate` becomes.
#[track_caller]
fn check(predicate: Expr, expected: Expr) {
    let schema = schema();
    let simpler = match Simplifier::new(&schema).filter(&predicate) {
        Verdict::Same => predicate.clone(),
        Verdict::Now(Some(simpler)) => simpler,
        Verdict::Now(None) => lit(true),
        Verdict::Never => lit(false),
    };
    assert_eq!(simpler, expected, "{predicate:?}");
}

#[track_caller]
fn assert_stays(predicate: Expr) {
    check(predicate.clone(), predicate);
}

/// The expression that `expr` becomes where its values matter.
#[track_caller]
fn check_value(expr: Expr, expected: Expr) {
    let schema = schema();
    assert_eq!(Simplifier::new(&schema).value(&expr).unwrap_or(expr.clone()), expected, "{expr:?}");
}

fn date(days: i32) -> Expr {
    lit(Scalar::new_date(days))
}

fn is(column: &str, value: i32) -> Expr {
    col(column).eq(lit(value))
}

fn list<T>(values: &[T]) -> Expr
where
    Series: NamedFrom<Vec<T>, [T]>,
    T: Clone,
{
    lit(Series::new("".into(), values.to_vec())).implode(true)
}

#[test]
fn dates_become_literals() {
    let parsed =
        || lit("1995-03-15").str().to_date(StrptimeOptions { format: Some("%Y-%m-%d".into()), ..Default::default() });
    check(col("date").lt(parsed()), col("date").lt(date(9204)));
    check(col("date").lt(lit("1995-03-15").cast(DataType::Date)), col("date").lt(date(9204)));
    check(col("date").lt(parsed().dt().offset_by(lit("-14d"))), col("date").lt(date(9190)));
    let days = |days: i64| {
        let days = Scalar::new_duration(days * 86_400_000_000, TimeUnit::Microseconds);
        lit(days)
    };
    check(col("date").lt(date(100) + days(5)), col("date").lt(date(105)));
    check(col("date").lt(date(100) - days(5)), col("date").lt(date(95)));
}

#[test]
fn constants_that_fail_or_whose_type_is_open_stay() {
    assert_stays(col("date").lt(lit("soon").strict_cast(DataType::Date)));
    assert_stays(col("i").lt(lit(1) + lit(2)));
    // Digits count for decimals.
    let typed = |value: i64| lit(Scalar::from(value));
    assert_stays(col("price").lt(typed(1) + typed(2)));
    assert_stays(col("price").gt(lit(Scalar::from(0.1)) * lit(3.0)));
    // Without decimals, they do not.
    let numbers = Schema::from_iter([Field::new("i".into(), DataType::Int64)]);
    assert_eq!(Simplifier::new(&numbers).value(&(col("i") + (typed(1) + typed(2)))), Some(col("i") + typed(3)));
}

#[test]
fn constants_decide() {
    let p = || col("p");
    check(p().and(lit(true)), p());
    check(lit(false).or(p()), p());
    check(p().and(lit(false)), lit(false));
    check(p().or(lit(true)), lit(true));
    check(p().and(lit(NULL)), lit(false));
    check(lit(1).lt(lit(2)).and(p()), p());
    check(when(lit(true)).then(p()).otherwise(col("q")), p());
    check(when(lit(NULL)).then(p()).otherwise(col("q")), col("q"));
    // What can fail does.
    let strict = || col("s").strict_cast(DataType::Int64).gt(lit(1));
    assert_stays(strict().and(lit(false)));
    assert_stays(strict().or(lit(true)));
}

#[test]
fn values_keep_their_type_and_length() {
    check_value(col("p").and(lit(true)), col("p"));
    // One value does not become the value of every row, nor the other way round.
    check_value(col("p").and(lit(false)), col("p").and(lit(false)));
    let broadcast = when(lit(true)).then(lit(Scalar::from(1i64))).otherwise(col("i"));
    check_value(broadcast.clone(), broadcast);
    check_value(when(lit(true)).then(col("i")).otherwise(col("j")), col("i"));
    let mixed = when(lit(true)).then(col("i")).otherwise(lit(0.5));
    check_value(mixed.clone(), mixed);
    check_value(col("i").cast(DataType::Int64), col("i"));
    check_value(col("i").cast(DataType::Int32), col("i").cast(DataType::Int32));
    check_value(col("i").alias("x") + lit(1), col("i") + lit(1));
    check_value(col("i").and(lit(7)), col("i").and(lit(7)));
    check_value(col("i").filter(lit(true).eq(col("p"))).sum(), col("i").filter(col("p")).sum());
}

#[test]
fn negation_moves_in() {
    let (p, q) = (|| col("p"), || col("q"));
    check(p().not().not(), p());
    check(col("i").lt(lit(1)).not(), col("i").gt_eq(lit(1)));
    check(col("i").is_null().not(), col("i").is_not_null());
    check(p().or(col("i").eq(lit(1))).not(), p().not().and(col("i").neq(lit(1))));
    check(p().and(q().not()).not(), p().not().or(q()));
    assert_stays(p().not());
    assert_stays(col("s").str().starts_with(lit("a")).not());
    // Where values matter, only if nothing is left of it.
    check_value(p().and(q()).not(), p().and(q()).not());
    check_value(p().not().and(col("i").lt(lit(1))).not(), p().or(col("i").gt_eq(lit(1))));
}

#[test]
fn comparisons_have_their_constant_on_the_right() {
    check(lit(5).lt(col("i")), col("i").gt(lit(5)));
    check(lit(5).eq(col("i") + col("j")), (col("i") + col("j")).eq(lit(5)));
    assert_stays(col("i").lt(col("j")));
    check(col("p").eq(lit(true)), col("p"));
    check(lit(false).eq(col("p")), col("p").not());
    check(col("i").lt(lit(5)).neq(lit(true)), col("i").gt_eq(lit(5)));
    assert_stays(col("p").eq_missing(lit(true)));
    assert_stays(col("i").eq(lit(true)));
}

#[test]
fn one_value_is_compared() {
    check(
        col("s").is_in(list(&["x"]), false),
        col("s").eq(lit(Scalar::from(polars_core::prelude::PlSmallStr::from("x")))),
    );
    check(col("i").is_in(list(&[5i64]), true), col("i").eq_missing(lit(Scalar::from(5i64))));
}

#[test]
fn lists_become_literals() {
    fn literal<T>(values: &[T]) -> Expr
    where
        Series: NamedFrom<Vec<T>, [T]>,
        T: Clone,
    {
        Expr::Literal(LiteralValue::Series(SpecialEq::new(Series::new("".into(), values.to_vec()))).implode().unwrap())
    }
    check(col("i").is_in(list(&[5i64, 6]), false), col("i").is_in(literal(&[5i64, 6]), false));
    check(col("i").is_in(list(&[5i32]), false), col("i").is_in(literal(&[5i32]), false));
    check(col("i").is_in(list(&[None::<i64>]), true), col("i").is_in(literal(&[None::<i64>]), true));
    check(col("i").is_in(list::<i64>(&[]), false), col("i").is_in(literal::<i64>(&[]), false));
    let simpler = literal(&["x", "y"]);
    assert!(Properties::of(&col("s").is_in(simpler, false), &schema()).is_movable());
}

#[test]
fn the_narrowest_range_counts() {
    let i = || col("i");
    check(i().gt(lit(1)).and(i().gt(lit(3))), i().gt(lit(3)));
    check(i().gt(lit(3)).and(is("j", 1)).and(i().gt_eq(lit(3))), i().gt(lit(3)).and(is("j", 1)));
    check(i().lt(lit(3)).and(i().lt(lit(3))), i().lt(lit(3)));
    check(i().lt(lit(3)).and(i().lt(lit(3i64))), i().lt(lit(3)));
    check(i().is_not_null().and(i().lt_eq(lit(3))), i().is_not_null().and(i().lt_eq(lit(3))));
    check(is("i", 2).and(i().lt_eq(lit(3))), is("i", 2));
    let between = || i().is_between(lit(1), lit(5), ClosedInterval::Both);
    check(between().and(i().lt(lit(9))), between());
    assert_stays(between().and(i().lt(lit(4))));
    assert_stays(i().gt(lit(1)).and(i().lt(lit(3))));
    assert_stays(i().gt(lit(1)).or(i().gt(lit(3))));
}

#[test]
fn contradictions() {
    let i = || col("i");
    for never in [
        i().gt(lit(3)).and(i().lt(lit(3))),
        i().gt(lit(3)).and(is("j", 1)).and(i().lt_eq(lit(3))),
        is("i", 1).and(is("i", 2)),
        is("i", 1).and(i().neq(lit(1))),
        i().is_null().and(i().lt(lit(3))),
        i().is_between(lit(5), lit(1), ClosedInterval::Both),
        col("date").lt(date(5)).and(col("date").gt_eq(date(5))),
        col("s").gt(lit("b")).and(col("s").lt(lit("a"))),
        col("price").gt(lit(0.07)).and(col("price").lt(lit(0.05))),
    ] {
        check(never, lit(false));
    }
    assert_stays(i().gt_eq(lit(3)).and(i().lt_eq(lit(3))));
    assert_stays(i().gt(lit(3)).and(i().lt(lit(1))).and(col("s").strict_cast(DataType::Int64).gt(lit(1))));
}

#[test]
fn filters_that_are_always_true_go() {
    let t = || table("t", "a b");
    assert_text(&apply(&t().filter(&lit(true), "filter").unwrap()), "t");
    assert_text(&apply(&t().filter(&col("a").gt(lit(1)).or(lit(true)), "filter").unwrap()), "t");
}

#[test]
fn nothing_is_made_of_nothing() {
    let never = || table("t", "a b").filter(&col("a").gt(lit(2)).and(col("a").lt(lit(1))), "filter").unwrap();
    let join = |left: LogicalPlan, right: LogicalPlan, how: JoinType| {
        let on = |column: &str| if how == JoinType::Cross { Vec::new() } else { vec![col(column)] };
        let specification =
            JoinSpecification { left_on: on("a"), right_on: on("c"), how: how.clone(), ..JoinSpecification::default() };
        left.join(right, &specification).unwrap()
    };
    let other = || table("other", "c d");
    let nothing = "memory-scan rows=[0]";
    for plan in [
        never(),
        never().select(&[(col("a") + lit(1)).alias("x")], "select").unwrap(),
        never().with_columns(&[lit(1).alias("x")], "with_columns").unwrap(),
        never().aggregate(&[col("a")], &[col("b").sum()], "agg").unwrap(),
        never().sort(&[col("a")], Default::default(), "sort").unwrap(),
        table("t", "a").slice(0, 0),
        join(never(), other(), JoinType::Inner),
        join(
            other().rename(&["c".into()], &["a".into()], true).unwrap(),
            never().rename(&["a".into()], &["c".into()], true).unwrap(),
            JoinType::Semi,
        ),
        join(never(), other(), JoinType::Left),
        join(never(), other(), JoinType::Anti),
        join(never(), other(), JoinType::Cross),
        LogicalPlan::union(vec![never(), never()]).unwrap(),
    ] {
        let simpler = apply(&plan);
        assert_eq!(simpler.schema(), plan.schema());
        assert_text(&simpler, nothing);
    }
    let kept = apply(&never().aggregate(&[], &[col("b").sum()], "agg").unwrap());
    assert_text(&kept, "aggregate by [] [col(\"b\").sum() as b]\n  memory-scan rows=[0]");
    assert_text(
        &apply(&never().select(&[lit(1)], "select").unwrap()),
        "select [dyn int: 1 as literal]\n  memory-scan rows=[0]",
    );
    let right = never().rename(&["a".into()], &["c".into()], true).unwrap();
    let left = || sized_table("left", "a b", Some(5));
    assert_text(&apply(&join(left(), right.clone(), JoinType::Anti)), "left");
    assert_eq!(apply(&join(left(), right, JoinType::Left)).inputs().len(), 2);
    assert_text(&apply(&LogicalPlan::union(vec![never(), table("t", "a b")]).unwrap()), "t");
}

#[test]
fn predicates_of_scans_and_joins() {
    let plan = LogicalPlan::scan(Arc::new(MemoryScan::from(df!("a" => [1, 2]).unwrap())));
    let scan = |predicate: Expr| match plan.node() {
        Node::Scan { scan, request } => {
            let request = ScanRequest { predicate: Some(predicate), ..request.clone() };
            LogicalPlan::new(Node::Scan { scan: scan.clone(), request }, plan.schema().clone())
        },
        _ => plan.clone(),
    };
    assert_text(&apply(&scan(lit(1).lt(col("a")))), r#"memory-scan rows=[2] where [(col("a")) > (dyn int: 1)]"#);
    assert_text(&apply(&scan(lit(true))), "memory-scan rows=[2]");
    assert_text(&apply(&scan(lit(false))), "memory-scan rows=[0]");
    let joined = |condition: Expr, how: JoinType| {
        let specification = JoinSpecification {
            left_on: vec![col("k")],
            right_on: vec![col("j")],
            condition: Some(condition),
            how,
            ..JoinSpecification::default()
        };
        apply(&table("left", "k a").join(table("right", "j b"), &specification).unwrap())
    };
    assert_text(
        &joined(col("b").lt(col("a")).or(col("a").gt(lit(1)).or(lit(true))), JoinType::Inner),
        "inner-join on col(\"k\") = col(\"j\") columns=[k, a, b]\n  left\n  right",
    );
    assert_text(
        &joined(col("b").lt(col("a")).and(lit(1).lt(col("a")).or(lit(false))), JoinType::Left),
        "left-join on col(\"k\") = col(\"j\") where [([(col(\"b\")) < (col(\"a\"))]) & ([(col(\"a\")) > (dyn int: 1)])] columns=[k, a, b]\n  left\n  right",
    );
    assert_text(&joined(col("a").gt(lit(1)).and(col("a").lt(lit(1))), JoinType::Inner), "memory-scan rows=[0]");
    assert_eq!(joined(col("a").gt(lit(1)).and(col("a").lt(lit(1))), JoinType::Left).inputs().len(), 2);
}

fn leaf() -> impl Strategy<Value = Expr> {
    let number = prop_oneof![Just(col("i")), Just(col("j")), (-2i64..6).prop_map(lit), (-2i32..6).prop_map(lit)];
    let compare = |(left, op, right): (Expr, usize, Expr)| match op {
        0 => left.eq(right),
        1 => left.neq(right),
        2 => left.lt(right),
        3 => left.lt_eq(right),
        4 => left.gt(right),
        5 => left.gt_eq(right),
        6 => left.eq_missing(right),
        _ => left.neq_missing(right),
    };
    prop_oneof![
        6 => (number.clone(), 0usize..8, number).prop_map(compare),
        2 => prop_oneof![Just(col("p")), Just(col("q"))],
        1 => prop_oneof![Just(lit(true)), Just(lit(false)), Just(lit(NULL).cast(DataType::Boolean))],
        1 => prop::collection::vec(0i64..6, 0..3).prop_map(|values| col("i").is_in(list(&values), false)),
        1 => (0i64..6, 0i64..6).prop_map(|(low, high)| col("j").is_between(lit(low), lit(high), ClosedInterval::Left)),
        1 => prop_oneof![Just(col("i").is_null()), Just(col("j").is_not_null())],
    ]
}

fn logic() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left.and(right)),
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left.or(right)),
            2 => inner.clone().prop_map(Expr::not),
            1 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left.eq(right)),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| when(a).then(b).otherwise(c)),
        ]
    })
}

/// Every combination of a few values of each column.
fn rows() -> DataFrame {
    let (numbers, flags) = ([None, Some(-1i64), Some(0), Some(2), Some(5)], [None, Some(false), Some(true)]);
    let mut columns: [Vec<Option<i64>>; 2] = Default::default();
    let mut booleans: [Vec<Option<bool>>; 2] = Default::default();
    for i in numbers {
        for j in numbers {
            for p in flags {
                for q in flags {
                    columns[0].push(i);
                    columns[1].push(j);
                    booleans[0].push(p);
                    booleans[1].push(q);
                }
            }
        }
    }
    let [i, j] = columns;
    let [p, q] = booleans;
    df!("i" => i, "j" => j, "p" => p, "q" => q).unwrap()
}

fn values(expr: &Expr, rows: &DataFrame) -> Column {
    let values = Projection::compile(&[expr.clone().alias("x")], rows.schema()).unwrap().evaluate(rows).unwrap();
    values.columns()[0].as_materialized_series().clone().into_column()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn values_stay_the_same(expr in logic()) {
        let rows = rows();
        if let Some(simpler) = Simplifier::new(rows.schema()).value(&expr) {
            prop_assert_eq!(values(&expr, &rows), values(&simpler, &rows), "{} is not {}", expr, simpler);
        }
    }

    #[test]
    fn the_same_rows_pass(expr in logic()) {
        let rows = rows();
        let passing = |predicate: &Expr| Predicate::compile(predicate, rows.schema()).unwrap().filter(&rows).unwrap();
        let simpler = match Simplifier::new(rows.schema()).filter(&expr) {
            Verdict::Same => expr.clone(),
            Verdict::Now(simpler) => simpler.unwrap_or(lit(true)),
            Verdict::Never => lit(false),
        };
        prop_assert!(passing(&expr).equals_missing(&passing(&simpler)), "{} is not {}", expr, simpler);
    }
}

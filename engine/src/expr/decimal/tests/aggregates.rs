use polars_core::prelude::*;
use polars_plan::dsl::Expr;
use proptest::prelude::*;

use super::big::Big;
use super::{col, column_of, decimals, fit, frame, integers, named, select};
use crate::error::ErrorKind;
use crate::expr::decimal::{mean_dtype, mean_from_sum_count, multiply_dtype, sum_dtype};
use crate::expr::prelude::lit;
use crate::expr::{GroupProjection, Projection};
use crate::physical::{to_logical, to_physical};

fn sum(values: impl Iterator<Item = Option<i128>>) -> Big {
    values.flatten().fold(Big::from(0), |sum, value| sum.add(&Big::from(value)))
}

/// The sum and the mean of a group; `Err` if 38 digits do not hold them.
fn expected(values: &[Option<i128>], scale: usize) -> (Result<i128, ()>, Result<Option<i128>, ()>) {
    let count = values.iter().flatten().count() as i128;
    let sum = sum(values.iter().copied());
    let mean = match (fit(sum.clone()), count) {
        (_, 0) => Ok(None),
        (Err(()), _) => Err(()),
        (Ok(_), count) => {
            fit(sum.shift(scale.max((scale + 6).min(12)) - scale).divide_rounded(&Big::from(count))).map(Some)
        },
    };
    (fit(sum), mean)
}

fn by_key(keys: &[u8], values: &[Option<i128>]) -> Vec<(u8, Vec<Option<i128>>)> {
    let mut groups: Vec<(u8, Vec<Option<i128>>)> = Vec::new();
    for (key, value) in keys.iter().zip(values) {
        match groups.iter_mut().find(|(present, _)| present == key) {
            Some((_, group)) => group.push(*value),
            None => groups.push((*key, vec![*value])),
        }
    }
    groups
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn sums_and_means_are_exact(
        (dtype, values) in (0usize..20).prop_flat_map(column_of),
        keys in prop::collection::vec(0u8..4, 20),
    ) {
        let keys = &keys[..values.len()];
        let frame = frame(vec![named("v", &(dtype, values.clone())), Column::new("k".into(), keys)]);
        let (total, mean) = expected(&values, dtype.scale);
        match (select(&frame, col("v").sum()), total) {
            (Ok(column), Ok(total)) => {
                prop_assert_eq!(integers(&column), (vec![Some(total)], (38, dtype.scale)));
                prop_assert_eq!(Some(column.dtype().clone()), sum_dtype(&dtype.dtype()));
            },
            (Err(error), Err(())) => prop_assert_eq!(error.kind(), ErrorKind::Overflow),
            (actual, expected) => prop_assert!(false, "{actual:?} {expected:?}"),
        }
        match (select(&frame, col("v").mean()), mean) {
            (Ok(column), Ok(mean)) => {
                prop_assert_eq!(integers(&column).0, vec![mean]);
                prop_assert_eq!(Some(column.dtype().clone()), mean_dtype(&dtype.dtype()));
            },
            (Err(error), Err(())) => prop_assert_eq!(error.kind(), ErrorKind::Overflow),
            (actual, expected) => prop_assert!(false, "{actual:?} {expected:?}"),
        }

        // The same on groups, and through `over`.
        let groups = by_key(keys, &values);
        let expected: Vec<_> = groups.iter().map(|(key, group)| (*key, expected(group, dtype.scale))).collect();
        let exprs = [col("v").sum().alias("sum"), col("v").mean().alias("mean"), col("v").max().alias("max")];
        let projection = GroupProjection::compile(&exprs, frame.schema()).unwrap();
        let positions = frame.group_by_stable(["k"]).unwrap().into_groups();
        let overflows = expected.iter().any(|(_, (sum, mean))| sum.is_err() || mean.is_err());
        match projection.evaluate(&frame, &positions) {
            Ok(actual) => {
                prop_assert!(!overflows);
                let actual = to_logical(actual, projection.schema()).unwrap();
                let column = |name: &str| integers(actual.column(name).unwrap()).0;
                prop_assert_eq!(column("sum"), expected.iter().map(|(_, (sum, _))| sum.ok()).collect::<Vec<_>>());
                prop_assert_eq!(column("mean"), expected.iter().map(|(_, (_, mean))| mean.unwrap()).collect::<Vec<_>>());
                let max = groups.iter().map(|(_, group)| group.iter().flatten().max().copied()).collect::<Vec<_>>();
                prop_assert_eq!(column("max"), max);
            },
            Err(error) => prop_assert!(overflows && error.kind() == ErrorKind::Overflow, "{error:?}"),
        }
        let exprs = exprs.map(|expr| expr.over([col("k")]).unwrap());
        let projection = Projection::compile(&exprs, frame.schema()).unwrap();
        match projection.evaluate(&to_physical(frame).unwrap()) {
            Ok(actual) => {
                prop_assert!(!overflows);
                let actual = to_logical(actual, projection.schema()).unwrap();
                let of = |key: &u8| &expected.iter().find(|(present, _)| present == key).unwrap().1;
                prop_assert_eq!(integers(actual.column("sum").unwrap()).0, keys.iter().map(|key| of(key).0.ok()).collect::<Vec<_>>());
                prop_assert_eq!(integers(actual.column("mean").unwrap()).0, keys.iter().map(|key| of(key).1.unwrap()).collect::<Vec<_>>());
            },
            Err(error) => prop_assert!(overflows && error.kind() == ErrorKind::Overflow, "{error:?}"),
        }
    }
}

#[test]
fn sums_of_products_are_exact_on_groups() {
    let rows = 3000;
    let price: Vec<Option<i128>> =
        (0..rows).map(|row| (row % 13 != 0).then_some(90_000 + i128::from(row) * 17)).collect();
    let discount: Vec<Option<i128>> = (0..rows).map(|row| Some(i128::from(row) % 11)).collect();
    let keys: Vec<u8> = (0..rows).map(|row| (row % 7) as u8).collect();
    let frame = frame(vec![
        decimals("price", &price, 15, 2),
        decimals("discount", &discount, 15, 2),
        Column::new("k".into(), keys.clone()),
    ]);
    let revenue: Vec<Option<i128>> =
        price.iter().zip(&discount).map(|(price, discount)| Some((*price)? * (100 - (*discount)?))).collect();
    let expr = || (col("price") * (lit(1) - col("discount"))).sum();
    let groups = frame.group_by_stable(["k"]).unwrap().into_groups();
    let projection =
        GroupProjection::compile(&[expr(), (expr() / col("price").sum()).alias("rate")], frame.schema()).unwrap();
    let actual = projection.evaluate(&frame, &groups).unwrap();
    let expected = by_key(&keys, &revenue);
    let sums: Vec<Option<i128>> = expected.iter().map(|(_, group)| Some(group.iter().flatten().sum())).collect();
    assert_eq!(integers(actual.column("price").unwrap()), (sums.clone(), (38, 4)));
    let prices = by_key(&keys, &price);
    let rates: Vec<Option<i128>> = sums
        .iter()
        .zip(&prices)
        .map(|(sum, (_, group))| {
            let base: i128 = group.iter().flatten().sum();
            Big::from((*sum)?).shift(8).divide_rounded(&Big::from(base)).to_i128()
        })
        .collect();
    assert_eq!(integers(actual.column("rate").unwrap()), (rates, (38, 10)));
    let total = integers(&select(&frame, expr()).unwrap()).0;
    assert_eq!(total, [Some(revenue.iter().flatten().sum())]);
}

#[test]
fn sums_beyond_128_bits_do_not_wrap_around() {
    let nines = 10i128.pow(38) - 1;
    let frame = frame(vec![decimals("v", &[Some(nines), Some(nines), Some(nines), Some(nines)], 38, 0)]);
    assert_eq!(select(&frame, col("v").sum()).unwrap_err().kind(), ErrorKind::Overflow);
    assert_eq!(select(&frame, col("v").mean()).unwrap_err().kind(), ErrorKind::Overflow);
    // Intermediate sums may be larger than the result.
    let frame = super::frame(vec![decimals("v", &[Some(nines), Some(nines), Some(-nines), Some(1 - nines)], 38, 0)]);
    assert_eq!(integers(&select(&frame, col("v").sum()).unwrap()).0, [Some(1)]);
}

#[test]
fn nothing_sums_up_to_zero_and_has_no_mean() {
    for precision in [10, 38] {
        let frame = frame(vec![decimals("v", &[None, None], precision, 2)]);
        for frame in [frame.clone(), frame.clear()] {
            assert_eq!(integers(&select(&frame, col("v").sum()).unwrap()).0, [Some(0)]);
            assert_eq!(integers(&select(&frame, col("v").mean()).unwrap()).0, [None]);
        }
    }
}

#[test]
fn filtered_and_windowed_aggregates_are_exact() {
    let frame = frame(vec![
        decimals("v", &[Some(100), Some(250), None, Some(400)], 31, 2),
        Column::new("k".into(), ["x", "y", "x", "x"]),
    ]);
    let values = |expr: Expr| integers(&super::evaluate(&frame, expr).unwrap()).0;
    assert_eq!(values(col("v").filter(col("k").eq(lit("x"))).sum()), [Some(500); 4]);
    assert_eq!(
        values(col("v") / col("v").sum().over([col("k")]).unwrap()),
        [Some(20_000_000), Some(100_000_000), None, Some(80_000_000)]
    );
    assert_eq!(values(col("v") - col("v").mean()), [Some(-150_000_000), Some(0), None, Some(150_000_000)]);
}

#[test]
fn aggregates_of_windows_are_exact() {
    let frame = frame(vec![
        decimals("v", &[Some(100), Some(250), Some(50), Some(400)], 20, 2),
        Column::new("k".into(), ["x", "y", "x", "x"]),
    ]);
    let largest = || col("v").max().over([col("k")]).unwrap();
    assert_eq!(integers(&select(&frame, largest().mean()).unwrap()).0, [Some(362_500_000)]);
    let exprs = [largest().mean().alias("mean"), (largest() * lit(2)).alias("twice"), largest().sum().alias("sum")];
    let actual = Projection::compile(&exprs, frame.schema()).unwrap().evaluate(&frame).unwrap();
    assert_eq!(integers(actual.column("mean").unwrap()).0, [Some(362_500_000); 4]);
    assert_eq!(integers(actual.column("twice").unwrap()).0, [Some(800), Some(500), Some(800), Some(800)]);
    assert_eq!(integers(actual.column("sum").unwrap()).0, [Some(1450); 4]);
}

#[test]
fn what_is_left_to_polars_has_the_type_that_is_promised() {
    use crate::expr::prelude::{NullBehavior, RankMethod, RankOptions, RoundMode};
    let frame = frame(vec![decimals("v", &[Some(125), None, Some(-375), Some(400), Some(400)], 20, 2)]);
    let rank = RankOptions { method: RankMethod::Min, descending: false };
    for expr in [
        col("v").cum_sum(false),
        col("v").cum_max(false),
        col("v").diff(lit(1), NullBehavior::Ignore),
        col("v").shift(lit(1)),
        col("v").round(1, RoundMode::HalfAwayFromZero),
        col("v").abs(),
        col("v").sort(Default::default()),
        col("v").rank(rank, None),
        col("v").unique_stable(),
        col("v").n_unique(),
        col("v").median(),
        col("v").std(1),
        col("v").var(1),
        col("v").quantile(lit(0.5), Default::default()),
        col("v").last(),
        col("v").implode(true),
        col("v").top_k(lit(2)),
        col("v").drop_nulls(),
        col("v").fill_null_with_strategy(FillNullStrategy::Forward(None)),
        col("v").cast(DataType::Int64),
        col("v").pct_change(lit(1)),
        col("v").arg_max(),
    ] {
        let expected = polars_lazy::frame::IntoLazy::lazy(frame.clone()).select([expr.clone().alias("out")]).collect();
        let actual = select(&frame, expr.clone()).unwrap();
        let expected = expected.unwrap().columns()[0].clone();
        assert!(actual.equals_missing(&expected), "{expr}: {actual:?} {expected:?}");
        assert_eq!(actual.dtype(), expected.dtype(), "{expr}");
    }
}

#[test]
fn means_come_from_sums_and_counts() {
    let sums = decimals("v", &[Some(100), Some(-200), Some(0), None], 38, 2);
    let counts = Column::new("n".into(), [3u32, 3, 0, 2]);
    let means = mean_from_sum_count(&sums, &counts).unwrap();
    assert_eq!(integers(&means), (vec![Some(33_333_333), Some(-66_666_667), None, None], (38, 8)));
    assert!(mean_from_sum_count(&counts, &sums).is_err());
    let huge = decimals("v", &[Some(10i128.pow(38) - 1)], 38, 0);
    assert_eq!(mean_from_sum_count(&huge, &Column::new("n".into(), [1i64])).unwrap_err().kind(), ErrorKind::Overflow);
}

#[test]
fn types_of_aggregates_are_known() {
    let decimal = DataType::Decimal;
    assert_eq!(multiply_dtype(&decimal(15, 2), &decimal(15, 2)), Some(decimal(30, 4)));
    assert_eq!(multiply_dtype(&decimal(15, 2), &DataType::Int64), Some(decimal(34, 2)));
    assert_eq!(multiply_dtype(&decimal(30, 20), &decimal(30, 20)), None);
    assert_eq!(multiply_dtype(&DataType::Int64, &DataType::Int64), None);
    assert_eq!(sum_dtype(&DataType::Float64), None);
    assert_eq!(mean_dtype(&decimal(38, 20)), Some(decimal(38, 20)));
}

use polars_core::prelude::*;
use proptest::prelude::*;

use super::big::Big;
use super::{DecimalType, col, column_of, decimals, evaluate, frame, integers, named};
use crate::error::ErrorKind;
use crate::expr::prelude::lit;

/// `value` at another scale, rounded half away from zero, if `precision` digits hold it.
fn cast(value: i128, from: usize, to: DecimalType) -> Option<i128> {
    let value = if to.scale >= from {
        Big::from(value).shift(to.scale - from)
    } else {
        Big::from(value).divide_rounded(&Big::from(1).shift(from - to.scale))
    };
    value.to_i128().filter(|value| value.unsigned_abs() < 10u128.pow(to.precision as u32))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn casts_round_half_away_from_zero((from, values) in (0usize..12).prop_flat_map(column_of), (to, _) in column_of(0)) {
        let frame = frame(vec![named("v", &(from, values.clone()))]);
        let expected: Vec<Option<i128>> =
            values.iter().map(|value| value.and_then(|value| cast(value, from.scale, to))).collect();
        let loose = evaluate(&frame, col("v").cast(to.dtype())).unwrap();
        prop_assert_eq!(integers(&loose), (expected.clone(), (to.precision, to.scale)));
        let lost = values.iter().flatten().count() != expected.iter().flatten().count();
        match evaluate(&frame, col("v").strict_cast(to.dtype())) {
            Ok(strict) => {
                prop_assert!(!lost);
                prop_assert_eq!(integers(&strict), (expected, (to.precision, to.scale)));
            },
            Err(error) => prop_assert!(lost && error.kind() == ErrorKind::Overflow, "{error:?}"),
        }
    }
}

#[test]
fn known_casts() {
    let frame = frame(vec![decimals("v", &[Some(125), Some(-125), Some(124), Some(99950), None], 10, 2)]);
    let to = |precision, scale| col("v").cast(DataType::Decimal(precision, scale));
    assert_eq!(integers(&evaluate(&frame, to(10, 1)).unwrap()).0, [Some(13), Some(-13), Some(12), Some(9995), None]);
    assert_eq!(integers(&evaluate(&frame, to(3, 0)).unwrap()).0, [Some(1), Some(-1), Some(1), None, None]);
    let strict = evaluate(&frame, col("v").strict_cast(DataType::Decimal(3, 0))).unwrap_err();
    assert!(strict.to_string().contains("the result needs more than 3 digits"), "{strict}");
    let float = evaluate(&frame, (col("v") * lit(2)).cast(DataType::Float64)).unwrap();
    assert_eq!(float.f64().unwrap().get(0), Some(2.5));
    let text = evaluate(&frame, (col("v") * lit(2)).cast(DataType::String)).unwrap();
    assert_eq!(text.str().unwrap().get(1), Some("-2.50"));
    let integer = super::frame(vec![Column::new("i".into(), [7i64])]);
    let decimal = evaluate(&integer, col("i").cast(DataType::Decimal(5, 2)) * lit(2)).unwrap();
    assert_eq!(integers(&decimal), (vec![Some(1400)], (6, 2)));
}

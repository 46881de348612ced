//! Compares a frame with a known answer.

use polars_core::frame::DataFrame;
use polars_core::prelude::AnyValue;

/// How far an average or a ratio may be off, relative to its size.
const TOLERANCE: f64 = 1e-9;

/// Compares a frame with a known answer: lines of fields separated by `|`, below a head line that gives the name and
/// the kind of each column.
///
/// # Errors
/// The first difference.
pub(super) fn compare(answer: &DataFrame, known: &str) -> Result<(), String> {
    let mut lines = known.lines();
    let columns: Vec<(&str, &str)> = lines
        .next()
        .unwrap_or_default()
        .split('|')
        .map(|column| column.split_once(':').unwrap_or((column, "text")))
        .collect();
    let names: Vec<&str> = answer.columns().iter().map(|column| column.name().as_str()).collect();
    if !columns.iter().map(|(name, _)| *name).eq(names.iter().copied()) {
        let expected: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        return Err(format!("the columns are {names:?}, not {expected:?}"));
    }
    let height = lines.clone().count();
    if answer.height() != height {
        return Err(format!("{} rows instead of {height}", answer.height()));
    }
    for (row, line) in lines.enumerate() {
        let fields: Vec<&str> = line.split('|').collect();
        if fields.len() != columns.len() {
            return Err(format!("row {row} of the known answer has {} fields", fields.len()));
        }
        for ((column, (name, kind)), field) in answer.columns().iter().zip(&columns).zip(fields) {
            let value = column.get(row).map_err(|error| error.to_string())?;
            if !same(&value, kind, field) {
                return Err(format!("`{name}` of row {row} is {value} instead of {field}"));
            }
        }
    }
    Ok(())
}

fn same(value: &AnyValue<'_>, kind: &str, known: &str) -> bool {
    match kind {
        // The sum of no rows: null in SQL, 0 in Polars.
        "decimal" | "double" if known.is_empty() => value.is_null() || near(value, 0.0),
        "decimal" => exact(value).is_some_and(|value| decimal(known).is_some_and(|known| equal(value, known))),
        "double" => known.parse().is_ok_and(|known| near(value, known)),
        _ => match value {
            AnyValue::Null => known.is_empty(),
            AnyValue::String(text) => *text == known,
            AnyValue::StringOwned(text) => text.as_str() == known,
            value => value.to_string() == known,
        },
    }
}

/// An exact number as an integer and the number of its digits behind the point; nothing for floats and other values.
fn exact(value: &AnyValue<'_>) -> Option<(i128, usize)> {
    match value {
        AnyValue::Decimal(value, _, scale) => Some((*value, *scale)),
        value if value.is_integer() => value.extract().map(|value| (value, 0)),
        _ => None,
    }
}

fn decimal(text: &str) -> Option<(i128, usize)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some((format!("{whole}{fraction}").parse().ok()?, fraction.len()))
}

fn equal((left, left_scale): (i128, usize), (right, right_scale): (i128, usize)) -> bool {
    let scale = left_scale.max(right_scale);
    let widen = |value: i128, from: usize| 10i128.checked_pow((scale - from) as u32)?.checked_mul(value);
    match (widen(left, left_scale), widen(right, right_scale)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// Whether a number is another within the tolerance; a decimal may also be rounded to its last digit.
fn near(value: &AnyValue<'_>, known: f64) -> bool {
    let rounding = match value {
        AnyValue::Decimal(_, _, scale) => 0.5 * 10f64.powi(-(*scale as i32)),
        _ => 0.0,
    };
    let number = match value {
        AnyValue::Decimal(value, _, scale) => Some(*value as f64 / 10f64.powi(*scale as i32)),
        value if value.is_primitive_numeric() => value.extract::<f64>(),
        _ => None,
    };
    number.is_some_and(|number| (number - known).abs() <= known.abs() * TOLERANCE + rounding)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::prelude::DataType;

    use super::*;

    const KNOWN: &str = "name:text|n:integer|price:decimal|mean:double\na|1|2.50|0.3333333333333333\nb|-2|-0.05|2.0\n";

    fn answer(prices: [&str; 2], means: [f64; 2]) -> DataFrame {
        let mut frame = df!("name" => ["a", "b"], "n" => [1, -2], "price" => prices, "mean" => means).unwrap();
        let prices = frame.column("price").unwrap().cast(&DataType::Decimal(20, 3)).unwrap();
        frame.with_column(prices).unwrap();
        frame
    }

    #[test]
    fn the_known_answer() {
        compare(&answer(["2.500", "-0.050"], [1.0 / 3.0, 2.0 + 1e-9]), KNOWN).unwrap();
    }

    #[test]
    fn differences() {
        let cases = [
            (answer(["2.501", "-0.05"], [1.0 / 3.0, 2.0]), "`price` of row 0 is 2.501 instead of 2.50"),
            (answer(["2.5", "0.05"], [1.0 / 3.0, 2.0]), "`price` of row 1 is 0.050 instead of -0.05"),
            (answer(["2.5", "-0.05"], [1.0 / 3.0, 2.1]), "`mean` of row 1 is 2.1 instead of 2.0"),
            (answer(["2.5", "-0.05"], [1.0 / 3.0, 2.0]).head(Some(1)), "1 rows instead of 2"),
            (df!("name" => ["a", "b"]).unwrap(), "the columns are [\"name\"], not"),
        ];
        for (answer, message) in cases {
            let difference = compare(&answer, KNOWN).unwrap_err();
            assert!(difference.starts_with(message), "{difference}");
        }
        let floats = df!("price" => [2.5]).unwrap();
        assert!(compare(&floats, "price:decimal\n2.5\n").is_err(), "a float is not exact");
    }

    #[test]
    fn sums_of_no_rows() {
        compare(&df!("sum" => [0.0]).unwrap(), "sum:double\n\n").unwrap();
        assert!(compare(&df!("sum" => [1.0]).unwrap(), "sum:double\n\n").is_err());
    }

    #[test]
    fn rounded_decimals_are_near() {
        let value = AnyValue::Decimal(4_998_530, 38, 8);
        assert!(near(&value, 0.049985295838397614));
        assert!(!near(&value, 0.04998531));
    }
}

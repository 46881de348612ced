//! What several queries write.

use quokka::prelude::*;

/// A date as a literal.
pub(super) fn date(year: i32, month: i32, day: i32) -> Expr {
    lit(Scalar::new_date(days_since_epoch(year, month, day)))
}

/// A list of values as a literal, for `is_in`.
pub(super) fn list<T>(values: impl AsRef<[T]>) -> Expr
where
    Series: NamedFrom<Vec<T>, [T]>,
    T: Clone,
{
    lit(Series::new(PlSmallStr::EMPTY, values.as_ref().to_vec())).implode(true)
}

/// What is paid for a line.
pub(super) fn discounted_price() -> Expr {
    col("l_extendedprice") * (lit(1) - col("l_discount"))
}

/// The order of a sort by several columns: for each, whether it is descending.
pub(super) fn descending(columns: impl IntoIterator<Item = bool>) -> SortMultipleOptions {
    SortMultipleOptions::default().with_order_descending_multi(columns)
}

/// Days from 1970-01-01 to a date after 1900-03-01 and before 2100-03-01, when every fourth year is a leap year.
fn days_since_epoch(year: i32, month: i32, day: i32) -> i32 {
    // Years begin in March here, so that a leap day is the last day of a year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    // The months from March on have 31, 30, 31, 30, 31 days, again and again: 153 in five.
    year * 365 + year / 4 + (153 * month + 2) / 5 + day - 719_484
}

#[cfg(test)]
mod tests {
    use super::days_since_epoch;

    #[test]
    fn days() {
        for (year, month, day, days) in [
            (1970, 1, 1, 0),
            (1970, 3, 1, 59),
            (1992, 1, 1, 8035),
            (1992, 2, 29, 8094),
            (1992, 3, 1, 8095),
            (1996, 12, 31, 9861),
            (1998, 9, 2, 10471),
            (2000, 2, 29, 11016),
        ] {
            assert_eq!(days_since_epoch(year, month, day), days, "{year}-{month}-{day}");
        }
    }
}

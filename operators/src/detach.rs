//! Frames that are kept for long, freed of data that they do not use.

use polars_arrow::array::builder::ShareStrategy;
use polars_arrow::array::{Array, BinaryViewArray, FixedSizeListArray, ListArray, StructArray, Utf8ViewArray};
use polars_core::frame::DataFrame;
use polars_core::prelude::Column;
use polars_core::series::builder::SeriesBuilder;
use quokka_engine::error::OperatorError;

/// Unused bytes that are not worth a copy.
const SMALL: usize = 16 * 1024;

/// The same rows, without string data of rows that are gone.
///
/// Filtered and gathered strings point into the data of the batch they came from, and keep all of it alive. Columns that
/// use less than half of what they hold are copied.
pub(crate) fn detach(frame: DataFrame) -> Result<DataFrame, OperatorError> {
    let wasteful = |column: &Column| {
        let series = column.as_materialized_series();
        let (used, held) = series.chunks().iter().map(|array| string_bytes(array.as_ref())).fold((0, 0), add);
        held > SMALL && used < held / 2
    };
    if !frame.columns().iter().any(wasteful) {
        return Ok(frame);
    }
    let own = |column: &Column| {
        if !wasteful(column) {
            return column.clone();
        }
        let mut builder = SeriesBuilder::new(column.dtype().clone());
        builder.extend(column.as_materialized_series(), ShareStrategy::Never);
        builder.freeze(column.name().clone()).into()
    };
    Ok(DataFrame::new(frame.height(), frame.columns().iter().map(own).collect())?)
}

/// Bytes of strings that an array uses, and holds.
fn string_bytes(array: &dyn Array) -> (usize, usize) {
    let array = array.as_any();
    if let Some(strings) = array.downcast_ref::<Utf8ViewArray>() {
        (strings.total_bytes_len(), strings.total_buffer_len())
    } else if let Some(strings) = array.downcast_ref::<BinaryViewArray>() {
        (strings.total_bytes_len(), strings.total_buffer_len())
    } else if let Some(list) = array.downcast_ref::<ListArray<i64>>() {
        string_bytes(list.values().as_ref())
    } else if let Some(list) = array.downcast_ref::<FixedSizeListArray>() {
        string_bytes(list.values().as_ref())
    } else if let Some(fields) = array.downcast_ref::<StructArray>() {
        fields.values().iter().map(|values| string_bytes(values.as_ref())).fold((0, 0), add)
    } else {
        (0, 0)
    }
}

fn add(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    (a.0 + b.0, a.1 + b.1)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::prelude::{IntoColumn, IntoSeries, StructChunked};

    use super::*;
    use crate::gather::gather;

    fn held(frame: &DataFrame) -> usize {
        let bytes = |column: &Column| {
            column.as_materialized_series().chunks().iter().map(|a| string_bytes(a.as_ref()).1).sum::<usize>()
        };
        frame.columns().iter().map(bytes).sum::<usize>()
    }

    fn strings() -> DataFrame {
        let text: Vec<String> = (0..2_000).map(|n| format!("a text that is too long for its view, {n}")).collect();
        let mut frame = df!("number" => (0..2_000).collect::<Vec<i32>>(), "text" => &text).unwrap();
        let fields = [frame.column("text").unwrap().as_materialized_series().clone()];
        let nested = StructChunked::from_series("nested".into(), 2_000, fields.iter()).unwrap();
        frame.with_column(nested.into_series().into_column()).unwrap();
        frame
    }

    #[test]
    fn lets_go_of_what_is_not_used() {
        let frame = strings();
        let few = gather(&frame, &[7, 1_999, 3]).unwrap();
        assert!(held(&few) > 100_000);
        let detached = detach(few.clone()).unwrap();
        assert!(held(&detached) < 1_000);
        assert!(detached.equals_missing(&few));
        assert_eq!(detached.schema(), few.schema());
    }

    #[test]
    fn copies_nothing_that_is_used() {
        let frame = strings();
        let text = |frame: &DataFrame| {
            frame.column("text").unwrap().str().unwrap().downcast_iter().next().unwrap().views().as_ptr()
        };
        let same = detach(frame.clone()).unwrap();
        assert_eq!(text(&same), text(&frame));
    }
}

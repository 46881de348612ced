//! Runs: neighbouring rows with the same key.

use polars_arrow::array::{
    Array, BinaryViewArray, BinaryViewArrayGeneric, BooleanArray, PrimitiveArray, Utf8ViewArray, ViewType,
};
use polars_core::prelude::{DataType, Series};

/// Rows by which it is judged whether a batch consists of runs.
const SAMPLE: usize = 1 << 10;
/// Rows that a run has on average, at least, to be worth finding.
const LEAST_LENGTH: usize = 3;

/// The runs of one batch.
///
/// Two neighbours are told apart by the bits of their keys, so that keys that are equal though their bits differ may be
/// several runs.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Run of each row.
    pub of_rows: Vec<u32>,
    /// First row of each run.
    pub heads: Vec<u32>,
    /// 1 for each row that differs from the one before, 0 for the others.
    starts: Vec<u8>,
}

impl Runs {
    /// Finds the runs of a batch with the key columns `keys`, each of one chunk. `false` if its rows hardly stand in runs,
    /// by what its first rows are like, or if some column is of a type that is not compared here.
    pub fn find(&mut self, keys: &[Series]) -> bool {
        let Some(rows) = keys.first().map(|key| key.len()).filter(|rows| *rows > 0) else { return false };
        let keys: Vec<Series> = keys.iter().map(|key| key.to_physical_repr().into_owned()).collect();
        let sample = rows.min(SAMPLE);
        if !self.mark(&keys, sample) {
            return false;
        }
        let starts: usize = self.starts.iter().map(|start| usize::from(*start)).sum();
        if starts * LEAST_LENGTH > sample || !self.mark(&keys, rows) {
            return false;
        }
        self.number();
        true
    }

    /// Marks where runs start among the first rows.
    fn mark(&mut self, keys: &[Series], rows: usize) -> bool {
        self.starts.clear();
        self.starts.resize(rows, 0);
        self.starts[0] = 1;
        let starts = &mut self.starts[1..];
        keys.iter().all(|key| {
            let array = key.chunks()[0].as_ref();
            if let Some(validity) = array.validity().filter(|validity| validity.unset_bits() > 0) {
                mark_changes(starts, validity.iter());
            }
            mark_values(starts, array, key.dtype())
        })
    }

    /// Numbers the runs that are marked.
    fn number(&mut self) {
        let Self { of_rows, heads, starts } = self;
        of_rows.clear();
        of_rows.reserve(starts.len());
        heads.clear();
        heads.resize(starts.len(), 0);
        let mut runs = 0;
        for (row, start) in starts.iter().enumerate() {
            // Overwritten unless a run starts here: nothing foretells a branch.
            heads[runs] = row as u32;
            runs += usize::from(*start);
            of_rows.push(runs as u32 - 1);
        }
        heads.truncate(runs);
    }
}

/// Marks the values that differ from the one before; `false` if there is no comparison for their type.
fn mark_values(starts: &mut [u8], array: &dyn Array, dtype: &DataType) -> bool {
    macro_rules! numbers {
        ($native:ty) => {
            match downcast::<PrimitiveArray<$native>>(array) {
                Some(array) => {
                    let values = array.values().as_slice();
                    for ((start, value), before) in starts.iter_mut().zip(&values[1..]).zip(values) {
                        *start |= u8::from(value != before);
                    }
                    true
                },
                None => false,
            }
        };
    }
    match dtype {
        DataType::Boolean => {
            downcast::<BooleanArray>(array).map(|array| mark_changes(starts, array.values().iter())).is_some()
        },
        DataType::Int8 => numbers!(i8),
        DataType::Int16 => numbers!(i16),
        DataType::Int32 => numbers!(i32),
        DataType::Int64 => numbers!(i64),
        DataType::Int128 => numbers!(i128),
        DataType::UInt8 => numbers!(u8),
        DataType::UInt16 => numbers!(u16),
        DataType::UInt32 => numbers!(u32),
        DataType::UInt64 => numbers!(u64),
        DataType::Float32 => numbers!(f32),
        DataType::Float64 => numbers!(f64),
        DataType::String => downcast::<Utf8ViewArray>(array).map(|array| mark_texts(starts, array)).is_some(),
        DataType::Binary => downcast::<BinaryViewArray>(array).map(|array| mark_texts(starts, array)).is_some(),
        _ => false,
    }
}

fn mark_changes(starts: &mut [u8], mut bits: impl Iterator<Item = bool>) {
    let Some(mut before) = bits.next() else { return };
    for (start, bit) in starts.iter_mut().zip(bits) {
        *start |= u8::from(bit != before);
        before = bit;
    }
}

fn mark_texts<T: ViewType + ?Sized + PartialEq>(starts: &mut [u8], array: &BinaryViewArrayGeneric<T>) {
    let views = array.views().as_slice();
    for (at, ((start, view), before)) in starts.iter_mut().zip(&views[1..]).zip(views).enumerate() {
        if *start == 1 || view.as_u128() == before.as_u128() {
            continue;
        }
        let alike = view.length == before.length && view.prefix == before.prefix && !view.is_inline();
        // Nulls are compared as such: their views may be anything.
        *start = u8::from(!alike || array.get(at) != array.get(at + 1));
    }
}

fn downcast<T: 'static>(array: &dyn Array) -> Option<&T> {
    array.as_any().downcast_ref()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use polars_core::df;
    use polars_core::frame::DataFrame;
    use polars_core::prelude::Series;

    use super::Runs;

    fn runs(frame: &DataFrame) -> Option<Runs> {
        let keys: Vec<Series> = frame.columns().iter().map(|key| key.as_materialized_series().rechunk()).collect();
        let mut runs = Runs::default();
        runs.find(&keys).then_some(runs)
    }

    /// Each row gets the run of the row before, or founds one, by the text of its key.
    fn check(frame: &DataFrame) {
        let text = |row: u32| format!("{:?}", frame.get(row as usize).unwrap());
        let runs = runs(frame).unwrap();
        let (mut heads, mut of_rows) = (Vec::new(), Vec::new());
        for row in 0..frame.height() as u32 {
            if row == 0 || text(row) != text(row - 1) {
                heads.push(row);
            }
            of_rows.push(heads.len() as u32 - 1);
        }
        assert_eq!((runs.heads, runs.of_rows), (heads, of_rows));
    }

    #[test]
    fn keys_of_several_types() {
        let rows = 5000u32;
        let some = |step: u32| (0..rows).map(move |row| (!(row / step).is_multiple_of(3)).then_some(row / step));
        let text = |len: usize| move |row: Option<u32>| row.map(|row| format!("{row:len$}"));
        let frame = df!(
            "a" => some(50).collect::<Vec<_>>(),
            "b" => some(30).map(|row| row.map(f64::from)).collect::<Vec<_>>(),
            "c" => some(20).map(|row| row.map(|row| row % 2 == 0)).collect::<Vec<_>>(),
            "d" => some(24).map(text(5)).collect::<Vec<_>>(),
            "e" => some(8).map(text(40)).collect::<Vec<_>>(),
        )
        .unwrap();
        check(&frame);
        for column in frame.columns() {
            check(&DataFrame::new(frame.height(), vec![column.clone()]).unwrap());
            check(&DataFrame::new(1000, vec![column.slice(77, 1000)]).unwrap());
        }
        check(&frame.slice(0, 30));
    }

    #[test]
    fn equal_strings_that_lie_apart_are_one_run() {
        let texts: Vec<String> =
            (0..600).map(|row| format!("a string of more than twelve bytes, {}", row / 6)).collect();
        let frame = df!("a" => texts).unwrap();
        check(&frame);
        assert_eq!(runs(&frame).unwrap().heads.len(), 100);
    }

    #[test]
    fn rows_that_hardly_stand_in_runs() {
        let frame = |step: i64| df!("a" => (0..1200).map(|row| row / step).collect::<Vec<i64>>()).unwrap();
        assert!(runs(&frame(1)).is_none());
        assert!(runs(&frame(2)).is_none());
        assert!(runs(&frame(4)).is_some());
        assert!(runs(&frame(4).head(Some(0))).is_none());
    }
}

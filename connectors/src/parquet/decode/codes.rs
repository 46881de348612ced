//! Strings of a column chunk whose values all stand in its dictionary, read as codes, so that a predicate can be
//! evaluated once a value instead of once a row.

use polars_arrow::array::{Array, PrimitiveArray};
use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use super::cursor::ColumnCursor;
use super::dictionary::Dictionary;
use super::hybrid::{Hybrid, Run};
use super::page::{Page, Pages};
use super::select::{keep_selected, spread};
use super::values::Values;
use crate::parquet::error::Damage;
use crate::parquet::pages::encoding;

/// Reads the rows of such a column chunk in order, in steps of any size.
pub(in crate::parquet) struct CodedCursor {
    codes: ColumnCursor,
    dictionary: Dictionary,
    dtype: ArrowDataType,
}

impl CodedCursor {
    /// Starts at the first row; `None` if there is no dictionary after all.
    pub(super) fn start(mut pages: Pages, dtype: ArrowDataType) -> Result<Option<Self>, Damage> {
        let Some((bytes, values)) = pages.dictionary()? else { return Ok(None) };
        let dictionary = Dictionary::new(bytes, values, dtype == ArrowDataType::Utf8View, false)?;
        let codes = Box::new(Codes { values: dictionary.views.len(), source: None, out: Vec::new() });
        Ok(Some(Self { codes: ColumnCursor::start(pages, codes), dictionary, dtype }))
    }

    /// The values of the dictionary, each once, and a null behind them.
    pub(in crate::parquet) fn dictionary(&self) -> Box<dyn Array> {
        self.dictionary.with_null(self.dtype.clone())
    }

    /// Steps over rows.
    pub(in crate::parquet) fn skip(&mut self, rows: usize) {
        self.codes.skip(rows);
    }

    /// The codes of the next rows.
    pub(in crate::parquet) fn read(&mut self, rows: usize) -> Result<PrimitiveArray<u32>, Damage> {
        let codes = self.codes.read(rows)?;
        codes.as_any().downcast_ref().cloned().ok_or(Damage::Page("values where codes were expected"))
    }

    /// The values of `codes`, or of those whose bit in `selected` is set.
    pub(in crate::parquet) fn values(&self, codes: &PrimitiveArray<u32>, selected: Option<&Bitmap>) -> Box<dyn Array> {
        self.dictionary.gather(codes, selected, self.dtype.clone())
    }
}

/// The rows whose value passes: `passes` has a bit for each value of a dictionary, and the last one is for null.
pub(in crate::parquet) fn passing(codes: &PrimitiveArray<u32>, passes: &Bitmap) -> Bitmap {
    let passes: Vec<bool> = passes.iter().collect();
    let values = codes.values().as_slice();
    let mut bits = BitmapBuilder::with_capacity(values.len());
    // A null has the code 0, which need not be in the dictionary.
    let passing = |code: &u32| passes.get(*code as usize).copied().unwrap_or(false);
    for block in values.chunks(64) {
        let word = block.iter().rev().fold(0, |word, code| word << 1 | u64::from(passing(code)));
        bits.extend_from_slice(&word.to_le_bytes(), 0, block.len());
    }
    let bits = bits.freeze();
    match codes.validity() {
        None => bits,
        Some(validity) if passes.last() == Some(&true) => &bits | &!validity,
        Some(validity) => &bits & validity,
    }
}

/// The codes themselves as values.
struct Codes {
    /// Values of the dictionary.
    values: usize,
    source: Option<Hybrid>,
    out: Vec<u32>,
}

impl Values for Codes {
    fn dictionary(&mut self, _bytes: Buffer<u8>, _values: usize, _is_part: bool) -> Result<(), Damage> {
        Err(Damage::Page("a second dictionary"))
    }

    fn start(&mut self, page: Page, values: usize) -> Result<(), Damage> {
        let Page { bytes, start, encoding, .. } = page;
        self.source = match encoding {
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY if values == 0 => None,
            encoding::PLAIN_DICTIONARY | encoding::RLE_DICTIONARY => Some(Hybrid::with_width(bytes, start)?),
            other => return Err(Damage::Encoding(other)),
        };
        Ok(())
    }

    fn take_page(&mut self) -> Buffer<u8> {
        self.source.take().map_or_else(Buffer::new, Hybrid::into_bytes)
    }

    fn reserve(&mut self, rows: usize) {
        self.out.reserve_exact(rows);
    }

    fn skip(&mut self, values: usize) -> Result<(), Damage> {
        match &mut self.source {
            None if values == 0 => Ok(()),
            None => Err(Damage::Ends),
            Some(codes) => codes.skip(values),
        }
    }

    fn read(&mut self, values: usize) -> Result<(), Damage> {
        let Self { values: known, source, out } = self;
        let check = |code: u32| match code as usize >= *known {
            true => Err(Damage::Page("a code that is not in the dictionary")),
            false => Ok(()),
        };
        match source {
            None if values == 0 => Ok(()),
            None => Err(Damage::Ends),
            Some(codes) => codes.read(values, |run| match run {
                Run::Equal(code, count) => {
                    check(code)?;
                    out.extend(std::iter::repeat_n(code, count));
                    Ok(())
                },
                Run::Different(codes) => {
                    check(codes.iter().copied().fold(0, u32::max))?;
                    out.extend_from_slice(codes);
                    Ok(())
                },
            }),
        }
    }

    fn read_selected(&mut self, selected: &Bitmap) -> Result<(), Damage> {
        let start = self.out.len();
        self.read(selected.len())?;
        keep_selected(&mut self.out, start, selected);
        Ok(())
    }

    fn spread(&mut self, validity: &Bitmap, values: usize) {
        spread(&mut self.out, validity, values);
    }

    fn finish(&mut self, validity: Option<Bitmap>) -> Result<Box<dyn Array>, Damage> {
        let codes = Buffer::from(std::mem::take(&mut self.out));
        Ok(PrimitiveArray::try_new(ArrowDataType::UInt32, codes, validity).map_err(Damage::Polars)?.boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_pass_by_their_value() {
        let codes = (0..200u32).map(|row| (row % 5 != 2).then_some(row % 3)).collect::<PrimitiveArray<u32>>();
        for passes in [[true, false, true, false], [false, true, false, true], [false; 4], [true; 4]] {
            let found = passing(&codes, &passes.into_iter().collect());
            let expected = codes.iter().map(|code| passes[code.map_or(3, |code| *code as usize)]);
            assert!(found.iter().eq(expected));
        }
        // Nothing but nulls, and no dictionary.
        let nulls = std::iter::repeat_n(None, 10).collect::<PrimitiveArray<u32>>();
        assert_eq!(passing(&nulls, &[true].into_iter().collect()).set_bits(), 10);
        assert_eq!(passing(&nulls, &[false].into_iter().collect()).set_bits(), 0);
    }
}

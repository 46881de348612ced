//! Booleans: a bit a value, or runs of bits.

use polars_arrow::array::{Array, BooleanArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;

use super::hybrid::{Hybrid, Run};
use super::page::Page;
use super::select::{keep_selected, spread};
use super::values::Values;
use crate::parquet::error::Damage;
use crate::parquet::pages::encoding;

enum Source {
    None,
    /// The bit of the next value.
    Plain(Buffer<u8>, usize),
    Runs(Hybrid),
}

pub(super) struct Booleans {
    source: Source,
    out: Vec<bool>,
}

impl Booleans {
    pub(super) fn new() -> Self {
        Self { source: Source::None, out: Vec::new() }
    }
}

impl Values for Booleans {
    fn dictionary(&mut self, _bytes: Buffer<u8>, _values: usize, _is_part: bool) -> Result<(), Damage> {
        Err(Damage::Page("a dictionary of booleans"))
    }

    fn start(&mut self, page: Page, values: usize) -> Result<(), Damage> {
        let Page { bytes, start, encoding, .. } = page;
        self.source = match encoding {
            _ if values == 0 => Source::None,
            encoding::PLAIN => Source::Plain(bytes, start * 8),
            // The runs stand behind their length.
            encoding::RLE => Source::Runs(Hybrid::new(bytes, start + 4, 1)?),
            other => return Err(Damage::Encoding(other)),
        };
        Ok(())
    }

    fn take_page(&mut self) -> Buffer<u8> {
        match std::mem::replace(&mut self.source, Source::None) {
            Source::None => Buffer::new(),
            Source::Plain(bytes, _) => bytes,
            Source::Runs(runs) => runs.into_bytes(),
        }
    }

    fn reserve(&mut self, rows: usize) {
        self.out.reserve_exact(rows);
    }

    fn skip(&mut self, values: usize) -> Result<(), Damage> {
        match &mut self.source {
            Source::None if values == 0 => Ok(()),
            Source::None => Err(Damage::Ends),
            Source::Plain(_, bit) => {
                *bit = bit.saturating_add(values);
                Ok(())
            },
            Source::Runs(runs) => runs.skip(values),
        }
    }

    fn read(&mut self, values: usize) -> Result<(), Damage> {
        match &mut self.source {
            Source::None if values == 0 => Ok(()),
            Source::None => Err(Damage::Ends),
            Source::Plain(bytes, bit) => {
                let end = bit.checked_add(values).filter(|end| end.div_ceil(8) <= bytes.len()).ok_or(Damage::Ends)?;
                self.out.extend((*bit..end).map(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 1));
                *bit = end;
                Ok(())
            },
            Source::Runs(runs) => runs.read(values, |run| {
                match run {
                    Run::Equal(value, count) => self.out.extend(std::iter::repeat_n(value != 0, count)),
                    Run::Different(values) => self.out.extend(values.iter().map(|value| *value != 0)),
                }
                Ok(())
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
        let values = Bitmap::from_trusted_len_iter(std::mem::take(&mut self.out).into_iter());
        Ok(BooleanArray::try_new(ArrowDataType::Boolean, values, validity).map_err(Damage::Polars)?.boxed())
    }
}

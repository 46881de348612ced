//! A place in a column chunk.

use std::ops::Range;

use polars_arrow::array::Array;
use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;
use polars_parquet::parquet::schema::Repetition;

use super::codes::CodedCursor;
use super::page::Pages;
use super::select::pick;
use super::snappy::Compressed;
use super::types::{is_decoded, values};
use super::values::Values;
use crate::parquet::error::Damage;
use crate::parquet::packed_footer::ColumnChunk;
use crate::parquet::pages::Encodings;

/// Reads the rows of a flat column chunk in order, in steps of any size.
pub(in crate::parquet) struct ColumnCursor {
    pages: Pages,
    values: Box<dyn Values>,
    /// The page that holds the next row, if it is decompressed.
    page: Option<OpenPage>,
    /// Rows to step over before the next row is read: pages that end before it are not decompressed.
    skipped: usize,
    /// What went wrong where it could not be reported.
    failed: Option<Damage>,
}

struct OpenPage {
    rows: usize,
    /// Rows that were read.
    at: usize,
    validity: Option<Bitmap>,
}

impl OpenPage {
    /// How many of the next rows are not null.
    fn valid(&self, rows: usize) -> usize {
        self.validity.as_ref().map_or(rows, |validity| rows - validity.null_count_range(self.at, rows))
    }
}

/// Which rows of an array are not null, while it is made.
#[derive(Default)]
struct Validity {
    rows: usize,
    bits: Option<BitmapBuilder>,
}

impl Validity {
    fn push(&mut self, validity: Option<&Bitmap>, rows: usize) {
        match (&mut self.bits, validity) {
            (None, None) => {},
            (Some(bits), None) => bits.extend_constant(rows, true),
            (bits, Some(validity)) => bits
                .get_or_insert_with(|| {
                    let mut bits = BitmapBuilder::with_capacity(self.rows + rows);
                    bits.extend_constant(self.rows, true);
                    bits
                })
                .extend_from_bitmap(validity),
        }
        self.rows += rows;
    }

    fn finish(self) -> Option<Bitmap> {
        self.bits.map(BitmapBuilder::freeze)
    }
}

/// Rows of a column while they are read.
pub(in crate::parquet) struct Rows<'a> {
    rows: usize,
    /// Which of them are wanted; `None` if all are.
    selected: Option<&'a Bitmap>,
    /// Rows that were read or stepped over.
    at: usize,
    validity: Validity,
}

impl Rows<'_> {
    pub(in crate::parquet) fn is_done(&self) -> bool {
        self.at == self.rows
    }
}

impl ColumnCursor {
    /// Starts at the first row of `chunk`, whose pages have been checked and use `encodings`. `None` if the column is left
    /// to Polars.
    pub(in crate::parquet) fn new(
        chunk: Buffer<u8>,
        leaf: &ColumnChunk<'_>,
        dtype: &ArrowDataType,
        encodings: Encodings,
    ) -> Option<Self> {
        let column = leaf.column;
        let descriptor = &column.descriptor;
        let is_flat = column.path_in_schema.len() == 1 && descriptor.max_rep_level == 0;
        let is_optional = match (descriptor.primitive_type.field_info.repetition, descriptor.max_def_level) {
            (Repetition::Required, 0) => false,
            (Repetition::Optional, 1) => true,
            _ => return None,
        };
        let stored = descriptor.primitive_type.physical_type;
        if !is_flat || !encodings.all(|code| is_decoded(stored, code)) {
            return None;
        }
        let values = values(stored, descriptor.primitive_type.logical_type, dtype)?;
        Some(Self::start(Pages::new(chunk, leaf.compression, is_optional), values))
    }

    /// Decompresses only the first `limit` bytes of pages and dictionaries. Rows that need more yield errors.
    pub(in crate::parquet) fn with_limit(mut self, limit: usize) -> Self {
        self.pages = self.pages.with_limit(limit);
        self
    }

    pub(super) fn start(pages: Pages, values: Box<dyn Values>) -> Self {
        Self { pages, values, page: None, skipped: 0, failed: None }
    }

    /// A cursor at the same row that reads codes, for strings or binary values of which all stand in a dictionary; nothing
    /// must have been read.
    pub(in crate::parquet) fn into_coded(self, dtype: &ArrowDataType) -> Result<Option<CodedCursor>, Damage> {
        CodedCursor::start(self.pages, dtype.clone())
    }

    /// Steps over rows.
    pub(in crate::parquet) fn skip(&mut self, rows: usize) {
        self.skipped += rows;
    }

    /// The next rows.
    pub(in crate::parquet) fn read(&mut self, rows: usize) -> Result<Box<dyn Array>, Damage> {
        let mut rows = self.begin(rows, None);
        while !self.read_page(&mut rows)? {}
        self.finish(rows)
    }

    /// Begins to read the next rows, or those of them whose bit is set, page by page.
    pub(in crate::parquet) fn begin<'a>(&mut self, rows: usize, selected: Option<&'a Bitmap>) -> Rows<'a> {
        self.values.reserve(selected.map_or(rows, Bitmap::set_bits));
        let mut rows = Rows { rows, selected, at: 0, validity: Validity::default() };
        self.step_over(&mut rows);
        rows
    }

    /// Steps over rows of which none is wanted: what is in their pages does not matter.
    fn step_over(&mut self, rows: &mut Rows<'_>) {
        if let Some(selected) = rows.selected {
            let unwanted = selected.clone().sliced(rows.at, rows.rows - rows.at).leading_zeros();
            self.skip(unwanted);
            rows.at += unwanted;
        }
    }

    /// Reads those of the rows that stand in the next page. Tells whether these were the last.
    pub(in crate::parquet) fn read_page(&mut self, reading: &mut Rows<'_>) -> Result<bool, Damage> {
        if reading.is_done() {
            return Ok(true);
        }
        let page = self.page()?;
        let rows = (reading.rows - reading.at).min(page.rows - page.at);
        let valid = page.valid(rows);
        let nulls = page.validity.as_ref().filter(|_| valid < rows).map(|v| v.clone().sliced(page.at, rows));
        page.at += rows;
        let validity = &mut reading.validity;
        let wanted = reading.selected.map(|selected| selected.clone().sliced(reading.at, rows));
        match (wanted, nulls) {
            (None, nulls) => {
                self.values.read(valid)?;
                if let Some(nulls) = &nulls {
                    self.values.spread(nulls, valid);
                }
                validity.push(nulls.as_ref(), rows);
            },
            (Some(wanted), None) => {
                self.values.read_selected(&wanted)?;
                validity.push(None, wanted.set_bits());
            },
            (Some(wanted), Some(nulls)) => {
                let wanted_values = pick(&wanted, &nulls);
                let wanted_nulls = pick(&nulls, &wanted);
                self.values.read_selected(&wanted_values)?;
                self.values.spread(&wanted_nulls, wanted_values.set_bits());
                validity.push(Some(&wanted_nulls), wanted_nulls.len());
            },
        }
        reading.at += rows;
        self.step_over(reading);
        Ok(reading.is_done())
    }

    /// The rows, when all were read.
    pub(in crate::parquet) fn finish(&mut self, rows: Rows<'_>) -> Result<Box<dyn Array>, Damage> {
        self.values.finish(rows.validity.finish())
    }

    /// What has to be decompressed before the next row can be read, and may be so beside pages of other columns.
    pub(in crate::parquet) fn compressed(&mut self) -> Vec<(Range<usize>, Compressed)> {
        if self.page.as_ref().is_some_and(|page| self.skipped < page.rows - page.at) || self.failed.is_some() {
            return Vec::new();
        }
        match self.seek() {
            Ok(()) => self.pages.compressed(),
            Err(damage) => {
                self.failed = Some(damage);
                Vec::new()
            },
        }
    }

    /// The page behind the next one, if some of the rows that are read are wanted of it.
    pub(in crate::parquet) fn following_compressed(
        &mut self,
        reading: &Rows<'_>,
    ) -> Option<(Range<usize>, Compressed)> {
        if self.page.is_some() || self.failed.is_some() {
            return None;
        }
        match self.is_following_wanted(reading) {
            Ok(is_wanted) => self.pages.following_compressed().filter(|_| is_wanted),
            Err(damage) => {
                self.failed = Some(damage);
                None
            },
        }
    }

    fn is_following_wanted(&mut self, reading: &Rows<'_>) -> Result<bool, Damage> {
        let start = reading.at + self.pages.rows()?.saturating_sub(self.skipped);
        if start >= reading.rows {
            return Ok(false);
        }
        let rows = self.pages.following_rows()?.min(reading.rows - start);
        Ok(reading.selected.is_none_or(|selected| selected.clone().sliced(start, rows).set_bits() > 0))
    }

    /// Takes one of these pages, decompressed.
    pub(in crate::parquet) fn put_ahead(&mut self, range: Range<usize>, bytes: Result<Vec<u8>, Damage>) {
        self.pages.put_ahead(range, bytes);
    }

    /// Something that was decompressed ahead since the last call was not wanted, or not yet.
    pub(in crate::parquet) fn was_in_vain(&mut self) -> bool {
        self.pages.was_in_vain()
    }

    /// Goes to the page that holds the next row. It may not be open.
    fn seek(&mut self) -> Result<(), Damage> {
        if let Some(damage) = self.failed.take() {
            return Err(damage);
        }
        self.pages.start()?;
        loop {
            if let Some(page) = &mut self.page {
                let rows = self.skipped.min(page.rows - page.at);
                self.skipped -= rows;
                if page.at + rows < page.rows {
                    if rows > 0 {
                        self.values.skip(page.valid(rows))?;
                        page.at += rows;
                    }
                    return Ok(());
                }
                self.page = None;
                let bytes = self.values.take_page();
                self.pages.recycle(bytes);
            }
            let rows = self.pages.rows()?;
            if rows > self.skipped {
                return Ok(());
            }
            self.skipped -= rows;
            self.pages.skip();
        }
    }

    /// The page that holds the next row.
    fn page(&mut self) -> Result<&mut OpenPage, Damage> {
        self.seek()?;
        if self.page.is_none() {
            if let Some((bytes, values)) = self.pages.dictionary()? {
                self.values.dictionary(bytes, values, self.pages.is_limited())?;
            }
            let rows = self.pages.rows()?;
            let page = self.pages.open()?;
            let open = OpenPage { rows, at: 0, validity: page.validity.clone() };
            let valid = open.valid(rows);
            self.values.start(page, valid)?;
            self.page = Some(open);
            // The rows to step over that stand in it.
            self.seek()?;
        }
        self.page.as_mut().ok_or(Damage::Ends)
    }
}

//! A place in a column chunk.

use polars_arrow::array::Array;
use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_arrow::datatypes::ArrowDataType;
use polars_buffer::Buffer;
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::read::ColumnChunkMetadata;

use super::codes::CodedCursor;
use super::page::Pages;
use super::select::pick;
use super::types::{is_decoded, values};
use super::values::Values;
use crate::parquet::error::Damage;
use crate::parquet::pages::Encodings;

/// Reads the rows of a flat column chunk in order, in steps of any size.
pub(in crate::parquet) struct ColumnCursor {
    pages: Pages,
    values: Box<dyn Values>,
    is_started: bool,
    /// The page that holds the next row, if it is decompressed.
    page: Option<OpenPage>,
    /// Rows to step over before the next row is read: pages that end before it are not decompressed.
    skipped: usize,
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

impl ColumnCursor {
    /// Starts at the first row of `chunk`, whose pages have been checked and use `encodings`. `None` if the column is left
    /// to Polars.
    pub(in crate::parquet) fn new(
        chunk: Buffer<u8>,
        leaf: &ColumnChunkMetadata,
        dtype: &ArrowDataType,
        encodings: Encodings,
    ) -> Option<Self> {
        let column = leaf.descriptor();
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
        Some(Self::start(Pages::new(chunk, leaf.compression(), is_optional), values))
    }

    /// Decompresses only the first `limit` bytes of pages and dictionaries. Rows that need more yield errors.
    pub(in crate::parquet) fn with_limit(mut self, limit: usize) -> Self {
        self.pages = self.pages.with_limit(limit);
        self
    }

    pub(super) fn start(pages: Pages, values: Box<dyn Values>) -> Self {
        Self { pages, values, is_started: false, page: None, skipped: 0 }
    }

    /// As [`start`](Self::start), for `values` that know the dictionary.
    pub(super) fn start_behind_dictionary(pages: Pages, values: Box<dyn Values>) -> Self {
        Self { is_started: true, ..Self::start(pages, values) }
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
        self.values.reserve(rows);
        let mut validity = Validity::default();
        let mut left = rows;
        while left > 0 {
            let page = self.page()?;
            let rows = left.min(page.rows - page.at);
            let valid = page.valid(rows);
            let nulls = page.validity.as_ref().filter(|_| valid < rows).map(|v| v.clone().sliced(page.at, rows));
            page.at += rows;
            left -= rows;
            self.values.read(valid)?;
            if let Some(nulls) = &nulls {
                self.values.spread(nulls, valid);
            }
            validity.push(nulls.as_ref(), rows);
        }
        self.values.finish(validity.finish())
    }

    /// Those of the next rows whose bit is set; steps over the others.
    pub(in crate::parquet) fn read_selected(&mut self, selected: &Bitmap) -> Result<Box<dyn Array>, Damage> {
        self.values.reserve(selected.set_bits());
        let mut validity = Validity::default();
        let mut at = 0;
        while at < selected.len() {
            // What is wanted of the next rows does not matter before a row is.
            let rest = selected.clone().sliced(at, selected.len() - at);
            let unwanted = rest.leading_zeros();
            self.skip(unwanted);
            at += unwanted;
            if at == selected.len() {
                break;
            }
            let page = self.page()?;
            let rows = (selected.len() - at).min(page.rows - page.at);
            let wanted = selected.clone().sliced(at, rows);
            let valid = page.valid(rows);
            let nulls = page.validity.as_ref().filter(|_| valid < rows).map(|v| v.clone().sliced(page.at, rows));
            page.at += rows;
            at += rows;
            match nulls {
                None => {
                    self.values.read_selected(&wanted)?;
                    validity.push(None, wanted.set_bits());
                },
                Some(nulls) => {
                    let wanted_values = pick(&wanted, &nulls);
                    let wanted_nulls = pick(&nulls, &wanted);
                    self.values.read_selected(&wanted_values)?;
                    self.values.spread(&wanted_nulls, wanted_values.set_bits());
                    validity.push(Some(&wanted_nulls), wanted_nulls.len());
                },
            }
        }
        self.values.finish(validity.finish())
    }

    /// The page that holds the next row.
    fn page(&mut self) -> Result<&mut OpenPage, Damage> {
        if !self.is_started {
            self.is_started = true;
            if let Some((bytes, values)) = self.pages.dictionary()? {
                self.values.dictionary(bytes, values, self.pages.is_limited())?;
            }
        }
        loop {
            if let Some(page) = &mut self.page {
                let rows = self.skipped.min(page.rows - page.at);
                self.skipped -= rows;
                if page.at + rows < page.rows {
                    if rows > 0 {
                        self.values.skip(page.valid(rows))?;
                        page.at += rows;
                    }
                    break;
                }
                self.page = None;
                let bytes = self.values.take_page();
                self.pages.recycle(bytes);
            }
            let rows = self.pages.rows()?;
            if rows <= self.skipped {
                self.skipped -= rows;
                self.pages.skip();
                continue;
            }
            let page = self.pages.open()?;
            let open = OpenPage { rows, at: 0, validity: page.validity.clone() };
            let valid = open.valid(rows);
            self.values.start(page, valid)?;
            self.page = Some(open);
        }
        self.page.as_mut().ok_or(Damage::Ends)
    }
}

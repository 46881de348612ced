//! The values of one type, page by page.

use polars_arrow::array::Array;
use polars_arrow::bitmap::Bitmap;
use polars_buffer::Buffer;

use super::page::Page;
use crate::parquet::error::Damage;

/// Decodes the values of the pages of a column chunk into arrays. Values are those that are not null: a page has no
/// trace of the others but in its levels.
pub(super) trait Values {
    /// Takes the dictionary of the chunk, of `values` values; `is_part` if only its first bytes are there.
    fn dictionary(&mut self, bytes: Buffer<u8>, values: usize, is_part: bool) -> Result<(), Damage>;

    /// Goes on with a page of `values` values.
    fn start(&mut self, page: Page, values: usize) -> Result<(), Damage>;

    /// Gives the memory of the page back.
    fn take_page(&mut self) -> Buffer<u8>;

    /// Makes room for rows.
    fn reserve(&mut self, rows: usize);

    /// Steps over values.
    fn skip(&mut self, values: usize) -> Result<(), Damage>;

    /// Appends the next values.
    fn read(&mut self, values: usize) -> Result<(), Damage>;

    /// Appends those of the next values whose bit is set, and steps over the others.
    fn read_selected(&mut self, selected: &Bitmap) -> Result<(), Damage>;

    /// Puts nulls between the last `values` values, so that each stands at a set bit.
    fn spread(&mut self, validity: &Bitmap, values: usize);

    /// The array of all that was appended since the last call.
    fn finish(&mut self, validity: Option<Bitmap>) -> Result<Box<dyn Array>, Damage>;
}

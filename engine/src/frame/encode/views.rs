//! Strings and binary values: views, and the text that they point to.
//!
//! The arrays of a batch after a filter or a gather still share the text of all the rows before it. A chunk is sent in one of
//! two ways: *whole* if its views refer to nearly all of its text (one copy of memory), else *referenced* bytes only.

use std::io::{self, Write};
use std::sync::Arc;

use polars_arrow::array::{Array, BinaryViewArrayGeneric, View, ViewType};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::bitmap::utils::ZipValidity;
use polars_buffer::Buffer;

use super::{Layout, Piece};
use crate::frame::error::FrameError;

/// Views that are rewritten at a time, on the stack.
const BLOCK: usize = 256;

/// One chunk of a string or binary column.
pub(super) struct ViewChunk {
    views: Buffer<View>,
    text: Buffer<Buffer<u8>>,
    validity: Option<Bitmap>,
    /// Where the text of this chunk starts in the text buffer of the frame.
    start: u32,
    /// For a chunk that is sent whole: where each of its buffers starts in the text buffer of the frame.
    starts: Option<Vec<u32>>,
    text_len: usize,
}

impl ViewChunk {
    pub(super) fn of<T: ViewType + ?Sized>(array: &BinaryViewArrayGeneric<T>) -> Self {
        let mut chunk = Self {
            views: array.views().clone(),
            text: array.data_buffers().clone(),
            validity: array.validity().filter(|validity| validity.unset_bits() > 0).cloned(),
            start: 0,
            starts: None,
            text_len: 0,
        };
        chunk.text_len = chunk.long_views().map(|view| view.length as usize).sum();
        chunk
    }

    pub(super) fn views_len(&self) -> usize {
        size_of_val(self.views.as_slice())
    }

    pub(super) fn text_len(&self) -> usize {
        self.text_len
    }

    /// Gives the chunk its place in the text of the frame and returns the place of the next, unless it leaves 32 bits.
    fn place(&mut self, start: u32) -> Option<u32> {
        self.start = start;
        let held: usize = self.text.iter().map(|buffer| buffer.len()).sum();
        if self.text_len > 0 && held <= self.text_len + self.text_len / 8 {
            self.text_len = held;
            let mut next = start as usize;
            let starts = self.text.iter().map(|buffer| {
                let start = u32::try_from(next).ok();
                next += buffer.len();
                start
            });
            self.starts = Some(starts.collect::<Option<_>>()?);
        }
        u32::try_from(start as usize + self.text_len).ok()
    }

    /// Whether the views are right for the frame as they are.
    fn stands(&self) -> bool {
        let in_place = match &self.starts {
            Some(starts) => starts.as_slice() == [0],
            None => self.text_len == 0,
        };
        in_place && self.validity.is_none()
    }

    fn pieces_of_text(chunk: &Arc<Self>) -> Vec<Piece> {
        if chunk.starts.is_some() {
            chunk.text.iter().map(|buffer| Piece::Bytes(buffer.clone())).collect()
        } else if chunk.text_len > 0 {
            vec![Piece::Text(chunk.clone())]
        } else {
            Vec::new()
        }
    }

    /// The views, without those behind nulls: they may point anywhere.
    fn views(&self) -> impl Iterator<Item = Option<&View>> {
        ZipValidity::new_with_validity(self.views.iter(), self.validity.as_ref())
    }

    /// The views that point to text.
    fn long_views(&self) -> impl Iterator<Item = &View> {
        self.views().flatten().filter(|view| !view.is_inline())
    }

    pub(super) fn write_views<W: Write>(&self, out: &mut W) -> io::Result<()> {
        let mut next = self.start;
        let mut views = self.views().map(|view| match view {
            None => View::default(),
            Some(view) if view.is_inline() => *view,
            Some(view) => {
                let offset = match &self.starts {
                    Some(starts) => {
                        let start = starts.get(view.buffer_idx as usize).copied().unwrap_or_default();
                        start.wrapping_add(view.offset)
                    },
                    None => next,
                };
                next = next.wrapping_add(view.length);
                View { buffer_idx: 0, offset, ..*view }
            },
        });
        let mut block = [View::default(); BLOCK];
        loop {
            let mut filled = 0;
            for (slot, view) in block.iter_mut().zip(views.by_ref()) {
                *slot = view;
                filled += 1;
            }
            out.write_all(bytemuck::cast_slice(&block[..filled]))?;
            if filled < BLOCK {
                return Ok(());
            }
        }
    }

    /// Writes the text of the long views in their order; text that follows on text is one write.
    pub(super) fn write_text<W: Write>(&self, out: &mut W) -> io::Result<()> {
        let mut run = Run::default();
        for view in self.long_views() {
            let start = view.offset as usize;
            if view.buffer_idx != run.buffer || start != run.end {
                self.write_run(&run, out)?;
                run = Run { buffer: view.buffer_idx, start, end: start };
            }
            run.end += view.length as usize;
        }
        self.write_run(&run, out)
    }

    fn write_run<W: Write>(&self, run: &Run, out: &mut W) -> io::Result<()> {
        if run.start == run.end {
            return Ok(());
        }
        let text = self.text.get(run.buffer as usize).and_then(|buffer| buffer.get(run.start..run.end));
        let outside = || io::Error::new(io::ErrorKind::InvalidData, "a view points outside of its text");
        out.write_all(text.ok_or_else(outside)?)
    }
}

/// Text of one buffer that several views in a row refer to.
#[derive(Default)]
struct Run {
    buffer: u32,
    start: usize,
    end: usize,
}

/// Adds the buffers of views and of text.
pub(super) fn lay_out(layout: &mut Layout, mut chunks: Vec<ViewChunk>) -> Result<(), FrameError> {
    let mut start = 0;
    for chunk in &mut chunks {
        start = chunk.place(start).ok_or_else(|| layout.too_large())?;
    }
    let chunks: Vec<_> = chunks.into_iter().map(Arc::new).collect();
    layout.buffer(
        chunks.iter().map(
            |chunk| {
                if chunk.stands() { Piece::of(chunk.views.clone()) } else { Piece::Views(chunk.clone()) }
            },
        ),
    );
    layout.buffer(chunks.iter().flat_map(ViewChunk::pieces_of_text));
    Ok(())
}

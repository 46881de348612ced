//! Round trips of every type, and frames that somebody has damaged.

mod damage;
mod round_trip;
mod shape;
mod strategies;

use std::ops::Range;

use polars_buffer::Buffer;
use polars_core::prelude::*;

use super::header::{Header, padded};
use super::{FrameEncoder, decode};

fn encode(frame: &DataFrame) -> Vec<u8> {
    let encoder = FrameEncoder::new(frame).unwrap();
    let bytes = encoder.to_vec();
    assert_eq!(bytes.len(), encoder.len());
    assert!(bytes.len().is_multiple_of(8));
    bytes
}

fn there_and_back(frame: &DataFrame) -> DataFrame {
    decode(Buffer::from(encode(frame)), frame.schema()).unwrap()
}

fn assert_round_trip(frame: &DataFrame) {
    assert_same(&there_and_back(frame), frame);
}

fn assert_same(left: &DataFrame, right: &DataFrame) {
    assert_eq!(left.schema(), right.schema());
    assert_eq!(left.height(), right.height());
    for (left, right) in left.columns().iter().zip(right.columns()) {
        let (left, right) = (left.as_materialized_series(), right.as_materialized_series());
        assert!(same(left, right), "{left}\n{right}");
    }
}

/// Equality value by value: that of Polars compares structs within lists by their whole columns.
fn same(left: &Series, right: &Series) -> bool {
    if left.dtype() != right.dtype() || left.len() != right.len() || nulls(left) != nulls(right) {
        return false;
    }
    match left.dtype() {
        DataType::Struct(_) => {
            // Behind a null, fields may be anything.
            let valid = left.is_not_null();
            let fields = |series: &Series| series.filter(&valid).unwrap().struct_().unwrap().fields_as_series();
            fields(left).iter().zip(&fields(right)).all(|(left, right)| same(left, right))
        },
        DataType::List(_) => left.iter().zip(right.iter()).all(|items| match items {
            (AnyValue::List(left), AnyValue::List(right)) => same(&left, &right),
            (left, right) => left.is_null() && right.is_null(),
        }),
        _ => left.equals_missing(right),
    }
}

fn nulls(series: &Series) -> Vec<bool> {
    series.is_null().iter().flatten().collect()
}

/// A frame of one column.
fn single(series: Series) -> DataFrame {
    let height = series.len();
    DataFrame::new(height, vec![series.into_column()]).unwrap()
}

/// A column from values, in as many chunks as slices.
fn chunked(dtype: &DataType, chunks: &[&[AnyValue]]) -> Series {
    let chunks =
        chunks.iter().map(|values| Series::from_any_values_and_dtype("x".into(), values, dtype, true).unwrap());
    chunks.reduce(|mut all, chunk| all.append_owned(chunk).unwrap().clone()).unwrap()
}

/// Where each buffer of a frame lies.
fn buffers(frame: &[u8]) -> Vec<Range<usize>> {
    let count = Header::parse(frame).unwrap().buffers as usize;
    let mut start = padded(Header::SIZE + 8 * count).unwrap();
    let lengths = (0..count).map(|buffer| {
        let entry = Header::SIZE + 8 * buffer;
        u64::from_le_bytes(frame[entry..entry + 8].try_into().unwrap()) as usize
    });
    lengths
        .map(|length| {
            let range = start..start + length;
            start = padded(range.end).unwrap();
            range
        })
        .collect()
}

/// A frame at `shift` bytes behind a multiple of 16, as the slab of a socket may hold it.
struct Shifted {
    memory: Vec<u128>,
    range: Range<usize>,
}

fn shifted(frame: &[u8], shift: usize) -> Buffer<u8> {
    let mut memory = vec![0u128; (frame.len() + shift).div_ceil(16)];
    let range = shift..shift + frame.len();
    bytemuck::cast_slice_mut::<u128, u8>(&mut memory)[range.clone()].copy_from_slice(frame);
    Buffer::from_owner(Shifted { memory, range })
}

impl AsRef<[u8]> for Shifted {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.memory)[self.range.clone()]
    }
}

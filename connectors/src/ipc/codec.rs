//! Compressed buffers.

use std::io::Cursor;

use polars_arrow::array::PrimitiveArray;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::io::ipc::format::ipc;
use polars_arrow::io::ipc::format::ipc::planus::{Builder, ReadAsRoot};
use polars_arrow::io::ipc::read::Dictionaries;
use polars_arrow::io::ipc::read::common::read_record_batch;
use polars_arrow::io::ipc::{IpcField, IpcSchema};
use polars_buffer::Buffer;
use polars_utils::bool::UnsafeBool;
use polars_utils::pl_str::PlSmallStr;

use super::error::Damage;
use crate::guard::guarded;

/// Bytes of a compressed buffer before what is compressed: how long it was before.
const PREFIX: usize = 8;
/// A byte of LZ4 stands for 255 at most, and a block of ZSTD, which has four bytes at least, for 128 KiB. A buffer that
/// claims more is damaged, and no memory is asked for.
const LZ4_RATIO: usize = 255;
const ZSTD_RATIO: usize = 32 * 1024;

/// How buffers are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Lz4,
    Zstd,
}

impl Codec {
    /// What a buffer held before it was compressed.
    pub(super) fn decompress(self, bytes: &Buffer<u8>) -> Result<Buffer<u8>, Damage> {
        if bytes.is_empty() {
            return Ok(Buffer::new());
        }
        let (Some(length), Some(compressed)) = (bytes.first_chunk::<PREFIX>(), bytes.get(PREFIX..)) else {
            return Err(Damage::Buffer { expected: PREFIX, found: bytes.len() });
        };
        let claimed = i64::from_le_bytes(*length);
        if claimed == -1 {
            // It would have become longer.
            return Ok(bytes.clone().sliced(PREFIX..));
        }
        let ratio = if self == Self::Lz4 { LZ4_RATIO } else { ZSTD_RATIO };
        let limit = compressed.len().saturating_mul(ratio);
        let Some(length) = usize::try_from(claimed).ok().filter(|length| *length <= limit) else {
            return Err(Damage::Length { what: "the length of a buffer before it was compressed", found: claimed });
        };
        match (self, length) {
            (_, 0) => Ok(Buffer::new()),
            (Self::Lz4, _) => lz4(bytes, length),
            (Self::Zstd, _) => zstd(compressed, length),
        }
    }
}

fn zstd(compressed: &[u8], length: usize) -> Result<Buffer<u8>, Damage> {
    let refused = |error: &dyn std::fmt::Display| Damage::Compression(error.to_string());
    let mut out = Vec::new();
    out.try_reserve_exact(length).map_err(|error| refused(&error))?;
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(|error| refused(&error))?;
    decompressor.decompress_to_buffer(compressed, &mut out).map_err(|error| refused(&error))?;
    match out.len() == length {
        true => Ok(out.into()),
        false => Err(Damage::Buffer { expected: length, found: out.len() }),
    }
}

/// Polars does not lend its decoder of LZ4 out, but it decodes record batches: here, one of a single column of bytes.
fn lz4(bytes: &[u8], length: usize) -> Result<Buffer<u8>, Damage> {
    let (rows, bytes_length) = (length as i64, bytes.len() as i64);
    let batch = ipc::RecordBatch {
        length: rows,
        nodes: Some(vec![ipc::FieldNode { length: rows, null_count: 0 }]),
        buffers: Some(vec![ipc::Buffer { offset: 0, length: 0 }, ipc::Buffer { offset: 0, length: bytes_length }]),
        compression: Some(Box::new(ipc::BodyCompression {
            codec: ipc::CompressionType::Lz4Frame,
            method: ipc::BodyCompressionMethod::Buffer,
        })),
        variadic_buffer_counts: None,
    };
    let mut builder = Builder::new();
    let batch = ipc::RecordBatchRef::read_as_root(builder.finish(&batch, None))?;
    let field = Field::new(PlSmallStr::EMPTY, ArrowDataType::UInt8, false);
    let fields: ArrowSchema = std::iter::once(field).collect();
    let schema = IpcSchema { fields: vec![IpcField::default()], is_little_endian: true };
    let decoded = guarded::<_, Damage>(|| {
        let (version, mut scratch) = (ipc::MetadataVersion::V5, Vec::new());
        let (dictionaries, mut source) = (Dictionaries::default(), Cursor::new(bytes));
        let checked = UnsafeBool::default();
        read_record_batch(
            batch,
            &fields,
            &schema,
            None,
            None,
            &dictionaries,
            version,
            &mut source,
            0,
            &mut scratch,
            checked,
        )
    });
    let decoded = decoded.map_err(|error| Damage::Compression(error.to_string()))?;
    let bytes = decoded.arrays().first().and_then(|array| array.as_any().downcast_ref::<PrimitiveArray<u8>>());
    match bytes.filter(|bytes| bytes.values().len() == length) {
        Some(bytes) => Ok(bytes.values().clone()),
        None => Err(Damage::Ends),
    }
}

//! Messages and the footer of a file: where its columns are.
//!
//! Nothing that a message says of itself is believed: lengths are held against the bytes that there are when these are
//! read, and lists are never longer than the message.

use std::ops::Range;

use polars_arrow::io::ipc::format::ipc::planus::ReadAsRoot;
use polars_arrow::io::ipc::format::ipc::{self, MessageHeaderRef};
use polars_core::prelude::IdxSize;

use super::codec::Codec;
use super::error::Damage;
use super::schema::{IpcColumns, read_columns};

/// What stands before the length of a message in files since Arrow 0.15.
pub(super) const CONTINUATION: [u8; 4] = [0xff; 4];

/// An array of a record batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) rows: usize,
    pub(super) nulls: usize,
}

/// Why a schema cannot be read.
pub(super) enum Refused {
    Damage(Damage),
    /// A column, and its type, which Polars does not have.
    Type(String, String),
}

impl From<Damage> for Refused {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

impl From<ipc::planus::Error> for Refused {
    fn from(error: ipc::planus::Error) -> Self {
        Self::Damage(error.into())
    }
}

impl From<Refused> for Damage {
    /// Behind the schema, there are no types.
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Damage(damage) => damage,
            Refused::Type(..) => Self::OtherMessage("record batch or dictionary"),
        }
    }
}

/// What a record batch, or the values of a dictionary, consists of.
#[derive(Clone, Debug)]
pub(super) struct BatchHeader {
    pub(super) rows: usize,
    pub(super) nodes: Vec<Node>,
    /// Bytes of each buffer, from the start of the body.
    pub(super) buffers: Vec<Range<u64>>,
    /// For each array of views, how many buffers of text it has.
    pub(super) views: Vec<usize>,
    pub(super) codec: Option<Codec>,
}

/// A message, and how long its body is.
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) body: u64,
}

pub(super) enum Kind {
    Schema(IpcColumns),
    Dictionary { id: i64, is_delta: bool, values: BatchHeader },
    Batch(BatchHeader),
}

/// A message of a file, by its place.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The message, with its length.
    pub(super) message: Range<u64>,
    pub(super) body: Range<u64>,
}

impl Block {
    pub(super) fn bytes(&self) -> u64 {
        self.body.end - self.message.start
    }
}

/// What the footer of a file says.
pub(super) struct Footer {
    pub(super) columns: IpcColumns,
    pub(super) dictionaries: Vec<Block>,
    pub(super) batches: Vec<Block>,
}

/// Where the message is that starts with `bytes`: its own bytes, without its length; `None` if there are too few bytes to tell.
pub(super) fn frame(bytes: &[u8]) -> Option<Result<Range<usize>, Damage>> {
    let first = bytes.get(..4)?;
    let (length, start) = if first == CONTINUATION { (bytes.get(4..8)?, 8_usize) } else { (first, 4) };
    Some(message_length(length).map(|length| start..start.saturating_add(length as usize)))
}

/// The length of a message, of which `bytes` are the four bytes.
pub(super) fn message_length(bytes: &[u8]) -> Result<u64, Damage> {
    let found = bytes.first_chunk().map_or(0, |length| i32::from_le_bytes(*length));
    u64::try_from(found).map_err(|_| Damage::Length { what: "the length of a message", found: found.into() })
}

/// Reads a message, which is all of `bytes`.
pub(super) fn read_message(bytes: &[u8]) -> Result<Message, Refused> {
    let message = ipc::MessageRef::read_as_root(bytes)?;
    let body = length("the length of a body", message.body_length()?)?;
    let kind = match message.header()? {
        Some(MessageHeaderRef::Schema(schema)) => Kind::Schema(read_columns(schema, bytes.len())?),
        Some(MessageHeaderRef::DictionaryBatch(batch)) => {
            let Some(data) = batch.data()? else { return Err(Damage::OtherMessage("dictionary with values").into()) };
            Kind::Dictionary { id: batch.id()?, is_delta: batch.is_delta()?, values: read_batch(data)? }
        },
        Some(MessageHeaderRef::RecordBatch(batch)) => Kind::Batch(read_batch(batch)?),
        _ => return Err(Damage::OtherMessage("schema, dictionary or record batch").into()),
    };
    Ok(Message { kind, body })
}

fn read_batch(batch: ipc::RecordBatchRef<'_>) -> Result<BatchHeader, Damage> {
    let rows = rows(batch.length()?)?;
    let nodes = batch.nodes()?.into_iter().flatten().map(|node| {
        let nulls = rows_of("the number of nulls", node.null_count())?;
        Ok(Node { rows: rows_of("the number of rows", node.length())?, nulls })
    });
    let nodes = nodes.collect::<Result<Vec<_>, Damage>>()?;
    let buffers = batch.buffers()?.into_iter().flatten().map(|buffer| {
        let start = length("the place of a buffer", buffer.offset())?;
        let length = length("the length of a buffer", buffer.length())?;
        Ok(start..start.checked_add(length).ok_or(Damage::Outside { what: "a buffer" })?)
    });
    let buffers = buffers.collect::<Result<Vec<_>, Damage>>()?;
    let views = batch.variadic_buffer_counts()?.into_iter().flatten();
    let views = views.map(|count| Ok(length("the number of buffers", count)? as usize));
    let codec = match batch.compression()? {
        None => None,
        Some(compression) => Some(match compression.codec()? {
            ipc::CompressionType::Lz4Frame => Codec::Lz4,
            ipc::CompressionType::Zstd => Codec::Zstd,
        }),
    };
    Ok(BatchHeader { rows, nodes, buffers, views: views.collect::<Result<Vec<_>, Damage>>()?, codec })
}

/// Rows of a batch: as many as a frame can have.
fn rows(found: i64) -> Result<usize, Damage> {
    let rows = rows_of("the number of rows", found)?;
    match IdxSize::try_from(rows) {
        Ok(rows) if rows < IdxSize::MAX => Ok(rows as usize),
        _ => Err(Damage::Length { what: "the number of rows", found }),
    }
}

fn rows_of(what: &'static str, found: i64) -> Result<usize, Damage> {
    usize::try_from(found).map_err(|_| Damage::Length { what, found })
}

fn length(what: &'static str, found: i64) -> Result<u64, Damage> {
    u64::try_from(found).map_err(|_| Damage::Length { what, found })
}

/// Reads a footer, which is all of `bytes`. Messages end before `end`, where it starts.
pub(super) fn read_footer(bytes: &[u8], end: u64) -> Result<Footer, Refused> {
    let footer = ipc::FooterRef::read_as_root(bytes)?;
    let Some(schema) = footer.schema()? else { return Err(Damage::Schema("no fields").into()) };
    let columns = read_columns(schema, bytes.len())?;
    let block = |block: ipc::BlockRef<'_>| {
        let start = length("the place of a message", block.offset())?;
        let message = length("the length of a message", block.meta_data_length().into())?;
        let body = length("the length of a body", block.body_length())?;
        let at = |start: u64, length: u64| start.checked_add(length).filter(|found| *found <= end);
        let middle = at(start, message).ok_or(Damage::Outside { what: "a message" })?;
        let last = at(middle, body).ok_or(Damage::Outside { what: "the body of a message" })?;
        Ok(Block { message: start..middle, body: middle..last })
    };
    let dictionaries = footer.dictionaries()?.into_iter().flatten().map(block).collect::<Result<_, Damage>>()?;
    let batches = footer.record_batches()?.into_iter().flatten().map(block).collect::<Result<_, Damage>>()?;
    Ok(Footer { columns, dictionaries, batches })
}

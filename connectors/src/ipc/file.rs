//! One open file: its columns, and where its record batches are.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use polars_buffer::Buffer;

use super::access::Access;
use super::body::Body;
use super::dictionary::Dictionaries;
use super::error::{Damage, IpcError};
use super::message::{BatchHeader, Block, Footer, Kind, Message, Refused, frame, read_footer, read_message};
use super::schema::IpcColumns;
use super::stream::{Source, Stream};
use crate::files::{FilesError, InputFile, map};

const MAGIC: &[u8] = b"ARROW1";
const FEATHER_1: &[u8] = b"FEA1";
/// Bytes behind the footer: its length and the magic.
const TAIL: usize = 4 + MAGIC.len();
/// Bytes at the start and the end of a file in a store that are fetched at first.
const FIRST: u64 = 8;
const LAST: u64 = 64 << 10;

/// A file whose schema has been read and checked.
pub(super) struct IpcFile {
    pub(super) input: InputFile,
    pub(super) columns: IpcColumns,
    pub(super) layout: Layout,
    /// All bytes of a local file; those of a file in a store are fetched by those who read it.
    pub(super) mapped: Option<Buffer<u8>>,
    /// Tells its content from that of all other files, where the system or the store can.
    pub(super) identity: Option<[u64; 4]>,
    /// What each record batch holds, if that can be told without fetching anything.
    batch_sizes: OnceLock<Option<Vec<BatchSize>>>,
    estimated_rows: OnceLock<Option<u64>>,
}

/// What a record batch holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchSize {
    pub(super) rows: usize,
    pub(super) is_compressed: bool,
}

/// The two formats of Arrow IPC.
pub(super) enum Layout {
    /// The footer tells where everything is.
    File { batches: Vec<Block>, dictionaries: Vec<Block>, read: Mutex<Option<Arc<Dictionaries>>> },
    /// Messages stand one behind the other, where each needs those before it.
    Stream,
}

impl IpcFile {
    pub(super) fn open(input: InputFile) -> Result<Self, IpcError> {
        let (mapped, identity) = match input.local_path() {
            Some(path) => match map(path) {
                Ok((bytes, identity)) => (Some(bytes), identity),
                Err(source) => return Err(FilesError::Io { path: input.path(), source }.into()),
            },
            None => (None, input.identity().map(|[first, second]| [first, second, input.size(), u64::MAX])),
        };
        let mut access = access(&input, mapped.as_ref())?;
        let size = mapped.as_ref().map_or(input.size(), |bytes| bytes.len() as u64);
        let layout = read_layout(&mut access, size, || stream(&input, mapped.as_ref(), size));
        match layout {
            Ok((columns, layout)) => {
                let (batch_sizes, estimated_rows) = (OnceLock::new(), OnceLock::new());
                Ok(Self { input, columns, layout, mapped, identity, batch_sizes, estimated_rows })
            },
            Err(Refused::Damage(source)) => Err(IpcError::footer(&input, source)),
            Err(Refused::Type(column, dtype)) => Err(IpcError::UnsupportedType { path: input.path(), column, dtype }),
        }
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.mapped.as_ref().map_or(self.input.size(), |bytes| bytes.len() as u64)
    }

    /// The bytes of the file.
    pub(super) fn access(&self) -> Result<Access, IpcError> {
        access(&self.input, self.mapped.as_ref())
    }

    /// The record batches; none of a stream, which are not known before they are read.
    pub(super) fn batches(&self) -> &[Block] {
        match &self.layout {
            Layout::File { batches, .. } => batches,
            Layout::Stream => &[],
        }
    }

    /// What each record batch holds; `None` for streams and files in stores, and if a message is damaged.
    pub(super) fn batch_sizes(&self) -> Option<&[BatchSize]> {
        let sizes = self.batch_sizes.get_or_init(|| {
            let (Layout::File { batches, .. }, Some(_)) = (&self.layout, &self.mapped) else { return None };
            let mut access = self.access().ok()?;
            let size = |block: &Block| {
                let header = read_header(&mut access, block).ok()?;
                Some(BatchSize { rows: header.rows, is_compressed: header.codec.is_some() })
            };
            batches.iter().map(size).collect()
        });
        sizes.as_deref()
    }

    /// Number of rows, if that can be told without reading or fetching them.
    pub(super) fn rows(&self) -> Option<u64> {
        Some(self.batch_sizes()?.iter().map(|size| size.rows as u64).sum())
    }

    /// About how many rows there are, as the first record batch tells if they are not counted. It may have to be fetched, once.
    pub(super) fn estimated_rows(&self) -> Option<u64> {
        self.rows().or_else(|| *self.estimated_rows.get_or_init(|| self.estimate()))
    }

    fn estimate(&self) -> Option<u64> {
        let (rows, bytes) = match &self.layout {
            Layout::File { batches, .. } => match batches.first() {
                Some(block) => (read_header(&mut self.access().ok()?, block).ok()?.rows, block.bytes()),
                None => (0, 1),
            },
            Layout::Stream => {
                let mut stream = self.stream().ok()?;
                match stream.next(self).ok()? {
                    Some(first) => (first.header.rows, stream.position()),
                    None => (0, 1),
                }
            },
        };
        u64::try_from(rows as u128 * u128::from(self.size()) / u128::from(bytes.max(1))).ok()
    }

    /// What a record batch consists of; `None` if that does not arrive within some milliseconds.
    pub(super) fn try_header(&self, access: &mut Access, batch: usize) -> Result<Option<BatchHeader>, IpcError> {
        let block = self.batches().get(batch).ok_or(Damage::Outside { what: "a record batch" });
        let header = block.and_then(|block| match access.try_take(&block.message)? {
            Some(bytes) => batch_header(&bytes).map(Some),
            None => Ok(None),
        });
        header.map_err(|source| IpcError::batch(&self.input, batch, None, source))
    }

    /// What a record batch of a local file consists of.
    pub(super) fn header(&self, batch: usize) -> Result<BatchHeader, IpcError> {
        let block = self.batches().get(batch).ok_or(Damage::Outside { what: "a record batch" });
        let mut access = self.access()?;
        let header = block.and_then(|block| read_header(&mut access, block));
        header.map_err(|source| IpcError::batch(&self.input, batch, None, source))
    }

    /// The dictionaries of a file with a footer, which are read when they are first needed.
    pub(super) fn dictionaries(&self) -> Result<Arc<Dictionaries>, IpcError> {
        let Layout::File { dictionaries: blocks, read, .. } = &self.layout else { return Ok(Arc::default()) };
        let mut read = read.lock();
        if let Some(dictionaries) = &*read {
            return Ok(dictionaries.clone());
        }
        let mut access = self.access()?;
        let found = self.read_dictionaries(&mut access, blocks);
        let found = found.map_err(|source| IpcError::dictionary(&self.input, source))?;
        Ok(read.insert(Arc::new(found)).clone())
    }

    fn read_dictionaries(&self, access: &mut Access, blocks: &[Block]) -> Result<Dictionaries, Damage> {
        let mut dictionaries = Dictionaries::default();
        let ranges = blocks.iter().map(|block| block.message.start..block.body.end);
        access.announce(&ranges.clone().collect::<Vec<_>>())?;
        for (block, range) in blocks.iter().zip(ranges) {
            let bytes = access.take(&range)?;
            let body = usize::try_from(block.body.start - range.start).unwrap_or(usize::MAX).min(bytes.len());
            match message_in(&bytes.clone().sliced(..body))?.kind {
                Kind::Dictionary { id, is_delta, values } => {
                    let body = Body::whole(bytes.sliced(body..), values.codec);
                    dictionaries.insert(&self.columns, id, is_delta, &values, &body)?;
                },
                _ => return Err(Damage::OtherMessage("dictionary")),
            }
        }
        Ok(dictionaries)
    }

    /// The messages of a stream.
    pub(super) fn stream(&self) -> Result<Stream, IpcError> {
        let stream = stream(&self.input, self.mapped.as_ref(), self.size());
        stream.map_err(|source| IpcError::batch(&self.input, 0, None, source))
    }
}

fn access(input: &InputFile, mapped: Option<&Buffer<u8>>) -> Result<Access, IpcError> {
    match mapped {
        Some(bytes) => Ok(Access::Held { start: 0, bytes: bytes.clone() }),
        None => Ok(Access::Ranges(Box::new(input.ranges().map_err(FilesError::from)?))),
    }
}

fn stream(input: &InputFile, mapped: Option<&Buffer<u8>>, size: u64) -> Result<Stream, Damage> {
    let source = match mapped {
        Some(bytes) => Source::Mapped(bytes.clone()),
        None => Source::Stored(Box::new(input.stream()?)),
    };
    Ok(Stream::new(source, size))
}

fn read_header(access: &mut Access, block: &Block) -> Result<BatchHeader, Damage> {
    batch_header(&access.take(&block.message)?)
}

fn batch_header(bytes: &[u8]) -> Result<BatchHeader, Damage> {
    match message_in(bytes)?.kind {
        Kind::Batch(header) => Ok(header),
        _ => Err(Damage::OtherMessage("record batch")),
    }
}

/// The message that stands, behind its length, at the start of `bytes`.
fn message_in(bytes: &[u8]) -> Result<Message, Damage> {
    let message = frame(bytes).ok_or(Damage::Ends)??;
    Ok(read_message(bytes.get(message).ok_or(Damage::Outside { what: "a message" })?)?)
}

fn read_layout(
    access: &mut Access,
    size: u64,
    stream: impl FnOnce() -> Result<Stream, Damage>,
) -> Result<(IpcColumns, Layout), Refused> {
    if size == 0 {
        return Err(Damage::Empty.into());
    }
    let (first, last) = (0..size.min(FIRST), size.saturating_sub(LAST)..size);
    access.announce(&[first.clone(), last.clone()])?;
    let first = access.take(&first)?;
    if first.starts_with(MAGIC) {
        let Footer { columns, dictionaries, batches } = footer(access, last, size)?;
        return Ok((columns, Layout::File { batches, dictionaries, read: Mutex::new(None) }));
    }
    if first.starts_with(FEATHER_1) {
        return Err(Damage::Feather1.into());
    }
    // A length that leads out of the file may be one of a stream that is cut off, or no length at all.
    let message = match stream()?.message() {
        Ok(Some(message)) => message,
        Err(Damage::Store(error)) => return Err(Damage::Store(error).into()),
        _ => return Err(Damage::NotArrow.into()),
    };
    match read_message(&message)? {
        Message { kind: Kind::Schema(columns), body: 0 } => Ok((columns, Layout::Stream)),
        _ => Err(Damage::OtherMessage("schema").into()),
    }
}

/// Reads the footer of a file of `size` bytes, of which the `last` are there.
fn footer(access: &mut Access, last: std::ops::Range<u64>, size: u64) -> Result<Footer, Refused> {
    let tail = access.take(&last)?;
    let behind = tail.len().checked_sub(TAIL).and_then(|start| tail.get(start..));
    let behind = behind.filter(|behind| behind.ends_with(MAGIC)).ok_or(Damage::Ends)?;
    let length = behind.first_chunk().map_or(0, |length| i32::from_le_bytes(*length));
    let end = size - TAIL as u64;
    let start = u64::try_from(length).ok().and_then(|length| end.checked_sub(length));
    let start = start.ok_or(Damage::Length { what: "the length of the footer", found: length.into() })?;
    let bytes = match start.checked_sub(last.start).and_then(|start| usize::try_from(start).ok()) {
        Some(start) => tail.clone().sliced(start..tail.len() - TAIL),
        None => access.take(&(start..end))?,
    };
    read_footer(&bytes, start)
}

//! The bytes of a file from some place on, decompressed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::ahead::Fetched;
use super::error::FilesError;
use super::input_file::InputFile;
use crate::store::{RangeReader, StoreErrorKind};

/// Bytes that are read at once where a file is counted through: what fits the cache, or a request of a store.
const BUFFER: usize = 64 << 10;
const REQUEST: usize = 8 << 20;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// What the first bytes of a file say. Also finds out whether a web server knows ranges.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn of(file: &InputFile) -> Result<Self, FilesError> {
        let mut start = Vec::with_capacity(4);
        match Input::open(file, Self::None, 0)?.read(4, &mut start) {
            Err(FilesError::Store(error)) if error.kind() == StoreErrorKind::Unsupported => {
                file.set_streamed();
                Input::open(file, Self::None, 0)?.read(4, &mut start)?
            },
            read => read?,
        };
        Ok(match start.as_slice() {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            _ => Self::None,
        })
    }
}

/// Reads a file from front to back, from some byte on.
pub(crate) struct Input {
    path: PathBuf,
    bytes: Bytes,
}

enum Bytes {
    Local(File),
    Stored(Box<Stored>),
    Decompressed(Box<dyn Read + Send>),
}

/// A file in a store: what is asked for is fetched, and nothing else.
struct Stored {
    reader: RangeReader,
    /// The place up to which it was read.
    position: u64,
    /// Bytes that were fetched before, and where they begin.
    known: (u64, bytes::Bytes),
}

impl Input {
    /// Opens a file before the byte `offset` of its decompressed bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn open(file: &InputFile, compression: Compression, offset: u64) -> Result<Self, FilesError> {
        let path = file.path();
        match Bytes::open(file, compression, offset) {
            Ok(bytes) => Ok(Self { path, bytes }),
            Err(source) => Err(FilesError::from_io(path, source)),
        }
    }

    /// Opens a file in a store of which a range was fetched.
    pub(crate) fn from_fetched(file: &InputFile, fetched: Fetched, offset: u64) -> Self {
        let Fetched { reader, start, bytes } = fetched;
        let stored = Stored { reader, position: offset, known: (start, bytes) };
        Self { path: file.path(), bytes: Bytes::Stored(Box::new(stored)) }
    }

    /// Appends so many bytes, or fewer if the file ends before.
    ///
    /// # Errors
    /// The file cannot be read or decompressed.
    pub(crate) fn read(&mut self, bytes: usize, to: &mut Vec<u8>) -> Result<usize, FilesError> {
        self.bytes.read(bytes, to).map_err(|source| FilesError::from_io(self.path.clone(), source))
    }

    /// Newlines in the next `bytes` bytes of it.
    ///
    /// # Errors
    /// The file cannot be read or decompressed.
    pub(crate) fn count_lines(mut self, bytes: u64) -> Result<u64, FilesError> {
        let mut buffer = Vec::new();
        let (mut lines, mut left) = (0, bytes);
        while left > 0 {
            buffer.clear();
            let read = self.read(self.bytes.step().min(usize::try_from(left).unwrap_or(usize::MAX)), &mut buffer)?;
            if read == 0 {
                break;
            }
            left -= read as u64;
            lines += buffer.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        Ok(lines)
    }
}

impl Bytes {
    fn open(file: &InputFile, compression: Compression, offset: u64) -> io::Result<Self> {
        let mut bytes: Box<dyn Read + Send> = match (compression, file.local_path()) {
            (Compression::None, Some(path)) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                return Ok(Self::Local(file));
            },
            (Compression::None, None) if !file.is_streamed() => {
                let known = (0, file.whole().unwrap_or_default());
                return Ok(Self::Stored(Box::new(Stored { reader: file.ranges()?, position: offset, known })));
            },
            (compression, Some(path)) => decompress(File::open(path)?, compression)?,
            (compression, None) => match file.whole() {
                Some(whole) => decompress(io::Cursor::new(whole), compression)?,
                None => decompress(file.stream()?, compression)?,
            },
        };
        io::copy(&mut bytes.by_ref().take(offset), &mut io::sink())?;
        Ok(Self::Decompressed(bytes))
    }

    fn read(&mut self, bytes: usize, to: &mut Vec<u8>) -> io::Result<usize> {
        let from: &mut dyn Read = match self {
            Self::Local(file) => file,
            Self::Decompressed(bytes) => bytes,
            Self::Stored(stored) => return stored.read(bytes, to),
        };
        to.reserve(bytes);
        from.take(bytes as u64).read_to_end(to)
    }

    /// Bytes that are read at once where a file is counted through.
    fn step(&self) -> usize {
        match self {
            Self::Stored(_) => REQUEST,
            Self::Local(_) | Self::Decompressed(_) => BUFFER,
        }
    }
}

impl Stored {
    fn read(&mut self, bytes: usize, to: &mut Vec<u8>) -> io::Result<usize> {
        let before = to.len();
        let end = self.reader.size().min(self.position.saturating_add(bytes as u64));
        if to.is_empty() && self.position == self.known.0 && self.known.1.len() <= bytes {
            // Without a copy, as nobody else holds the bytes.
            *to = std::mem::take(&mut self.known.1).into();
            self.position += to.len() as u64;
        }
        let (start, known) = &self.known;
        if let Some(from) = self.position.checked_sub(*start).map(|from| from as usize) {
            let known = known.get(from..known.len().min(from + bytes)).unwrap_or_default();
            to.extend_from_slice(known);
            self.position += known.len() as u64;
        }
        if self.position < end {
            to.extend_from_slice(&self.reader.take(self.position..end)?);
            self.position = end;
        }
        Ok(to.len() - before)
    }
}

fn decompress(bytes: impl Read + Send + 'static, compression: Compression) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::None => Box::new(bytes),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(bytes))),
        Compression::Zstd => Box::new(zstd::Decoder::new(bytes)?),
    })
}

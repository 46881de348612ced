//! The bytes of a file, decompressed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// What the first bytes of a file say.
    pub(super) fn of_bytes(path: &Path) -> io::Result<Self> {
        let mut start = Vec::with_capacity(4);
        File::open(path)?.take(4).read_to_end(&mut start)?;
        Ok(match start.as_slice() {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            _ => Self::None,
        })
    }
}

/// Reads a file from some byte on.
pub(super) struct Input(Box<dyn Read + Send>);

impl Input {
    /// Opens a file before the byte `offset` of its decompressed bytes.
    pub(super) fn open(path: &Path, compression: Compression, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut bytes: Box<dyn Read + Send> = match compression {
            Compression::None => {
                file.seek(SeekFrom::Start(offset))?;
                return Ok(Self(Box::new(file)));
            },
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))),
            Compression::Zstd => Box::new(zstd::Decoder::new(file)?),
        };
        io::copy(&mut bytes.by_ref().take(offset), &mut io::sink())?;
        Ok(Self(bytes))
    }

    /// Appends so many bytes, or fewer if the file ends before.
    pub(super) fn read(&mut self, bytes: usize, to: &mut Vec<u8>) -> io::Result<usize> {
        to.reserve(bytes);
        self.0.by_ref().take(bytes as u64).read_to_end(to)
    }

    /// Newlines in the first `bytes` bytes of it.
    pub(super) fn count_lines(mut self, bytes: u64) -> io::Result<u64> {
        let mut bytes = self.0.by_ref().take(bytes);
        let mut buffer = vec![0; 64 * 1024];
        let mut lines = 0;
        loop {
            let read = bytes.read(&mut buffer)?;
            if read == 0 {
                return Ok(lines);
            }
            lines += buffer.iter().take(read).filter(|byte| **byte == b'\n').count() as u64;
        }
    }
}

//! Where the text of a CSV file goes: to the file, or through a compressor.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;

use super::options::CsvCompression;
use crate::csv::error::CsvError;

impl CsvCompression {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Uncompressed => "csv",
            Self::Gzip(_) => "csv.gz",
            Self::Zstd(_) => "csv.zst",
        }
    }

    /// What the name of a file says; `None` for a directory.
    fn by_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let all = [Self::Uncompressed, Self::Gzip(6), Self::Zstd(3)];
        all.into_iter().find(|compression| {
            name.strip_suffix(compression.extension()).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
        })
    }

    /// How files at `path` are compressed.
    ///
    /// # Errors
    /// A single file with the name of another compression; a level that does not exist.
    pub(super) fn choose(asked: Option<Self>, path: &Path) -> Result<Self, CsvError> {
        let named = Self::by_name(path);
        let chosen = asked.or(named).unwrap_or(Self::Uncompressed);
        let wrong = |reason| Err(CsvError::Options { reason });
        match chosen {
            Self::Gzip(level) if level > 9 => wrong(format!("gzip has levels from 0 to 9, not {level}")),
            Self::Zstd(level) if !(1..=22).contains(&level) => {
                wrong(format!("ZSTD has levels from 1 to 22, not {level}"))
            },
            _ if named.is_some_and(|named| named.extension() != chosen.extension()) => {
                let (path, extension) = (path.display(), chosen.extension());
                wrong(format!("`{path}` does not end in `.{extension}`: give it another name or another compression"))
            },
            chosen => Ok(chosen),
        }
    }
}

/// Text on its way to a file.
pub(super) enum Compressor {
    None(Box<dyn Write>),
    Gzip(GzEncoder<Box<dyn Write>>),
    Zstd(zstd::Encoder<'static, Box<dyn Write>>),
}

impl Compressor {
    pub(super) fn new(compression: CsvCompression, file: Box<dyn Write>) -> io::Result<Self> {
        Ok(match compression {
            CsvCompression::Uncompressed => Self::None(file),
            CsvCompression::Gzip(level) => Self::Gzip(GzEncoder::new(file, flate2::Compression::new(level))),
            CsvCompression::Zstd(level) => Self::Zstd(zstd::Encoder::new(file, level)?),
        })
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Writes what the compressor holds back.
    pub(super) fn finish(self) -> io::Result<()> {
        let mut file = match self {
            Self::None(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        file.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn names_and_options_agree() {
        use CsvCompression as C;
        for (asked, path, chosen) in [
            (None, "a/t.csv", C::Uncompressed),
            (None, "a/t.CSV.GZ", C::Gzip(6)),
            (None, "t.csv.zst", C::Zstd(3)),
            (None, "a/t", C::Uncompressed),
            (None, "a/.csv.gz", C::Uncompressed),
            (Some(C::Zstd(9)), "a/t", C::Zstd(9)),
            (Some(C::Gzip(1)), "t.csv.gz", C::Gzip(1)),
        ] {
            assert_eq!(C::choose(asked, Path::new(path)).unwrap(), chosen, "{path}");
        }
        for (asked, path) in
            [(C::Gzip(6), "t.csv"), (C::Uncompressed, "t.csv.gz"), (C::Gzip(10), "t"), (C::Zstd(0), "t")]
        {
            assert!(matches!(C::choose(Some(asked), Path::new(path)), Err(CsvError::Options { .. })), "{path}");
        }
    }
}

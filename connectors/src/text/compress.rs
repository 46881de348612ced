//! Where the text of a file goes: to the file, or through a compressor.

use std::io::{self, Write};
use std::path::Path;

use flate2::write::GzEncoder;

/// How a file of text is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextCompression {
    /// Not at all: `.csv`, `.ndjson`.
    Uncompressed,
    /// Gzip of a level from 0 (none) to 9 (small): `.csv.gz`, `.ndjson.gz`.
    Gzip(u32),
    /// ZSTD of a level from 1 (fast) to 22 (small): `.csv.zst`, `.ndjson.zst`.
    Zstd(i32),
}

/// What the names of files end in: plain, with gzip, with ZSTD.
pub(crate) type Extensions = [&'static str; 3];

impl TextCompression {
    fn extension(self, extensions: &Extensions) -> &'static str {
        let [plain, gzip, zstd] = *extensions;
        match self {
            Self::Uncompressed => plain,
            Self::Gzip(_) => gzip,
            Self::Zstd(_) => zstd,
        }
    }

    /// What the name of a file says; `None` for a directory.
    fn by_name(path: &Path, extensions: &[Extensions]) -> Option<(Self, Extensions)> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let all = [Self::Uncompressed, Self::Gzip(6), Self::Zstd(3)];
        let mut all = extensions.iter().flat_map(|extensions| all.map(|compression| (compression, *extensions)));
        all.find(|(compression, extensions)| {
            let stem = name.strip_suffix(compression.extension(extensions));
            stem.is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'))
        })
    }

    /// How files at `path` are compressed, and what their names end in: one of some extensions, the first in a directory.
    ///
    /// # Errors
    /// A single file with the name of another compression; a level that does not exist.
    pub(crate) fn choose(
        asked: Option<Self>,
        path: &Path,
        extensions: &[Extensions],
    ) -> Result<(Self, &'static str), String> {
        let named = Self::by_name(path, extensions);
        let chosen = asked.or(named.map(|(compression, _)| compression)).unwrap_or(Self::Uncompressed);
        let extensions = named.map(|(_, extensions)| extensions).or(extensions.first().copied()).unwrap_or_default();
        let extension = chosen.extension(&extensions);
        match chosen {
            Self::Gzip(level) if level > 9 => Err(format!("gzip has levels from 0 to 9, not {level}")),
            Self::Zstd(level) if !(1..=22).contains(&level) => {
                Err(format!("ZSTD has levels from 1 to 22, not {level}"))
            },
            _ if named.is_some_and(|(named, _)| named.extension(&extensions) != extension) => {
                let path = path.display();
                Err(format!("`{path}` does not end in `.{extension}`: give it another name or another compression"))
            },
            chosen => Ok((chosen, extension)),
        }
    }
}

/// Text on its way to a file.
pub(crate) enum Compressor {
    None(Box<dyn Write>),
    Gzip(GzEncoder<Box<dyn Write>>),
    Zstd(zstd::Encoder<'static, Box<dyn Write>>),
}

impl Compressor {
    pub(crate) fn new(compression: TextCompression, file: Box<dyn Write>) -> io::Result<Self> {
        Ok(match compression {
            TextCompression::Uncompressed => Self::None(file),
            TextCompression::Gzip(level) => Self::Gzip(GzEncoder::new(file, flate2::Compression::new(level))),
            TextCompression::Zstd(level) => Self::Zstd(zstd::Encoder::new(file, level)?),
        })
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Writes what the compressor holds back.
    pub(crate) fn finish(self) -> io::Result<()> {
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

    const EXTENSIONS: &[Extensions] = &[["csv", "csv.gz", "csv.zst"], ["txt", "txt.gz", "txt.zst"]];

    #[test]
    fn names_and_options_agree() {
        use TextCompression as C;
        for (asked, path, chosen, extension) in [
            (None, "a/t.csv", C::Uncompressed, "csv"),
            (None, "a/t.CSV.GZ", C::Gzip(6), "csv.gz"),
            (None, "t.csv.zst", C::Zstd(3), "csv.zst"),
            (None, "t.txt.zst", C::Zstd(3), "txt.zst"),
            (None, "a/t", C::Uncompressed, "csv"),
            (None, "a/.csv.gz", C::Uncompressed, "csv"),
            (Some(C::Zstd(9)), "a/t", C::Zstd(9), "csv.zst"),
            (Some(C::Gzip(1)), "t.csv.gz", C::Gzip(1), "csv.gz"),
            (Some(C::Gzip(1)), "t.txt.gz", C::Gzip(1), "txt.gz"),
        ] {
            assert_eq!(C::choose(asked, Path::new(path), EXTENSIONS).unwrap(), (chosen, extension), "{path}");
        }
        for (asked, path) in [
            (C::Gzip(6), "t.csv"),
            (C::Gzip(6), "t.txt"),
            (C::Uncompressed, "t.csv.gz"),
            (C::Gzip(10), "t"),
            (C::Zstd(0), "t"),
        ] {
            assert!(C::choose(Some(asked), Path::new(path), EXTENSIONS).is_err(), "{path}");
        }
    }
}

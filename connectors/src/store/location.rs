//! Where files are.

use std::fmt;
use std::path::{Path, PathBuf};

use object_store::path::Path as ObjectPath;
use url::Url;

use super::error::{HIDDEN_QUERY, StoreError};
use super::glob::is_glob;

/// The kinds of stores behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    S3,
    Google,
    Azure,
    Http,
    Memory,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Local(PathBuf),
    Remote {
        scheme: Scheme,
        /// Scheme and bucket or host: `s3://bucket`.
        root: String,
        /// The name below it, as the store knows it (nothing in it is percent-encoded).
        key: String,
        /// What follows the `?` of an HTTP address; it may be a signature and is never shown.
        query: Option<String>,
    },
}

/// A file, a directory (a common prefix of keys) or a glob, on a local disk or in a store.
///
/// Plain paths and `file://` are local. `s3://bucket/key` (also `s3a://`), `gs://bucket/key`, `az://container/key` (also
/// `azure://`, `adl://`, `abfs://`, `abfss://`, with or without `container@account.host`) and `memory://name/key` take
/// the key literally: nothing in it is percent-decoded. `http://` and `https://` are URLs as everywhere, with a query.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Location {
    pub(super) place: Place,
}

const AZURE: [&str; 5] = ["az", "azure", "adl", "abfs", "abfss"];

const PARSE: &str = "use the location";

impl Location {
    /// Reads a path or an address.
    ///
    /// # Errors
    ///
    /// An unknown scheme, an address without a bucket or host, a key that no store can hold (an empty segment as in `a//b`,
    /// `.` or `..`, control characters).
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
            return match text.is_empty() {
                true => Err(StoreError::invalid(PARSE, text, "it is empty: name a file, a directory or an address")),
                false => Ok(Self::from(Path::new(text))),
            };
        };
        let scheme = scheme.to_ascii_lowercase();
        // Also refused, and never shown: what a password may be part of. Azure has its account there.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        if authority.contains('@') && !AZURE.contains(&scheme.as_str()) {
            let reason = "credentials belong into the options or the environment, not into an address";
            return Err(StoreError::invalid(PARSE, format!("{scheme}://…"), reason));
        }
        let kind = match scheme.as_str() {
            "file" => return local(text, rest),
            "http" | "https" => return http(text),
            "s3" | "s3a" => Scheme::S3,
            "gs" => Scheme::Google,
            azure if AZURE.contains(&azure) => Scheme::Azure,
            "memory" => Scheme::Memory,
            _ => {
                let reason = format!(
                    "the scheme `{scheme}` is not known: use a path, `file://`, `s3://`, `gs://`, `az://`, `abfss://`, \
                     `http://`, `https://` or `memory://`"
                );
                return Err(StoreError::invalid(PARSE, text, reason));
            },
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() && kind != Scheme::Memory {
            return Err(StoreError::invalid(
                PARSE,
                text,
                format!("it names no bucket: write `{scheme}://bucket/name`"),
            ));
        }
        let place =
            Place::Remote { scheme: kind, root: format!("{scheme}://{bucket}"), key: key.to_owned(), query: None };
        Self { place }.checked()
    }

    fn checked(self) -> Result<Self, StoreError> {
        self.object_path()?;
        Ok(self)
    }

    /// The path of a local file, directory or glob.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.place {
            Place::Local(path) => Some(path),
            Place::Remote { .. } => None,
        }
    }

    /// The name below the bucket or host; the whole path of a local file.
    pub fn key(&self) -> std::borrow::Cow<'_, str> {
        match &self.place {
            Place::Local(path) => path.to_string_lossy(),
            Place::Remote { key, .. } => key.into(),
        }
    }

    /// Its path, or its address in the form of one, for messages and for columns that name files.
    pub(crate) fn to_path(&self) -> PathBuf {
        self.as_path().map_or_else(|| self.to_string().into(), Path::to_owned)
    }

    /// Whether its name holds characters of a pattern.
    pub(crate) fn is_glob(&self) -> bool {
        is_glob(&self.key())
    }

    /// A file below this directory.
    pub fn join(&self, name: &str) -> Self {
        let place = match &self.place {
            Place::Local(path) => Place::Local(path.join(name)),
            Place::Remote { scheme, root, key, query } => {
                let key = match key.trim_end_matches('/') {
                    "" => name.to_owned(),
                    directory => format!("{directory}/{name}"),
                };
                Place::Remote { scheme: *scheme, root: root.clone(), key, query: query.clone() }
            },
        };
        Self { place }
    }

    /// Another key of the same store.
    pub(super) fn with_key(&self, path: &ObjectPath) -> Self {
        let place = match &self.place {
            Place::Local(_) => Place::Local(PathBuf::from(path.as_ref())),
            Place::Remote { scheme, root, query, .. } => Place::Remote {
                scheme: *scheme,
                root: root.clone(),
                key: path.as_ref().to_owned(),
                query: query.clone(),
            },
        };
        Self { place }
    }

    pub(super) fn object_path(&self) -> Result<ObjectPath, StoreError> {
        ObjectPath::parse(&*self.key()).map_err(|source| {
            let reason = format!("no store can hold a file of this name: {source}");
            StoreError::invalid(PARSE, self, reason)
        })
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self { place: Place::Local(path.to_owned()) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Local(path) => path.display().fmt(f),
            Place::Remote { root, key, query, .. } => {
                write!(f, "{root}/{key}{}", query.as_ref().map_or("", |_| HIDDEN_QUERY))
            },
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// A letter and more: a single letter is a drive of Windows.
fn is_scheme(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

fn local(text: &str, rest: &str) -> Result<Location, StoreError> {
    // In a path these are letters (and `?` part of a glob); the URL parser would take them for a query and a fragment.
    let address = format!("file://{}", rest.replace('?', "%3F").replace('#', "%23"));
    match Url::parse(&address).ok().and_then(|url| url.to_file_path().ok()) {
        Some(path) => Ok(Location::from(path.as_path())),
        None => Err(StoreError::invalid(PARSE, text, "write `file:///` and an absolute path")),
    }
}

fn http(text: &str) -> Result<Location, StoreError> {
    // The address is shown without its query from the first message on.
    let shown = text.split_once('?').map_or(text.to_owned(), |(address, _)| format!("{address}{HIDDEN_QUERY}"));
    let url = Url::parse(text).map_err(|source| StoreError::invalid(PARSE, &shown, source.to_string()))?;
    let key = ObjectPath::from_url_path(url.path())
        .map_err(|source| StoreError::invalid(PARSE, &shown, source.to_string()))?;
    let root = url[..url::Position::BeforePath].to_owned();
    let place = Place::Remote { scheme: Scheme::Http, root, key: key.into(), query: url.query().map(str::to_owned) };
    Ok(Location { place })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::store::StoreErrorKind;

    fn remote(text: &str) -> (Scheme, String, String) {
        match Location::parse(text).unwrap().place {
            Place::Remote { scheme, root, key, .. } => (scheme, root, key),
            Place::Local(path) => unreachable!("{path:?}"),
        }
    }

    #[test]
    fn addresses_are_cut_into_root_and_key() {
        let cases = [
            ("s3://b/a/*.parquet", Scheme::S3, "s3://b", "a/*.parquet"),
            ("S3A://b", Scheme::S3, "s3a://b", ""),
            ("s3://b/a%20b #?.csv", Scheme::S3, "s3://b", "a%20b #?.csv"),
            ("gs://b/x/", Scheme::Google, "gs://b", "x/"),
            ("az://c/x", Scheme::Azure, "az://c", "x"),
            ("abfss://c@a.dfs.core.windows.net/x/y", Scheme::Azure, "abfss://c@a.dfs.core.windows.net", "x/y"),
            ("memory:///x", Scheme::Memory, "memory://", "x"),
            ("https://h:81/a%20b/c.csv?s=1", Scheme::Http, "https://h:81", "a b/c.csv"),
        ];
        for (text, scheme, root, key) in cases {
            assert_eq!(remote(text), (scheme, root.to_owned(), key.to_owned()), "{text}");
        }
    }

    #[test]
    fn plain_paths_and_file_addresses_are_local() {
        let cases = [
            ("data/*.csv", "data/*.csv"),
            ("/a b/[x]?.csv", "/a b/[x]?.csv"),
            ("C:\\x", "C:\\x"),
            ("file:///a%20b/{x,y}?.csv", "/a b/{x,y}?.csv"),
            ("FILE:///a#b", "/a#b"),
            ("a://b", "a://b"),
        ];
        for (text, path) in cases {
            assert_eq!(Location::parse(text).unwrap().as_path(), Some(Path::new(path)), "{text}");
        }
    }

    #[test]
    fn bad_addresses_are_refused_with_a_reason() {
        let cases = [
            ("", "empty"),
            ("s3://", "names no bucket"),
            ("s3:///x", "names no bucket"),
            ("ftp://h/x", "the scheme `ftp` is not known"),
            ("s3://b/a//b", "no store can hold"),
            ("s3://b/a/../b", "no store can hold"),
            ("file://x", "absolute path"),
            ("http://", "empty host"),
        ];
        for (text, reason) in cases {
            let error = Location::parse(text).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Invalid);
            let text = format!("{error:?}");
            assert!(text.contains(reason), "{text}");
        }
    }

    #[test]
    fn a_query_is_kept_but_never_shown() {
        let location = Location::parse("https://h/x?sig=secret").unwrap();
        assert_eq!(format!("{location} {location:?}"), "https://h/x?… `https://h/x?…`");
        let error = Location::parse("https://[h/x?sig=secret").unwrap_err();
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_not_shown() {
        for text in ["https://me:hush@h/x", "s3://key:hush@b/x", "http://hush@[h"] {
            let error = Location::parse(text).unwrap_err();
            assert!(format!("{error:?}").contains("credentials belong"), "{error}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
        assert!(Location::parse("http://h/@x").is_ok());
    }

    #[test]
    fn names_are_joined_below_a_directory() {
        for (directory, joined) in [("s3://b", "s3://b/f"), ("s3://b/d/", "s3://b/d/f"), ("/d", "/d/f")] {
            assert_eq!(Location::parse(directory).unwrap().join("f").to_string(), joined);
        }
    }
}

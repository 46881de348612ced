//! What can go wrong with a store.

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::Range;

use object_store::client::{HttpError, HttpErrorKind};

use super::tls::Refused;

/// What a failure means for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no such file, prefix or bucket.
    NotFound,
    /// The credentials are missing, wrong, expired or do not allow this.
    Permission,
    /// The certificate of the server is not trusted, expired, or for another name.
    Untrusted,
    /// The store did not answer in time, however often it was asked.
    Timeout,
    /// The file is no longer the one that was listed or opened.
    Changed,
    /// The file exists and must not be replaced.
    AlreadyExists,
    /// The store cannot do this.
    Unsupported,
    /// A location, an option or a range is wrong.
    Invalid,
    /// Anything else: the source says what.
    Other,
}

/// A failed operation on a store: what was done to which file and what to do; its source says why it failed.
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    action: &'static str,
    url: String,
    range: Option<Range<u64>>,
    attempts: u32,
    source: Option<Reason>,
}

impl StoreError {
    /// `action` is what was tried, as the words after "cannot".
    pub(super) fn new(kind: StoreErrorKind, action: &'static str, url: impl fmt::Display) -> Self {
        Self { kind, action, url: url.to_string(), range: None, attempts: 0, source: None }
    }

    /// A file that is another one now.
    pub(crate) fn changed(url: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Changed, "read", url)
    }

    pub(super) fn invalid(action: &'static str, url: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Invalid, action, url).because(Reason(reason.into()))
    }

    /// An error whose kind follows from its source.
    pub(super) fn from_source(
        action: &'static str,
        url: impl fmt::Display,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        let (kind, _) = classify(&source);
        Self::new(kind, action, url).because(source)
    }

    pub(super) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        // The errors of `object_store` repeat their sources: the chain is flattened, each part once.
        let text = chain(&source);
        // It names the address of a request, with a query that may be a signature.
        self.source = Some(Reason(match self.url.ends_with(HIDDEN_QUERY) {
            true => without_queries(&text),
            false => text,
        }));
        self
    }

    pub(super) fn at(mut self, range: Range<u64>) -> Self {
        self.range = Some(range);
        self
    }

    pub(super) fn after(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// What the failure means.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The file, directory or glob, without secrets.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bytes that were asked for.
    pub fn range(&self) -> Option<&Range<u64>> {
        self.range.as_ref()
    }

    /// How many requests were sent; 0 where they were not counted.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// Stands for the query of an address, which may hold a signature.
pub(super) const HIDDEN_QUERY: &str = "?…";

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} `{}`", self.action, self.url)?;
        if let Some(range) = &self.range {
            write!(f, " (bytes {} to {})", range.start, range.end)?;
        }
        if self.attempts > 1 {
            write!(f, " after {} attempts", self.attempts)?;
        }
        f.write_str(match self.kind {
            StoreErrorKind::NotFound => ": it does not exist; check the bucket, the name and the endpoint",
            StoreErrorKind::Permission => {
                ": access was refused; check the credentials in the options, the environment or the profile, their \
                 rights, the region and the endpoint"
            },
            StoreErrorKind::Untrusted => {
                ": the certificate of the server is not trusted; add that of its issuer to the system's, or name a file with \
                 all that are to be trusted in the environment variable `SSL_CERT_FILE`; where nothing is secret, the option \
                 `allow_invalid_certificates` trusts every server"
            },
            StoreErrorKind::Timeout => {
                ": the store did not answer in time; check the endpoint and the network, or raise the options `timeout`, \
                 `connect_timeout` or `max_retries`"
            },
            StoreErrorKind::Changed => {
                ": the file was replaced while it was read; run the query again, or write new data under new names"
            },
            StoreErrorKind::AlreadyExists => ": it exists already; choose another name, or allow it to be replaced",
            StoreErrorKind::Unsupported => ": the store cannot do this",
            StoreErrorKind::Invalid | StoreErrorKind::Other => "",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

impl StoreError {
    /// The nearest kind that the operating system has.
    pub(crate) fn io_kind(&self) -> io::ErrorKind {
        match self.kind {
            StoreErrorKind::NotFound => io::ErrorKind::NotFound,
            StoreErrorKind::Permission => io::ErrorKind::PermissionDenied,
            StoreErrorKind::Timeout => io::ErrorKind::TimedOut,
            StoreErrorKind::AlreadyExists => io::ErrorKind::AlreadyExists,
            StoreErrorKind::Unsupported => io::ErrorKind::Unsupported,
            StoreErrorKind::Invalid => io::ErrorKind::InvalidInput,
            StoreErrorKind::Untrusted | StoreErrorKind::Changed | StoreErrorKind::Other => io::ErrorKind::Other,
        }
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        Self::new(error.io_kind(), error)
    }
}

/// A reason in words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Reason(pub(super) String);

/// What an error means, and whether the same request may succeed later.
pub(super) fn classify(error: &(dyn Error + 'static)) -> (StoreErrorKind, bool) {
    use object_store::Error as E;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<E>() {
            match error {
                E::NotFound { .. } => return (StoreErrorKind::NotFound, false),
                E::PermissionDenied { .. } | E::Unauthenticated { .. } => return (StoreErrorKind::Permission, false),
                E::Precondition { .. } | E::NotModified { .. } => return (StoreErrorKind::Changed, false),
                E::AlreadyExists { .. } => return (StoreErrorKind::AlreadyExists, false),
                E::NotSupported { .. } | E::NotImplemented { .. } => return (StoreErrorKind::Unsupported, false),
                E::InvalidPath { .. } | E::UnknownConfigurationKey { .. } => return (StoreErrorKind::Invalid, false),
                _ => {},
            }
        } else if let Some(error) = error.downcast_ref::<HttpError>() {
            return match (error.kind(), error.source().and_then(|source| source.downcast_ref())) {
                (_, Some(Refused::Certificate(_))) => (StoreErrorKind::Untrusted, false),
                (_, Some(Refused::Protocol(_))) => (StoreErrorKind::Other, false),
                (HttpErrorKind::Timeout, None) => (StoreErrorKind::Timeout, true),
                (_, None) => (StoreErrorKind::Other, true),
            };
        } else if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::NotFound => (StoreErrorKind::NotFound, false),
                io::ErrorKind::PermissionDenied => (StoreErrorKind::Permission, false),
                io::ErrorKind::AlreadyExists => (StoreErrorKind::AlreadyExists, false),
                io::ErrorKind::TimedOut => (StoreErrorKind::Timeout, true),
                _ => (StoreErrorKind::Other, false),
            };
        }
        next = error.source();
    }
    // `object_store` keeps these errors to itself: their text is the only sign of them.
    let text = error.to_string();
    match status(&text) {
        Some(408 | 429 | 500..=599) => (StoreErrorKind::Other, true),
        Some(401 | 403) => (StoreErrorKind::Permission, false),
        Some(404 | 410) => (StoreErrorKind::NotFound, false),
        // 416: the range lies behind the end of what is there now.
        Some(412 | 416) => (StoreErrorKind::Changed, false),
        // S3 says so of keys and tokens that it does not know or that are too old.
        Some(400) if text.contains("Token") => (StoreErrorKind::Permission, false),
        None if text.contains("non-partial response") => (StoreErrorKind::Unsupported, false),
        _ => (StoreErrorKind::Other, false),
    }
}

/// The status of an HTTP answer that an error speaks of.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = error.source();
    }
    text
}

/// Cuts every query out of a text: from a `?` to the next character that no query contains.
fn without_queries(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('?') {
        kept.push_str(&rest[..start]);
        kept.push_str(HIDDEN_QUERY);
        let query = &rest[start + 1..];
        let end = query.find(|c: char| c.is_whitespace() || "\"'()<>`".contains(c)).unwrap_or(query.len());
        rest = &query[end..];
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_address_stays_secret() {
        let error = StoreError::new(StoreErrorKind::Other, "read", "https://h/x?…")
            .because(Reason("GET https://h/x?sig=s3cr%3Dt&a=1 failed (https://h/x?sig=s3cret)".into()));
        let text = format!("{error} {error:?} {}", error.source().map(ToString::to_string).unwrap_or_default());
        assert!(!text.contains("s3cr"), "{text}");
        assert!(text.contains("failed"), "{text}");
    }

    #[test]
    fn the_message_says_what_where_and_how_often() {
        let error = StoreError::new(StoreErrorKind::NotFound, "read", "s3://b/k").at(5..9).after(3);
        let text = error.to_string();
        assert!(
            text.starts_with("cannot read `s3://b/k` (bytes 5 to 9) after 3 attempts: it does not exist"),
            "{text}"
        );
    }
}

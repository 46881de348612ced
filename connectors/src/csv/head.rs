//! The start of a file: what comes before its rows, and its first rows.

use std::borrow::Cow;

use polars_core::prelude::{PlHashMap, PlHashSet};
use polars_utils::pl_str::PlSmallStr;

use super::error::CsvError;
use super::options::CsvOptions;
use super::quotes::unquote;
use super::structure::{Dialect, PADDING, Places, is_comment, scan};
use crate::files::{Compression, Input, InputFile};

/// What UTF-8 files of some systems start with.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Bytes that are read at first.
const FIRST: usize = 64 * 1024;

/// The start of a file.
#[derive(Debug)]
pub(super) struct Head {
    /// The names in its header, if it has one.
    pub(super) names: Option<Vec<PlSmallStr>>,
    /// Fields of the header, or of the first row; 0 if there is none.
    pub(super) fields: usize,
    /// Bytes before the first row.
    pub(super) start: u64,
    /// Fields of the first rows, as they stand in the file.
    pub(super) rows: Vec<Vec<Vec<u8>>>,
    /// Bytes of the first rows.
    pub(super) bytes: u64,
}

/// Reads the start of a file and up to `rows` of its rows, all if `None`.
pub(super) fn read_head(
    file: &InputFile,
    compression: Compression,
    options: &CsvOptions,
    dialect: &Dialect,
    rows: Option<usize>,
) -> Result<Head, CsvError> {
    let mut input = Input::open(file, compression, 0)?;
    let mut bytes = Vec::new();
    let mut wanted = FIRST;
    loop {
        let read = input.read(wanted, &mut bytes)?;
        let is_end = read < wanted;
        let length = bytes.len();
        bytes.resize(length + PADDING, 0);
        let found = find_head(&mut bytes, length, is_end, options, dialect, rows);
        bytes.truncate(length);
        if let Some(head) = found {
            let names = head.names.map(|names| unique(names, file)).transpose()?;
            return Ok(Head { names, ..head });
        }
        wanted = 3 * length;
    }
}

/// The start of a file of which the first `length` bytes are known; `None` if they are too few.
fn find_head(
    bytes: &mut [u8],
    length: usize,
    is_end: bool,
    options: &CsvOptions,
    dialect: &Dialect,
    wanted: Option<usize>,
) -> Option<Head> {
    let start = if bytes.starts_with(MARK) { MARK.len() } else { 0 };
    let mut places = Places::default();
    let is_quoted = scan(bytes, start..length, dialect, false, &mut places).is_quoted;
    let ends_in_row = places.as_slice().last().map_or(start, |end| *end as usize + 1) < length;
    if is_end && (is_quoted || ends_in_row || bytes.get(length.wrapping_sub(1)) != Some(&b'\n')) {
        // The row that the end of the file ends.
        places.push(length as u32);
        if let Some(byte) = bytes.get_mut(length) {
            *byte = b'\n';
        }
    }
    let mut head = Head { names: None, fields: 0, start: start as u64, rows: Vec::new(), bytes: 0 };
    let mut row = Vec::new();
    let (mut field_start, mut row_start) = (start, start);
    let mut rows_before = options.skip_rows;
    let mut is_header = options.has_header;
    for end in places.as_slice() {
        let end = *end as usize;
        row.push(bytes.get(field_start..end)?);
        field_start = end + 1;
        if bytes.get(end) != Some(&b'\n') {
            continue;
        }
        let mut fields = std::mem::take(&mut row);
        let next = (end + 1).min(length);
        let this = std::mem::replace(&mut row_start, next);
        if let Some(last) = fields.last_mut() {
            *last = last.strip_suffix(b"\r").unwrap_or(last);
        }
        let is_comment = dialect.comment.as_ref().is_some_and(|prefix| is_comment(bytes, this, prefix));
        let is_blank = fields.len() == 1 && fields.iter().all(|field| field.is_empty());
        if rows_before > 0 {
            rows_before -= usize::from(!is_comment);
            head.start = next as u64;
        } else if is_header {
            if !is_comment && !is_blank {
                is_header = false;
                head.fields = fields.len();
                head.names = Some(fields.iter().map(|field| name(field, dialect)).collect());
            }
            head.start = next as u64;
        } else if this < length && !is_comment && !(is_blank && head.fields != 1) {
            if wanted.is_some_and(|wanted| head.rows.len() >= wanted) && head.fields > 0 {
                return Some(head);
            }
            if head.fields == 0 {
                head.fields = fields.len();
            }
            if wanted.is_none_or(|wanted| head.rows.len() < wanted) {
                head.bytes += (next - this) as u64;
                head.rows.push(fields.iter().map(|field| field.to_vec()).collect());
            }
        }
    }
    let is_enough = head.fields > 0 && wanted.is_some_and(|wanted| head.rows.len() >= wanted);
    (is_end || is_enough).then_some(head)
}

fn name(field: &[u8], dialect: &Dialect) -> PlSmallStr {
    let text = unquote(field, dialect.quote).unwrap_or(Cow::Borrowed(field));
    PlSmallStr::from_str(&String::from_utf8_lossy(&text))
}

/// The names, of which those that were there before have a suffix, as in Polars.
fn unique(names: Vec<PlSmallStr>, file: &InputFile) -> Result<Vec<PlSmallStr>, CsvError> {
    let mut seen: PlHashMap<PlSmallStr, usize> = PlHashMap::default();
    let mut result: Vec<PlSmallStr> = Vec::with_capacity(names.len());
    for name in names {
        let before = seen.entry(name.clone()).or_default();
        let renamed = match *before {
            0 => name.clone(),
            before => PlSmallStr::from_string(format!("{name}_duplicated_{}", before - 1)),
        };
        *before += 1;
        result.push(renamed);
    }
    let mut all = PlHashSet::default();
    match result.iter().find(|name| !all.insert((*name).clone())) {
        Some(name) => Err(CsvError::DuplicateColumn { path: file.path(), column: name.to_string() }),
        None => Ok(result),
    }
}

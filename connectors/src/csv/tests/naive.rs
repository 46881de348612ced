//! CSV, one byte after the other.

use super::*;

/// A field as it stands in the file.
pub(super) type Raw = Vec<u8>;

/// The rows of a text without header, and whether the last one ends in quotes.
pub(super) fn rows(text: &[u8], separator: u8, quote: Option<u8>) -> (Vec<Vec<Raw>>, bool) {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), Vec::new());
    let mut is_quoted = false;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if is_quoted {
            field.push(byte);
            if Some(byte) == quote {
                if text.get(at) == Some(&byte) {
                    field.push(byte);
                    at += 1;
                } else {
                    is_quoted = false;
                }
            }
        } else if byte == separator {
            row.push(std::mem::take(&mut field));
        } else if byte == b'\n' {
            row.push(std::mem::take(&mut field));
            rows.push(std::mem::take(&mut row));
        } else {
            is_quoted = Some(byte) == quote && field.is_empty();
            field.push(byte);
        }
    }
    if !row.is_empty() || !field.is_empty() {
        row.push(field);
        rows.push(row);
    }
    for row in &mut rows {
        let last = row.last_mut().unwrap();
        if last.last() == Some(&b'\r') {
            last.pop();
        }
    }
    (rows, is_quoted)
}

/// The string that a field is, `None` for null, an error if its quotes are wrong.
pub(super) fn string(raw: &[u8], quote: Option<u8>) -> Result<Option<String>, ()> {
    if raw.is_empty() {
        return Ok(None);
    }
    let text = match quote {
        Some(quote) if raw[0] == quote => {
            if raw.len() < 2 || raw[raw.len() - 1] != quote {
                return Err(());
            }
            let mut text = Vec::new();
            let mut within = raw[1..raw.len() - 1].iter();
            while let Some(byte) = within.next() {
                if *byte == quote && within.next() != Some(&quote) {
                    return Err(());
                }
                text.push(*byte);
            }
            text
        },
        _ => raw.to_vec(),
    };
    String::from_utf8(text).map(Some).map_err(|_| ())
}

/// A frame of strings of what a text holds; `None` if a bad row makes the reading fail.
pub(super) fn frame(
    text: &[u8],
    separator: u8,
    quote: Option<u8>,
    columns: usize,
    bad_rows: BadRows,
) -> Option<DataFrame> {
    let (rows, is_open) = rows(text, separator, quote);
    let mut values: Vec<Vec<Option<String>>> = vec![Vec::new(); columns];
    let count = rows.len();
    for (index, row) in rows.into_iter().enumerate() {
        if row.len() == 1 && row[0].is_empty() && columns > 1 {
            continue;
        }
        let mut is_bad = row.len() != columns || (is_open && index + 1 == count);
        let mut parsed = Vec::new();
        for column in 0..columns {
            let value = row.get(column).map_or(Ok(None), |raw| string(raw, quote));
            is_bad |= value.is_err();
            parsed.push(value.unwrap_or(None));
        }
        match bad_rows {
            BadRows::Fail if is_bad => return None,
            BadRows::Skip if is_bad => continue,
            _ => {},
        }
        for (column, value) in values.iter_mut().zip(parsed) {
            column.push(value);
        }
    }
    let columns = values.into_iter().enumerate().map(|(index, values)| {
        StringChunked::from_iter_options(format!("c{index}").into(), values.into_iter()).into_column()
    });
    Some(DataFrame::new_infer_height(columns.collect()).unwrap())
}

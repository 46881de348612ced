//! Strings as fields.

use super::options::{CsvWriteOptions, QuoteStyle};

/// Appends a field with a string, in quotes if it is to be.
pub(super) fn write_text(text: &str, options: &CsvWriteOptions, bytes: &mut Vec<u8>) {
    let is_special =
        |byte: u8| byte == options.separator || byte == options.quote_char || matches!(byte, b'\n' | b'\r');
    let is_quoted = match options.quote_style {
        QuoteStyle::Never => false,
        QuoteStyle::Always | QuoteStyle::NonNumeric => true,
        QuoteStyle::Necessary => text.is_empty() || text == options.null_value || text.bytes().any(is_special),
    };
    if !is_quoted {
        return bytes.extend_from_slice(text.as_bytes());
    }
    bytes.push(options.quote_char);
    for byte in text.bytes() {
        if byte == options.quote_char {
            bytes.push(byte);
        }
        bytes.push(byte);
    }
    bytes.push(options.quote_char);
}

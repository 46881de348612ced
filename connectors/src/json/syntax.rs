//! Goes over JSON text and says where its values end (RFC 8259), or what is wrong with it.
//!
//! Text has [`PADDING`] bytes behind it, so that blocks and words can be read past its end; a newline ends it, which no
//! value holds. Whether it is UTF-8 is not looked at: that is faster known of many rows at once.

use crate::text::masks::{BLOCK, controls, find};

/// Bytes that must follow those that are scanned, a newline first.
pub(super) const PADDING: usize = BLOCK;
/// Lists and objects in each other at most, as in `serde_json`.
const DEEPEST: usize = 128;

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// Something else where a row starts.
    #[error("a row must be an object")]
    NotObject,
    /// Something else where a key starts.
    #[error("a key in quotes was expected")]
    Key,
    /// Something else behind a key.
    #[error("`:` was expected")]
    Colon,
    /// Nothing that starts a value.
    #[error("a value was expected")]
    Value,
    /// Something else behind a value of an object.
    #[error("`,` or `}}` was expected")]
    ObjectEnd,
    /// Something else behind a value of a list.
    #[error("`,` or `]` was expected")]
    ListEnd,
    /// Text behind the object.
    #[error("something stands behind the object of this row")]
    Trailing,
    /// A number in another form than JSON's.
    #[error("this is not a number of JSON")]
    Number,
    /// A string that is not closed in its line.
    #[error("a string is not closed")]
    OpenString,
    /// A character that must be escaped in a string.
    #[error("a control character in a string must be escaped")]
    Control,
    /// An escape that JSON does not have, or half of a character of two.
    #[error("this escape in a string is none of JSON")]
    Escape,
    /// Too many lists and objects in each other.
    #[error("lists and objects are nested more than 128 levels deep")]
    TooDeep,
    /// Bytes that are not UTF-8.
    #[error("the row is not UTF-8")]
    Utf8,
}

/// Where a text is wrong, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) fault: JsonFault,
}

#[cold]
pub(super) fn wrong<T>(at: usize, fault: JsonFault) -> Result<T, Wrong> {
    Err(Wrong { at, fault })
}

/// The byte at a place; behind the text it is a newline.
#[inline(always)]
pub(super) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(b'\n')
}

/// The first place from `at` on that is not blank, or the end of the line.
#[inline(always)]
pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(byte(bytes, at), b' ' | b'\t' | b'\r') {
        at += 1;
    }
    at
}

/// The end of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The place behind it.
    pub(super) at: usize,
    /// It is a string with an escape.
    pub(super) is_escaped: bool,
}

/// Goes over the value that starts at `at`.
#[inline(always)]
pub(super) fn value(bytes: &[u8], at: usize) -> Result<End, Wrong> {
    let plain = |at| End { at, is_escaped: false };
    match byte(bytes, at) {
        b'"' => string(bytes, at),
        b'-' | b'0'..=b'9' => number(bytes, at).map(plain),
        _ => other(bytes, at, 0).map(plain),
    }
}

#[inline(never)]
fn other(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Wrong> {
    match byte(bytes, at) {
        b'{' | b'[' if depth >= DEEPEST => wrong(at, JsonFault::TooDeep),
        b'{' => object(bytes, at, depth + 1),
        b'[' => list(bytes, at, depth + 1),
        b't' => literal(bytes, at, b"true"),
        b'f' => literal(bytes, at, b"false"),
        b'n' => literal(bytes, at, b"null"),
        _ => wrong(at, JsonFault::Value),
    }
}

fn inner(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Wrong> {
    match byte(bytes, at) {
        b'"' => string(bytes, at).map(|end| end.at),
        b'-' | b'0'..=b'9' => number(bytes, at),
        _ => other(bytes, at, depth),
    }
}

fn literal(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Wrong> {
    match bytes.get(at..).is_some_and(|rest| rest.starts_with(word)) {
        true => Ok(at + word.len()),
        false => wrong(at, JsonFault::Value),
    }
}

fn list(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Wrong> {
    let mut at = skip_blanks(bytes, at + 1);
    if byte(bytes, at) == b']' {
        return Ok(at + 1);
    }
    loop {
        at = skip_blanks(bytes, inner(bytes, at, depth)?);
        match byte(bytes, at) {
            b',' => at = skip_blanks(bytes, at + 1),
            b']' => return Ok(at + 1),
            _ => return wrong(at, JsonFault::ListEnd),
        }
    }
}

fn object(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Wrong> {
    let mut at = skip_blanks(bytes, at + 1);
    if byte(bytes, at) == b'}' {
        return Ok(at + 1);
    }
    loop {
        if byte(bytes, at) != b'"' {
            return wrong(at, JsonFault::Key);
        }
        let behind = string(bytes, at)?.at;
        at = behind_colon(bytes, behind)?;
        at = skip_blanks(bytes, inner(bytes, at, depth)?);
        match byte(bytes, at) {
            b',' => at = skip_blanks(bytes, at + 1),
            b'}' => return Ok(at + 1),
            _ => return wrong(at, JsonFault::ObjectEnd),
        }
    }
}

/// Where the value starts whose key ends at `at`.
#[inline(always)]
pub(super) fn behind_colon(bytes: &[u8], at: usize) -> Result<usize, Wrong> {
    let at = skip_blanks(bytes, at);
    if byte(bytes, at) != b':' {
        return wrong(at, JsonFault::Colon);
    }
    Ok(skip_blanks(bytes, at + 1))
}

/// Goes over a string; `at` is its opening quote.
#[inline(always)]
pub(super) fn string(bytes: &[u8], at: usize) -> Result<End, Wrong> {
    let mut at = at + 1;
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        let special = find(block, b'"') | find(block, b'\\') | controls(block);
        if special != 0 {
            at += special.trailing_zeros() as usize;
            return match byte(bytes, at) {
                b'"' => Ok(End { at: at + 1, is_escaped: false }),
                _ => escaped_string(bytes, at),
            };
        }
        at += BLOCK;
    }
    wrong(at, JsonFault::OpenString)
}

/// Goes over the rest of a string, which starts with an escape or a control character.
#[inline(never)]
fn escaped_string(bytes: &[u8], mut at: usize) -> Result<End, Wrong> {
    loop {
        match byte(bytes, at) {
            b'"' => return Ok(End { at: at + 1, is_escaped: true }),
            b'\\' => match escape(bytes.get(at..).unwrap_or_default()) {
                Some((_, length)) => at += length,
                None => return wrong(at, JsonFault::Escape),
            },
            b'\n' => return wrong(at, JsonFault::OpenString),
            0..b' ' => return wrong(at, JsonFault::Control),
            _ => at += 1,
        }
        // Most of a text has no escapes.
        while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
            let special = find(block, b'"') | find(block, b'\\') | controls(block);
            at += (special.trailing_zeros() as usize).min(BLOCK);
            if special != 0 {
                break;
            }
        }
    }
}

/// The character that the escape at the start of `text` stands for, and the bytes of the escape.
pub(super) fn escape(text: &[u8]) -> Option<(char, usize)> {
    let character = match text.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = four_digits(text.get(2..)?)?;
            if !(0xd800..0xe000).contains(&first) {
                return Some((char::from_u32(first)?, 6));
            }
            let second = match text.get(6..)? {
                [b'\\', b'u', digits @ ..] => four_digits(digits)?,
                _ => return None,
            };
            // Two halves of a character beyond the first plane.
            let is_pair = first < 0xdc00 && (0xdc00..0xe000).contains(&second);
            let code = 0x1_0000 + ((first & 0x3ff) << 10 | (second & 0x3ff));
            return Some((char::from_u32(code).filter(|_| is_pair)?, 12));
        },
        _ => return None,
    };
    Some((character, 2))
}

fn four_digits(text: &[u8]) -> Option<u32> {
    text.first_chunk::<4>()?.iter().try_fold(0, |number, byte| Some(number << 4 | char::from(*byte).to_digit(16)?))
}

/// Appends what stands between the quotes of a string, which is right.
pub(super) fn unescape(within: &[u8], to: &mut Vec<u8>) {
    let mut rest = within;
    while let Some(place) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, behind) = rest.split_at(place);
        to.extend_from_slice(before);
        let (character, length) = escape(behind).unwrap_or((char::REPLACEMENT_CHARACTER, 1));
        to.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = behind.get(length..).unwrap_or_default();
    }
    to.extend_from_slice(rest);
}

/// Goes over a number: `-1`, `1.5`, `1e-5`.
#[inline(always)]
pub(super) fn number(bytes: &[u8], at: usize) -> Result<usize, Wrong> {
    let first = at + usize::from(byte(bytes, at) == b'-');
    let mut at = behind_digits(bytes, first);
    if at == first || (byte(bytes, first) == b'0' && at > first + 1) {
        return wrong(first, JsonFault::Number);
    }
    if byte(bytes, at) == b'.' {
        let fraction = at + 1;
        at = behind_digits(bytes, fraction);
        if at == fraction {
            return wrong(at, JsonFault::Number);
        }
    }
    if matches!(byte(bytes, at), b'e' | b'E') {
        let exponent = at + 1 + usize::from(matches!(byte(bytes, at + 1), b'-' | b'+'));
        at = behind_digits(bytes, exponent);
        if at == exponent {
            return wrong(at, JsonFault::Number);
        }
    }
    Ok(at)
}

/// The first place from `at` on without a digit.
#[inline(always)]
fn behind_digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let digits = u64::from_le_bytes(*word) ^ 0x3030_3030_3030_3030;
        // 0x76 + 9 is 0x7f. A carry changes bytes behind the first that is no digit only.
        let others = (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Whether a whole text is one value.
    fn is_value(text: &[u8]) -> bool {
        let mut padded = text.to_vec();
        padded.push(b'\n');
        padded.resize(text.len() + PADDING, 0);
        let start = skip_blanks(&padded, 0);
        let end = value(&padded, start);
        end.is_ok_and(|end| skip_blanks(&padded, end.at) == text.len()) && std::str::from_utf8(text).is_ok()
    }

    /// `None` for a number that has no double, after which nothing is known of the rest.
    fn serde_says(text: &[u8]) -> Option<bool> {
        match serde_json::from_slice::<serde_json::Value>(text) {
            Ok(_) => Some(true),
            Err(error) if error.to_string().starts_with("number out of range") => None,
            Err(_) => Some(false),
        }
    }

    #[test]
    fn values_are_told_from_all_else() {
        for text in [
            "0",
            "-0",
            "12",
            "-1.5",
            "1e5",
            "1E-5",
            "1.25e+10",
            "12345678",
            "123456789.123456789",
            "true",
            "false",
            "null",
            "\"\"",
            "\"a\"",
            "[]",
            "[ ]",
            "[1,2]",
            "[1 , [2,\t3]]",
            "{}",
            "{\"a\":1}",
            "{ \"a\" : {\"b\":[]} , \"a\":2 }",
            "\"\\u00e9\\n\\/\"",
            "\"\\ud83d\\ude00\"",
            "\"é日本\"",
            "\u{7f}",
            "01",
            "-",
            "+1",
            ".5",
            "5.",
            "1e",
            "1e+",
            "1.e5",
            "NaN",
            "Infinity",
            "-Infinity",
            "nul",
            "nulll",
            "tru",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud83d\"",
            "\"\\ude00\\ud83d\"",
            "\"\\ud83d\\u0041\"",
            "\"a\tb\"",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{1:2}",
            "1 2",
            "",
            " ",
            "[]]",
            "'a'",
            "[1}",
            "\"\u{0}\"",
            "-a",
            "--1",
            "1.2.3",
        ] {
            assert_eq!(Some(is_value(text.as_bytes())), serde_says(text.as_bytes()), "{text}");
        }
        for depth in [1, 127, 128, 129, 100_000] {
            let lists = "[".repeat(depth) + &"]".repeat(depth);
            assert_eq!(is_value(lists.as_bytes()), depth <= DEEPEST);
            let objects = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
            assert_eq!(is_value(objects.as_bytes()), depth <= DEEPEST);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_text_is_what_serde_json_says(
            pieces in vec(select(vec![
                "[", "]", "{", "}", ",", ":", "\"", "\"a\":", "\"b\"", "1", "-", ".", "0", "e", "+", "true", "null", " ", "\t",
                "\\", "\\n", "\\u", "00e9", "d83d", "\\ude00", "é", "\u{1}", "12345678", "x",
                "text that is longer than a block of sixty-four bytes, which is what is looked at together",
            ]), 0..12),
        ) {
            let text = pieces.concat();
            if let Some(expected) = serde_says(text.as_bytes()) {
                prop_assert_eq!(is_value(text.as_bytes()), expected, "{}", text);
            }
        }

        #[test]
        fn escapes_are_those_of_serde_json(
            pieces in vec(select(vec!["a", "\\n", "\\\"", "\\\\", "\\u0041", "\\u00e9", "\\ud83d\\ude00", "é", "/", "\\/", "\\b", "\\u0000"]), 0..12),
        ) {
            let text = pieces.concat();
            let mut found = Vec::new();
            unescape(text.as_bytes(), &mut found);
            let expected: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            prop_assert_eq!(String::from_utf8(found).unwrap(), expected);
        }
    }
}

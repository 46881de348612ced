//! Strings in quotes.

/// Appends a string, in quotes.
pub(super) fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|byte| matches!(byte, 0..b' ' | b'"' | b'\\')) {
        let (before, behind) = rest.split_at(place);
        bytes.extend_from_slice(before);
        let Some((byte, after)) = behind.split_first() else { break };
        write_escape(*byte, bytes);
        rest = after;
    }
    bytes.extend_from_slice(rest);
    bytes.push(b'"');
}

fn write_escape(byte: u8, bytes: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => {
            const DIGITS: [u8; 16] = *b"0123456789abcdef";
            let digit = |number: u8| DIGITS[usize::from(number & 15)];
            return bytes.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
        },
    };
    bytes.extend_from_slice(&[b'\\', short]);
}

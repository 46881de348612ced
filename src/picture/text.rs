//! Text in pictures: how wide it is, how it is cut, and how it is written so that it stays text.

/// Columns that a text takes where all letters are as wide, but those of East Asia and pictures twice as wide.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(wide).sum()
}

/// Columns of a letter. Marks that stand on other letters are taken for letters: text may be narrower, never wider.
fn wide(letter: char) -> usize {
    match letter as u32 {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// `text` in so many columns at most: of a longer one the middle is left out, as paths differ at the end. In one line.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if columns(&text) <= most {
        return text;
    }
    let room = most.saturating_sub(1);
    let start = take(text.chars(), room.div_ceil(2));
    let end = take(text.chars().rev(), room / 2);
    start.iter().chain(&['…']).chain(end.iter().rev()).collect()
}

fn take(letters: impl Iterator<Item = char>, mut room: usize) -> Vec<char> {
    let mut taken = Vec::new();
    for letter in letters {
        let Some(rest) = room.checked_sub(wide(letter)) else { break };
        room = rest;
        taken.push(letter);
    }
    taken
}

/// As the text or an attribute of XML. Letters that no XML document may have become `U+FFFD`.
pub(super) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(letter),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter if letter.is_ascii_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// As a string of DOT, lines flush left. Graphviz reads entities such as `&lt;` in it, and takes no control characters.
pub(super) fn dot<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted = String::from("\"");
    for line in lines {
        for letter in line.chars() {
            match letter {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                '&' => quoted.push_str("&amp;"),
                letter if letter.is_control() => quoted.push(' '),
                letter => quoted.push(letter),
            }
        }
        quoted.push_str("\\l");
    }
    quoted.push('"');
    quoted
}

//! Patterns over names.

use glob::{MatchOptions, Pattern};

/// Patterns that braces may expand to: enough for every hour of a month.
const ALTERNATIVES: usize = 1024;

/// Whether a name holds characters of a pattern.
pub(super) fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

/// A compiled pattern: any of its alternatives.
#[derive(Debug)]
pub(super) struct Glob {
    text: String,
    patterns: Vec<Pattern>,
}

impl Glob {
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let compile = |text: &String| Pattern::new(text).map_err(|error| wrong(text, error.msg));
        let patterns = expand_braces(text)?.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), patterns })
    }

    /// Whether a name is meant. The pattern itself may be one: a file may be called `a[1].csv`.
    pub(super) fn matches(&self, name: &str) -> bool {
        // `*` stays inside a name between two `/`.
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        name == self.text || self.patterns.iter().any(|pattern| pattern.matches_with(name, options))
    }

    /// What all matches begin with.
    pub(super) fn literal_prefix(&self) -> &str {
        &self.text[..self.text.find(['*', '?', '[', '{']).unwrap_or(self.text.len())]
    }
}

fn wrong(text: &str, reason: &str) -> String {
    format!(
        "`{text}` is not a valid glob ({reason}): `*`, `**` (a whole name), `?`, `[ab]`, `[!ab]` and `{{a,b}}` are \
         understood; `[{{]` stands for the character itself"
    )
}

/// Writes the alternatives of `{a,b}` out, from left to right, also nested ones.
pub(super) fn expand_braces(text: &str) -> Result<Vec<String>, String> {
    let mut expanded = Vec::new();
    let mut waiting = vec![text.to_owned()];
    while let Some(next) = waiting.pop() {
        match first_group(&next)? {
            None => expanded.push(next),
            Some((start, end, alternatives)) => {
                let write = |alternative: &&str| format!("{}{alternative}{}", &next[..start], &next[end..]);
                waiting.extend(alternatives.iter().rev().map(write));
            },
        }
        if expanded.len() + waiting.len() > ALTERNATIVES {
            return Err(wrong(text, "its braces stand for more than 1024 patterns"));
        }
    }
    Ok(expanded)
}

/// The first group in braces: where it begins and ends, and its alternatives. What stands in `[ ]` is literal.
#[expect(clippy::type_complexity, reason = "a private triple")]
fn first_group(text: &str) -> Result<Option<(usize, usize, Vec<&str>)>, String> {
    let (mut start, mut depth, mut begin) = (0, 0_usize, 0);
    let mut alternatives = Vec::new();
    let mut position = 0;
    while let Some(c) = text[position..].chars().next() {
        match c {
            // The first character after `[` or `[!` may be `]` itself.
            '[' => {
                let inside = position + if text[position + 1..].starts_with('!') { 2 } else { 1 };
                let first = text[inside..].chars().next().map_or(0, char::len_utf8);
                if let Some(length) = text[inside + first..].find(']') {
                    position = inside + first + length;
                }
            },
            '{' => {
                if depth == 0 {
                    (start, begin) = (position, position + 1);
                }
                depth += 1;
            },
            ',' if depth == 1 => {
                alternatives.push(&text[begin..position]);
                begin = position + 1;
            },
            '}' => {
                depth = depth.checked_sub(1).ok_or_else(|| wrong(text, "a `}` without a `{`"))?;
                if depth == 0 {
                    alternatives.push(&text[begin..position]);
                    return Ok(Some((start, position + 1, alternatives)));
                }
            },
            _ => {},
        }
        position += text[position..].chars().next().map_or(1, char::len_utf8);
    }
    match depth {
        0 => Ok(None),
        _ => Err(wrong(text, "a `{` without a `}`")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn braces_are_written_out() {
        let cases: [(&str, &[&str]); 7] = [
            ("a", &["a"]),
            ("a{b,c}d", &["abd", "acd"]),
            ("{a,b}{c,d}", &["ac", "ad", "bc", "bd"]),
            ("x{a{1,2},b}", &["xa1", "xa2", "xb"]),
            ("{,a}ü{ß}", &["üß", "aüß"]),
            ("[{]a,b[}]", &["[{]a,b[}]"]),
            ("[]{]{a,b}", &["[]{]a", "[]{]b"]),
        ];
        for (text, expanded) in cases {
            assert_eq!(expand_braces(text).unwrap(), expanded, "{text}");
        }
    }

    #[test]
    fn wrong_patterns_are_refused() {
        let many = "{a,b,c,d}".repeat(8);
        for text in ["{a", "a}", "{a,{b}", "[a", "a/**b", many.as_str()] {
            assert!(Glob::new(text).unwrap_err().contains("is not a valid glob"), "{text}");
        }
    }

    #[test]
    fn names_are_matched() {
        let cases = [
            ("d/*.csv", "d/a.csv", true),
            ("d/*.csv", "d/x/a.csv", false),
            ("d/**/*.csv", "d/x/y/a.csv", true),
            ("d/**/*.csv", "d/a.csv", true),
            ("d/?[!x].{csv,json}", "d/ab.json", true),
            ("d/?[!x].{csv,json}", "d/ax.json", false),
            ("d/a[1].csv", "d/a[1].csv", true),
            ("d/a[1].csv", "d/a1.csv", true),
            ("*", ".hidden", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::new(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        assert_eq!(Glob::new("a/b-{c,d}/*").unwrap().literal_prefix(), "a/b-");
    }
}

//! What no line may carry: secrets, and characters that a terminal obeys or that begin a new line.

use std::{borrow::Cow, fmt::Write as _};

/// What stands in for a secret.
const MASK: &str = "***";
/// What a secret stands behind in an address or a sentence, and how short it may be to be one.
const NAMES: [(&str, usize); 13] = [
    ("token=", 1),
    ("link=", 1),
    ("password=", 1),
    ("passwd=", 1),
    ("pwd=", 1),
    ("secret=", 1),
    ("session=", 1),
    ("apikey=", 1),
    ("api_key=", 1),
    ("bearer ", 16),
    ("basic ", 16),
    ("cookie: ", 1),
    ("cctv_", 24),
];
/// The link of the first start makes an administrator: it is said on stderr, and kept nowhere.
const SETUP: [(&str, usize); 1] = [("#code=", 1)];

/// A line of JSON without secrets, and with nothing but visible characters.
pub(crate) fn json(line: &str) -> Cow<'_, str> {
    let masked = masked(line, &NAMES);
    if !masked.contains(is_odd) {
        return masked;
    }
    // Whatever is odd stands in a string, where JSON knows it by its number.
    let mut clean = String::with_capacity(masked.len() + 16);
    for c in masked.chars() {
        if is_odd(c) {
            let _ = write!(clean, "\\u{:04x}", u32::from(c));
        } else {
            clean.push(c);
        }
    }
    clean.into()
}

/// The value of a field for a terminal.
pub(crate) fn text(value: &str) -> Cow<'_, str> {
    let masked = masked(value, &NAMES);
    if !masked.contains(is_odd) {
        return masked;
    }
    let mut clean = String::with_capacity(masked.len() + 16);
    for c in masked.chars() {
        if is_odd(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean.into()
}

/// What is kept of a line.
pub(crate) fn to_keep(line: &str) -> Cow<'_, str> {
    masked(line, &SETUP)
}

/// Control characters, ends of lines, and what changes the direction of the text around it. All of them are in the
/// first plane of Unicode.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn masked<'a>(text: &'a str, names: &[(&str, usize)]) -> Cow<'a, str> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let lower = text.to_ascii_lowercase();
    for (name, least) in names {
        for (at, _) in lower.match_indices(name) {
            let begin = at + name.len();
            let is_end = |c: char| c.is_control() || " \t&\"'\\;,)>}|`".contains(c);
            let length = text[begin..].find(is_end).unwrap_or(text.len() - begin);
            if length >= *least {
                found.push((begin, begin + length));
            }
        }
    }
    logins(text, &mut found);
    if found.is_empty() {
        return text.into();
    }
    found.sort_unstable();
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for (begin, end) in found {
        if begin >= done {
            clean.push_str(&text[done..begin]);
            clean.push_str(MASK);
        }
        done = done.max(end);
    }
    clean.push_str(&text[done..]);
    clean.into()
}

/// `name:password` of `scheme://name:password@host`.
fn logins(text: &str, found: &mut Vec<(usize, usize)>) {
    for (at, mark) in text.match_indices("://") {
        let begin = at + mark.len();
        let is_end = |c: char| c.is_whitespace() || "/?#\"'\\<>`".contains(c);
        let rest = &text[begin..];
        let authority = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        if let Some(length) = authority.rfind('@') {
            found.push((begin, begin + length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_nothing_else_is() {
        for (line, clean) in [
            (
                "GET /stream?token=abc&camera=x HTTP",
                "GET /stream?token=***&camera=x HTTP",
            ),
            ("/snapshot?LINK=abc", "/snapshot?LINK=***"),
            (
                "rtsp://me:pass@10.0.0.1/x failed",
                "rtsp://***@10.0.0.1/x failed",
            ),
            ("http://me:p@ss@host/", "http://***@host/"),
            ("see http://host/a@b", "see http://host/a@b"),
            (
                "Authorization: Bearer abcdefghijklmnopqrst",
                "Authorization: Bearer ***",
            ),
            ("the bearer of bad news", "the bearer of bad news"),
            ("Cookie: session=abc; x", "Cookie: ***; x"),
            (
                "the token cctv_0123456789abcdefghijklmnop",
                "the token cctv_***",
            ),
            ("cctv_server started", "cctv_server started"),
            (
                r#"{"a":"password=x","b":1}"#,
                r#"{"a":"password=***","b":1}"#,
            ),
            ("a=1 b=2", "a=1 b=2"),
        ] {
            assert_eq!(json(line), clean);
            assert_eq!(text(line), clean);
        }
    }

    #[test]
    fn the_link_of_the_first_start_is_said_and_not_kept() {
        let line = r#"{"message":"open http://h/setup#code=abc"}"#;
        assert_eq!(json(line), line);
        assert_eq!(
            to_keep(line),
            r#"{"message":"open http://h/setup#code=***"}"#
        );
    }

    #[test]
    fn nothing_is_obeyed_by_a_terminal() {
        let line = "a\u{1b}[2Jb\nc\u{9b}d\u{202e}e\u{2028}f\u{7f}";
        assert_eq!(text(line), r"a\u{1b}[2Jb\nc\u{9b}d\u{202e}e\u{2028}f\u{7f}");
        let written = serde_json::to_string(line).unwrap();
        let clean = json(&written);
        assert!(clean.chars().all(|c| !is_odd(c)), "{clean}");
        assert_eq!(serde_json::from_str::<String>(&clean).unwrap(), line);
    }
}

//! The HTTP layer of one viewer: response head, then a plain or chunked body handed on to [`Parts`].

use super::line::Lines;
use super::parts::Parts;
use super::tally::{Fault, Tally};

#[derive(Debug)]
enum State {
    Status,
    Headers,
    /// Ends when the connection does.
    Plain,
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    /// Nothing more to read: refused, broken or at its end.
    Done,
}

/// Reads one viewer's response.
#[derive(Debug)]
pub(super) struct Response {
    state: State,
    lines: Lines,
    chunked: bool,
    parts: Option<Parts>,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            state: State::Status,
            lines: Lines::default(),
            chunked: false,
            parts: None,
        }
    }
}

impl Response {
    /// Whether the response head was read and is a live stream.
    pub(super) fn streams(&self) -> bool {
        self.parts.is_some() && !matches!(self.state, State::Status | State::Headers)
    }

    /// Frames seen inside the window.
    pub(super) fn frames(&self) -> u64 {
        self.parts.as_ref().map_or(0, |parts| parts.order.frames)
    }

    /// How many of the next bytes need not be looked at.
    pub(super) fn skippable(&self) -> usize {
        let in_part = self.parts.as_ref().map_or(0, Parts::skippable);
        match self.state {
            State::Plain => in_part,
            State::Chunk(left) => left.min(in_part),
            _ => 0,
        }
    }

    /// `count` bytes, at most [`Self::skippable`], went by unseen.
    pub(super) fn skip(&mut self, count: usize) {
        if let Some(parts) = &mut self.parts {
            parts.skip(count);
        }
        if let State::Chunk(left) = &mut self.state {
            *left -= count;
            if *left == 0 {
                self.state = State::ChunkEnd;
            }
        }
    }

    /// Takes the next bytes; `now_ns` is when they were read.
    pub(super) fn push(&mut self, mut bytes: &[u8], now_ns: u64, tally: &mut Tally) {
        while !bytes.is_empty() {
            match (&mut self.state, &mut self.parts) {
                (State::Plain, Some(parts)) => {
                    parts.push(bytes, now_ns, tally);
                    return;
                }
                (State::Chunk(left), Some(parts)) => {
                    let (data, rest) = bytes.split_at((*left).min(bytes.len()));
                    parts.push(data, now_ns, tally);
                    bytes = rest;
                    *left -= data.len();
                    if *left == 0 {
                        self.state = State::ChunkEnd;
                    }
                }
                (State::Done | State::Plain | State::Chunk(_), _) => return,
                _ => self.line(&mut bytes, tally),
            }
        }
    }

    fn line(&mut self, bytes: &mut &[u8], tally: &mut Tally) {
        let line = match self.lines.take(bytes) {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(_) => {
                let fault = match self.state {
                    State::Status => Fault::Status,
                    State::Headers => Fault::Announcement,
                    _ => Fault::Chunk,
                };
                tally.fault(fault, || "a kilobyte without a line end".to_owned());
                self.state = State::Done;
                return;
            }
        };
        match self.state {
            State::Status => {
                let ok = line.starts_with(b"HTTP/1.") && line.get(8..12) == Some(b" 200");
                self.state = State::Headers;
                if !ok {
                    tally.fault(Fault::Status, || line.escape_ascii().to_string());
                    self.state = State::Done;
                }
            }
            State::Headers if line.is_empty() => {
                self.state = match (&self.parts, self.chunked) {
                    (None, _) => {
                        tally.fault(Fault::Announcement, || "no boundary".to_owned());
                        State::Done
                    }
                    (Some(_), true) => State::ChunkSize,
                    (Some(_), false) => State::Plain,
                };
            }
            State::Headers => {
                let (name, value) = split_header(line);
                if name.eq_ignore_ascii_case(b"transfer-encoding") {
                    self.chunked = value.eq_ignore_ascii_case(b"chunked");
                } else if name.eq_ignore_ascii_case(b"content-type") {
                    self.parts = boundary(value).map(Parts::new);
                }
            }
            State::ChunkSize => match chunk_size(line) {
                Some(0) => self.state = State::Done,
                Some(size) => self.state = State::Chunk(size),
                None => {
                    tally.fault(Fault::Chunk, || line.escape_ascii().to_string());
                    self.state = State::Done;
                }
            },
            State::ChunkEnd => {
                self.state = State::ChunkSize;
                if !line.is_empty() {
                    tally.fault(Fault::Chunk, || line.escape_ascii().to_string());
                    self.state = State::Done;
                }
            }
            State::Plain | State::Chunk(_) | State::Done => {}
        }
    }
}

fn split_header(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => (&line[..colon], line[colon + 1..].trim_ascii()),
        None => (line, b""),
    }
}

/// The boundary a `multipart/x-mixed-replace` announces, without its quotes.
fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let rest = content_type.strip_prefix(b"multipart/x-mixed-replace")?;
    let at = memchr::memmem::find(rest, b"boundary=")?;
    let value = &rest[at + b"boundary=".len()..];
    let value = match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next()?,
        None => value.split(|byte| *byte == b';').next()?.trim_ascii(),
    };
    (!value.is_empty()).then_some(value)
}

fn chunk_size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let digits = std::str::from_utf8(digits).ok()?;
    usize::from_str_radix(digits, 16)
        .ok()
        .filter(|size| *size <= 1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries() {
        for (announced, expected) in [
            ("multipart/x-mixed-replace; boundary=abc", Some("abc")),
            ("multipart/x-mixed-replace;boundary=\"a b\"", Some("a b")),
            (
                "multipart/x-mixed-replace;boundary=--x; charset=q",
                Some("--x"),
            ),
            ("multipart/x-mixed-replace", None),
            ("image/jpeg; boundary=abc", None),
        ] {
            let got = boundary(announced.as_bytes());
            assert_eq!(got, expected.map(str::as_bytes), "{announced}");
        }
    }

    #[test]
    fn chunk_sizes() {
        for (line, expected) in [
            ("0", Some(0)),
            ("9C5a", Some(40_026)),
            ("10;name=x", Some(16)),
            ("", None),
            ("zz", None),
            ("ffffffffff", None),
        ] {
            assert_eq!(chunk_size(line.as_bytes()), expected, "{line}");
        }
    }
}

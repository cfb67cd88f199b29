//! The multipart layer: delimiter, part head, JPEG, delimiter, ... each byte accounted for, few of them looked at.

use camera_sim::stamp;

use super::line::Lines;
use super::order::Order;
use super::tally::{Fault, Tally};

/// The start of a JPEG that is kept: SOI, APP0 and the stamp fit with room to spare.
const PREFIX: usize = 96;
/// A camera frame that claims more is a lie.
const LONGEST_JPEG: usize = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The delimiter line is next.
    Delimiter,
    /// Header lines of a part.
    Head,
    /// So many bytes of the JPEG are still to come.
    Body(usize),
    /// The line end that belongs to the delimiter is next.
    After { ends_with_eoi: bool },
    /// Framing is lost: looking for the next delimiter.
    Lost,
    /// The close delimiter was seen.
    Ended,
}

/// Reads one viewer's multipart stream.
#[derive(Debug)]
pub(super) struct Parts {
    delimiter: Vec<u8>,
    state: State,
    first: bool,
    lines: Lines,
    length: Option<usize>,
    whole: usize,
    prefix: [u8; PREFIX],
    prefix_len: usize,
    last_two: [u8; 2],
    carried: Vec<u8>,
    pub(super) order: Order,
}

impl Parts {
    pub(super) fn new(boundary: &[u8]) -> Self {
        Self {
            delimiter: [b"--", boundary].concat(),
            state: State::Delimiter,
            first: true,
            lines: Lines::default(),
            length: None,
            whole: 0,
            prefix: [0; PREFIX],
            prefix_len: 0,
            last_two: [0; 2],
            carried: Vec::new(),
            order: Order::default(),
        }
    }

    /// How many of the next bytes nobody needs to see: the JPEG without its start and its last two bytes.
    pub(super) fn skippable(&self) -> usize {
        match self.state {
            State::Body(left) if self.prefix_len == PREFIX => left.saturating_sub(2),
            _ => 0,
        }
    }

    /// `count` bytes, at most [`Self::skippable`], went by unseen.
    pub(super) fn skip(&mut self, count: usize) {
        debug_assert!(count <= self.skippable());
        if let State::Body(left) = &mut self.state {
            *left -= count;
        }
    }

    /// Takes the next bytes; `now_ns` is when they were read.
    pub(super) fn push(&mut self, mut bytes: &[u8], now_ns: u64, tally: &mut Tally) {
        while !bytes.is_empty() {
            match self.state {
                State::Body(left) => {
                    let (body, rest) = bytes.split_at(left.min(bytes.len()));
                    bytes = rest;
                    self.body(body);
                    self.state = State::Body(left - body.len());
                    if left == body.len() {
                        self.end_of_body(now_ns, tally);
                    }
                }
                State::Lost => self.search(&mut bytes),
                State::Ended => return,
                State::Delimiter | State::Head | State::After { .. } => {
                    self.line(&mut bytes, tally);
                }
            }
        }
    }

    fn line(&mut self, bytes: &mut &[u8], tally: &mut Tally) {
        let line = match self.lines.take(bytes) {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(_) => {
                let fault = match self.state {
                    State::After { ends_with_eoi } => after_fault(ends_with_eoi),
                    State::Head => Fault::Header,
                    _ => Fault::Delimiter,
                };
                tally.fault(fault, || "a kilobyte without a line end".to_owned());
                self.state = State::Lost;
                return;
            }
        };
        match self.state {
            State::After { ends_with_eoi } => {
                self.state = State::Delimiter;
                if line.is_empty() {
                    if !ends_with_eoi {
                        tally.fault(Fault::Eoi, || format!("{:02x?}", self.last_two));
                    }
                    return;
                }
                tally.fault(after_fault(ends_with_eoi), || {
                    format!("after {} bytes of body: {}", self.whole, shown(line))
                });
                self.state = if line == self.delimiter {
                    State::Head
                } else {
                    State::Lost
                };
            }
            State::Delimiter => {
                let first = std::mem::take(&mut self.first);
                if line == self.delimiter {
                    self.state = State::Head;
                } else if first && line.is_empty() {
                    self.first = true;
                } else if line.strip_suffix(b"--") == Some(&self.delimiter) {
                    self.state = State::Ended;
                } else {
                    tally.fault(Fault::Delimiter, || {
                        format!("{} instead of {}", shown(line), shown(&self.delimiter))
                    });
                    // Some other delimiter: the part behind it can still be checked.
                    self.state = if line.starts_with(b"--") {
                        State::Head
                    } else {
                        State::Lost
                    };
                }
            }
            State::Head if line.is_empty() => self.end_of_head(tally),
            State::Head => header(line, &mut self.length, tally),
            State::Body(_) | State::Lost | State::Ended => {}
        }
    }

    fn end_of_head(&mut self, tally: &mut Tally) {
        self.prefix_len = 0;
        self.state = match self.length.take() {
            Some(length @ 4..=LONGEST_JPEG) => {
                self.whole = length;
                State::Body(length)
            }
            other => {
                tally.fault(Fault::Header, || format!("content-length {other:?}"));
                State::Lost
            }
        };
    }

    fn body(&mut self, bytes: &[u8]) {
        if self.prefix_len < PREFIX {
            let count = bytes.len().min(PREFIX - self.prefix_len);
            self.prefix[self.prefix_len..][..count].copy_from_slice(&bytes[..count]);
            self.prefix_len += count;
        }
        match *bytes {
            [.., before, last] => self.last_two = [before, last],
            [last] => self.last_two = [self.last_two[1], last],
            [] => {}
        }
    }

    fn end_of_body(&mut self, now_ns: u64, tally: &mut Tally) {
        let prefix = &self.prefix[..self.prefix_len];
        let ends_with_eoi = self.last_two == [0xFF, 0xD9];
        self.state = State::After { ends_with_eoi };
        if !prefix.starts_with(&[0xFF, 0xD8]) {
            tally.fault(Fault::Soi, || format!("{:02x?}", &prefix[..4]));
            return;
        }
        if ends_with_eoi {
            self.order
                .frame(stamp::read(prefix), self.whole, now_ns, tally);
        }
    }

    /// Looks for the delimiter in whatever comes; what could be its first bytes is carried over.
    fn search(&mut self, bytes: &mut &[u8]) {
        self.carried.extend_from_slice(bytes);
        if let Some(at) = memchr::memmem::find(&self.carried, &self.delimiter) {
            let behind = self.carried.len() - at - self.delimiter.len();
            // The delimiter ends inside `bytes`, or an earlier call would have found it.
            *bytes = &bytes[bytes.len() - behind..];
            self.carried.clear();
            // The rest of its line may come later.
            self.lines = Lines::default();
            let _ = self.lines.take(&mut &self.delimiter[..]);
            self.state = State::Delimiter;
            self.length = None;
            return;
        }
        let keep = self.carried.len().min(self.delimiter.len() - 1);
        self.carried.drain(..self.carried.len() - keep);
        *bytes = &[];
    }
}

fn after_fault(ends_with_eoi: bool) -> Fault {
    if ends_with_eoi {
        Fault::Delimiter
    } else {
        Fault::Length
    }
}

fn header(line: &[u8], length: &mut Option<usize>, tally: &mut Tally) {
    let Some(colon) = memchr::memchr(b':', line) else {
        tally.fault(Fault::Header, || shown(line));
        return;
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if name.eq_ignore_ascii_case(b"content-length") {
        *length = decimal(value);
    } else if name.eq_ignore_ascii_case(b"content-type") && value != b"image/jpeg" {
        tally.fault(Fault::Header, || shown(line));
    }
}

fn decimal(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(60)].escape_ascii().to_string()
}

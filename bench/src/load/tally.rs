//! What one class of viewers saw: frames, bytes, gaps, faults, latency.

use crate::histogram::Histogram;

/// Everything that can be wrong with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No connection.
    Connect,
    /// Not a 200, or not HTTP.
    Status,
    /// No `multipart/x-mixed-replace` with a boundary was announced.
    Announcement,
    /// Broken chunked framing.
    Chunk,
    /// The line between two parts is not exactly `--` and the boundary, on a line of its own.
    Delimiter,
    /// A part without a usable `Content-Length`, or of another type than `image/jpeg`.
    Header,
    /// `Content-Length` is not the length of the JPEG.
    Length,
    /// The body does not start with SOI.
    Soi,
    /// The body does not end with EOI.
    Eoi,
    /// A frame without stamp inside the window.
    Unstamped,
    /// The same frame twice.
    Duplicate,
    /// An older frame after a newer one.
    Reordered,
    /// The server ended the stream of a fast viewer.
    Closed,
}

impl Fault {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 13] = [
        Self::Connect,
        Self::Status,
        Self::Announcement,
        Self::Chunk,
        Self::Delimiter,
        Self::Header,
        Self::Length,
        Self::Soi,
        Self::Eoi,
        Self::Unstamped,
        Self::Duplicate,
        Self::Reordered,
        Self::Closed,
    ];

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// How many complaints are kept word for word.
const SAMPLES: usize = 5;

/// The sums of one class of viewers. Frames and latency count inside the window, faults always.
#[derive(Debug, Default)]
pub struct Tally {
    /// Whether the measured window is open.
    pub in_window: bool,
    /// Whole, correct frames.
    pub frames: u64,
    /// Bytes of JPEG in them.
    pub bytes: u64,
    /// Sequence numbers missing between two frames of one viewer.
    pub lost: u64,
    /// Camera's write began → viewer's last byte read.
    pub latency: Histogram,
    /// Streams the server ended; a fault only for fast viewers.
    pub closed: u64,
    faults: [u64; Fault::ALL.len()],
    samples: Vec<String>,
}

impl Tally {
    /// Starts the window: what was delivered until now does not count.
    pub fn open_window(&mut self) {
        self.in_window = true;
        self.frames = 0;
        self.bytes = 0;
        self.lost = 0;
        self.latency.clear();
    }

    /// Counts a fault and keeps the first few explanations.
    pub fn fault(&mut self, fault: Fault, explain: impl FnOnce() -> String) {
        self.faults[fault as usize] += 1;
        if self.samples.len() < SAMPLES {
            self.samples
                .push(format!("{}: {}", fault.name(), explain()));
        }
    }

    /// How often this fault was seen.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// All faults together.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// The first few explanations.
    #[must_use]
    pub fn samples(&self) -> &[String] {
        &self.samples
    }

    /// Names and counts of the faults that happened.
    pub fn seen_faults(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        Fault::ALL
            .into_iter()
            .map(|fault| (fault.name(), self.count(fault)))
            .filter(|(_, count)| *count != 0)
    }
}

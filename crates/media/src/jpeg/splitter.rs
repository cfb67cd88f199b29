//! Cuts a byte stream of JPEGs into pictures.
//!
//! Walks markers, segment lengths and entropy-coded data as ITU-T T.81 annex B lays them out, so an `FF D9`
//! inside a thumbnail, a comment or a table does not end a picture, and the true one ends it at once.

use std::mem;

use memchr::{memchr, memmem};

use super::marker;
use crate::{
    Picture,
    space::{HEAD_ROOM, Pool, TAIL_ROOM},
};

/// What was passed over and never became a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Bytes that belong to no picture that was emitted.
    pub bytes: u64,
    /// Pictures that began and were cut short, made no sense, or had no scan.
    pub broken: u64,
    /// Pictures larger than the limit.
    pub oversized: u64,
}

impl Dropped {
    /// What came on top of `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            bytes: self.bytes - before.bytes,
            broken: self.broken - before.broken,
            oversized: self.oversized - before.oversized,
        }
    }
}

/// Smallest room offered to a reader: what a Linux pipe holds.
const ROOM: usize = 64 * 1024;
/// Smallest buffer: a picture of usual size with all its room.
const LEN: usize = HEAD_ROOM + 2 * ROOM + TAIL_ROOM;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between pictures: looks for `FF D8 FF`.
    Seek,
    /// Inside a picture, where a marker has to be.
    Marker,
    /// Inside entropy-coded data.
    Scan,
    /// Inside the only scan of a sequential picture, B.2.3: nothing but the end can follow, so nothing else is looked for.
    OnlyScan,
}

/// Push bytes in, take pictures out. Holds at most one picture in progress and what came behind it.
///
/// ```
/// # use media::jpeg::Splitter;
/// let mut splitter = Splitter::new(8 << 20);
/// splitter.extend(b"junk\xFF\xD8\xFF\xDA\x00\x02picture\xFF\xD9");
/// assert_eq!(&splitter.next_picture().unwrap()[6..], b"picture\xFF\xD9");
/// assert!(splitter.next_picture().is_none());
/// ```
#[derive(Debug)]
pub struct Splitter {
    /// [`HEAD_ROOM`], then what is held, then what can be filled, then [`TAIL_ROOM`].
    buf: Vec<u8>,
    pool: Pool,
    /// `buf[start..end]` is held: the picture in progress, or what may be the beginning of one.
    start: usize,
    end: usize,
    /// Everything before it is understood; `start <= pos <= end`.
    pos: usize,
    state: State,
    has_scan: bool,
    /// Components of the picture in progress, if it is sequential (SOF0 or SOF1) and says so properly.
    components: Option<u8>,
    /// Where the last segment of the picture in progress begins.
    segment: usize,
    /// After a picture that made no sense the walk starts again inside it, but never twice in one place:
    /// hostile bytes would turn that into quadratic work.
    walked_to: usize,
    max_frame_bytes: usize,
    dropped: Dropped,
    soi: memmem::Finder<'static>,
    eoi: memmem::Finder<'static>,
}

impl Splitter {
    /// Pictures of more than `max_frame_bytes` are dropped and counted.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> Self {
        let pool = Pool::default();
        Self {
            buf: pool.take(LEN),
            pool,
            start: HEAD_ROOM,
            end: HEAD_ROOM,
            pos: HEAD_ROOM,
            state: State::Seek,
            has_scan: false,
            components: None,
            segment: 0,
            walked_to: 0,
            max_frame_bytes,
            dropped: Dropped::default(),
            soi: memmem::Finder::new(&[0xFF, marker::SOI]),
            eoi: memmem::Finder::new(&[0xFF, marker::EOI]),
        }
    }

    /// What was passed over so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Room to read into, at least 64 KiB. Say how much was filled with [`Splitter::filled`].
    pub fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.moved_to_front();
            // One huge picture must not keep its memory for ever.
            if self.buf.len() > 32 * ROOM {
                self.buf = self.pool.take(LEN);
            }
        } else if self.start > HEAD_ROOM && self.left() < ROOM {
            self.buf.copy_within(self.start..self.end, HEAD_ROOM);
            self.moved_to_front();
        }
        if self.left() < ROOM {
            let len = (self.buf.len() * 2)
                .max(self.end + ROOM + TAIL_ROOM)
                .max(LEN);
            self.buf.resize(len, 0);
        }
        let to = self.buf.len() - TAIL_ROOM;
        &mut self.buf[self.end..to]
    }

    /// How much can be filled.
    fn left(&self) -> usize {
        self.buf.len().saturating_sub(self.end + TAIL_ROOM)
    }

    /// What is held stands at the beginning now.
    fn moved_to_front(&mut self) {
        let by = self.start - HEAD_ROOM;
        self.walked_to = self.walked_to.saturating_sub(by);
        self.segment = self.segment.saturating_sub(by);
        self.end -= by;
        self.pos -= by;
        self.start = HEAD_ROOM;
    }

    /// The first `n` bytes of the last [`Splitter::room`] are now input.
    ///
    /// # Panics
    /// If `n` is more than there was room.
    pub fn filled(&mut self, n: usize) {
        assert!(n <= self.left(), "more bytes than room");
        self.end += n;
    }

    /// Takes `bytes` as input, by copying. Call [`Splitter::next_picture`] until it has none before the next.
    pub fn extend(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(ROOM) {
            self.room()[..chunk.len()].copy_from_slice(chunk);
            self.filled(chunk.len());
        }
    }

    /// The next whole picture, SOI to EOI, if its last byte is there. It is given away where it lies, and what follows it
    /// moves; unless that is more than the picture.
    pub fn next_picture(&mut self) -> Option<Picture> {
        let (from, to) = self.walk()?;
        let behind = self.end - to;
        if behind > to - from {
            return Some(Picture::copied(&self.buf[from..to], &self.pool));
        }
        let mut next = self.pool.take(LEN.max(HEAD_ROOM + behind + TAIL_ROOM));
        next[HEAD_ROOM..HEAD_ROOM + behind].copy_from_slice(&self.buf[to..self.end]);
        let taken = mem::replace(&mut self.buf, next);
        self.moved_to_front();
        Some(Picture::lent(taken, from, to, &self.pool))
    }

    /// Advances until a picture ends or the input does.
    fn walk(&mut self) -> Option<(usize, usize)> {
        loop {
            let more = match self.state {
                State::Seek => self.seek(),
                State::Marker => match self.marker() {
                    Step::On => true,
                    Step::Wait => false,
                    Step::Picture(from, to) => return Some((from, to)),
                },
                State::Scan => self.scan(),
                State::OnlyScan => self.only_scan(),
            };
            if !more {
                if self.end - self.start > self.max_frame_bytes {
                    self.dropped.oversized += 1;
                    self.skip_to(self.end);
                    self.state = State::Seek;
                }
                return None;
            }
        }
    }

    fn seek(&mut self) -> bool {
        let held = &self.buf[..self.end];
        let mut at = self.pos;
        while let Some(i) = memchr(0xFF, &held[at..]) {
            at += i;
            match (held.get(at + 1), held.get(at + 2)) {
                (Some(&marker::SOI), Some(0xFF)) => {
                    self.skip_to(at);
                    self.begin(at + 2);
                    return true;
                }
                (Some(&marker::SOI), None) | (None, _) => {
                    self.skip_to(at);
                    return false;
                }
                _ => at += 1,
            }
        }
        self.skip_to(self.end);
        false
    }

    /// A picture begins at `start`; its SOI ends at `pos`.
    fn begin(&mut self, pos: usize) {
        self.pos = pos;
        self.segment = pos;
        self.has_scan = false;
        self.components = None;
        self.state = State::Marker;
    }

    fn marker(&mut self) -> Step {
        let held = &self.buf[..self.end];
        let Some(&first) = held.get(self.pos) else {
            return Step::Wait;
        };
        if first != 0xFF {
            // Cameras leave bytes between segments, and decoders pass over them. But a segment that was cut
            // also ends somewhere odd, with the beginning of the next picture inside.
            let at_soi = self.pos == self.start + 2;
            if at_soi
                || memmem::find(&held[self.segment..self.pos], &[0xFF, marker::SOI, 0xFF]).is_some()
            {
                return self.broken();
            }
            self.pos = memchr(0xFF, &held[self.pos..]).map_or(self.end, |i| self.pos + i);
            self.segment = self.pos;
            return Step::On;
        }
        // Any number of fill bytes may stand in front of a marker, B.1.1.2.
        let Some(fill) = held[self.pos + 1..].iter().position(|&b| b != 0xFF) else {
            self.pos = self.end - 1;
            return Step::Wait;
        };
        let at = self.pos + 1 + fill;
        match held[at] {
            0x00 => self.broken(),
            marker::SOI => {
                // The picture before was cut short; this one may be whole.
                self.dropped.broken += 1;
                self.skip_to(at - 1);
                self.begin(at + 1);
                Step::On
            }
            marker::EOI => {
                let (from, to) = (self.start, at + 1);
                self.pos = to;
                if !self.has_scan {
                    return self.broken();
                }
                self.state = State::Seek;
                if to - from > self.max_frame_bytes {
                    self.dropped.oversized += 1;
                    self.skip_to(to);
                    return Step::On;
                }
                self.start = to;
                Step::Picture(from, to)
            }
            marker::TEM | marker::RST0..=marker::RST7 => {
                self.pos = at + 1;
                Step::On
            }
            code => {
                self.pos = at - 1;
                let (Some(&hi), Some(&lo)) = (held.get(at + 1), held.get(at + 2)) else {
                    return Step::Wait;
                };
                let len = usize::from(u16::from_be_bytes([hi, lo]));
                if len < 2 {
                    return self.broken();
                }
                let next = at + 1 + len;
                if next > self.end {
                    return Step::Wait;
                }
                self.segment = self.pos;
                self.pos = next;
                let payload = &held[at + 3..next];
                match code {
                    marker::SOF0 | marker::SOF1 => self.components = components(payload),
                    marker::SOS => {
                        // A scan of all components of a sequential picture is its only one.
                        let is_only = self.components.is_some_and(|n| payload.first() == Some(&n))
                            && !self.has_scan;
                        self.has_scan = true;
                        self.state = if is_only {
                            State::OnlyScan
                        } else {
                            State::Scan
                        };
                    }
                    _ => {}
                }
                Step::On
            }
        }
    }

    fn scan(&mut self) -> bool {
        let held = &self.buf[..self.end];
        let mut at = self.pos;
        while let Some(i) = memchr(0xFF, &held[at..]) {
            at += i;
            match held.get(at + 1) {
                // A stuffed FF, or a restart: both belong to the data.
                Some(0x00 | marker::RST0..=marker::RST7) => at += 2,
                Some(0xFF) => at += 1,
                Some(_) => {
                    self.pos = at;
                    self.state = State::Marker;
                    return true;
                }
                None => {
                    self.pos = at;
                    return false;
                }
            }
        }
        self.pos = self.end;
        false
    }

    /// Two searches at the speed of memory, where [`Splitter::scan`] stops at every FF.
    fn only_scan(&mut self) -> bool {
        let held = &self.buf[self.pos..self.end];
        let end = self.eoi.find(held);
        // Another beginning in front of the end: the picture was cut short.
        let begin = self.soi.find(&held[..end.unwrap_or(held.len())]);
        if let Some(found) = begin.or(end) {
            self.pos += found;
            self.state = State::Marker;
            return true;
        }
        // The last byte may be the first of a marker.
        self.pos = if held.last() == Some(&0xFF) {
            self.end - 1
        } else {
            self.end
        };
        false
    }

    /// The picture in progress makes no sense. What follows its SOI may hold a whole one all the same: after
    /// a cut, the length of a half segment has swallowed the beginning of the next picture.
    fn broken(&mut self) -> Step {
        self.dropped.broken += 1;
        let again = (self.start + 2).max(self.walked_to).min(self.end);
        self.walked_to = self.walked_to.max(self.pos);
        self.skip_to(again);
        self.state = State::Seek;
        Step::On
    }

    /// Gives up `buf[start..to]`.
    fn skip_to(&mut self, to: usize) {
        self.dropped.bytes += (to - self.start) as u64;
        self.start = to;
        self.pos = to;
    }
}

/// The number of components in a frame header of the right length, B.2.2.
fn components(frame_header: &[u8]) -> Option<u8> {
    let count = *frame_header.get(5)?;
    (count > 0 && frame_header.len() == 6 + 3 * usize::from(count)).then_some(count)
}

enum Step {
    On,
    Wait,
    Picture(usize, usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIC: &[u8] =
        b"\xFF\xD8\xFF\xE0\x00\x04ab\xFF\xDA\x00\x03cdata\xFF\x00more\xFF\xD0x\xFF\xD9";

    /// Every way of feeding must give the same pictures; returns them and the counts of the last way.
    fn split(input: &[u8], max: usize) -> (Vec<Vec<u8>>, Dropped) {
        let mut all = Vec::new();
        for size in (1..=input.len().min(9)).chain([input.len().max(1)]) {
            let mut splitter = Splitter::new(max);
            let mut pictures = Vec::new();
            for chunk in input.chunks(size) {
                splitter.extend(chunk);
                while let Some(picture) = splitter.next_picture() {
                    pictures.push(picture.to_vec());
                }
            }
            all.push((pictures, splitter.dropped()));
        }
        let last = all.pop().expect("one way at least");
        for (pictures, _) in all {
            assert_eq!(pictures, last.0, "chunking changes what comes out");
        }
        last
    }

    fn check(parts: &[&[u8]], pictures: &[&[u8]], broken: u64, junk: usize) {
        let (got, dropped) = split(&parts.concat(), 8 << 20);
        assert_eq!(got, pictures);
        assert_eq!((dropped.broken, dropped.bytes), (broken, junk as u64));
    }

    #[test]
    fn cuts_at_the_true_end() {
        let soi = b"\xFF\xD8".as_slice();
        let sos = b"\xFF\xDA\x00\x02scan".as_slice();
        let eoi = b"\xFF\xD9".as_slice();
        check(&[PIC, PIC], &[PIC, PIC], 0, 0);
        check(
            &[b"junk\xFF\xFF\xD8", PIC, b"more\xFF", PIC],
            &[PIC, PIC],
            1,
            12,
        );
        // An EXIF thumbnail: a whole picture inside a segment.
        let exif = [soi, b"\xFF\xE1\x00\x1E", PIC, sos, eoi].concat();
        assert_eq!(PIC.len() + 2, 0x1E);
        check(&[&exif, PIC], &[&exif, PIC], 0, 0);
        // Two scans with a table between them whose payload looks like an end.
        let scans = [soi, sos, b"\xFF\xC4\x00\x04\xFF\xD9", sos, eoi].concat();
        check(&[&scans], &[&scans], 0, 0);
        // Fill bytes in front of every marker, and in front of the end.
        let fill = [b"\xFF\xD8\xFF\xFF\xFF\xDA\x00\x02scan\xFF\xFF\xFF\xD9".as_slice()].concat();
        check(&[&fill, PIC], &[&fill, PIC], 0, 0);
    }

    #[test]
    fn the_only_scan_of_a_sequential_picture_ends_with_it() {
        const HEAD: &[u8] = b"\xFF\xD8\xFF\xC0\x00\x0B\x08\x00\x10\x00\x10\x01\x01\x11\x00\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00";
        let one = [HEAD, b"da\xFF\x00ta\xFF\xD3more\xFF\xFF\xD9"].concat();
        check(&[&one, PIC, &one], &[&one, PIC, &one], 0, 0);
        // Cut short: the next beginning counts, whatever stands in between.
        let cut = [HEAD, b"da\xFF\xC4ta\xFF"].concat();
        check(&[&cut, &one], &[&one], 1, cut.len());
        // A lying frame header: two components, one in the scan; then the walk is exact again.
        let two = [&HEAD[..11], b"\x02\x01\x11\x00\x02\x11\x00", &HEAD[15..]].concat();
        let two = [&two[..4], b"\x00\x0E", &two[6..]].concat();
        let scans = [
            &two,
            b"x\xFF\xC4\x00\x04\xFF\xD9".as_slice(),
            &HEAD[15..],
            b"y\xFF\xD9",
        ]
        .concat();
        check(&[&scans, &one], &[&scans, &one], 0, 0);
    }

    #[test]
    fn passes_over_what_makes_no_sense() {
        // Cut inside the scan: the next SOI starts anew.
        check(&[&PIC[..18], PIC], &[PIC], 1, 18);
        // Cut inside a segment, whose length then swallows the beginning of the next picture.
        check(
            &[b"\xFF\xD8\xFF\xE0\x00\x10ab", PIC, PIC],
            &[PIC, PIC],
            1,
            8,
        );
        // No scan, a length below two, a stuffed byte where a marker belongs.
        check(&[b"\xFF\xD8\xFF\xD9", PIC], &[PIC], 1, 4);
        check(&[b"\xFF\xD8\xFF\xE0\x00\x02\xFF\xD9", PIC], &[PIC], 1, 8);
        check(&[b"\xFF\xD8\xFF\xE0\x00\x01", PIC], &[PIC], 1, 6);
        check(&[b"\xFF\xD8\xFF\x00", PIC], &[PIC], 1, 4);
    }

    #[test]
    fn a_picture_is_there_with_its_last_byte() {
        let mut splitter = Splitter::new(1000);
        splitter.extend(&PIC[..PIC.len() - 1]);
        assert!(splitter.next_picture().is_none());
        splitter.extend(&PIC[PIC.len() - 1..]);
        assert_eq!(splitter.next_picture().as_deref(), Some(PIC));
    }

    #[test]
    fn a_picture_without_end_takes_bounded_memory() {
        let max = 300_000;
        let mut splitter = Splitter::new(max);
        splitter.extend(b"\xFF\xD8\xFF\xDA\x00\x02");
        for _ in 0..1000 {
            splitter.extend(&[7; 10_000]);
            assert!(splitter.next_picture().is_none());
            assert!(splitter.buf.len() <= 4 * max, "{}", splitter.buf.len());
        }
        assert_eq!(splitter.dropped().oversized, 1);
        splitter.extend(PIC);
        assert_eq!(splitter.next_picture().as_deref(), Some(PIC));
    }

    #[test]
    fn the_limit_is_exact() {
        assert_eq!(split(PIC, PIC.len()).0, [PIC]);
        let (pictures, dropped) = split(&[PIC, PIC].concat(), PIC.len() - 1);
        assert!(pictures.is_empty());
        assert_eq!(dropped.bytes, 2 * PIC.len() as u64);
        assert!(dropped.oversized >= 1);
    }

    #[test]
    fn hostile_starts_cost_no_quadratic_work() {
        // Every four bytes could be a picture; each fails far behind. Were each tried to its end, this test
        // would take minutes.
        let evil = b"\xFF\xD8\xFF\xE1".repeat(1 << 20);
        let mut splitter = Splitter::new(8 << 20);
        for chunk in evil.chunks(ROOM) {
            splitter.extend(chunk);
            assert!(splitter.next_picture().is_none());
        }
        splitter.extend(&[0; 70_000]);
        while splitter.next_picture().is_some() {}
        splitter.extend(PIC);
        assert_eq!(splitter.next_picture().as_deref(), Some(PIC));
    }
}

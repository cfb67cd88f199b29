//! The shared buffers: one is being filled, one is the newest, older ones live while a slow viewer is in them.

use std::io::Write as _;

use crate::clock::realtime_ns;

/// What comes before the first part.
pub(super) const OPENING: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: multipart/x-mixed-replace; boundary=floorframe\r\n\
    Cache-Control: no-store\r\nConnection: close\r\n\r\n--floorframe";
/// The delimiter goes out with the picture before it, as browsers like it.
const TAIL: &[u8] = b"\r\n--floorframe";
/// Room in front of the JPEG for the head of its part.
const HEAD_ROOM: usize = 128;
/// One read of a pipe gives at most this much.
const READ: usize = 64 << 10;

/// One buffer: room for the head, JPEG, room for the tail and for one more read.
#[derive(Debug)]
pub(super) struct Slot {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    users: usize,
}

impl Slot {
    fn new() -> Self {
        Self {
            bytes: vec![0; HEAD_ROOM + 2 * READ],
            start: 0,
            end: 0,
            users: 0,
        }
    }

    /// Room behind the first `filled` bytes of JPEG, at least as much as one read gives.
    pub(super) fn room(&mut self, filled: usize) -> &mut [u8] {
        let from = HEAD_ROOM + filled;
        if self.bytes.len() < from + READ {
            self.bytes.resize(from + 2 * READ, 0);
        }
        &mut self.bytes[from..]
    }

    /// The first `filled` bytes of JPEG.
    pub(super) fn filled(&self, filled: usize) -> &[u8] {
        &self.bytes[HEAD_ROOM..HEAD_ROOM + filled]
    }

    fn part(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Puts head and tail around the JPEG where it lies.
    fn finish(&mut self, length: usize) {
        let now_us = realtime_ns() / 1000;
        let mut head = [0; HEAD_ROOM];
        let mut left = &mut head[..];
        write!(
            left,
            "\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\
             X-Timestamp: {}.{:06}\r\n\r\n",
            now_us / 1_000_000,
            now_us % 1_000_000
        )
        .expect("HEAD_ROOM holds the longest numbers");
        let head_len = HEAD_ROOM - left.len();
        self.start = HEAD_ROOM - head_len;
        self.bytes[self.start..HEAD_ROOM].copy_from_slice(&head[..head_len]);
        self.room(length)[..TAIL.len()].copy_from_slice(TAIL);
        self.end = HEAD_ROOM + length + TAIL.len();
    }
}

/// All buffers. Grows with the number of viewers that lag, never per frame.
#[derive(Debug)]
pub(super) struct Frames {
    slots: Vec<Slot>,
    filling: usize,
    newest: Option<usize>,
    /// Frames published so far; the newest frame's number.
    pub(super) number: u64,
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            slots: vec![Slot::new(), Slot::new()],
            filling: 0,
            newest: None,
            number: 0,
        }
    }
}

impl Frames {
    /// The buffer the camera writes into.
    pub(super) fn filling(&mut self) -> &mut Slot {
        &mut self.slots[self.filling]
    }

    /// The first `length` bytes are a frame, the `surplus` behind them belong to the next one.
    pub(super) fn publish(&mut self, length: usize, surplus: usize) {
        let done = self.filling;
        if let Some(old) = self.newest.replace(done) {
            self.leave(old);
        }
        self.slots[done].users = 1;
        self.number += 1;
        let free = self.slots.iter().position(|slot| slot.users == 0);
        self.filling = free.unwrap_or_else(|| {
            self.slots.push(Slot::new());
            self.slots.len() - 1
        });
        if surplus != 0 {
            let rest = self.slots[done].filled(length + surplus)[length..].to_vec();
            self.filling().room(0)[..surplus].copy_from_slice(&rest);
        }
        self.slots[done].finish(length);
    }

    /// The newest part, ready to be sent, and where it lies.
    pub(super) fn newest(&self) -> Option<(usize, &[u8])> {
        self.newest.map(|slot| (slot, self.slots[slot].part()))
    }

    /// The part in this buffer.
    pub(super) fn part(&self, slot: usize) -> &[u8] {
        self.slots[slot].part()
    }

    /// A viewer stays in this buffer for a while.
    pub(super) fn enter(&mut self, slot: usize) {
        self.slots[slot].users += 1;
    }

    /// It is done with it.
    pub(super) fn leave(&mut self, slot: usize) {
        self.slots[slot].users -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(frames: &mut Frames, jpeg: &[u8]) -> usize {
        frames.filling().room(0)[..jpeg.len()].copy_from_slice(jpeg);
        frames.publish(jpeg.len(), 0);
        frames.newest().unwrap().0
    }

    #[test]
    fn part_is_head_jpeg_delimiter() {
        let mut frames = Frames::default();
        publish(&mut frames, b"JPEG");
        let part = String::from_utf8(frames.newest().unwrap().1.to_vec()).unwrap();
        let (head, body) = part.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("\r\nContent-Type: image/jpeg\r\nContent-Length: 4\r\n"));
        assert_eq!(body, "JPEG\r\n--floorframe");
    }

    #[test]
    fn two_buffers_do_unless_someone_lags() {
        let mut frames = Frames::default();
        for _ in 0..10 {
            publish(&mut frames, b"JPEG");
        }
        assert_eq!(frames.slots.len(), 2);
        let held = publish(&mut frames, b"HELD");
        frames.enter(held);
        for _ in 0..10 {
            assert_ne!(publish(&mut frames, b"JPEG"), held);
        }
        assert!(frames.part(held).windows(4).any(|four| four == b"HELD"));
        frames.leave(held);
        publish(&mut frames, b"JPEG");
        publish(&mut frames, b"JPEG");
        assert_eq!(frames.slots.len(), 3);
    }
}

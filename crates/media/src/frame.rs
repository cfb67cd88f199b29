//! One picture and when it was taken.

use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use crate::{Picture, jpeg, message, multipart};

/// Wall clock time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMicros(pub u64);

impl UnixMicros {
    /// Seconds and the microseconds within the second.
    #[must_use]
    pub fn split(self) -> (u64, u64) {
        (self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl From<SystemTime> for UnixMicros {
    /// A clock before 1970 (a Pi without a network at boot) counts as 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for UnixMicros {
    /// `seconds.microseconds`, six digits after the point, as `X-Timestamp` wants it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, us) = self.split();
        write!(f, "{s}.{us:06}")
    }
}

/// Presentation time in ticks of 90 kHz since the stream began; never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pts90k(pub u64);

impl From<Duration> for Pts90k {
    fn from(since_start: Duration) -> Self {
        let ticks = since_start.as_micros() * 9 / 100;
        Self(u64::try_from(ticks).unwrap_or(u64::MAX))
    }
}

/// What the bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// One whole JPEG picture, SOI to EOI.
    Jpeg,
}

/// One picture, immutable and shared.
///
/// The bytes are kept once, inside the multipart part that MJPEG viewers get: a viewer costs a pointer
/// to [`Frame::part`], everybody else reads [`Frame::bytes`] out of the same memory.
#[derive(Clone)]
pub struct Frame {
    /// Counts up by one for each frame of a stream, over restarts of its camera too.
    pub seq: u64,
    /// Time on the stream's own scale.
    pub pts: Pts90k,
    /// Wall clock when the last byte arrived.
    pub captured: UnixMicros,
    /// The same moment on the monotonic clock, for ages.
    pub arrived: Instant,
    /// What the bytes are.
    pub codec: Codec,
    /// Decodes without any other frame; always so for JPEG.
    pub is_key: bool,
    /// Says that there is no picture, in place of one from the camera.
    pub is_placeholder: bool,
    /// Laid out by [`multipart::pack`].
    packed: Bytes,
    head_len: usize,
    len: usize,
    /// Laid out by [`message::pack`]; made for the first who asks.
    message: OnceLock<Bytes>,
}

impl Frame {
    /// A JPEG picture, copied once into the part that viewers share.
    #[must_use]
    pub fn jpeg(
        seq: u64,
        pts: Pts90k,
        captured: UnixMicros,
        arrived: Instant,
        jpeg: &[u8],
    ) -> Self {
        Self::new(seq, pts, captured, arrived, jpeg.into())
    }

    /// A JPEG picture, in the memory where it lies.
    #[must_use]
    pub fn new(
        seq: u64,
        pts: Pts90k,
        captured: UnixMicros,
        arrived: Instant,
        picture: Picture,
    ) -> Self {
        let len = picture.len();
        let (packed, head_len) = multipart::pack(picture, captured);
        Self {
            seq,
            pts,
            captured,
            arrived,
            codec: Codec::Jpeg,
            is_key: true,
            is_placeholder: false,
            packed,
            head_len,
            len,
            message: OnceLock::new(),
        }
    }

    /// Marks the frame as a placeholder.
    #[must_use]
    pub fn placeholder(mut self) -> Self {
        self.is_placeholder = true;
        self.message = OnceLock::new();
        self
    }

    /// The picture alone: one whole JPEG.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.packed.slice(self.head_len..self.head_len + self.len)
    }

    /// The picture's length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the picture has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The multipart part: head, picture, delimiter.
    #[must_use]
    pub fn part(&self) -> Bytes {
        self.packed
            .slice(..self.head_len + self.len + multipart::TAIL.len())
    }

    /// The multipart part of a stream with heads in advance: picture, delimiter, the next part's head.
    #[must_use]
    pub fn advance_part(&self) -> Bytes {
        self.packed.slice(self.head_len..)
    }

    /// The frame as one message; see [`message`]. Copied for the first who asks, and shared with all others.
    #[must_use]
    pub fn message(&self) -> Bytes {
        self.message.get_or_init(|| message::pack(self)).clone()
    }

    /// Width and height in pixels, read from the picture's frame header.
    #[must_use]
    pub fn dimensions(&self) -> Option<(u16, u16)> {
        jpeg::dimensions(&self.packed[self.head_len..])
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("seq", &self.seq)
            .field("pts", &self.pts)
            .field("captured", &self.captured)
            .field("codec", &self.codec)
            .field("is_placeholder", &self.is_placeholder)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_and_convert() {
        let time = UNIX_EPOCH + Duration::from_micros(1_700_000_000_000_042);
        assert_eq!(UnixMicros::from(time).to_string(), "1700000000.000042");
        assert_eq!(UnixMicros::from(UNIX_EPOCH - Duration::from_secs(1)).0, 0);
        assert_eq!(Pts90k::from(Duration::from_millis(50)).0, 4500);
    }

    #[test]
    fn one_allocation_serves_part_and_picture() {
        let jpeg = [0xFF, 0xD8, 1, 2, 3, 0xFF, 0xD9];
        let frame = Frame::jpeg(7, Pts90k(0), UnixMicros(1_500_000), Instant::now(), &jpeg);
        assert_eq!(&frame.bytes()[..], &jpeg);
        assert_eq!(frame.len(), jpeg.len());
        let part = frame.part();
        assert_eq!(
            &frame.advance_part()[..],
            b"\xFF\xD8\x01\x02\x03\xFF\xD9\r\n--cctvframe\r\nContent-Type: image/jpeg\r\n\r\n"
        );
        let inside = part.as_ptr_range();
        assert!(inside.contains(&frame.bytes().as_ptr()));
        assert_eq!(
            &part[..],
            b"\r\nContent-Type: image/jpeg\r\nContent-Length: 7\r\nX-Timestamp: 1.500000\r\n\r\n\xFF\xD8\x01\x02\x03\xFF\xD9\r\n--cctvframe"
        );
    }
}

//! The wire form of a live MJPEG stream: `multipart/x-mixed-replace`, RFC 2046 clause 5.1.
//!
//! A stream is [`OPENING`], then a part for each frame, then [`CLOSING`]. The delimiter after a picture goes
//! out with that picture and not with the next one, for clients that wait for it; the line end after the
//! delimiter belongs to the next part, so that the close delimiter can still follow.
//!
//! Chromium shows a picture only when the *head* of the next part is complete: one frame time late, and never
//! if nothing follows. For such clients there is a second form, asked for by `?advance_headers=1`: it opens with
//! [`ADVANCE_OPENING`], and each part is the picture, the delimiter and the head of the part to come. That head
//! cannot know the length or the time of its picture, and such a stream ends with its connection: an empty last part
//! would bring the tab down.
//!
//! `pack` lays out one frame so that both forms are slices of the same memory.

use std::io::Write as _;

use bytes::Bytes;

use crate::{
    Picture, UnixMicros,
    space::{HEAD_ROOM, TAIL_ROOM},
};

/// Boundary announced in [`CONTENT_TYPE`]. Browsers look for it and not at the lengths: see [`is_part`].
pub const BOUNDARY: &str = "cctvframe";
/// Value of the response's `Content-Type`.
pub const CONTENT_TYPE: &str = "multipart/x-mixed-replace; boundary=cctvframe";
/// First bytes of a stream.
pub const OPENING: &[u8] = b"--cctvframe";
/// First bytes of a stream with heads in advance.
pub const ADVANCE_OPENING: &[u8] = b"--cctvframe\r\nContent-Type: image/jpeg\r\n\r\n";
/// What follows the picture within its part.
pub const TAIL: &[u8] = b"\r\n--cctvframe";
/// What follows the picture, and [`TAIL`], when heads go in advance.
pub const ADVANCE_HEAD: &[u8] = b"\r\nContent-Type: image/jpeg\r\n\r\n";
/// [`TAIL`] and [`ADVANCE_HEAD`], as they stand behind each picture.
const BEHIND: &[u8] = b"\r\n--cctvframe\r\nContent-Type: image/jpeg\r\n\r\n";
const _: () = assert!(BEHIND.len() <= TAIL_ROOM && BEHIND.len() == TAIL.len() + ADVANCE_HEAD.len());
/// Last bytes of a stream that ends in good order.
pub const CLOSING: &[u8] = b"--\r\n";

/// Whether a picture stays within its part. One that has the delimiter in it, in a comment say, would end the part for
/// browsers, and could begin one of its own: a page with a script, in the name of this server.
#[must_use]
pub fn is_part(jpeg: &[u8]) -> bool {
    memchr::memmem::find(jpeg, OPENING).is_none()
}

/// Lays out one picture as head, JPEG, [`TAIL`], [`ADVANCE_HEAD`], around where it lies, and says how long the head is.
pub(crate) fn pack(picture: Picture, captured: UnixMicros) -> (Bytes, usize) {
    // The fixed text, two 20-digit numbers and one of six.
    let mut head = [0u8; HEAD_ROOM];
    let mut left = &mut head[..];
    write!(
        left,
        "\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {captured}\r\n\r\n",
        picture.len()
    )
    .expect("HEAD_ROOM holds the longest numbers");
    let head_len = HEAD_ROOM - left.len();
    (picture.between(&head[..head_len], BEHIND), head_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_agree() {
        assert!(CONTENT_TYPE.ends_with(BOUNDARY));
        assert_eq!(OPENING, format!("--{BOUNDARY}").as_bytes());
        assert_eq!(ADVANCE_OPENING, [OPENING, ADVANCE_HEAD].concat());
        assert_eq!(TAIL, format!("\r\n--{BOUNDARY}").as_bytes());
        assert_eq!(BEHIND, [TAIL, ADVANCE_HEAD].concat());
    }

    #[test]
    fn a_delimiter_in_a_picture_is_found() {
        assert!(is_part(
            b"\xFF\xD8 --cctvfram --cctv-frame cctvframe \xFF\xD9"
        ));
        for inside in [OPENING, TAIL, ADVANCE_OPENING] {
            assert!(!is_part(&[b"\xFF\xD8", inside, b"\xFF\xD9"].concat()));
        }
    }

    #[test]
    fn the_longest_head_fits() {
        let (part, head_len) = pack(Picture::from(&[0; 70_000][..]), UnixMicros(u64::MAX));
        assert!(
            part[..head_len]
                .ends_with(b"Content-Length: 70000\r\nX-Timestamp: 18446744073709.551615\r\n\r\n")
        );
    }
}

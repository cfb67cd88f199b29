//! The wire form of a frame in one binary message: a head of fixed size, then the picture.
//!
//! All numbers are unsigned and big-endian, as in other network formats and as `DataView` reads them.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 1 | version of this layout: 1 |
//! | 1 | 1 | codec of the picture: 1 is JPEG |
//! | 2 | 2 | flags: 1 placeholder, 2 key frame |
//! | 4 | 4 | length of the picture in bytes |
//! | 8 | 8 | sequence number of the frame; a gap is what the viewer was not sent |
//! | 16 | 8 | time of capture in microseconds since 1970 |
//! | 24 | 2 | width in pixels, 0 if not known |
//! | 26 | 2 | height in pixels, 0 if not known |
//! | 28 | 4 | 0; may mean something in a later version |

use bytes::Bytes;

use crate::{Codec, Frame};

/// Length of the head in bytes.
pub const HEAD_LEN: usize = 32;
/// Version of the layout.
pub const VERSION: u8 = 1;
/// The frame says that there is no picture.
pub const PLACEHOLDER: u16 = 1;
/// The frame decodes without any other.
pub const KEY: u16 = 2;

/// Head and picture in one piece of memory.
pub(crate) fn pack(frame: &Frame) -> Bytes {
    let codec = match frame.codec {
        Codec::Jpeg => 1_u8,
    };
    let mut flags = 0;
    if frame.is_placeholder {
        flags |= PLACEHOLDER;
    }
    if frame.is_key {
        flags |= KEY;
    }
    let (width_px, height_px) = frame.dimensions().unwrap_or_default();
    let picture = frame.bytes();
    let mut out = Vec::with_capacity(HEAD_LEN + picture.len());
    out.extend([VERSION, codec]);
    out.extend(flags.to_be_bytes());
    out.extend(
        u32::try_from(picture.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes(),
    );
    out.extend(frame.seq.to_be_bytes());
    out.extend(frame.captured.0.to_be_bytes());
    out.extend(width_px.to_be_bytes());
    out.extend(height_px.to_be_bytes());
    out.extend([0; 4]);
    out.extend(&picture);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pts90k, UnixMicros};
    use std::time::Instant;

    #[test]
    fn the_head_is_as_documented() {
        // SOI, a frame header of 640x480, EOI.
        let jpeg = [
            0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8, 1, 0xE0, 2, 0x80, 1, 1, 0x11, 0, 0xFF, 0xD9,
        ];
        let frame = Frame::jpeg(
            0x0102,
            Pts90k(0),
            UnixMicros(0x0304_0506),
            Instant::now(),
            &jpeg,
        );
        let message = frame.clone().placeholder().message();
        assert_eq!(
            message[..HEAD_LEN],
            [
                1, 1, 0, 3, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 5, 6, 2, 0x80,
                1, 0xE0, 0, 0, 0, 0
            ]
        );
        assert_eq!(message[HEAD_LEN..], jpeg);
        let message = frame.message();
        assert_eq!(message[3], 2);
        assert_eq!(message.as_ptr(), frame.message().as_ptr(), "made once");
    }
}

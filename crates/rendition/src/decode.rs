//! From a picture's bytes to its pixels.

use media::jpeg::{self, Segments, marker};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// Comments are carried over up to this length in all; a camera's stamp has some dozens.
const COMMENT_BYTES: usize = 4096;
/// A camera sends one scan, or three. Each one of a progressive picture costs a pass over all pixels.
const SCANS: usize = 16;

/// What a picture may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pixels in all. Three bytes each while a picture is decoded, and nine if it is progressive.
    pub pixels: u32,
}

impl Default for Limits {
    /// 4096 x 4096, the largest picture a camera can be configured for.
    fn default() -> Self {
        Self { pixels: 1 << 24 }
    }
}

/// Why there are no pixels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes have no frame header, or one that makes no sense.
    #[error("no frame header: not a JPEG picture")]
    NoHeader,
    /// More than [`Limits`] allow.
    #[error("{width_px}x{height_px} is more than {most} pixels")]
    TooLarge {
        /// By its own account.
        width_px: u16,
        /// By its own account.
        height_px: u16,
        /// What is allowed.
        most: u32,
    },
    /// Broken, or of a kind that cameras do not send.
    #[error("decode: {0}")]
    Decode(String),
    /// The encoder refused.
    #[error("encode")]
    Encode(#[from] jpeg_encoder::EncodingError),
}

/// Decodes one picture after the other, into the same memory.
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    pixels: Vec<u8>,
}

/// A decoded picture: 8-bit luma, or 8-bit Y, Cb, Cr interleaved; row-major, without padding.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width_px: u16,
    pub(crate) height_px: u16,
    /// Bytes for each pixel: 1 or 3.
    pub(crate) depth: usize,
    /// The picture they came from, for its comments.
    source: &'a [u8],
}

impl Decoder {
    /// A decoder that takes no more than this.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            pixels: Vec::new(),
        }
    }

    /// Decodes `jpeg`, SOI to EOI. A picture that is cut short in its scan gives the lines it has.
    ///
    /// # Errors
    /// When it is too large, broken, or neither gray nor YCbCr.
    pub fn decode<'a>(&'a mut self, jpeg: &'a [u8]) -> Result<Pixels<'a>, Error> {
        let (width_px, height_px) = jpeg::dimensions(jpeg)
            .filter(|(width, height)| *width > 0 && *height > 0)
            .ok_or(Error::NoHeader)?;
        let count = u32::from(width_px) * u32::from(height_px);
        if count > self.limits.pixels {
            return Err(Error::TooLarge {
                width_px,
                height_px,
                most: self.limits.pixels,
            });
        }
        let options = DecoderOptions::default()
            .set_max_width(width_px.into())
            .set_max_height(height_px.into())
            .jpeg_set_max_scans(SCANS);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let broken = |error: zune_jpeg::errors::DecodeErrors| Error::Decode(error.to_string());
        decoder.decode_headers().map_err(broken)?;
        // A second frame header with another size would make fools of the limits.
        if decoder.dimensions() != Some((width_px.into(), height_px.into())) {
            return Err(Error::Decode("two sizes in one picture".to_owned()));
        }
        // As it is stored: colours are neither looked at nor changed here.
        let (space, depth) = match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
            Some(ColorSpace::YCbCr) => (ColorSpace::YCbCr, 3),
            other => return Err(Error::Decode(format!("colours as {other:?}"))),
        };
        decoder.set_options(options.jpeg_set_out_colorspace(space));
        let len = usize::from(width_px) * usize::from(height_px) * depth;
        // One huge picture must not keep its memory for ever.
        if self.pixels.capacity() > 4 * len.max(1 << 18) {
            self.pixels = Vec::new();
        }
        self.pixels.clear();
        self.pixels.resize(len, 0);
        decoder.decode_into(&mut self.pixels).map_err(broken)?;
        Ok(Pixels {
            bytes: &self.pixels,
            width_px,
            height_px,
            depth,
            source: jpeg,
        })
    }
}

impl<'a> Pixels<'a> {
    /// The comments (COM) of the picture, as far as they are short: stamps and captions live there.
    pub(crate) fn comments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut left = COMMENT_BYTES;
        Segments::new(self.source)
            .filter(|segment| segment.code == marker::COM)
            .map(|segment| segment.payload)
            .take_while(move |payload| {
                let fits = payload.len() <= left;
                left = left.saturating_sub(payload.len());
                fits
            })
    }
}

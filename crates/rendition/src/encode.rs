//! From pixels to a smaller picture.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use media::{Quality, Scale, jpeg::marker};

use crate::{Error, Pixels};

impl Pixels<'_> {
    /// The picture at this scale and quality, with the comments of the one it is made of.
    ///
    /// # Errors
    /// When the encoder refuses, which it does not for sizes a decoded picture can have.
    pub fn encode(&self, scale: Scale, quality: Quality) -> Result<Vec<u8>, Error> {
        let shrunk = Shrunk {
            of: self,
            divisor: scale.divisor().into(),
            width_px: scale.of(self.width_px),
            height_px: scale.of(self.height_px),
        };
        let pixels = usize::from(shrunk.width_px) * usize::from(shrunk.height_px);
        let mut jpeg = Vec::with_capacity(1024 + pixels / 4);
        let mut encoder = Encoder::new(&mut jpeg, quality.number());
        // Cameras store colours at half the width or less; nothing finer can be left of them.
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode_image(shrunk)?;
        self.carry_comments_into(&mut jpeg);
        Ok(jpeg)
    }

    /// Puts the comments behind APP0, where cameras have them.
    fn carry_comments_into(&self, jpeg: &mut Vec<u8>) {
        let mut segments = Vec::new();
        for payload in self.comments() {
            let Ok(len) = u16::try_from(payload.len() + 2) else {
                continue;
            };
            segments.extend_from_slice(&[0xFF, marker::COM]);
            segments.extend_from_slice(&len.to_be_bytes());
            segments.extend_from_slice(payload);
        }
        // SOI, then APP0 with its length.
        let at = match jpeg.get(2..6) {
            Some(&[0xFF, 0xE0, high, low]) => 4 + usize::from(u16::from_be_bytes([high, low])),
            _ => 2,
        };
        if !segments.is_empty() && at <= jpeg.len() {
            jpeg.splice(at..at, segments);
        }
    }
}

/// A picture whose pixels are means of squares of another one's; made line by line, while it is encoded.
struct Shrunk<'a> {
    of: &'a Pixels<'a>,
    divisor: usize,
    width_px: u16,
    height_px: u16,
}

impl ImageBuffer for Shrunk<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.of.depth == 1 {
            JpegColorType::Luma
        } else {
            JpegColorType::Ycbcr
        }
    }

    fn width(&self) -> u16 {
        self.width_px
    }

    fn height(&self) -> u16 {
        self.height_px
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let Pixels {
            bytes,
            width_px,
            height_px,
            depth,
            ..
        } = *self.of;
        let stride = usize::from(width_px) * depth;
        let first = usize::from(y) * self.divisor;
        // Squares at the right and lower edge may be cut off.
        let last = (first + self.divisor).min(height_px.into());
        let rows = &bytes[first * stride..last * stride];
        match (self.divisor, depth) {
            (1, 1) => buffers[0].extend_from_slice(rows),
            (1, _) => {
                for (channel, buffer) in buffers[..3].iter_mut().enumerate() {
                    buffer.extend(rows.iter().skip(channel).step_by(3));
                }
            }
            (2, 1) => shrink_line::<2, 1>(rows, stride, buffers),
            (2, _) => shrink_line::<2, 3>(rows, stride, buffers),
            (_, 1) => shrink_line::<4, 1>(rows, stride, buffers),
            (_, _) => shrink_line::<4, 3>(rows, stride, buffers),
        }
    }
}

/// Appends one line of means of `SIDE x SIDE` squares. `rows` are as many as are there, at most `SIDE`.
fn shrink_line<const SIDE: usize, const DEPTH: usize>(
    rows: &[u8],
    stride: usize,
    buffers: &mut [Vec<u8>; 4],
) {
    let count = rows.len() / stride;
    for left in (0..stride).step_by(SIDE * DEPTH) {
        let width = (SIDE * DEPTH).min(stride - left);
        let mut sums = [0_u32; DEPTH];
        for row in 0..count {
            let square = &rows[row * stride + left..row * stride + left + width];
            for pixel in square.chunks_exact(DEPTH) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(*value);
                }
            }
        }
        let pixels = u32::try_from(count * width / DEPTH).unwrap_or(1);
        for (buffer, sum) in buffers.iter_mut().zip(sums) {
            buffer.push(u8::try_from((sum + pixels / 2) / pixels).unwrap_or(u8::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Limits};
    use media::jpeg::{Segments, dimensions};
    use proptest::prelude::*;

    fn drawn(width_px: u16, height_px: u16) -> Vec<u8> {
        picture::placeholder(width_px, height_px, "door", &["The camera is starting."]).unwrap()
    }

    /// Mean of the luma.
    fn brightness(pixels: &Pixels<'_>) -> f64 {
        let sum: u64 = pixels
            .bytes
            .iter()
            .step_by(pixels.depth)
            .map(|b| u64::from(*b))
            .sum();
        sum as f64 / (pixels.bytes.len() / pixels.depth) as f64
    }

    #[test]
    fn every_form_is_a_picture_of_its_size_and_looks_the_same() {
        for (width_px, height_px) in [(640, 480), (641, 479), (64, 48)] {
            let source = drawn(width_px, height_px);
            let (mut one, mut two) = (Decoder::default(), Decoder::default());
            let whole = one.decode(&source).unwrap();
            for scale in Scale::ALL {
                let mut lengths = Vec::new();
                for quality in Quality::ALL {
                    let small = whole.encode(scale, quality).unwrap();
                    let size = (scale.of(width_px), scale.of(height_px));
                    assert_eq!(dimensions(&small), Some(size));
                    let again = two.decode(&small).unwrap();
                    let difference = (brightness(&whole) - brightness(&again)).abs();
                    assert!(difference < 3.0, "{scale:?} {quality:?}: {difference}");
                    lengths.push(small.len());
                }
                assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
            }
        }
    }

    #[test]
    fn short_comments_are_carried_over_and_long_ones_are_not() {
        let mut source = drawn(64, 48);
        let mut comments = vec![0xFF, marker::COM, 0, 5, 1, 2, 3];
        comments.extend([0xFF, marker::COM, 0x20, 0]);
        comments.extend([7; 0x2000 - 2]);
        source.splice(2..2, comments);
        let mut decoder = Decoder::default();
        let small = decoder
            .decode(&source)
            .unwrap()
            .encode(Scale::Half, Quality::Q50)
            .unwrap();
        let found: Vec<_> = Segments::new(&small)
            .filter(|s| s.code == marker::COM)
            .map(|s| s.payload.to_vec())
            .collect();
        assert_eq!(found, [vec![1, 2, 3]]);
        assert_eq!(&small[..4], [0xFF, 0xD8, 0xFF, 0xE0], "APP0 stays first");
        Decoder::default().decode(&small).unwrap();
    }

    #[test]
    fn what_is_too_large_is_refused_before_memory_is_taken() {
        let mut source = drawn(64, 48);
        let at = source.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
        source[at + 5..at + 9].fill(0xFF);
        let mut decoder = Decoder::default();
        let error = decoder.decode(&source).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        assert!(
            Decoder::new(Limits {
                pixels: 64 * 48 - 1
            })
            .decode(&drawn(64, 48))
            .is_err()
        );
        assert!(
            Decoder::new(Limits { pixels: 64 * 48 })
                .decode(&drawn(64, 48))
                .is_ok()
        );
    }

    #[test]
    fn pictures_of_the_field_decode_or_are_refused_in_words() {
        let folder = std::env::var_os("CCTV_TEST_MEDIA").map_or_else(
            || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media"),
            std::path::PathBuf::from,
        );
        let Ok(files) = std::fs::read_dir(folder.join("jpeg")) else {
            eprintln!("SKIPPED: no test media (set CCTV_TEST_MEDIA)");
            return;
        };
        let (mut good, mut decoder) = (0, Decoder::default());
        for file in files.map_while(Result::ok) {
            let bytes = std::fs::read(file.path()).unwrap();
            match decoder.decode(&bytes) {
                Ok(pixels) => {
                    good += 1;
                    for scale in Scale::ALL {
                        pixels.encode(scale, Quality::Q30).unwrap();
                    }
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        assert!(good >= 20, "{good}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damage_never_panics(
            cut in 0_usize..8000,
            damage in prop::collection::vec((0_usize..8000, any::<u8>()), 0..8),
        ) {
            let mut source = drawn(160, 120);
            for (at, byte) in damage {
                let at = at % source.len();
                source[at] = byte;
            }
            source.truncate(source.len().saturating_sub(cut));
            let mut decoder = Decoder::new(Limits { pixels: 1 << 20 });
            if let Ok(pixels) = decoder.decode(&source) {
                pixels.encode(Scale::Half, Quality::Q30).unwrap();
            }
        }
    }
}

//! Noisy pictures of a wanted size: a scene with edges, something that moves, and sensor noise that makes real
//! scan data out of nothing. Drawn once at start, so that a frame costs a copy and a write.

use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

/// What a frame may differ from the wanted size, in hundredths.
const NEAR_PERCENT: usize = 3;

/// A scene of one size and quality.
#[derive(Debug)]
pub struct Scene {
    width_px: u16,
    height_px: u16,
    quality: u8,
    rgb: Vec<u8>,
}

impl Scene {
    /// Width and height in pixels, quality as libjpeg counts it.
    #[must_use]
    pub fn new(width_px: u16, height_px: u16, quality: u8) -> Self {
        let pixels = usize::from(width_px) * usize::from(height_px);
        Self {
            width_px,
            height_px,
            quality,
            rgb: vec![0; pixels * 3],
        }
    }

    /// `count` frames of about `bytes` each, or less where even pure noise at full quality is smaller.
    pub fn frames_of(&mut self, bytes: usize, count: usize) -> Result<Vec<Vec<u8>>, EncodingError> {
        while self.quality < 100 && self.encode(0, 255)?.len() < bytes {
            self.quality = (self.quality + 15).min(100);
        }
        let (mut low, mut high) = (0, 255);
        let mut noise = 0;
        while low <= high {
            noise = (low + high) / 2;
            let got = self.encode(0, noise)?.len();
            if got.abs_diff(bytes) * 100 <= bytes * NEAR_PERCENT {
                break;
            }
            if got < bytes {
                low = noise + 1;
            } else if noise == 0 {
                break;
            } else {
                high = noise - 1;
            }
        }
        (0..count)
            .map(|number| self.encode(number, noise))
            .collect()
    }

    /// Frame `number` of the cycle with noise of this amplitude.
    pub fn encode(&mut self, number: usize, noise: i32) -> Result<Vec<u8>, EncodingError> {
        self.draw(number, noise);
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, self.quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&self.rgb, self.width_px, self.height_px, ColorType::Rgb)?;
        Ok(jpeg)
    }

    fn draw(&mut self, number: usize, noise: i32) {
        let (width, height) = (usize::from(self.width_px), usize::from(self.height_px));
        let side = (height / 6).max(1);
        let (left, top) = (number * 16 % width, height / 3);
        // Any seed but 0; the same picture on every machine.
        let mut random =
            0x9E37_79B9_u32 ^ u32::try_from(number).unwrap_or(0).wrapping_mul(0x85EB_CA6B);
        for (y, row) in self.rgb.chunks_exact_mut(width * 3).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let wall = [
                    60 + 120 * y / height,
                    70 + 100 * x / width,
                    90 + 80 * y / height,
                ];
                let square = x.wrapping_sub(left) < side && y.wrapping_sub(top) < side;
                let tiles = y > height * 3 / 4 && (x / 32 + y / 16).is_multiple_of(2);
                let colour = match (square, tiles) {
                    (true, _) => [220, 60, 40],
                    (_, true) => [40, 45, 50],
                    _ => wall,
                };
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                let grain = i32::from(random.to_le_bytes()[1]) - 128;
                for (sample, colour) in pixel.iter_mut().zip(colour) {
                    let value = i32::try_from(colour).unwrap_or(0) + grain * noise / 128;
                    *sample = u8::try_from(value.clamp(0, 255)).unwrap_or(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_about_the_wanted_size() {
        for bytes in [4_000, 8_000] {
            let frames = Scene::new(160, 120, 50).frames_of(bytes, 3).unwrap();
            for frame in &frames {
                assert!(
                    frame.len().abs_diff(bytes) * 10 < bytes,
                    "{} for {bytes}",
                    frame.len()
                );
                assert_eq!(media::jpeg::dimensions(frame), Some((160, 120)));
            }
            assert_ne!(frames[0], frames[1]);
        }
    }
}

//! Pixels to draw on: a whole picture, or a band of its rows.
//!
//! A band keeps the coordinates of the picture it belongs to, so the same drawing code serves
//! both, and whatever falls outside is clipped.

use std::{convert::Infallible, fmt};

use embedded_graphics::{pixelcolor::Rgb888, prelude::*, primitives::Rectangle};

/// 8-bit RGB, `height × width × 3` bytes, row-major, without padding.
#[derive(Clone)]
pub(crate) struct Canvas {
    width_px: u16,
    height_px: u16,
    /// The picture's row that is the first one here.
    top_px: i32,
    rgb: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(width_px: u16, height_px: u16, color: Rgb888) -> Self {
        let pixels = usize::from(width_px) * usize::from(height_px);
        let rgb = [color.r(), color.g(), color.b()].repeat(pixels);
        Self {
            width_px,
            height_px,
            top_px: 0,
            rgb,
        }
    }

    /// A copy of the rows from `top_px` on, `height_px` of them.
    pub(crate) fn band(&self, top_px: u16, height_px: u16) -> Self {
        let stride = self.stride();
        let start = usize::from(top_px) * stride;
        let rgb = self.rgb[start..start + usize::from(height_px) * stride].to_vec();
        Self {
            width_px: self.width_px,
            height_px,
            top_px: i32::from(top_px),
            rgb,
        }
    }

    /// Takes over all pixels of a canvas of the same size, without allocating.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.rgb.copy_from_slice(&other.rgb);
    }

    pub(crate) fn width_px(&self) -> u16 {
        self.width_px
    }

    pub(crate) fn height_px(&self) -> u16 {
        self.height_px
    }

    pub(crate) fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    fn stride(&self) -> usize {
        usize::from(self.width_px) * 3
    }

    /// The bytes of the pixels `left..right` of row `y`, clipped; empty if nothing is left.
    pub(crate) fn span(&mut self, y: i32, left: i32, right: i32) -> &mut [u8] {
        let width = i32::from(self.width_px);
        let range = usize::try_from(y - self.top_px)
            .ok()
            .filter(|row| *row < usize::from(self.height_px))
            .and_then(|row| {
                let start = usize::try_from(left.clamp(0, width)).ok()?;
                let end = usize::try_from(right.clamp(0, width)).ok()?;
                let base = row * self.stride();
                (start < end).then_some(base + start * 3..base + end * 3)
            });
        range.map_or(&mut [], |range| &mut self.rgb[range])
    }

    /// Fills the pixels `left..right` of row `y`.
    pub(crate) fn fill_span(&mut self, y: i32, left: i32, right: i32, color: Rgb888) {
        let bytes = [color.r(), color.g(), color.b()];
        for pixel in self.span(y, left, right).chunks_exact_mut(3) {
            pixel.copy_from_slice(&bytes);
        }
    }

    /// Fills a rectangle.
    pub(crate) fn fill(&mut self, left: i32, top: i32, width: i32, height: i32, color: Rgb888) {
        for y in top.max(self.top_px)..(top + height).min(self.top_px + i32::from(self.height_px)) {
            self.fill_span(y, left, left + width, color);
        }
    }

    /// Lays `color` over one pixel, `alpha` of 256 parts.
    pub(crate) fn blend(&mut self, x: i32, y: i32, color: Rgb888, alpha: u16) {
        for pixel in self.span(y, x, x + 1).chunks_exact_mut(3) {
            let below = Rgb888::new(pixel[0], pixel[1], pixel[2]);
            let mixed = mix(below, color, alpha);
            pixel.copy_from_slice(&[mixed.r(), mixed.g(), mixed.b()]);
        }
    }
}

/// Without the pixels: nobody reads a million of them.
impl fmt::Debug for Canvas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Canvas({}x{} from line {})",
            self.width_px, self.height_px, self.top_px
        )
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(u32::from(self.width_px), u32::from(self.height_px))
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(at, color) in pixels {
            self.fill_span(at.y, at.x, at.x + 1, color);
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, color: Rgb888) -> Result<(), Infallible> {
        // Sides here are at most 4096, so the sums stay far from overflow.
        let Some(last) = area.bottom_right() else {
            return Ok(());
        };
        let first = area.top_left;
        self.fill(
            first.x,
            first.y,
            last.x - first.x + 1,
            last.y - first.y + 1,
            color,
        );
        Ok(())
    }
}

/// `alpha` of 256 parts of `over`, the rest of `under`.
pub(crate) fn mix(under: Rgb888, over: Rgb888, alpha: u16) -> Rgb888 {
    let alpha = alpha.min(256);
    let channel = |under: u8, over: u8| {
        let sum = u16::from(under) * (256 - alpha) + u16::from(over) * alpha.min(255);
        // At 256 parts the product would not fit 16 bits for a white pixel; 255 plus the
        // pixel itself is the same.
        let sum = if alpha == 256 {
            sum + u16::from(over)
        } else {
            sum
        };
        sum.to_be_bytes()[0]
    };
    Rgb888::new(
        channel(under.r(), over.r()),
        channel(under.g(), over.g()),
        channel(under.b(), over.b()),
    )
}

/// A grey of one level.
pub(crate) const fn grey(level: u8) -> Rgb888 {
    Rgb888::new(level, level, level)
}

/// How much of a pixel lies inside an edge, of 256 parts; `inside_px` is the distance of the
/// pixel's centre from the edge, positive inside.
pub(crate) fn coverage(inside_px: f32) -> u16 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=256 before"
    )]
    let parts = ((inside_px + 0.5) * 256.0).clamp(0.0, 256.0) as u16;
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_reaches_both_ends_and_the_middle() {
        let check = |alpha, want| assert_eq!(mix(grey(0), grey(255), alpha), grey(want));
        check(0, 0);
        check(128, 127);
        check(256, 255);
        check(999, 255);
        assert_eq!(mix(grey(255), grey(255), 77), grey(255));
    }

    #[test]
    fn a_band_keeps_the_coordinates_of_the_picture_and_clips() {
        let mut whole = Canvas::new(4, 6, grey(0));
        whole.fill(-5, 3, 7, 100, grey(9));
        let mut band = Canvas::new(4, 6, grey(0)).band(2, 3);
        band.fill(-5, 3, 7, 100, grey(9));
        assert_eq!(band.rgb(), whole.band(2, 3).rgb());
        assert_eq!(band.rgb()[..12], [0; 12], "row 2 was not touched");
        assert_eq!(band.rgb()[12..24], [9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0]);
    }
}

//! One character of a bitmap font, scaled up so that slanted strokes stay strokes.

use std::convert::Infallible;

use embedded_graphics::{
    pixelcolor::{BinaryColor, Rgb888},
    prelude::*,
};
use u8g2_fonts::{
    FontRenderer,
    types::{FontColor, VerticalPosition},
};

use crate::canvas::Canvas;

/// Draws `c`, its origin on the baseline at `at`, each of its pixels `scale` wide and high.
pub(crate) fn draw(
    font: &FontRenderer,
    c: char,
    canvas: &mut Canvas,
    at: Point,
    scale: i32,
    color: Rgb888,
) {
    let mut bits = Bits::default();
    let ink = FontColor::Transparent(BinaryColor::On);
    // The one possible error is a character that the font lacks: then nothing is drawn.
    let _ = font.render(c, Bits::ORIGIN, VerticalPosition::Baseline, ink, &mut bits);
    bits.fill(canvas, at, scale, color);
}

/// A glyph's pixels, a line per word, the first pixel in the lowest bit.
struct Bits {
    lines: [u64; Self::SIDE],
}

impl Default for Bits {
    fn default() -> Self {
        Self {
            lines: [0; Self::SIDE],
        }
    }
}

impl Bits {
    /// Room for the largest glyph, 32 by 64, and its neighbours.
    const SIDE: usize = 72;
    /// Where the glyph's origin lies in here.
    const ORIGIN: Point = Point::new(4, 56);

    fn get(&self, x: i32, y: i32) -> bool {
        let line = usize::try_from(y).ok().and_then(|y| self.lines.get(y));
        (0..64).contains(&x) && line.is_some_and(|line| line >> x & 1 == 1)
    }

    /// Draws each pixel as a square of `scale` pixels. Where two touch at their corners only,
    /// the stair between them is filled, so that slanted strokes stay strokes.
    fn fill(&self, canvas: &mut Canvas, at: Point, scale: i32, color: Rgb888) {
        let origin = at - Self::ORIGIN * scale;
        for (y, line) in (0..).zip(self.lines) {
            let top = origin.y + y * scale;
            let mut rest = line;
            while rest != 0 {
                let from = rest.trailing_zeros();
                let length = (rest >> from).trailing_ones();
                let left = origin.x + from.cast_signed() * scale;
                canvas.fill(left, top, length.cast_signed() * scale, scale, color);
                rest &= !((u64::MAX >> (64 - length)) << from);
            }
            if 1 < scale {
                self.fill_stairs(canvas, origin, y, scale, color);
            }
        }
    }

    /// Fills the empty corners between the pixels of line `y` and those of the next, where they
    /// touch like the black squares of a chess board.
    fn fill_stairs(&self, canvas: &mut Canvas, origin: Point, y: i32, scale: i32, color: Rgb888) {
        let seam = origin.y + (y + 1) * scale;
        for x in 0..63 {
            let here = (self.get(x, y), self.get(x + 1, y));
            let next = (self.get(x, y + 1), self.get(x + 1, y + 1));
            let falls = match (here, next) {
                ((true, false), (false, true)) => true,
                ((false, true), (true, false)) => false,
                _ => continue,
            };
            let corner = origin.x + (x + 1) * scale;
            for step in 0..scale - 1 {
                let width = scale - 1 - step;
                // Above the seam on the empty side, and below it on the other.
                let (above, below) = if falls {
                    (corner, corner - width)
                } else {
                    (corner - width, corner)
                };
                canvas.fill_span(seam - 1 - step, above, above + width, color);
                canvas.fill_span(seam + step, below, below + width, color);
            }
        }
    }
}

impl OriginDimensions for Bits {
    fn size(&self) -> Size {
        Size::new(64, 72)
    }
}

impl DrawTarget for Bits {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        for Pixel(at, _) in pixels {
            let line = usize::try_from(at.y)
                .ok()
                .and_then(|y| self.lines.get_mut(y));
            if let Some(line) = line.filter(|_| (0..64).contains(&at.x)) {
                *line |= 1 << at.x;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::grey;

    #[test]
    fn large_slanted_strokes_have_no_gaps() {
        let mut bits = Bits::default();
        bits.lines[0] = 0b01;
        bits.lines[1] = 0b10;
        let mut canvas = Canvas::new(16, 16, grey(0));
        bits.fill(&mut canvas, Bits::ORIGIN * 4, 4, grey(255));
        let lit = |x: i32, y: i32| canvas.clone().span(y, x, x + 1)[0] == 255;
        assert!(
            lit(0, 0) && lit(3, 3) && lit(4, 4) && lit(7, 7),
            "the squares"
        );
        assert!(
            lit(4, 3) && lit(3, 4) && lit(6, 3) && lit(4, 1) && lit(1, 4),
            "the stairs"
        );
        assert!(
            !lit(7, 3) && !lit(4, 0) && !lit(0, 4) && !lit(7, 0) && !lit(8, 4),
            "no more"
        );
    }
}

//! Text in bitmap fonts, scaled up by whole factors.
//!
//! Latin-1 is written in Spleen, Hangul in Gulim (the 2350 syllables of KS X 1001); a character
//! that neither has becomes a box, so that a name never loses its length.

use std::fmt;

use embedded_graphics::{pixelcolor::Rgb888, prelude::*};
use u8g2_fonts::{FontRenderer, fonts, types::VerticalPosition};

use crate::canvas::Canvas;
use crate::glyph;

/// Longer texts are cut before anything is measured; no picture shows as many.
const MAX_CHARS: usize = 240;

/// Side of a Hangul syllable in pixels, before scaling.
const HANGUL_PX: i32 = 16;

static HANGUL: FontRenderer = FontRenderer::new::<fonts::u8g2_font_gulim16_t_korean2>();

/// One of the Latin fonts: all letters are equally wide.
struct Face {
    font: FontRenderer,
    width_px: i32,
    height_px: i32,
    /// From the top of the line to the baseline.
    ascent_px: i32,
}

impl Face {
    const fn new(font: FontRenderer, width_px: i32, height_px: i32, ascent_px: i32) -> Self {
        Self {
            font,
            width_px,
            height_px,
            ascent_px,
        }
    }
}

static S8: Face = Face::new(
    FontRenderer::new::<fonts::u8g2_font_spleen5x8_mf>(),
    5,
    8,
    7,
);
static S12: Face = Face::new(
    FontRenderer::new::<fonts::u8g2_font_spleen6x12_mf>(),
    6,
    12,
    9,
);
static S16: Face = Face::new(
    FontRenderer::new::<fonts::u8g2_font_spleen8x16_mf>(),
    8,
    16,
    12,
);
static S24: Face = Face::new(
    FontRenderer::new::<fonts::u8g2_font_spleen12x24_mf>(),
    12,
    24,
    19,
);
static S32: Face = Face::new(
    FontRenderer::new::<fonts::u8g2_font_spleen16x32_mf>(),
    16,
    32,
    26,
);
static S64: Face = Face::new(
    FontRenderer::new::<fonts::u8g2_font_spleen32x64_mf>(),
    32,
    64,
    52,
);

/// The sizes on offer, largest first.
static SIZES: [TextSize; 12] = [
    TextSize {
        face: &S64,
        scale: 5,
    },
    TextSize {
        face: &S64,
        scale: 4,
    },
    TextSize {
        face: &S64,
        scale: 3,
    },
    TextSize {
        face: &S64,
        scale: 2,
    },
    TextSize {
        face: &S32,
        scale: 3,
    },
    TextSize {
        face: &S64,
        scale: 1,
    },
    TextSize {
        face: &S24,
        scale: 2,
    },
    TextSize {
        face: &S32,
        scale: 1,
    },
    TextSize {
        face: &S24,
        scale: 1,
    },
    TextSize {
        face: &S16,
        scale: 1,
    },
    TextSize {
        face: &S12,
        scale: 1,
    },
    TextSize {
        face: &S8,
        scale: 1,
    },
];

/// A font at a scale.
#[derive(Clone, Copy)]
pub(crate) struct TextSize {
    face: &'static Face,
    scale: i32,
}

impl fmt::Debug for TextSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextSize({} px)", self.height_px())
    }
}

impl TextSize {
    /// The sizes that `text` can be written in, at most `max_height_px` high, largest first.
    ///
    /// Hangul comes in multiples of 16 pixels only, so a text that has some does, too.
    pub(crate) fn up_to(text: &str, max_height_px: i32) -> impl Iterator<Item = Self> {
        let hangul = text.chars().any(|c| Glyph::of(c) == Glyph::Hangul);
        SIZES.into_iter().filter(move |size| {
            let height = size.height_px();
            height <= max_height_px && (!hangul || height % HANGUL_PX == 0)
        })
    }

    /// Height of the smallest size that `text` can be written in readably.
    pub(crate) fn smallest_px(text: &str) -> i32 {
        Self::up_to(text, i32::MAX)
            .map(Self::height_px)
            .filter(|height| 12 <= *height)
            .last()
            .unwrap_or(HANGUL_PX)
    }

    /// The largest size in which `text` fits into a line of this width and height.
    pub(crate) fn fitting(text: &str, max_width_px: i32, max_height_px: i32) -> Option<Self> {
        Self::up_to(text, max_height_px).find(|size| size.width_px(text) <= max_width_px)
    }

    /// Height of a line, without a gap to the next.
    pub(crate) fn height_px(self) -> i32 {
        self.face.height_px * self.scale
    }

    /// Width of a text on one line.
    pub(crate) fn width_px(self, text: &str) -> i32 {
        text.chars()
            .take(MAX_CHARS)
            .map(|c| self.advance_px(Glyph::of(c)))
            .sum()
    }

    fn advance_px(self, glyph: Glyph) -> i32 {
        match glyph {
            Glyph::Latin | Glyph::Unknown => self.face.width_px * self.scale,
            Glyph::Hangul => HANGUL_PX * self.hangul_scale(),
        }
    }

    fn hangul_scale(self) -> i32 {
        (self.height_px() / HANGUL_PX).max(1)
    }

    /// Writes one line; `left` and `top` are the corner of its first letter's cell.
    pub(crate) fn write(self, canvas: &mut Canvas, text: &str, left: i32, top: i32, color: Rgb888) {
        let mut x = left;
        for c in text.chars().take(MAX_CHARS) {
            let glyph = Glyph::of(c);
            match glyph {
                Glyph::Latin => {
                    let baseline = top + self.face.ascent_px * self.scale;
                    glyph::draw(
                        &self.face.font,
                        c,
                        canvas,
                        Point::new(x, baseline),
                        self.scale,
                        color,
                    );
                }
                Glyph::Hangul => {
                    let scale = self.hangul_scale();
                    // One line lower than a letter: the syllables hang below the baseline.
                    let baseline = top + 13 * scale;
                    glyph::draw(&HANGUL, c, canvas, Point::new(x, baseline), scale, color);
                }
                Glyph::Unknown => self.write_box(canvas, x, top, color),
            }
            x += self.advance_px(glyph);
        }
    }

    /// Writes one line around the column `middle`.
    pub(crate) fn write_centred(
        self,
        canvas: &mut Canvas,
        text: &str,
        middle: i32,
        top: i32,
        color: Rgb888,
    ) {
        self.write(canvas, text, middle - self.width_px(text) / 2, top, color);
    }

    /// The stand-in for a character that no font has.
    fn write_box(self, canvas: &mut Canvas, left: i32, top: i32, color: Rgb888) {
        let stroke = (self.height_px() / 16).max(1);
        let bottom = top + self.face.ascent_px * self.scale;
        let height = self.height_px() * 9 / 16;
        let width = self.face.width_px * self.scale - 2 * stroke;
        let (left, top) = (left + stroke, bottom - height);
        canvas.fill(left, top, width, stroke, color);
        canvas.fill(left, bottom - stroke, width, stroke, color);
        canvas.fill(left, top, stroke, height, color);
        canvas.fill(left + width - stroke, top, stroke, height, color);
    }

    /// The text, shortened with three dots if it is wider than this.
    pub(crate) fn shorten(self, text: &str, max_width_px: i32) -> String {
        if self.width_px(text) <= max_width_px && text.chars().nth(MAX_CHARS).is_none() {
            return text.to_owned();
        }
        let room = max_width_px - self.width_px("...");
        let mut width = 0;
        let kept: String = text
            .chars()
            .take_while(|c| {
                width += self.advance_px(Glyph::of(*c));
                width <= room
            })
            .collect();
        format!("{}...", kept.trim_end())
    }

    /// The text broken into lines of at most this width, between words where possible.
    pub(crate) fn wrap(self, text: &str, max_width_px: i32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if self.width_px(&longer) <= max_width_px {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if line.chars().nth(1).is_some() && max_width_px < self.width_px(&line) {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }
}

/// A text as it can be shown: on one line, not endless, typographers' signs in their plain form.
pub(crate) fn printable(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().take(MAX_CHARS) {
        match c {
            '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{ad}' => {}
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{201e}' => plain.push('"'),
            '\u{2010}'..='\u{2015}' => plain.push('-'),
            '\u{2026}' => plain.push_str("..."),
            c if c.is_control() || c.is_whitespace() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain.trim().to_owned()
}

/// Which font has a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glyph {
    Latin,
    Hangul,
    Unknown,
}

impl Glyph {
    fn of(c: char) -> Self {
        match c {
            ' '..='~' | '\u{a0}'..='\u{ff}' => Self::Latin,
            '가'..='힣' => {
                let found =
                    HANGUL.get_rendered_dimensions(c, Point::zero(), VerticalPosition::Baseline);
                if found.is_ok() {
                    Self::Hangul
                } else {
                    Self::Unknown
                }
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::grey;

    fn size(height_px: i32) -> TextSize {
        TextSize::up_to("", height_px).next().unwrap()
    }

    #[test]
    fn texts_become_printable() {
        let check = |text: &str, want: &str| assert_eq!(printable(text), want);
        check("  Front\tdoor\n", "Front door");
        check("Tom\u{2019}s \u{2013} yard\u{2026}", "Tom's - yard...");
        check("❤\u{fe0f}", "❤");
        check("정문", "정문");
        assert_eq!(printable(&"x".repeat(100_000)).len(), MAX_CHARS);
    }

    #[test]
    fn lines_break_between_words_and_within_long_ones() {
        let check = |text: &str, letters: i32, want: &[&str]| {
            assert_eq!(size(16).wrap(text, letters * 8), want);
        };
        check("one two three", 100, &["one two three"]);
        check("one two three", 8, &["one two", "three"]);
        check("one twothree", 5, &["one", "twoth", "ree"]);
        check("ab", 0, &["a", "b"]);
        check("정문 가", 4, &["정문", "가"]);
        check("", 5, &[]);
    }

    #[test]
    fn what_is_too_wide_is_shortened() {
        let check = |text: &str, letters: i32, want: &str| {
            assert_eq!(size(16).shorten(text, letters * 8), want);
        };
        check("corridor", 8, "corridor");
        check("corridor", 7, "corr...");
        check("the door", 7, "the...");
        check("정문정문", 7, "정문...");
    }

    #[test]
    fn the_largest_size_that_fits_is_found() {
        let check = |text: &str, width_px, height_px, want: Option<i32>| {
            let found = TextSize::fitting(text, width_px, height_px);
            assert_eq!(
                found.map(TextSize::height_px),
                want,
                "{text} {width_px}x{height_px}"
            );
        };
        check("abcd", 64, 100, Some(32));
        check("abcd", 63, 100, Some(24));
        check("abcd", 1000, 31, Some(24));
        check("정문", 1000, 31, Some(16));
        check("abcd", 19, 100, None);
        check("abcd", 1000, 7, None);
    }

    #[test]
    fn ink_stays_within_the_line_and_the_measured_width() {
        for size in &SIZES {
            for text in ["Äg|jÇ_", "정뷁힣", "👍"] {
                if TextSize::up_to(text, size.height_px())
                    .all(|s| s.height_px() != size.height_px())
                {
                    continue;
                }
                let (width, height) = (size.width_px(text), size.height_px());
                let mut canvas = Canvas::new(2000, 400, grey(0));
                size.write(&mut canvas, text, 20, 40, grey(255));
                let inked = canvas.rgb().iter().filter(|byte| **byte != 0).count();
                assert!(inked > 0, "{text} at {height}");
                // The highest syllables stand one of their pixels out of the line.
                let slack = height / 16;
                canvas.fill(20, 40 - slack, width, height + slack, grey(0));
                assert!(
                    canvas.rgb().iter().all(|byte| *byte == 0),
                    "{text} at {height}"
                );
            }
        }
    }

    #[test]
    fn characters_without_a_glyph_become_boxes() {
        let draw = |text: &str| {
            let mut canvas = Canvas::new(64, 32, grey(0));
            size(32).write(&mut canvas, text, 0, 0, grey(255));
            canvas.rgb().to_vec()
        };
        assert_eq!(draw("猫"), draw("👍"));
        assert_ne!(draw("猫"), draw(""));
        assert_ne!(draw("가"), draw("猫"));
    }
}

//! The still picture that says that there is no picture, and why.

use embedded_graphics::pixelcolor::Rgb888;

use crate::canvas::{Canvas, coverage};
use crate::splice;
use crate::text::{TextSize, printable};
use crate::{PictureError, check_size};

const QUALITY: u8 = 85;
const GROUND: Rgb888 = Rgb888::new(33, 37, 42);
const SYMBOL: Rgb888 = Rgb888::new(108, 118, 130);
const TITLE: Rgb888 = Rgb888::new(236, 239, 242);
const WORDS: Rgb888 = Rgb888::new(172, 181, 190);

/// A picture that says that there is no picture: the camera's name as `title`, and lines of plain
/// words below it, on a calm dark grey.
///
/// Lines are wrapped, and all text is set as large as fits. In a picture too small for the words,
/// the symbol of a camera that is crossed out stands alone.
///
/// # Errors
///
/// [`PictureError::Size`] when a side is not 16 to 4096 pixels.
pub fn placeholder(
    width_px: u16,
    height_px: u16,
    title: &str,
    lines: &[&str],
) -> Result<Vec<u8>, PictureError> {
    check_size(width_px, height_px)?;
    let mut canvas = Canvas::new(width_px, height_px, GROUND);
    let (width, height) = (i32::from(width_px), i32::from(height_px));
    let text = set(title, lines, width * 9 / 10, height * 9 / 10, height);
    let text_height = text
        .last()
        .map_or(0, |line| line.top + line.size.height_px());
    let symbol = (height / 5).min(width / 4).max(12);
    let gap = symbol / 3;
    let with_symbol = text_height + symbol + gap;
    let mut top = (height - text_height) / 2;
    if text.is_empty() {
        draw_symbol(&mut canvas, width / 2, height / 2, symbol);
    } else if with_symbol <= height * 9 / 10 {
        let start = (height - with_symbol) / 2;
        draw_symbol(&mut canvas, width / 2, start + symbol / 2, symbol);
        top = start + symbol + gap;
    }
    for line in text {
        line.size.write_centred(
            &mut canvas,
            &line.text,
            width / 2,
            top + line.top,
            line.color,
        );
    }
    let mut out = Vec::new();
    splice::encode(&canvas, QUALITY, &mut out);
    Ok(out)
}

/// A line of text that was found a size and a place below the first line's top.
struct Line {
    text: String,
    size: TextSize,
    color: Rgb888,
    top: i32,
}

/// Sets title and words as large as fits, the words at most at about a sixteenth of the height.
fn set(title: &str, lines: &[&str], max_width: i32, room: i32, height: i32) -> Vec<Line> {
    let title = printable(title);
    let words: Vec<String> = lines.iter().take(12).map(|line| printable(line)).collect();
    let all_words = words.concat();
    let mut last = Vec::new();
    for size in TextSize::up_to(&all_words, (height / 15).max(16)) {
        let title_size = TextSize::fitting(&title, max_width, size.height_px() * 2)
            .or_else(|| TextSize::up_to(&title, size.height_px()).last());
        let mut set = Vec::new();
        let mut top = 0;
        if let Some(title_size) = title_size.filter(|_| !title.is_empty()) {
            let text = title_size.shorten(&title, max_width);
            set.push(Line {
                text,
                size: title_size,
                color: TITLE,
                top,
            });
            top += title_size.height_px() + size.height_px() * 3 / 4;
        }
        for line in &words {
            for text in size.wrap(line, max_width) {
                set.push(Line {
                    text,
                    size,
                    color: WORDS,
                    top,
                });
                top += size.height_px() * 5 / 4;
            }
        }
        let end = set
            .last()
            .map_or(0, |line| line.top + line.size.height_px());
        if end <= room {
            return set;
        }
        last = set;
    }
    // Not even the smallest size shows all of it: what fits is better than nothing, and dots
    // say that something is missing.
    let all = last.len();
    last.retain(|line| {
        line.top + line.size.height_px() <= room && line.size.width_px(&line.text) <= max_width
    });
    let missing = last.len() < all;
    if let Some(line) = last
        .last_mut()
        .filter(|line| missing && line.color == WORDS)
    {
        line.text = line.size.shorten(&format!("{}...", line.text), max_width);
    }
    last
}

/// A camera with a lens, crossed out; `side` is its width.
fn draw_symbol(canvas: &mut Canvas, middle_x: i32, middle_y: i32, side: i32) {
    let stroke = side as f32 / 24.0;
    let half = side / 2 + 2;
    let unit = side as f32 / 2.0;
    for dy in -half..=half {
        for dx in -half..=half {
            let (x, y) = (dx as f32 / unit, dy as f32 / unit);
            // Signed distances in units of half the side, negative inside.
            let body = rounded_box(x, y - 0.08, 0.92, 0.56, 0.16).abs();
            let hump = if y < -0.48 {
                rounded_box(x, y + 0.48, 0.34, 0.2, 0.08)
            } else {
                9.0
            };
            let lens = (x.hypot(y - 0.08) - 0.3).abs();
            let slash = segment(x, y, 0.86);
            let ink = stroke - body.min(hump).min(lens) * unit;
            // The slash stands free: a gap of the ground's colour on both its sides.
            let outline = ink.min(slash * unit - stroke * 2.4);
            let alpha = coverage(outline.max(stroke - slash * unit));
            canvas.blend(middle_x + dx, middle_y + dy, SYMBOL, alpha);
        }
    }
}

/// Distance from a box with rounded corners around the origin.
fn rounded_box(x: f32, y: f32, half_width: f32, half_height: f32, radius: f32) -> f32 {
    let qx = x.abs() - half_width + radius;
    let qy = y.abs() - half_height + radius;
    qx.max(0.0).hypot(qy.max(0.0)) + qx.max(qy).min(0.0) - radius
}

/// Distance from the diagonal between (-reach, -reach) and (reach, reach).
fn segment(x: f32, y: f32, reach: f32) -> f32 {
    let along = ((x + y) / 2.0).clamp(-reach, reach);
    (x - along).hypot(y - along)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{LONG_NAME, SIZES, decode};

    fn pixels(width_px: u16, height_px: u16, title: &str, lines: &[&str]) -> Vec<u8> {
        let jpeg = placeholder(width_px, height_px, title, lines).unwrap();
        let (width, height, rgb) = decode(&jpeg);
        assert_eq!(
            (width, height),
            (usize::from(width_px), usize::from(height_px))
        );
        rgb
    }

    #[test]
    fn every_size_takes_every_text() {
        for (width_px, height_px) in SIZES {
            pixels(width_px, height_px, "", &[]);
            pixels(
                width_px,
                height_px,
                "Door",
                &["The camera does not answer."],
            );
            pixels(width_px, height_px, LONG_NAME, &[LONG_NAME; 40]);
            pixels(width_px, height_px, "\n👍", &["", "\0\u{202e}뷁"]);
        }
    }

    #[test]
    fn title_and_each_line_show() {
        for (width_px, height_px) in [(320, 240), (640, 480), (1920, 1080)] {
            let pictures = [
                pixels(width_px, height_px, "", &[]),
                pixels(width_px, height_px, "Door", &[]),
                pixels(width_px, height_px, "문", &[]),
                pixels(width_px, height_px, "Door", &["It sleeps."]),
                pixels(
                    width_px,
                    height_px,
                    "Door",
                    &["It sleeps.", "It wakes in 5 s."],
                ),
                pixels(
                    width_px,
                    height_px,
                    "Door",
                    &["It sleeps.", "It wakes in 6 s."],
                ),
            ];
            for (index, picture) in pictures.iter().enumerate() {
                assert!(
                    !pictures[..index].contains(picture),
                    "{width_px}x{height_px}: {index}"
                );
            }
        }
    }

    #[test]
    fn it_is_calm_and_the_same_to_the_edges() {
        let rgb = pixels(640, 480, "Door", &["The camera does not answer."]);
        let ground = [GROUND_RGB; 640].concat();
        for line in [0, 8, 470, 479] {
            let row = &rgb[line * 640 * 3..][..640 * 3];
            let apart = row.iter().zip(&ground).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(apart <= Some(3), "line {line} is {apart:?} off");
        }
        let mean = rgb.iter().map(|byte| u64::from(*byte)).sum::<u64>() / (640 * 480 * 3);
        assert!((30..60).contains(&mean), "dark, but not black: {mean}");
    }

    const GROUND_RGB: [u8; 3] = [33, 37, 42];

    #[test]
    fn the_size_is_checked() {
        let error = PictureError::Size {
            width_px: 8,
            height_px: 480,
        };
        assert_eq!(placeholder(8, 480, "Door", &[]), Err(error));
    }
}

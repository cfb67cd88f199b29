//! The test pattern: a still card with a clock, a frame number and a light that runs along a track.
//!
//! The card is drawn and encoded once. A frame draws the band in which something moves, an eighth
//! to a fifth of the picture, and encodes of it what changed.

use std::fmt::Write;

use embedded_graphics::{pixelcolor::Rgb888, prelude::*};

use crate::canvas::{Canvas, grey, mix};
use crate::card::{self, Layout};
use crate::splice::Splice;
use crate::text::{TextSize, printable};
use crate::{Clock, PictureError, check_size};

/// Frames that the light takes from one side to the other.
const SWEEP_FRAMES: u64 = 90;

const LIGHT: Rgb888 = Rgb888::new(80, 220, 255);
const CLOCK: Rgb888 = grey(255);
const ASIDE: Rgb888 = Rgb888::new(150, 170, 190);

/// A test pattern of one size, rate-independent.
///
/// A sharp eye sees whether the picture is frozen (the light stands), late (the clock), or has
/// gaps (the frame number).
#[derive(Debug)]
pub struct TestPattern {
    layout: Layout,
    texts: Texts,
    /// The band without anything that moves.
    ground: Canvas,
    band: Canvas,
    splice: Splice,
}

impl TestPattern {
    /// Draws and encodes the still card.
    ///
    /// Both sides must be 16 to 4096 pixels, `quality` is that of JPEG, 1 to 100. `name` is the
    /// camera's name, shown in the picture; `note` a plain sentence below it. Text that does not
    /// fit is set smaller, shortened, or left out, in this order.
    ///
    /// # Errors
    ///
    /// [`PictureError`] when size or quality is out of range.
    pub fn new(
        width_px: u16,
        height_px: u16,
        quality: u8,
        name: &str,
        note: Option<&str>,
    ) -> Result<Self, PictureError> {
        check_size(width_px, height_px)?;
        if !(1..=100).contains(&quality) {
            return Err(PictureError::Quality { quality });
        }
        let layout = Layout::new(width_px, height_px);
        let card = draw_card(width_px, height_px, &layout, name, note);
        let splice = Splice::new(&card, quality, layout.band_rows.clone());
        let ground = splice.shown().clone();
        Ok(Self {
            texts: Texts::new(&layout),
            layout,
            band: ground.clone(),
            ground,
            splice,
        })
    }

    /// Appends the picture of frame `number` at `clock` to `out`, as one whole JPEG.
    pub fn draw(&mut self, number: u64, clock: &Clock, out: &mut Vec<u8>) {
        self.band.copy_from(&self.ground);
        draw_light(&mut self.band, &self.layout, number);
        self.texts.draw(&mut self.band, &self.layout, number, clock);
        self.splice.draw(&self.band, out);
    }
}

fn draw_card(
    width_px: u16,
    height_px: u16,
    layout: &Layout,
    name: &str,
    note: Option<&str>,
) -> Canvas {
    let mut card = Canvas::new(width_px, height_px, grey(0));
    let note = note.map(printable).unwrap_or_default();
    card::draw(&mut card, layout, &printable(name), &note);
    card
}

/// A bright bar with a fading tail, always running to the right, so that the direction of time
/// shows as well.
fn draw_light(canvas: &mut Canvas, layout: &Layout, number: u64) {
    let width = layout.width;
    // At least a pixel per frame on any width.
    let period = SWEEP_FRAMES.min(u64::from(width.unsigned_abs()));
    let step = i32::try_from(number % period).unwrap_or(0);
    let period = i32::try_from(period).unwrap_or(1);
    let head = step * width / period;
    let bar = (width / 100).max(2);
    let tail = (width / 6).max(1);
    let (track, inset) = (
        layout.track.clone(),
        (layout.track.end - layout.track.start) / 8,
    );
    for y in track.start + inset..track.end - inset {
        for (x, pixel) in (0..width).zip(canvas.span(y, 0, width).chunks_exact_mut(3)) {
            let behind = (head - x).rem_euclid(width);
            let color = if behind < bar {
                grey(255)
            } else if behind < tail {
                let below = Rgb888::new(pixel[0], pixel[1], pixel[2]);
                let part = u16::try_from((tail - behind) * 200 / tail).unwrap_or(0);
                mix(below, LIGHT, part)
            } else {
                continue;
            };
            pixel.copy_from_slice(&[color.r(), color.g(), color.b()]);
        }
    }
}

/// The texts that change, and the place that was found for each.
#[derive(Debug)]
struct Texts {
    clock: Option<Place>,
    date: Option<Place>,
    number: Option<Place>,
    line: String,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    size: TextSize,
    left: i32,
    top: i32,
}

const CLOCK_SHAPE: &str = "00:00:00.000";
const DATE_SHAPE: &str = "2000-01-01";
const NUMBER_SHAPE: &str = "#00000000";

impl Texts {
    fn new(layout: &Layout) -> Self {
        let plate = layout.clock_height();
        let (top, room) = if 0 < plate {
            (layout.band.start, plate)
        } else {
            // No plate: the clock takes the upper half of the track and leaves the light the lower.
            (
                layout.track.start,
                (layout.track.end - layout.track.start) / 2,
            )
        };
        let place = |shape: &str, from: i32, to: i32, max_height: i32| {
            let size = TextSize::fitting(shape, to - from, max_height)?;
            Some(Place {
                size,
                left: from + (to - from - size.width_px(shape)) / 2,
                top: top + (room - size.height_px()) / 2,
            })
        };
        let width = layout.width;
        let margin = (width / 80).max(2);
        // Beside the clock there should be room for date and number, or else it takes it all.
        let clock = place(CLOCK_SHAPE, width / 4, width - width / 4, room)
            .filter(|place| 16 <= place.size.height_px())
            .or_else(|| place(CLOCK_SHAPE, margin, width - margin, room));
        let (mut date, mut number) = (None, None);
        if let Some(clock) = clock {
            let right = clock.left + clock.size.width_px(CLOCK_SHAPE);
            let height = clock.size.height_px() * 3 / 4;
            date = place(DATE_SHAPE, margin, clock.left - margin, height);
            number = place(NUMBER_SHAPE, right + margin, width - margin, height);
        }
        Self {
            clock,
            date,
            number,
            line: String::new(),
        }
    }

    fn draw(&mut self, canvas: &mut Canvas, layout: &Layout, number: u64, clock: &Clock) {
        let Clock {
            year,
            month,
            day,
            hour,
            minute,
            second,
            millisecond,
        } = *clock;
        self.line.clear();
        // Writing to a String cannot fail.
        let _ = write!(
            self.line,
            "{hour:02}:{minute:02}:{second:02}.{millisecond:03}"
        );
        if layout.clock_height() == 0
            && let Some(Place { size, left, top }) = self.clock
        {
            let width = size.width_px(&self.line) + 4;
            canvas.fill(left - 2, top, width, size.height_px(), grey(0));
        }
        show(canvas, self.clock, &self.line, CLOCK);
        self.line.clear();
        let _ = write!(self.line, "{year:04}-{month:02}-{day:02}");
        show(canvas, self.date, &self.line, ASIDE);
        self.line.clear();
        // Eight digits last for more than a month at 30 frames a second.
        let _ = write!(self.line, "#{:08}", number % 100_000_000);
        show(canvas, self.number, &self.line, ASIDE);
    }
}

fn show(canvas: &mut Canvas, place: Option<Place>, text: &str, color: Rgb888) {
    if let Some(Place { size, left, top }) = place {
        size.write(canvas, text, left, top, color);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;
    use crate::tests::{LONG_NAME, SIZES, decode};

    const NOON: Clock = Clock {
        year: 2026,
        month: 11,
        day: 22,
        hour: 12,
        minute: 0,
        second: 0,
        millisecond: 0,
    };

    fn draw(pattern: &mut TestPattern, number: u64, clock: &Clock) -> Vec<u8> {
        let mut out = Vec::new();
        pattern.draw(number, clock, &mut out);
        out
    }

    /// Pixels of the lines `rows` of a decoded picture.
    fn lines(rgb: &[u8], width: i32, rows: &std::ops::Range<i32>) -> Vec<u8> {
        let at = |y: i32| usize::try_from(y * width * 3).unwrap();
        rgb[at(rows.start)..at(rows.end)].to_vec()
    }

    #[test]
    fn every_frame_equals_the_whole_picture_encoded_from_scratch() {
        for (width_px, height_px) in SIZES {
            let (name, note) = ("Garden 정원", Some("a note"));
            let mut pattern = TestPattern::new(width_px, height_px, 80, name, note).unwrap();
            let layout = Layout::new(width_px, height_px);
            let card = draw_card(width_px, height_px, &layout, name, note);
            for (number, millisecond) in [(0, 0), (1, 33), (1, 33), (89, 999), (90, 0)] {
                let clock = Clock {
                    millisecond,
                    ..NOON
                };
                let mut whole = card.clone();
                draw_light(&mut whole, &layout, number);
                Texts::new(&layout).draw(&mut whole, &layout, number, &clock);
                let mut want = Vec::new();
                splice::encode(&whole, 80, &mut want);
                let got = draw(&mut pattern, number, &clock);
                assert!(got == want, "{width_px}x{height_px} frame {number}");
                // The same again after decoding, by a decoder that shares no code with us.
                assert_eq!(decode(&got), decode(&want));
            }
        }
    }

    #[test]
    fn every_size_decodes_to_itself() {
        for (width_px, height_px) in SIZES {
            let mut pattern = TestPattern::new(width_px, height_px, 75, "Door", None).unwrap();
            let (width, height, rgb) = decode(&draw(&mut pattern, 7, &NOON));
            assert_eq!(
                (width, height),
                (usize::from(width_px), usize::from(height_px))
            );
            assert_eq!(rgb.len(), width * height * 3);
        }
    }

    #[test]
    fn something_moves_in_every_frame_at_every_size() {
        for (width_px, height_px) in SIZES {
            let mut pattern = TestPattern::new(width_px, height_px, 75, "Door", None).unwrap();
            let track = pattern.layout.track.clone();
            let mut before = Vec::new();
            // Two sweeps, where that does not take long.
            let large = 300 < width_px.min(height_px) || 4000 < width_px.max(height_px);
            for number in 0..if large { 5 } else { 200 } {
                let (.., rgb) = decode(&draw(&mut pattern, number, &NOON));
                let now = lines(&rgb, i32::from(width_px), &track);
                assert!(
                    now != before,
                    "{width_px}x{height_px} frame {number}: the light stands"
                );
                before = now;
            }
        }
    }

    #[test]
    fn each_digit_of_the_clock_shows() {
        let mut pattern = TestPattern::new(640, 480, 80, "Door", None).unwrap();
        let plate = pattern.layout.band.start..pattern.layout.track.start;
        let mut seen = vec![];
        let clocks = [
            NOON,
            Clock { hour: 13, ..NOON },
            Clock { minute: 1, ..NOON },
            Clock { second: 1, ..NOON },
            Clock {
                millisecond: 1,
                ..NOON
            },
            Clock { day: 23, ..NOON },
            Clock { month: 12, ..NOON },
            Clock { year: 2027, ..NOON },
        ];
        for (number, clock) in clocks.iter().map(|clock| (5, clock)).chain([(6, &NOON)]) {
            let (.., rgb) = decode(&draw(&mut pattern, number, clock));
            let text = lines(&rgb, 640, &plate);
            assert!(
                !seen.contains(&text),
                "{clock:?} frame {number} looks like another one"
            );
            seen.push(text);
        }
    }

    #[test]
    fn frames_do_not_depend_on_those_before() {
        let mut one = TestPattern::new(320, 240, 80, "Door", None).unwrap();
        let mut other = TestPattern::new(320, 240, 80, "Door", None).unwrap();
        let _ = draw(&mut one, 1, &Clock { hour: 23, ..NOON });
        let _ = draw(
            &mut one,
            u64::MAX,
            &Clock {
                year: u16::MAX,
                month: 255,
                ..NOON
            },
        );
        assert!(draw(&mut one, 2, &NOON) == draw(&mut other, 2, &NOON));
    }

    #[test]
    fn the_picture_is_appended() {
        let mut pattern = TestPattern::new(64, 64, 80, "Door", None).unwrap();
        let alone = draw(&mut pattern, 3, &NOON);
        let mut out = b"head".to_vec();
        pattern.draw(3, &NOON, &mut out);
        assert_eq!(out, [b"head".as_slice(), &alone].concat());
    }

    #[test]
    fn only_a_small_part_of_the_picture_changes() {
        let check = |width_px, height_px: u16, most_percent: i32| {
            let layout = Layout::new(width_px, height_px);
            let band = layout.band.end - layout.band.start;
            let percent = band * 100 / i32::from(height_px);
            assert!(
                percent <= most_percent,
                "{width_px}x{height_px}: {percent} %"
            );
        };
        check(320, 240, 20);
        check(640, 480, 15);
        check(1920, 1080, 15);
        check(4096, 4096, 15);
    }

    #[test]
    fn name_and_note_show_and_odd_ones_do_no_harm() {
        for (width_px, height_px) in SIZES.into_iter().filter(|size| size.0 < 1000) {
            for name in [
                LONG_NAME.repeat(50).as_str(),
                "",
                "\0\n\u{202e}",
                "👍🏽 뷁 한글 Ä",
            ] {
                for note in [None, Some(LONG_NAME), Some("")] {
                    let mut pattern =
                        TestPattern::new(width_px, height_px, 30, name, note).unwrap();
                    assert!(draw(&mut pattern, 0, &NOON).ends_with(&[0xff, 0xd9]));
                }
            }
        }
        let picture = |name, note| {
            draw(
                &mut TestPattern::new(640, 480, 80, name, note).unwrap(),
                0,
                &NOON,
            )
        };
        let pictures = [
            picture("", None),
            picture("A", None),
            picture("B", None),
            picture("정", None),
            picture("문", None),
            picture("A", Some("note")),
            picture("A", Some("nose")),
            picture("", Some("note")),
        ];
        for (index, picture) in pictures.iter().enumerate() {
            assert!(
                !pictures[..index].contains(picture),
                "picture {index} is like one before"
            );
        }
    }

    #[test]
    fn size_and_quality_are_checked() {
        let new = |width_px, height_px, quality| {
            TestPattern::new(width_px, height_px, quality, "Door", None).map(|_| ())
        };
        let size = |width_px, height_px| {
            Err(PictureError::Size {
                width_px,
                height_px,
            })
        };
        assert_eq!(new(16, 16, 1), Ok(()));
        assert_eq!(new(15, 16, 80), size(15, 16));
        assert_eq!(new(16, 15, 80), size(16, 15));
        assert_eq!(new(4097, 16, 80), size(4097, 16));
        assert_eq!(new(16, u16::MAX, 80), size(16, u16::MAX));
        assert_eq!(new(0, 0, 80), size(0, 0));
        assert_eq!(new(16, 16, 0), Err(PictureError::Quality { quality: 0 }));
        assert_eq!(
            new(16, 16, 101),
            Err(PictureError::Quality { quality: 101 })
        );
        assert_eq!(new(16, 16, 100), Ok(()));
    }

    #[test]
    fn it_is_a_baseline_jfif_picture_without_comments() {
        let jpeg = draw(
            &mut TestPattern::new(640, 480, 80, "Door", None).unwrap(),
            0,
            &NOON,
        );
        assert_eq!(jpeg[..4], [0xff, 0xd8, 0xff, 0xe0]);
        assert_eq!(&jpeg[6..11], b"JFIF\0");
        let mut markers = vec![];
        let mut at = 2;
        while jpeg[at + 1] != 0xda {
            markers.push(jpeg[at + 1]);
            at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        }
        assert!(
            markers.contains(&0xc0) && !markers.contains(&0xfe),
            "{markers:02x?}"
        );
    }
}

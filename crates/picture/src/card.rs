//! The still part of the test pattern: what is where, and the card itself.
//!
//! Every part is there to judge something: the circle the aspect ratio, the grid the geometry,
//! the border and its coloured corners that nothing is cut off or turned round, the bars the
//! colours, the bursts and stars the sharpness, the steps and the ramp the levels.

use std::ops::Range;

use embedded_graphics::{pixelcolor::Rgb888, prelude::*};

use crate::canvas::{Canvas, coverage, grey, mix};
use crate::splice::{MCU_PX, rows};
use crate::text::TextSize;

/// Shorter than this, there is room for bars and the moving band only.
const FULL_CARD_PX: i32 = 96;

const PLATE: Rgb888 = Rgb888::new(13, 17, 23);
const TRACK: Rgb888 = Rgb888::new(24, 32, 42);
const TICK: Rgb888 = Rgb888::new(58, 72, 88);
const NOTE: Rgb888 = Rgb888::new(255, 205, 110);

/// Colour bars at 75 %, in the order of falling luma, white at full level first.
const BARS: [Rgb888; 8] = [
    Rgb888::new(255, 255, 255),
    Rgb888::new(191, 191, 0),
    Rgb888::new(0, 191, 191),
    Rgb888::new(0, 191, 0),
    Rgb888::new(191, 0, 191),
    Rgb888::new(191, 0, 0),
    Rgb888::new(0, 0, 191),
    Rgb888::new(0, 0, 0),
];

/// Top left, top right, bottom left, bottom right.
const CORNERS: [Rgb888; 4] = [
    Rgb888::new(230, 60, 60),
    Rgb888::new(60, 190, 90),
    Rgb888::new(70, 110, 240),
    Rgb888::new(240, 190, 40),
];

/// Where things are, in pixels of the whole picture.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) width: i32,
    pub(crate) height: i32,
    /// The rows of MCUs in which something moves.
    pub(crate) band_rows: Range<u16>,
    /// The same in pixels.
    pub(crate) band: Range<i32>,
    /// The lines of the band along which the light runs; they end it.
    pub(crate) track: Range<i32>,
    /// Whether there is room for more than bars and the band.
    full: bool,
    /// Side of a square of the grid.
    cell: i32,
    radius: i32,
}

impl Layout {
    pub(crate) fn new(width_px: u16, height_px: u16) -> Self {
        let (width, height) = (i32::from(width_px), i32::from(height_px));
        let all_rows = rows(height_px);
        let full = FULL_CARD_PX <= height;
        // One row for the light, and above it room for a clock of about a twelfth of the height.
        let (clock_rows, track_rows) = if full {
            let clock = (height_px / 11).clamp(20, 360).div_ceil(MCU_PX);
            (
                clock,
                if height_px < 700 {
                    1
                } else {
                    height_px.div_ceil(720)
                },
            )
        } else {
            (u16::from(3 * MCU_PX <= height_px), 1)
        };
        let band_height = clock_rows + track_rows;
        // A row that is mostly padding is a poor place for the only thing that moves.
        let whole_rows = (height_px / MCU_PX).max(1);
        let first = (whole_rows - band_height.min(whole_rows)) / 2;
        let band_rows = first..(first + band_height).min(all_rows);
        let top = i32::from(band_rows.start * MCU_PX);
        let bottom = i32::from(band_rows.end * MCU_PX).min(height);
        let track_top = top + i32::from(clock_rows * MCU_PX);
        let short = width.min(height);
        Self {
            width,
            height,
            band_rows,
            band: top..bottom,
            track: track_top..bottom,
            full,
            cell: (height.max(width * 9 / 16) / 14).clamp(8, 4096),
            radius: short / 2 - (short / 28).max(4),
        }
    }

    /// Height for the clock's digits; the band's lines above the track, without a little air.
    pub(crate) fn clock_height(&self) -> i32 {
        self.track.start - self.band.start
    }
}

/// Draws the whole card, the still ground of the moving band included.
pub(crate) fn draw(canvas: &mut Canvas, layout: &Layout, name: &str, note: &str) {
    let ground = Ground::new(layout);
    for y in 0..layout.height {
        let span = canvas.span(y, 0, layout.width);
        for (x, pixel) in (0..layout.width).zip(span.chunks_exact_mut(3)) {
            let color = ground.pixel(x, y);
            pixel.copy_from_slice(&[color.r(), color.g(), color.b()]);
        }
    }
    draw_band(canvas, layout);
    if layout.full {
        draw_names(canvas, layout, ground.bars.start, name, note);
    }
}

/// The band's own ground: a dark plate, and the track with marks at each eighth of the width.
fn draw_band(canvas: &mut Canvas, layout: &Layout) {
    let plate = layout.clock_height();
    canvas.fill(0, layout.band.start, layout.width, plate, PLATE);
    let height = layout.track.end - layout.track.start;
    canvas.fill(0, layout.track.start, layout.width, height, TRACK);
    for eighth in 1..8 {
        let x = layout.width * eighth / 8;
        canvas.fill(
            x,
            layout.track.start,
            (layout.width / 900).max(1),
            height,
            TICK,
        );
    }
}

/// The camera's name and the note on a dark plate in the upper part of the card.
fn draw_names(canvas: &mut Canvas, layout: &Layout, bars_top: i32, name: &str, note: &str) {
    let border = (layout.cell / 3).max(3);
    let top = border + 2;
    let room = bars_top - 2 - top;
    let pad = (layout.height / 80).max(2);
    let max_width = layout.width - 2 * (border + 2 + 2 * pad);
    let Some(lines) = set_names(name, note, max_width, room - 2 * pad, layout.height) else {
        return;
    };
    let gap = pad / 2;
    let count = i32::try_from(lines.len()).unwrap_or(1);
    let height: i32 =
        lines.iter().map(|line| line.size.height_px()).sum::<i32>() + gap * (count - 1) + 2 * pad;
    let width = lines
        .iter()
        .map(|line| line.size.width_px(&line.text))
        .max()
        .unwrap_or(0)
        + 4 * pad;
    let middle = layout.width / 2;
    let mut y = top + (room - height) * 2 / 3;
    canvas.fill(middle - width / 2, y, width, height, PLATE);
    y += pad;
    for line in lines {
        line.size
            .write_centred(canvas, &line.text, middle, y, line.color);
        y += line.size.height_px() + gap;
    }
}

/// A line of text that was found a size.
struct Line {
    text: String,
    size: TextSize,
    color: Rgb888,
}

/// Finds the largest sizes for name and note that fit into `room` lines of `max_width`; the note
/// gives way first, then the end of a long name.
fn set_names(
    name: &str,
    note: &str,
    max_width: i32,
    room: i32,
    picture_height: i32,
) -> Option<Vec<Line>> {
    let largest = (picture_height / 12).max(12);
    // A long name is rather shortened than set too small to be read.
    let legible = picture_height / 30;
    let mut sizes: Vec<TextSize> = TextSize::up_to(name, largest.min(room)).collect();
    let smallest = *sizes.last()?;
    sizes.retain(|size| legible <= size.height_px());
    let fitting = sizes
        .iter()
        .position(|size| size.width_px(name) <= max_width);
    // From the size that shows all of it down to the smallest, or that one alone.
    let sizes = match fitting {
        Some(first) => sizes.split_off(first),
        None => vec![sizes.last().copied().unwrap_or(smallest)],
    };
    let title = |size: TextSize| {
        let text = size.shorten(name, max_width);
        (!name.is_empty()).then_some(Line {
            text,
            size,
            color: grey(245),
        })
    };
    // One line, if it can be read from afar; else up to three lines, as large as fits.
    for (most, least_px) in [(1, 16), (3, 8)] {
        for name_size in &sizes {
            let above = if name.is_empty() {
                0
            } else {
                name_size.height_px()
            };
            let cap = if above == 0 { largest } else { above };
            let cap = cap.min(largest * 2 / 3).max(TextSize::smallest_px(note));
            for size in TextSize::up_to(note, cap).filter(|size| least_px <= size.height_px()) {
                let wrapped = size.wrap(note, max_width * 9 / 10);
                let lines = i32::try_from(wrapped.len()).unwrap_or(i32::MAX);
                let line_height = size.height_px() + picture_height / 100;
                if (1..=most).contains(&lines) && above + lines * line_height <= room {
                    let note = wrapped.into_iter().map(|text| Line {
                        text,
                        size,
                        color: NOTE,
                    });
                    return Some(title(*name_size).into_iter().chain(note).collect());
                }
            }
        }
    }
    Some(vec![title(sizes[0])?])
}

/// The card as a function of the pixel.
#[derive(Debug)]
struct Ground<'a> {
    layout: &'a Layout,
    /// Doubled coordinates of the picture's middle, so that it may lie between two pixels.
    middle: (i32, i32),
    bars: Range<i32>,
    bursts: Range<i32>,
    steps: Range<i32>,
    ramp: Range<i32>,
    star_radius: i32,
    line_px: i32,
}

impl<'a> Ground<'a> {
    fn new(layout: &'a Layout) -> Self {
        let top = layout.height / 2 - layout.radius;
        let bottom = layout.height / 2 + layout.radius;
        let above = (layout.band.start - top).max(0);
        let below = (bottom - layout.band.end).max(0);
        // On a small card the name needs the room more than the bars do.
        let bars_share = if layout.height < 200 { 30 } else { 46 };
        let bars_top = layout.band.start - above * bars_share / 100;
        let bursts_end = layout.band.end + below * 34 / 100;
        let steps_end = layout.band.end + below * 62 / 100;
        Self {
            layout,
            middle: (layout.width - 1, layout.height - 1),
            bars: bars_top..layout.band.start,
            bursts: layout.band.end..bursts_end,
            steps: bursts_end..steps_end,
            ramp: steps_end..layout.height,
            star_radius: layout.width.min(layout.height) / 10,
            line_px: (layout.height / 700 + 1).min(4),
        }
    }

    fn pixel(&self, x: i32, y: i32) -> Rgb888 {
        let layout = self.layout;
        if !layout.full {
            return bar(x, layout.width);
        }
        let border = (layout.cell / 3).max(3);
        let edge_x = x.min(layout.width - 1 - x);
        let edge_y = y.min(layout.height - 1 - y);
        if edge_x.min(edge_y) < border {
            return self.border(x, y, edge_x, edge_y);
        }
        let (dx, dy) = (2 * x - self.middle.0, 2 * y - self.middle.1);
        let distance = ((dx * dx + dy * dy) as f32).sqrt() / 2.0;
        let inside = layout.radius as f32 - distance;
        if inside < -1.0 {
            return self.star(x, y).unwrap_or_else(|| self.grid(x, y));
        }
        let stroke = (layout.height as f32 / 240.0).max(1.5);
        if inside > stroke + 1.0 {
            return self.content(x, y);
        }
        let ring = mix(self.content(x, y), grey(255), coverage(stroke - inside));
        mix(self.grid(x, y), ring, coverage(inside))
    }

    /// A black and white castellated frame, one colour in each corner.
    fn border(&self, x: i32, y: i32, edge_x: i32, edge_y: i32) -> Rgb888 {
        let layout = self.layout;
        let cell = layout.cell;
        if edge_x < cell && edge_y < cell {
            let right = usize::from(layout.width / 2 <= x);
            let lower = usize::from(layout.height / 2 <= y);
            return CORNERS[lower * 2 + right];
        }
        let along = if edge_y < edge_x {
            x - layout.width / 2
        } else {
            y - layout.height / 2
        };
        if along.div_euclid(cell) % 2 == 0 {
            grey(235)
        } else {
            grey(16)
        }
    }

    fn grid(&self, x: i32, y: i32) -> Rgb888 {
        let cell = self.layout.cell;
        let off_x = (x - self.layout.width / 2).rem_euclid(cell);
        let off_y = (y - self.layout.height / 2).rem_euclid(cell);
        if off_x < self.line_px || off_y < self.line_px {
            grey(176)
        } else {
            grey(92)
        }
    }

    /// A star of rays in each corner: where it turns to grey, sharpness ends.
    fn star(&self, x: i32, y: i32) -> Option<Rgb888> {
        let layout = self.layout;
        let radius = self.star_radius;
        let inset = layout.cell + radius;
        let near_x = x.min(layout.width - 1 - x) - inset;
        let near_y = y.min(layout.height - 1 - y) - inset;
        let square = near_x * near_x + near_y * near_y;
        // No star where it would touch something else.
        let gap_x = layout.width / 2 - inset;
        let gap_y = layout.height / 2 - inset;
        let apart = layout.radius + radius + layout.cell / 3;
        let outside = (radius + 2) * (radius + 2) < square;
        let touches_circle = gap_x * gap_x + gap_y * gap_y < apart * apart;
        // The band lies a little above the middle, so the room above it counts.
        let touches_band = layout.band.start < inset + radius + 2 || gap_x < radius + 2;
        if outside || touches_circle || touches_band {
            return None;
        }
        let distance = (square as f32).sqrt();
        let angle = (near_y as f32).atan2(near_x as f32);
        // The width of a ray's edge is a pixel, so the slope follows the distance.
        let wave = (angle * 18.0).sin() * distance / 18.0;
        let rays = mix(grey(16), grey(240), coverage(wave));
        Some(mix(
            self.grid(x, y),
            rays,
            coverage(radius as f32 - distance),
        ))
    }

    fn content(&self, x: i32, y: i32) -> Rgb888 {
        let left = self.layout.width / 2 - self.layout.radius;
        let across = 2 * self.layout.radius;
        let along = (x - left).clamp(0, across - 1);
        if self.bars.contains(&y) {
            bar(along, across)
        } else if self.bursts.contains(&y) {
            burst(along, across)
        } else if self.steps.contains(&y) {
            level(along * 11 / across, 10)
        } else if self.ramp.contains(&y) {
            level(across - 1 - along, across - 1)
        } else {
            grey(40)
        }
    }
}

/// The colour bar at `along` of `across` pixels.
fn bar(along: i32, across: i32) -> Rgb888 {
    usize::try_from(along * 8 / across)
        .ok()
        .and_then(|index| BARS.get(index))
        .copied()
        .unwrap_or(BARS[7])
}

/// Upright lines in six groups, from 6 pixels wide to 1.
fn burst(along: i32, across: i32) -> Rgb888 {
    let group = along * 6 / across;
    let line = 6 - group;
    let start = (group * across + 5) / 6;
    if (along - start).div_euclid(line) % 2 == 0 {
        grey(225)
    } else {
        grey(30)
    }
}

/// The grey that lies `part` of `whole` between black and white.
fn level(part: i32, whole: i32) -> Rgb888 {
    grey(u8::try_from(part * 255 / whole.max(1)).unwrap_or(255))
}

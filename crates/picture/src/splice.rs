//! JPEG with restart markers, and the splicing they allow.
//!
//! A restart marker resets the DC prediction and aligns to a byte, so the scan data between two
//! of them stand for themselves: a piece, here a few MCUs of one row. With fixed Huffman tables
//! and one quality, the same pixels give the same bytes in whatever picture they are encoded;
//! only the number in the marker depends on the place. So a picture of which a little changes
//! costs the encoding of that little, as a narrow strip of its own, and a copy of the rest.
//!
//! One row per piece was tried first. Four MCUs per piece make a frame several times cheaper,
//! since most of a clock stands still, and the picture about three per cent larger.

use std::{fmt, ops::Range};

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use crate::canvas::Canvas;

/// Side of an MCU in pixels, at 4:2:0.
pub(crate) const MCU_PX: u16 = 16;

/// Fewest MCUs in a piece; fewer would spend more on markers and on DC values.
const PIECE_MCUS: u16 = 4;

/// Rows of MCUs of a picture that is `height_px` high; the last one may be padded.
pub(crate) fn rows(height_px: u16) -> u16 {
    height_px.div_ceil(MCU_PX)
}

/// MCUs in a piece of a picture that is `width_px` wide: a divisor of those in a row, so that
/// pieces end where rows end.
fn piece_mcus(width_px: u16) -> u16 {
    let in_row = width_px.div_ceil(MCU_PX);
    (PIECE_MCUS..in_row)
        .find(|mcus| in_row.is_multiple_of(*mcus))
        .unwrap_or(in_row)
}

/// Appends the canvas as a baseline JFIF picture, 4:2:0, with a restart marker after each piece.
pub(crate) fn encode(canvas: &Canvas, quality: u8, out: &mut Vec<u8>) {
    let (width_px, height_px) = (canvas.width_px(), canvas.height_px());
    encode_rgb(
        canvas.rgb(),
        width_px,
        height_px,
        piece_mcus(width_px),
        quality,
        out,
    );
}

fn encode_rgb(
    rgb: &[u8],
    width_px: u16,
    height_px: u16,
    piece_mcus: u16,
    quality: u8,
    out: &mut Vec<u8>,
) {
    let mut encoder = Encoder::new(out, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    // The mean of four pixels: coloured edges keep their place, thin coloured text its colour.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_restart_interval(piece_mcus);
    encoder
        .encode(rgb, width_px, height_px, ColorType::Rgb)
        .expect("there are as many pixels as the size says, and a Vec takes every byte");
}

/// A picture of which a band of rows changes from frame to frame.
pub(crate) struct Splice {
    quality: u8,
    piece_mcus: u16,
    /// Everything up to the band: headers, pieces, their markers.
    before: Vec<u8>,
    /// Everything behind the band, from the first byte of the next piece to the end of the picture.
    after: Vec<u8>,
    /// Number of the band's first piece within the picture.
    first: usize,
    /// Whether the band ends the picture: no marker stands behind its last piece.
    to_the_end: bool,
    /// The pixels that `pieces` show.
    shown: Canvas,
    /// Scan data of the band, piece by piece.
    pieces: Vec<Vec<u8>>,
    /// The numbers of the pieces that changed, their pixels one below the other, and these as
    /// JPEG; kept for their capacity.
    changed: Vec<usize>,
    strip: Vec<u8>,
    encoded: Vec<u8>,
}

impl Splice {
    /// Encodes `picture`, of which the rows of MCUs `band` will be replaced.
    pub(crate) fn new(picture: &Canvas, quality: u8, band: Range<u16>) -> Self {
        let mut whole = Vec::new();
        encode(picture, quality, &mut whole);
        let piece_mcus = piece_mcus(picture.width_px());
        let in_row = usize::from(picture.width_px().div_ceil(MCU_PX) / piece_mcus);
        let all = pieces(&whole);
        let first = usize::from(band.start) * in_row;
        let end = usize::from(band.end) * in_row;
        let to_the_end = end == all.len();
        // The marker behind the band is written together with the band.
        let behind = all[end - 1].end + if to_the_end { 0 } else { 2 };
        let top = band.start * MCU_PX;
        let bottom = (band.end * MCU_PX).min(picture.height_px());
        Self {
            quality,
            piece_mcus,
            before: whole[..all[first].start].to_vec(),
            after: whole[behind..].to_vec(),
            first,
            to_the_end,
            shown: picture.band(top, bottom - top),
            pieces: all[first..end]
                .iter()
                .map(|piece| whole[piece.clone()].to_vec())
                .collect(),
            changed: Vec::new(),
            strip: Vec::new(),
            encoded: Vec::new(),
        }
    }

    /// The band as it was in the picture at first, or as it was drawn last.
    pub(crate) fn shown(&self) -> &Canvas {
        &self.shown
    }

    /// Appends the picture with `band` in its place.
    pub(crate) fn draw(&mut self, band: &Canvas, out: &mut Vec<u8>) {
        self.find_changes(band);
        self.encode_changes(band);
        self.shown.copy_from(band);
        self.join(out);
    }

    fn find_changes(&mut self, band: &Canvas) {
        let stride = usize::from(band.width_px()) * 3;
        let piece_bytes = usize::from(self.piece_mcus * MCU_PX) * 3;
        let row_bytes = stride * usize::from(MCU_PX);
        let in_row = stride.div_ceil(piece_bytes);
        self.changed.clear();
        let rows = band
            .rgb()
            .chunks(row_bytes)
            .zip(self.shown.rgb().chunks(row_bytes));
        for (row, (new, old)) in rows.enumerate() {
            for piece in 0..in_row {
                let range = piece * piece_bytes..((piece + 1) * piece_bytes).min(stride);
                let mut lines = new.chunks(stride).zip(old.chunks(stride));
                if lines.any(|(new, old)| new[range.clone()] != old[range.clone()]) {
                    self.changed.push(row * in_row + piece);
                }
            }
        }
    }

    /// Encodes the pieces that changed as one strip, as wide as a piece.
    fn encode_changes(&mut self, band: &Canvas) {
        if self.changed.is_empty() {
            return;
        }
        let stride = usize::from(band.width_px()) * 3;
        let piece_bytes = usize::from(self.piece_mcus * MCU_PX) * 3;
        let in_row = stride.div_ceil(piece_bytes);
        let last_line = usize::from(band.height_px()) - 1;
        self.strip.clear();
        for piece in &self.changed {
            let from = piece % in_row * piece_bytes;
            let to = (from + piece_bytes).min(stride);
            let top = piece / in_row * usize::from(MCU_PX);
            for line in top..top + usize::from(MCU_PX) {
                // Beyond its edges a picture goes on with its last pixels, as the encoder has it.
                let start = line.min(last_line) * stride;
                let pixels = &band.rgb()[start + from..start + to];
                self.strip.extend_from_slice(pixels);
                for _ in 0..(piece_bytes - pixels.len()) / 3 {
                    self.strip.extend_from_slice(&pixels[pixels.len() - 3..]);
                }
            }
        }
        let height = self.changed.len() * usize::from(MCU_PX);
        let height = u16::try_from(height).expect("64 pieces in each of 30 rows are the most");
        let width = self.piece_mcus * MCU_PX;
        self.encoded.clear();
        encode_rgb(
            &self.strip,
            width,
            height,
            self.piece_mcus,
            self.quality,
            &mut self.encoded,
        );
        let fresh = pieces(&self.encoded);
        debug_assert_eq!(fresh.len(), self.changed.len());
        for (piece, range) in self.changed.iter().zip(fresh) {
            let kept = &mut self.pieces[*piece];
            kept.clear();
            kept.extend_from_slice(&self.encoded[range]);
        }
    }

    fn join(&self, out: &mut Vec<u8>) {
        let band: usize = self.pieces.iter().map(|piece| piece.len() + 2).sum();
        out.reserve(self.before.len() + band + self.after.len());
        out.extend_from_slice(&self.before);
        for (index, piece) in self.pieces.iter().enumerate() {
            out.extend_from_slice(piece);
            if index + 1 < self.pieces.len() || !self.to_the_end {
                let number = (self.first + index).to_le_bytes()[0] & 7;
                out.extend_from_slice(&[0xff, 0xd0 | number]);
            }
        }
        out.extend_from_slice(&self.after);
    }
}

/// Without the bytes of the picture.
impl fmt::Debug for Splice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Splice")
            .field("quality", &self.quality)
            .field("piece_mcus", &self.piece_mcus)
            .field("shown", &self.shown)
            .field("first", &self.first)
            .field("pieces", &self.pieces.len())
            .finish_non_exhaustive()
    }
}

/// Where the pieces of scan data lie in a picture that [`encode_rgb`] made, markers left out.
fn pieces(picture: &[u8]) -> Vec<Range<usize>> {
    let scan = scan_start(picture);
    let mut start = scan;
    let mut pieces = Vec::new();
    for at in memchr::memchr_iter(0xff, &picture[scan..]) {
        let at = scan + at;
        match picture.get(at + 1) {
            Some(0xd0..=0xd7) => {
                pieces.push(start..at);
                start = at + 2;
            }
            Some(0xd9) => {
                pieces.push(start..at);
                break;
            }
            // 0xff 0x00 is a data byte of 0xff.
            _ => {}
        }
    }
    pieces
}

/// The offset of the first byte behind the SOS header.
fn scan_start(picture: &[u8]) -> usize {
    let mut at = 2;
    loop {
        let length = usize::from(u16::from_be_bytes([picture[at + 2], picture[at + 3]]));
        let is_scan = picture[at + 1] == 0xda;
        at += 2 + length;
        if is_scan {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::grey;

    /// A canvas with something in every block, different for each seed.
    fn noise(width_px: u16, height_px: u16, seed: u32) -> Canvas {
        let mut canvas = Canvas::new(width_px, height_px, grey(0));
        let mut state = seed | 1;
        for y in 0..i32::from(height_px) {
            for byte in canvas.span(y, 0, i32::from(width_px)) {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = state.to_be_bytes()[0];
            }
        }
        canvas
    }

    /// Puts `band` over its place in `whole`.
    fn lay(whole: &mut Canvas, band: &mut Canvas, top: u16) {
        let width = i32::from(whole.width_px());
        for y in i32::from(top)..i32::from(top + band.height_px()) {
            let row = band.span(y, 0, width).to_vec();
            whole.span(y, 0, width).copy_from_slice(&row);
        }
    }

    /// Replaces the rows `band` in several ways, one after the other, and compares each picture
    /// with one encoded from scratch, byte for byte.
    fn check(width_px: u16, height_px: u16, band: Range<u16>) {
        for quality in [1, 50, 89, 95, 100] {
            let mut picture = noise(width_px, height_px, 1);
            let mut splice = Splice::new(&picture, quality, band.clone());
            let (width, top) = (i32::from(width_px), band.start * MCU_PX);
            let still = splice.shown().clone();
            let all_new = noise(width_px, height_px, 7).band(top, still.height_px());
            let mut last_pixel = all_new.clone();
            let bottom = i32::from(top + still.height_px()) - 1;
            last_pixel.fill(width - 1, bottom, 1, 1, grey(1));
            let mut middle = last_pixel.clone();
            middle.fill(width / 2, i32::from(top), width / 5, 9, grey(200));

            let frames = [
                still.clone(),
                all_new.clone(),
                all_new,
                last_pixel,
                middle,
                still,
            ];
            for (step, mut frame) in frames.into_iter().enumerate() {
                lay(&mut picture, &mut frame, top);
                let mut want = b"kept".to_vec();
                encode(&picture, quality, &mut want);
                let mut got = b"kept".to_vec();
                splice.draw(&frame, &mut got);
                let case = format!("{width_px}x{height_px} {band:?} quality {quality} step {step}");
                assert!(got == want, "{case}");
            }
        }
    }

    #[test]
    fn a_spliced_picture_is_the_picture_encoded_from_scratch() {
        check(64, 160, 0..1);
        check(64, 160, 3..5);
        check(64, 160, 9..10);
        check(64, 160, 0..10);
        check(33, 17, 0..1);
        check(33, 17, 1..2);
        check(33, 17, 0..2);
        check(16, 16, 0..1);
        check(200, 300, 7..12);
        check(200, 300, 18..19);
        check(249, 100, 2..4);
        check(250, 100, 5..7);
        check(640, 90, 1..4);
    }

    #[test]
    fn a_piece_is_some_mcus_of_one_row() {
        let check = |width_px, want| assert_eq!(piece_mcus(width_px), want, "{width_px}");
        check(16, 1);
        check(48, 3);
        check(64, 4);
        check(320, 4);
        check(640, 4);
        check(1366, 43);
        check(1920, 4);
        check(208, 13);
        check(4096, 4);
    }

    #[test]
    fn markers_are_numbered_in_order() {
        let mut picture = Vec::new();
        encode(&noise(32, 400, 3), 80, &mut picture);
        let markers: Vec<u8> = pieces(&picture)
            .iter()
            .map(|piece| picture[piece.end + 1])
            .collect();
        assert_eq!(markers.len(), 25);
        for (piece, marker) in markers[..24].iter().enumerate() {
            assert_eq!(usize::from(*marker), 0xd0 + piece % 8);
        }
        assert_eq!(markers[24], 0xd9);
    }
}

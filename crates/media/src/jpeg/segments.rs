//! The marker segments in front of the first scan.

use super::marker;

/// One marker segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Marker code, the byte after `FF`.
    pub code: u8,
    /// What follows the length field.
    pub payload: &'a [u8],
}

/// Walks the segments of a picture from SOI to the head of the first scan. Ends early where the bytes do
/// not make sense.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    /// `jpeg` starts with SOI.
    #[must_use]
    pub fn new(jpeg: &'a [u8]) -> Self {
        Self {
            rest: jpeg.strip_prefix(&[0xFF, marker::SOI]).unwrap_or_default(),
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let (&0xFF, after) = self.rest.split_first()? else {
                self.rest = &[];
                return None;
            };
            match *after.first()? {
                // A fill byte, B.1.1.2.
                0xFF => self.rest = after,
                marker::TEM | marker::RST0..=marker::RST7 => self.rest = &after[1..],
                0x00 | marker::SOI | marker::EOI => {
                    self.rest = &[];
                    return None;
                }
                code => {
                    let len = usize::from(u16::from_be_bytes([*after.get(1)?, *after.get(2)?]));
                    let payload = after.get(3..1 + len)?;
                    self.rest = if code == marker::SOS {
                        &[]
                    } else {
                        &after[1 + len..]
                    };
                    return Some(Segment { code, payload });
                }
            }
        }
    }
}

/// Width and height in pixels from the frame header (B.2.2). A height of zero (defined later by DNL) is
/// reported as zero.
#[must_use]
pub fn dimensions(jpeg: &[u8]) -> Option<(u16, u16)> {
    let sof = Segments::new(jpeg).find(|segment| {
        matches!(segment.code, marker::SOF0..=marker::SOF15)
            && !matches!(segment.code, marker::DHT | marker::JPG | marker::DAC)
    })?;
    let [_precision, h1, h0, w1, w0, ..] = *sof.payload else {
        return None;
    };
    Some((u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_size_behind_other_segments() {
        let jpeg = [
            &[0xFF, 0xD8][..],
            &[0xFF, 0xFE, 0, 4, 0xFF, 0xD9], // a comment that looks like an end
            &[0xFF, 0xFF, 0xC4, 0, 3, 9],    // fill byte, DHT
            &[0xFF, 0xC0, 0, 8, 8, 1, 0xE0, 2, 0x80, 3], // 640x480
            &[0xFF, 0xDA, 0, 2, 1, 2, 3],
        ]
        .concat();
        assert_eq!(dimensions(&jpeg), Some((640, 480)));
        let codes: Vec<u8> = Segments::new(&jpeg).map(|s| s.code).collect();
        assert_eq!(codes, [0xFE, 0xC4, 0xC0, 0xDA]);
        for cut in 0..jpeg.len() {
            let _ = dimensions(&jpeg[..cut]);
        }
    }

    #[test]
    fn nonsense_ends_the_walk() {
        assert_eq!(dimensions(b""), None);
        assert_eq!(dimensions(&[0xFF, 0xD8, 0xFF, 0xC0, 0, 1, 8]), None);
        assert_eq!(dimensions(&[0xFF, 0xD8, 0x12]), None);
    }
}

//! Whether a file is a picture of a floor plan: a PNG or a JPEG of a size that a browser can show.

use std::io::{Read, Seek, SeekFrom};

const MOST_PX: u32 = 8192;
/// Cameras and drawing programs write less than this in front of the size.
const LOOKED_AT: u64 = 256 * 1024;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Nothing, or a sentence for whoever sent it.
pub(super) fn check(file: &mut (impl Read + Seek), length: u64) -> Result<(), String> {
    let short = |_| "It ends in the middle.".to_owned();
    file.seek(SeekFrom::Start(0)).map_err(short)?;
    let mut start = Vec::new();
    file.by_ref()
        .take(LOOKED_AT)
        .read_to_end(&mut start)
        .map_err(short)?;
    let kind = kind(&start).ok_or("It is no PNG and no JPEG.")?;
    fits(dimensions(&start).ok_or("It does not say its size.")?)?;
    let mut end = [0; 12];
    let at = length.checked_sub(12).ok_or("It ends in the middle.")?;
    file.seek(SeekFrom::Start(at)).map_err(short)?;
    file.read_exact(&mut end).map_err(short)?;
    let is_whole = match kind {
        "image/png" => end[4..8] == *b"IEND",
        // Some programs write something behind it; one without any end is cut off.
        _ => end.windows(2).any(|two| two == [0xff, 0xd9]),
    };
    if is_whole {
        Ok(())
    } else {
        Err("It ends in the middle.".to_owned())
    }
}

/// The type, by the first bytes.
pub(super) fn kind(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(PNG) {
        Some("image/png")
    } else if start.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("image/jpeg")
    } else {
        None
    }
}

/// Width and height in pixels, of a PNG or a JPEG.
pub(super) fn dimensions(start: &[u8]) -> Option<(u32, u32)> {
    if let Some(png) = start.strip_prefix(PNG) {
        let number = |at: usize| Some(u32::from_be_bytes(png.get(at..at + 4)?.try_into().ok()?));
        return (png.get(4..8)? == b"IHDR").then_some((number(8)?, number(12)?));
    }
    let (width, height) = media::jpeg::dimensions(start)?;
    Some((width.into(), height.into()))
}

pub(super) fn fits((width, height): (u32, u32)) -> Result<(), String> {
    if width == 0 || height == 0 || width > MOST_PX || height > MOST_PX {
        return Err(format!(
            "It has {width} x {height} pixels, and at most {MOST_PX} x {MOST_PX} are shown."
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Cursor;

    pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
        let mut out = PNG.to_vec();
        out.extend(*b"\0\0\0\rIHDR");
        out.extend(width.to_be_bytes());
        out.extend(height.to_be_bytes());
        out.extend([8, 2, 0, 0, 0, 1, 2, 3, 4]);
        out.extend(*b"\0\0\0\0IEND\xae\x42\x60\x82");
        out
    }

    fn said(bytes: &[u8]) -> String {
        check(&mut Cursor::new(bytes), bytes.len() as u64)
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn plans() {
        assert_eq!(said(&png(800, 600)), "");
        let whole = png(800, 600);
        for cut in 0..whole.len() {
            assert_ne!(said(&whole[..cut]), "", "cut at {cut}");
        }
        for (bytes, want) in [
            (png(65_535, 65_535), "at most 8192"),
            (png(0, 600), "at most 8192"),
            (b"GIF89a..............".to_vec(), "no PNG and no JPEG"),
            (b"<svg onload='x'></svg>".to_vec(), "no PNG and no JPEG"),
        ] {
            let said = said(&bytes);
            assert!(said.contains(want), "`{said}` does not say `{want}`");
        }
    }
}

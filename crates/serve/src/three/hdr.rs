//! Whether a file is a Radiance picture (HDR) that is whole: its head, and every one of its rows.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

/// Head of the file, with what programs write about themselves.
const HEAD_BYTES: u64 = 8 * 1024;
const MOST_WIDTH_PX: usize = 4096;
const MOST_HEIGHT_PX: usize = 2048;

/// Nothing, or a sentence for whoever sent it.
pub(super) fn check(file: &mut (impl Read + Seek), length: u64) -> Result<(), String> {
    let short = |_| "It ends in the middle.".to_owned();
    file.seek(SeekFrom::Start(0)).map_err(short)?;
    let mut file = BufReader::with_capacity(64 * 1024, file);
    let mut head_bytes = 0_u64;
    let mut line = |file: &mut BufReader<_>| {
        let mut line = Vec::new();
        let left = HEAD_BYTES.saturating_sub(head_bytes);
        let taken = file
            .by_ref()
            .take(left)
            .read_until(b'\n', &mut line)
            .map_err(|_| "It ends in the middle.".to_owned())?;
        head_bytes += taken as u64;
        match line.strip_suffix(b"\n") {
            Some(line) => Ok(String::from_utf8_lossy(line).trim_end().to_owned()),
            None if head_bytes >= HEAD_BYTES => Err("Its head is too long.".to_owned()),
            None => Err("It ends in the middle.".to_owned()),
        }
    };
    let mut magic = [0; 2];
    file.read_exact(&mut magic).map_err(short)?;
    let first = line(&mut file).ok();
    let is_radiance = matches!(first.as_deref(), Some("RADIANCE" | "RGBE"));
    if magic != *b"#?" || !is_radiance {
        return Err("It is no Radiance picture: export the environment as HDR (.hdr).".to_owned());
    }
    let mut is_rgbe = false;
    loop {
        let line = line(&mut file)?;
        if line.is_empty() {
            break;
        }
        is_rgbe |= line == "FORMAT=32-bit_rle_rgbe";
    }
    if !is_rgbe {
        return Err("Its format is not 32-bit_rle_rgbe.".to_owned());
    }
    let size = line(&mut file)?;
    let words: Vec<&str> = size.split(' ').collect();
    let (height, width) = match words[..] {
        ["-Y", height, "+X", width] => (height.parse().ok(), width.parse().ok()),
        _ => (None, None),
    };
    let (Some(height), Some(width)) = (height, width) else {
        return Err("It does not say its size as `-Y 256 +X 512`.".to_owned());
    };
    if width == 0 || height == 0 || width > MOST_WIDTH_PX || height > MOST_HEIGHT_PX {
        return Err(format!(
            "It has {width} x {height} pixels, and at most {MOST_WIDTH_PX} x {MOST_HEIGHT_PX} are shown."
        ));
    }
    let rows_bytes = length.saturating_sub(head_bytes + 2);
    rows(&mut file, width, height, rows_bytes)
}

fn rows(file: &mut impl Read, width: usize, height: usize, bytes: u64) -> Result<(), String> {
    let short = |_| "It ends in the middle.".to_owned();
    let bad = |row: usize| format!("Row {row} cannot be read.");
    let mut values = vec![0; width.max(128)];
    for row in 0..height {
        let mut start = [0; 4];
        file.read_exact(&mut start).map_err(short)?;
        let is_packed = (8..32768).contains(&width)
            && start[..2] == [2, 2]
            && usize::from(u16::from_be_bytes([start[2], start[3]])) == width;
        if !is_packed {
            // All of it or nothing is written without run lengths.
            let flat = (width * height * 4) as u64;
            return if row == 0 && bytes >= flat {
                Ok(())
            } else {
                Err(bad(row))
            };
        }
        for _ in 0..4 {
            let mut filled = 0;
            while filled < width {
                let mut count = [0; 1];
                file.read_exact(&mut count).map_err(short)?;
                let count = usize::from(count[0]);
                let (length, read) = match count {
                    0 => return Err(bad(row)),
                    1..=128 => (count, count),
                    _ => (count - 128, 1),
                };
                filled += length;
                if filled > width {
                    return Err(bad(row));
                }
                let place = values.get_mut(..read).ok_or_else(|| bad(row))?;
                file.read_exact(place).map_err(short)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Cursor;

    /// A small picture of one colour, packed.
    pub(crate) fn picture() -> Vec<u8> {
        let mut out =
            b"#?RADIANCE\n# made by hand\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 16\n".to_vec();
        for _ in 0..2 {
            out.extend([2, 2, 0, 16]);
            for value in [100, 90, 80, 129] {
                out.extend([128 + 10, value, 6, value, 1, 2, 3, 4, 5]);
            }
        }
        out
    }

    fn said(bytes: &[u8]) -> String {
        check(&mut Cursor::new(bytes), bytes.len() as u64)
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn whole_ones_are_taken_and_cut_ones_are_not() {
        let whole = picture();
        assert_eq!(said(&whole), "");
        for cut in 0..whole.len() {
            assert_ne!(said(&whole[..cut]), "", "cut at {cut}");
        }
        let flat = |pixels: usize| {
            let head = b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 4\n".to_vec();
            [head, vec![7; pixels * 4]].concat()
        };
        assert_eq!(said(&flat(8)), "");
        assert_ne!(said(&flat(7)), "");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let whole = String::from_utf8_lossy(&picture()).into_owned();
        for (from, to, want) in [
            ("#?RADIANCE", "#?PICTURE", "no Radiance picture"),
            ("32-bit_rle_rgbe", "32-bit_rle_xyze", "32-bit_rle_rgbe"),
            ("-Y 2 +X 16", "+X 16 -Y 2", "does not say its size"),
            (
                "-Y 2 +X 16",
                "-Y 2 +X 99999999999999999999",
                "does not say its size",
            ),
            ("-Y 2 +X 16", "-Y 65535 +X 65535", "at most 4096 x 2048"),
            ("-Y 2 +X 16", "-Y 0 +X 16", "at most 4096 x 2048"),
            ("# made by hand", &"#".repeat(9000), "head is too long"),
        ] {
            let said = said(whole.replace(from, to).as_bytes());
            assert!(said.contains(want), "`{said}` does not say `{want}`");
        }
        // A run beyond the end of its row, and one of nothing.
        for (value, want) in [(255, "Row 0"), (0, "Row 0")] {
            let mut bytes = picture();
            let at = bytes.iter().position(|b| *b == 138).unwrap();
            bytes[at] = value;
            assert!(said(&bytes).contains(want), "{}", said(&bytes));
        }
    }
}

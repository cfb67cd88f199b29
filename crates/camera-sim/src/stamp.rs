//! The capture stamp: a COM segment that says which frame this is and when it left.
//!
//! ```text
//! FF FE  00 22  "CCTVSIM1"  sequence u64  written_ns u64  captured_ns u64     (little endian)
//! ```
//!
//! It lies directly behind APP0, or behind SOI where there is no APP0, so that [`read`] costs a few compares.

/// Opens the comment; the digit is the version of what follows.
pub const MAGIC: &[u8; 8] = b"CCTVSIM1";

/// What the segment's length field says: itself, the magic and three numbers.
const LENGTH: u8 = 2 + 8 + 3 * 8;
/// The segment with its marker.
const SEGMENT: usize = 2 + LENGTH as usize;
/// COM and the length.
const HEAD: [u8; 4] = [0xFF, 0xFE, 0, LENGTH];

/// Which frame, and when. Times are CLOCK_MONOTONIC, so any process on the machine can compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Counts what the sensor took, so a gap is a frame the camera program had to drop.
    pub sequence: u64,
    /// Just before the first byte of the frame was written, nanoseconds.
    pub written_ns: u64,
    /// When the sensor would have finished the frame, nanoseconds. Older than `written_ns` by the time the
    /// frame waited for a reader.
    pub captured_ns: u64,
}

/// Makes room for a stamp in a JPEG and fills it in. False if this is not a JPEG; then nothing changed.
pub fn insert(jpeg: &mut Vec<u8>, stamp: Stamp) -> bool {
    let Some(at) = place(jpeg) else {
        return false;
    };
    let mut segment = [0; SEGMENT];
    segment[..4].copy_from_slice(&HEAD);
    segment[4..12].copy_from_slice(MAGIC);
    jpeg.splice(at..at, segment);
    write(jpeg, stamp)
}

/// Overwrites the stamp in place. False if there is none.
pub fn write(jpeg: &mut [u8], stamp: Stamp) -> bool {
    let Some(at) = find(jpeg) else {
        return false;
    };
    let numbers = [stamp.sequence, stamp.written_ns, stamp.captured_ns];
    for (slot, number) in jpeg[at..].chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    true
}

/// The stamp of a frame, if it has one.
#[must_use]
pub fn read(jpeg: &[u8]) -> Option<Stamp> {
    let at = find(jpeg)?;
    let number = |i: usize| -> Option<u64> {
        let bytes = jpeg.get(at + 8 * i..at + 8 * i + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    Some(Stamp {
        sequence: number(0)?,
        written_ns: number(1)?,
        captured_ns: number(2)?,
    })
}

/// Where the numbers begin, if a whole stamp is there.
fn find(jpeg: &[u8]) -> Option<usize> {
    let at = place(jpeg)?;
    let segment = jpeg.get(at..at + SEGMENT)?;
    let ours = segment[..4] == HEAD && &segment[4..12] == MAGIC;
    ours.then_some(at + 12)
}

/// Behind APP0, or behind SOI.
fn place(jpeg: &[u8]) -> Option<usize> {
    match jpeg.get(..6)? {
        [0xFF, 0xD8, 0xFF, 0xE0, hi, lo] => {
            let at = 4 + usize::from(u16::from_be_bytes([*hi, *lo]));
            (at < jpeg.len()).then_some(at)
        }
        [0xFF, 0xD8, 0xFF, ..] => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp {
        sequence: 7,
        written_ns: 0x0102_0304_0506_0708,
        captured_ns: u64::MAX,
    };

    /// Inserts into `jpeg` and says at which byte the segment came to lie.
    fn inserted_at(jpeg: &[u8]) -> Option<usize> {
        let mut stamped = jpeg.to_vec();
        if !insert(&mut stamped, STAMP) {
            assert_eq!(stamped, jpeg);
            return None;
        }
        assert_eq!(stamped.len(), jpeg.len() + 36);
        assert_eq!(read(&stamped), Some(STAMP));
        let at = stamped.windows(8).position(|w| w == MAGIC).unwrap() - 4;
        stamped.drain(at..at + 36);
        assert_eq!(stamped, jpeg, "the rest stays as it was");
        Some(at)
    }

    #[test]
    fn lies_behind_app0_or_soi() {
        let jfif = b"\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xFF\xDB\x00\x02\xFF\xD9";
        assert_eq!(inserted_at(jfif), Some(20));
        assert_eq!(inserted_at(b"\xFF\xD8\xFF\xDB\x00\x02\xFF\xD9"), Some(2));
        assert_eq!(inserted_at(b"\xFF\xD8\xFF\xE0\xFF\xFF\xFF\xD9"), None);
        assert_eq!(inserted_at(b"not a jpeg"), None);
        assert_eq!(inserted_at(b""), None);
    }

    #[test]
    fn reads_only_whole_stamps_of_ours() {
        let mut jpeg = b"\xFF\xD8\xFF\xDB\x00\x02\xFF\xD9".to_vec();
        assert_eq!(read(&jpeg), None);
        assert!(!write(&mut jpeg, STAMP));
        assert!(insert(&mut jpeg, STAMP));
        for len in 0..2 + 36 {
            assert_eq!(read(&jpeg[..len]), None, "{len} bytes");
        }
        let newer = Stamp {
            sequence: 8,
            ..STAMP
        };
        assert!(write(&mut jpeg, newer));
        assert_eq!(read(&jpeg), Some(newer));
        jpeg[6] = b'X';
        assert_eq!(read(&jpeg), None);
    }
}

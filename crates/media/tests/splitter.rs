//! The splitter on real cameras' bytes and corner cases, and on generated ones.

use std::{env, fs, path::PathBuf};

use media::jpeg::{Splitter, dimensions};
use proptest::prelude::*;

/// The folder of real footage, if there is one on this machine.
fn media() -> Option<PathBuf> {
    let dir = env::var_os("CCTV_TEST_MEDIA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media"),
        PathBuf::from,
    );
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!(
        "SKIPPED: no test media in {} (set CCTV_TEST_MEDIA)",
        dir.display()
    );
    None
}

/// Offset and length of every picture, fed in the given pieces.
fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new(8 << 20);
    let mut pictures = Vec::new();
    for piece in pieces {
        splitter.extend(piece);
        while let Some(picture) = splitter.next_picture() {
            pictures.push(picture.to_vec());
        }
    }
    pictures
}

#[test]
fn corner_cases_for_every_chunking() {
    let Some(dir) = media() else { return };
    let bytes = fs::read(dir.join("jpeg-corner-concat.mjpeg")).unwrap();
    let csv = fs::read_to_string(dir.join("jpeg-corner-concat.csv")).unwrap();
    let mut wanted = Vec::new();
    for line in csv.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [offset, len] = [1, 2].map(|i| fields[i].parse::<usize>().unwrap());
        let [width, height] = [4, 5].map(|i| fields[i].parse::<u16>().unwrap());
        let picture = &bytes[offset..offset + len];
        assert_eq!(dimensions(picture), Some((width, height)), "{line}");
        wanted.push((offset, picture));
    }
    assert_eq!(wanted.len(), 32);
    let check = |name: &str, got: Vec<Vec<u8>>| {
        assert_eq!(got.len(), wanted.len(), "{name}");
        for (i, (picture, (_, want))) in got.iter().zip(&wanted).enumerate() {
            assert!(
                picture == want,
                "{name}: picture {i} has {} bytes, not {}",
                picture.len(),
                want.len()
            );
        }
    };
    for size in [
        1,
        2,
        3,
        4,
        5,
        7,
        11,
        61,
        509,
        4096,
        65_536,
        65_537,
        bytes.len(),
    ] {
        check(&format!("chunks of {size}"), split(bytes.chunks(size)));
    }
    // Cut in two around every border, and at every byte of the short pictures.
    let mut cuts: Vec<usize> = wanted
        .iter()
        .flat_map(|(o, p)| [*o, o + p.len()])
        .flat_map(|b| b.saturating_sub(4)..b + 4)
        .collect();
    cuts.extend(
        wanted
            .iter()
            .filter(|(_, p)| p.len() < 350)
            .flat_map(|(o, p)| *o..o + p.len()),
    );
    for cut in cuts {
        let (a, b) = bytes.split_at(cut.min(bytes.len()));
        check(&format!("cut at {cut}"), split([a, b]));
    }
}

#[test]
fn real_cameras() {
    let Some(dir) = media() else { return };
    let bytes = fs::read(dir.join("mjpeg_real/rpi-640x480.mjpeg")).unwrap();
    let body = fs::read(dir.join("mjpeg_real/http-multipart-640x360.mjpg")).unwrap();
    for size in [1, 3, 1000, 4096, 65_536] {
        let pictures = split(bytes.chunks(size));
        assert_eq!(pictures.len(), 60, "chunks of {size}");
        assert_eq!(
            pictures.concat(),
            bytes,
            "a bare stream has nothing between its pictures"
        );
        assert!(pictures.iter().all(|p| dimensions(p) == Some((640, 480))));
        // The heads of a multipart body are junk between pictures for the splitter.
        let parts = split(body.chunks(size));
        assert_eq!(parts.len(), 2, "chunks of {size}");
        assert!(
            parts
                .iter()
                .all(|p| dimensions(p) == Some((640, 360)) && p.ends_with(b"\xFF\xD9"))
        );
    }
}

#[test]
fn damaged_pictures_never_hurt_the_next() {
    let Some(dir) = media() else { return };
    let good = fs::read(dir.join("jpeg/jd-restarts.jpg")).unwrap();
    let mut files: Vec<_> = fs::read_dir(dir.join("jpeg"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 40);
    for file in files
        .iter()
        .filter(|f| f.extension().is_some_and(|e| e == "jpg" || e == "jpeg"))
    {
        let mut bytes = fs::read(file).unwrap();
        // The damaged one may swallow what follows it up to the length of a segment, but not for ever.
        for _ in 0..70_000 / good.len() + 2 {
            bytes.extend_from_slice(&good);
        }
        let pictures = split(bytes.chunks(4096));
        assert_eq!(pictures.last(), Some(&good), "{}", file.display());
    }
}

/// A picture with segments of any payload and scans of any data, stuffed as an encoder does. With a frame header that
/// announces one component, there is one scan; without, several.
fn picture() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0xFF), Just(0xD8), Just(0xD9), any::<u8>()];
    let segment = (
        prop_oneof![0xC2..=0xCF_u8, 0xDB..=0xFE_u8],
        prop::collection::vec(byte, 0..40),
        0..3_usize,
    );
    let scan = prop::collection::vec(prop_oneof![Just(0xFF), Just(0xD9), any::<u8>()], 0..300);
    (
        any::<bool>(),
        prop::collection::vec(segment, 0..6),
        prop::collection::vec((scan, 0..9_u8), 1..4),
    )
        .prop_map(|(is_sequential, segments, scans)| {
            let mut out = vec![0xFF, 0xD8];
            for (code, payload, fill) in segments {
                out.extend(vec![0xFF; fill + 1]);
                out.push(code);
                out.extend(
                    u16::try_from(payload.len() + 2)
                        .expect("short")
                        .to_be_bytes(),
                );
                out.extend(payload);
            }
            if is_sequential {
                out.extend([0xFF, 0xC0, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0]);
            }
            for (data, restart) in scans.into_iter().take(if is_sequential { 1 } else { 4 }) {
                out.extend([0xFF, 0xDA, 0, 3, 1]);
                for byte in data {
                    out.push(byte);
                    if byte == 0xFF {
                        out.push(0);
                    }
                }
                if restart < 8 {
                    out.extend([0xFF, 0xD0 + restart]);
                }
            }
            out.extend([0xFF, 0xD9]);
            out
        })
}

proptest! {
    #[test]
    fn what_was_written_comes_out(
        pictures in prop::collection::vec(picture(), 1..6),
        junk in prop::collection::vec(prop::collection::vec(0..=0xFE_u8, 0..20), 6),
        cuts in prop::collection::vec(1..200_usize, 1..40),
    ) {
        let mut bytes = Vec::new();
        for (picture, junk) in pictures.iter().zip(&junk) {
            bytes.extend(junk);
            bytes.extend(picture);
        }
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(split(pieces), pictures);
    }

    #[test]
    fn any_bytes_are_survived_and_accounted_for(
        bytes in prop::collection::vec(prop_oneof![Just(0xFF), Just(0xD8), Just(0xD9), Just(0xDA), Just(0), any::<u8>()], 0..3000),
        size in 1..400_usize,
    ) {
        let mut splitter = Splitter::new(500);
        let mut out = 0;
        for piece in bytes.chunks(size) {
            splitter.extend(piece);
            while let Some(picture) = splitter.next_picture() {
                prop_assert!(picture.starts_with(b"\xFF\xD8\xFF") && picture.ends_with(b"\xFF\xD9"));
                prop_assert!(picture.len() <= 500);
                out += picture.len() as u64;
            }
        }
        prop_assert!(out + splitter.dropped().bytes <= bytes.len() as u64);
    }
}

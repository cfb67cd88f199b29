//! Any bytes in any pieces: no panic, no picture that is none, the same pictures however the bytes are cut, and every byte
//! accounted for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::jpeg::{Splitter, dimensions};

const MAX: usize = 4096;

fn split(bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut splitter = Splitter::new(MAX);
    let mut pictures = Vec::new();
    for piece in bytes.chunks(size) {
        splitter.extend(piece);
        while let Some(picture) = splitter.next_picture() {
            assert!(picture.starts_with(b"\xFF\xD8\xFF") && picture.ends_with(b"\xFF\xD9"));
            assert!(picture.len() <= MAX);
            let _ = dimensions(&picture);
            pictures.push(picture.to_vec());
        }
    }
    let out: u64 = pictures.iter().map(|picture| picture.len() as u64).sum();
    assert!(out + splitter.dropped().bytes <= bytes.len() as u64);
    pictures
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let whole = split(bytes, bytes.len().max(1));
    let pieces = split(bytes, usize::from(first) + 1);
    // Larger than the limit, a picture may be given up earlier or later.
    if bytes.len() <= MAX {
        assert_eq!(whole, pieces);
    }
});

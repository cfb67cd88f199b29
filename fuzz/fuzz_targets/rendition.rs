//! Any bytes: no panic, no more memory than the limits allow, and whatever decodes can be made smaller and decoded again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use media::{Quality, Scale};
use rendition::{Decoder, Limits};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { pixels: 1 << 18 };
    let mut decoder = Decoder::new(limits);
    let Ok(pixels) = decoder.decode(bytes) else { return };
    for scale in Scale::ALL {
        let small = pixels.encode(scale, Quality::Q50).expect("a decoded picture can be encoded");
        Decoder::new(limits).decode(&small).expect("what was written can be read");
    }
});

//! What a frame of the test pattern costs: spliced, against encoding the whole picture.
//!
//! `cargo run --release -p picture --example cost [-- DIRECTORY]` prints microseconds per frame;
//! with a directory it leaves the pictures there, to be looked at.
#![allow(clippy::print_stdout, reason = "an example talks on standard output")]

use std::{error::Error, path::Path, time::Instant};

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use picture::{Clock, TestPattern, placeholder};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

const FRAMES: u64 = 300;
const QUALITY: u8 = 80;
const NOTE: &str = "No camera was found: this is the test pattern";

fn main() -> Result<(), Box<dyn Error>> {
    println!("size        spliced  full encode  once    picture");
    let folder = std::env::args().nth(1);
    for (width_px, height_px) in [
        (320, 240),
        (640, 480),
        (1280, 720),
        (1920, 1080),
        (3840, 2160),
    ] {
        let start = Instant::now();
        let mut pattern =
            TestPattern::new(width_px, height_px, QUALITY, "Garden 정원", Some(NOTE))?;
        let once = start.elapsed();

        let mut jpeg = Vec::new();
        let start = Instant::now();
        for number in 0..FRAMES {
            jpeg.clear();
            pattern.draw(number, &clock(number), &mut jpeg);
        }
        let spliced = start.elapsed().as_secs_f64() / 1e-6 / FRAMES as f64;

        let pixels = JpegDecoder::new(ZCursor::new(&jpeg)).decode()?;
        let mut whole = Vec::new();
        let rounds = FRAMES / 10;
        let start = Instant::now();
        for _ in 0..rounds {
            whole.clear();
            let mut encoder = Encoder::new(&mut whole, QUALITY);
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
            encoder.encode(&pixels, width_px, height_px, ColorType::Rgb)?;
        }
        let full = start.elapsed().as_secs_f64() / 1e-6 / rounds as f64;
        println!(
            "{:<10} {spliced:>6.0} us  {full:>8.0} us  {:>3} ms  {} bytes",
            format!("{width_px}x{height_px}"),
            once.as_millis(),
            jpeg.len(),
        );

        if let Some(folder) = &folder {
            let folder = Path::new(folder);
            std::fs::write(
                folder.join(format!("pattern-{width_px}x{height_px}.jpg")),
                &jpeg,
            )?;
            let words = ["The camera does not answer.", "Trying again in 5 seconds."];
            let still = placeholder(width_px, height_px, "Garden 정원", &words)?;
            std::fs::write(
                folder.join(format!("placeholder-{width_px}x{height_px}.jpg")),
                still,
            )?;
        }
    }
    Ok(())
}

fn clock(number: u64) -> Clock {
    let milliseconds = number * 33;
    let part = |divisor: u64, modulus: u64| (milliseconds / divisor) % modulus;
    let small = |value: u64| u8::try_from(value).unwrap_or(0);
    Clock {
        year: 2026,
        month: 11,
        day: 22,
        hour: 13,
        minute: small(part(60_000, 60)),
        second: small(part(1000, 60)),
        millisecond: u16::try_from(part(1, 1000)).unwrap_or(0),
    }
}

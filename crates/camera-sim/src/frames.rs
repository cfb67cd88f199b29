//! Where frames come from: a folder, a file of JPEGs, or drawn, anew or from a cycle made at start.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use media::jpeg::Splitter;
use picture::{Clock, TestPattern};

use crate::clock;
use crate::options::Options;
use crate::output::Job;
use crate::scene::Scene;
use crate::settings::Settings;
use crate::stamp::{self, Stamp};

/// Drawn frames repeat after so many.
const CYCLE: usize = 16;
/// Without a wanted size: what a noisy scene has at quality 50, 16 KB at 640x480.
const BYTES_PER_MEGAPIXEL: usize = 53_000;
const MAX_FRAME_BYTES: usize = 64 << 20;

/// A source of stamped pictures.
#[derive(Debug)]
pub enum Frames {
    /// Pictures that come round again and again, each with room for a stamp.
    Cycle(Vec<Vec<u8>>),
    /// Drawn anew each time, with number and wall clock in the picture.
    Pattern {
        /// Draws.
        pattern: Box<TestPattern>,
        /// The last picture.
        jpeg: Vec<u8>,
    },
}

impl Frames {
    /// What the settings ask for, in the size the options ask for.
    pub fn open(settings: &Settings, options: &Options) -> Result<Self> {
        let mut cycle = match &settings.frames {
            Some(path) if path.is_dir() => folder(path)?,
            Some(path) => file(path)?,
            None if settings.frame_bytes.is_none() && settings.cycle.is_none() => {
                match pattern(options) {
                    Some(pattern) => {
                        return Ok(Self::Pattern {
                            pattern: Box::new(pattern),
                            jpeg: Vec::new(),
                        });
                    }
                    // Larger than a pattern can be.
                    None => drawn(settings, options)?,
                }
            }
            None => drawn(settings, options)?,
        };
        for (number, jpeg) in cycle.iter_mut().enumerate() {
            ensure!(
                stamp::insert(jpeg, Stamp::default()),
                "frame {number} is not a JPEG"
            );
        }
        Ok(Self::Cycle(cycle))
    }

    /// The picture for this job, stamped with the time that is now.
    pub fn next(&mut self, job: &Job) -> &[u8] {
        let mut stamp = Stamp {
            sequence: job.sequence,
            written_ns: 0,
            captured_ns: job.captured_ns,
        };
        let jpeg = match self {
            Self::Cycle(cycle) => {
                let index = usize::try_from(job.sequence % cycle.len() as u64).unwrap_or(0);
                &mut cycle[index]
            }
            Self::Pattern { pattern, jpeg } => {
                jpeg.clear();
                pattern.draw(job.sequence, &wall_clock(), jpeg);
                stamp::insert(jpeg, stamp);
                jpeg
            }
        };
        stamp.written_ns = clock::now_ns();
        stamp::write(jpeg, stamp);
        jpeg
    }
}

fn pattern(options: &Options) -> Option<TestPattern> {
    let (width, height) = (
        u16::try_from(options.width_px).ok()?,
        u16::try_from(options.height_px).ok()?,
    );
    let name = format!("camera {}", options.camera);
    TestPattern::new(
        width,
        height,
        options.quality,
        &name,
        Some("Simulated camera"),
    )
    .ok()
}

fn wall_clock() -> Clock {
    let now = jiff::Zoned::now();
    Clock {
        year: now.year().unsigned_abs(),
        month: now.month().unsigned_abs(),
        day: now.day().unsigned_abs(),
        hour: now.hour().unsigned_abs(),
        minute: now.minute().unsigned_abs(),
        second: now.second().unsigned_abs(),
        millisecond: now.millisecond().unsigned_abs(),
    }
}

/// Every JPEG of a folder, by name.
fn folder(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("read {}", path.display()))? {
        names.push(entry?.path());
    }
    names.retain(|name| {
        let extension = name
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        ["jpg", "jpeg"]
            .iter()
            .any(|e| e.eq_ignore_ascii_case(extension))
    });
    names.sort();
    ensure!(!names.is_empty(), "no .jpg in {}", path.display());
    let read = |name: &PathBuf| fs::read(name).with_context(|| format!("read {}", name.display()));
    names.iter().map(read).collect()
}

/// Every picture of a stream of JPEGs.
fn file(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut file = fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut splitter = Splitter::new(MAX_FRAME_BYTES);
    let mut frames = Vec::new();
    loop {
        let n = file
            .read(splitter.room())
            .with_context(|| format!("read {}", path.display()))?;
        if n == 0 {
            break;
        }
        splitter.filled(n);
        while let Some(jpeg) = splitter.next_picture() {
            frames.push(jpeg.to_vec());
        }
    }
    ensure!(!frames.is_empty(), "no JPEG in {}", path.display());
    Ok(frames)
}

/// Drawing takes a while, so the frames are kept beside the locks for the next start.
fn drawn(settings: &Settings, options: &Options) -> Result<Vec<Vec<u8>>> {
    let (width, height, quality) = (options.width_px, options.height_px, options.quality);
    let pixels = width as usize * height as usize;
    let count = settings.cycle.unwrap_or(CYCLE).max(1);
    let bytes = settings
        .frame_bytes
        .unwrap_or(pixels * BYTES_PER_MEGAPIXEL / 1_000_000);
    let kept = settings.lock_dir.join(format!(
        "scene1-{width}x{height}-q{quality}-{bytes}-{count}.mjpeg"
    ));
    if let Ok(frames) = file(&kept) {
        return Ok(frames);
    }
    let size = (u16::try_from(width)?, u16::try_from(height)?);
    let frames = Scene::new(size.0, size.1, quality).frames_of(bytes, count)?;
    let unfinished = kept.with_extension(format!("{}.tmp", std::process::id()));
    // Only a shortcut for next time: a full or read-only disk is no fault here.
    if fs::write(&unfinished, frames.concat()).is_ok() {
        let _ = fs::rename(&unfinished, &kept);
    }
    Ok(frames)
}

//! How fast the JPEG splitter is, beside `memchr` over the same bytes.

use std::fs;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser;
use media::jpeg::Splitter;
use memchr::{memchr_iter, memmem};

#[derive(Debug, Parser)]
#[command(about = "Measures the JPEG splitter against memchr")]
struct Arguments {
    /// The camera stand-in, for frames of 40 KB
    #[arg(long)]
    camera: PathBuf,
    /// Shorter measurements
    #[arg(long)]
    quick: bool,
}

/// Folder with `.mjpeg` files of real cameras.
const MEDIA: &str = "CCTV_TEST_MEDIA";
const MAX_FRAME_BYTES: usize = 16 << 20;
/// So much of a recording is enough.
const MAX_BYTES: u64 = 8 << 20;
/// The best of so many, each this long.
const RUNS: u32 = 5;

struct Corpus {
    name: String,
    bytes: Vec<u8>,
    /// Lengths of the frames, one after the other.
    frames: Vec<usize>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let length = Duration::from_millis(if arguments.quick { 40 } else { 200 });
    let mut corpora = vec![Corpus::new(
        "camera-sim, 40 KB".to_owned(),
        simulated(&arguments.camera)?,
    )];
    if let Some(folder) = std::env::var_os(MEDIA) {
        corpora.extend(recorded(Path::new(&folder))?);
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "### Splitter, GB/s over memory (copying into its buffer included; budget ≥ 2, and ≥ 0.5x memchr)\n\n\
         | bytes | frames of | chunks of 4 KiB | 64 KiB | a frame | every FF by memchr | FF counted | \
         FF D9 by memmem | 64 KiB to memchr | to memmem |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )?;
    for corpus in &corpora {
        let bytes = &corpus.bytes;
        let best = |run: &dyn Fn() -> usize| gigabytes_per_second(bytes.len(), length, run);
        let small = best(&|| split(bytes.chunks(4096)));
        let pipe = best(&|| split(bytes.chunks(64 << 10)));
        let whole = best(&|| split(corpus.whole_frames()));
        let walk = best(&|| memchr_iter(0xFF, bytes).fold(0, |sum, at| black_box(sum ^ at)));
        let count = best(&|| memchr_iter(0xFF, bytes).count());
        let pair = best(&|| memmem::find_iter(bytes, &[0xFF, 0xD9]).count());
        writeln!(
            out,
            "| {} | {:.0} KB | {small:.1} | {pipe:.1} | {whole:.1} | {walk:.1} | {count:.1} | {pair:.1} | \
             {:.2}x | {:.2}x |",
            corpus.name,
            corpus.average_kb(),
            pipe / walk,
            pipe / pair
        )?;
    }
    writeln!(out)?;
    Ok(())
}

impl Corpus {
    fn new(name: String, bytes: Vec<u8>) -> Self {
        let mut splitter = Splitter::new(MAX_FRAME_BYTES);
        let mut frames = Vec::new();
        for chunk in bytes.chunks(64 << 10) {
            splitter.extend(chunk);
            while let Some(picture) = splitter.next_picture() {
                frames.push(picture.len());
            }
        }
        Self {
            name,
            bytes,
            frames,
        }
    }

    /// The bytes in pieces of a frame each, as a reader gets them that is never late. Recordings have nothing
    /// between their frames, and where they do, the pieces only shift.
    fn whole_frames(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.bytes.as_slice();
        self.frames.iter().map(move |length| {
            let (frame, behind) = rest.split_at((*length).min(rest.len()));
            rest = behind;
            frame
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for a table")]
    fn average_kb(&self) -> f64 {
        self.frames.iter().sum::<usize>() as f64 / self.frames.len().max(1) as f64 / 1000.0
    }
}

/// Feeds everything, takes every picture.
fn split<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut splitter = Splitter::new(MAX_FRAME_BYTES);
    let mut pictures = 0;
    for chunk in chunks {
        splitter.extend(chunk);
        while let Some(picture) = splitter.next_picture() {
            black_box(picture);
            pictures += 1;
        }
    }
    pictures
}

/// The best of some runs: what disturbs a run only ever makes it slower.
#[expect(clippy::cast_precision_loss, reason = "a figure for a table")]
fn gigabytes_per_second(bytes: usize, length: Duration, run: &dyn Fn() -> usize) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..RUNS {
        let started = Instant::now();
        let mut rounds = 0_usize;
        while started.elapsed() < length {
            black_box(run());
            rounds += 1;
        }
        let seconds = started.elapsed().as_secs_f64();
        best = best.max((bytes * rounds) as f64 / seconds / 1e9);
    }
    best
}

/// Two seconds of the camera stand-in.
fn simulated(camera: &Path) -> anyhow::Result<Vec<u8>> {
    let locks = tempfile::tempdir().context("temporary folder")?;
    let mut child = Command::new(camera)
        .args([
            "-t", "0", "-n", "--flush", "--codec", "mjpeg", "--width", "640", "--height", "480",
        ])
        .args(["--framerate", "60", "-o", "-"])
        .env("CAMERA_SIM_FRAME_BYTES", "40000")
        .env("CAMERA_SIM_LOCK_DIR", locks.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", camera.display()))?;
    let mut bytes = Vec::new();
    let stdout = child.stdout.take().context("camera has no stdout")?;
    stdout
        .take(100 * 40_000)
        .read_to_end(&mut bytes)
        .context("read camera")?;
    let _ = child.kill();
    let status = child.wait().context("wait for the camera")?;
    if bytes.len() < 40_000 {
        bail!(
            "the camera gave {} bytes and ended with {status}",
            bytes.len()
        );
    }
    Ok(bytes)
}

/// The `.mjpeg` files of a folder and of its folders.
fn recorded(folder: &Path) -> anyhow::Result<Vec<Corpus>> {
    let mut corpora = Vec::new();
    let mut entries = fs::read_dir(folder)
        .with_context(|| format!("read {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            corpora.extend(recorded(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "mjpeg")
        {
            let mut bytes = Vec::new();
            let file = fs::File::open(&path).with_context(|| format!("open {}", path.display()))?;
            file.take(MAX_BYTES).read_to_end(&mut bytes)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            corpora.push(Corpus::new(name.into_owned(), bytes));
        }
    }
    Ok(corpora)
}

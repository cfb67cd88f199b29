//! The camera itself: which ones there are, who has it, and what is said when it cannot be had.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{FlockOperation, flock};

use crate::console::{Level, libcamera, say};
use crate::faults::Refusal;
use crate::settings::Settings;

/// What libcamera calls the camera at `connector`; sorted descending as rpicam-apps sorts.
#[must_use]
pub fn id(connector: u32) -> String {
    match connector {
        0 => "/base/soc/i2c0mux/i2c@1/imx708@1a".to_owned(),
        _ => format!("/base/soc/i2c0mux/i2c@0/imx708@{:x}", 0x1a + connector),
    }
}

/// The connectors with a camera, in the order of `--camera`.
pub fn connected(settings: &Settings) -> Result<Vec<u32>> {
    let text = match settings.unplugged.as_ref().map(fs::read_to_string) {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Some(Ok(text)) => text,
        _ => String::new(),
    };
    let numbers: Result<Vec<u32>, _> = text.split_whitespace().map(str::parse).collect();
    let unplugged = numbers.context("CAMERA_SIM_UNPLUGGED: not a list of numbers")?;
    Ok((0..settings.cameras)
        .filter(|connector| !unplugged.contains(connector))
        .collect())
}

/// `--list-cameras`.
#[must_use]
pub fn list(connected: &[u32]) -> String {
    if connected.is_empty() {
        return "No cameras available!\n".to_owned();
    }
    let mut text = "Available cameras\n-----------------\n".to_owned();
    for (index, connector) in connected.iter().enumerate() {
        text += &format!(
            "{index} : imx708 [4608x2592 10-bit RGGB] ({})
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
                             2304x1296 [56.03 fps - (0, 0)/4608x2592 crop]
                             4608x2592 [14.35 fps - (0, 0)/4608x2592 crop]

",
            id(*connector)
        );
    }
    text
}

/// Holds the camera until it is dropped or the process is gone.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// Takes the camera at `connector`, or gives the text of the `ERROR: ***` line.
pub fn acquire(settings: &Settings, connector: u32) -> Result<Result<Held, String>> {
    let connected = connected(settings)?;
    if connected.is_empty() {
        return Ok(Err("no cameras available".to_owned()));
    }
    if !connected.contains(&connector) {
        return Ok(Err("selected camera is not available".to_owned()));
    }
    let path = settings.lock_dir.join(format!("camera{connector}.lock"));
    let lock = open(&path)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(Err(refuse(Refusal::Busy, connector)));
    }
    Ok(Ok(Held { _lock: lock }))
}

/// Says what libcamera says, and gives the text of the `ERROR: ***` line.
pub fn refuse(why: Refusal, connector: u32) -> String {
    match why {
        Refusal::Busy => {
            let text = "Pipeline handler in use by another process";
            libcamera(Level::Error, "Camera camera.cpp:1033", text);
            format!("failed to acquire camera {}", id(connector))
        }
        Refusal::NoCamera => "no cameras available".to_owned(),
        Refusal::NoMedia => "camera manager failed to start, code 19".to_owned(),
        Refusal::DmaHeap => {
            say("dmaHeap allocation failure for rpicam-apps0");
            "failed to allocate capture buffers for stream".to_owned()
        }
        Refusal::Permission => {
            let text = "Could not open any dmaHeap device";
            libcamera(
                Level::Error,
                "DmaBufAllocator dma_buf_allocator.cpp:120",
                text,
            );
            text.to_owned()
        }
        Refusal::Legacy => {
            "the system appears to be configured for the legacy camera stack".to_owned()
        }
        Refusal::NotAPi => {
            "rpicam-apps currently only supports the Raspberry Pi platforms".to_owned()
        }
        Refusal::StartFailed => "failed to start camera".to_owned(),
        Refusal::NoExec => String::new(),
    }
}

/// Counts this start of the camera at `connector` and says which one it is, from 1.
pub fn count_start(settings: &Settings, connector: u32) -> Result<u64> {
    let beside = || settings.lock_dir.join(format!("camera{connector}.starts"));
    let path = settings.state.clone().unwrap_or_else(beside);
    let mut file = open(&path)?;
    flock(&file, FlockOperation::LockExclusive)
        .with_context(|| format!("lock {}", path.display()))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let starts = text.trim().parse::<u64>().unwrap_or(0) + 1;
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(format!("{starts}\n").as_bytes())?;
    Ok(starts)
}

/// One line per start: pid and arguments, separated by tabs, written at once.
pub fn log_start(path: &Path, args: &[String]) -> io::Result<()> {
    let mut line = std::process::id().to_string();
    for arg in args {
        line.push('\t');
        line.push_str(&arg.replace(['\t', '\n'], " "));
    }
    line.push('\n');
    File::options()
        .create(true)
        .append(true)
        .open(path)?
        .write_all(line.as_bytes())
}

fn open(path: &Path) -> Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    }
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    file.with_context(|| format!("open {}", path.display()))
}

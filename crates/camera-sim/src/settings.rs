//! Everything that comes from the environment. A value that makes no sense ends the program with its own exit
//! code, so that a mistake in a test is not taken for a camera fault.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::faults::{Fault, parse_list};

/// A variable that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct BadSetting {
    name: String,
    reason: String,
}

/// The environment, checked. The README says what each one does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `CAMERA_SIM_FRAMES`.
    pub frames: Option<PathBuf>,
    /// `CAMERA_SIM_FRAME_BYTES`.
    pub frame_bytes: Option<usize>,
    /// `CAMERA_SIM_CYCLE`.
    pub cycle: Option<usize>,
    /// `CAMERA_SIM_H264_FILE`.
    pub h264_file: Option<PathBuf>,
    /// `CAMERA_SIM_FFMPEG`.
    pub ffmpeg: PathBuf,
    /// `CAMERA_SIM_START_MS`.
    pub start: Duration,
    /// `CAMERA_SIM_STOP_MS`.
    pub stop: Duration,
    /// `CAMERA_SIM_PI`.
    pub pi: u8,
    /// `CAMERA_SIM_CAMERAS`.
    pub cameras: u32,
    /// `CAMERA_SIM_UNPLUGGED`.
    pub unplugged: Option<PathBuf>,
    /// `CAMERA_SIM_LOCK_DIR`.
    pub lock_dir: PathBuf,
    /// `CAMERA_SIM_STATE`.
    pub state: Option<PathBuf>,
    /// `CAMERA_SIM_FAULT`.
    pub faults: Vec<Fault>,
    /// `CAMERA_SIM_FAULT_RUNS`.
    pub fault_runs: Option<u64>,
    /// `CAMERA_SIM_CONTROL`.
    pub control: Option<PathBuf>,
    /// `CAMERA_SIM_NEXT_STARTS`.
    pub next_starts: Option<PathBuf>,
    /// `CAMERA_SIM_LOG`.
    pub log: Option<PathBuf>,
}

impl Settings {
    /// From the environment of this process.
    pub fn from_env() -> Result<Self, BadSetting> {
        Self::from_lookup(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let lookup = |name: &str| lookup(&format!("CAMERA_SIM_{name}"));
        let path = |name| lookup(name).map(PathBuf::from);
        let millis = |name, default| {
            number(&lookup, name).map(|ms| Duration::from_millis(ms.unwrap_or(default)))
        };
        let faults = parse_list(&lookup("FAULT").unwrap_or_default())
            .map_err(|reason| bad("FAULT", reason))?;
        Ok(Self {
            frames: path("FRAMES"),
            frame_bytes: number(&lookup, "FRAME_BYTES")?,
            cycle: number(&lookup, "CYCLE")?,
            h264_file: path("H264_FILE"),
            ffmpeg: path("FFMPEG").unwrap_or_else(|| "ffmpeg".into()),
            start: millis("START_MS", 600)?,
            stop: millis("STOP_MS", 300)?,
            pi: number(&lookup, "PI")?.unwrap_or(4),
            cameras: number(&lookup, "CAMERAS")?.unwrap_or(1),
            unplugged: path("UNPLUGGED"),
            lock_dir: path("LOCK_DIR")
                .unwrap_or_else(|| std::env::temp_dir().join("camera-sim-locks")),
            state: path("STATE"),
            faults,
            fault_runs: number(&lookup, "FAULT_RUNS")?,
            control: path("CONTROL"),
            next_starts: path("NEXT_STARTS"),
            log: path("LOG"),
        })
    }
}

fn number<T: FromStr>(
    lookup: &impl Fn(&str) -> Option<String>,
    name: &str,
) -> Result<Option<T>, BadSetting> {
    let Some(text) = lookup(name) else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|_| bad(name, format!("'{text}' is not a number that fits")))
}

fn bad(name: &str, reason: String) -> BadSetting {
    BadSetting {
        name: format!("CAMERA_SIM_{name}"),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_mistakes() {
        let settings = Settings::from_lookup(|_| None).unwrap();
        assert_eq!(settings.start, Duration::from_millis(600));
        assert_eq!((settings.pi, settings.cameras), (4, 1));
        let with = |name: &'static str, value: &'static str| {
            let lookup = move |asked: &str| (asked == name).then(|| value.to_owned());
            Settings::from_lookup(lookup).map_err(|error| error.to_string())
        };
        assert_eq!(with("CAMERA_SIM_PI", "5").unwrap().pi, 5);
        assert_eq!(
            with("CAMERA_SIM_PI", "five").unwrap_err(),
            "CAMERA_SIM_PI: 'five' is not a number that fits"
        );
        assert!(
            with("CAMERA_SIM_FAULT", "explode@3")
                .unwrap_err()
                .contains("explode")
        );
    }
}

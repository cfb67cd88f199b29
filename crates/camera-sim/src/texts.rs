//! Longer texts: help, versions, what is said at start, per frame, and when the camera is lost.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use crate::camera;
use crate::console::{Level, libcamera, say};
use crate::options::Options;
use crate::options::table::{Kind, OPTIONS};

/// `--version`; the spelling of the second line is theirs.
pub const VERSION: &str = "rpicam-apps build: v1.13.0 35dff05ed71c 19-08-2026 (12:18:57)
rpicam-apps capabilites: egl:1 qt:1 drm:1 libav:1
libcamera build: v0.7.1+rpt20260609
";

/// Writes to stdout.
pub fn print(text: &str) -> Result<ExitCode> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// `--help`, without the explanations.
#[must_use]
pub fn help(unknown: &[String]) -> String {
    let mut text = "Valid options are:\n".to_owned();
    for option in OPTIONS {
        if unknown
            .iter()
            .any(|u| u.trim_start_matches('-') == option.long)
        {
            continue;
        }
        let names = match option.short {
            Some(letter) => format!("-{letter} [ --{} ]", option.long),
            None => format!("--{}", option.long),
        };
        let value = match (option.implicit, option.kind) {
            (Some(implicit), Kind::Flag) => format!(
                "[=arg(={})] (=0)",
                if implicit == "true" { "1" } else { "0" }
            ),
            (Some(implicit), _) => format!("[=arg(={implicit})]"),
            (None, _) => "arg".to_owned(),
        };
        text += &format!("  {names} {value}\n");
    }
    text
}

/// What a start looks like on stderr.
pub fn introduce(options: &Options) {
    let (id, width, height) = (
        camera::id(options.camera),
        options.width_px,
        options.height_px,
    );
    let info = |place, text: &str| libcamera(Level::Info, place, text);
    info(
        "Camera camera_manager.cpp:340",
        "libcamera v0.7.1+rpt20260609",
    );
    info(
        "RPI vc4.cpp:407",
        &format!("Registered camera {id} to Unicam device /dev/media3 and ISP device /dev/media0"),
    );
    say(&format!(
        "Mode selection for {width}:{height}:12:P({:.2})",
        options.framerate
    ));
    say("    SRGGB10_CSI2P,1536x864/120.13 - Score: 1000");
    say("Stream configuration adjusted");
    info(
        "Camera camera.cpp:1215",
        &format!(
            "configuring streams: (0) {width}x{height}-YUV420/SMPTE170M (1) 1536x864-SRGGB10_CSI2P/RAW"
        ),
    );
    info(
        "RPI vc4.cpp:632",
        &format!(
            "Sensor: {id} - Selected sensor format: 1536x864-SRGGB10_1X10 - Selected unicam format: 1536x864-pRAA"
        ),
    );
}

/// The info text of one frame.
#[must_use]
pub fn info(options: &Options, frame: u64) -> String {
    let fps = if frame == 0 { 0.0 } else { options.framerate };
    let exposure_us = (1e6 / options.framerate).min(33_239.0);
    let words = [
        ("%frame", frame.to_string()),
        ("%fps", format!("{fps:.2}")),
        ("%exp", format!("{exposure_us:.2}")),
        ("%ag", "1.12".to_owned()),
        ("%dg", "1.00".to_owned()),
        ("%rg", "1.80".to_owned()),
        ("%bg", "1.60".to_owned()),
        ("%focus", "0".to_owned()),
        ("%aelock", "0".to_owned()),
        ("%lp", "1.00".to_owned()),
        ("%afstate", "idle".to_owned()),
    ];
    let mut text = options.info_text.clone();
    for (word, value) in words {
        text = text.replace(word, &value);
    }
    text
}

/// A camera that no longer answers.
pub fn timed_out() {
    let timer = "/dev/video0[14:cap]: Dequeue timer of 1000000.00us has expired!";
    libcamera(Level::Warn, "V4L2 v4l2_videodevice.cpp:2155", timer);
    let error =
        |line, text| libcamera(Level::Error, &format!("RPI pipeline_base.cpp:{line}"), text);
    error(1364, "Camera frontend has timed out!");
    error(
        1365,
        "Please check that your camera sensor connector is attached securely.",
    );
    error(1366, "Alternatively, try another cable and/or sensor.");
    say("ERROR: Device timeout detected, attempting a restart!!!");
}

//! The camera on the board, through rpicam-vid (libcamera-vid before 2023).

use std::{collections::BTreeSet, path::PathBuf, process::Stdio, time::Duration};

use control::{Shape, Value};
use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    Failure, Kind, Run, Settings, Sink, Source, chain::Chain, child::Child, failure::kind_of,
    program,
};

/// The program's names, newest first.
pub(crate) const PROGRAMS: [&str; 2] = ["rpicam-vid", "libcamera-vid"];

/// Older programs do without these.
const DISPENSABLE: [&str; 4] = ["--flush", "--inline", "--quality", "--libav-format"];

/// MJPEG straight from rpicam-vid.
#[derive(Debug)]
pub(crate) struct Rpicam {
    index: Option<u8>,
    settings: Settings,
    /// Options that this machine's program does not know.
    unknown: BTreeSet<&'static str>,
}

impl Rpicam {
    pub(crate) fn new(index: Option<u8>, settings: Settings) -> Self {
        Self {
            index,
            settings,
            unknown: BTreeSet::new(),
        }
    }

    async fn run(&mut self, sink: &mut dyn Sink, stop: &CancellationToken) -> Result<(), Failure> {
        loop {
            let program = find(&self.settings)?;
            let args = arguments(&self.settings, self.index, Output::Mjpeg, &self.unknown);
            let camera = Child::spawn(&program, &args, Stdio::null())
                .map_err(|e| Failure::spawn(&program.display().to_string(), &e))?;
            let result = Chain::new(camera)
                .run(sink, self.settings.max_frame_bytes, stop)
                .await;
            match result {
                Err(failure)
                    if !stop.is_cancelled() && forget_option(&failure, &mut self.unknown) => {}
                other => return other,
            }
        }
    }
}

impl Source for Rpicam {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(Self::run(self, sink, stop))
    }

    fn set(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }
}

/// The program from the configuration, or the one that is installed.
pub(crate) fn find(settings: &Settings) -> Result<PathBuf, Failure> {
    settings
        .program
        .clone()
        .or_else(|| program::find(&PROGRAMS))
        .ok_or_else(|| {
            Failure::new(
                Kind::ProgramMissing,
                "neither rpicam-vid nor libcamera-vid is in the path",
            )
        })
}

/// An older program says which option it does not know; one more try without it. True if there is something to try.
pub(crate) fn forget_option(failure: &Failure, unknown: &mut BTreeSet<&'static str>) -> bool {
    if failure.kind != Kind::BadOption || !failure.detail.contains("unrecognised option") {
        return false;
    }
    let Some(option) = DISPENSABLE
        .iter()
        .find(|option| failure.detail.contains(&format!("'{option}'")))
    else {
        return false;
    };
    warn!(
        option,
        "the camera program does not know this option: trying without it"
    );
    unknown.insert(option)
}

/// What rpicam-vid is to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// JPEGs, one after the other.
    Mjpeg,
    /// An H.264 byte stream.
    H264,
}

/// The argument vector. Flags stand before an option with a value: the word behind a flag is taken as its value.
pub(crate) fn arguments(
    settings: &Settings,
    index: Option<u8>,
    output: Output,
    unknown: &BTreeSet<&'static str>,
) -> Vec<String> {
    let mut args: Vec<String> = Vec::new();
    let mut add = |option: &'static str, value: Option<String>| {
        if !unknown.contains(option) {
            args.push(option.to_owned());
            args.extend(value);
        }
    };
    add("-t", Some("0".to_owned()));
    add("-n", None);
    // Without it the end of every picture waits inside the program for the next one.
    add("--flush", None);
    match output {
        Output::Mjpeg => add("--codec", Some("mjpeg".to_owned())),
        Output::H264 => {
            add("--codec", Some("h264".to_owned()));
            // Boards without a hardware encoder need to be told the container.
            add("--libav-format", Some("h264".to_owned()));
        }
    }
    add("--inline", None);
    add("--width", Some(settings.width_px.to_string()));
    add("--height", Some(settings.height_px.to_string()));
    add("--framerate", Some(settings.framerate.to_string()));
    if output == Output::Mjpeg {
        add("--quality", Some(settings.quality.to_string()));
    }
    if let Some(index) = index {
        add("--camera", Some(index.to_string()));
    }
    for (option, value) in controls(settings, control::DEFAULT_SENSOR) {
        add(option, Some(value));
    }
    add("-o", Some("-".to_owned()));
    args
}

/// What was set, as options. A value stands behind every one of them: a flag would take the next word for its own.
fn controls(settings: &Settings, sensor: Shape) -> Vec<(&'static str, String)> {
    let picture = Shape {
        width: settings.width_px.into(),
        height: settings.height_px.into(),
    };
    let area = settings.controls.area(sensor, picture);
    let roi = area.map(|a| {
        let text = format!("{:.5},{:.5},{:.5},{:.5}", a.x, a.y, a.width, a.height);
        ("--roi", text)
    });
    let values = settings
        .controls
        .iter()
        .filter_map(|(name, value)| Some((option(name)?, word(value))));
    roi.into_iter().chain(values).collect()
}

/// The option of a control that is one.
fn option(name: &str) -> Option<&'static str> {
    Some(match name {
        "hflip" => "--hflip",
        "vflip" => "--vflip",
        "brightness" => "--brightness",
        "contrast" => "--contrast",
        "saturation" => "--saturation",
        "sharpness" => "--sharpness",
        "exposure" => "--exposure",
        "shutter_us" => "--shutter",
        "gain" => "--gain",
        "ev" => "--ev",
        "metering" => "--metering",
        "flicker_period_us" => "--flicker-period",
        "awb" => "--awb",
        "awb_gains" => "--awbgains",
        "denoise" => "--denoise",
        "hdr" => "--hdr",
        "autofocus" => "--autofocus-mode",
        "autofocus_range" => "--autofocus-range",
        "autofocus_speed" => "--autofocus-speed",
        "lens_position" => "--lens-position",
        // Zoom, pan, tilt and roi make one option together; size, rate and quality have their own place.
        _ => return None,
    })
}

fn word(value: Value) -> String {
    match value {
        Value::Flag(flag) => u8::from(flag).to_string(),
        Value::Number(x) => x.to_string(),
        Value::Word(word) => word.to_owned(),
        Value::Pair([a, b]) => format!("{a},{b}"),
        Value::Area(a) => format!("{},{},{},{}", a.x, a.y, a.width, a.height),
    }
}

/// Whether there may be a camera: the program is there, and does not say that it sees none. One that does not answer,
/// or not in known words, may still work.
pub(crate) async fn may_see_a_camera(settings: &Settings) -> bool {
    /// More than any list; a program that takes no notice of the option could write for ever.
    const ANSWER_BYTES: u64 = 64 * 1024;
    let Ok(program) = find(settings) else {
        return false;
    };
    let mut command = Command::new(&program);
    command
        .arg("--list-cameras")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("LC_ALL", "C")
        .kill_on_drop(true);
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return false;
    };
    let (mut list, mut words) = (Vec::new(), Vec::new());
    let (mut stdout, mut stderr) = (stdout.take(ANSWER_BYTES), stderr.take(ANSWER_BYTES));
    let answer = async {
        tokio::join!(
            stdout.read_to_end(&mut list),
            stderr.read_to_end(&mut words)
        )
    };
    let _ = timeout(Duration::from_secs(5), answer).await;
    // It has the camera until it is gone.
    let _ = child.start_kill();
    let _ = timeout(Duration::from_secs(1), child.wait()).await;
    let text = [list, words].concat();
    let says_none = String::from_utf8_lossy(&text).lines().any(|line| {
        line.contains("No cameras available")
            || matches!(
                kind_of(line),
                Some(Kind::NoCamera | Kind::NotSupported | Kind::LegacyStack)
            )
    });
    !says_none
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceSpec;
    use control::{Class, ControlSet};

    fn settings() -> Settings {
        Settings {
            name: "Door".into(),
            spec: SourceSpec::Rpicam { index: None },
            program: None,
            width_px: 640,
            height_px: 480,
            framerate: 20.0,
            quality: 85,
            max_frame_bytes: 8 << 20,
            controls: ControlSet::default(),
        }
    }

    #[test]
    fn what_was_set_becomes_options() {
        let check = |patch: serde_json::Value, want: &str| {
            let set = ControlSet::default()
                .changed(patch.as_object().unwrap(), Class::Board)
                .unwrap();
            let args = arguments(
                &settings().with(&set),
                None,
                Output::Mjpeg,
                &BTreeSet::new(),
            )
            .join(" ");
            assert!(args.contains(want), "{patch}: {args}");
            assert!(args.ends_with(" -o -"), "{args}");
        };
        check(
            serde_json::json!({"zoom": 2, "width": 1280, "height": 720, "framerate": 5, "quality": 70}),
            "--width 1280 --height 720 --framerate 5 --quality 70 --roi 0.25000,0.31250,0.50000,0.37500 -o -",
        );
        check(
            serde_json::json!({"hflip": true, "vflip": false, "awb_gains": [1.5, 2]}),
            "--awbgains 1.5,2 --hflip 1 --vflip 0",
        );
        check(
            serde_json::json!({"brightness": -0.5, "shutter_us": 10000, "exposure": "sport", "lens_position": 2.5}),
            "--brightness -0.5 --exposure sport --lens-position 2.5 --shutter 10000",
        );
        let all: Vec<_> = Class::Board
            .controls()
            .filter(|control| option(control.name).is_none())
            .map(|control| control.name)
            .collect();
        assert_eq!(
            all,
            [
                "zoom",
                "pan",
                "tilt",
                "roi",
                "width",
                "height",
                "framerate",
                "quality"
            ],
            "a control without an option would do nothing"
        );
    }

    #[test]
    fn arguments_are_a_fixed_vector() {
        let none = BTreeSet::new();
        assert_eq!(
            arguments(&settings(), None, Output::Mjpeg, &none).join(" "),
            "-t 0 -n --flush --codec mjpeg --inline --width 640 --height 480 --framerate 20 --quality 85 -o -"
        );
        assert_eq!(
            arguments(&settings(), Some(1), Output::H264, &none).join(" "),
            "-t 0 -n --flush --codec h264 --libav-format h264 --inline --width 640 --height 480 --framerate 20 --camera 1 -o -"
        );
    }

    #[test]
    fn an_unknown_option_is_left_out_once() {
        let mut unknown = BTreeSet::new();
        let failure = Failure::new(Kind::BadOption, "rpicam-vid: unrecognised option '--flush'");
        assert!(forget_option(&failure, &mut unknown));
        assert!(
            !arguments(&settings(), None, Output::Mjpeg, &unknown).contains(&"--flush".to_owned())
        );
        assert!(
            !forget_option(&failure, &mut unknown),
            "never a second time"
        );
        let needed = Failure::new(Kind::BadOption, "rpicam-vid: unrecognised option '--width'");
        assert!(!forget_option(&needed, &mut unknown));
    }
}

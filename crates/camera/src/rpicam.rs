//! The camera on the board, through rpicam-vid (libcamera-vid before 2023).

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
};

use control::{Shape, Value};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    BoardCamera, Failure, Kind, Memory, Run, Settings, Sink, Source, SourceSpec,
    chain::Chain,
    child::Child,
    listing::{self, Listed, Listing, Starting},
    program,
};

/// The program's names, newest first.
pub(crate) const PROGRAMS: [&str; 2] = ["rpicam-vid", "libcamera-vid"];

/// Older programs do without these.
const DISPENSABLE: [&str; 4] = ["--flush", "--inline", "--quality", "--libav-format"];

/// MJPEG straight from rpicam-vid.
#[derive(Debug)]
pub(crate) struct Rpicam {
    settings: Settings,
    memory: Memory,
    /// Options that this machine's program does not know.
    unknown: BTreeSet<&'static str>,
}

impl Rpicam {
    pub(crate) fn new(settings: Settings, memory: Memory) -> Self {
        Self {
            settings,
            memory,
            unknown: BTreeSet::new(),
        }
    }

    async fn run(&mut self, sink: &mut dyn Sink, stop: &CancellationToken) -> Result<(), Failure> {
        loop {
            let program = find(&self.settings)?;
            let index = self.index(&program, sink, stop).await?;
            let which = Which {
                index,
                sensor: sensor(&self.memory),
            };
            let args = arguments(&self.settings, which, Output::Mjpeg, &self.unknown);
            let mut sink = Starting::new(sink, stop).await;
            if stop.is_cancelled() {
                return Ok(());
            }
            let camera = Child::spawn(&program, &args, Stdio::null())
                .map_err(|e| Failure::spawn(&program.display().to_string(), &e))?;
            let result = Chain::new(camera)
                .run(&mut sink, self.settings.max_frame_bytes, stop)
                .await;
            match result {
                Err(failure)
                    if !stop.is_cancelled() && forget_option(&failure, &mut self.unknown) => {}
                other => return other,
            }
        }
    }

    /// Where this camera is now in the list of cameras; none for whichever is the first.
    async fn index(
        &self,
        program: &Path,
        sink: &mut dyn Sink,
        stop: &CancellationToken,
    ) -> Result<Option<u8>, Failure> {
        let wanted = match &self.settings.spec {
            SourceSpec::RpicamById { id } => Wanted::Id(id.clone()),
            SourceSpec::Rpicam { index: Some(place) } => match self.memory.learnt().board {
                Some(known) if known.place == Some(*place) => Wanted::Remembered(*place, known.id),
                _ => Wanted::Place(*place),
            },
            _ => return Ok(None),
        };
        let listing = listing::ask(program, sink, stop).await?;
        if stop.is_cancelled() {
            return Ok(None);
        }
        let camera = wanted.among(&listing)?;
        if let (Wanted::Place(place), None) = (&wanted, camera) {
            warn!(
                place,
                "the camera program lists no cameras: trying this place, without knowing which camera is there"
            );
            return Ok(Some(*place));
        }
        let Some(camera) = camera else {
            return Ok(None);
        };
        if let Wanted::Place(place) = wanted {
            info!(
                place,
                id = camera.id,
                "this camera is remembered by its id, since places move"
            );
        }
        self.memory.learn(|learnt| {
            learnt.board = Some(BoardCamera {
                place: wanted.place(),
                id: camera.id.clone(),
                sensor: camera.sensor,
            });
        });
        Ok(Some(camera.index))
    }
}

/// Which camera of the list is meant.
#[derive(Debug)]
enum Wanted {
    /// The one with this id.
    Id(String),
    /// The one that was at this place when it was first looked at.
    Remembered(u8, String),
    /// The one that is at this place now.
    Place(u8),
}

impl Wanted {
    fn place(&self) -> Option<u8> {
        match self {
            Self::Id(_) => None,
            Self::Remembered(place, _) | Self::Place(place) => Some(*place),
        }
    }

    /// `None` if there is no list to look it up in and the place may do.
    fn among<'a>(&self, listing: &'a Listing) -> Result<Option<&'a Listed>, Failure> {
        let found = listing.cameras.iter().find(|camera| match self {
            Self::Id(id) | Self::Remembered(_, id) => camera.id == *id,
            Self::Place(place) => camera.index == *place,
        });
        if found.is_some() {
            return Ok(found);
        }
        let missing = match self {
            Self::Id(id) => id.clone(),
            Self::Remembered(place, id) => {
                format!("{id}, which was at place {place} when the server started,")
            }
            Self::Place(place) => format!("place {place}"),
        };
        if !listing.cameras.is_empty() {
            return Err(Failure::new(
                Kind::NoSuchCamera,
                format!("{missing} is not there; there are: {}", listing.ids()),
            ));
        }
        match (&listing.complaint, self) {
            (Some(complaint), _) => Err(complaint.clone()),
            (None, Self::Place(_)) => Ok(None),
            (None, _) => Err(Failure::new(
                Kind::Driver,
                format!("{missing} cannot be looked up: the camera program lists no cameras"),
            )),
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
    which: Which,
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
    if let Some(index) = which.index {
        add("--camera", Some(index.to_string()));
    }
    for (option, value) in controls(settings, which.sensor) {
        add(option, Some(value));
    }
    add("-o", Some("-".to_owned()));
    args
}

/// Which camera, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Which {
    /// Its place in the list now; none for whichever is the first.
    pub(crate) index: Option<u8>,
    /// Its sensor's shape.
    pub(crate) sensor: Shape,
}

impl Which {
    /// The first one, of which nothing is known.
    pub(crate) const FIRST: Self = Self {
        index: None,
        sensor: control::DEFAULT_SENSOR,
    };
}

/// The sensor's shape, if the list of cameras was ever needed and told it.
fn sensor(memory: &Memory) -> Shape {
    let known = memory.learnt().board.and_then(|board| board.sensor);
    known.map_or(control::DEFAULT_SENSOR, |size| Shape {
        width: size.width_px,
        height: size.height_px,
    })
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
pub(crate) async fn may_see_a_camera(
    settings: &Settings,
    sink: &mut dyn Sink,
    stop: &CancellationToken,
) -> bool {
    let Ok(program) = find(settings) else {
        return false;
    };
    let Ok(listing) = listing::ask(&program, sink, stop).await else {
        return false;
    };
    let says_none = listing.complaint.is_some_and(|complaint| {
        matches!(
            complaint.kind,
            Kind::NoCamera | Kind::NotSupported | Kind::LegacyStack
        )
    });
    !says_none
}

#[cfg(test)]
mod tests {
    use super::*;
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
                Which::FIRST,
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
        let second = Which {
            index: Some(1),
            ..Which::FIRST
        };
        assert_eq!(
            arguments(&settings(), Which::FIRST, Output::Mjpeg, &none).join(" "),
            "-t 0 -n --flush --codec mjpeg --inline --width 640 --height 480 --framerate 20 --quality 85 -o -"
        );
        assert_eq!(
            arguments(&settings(), second, Output::H264, &none).join(" "),
            "-t 0 -n --flush --codec h264 --libav-format h264 --inline --width 640 --height 480 --framerate 20 --camera 1 -o -"
        );
    }

    #[test]
    fn an_unknown_option_is_left_out_once() {
        let mut unknown = BTreeSet::new();
        let failure = Failure::new(Kind::BadOption, "rpicam-vid: unrecognised option '--flush'");
        assert!(forget_option(&failure, &mut unknown));
        assert!(
            !arguments(&settings(), Which::FIRST, Output::Mjpeg, &unknown)
                .contains(&"--flush".to_owned())
        );
        assert!(
            !forget_option(&failure, &mut unknown),
            "never a second time"
        );
        let needed = Failure::new(Kind::BadOption, "rpicam-vid: unrecognised option '--width'");
        assert!(!forget_option(&needed, &mut unknown));
    }

    #[test]
    fn an_id_is_looked_up_and_a_place_only_where_nothing_is_known() {
        let camera = |index, id: &str| Listed {
            index,
            model: String::new(),
            id: id.to_owned(),
            sensor: None,
        };
        let both = Listing {
            cameras: vec![camera(0, "/a"), camera(1, "/b")],
            complaint: None,
        };
        let one = Listing {
            cameras: vec![camera(0, "/b")],
            complaint: None,
        };
        let silent = Listing {
            cameras: Vec::new(),
            complaint: None,
        };
        let index = |wanted: &Wanted, listing: &Listing| {
            let found = wanted.among(listing);
            found.map(|camera| camera.map(|c| c.index))
        };
        let id = Wanted::Id("/b".to_owned());
        assert_eq!(index(&id, &both), Ok(Some(1)));
        assert_eq!(index(&id, &one), Ok(Some(0)), "places move");
        assert_eq!(index(&Wanted::Place(0), &one), Ok(Some(0)));
        assert_eq!(index(&Wanted::Place(1), &silent), Ok(None));
        for (wanted, listing, kind, words) in [
            (
                Wanted::Remembered(0, "/a".to_owned()),
                &one,
                Kind::NoSuchCamera,
                "there are: /b",
            ),
            (
                Wanted::Place(1),
                &one,
                Kind::NoSuchCamera,
                "place 1 is not there",
            ),
            (id, &silent, Kind::Driver, "/b cannot be looked up"),
        ] {
            let failure = wanted.among(listing).unwrap_err();
            assert_eq!(failure.kind, kind);
            assert!(failure.detail.contains(words), "{}", failure.detail);
        }
    }

    /// Nobody looks.
    struct Nobody;

    impl Sink for Nobody {
        fn picture(&mut self, _: media::Picture) {}
        fn dropped(&mut self, _: media::jpeg::Dropped) {}
        fn trouble(&mut self, _: Failure) {}
        fn found(&mut self, _: Class) {}
    }

    #[tokio::test]
    async fn what_the_list_says_is_remembered_beyond_the_source() {
        use std::{fs, os::unix::fs::PermissionsExt as _};

        let dir = tempfile::tempdir().unwrap();
        let (program, list) = (dir.path().join("rpicam-vid"), dir.path().join("list"));
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --list-cameras ] && exec cat '{}'\nexit 3\n",
            list.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let settings = Settings {
            spec: SourceSpec::Rpicam { index: Some(0) },
            program: Some(program),
            ..settings()
        };
        let memory = Memory::default();
        let stop = CancellationToken::new();
        let run = async || {
            let mut source = Rpicam::new(settings.clone(), memory.clone());
            let result = source.run(&mut Nobody, &stop).await;
            result.unwrap_err().kind
        };
        fs::write(
            &list,
            "0 : imx708 [4608x2592 10-bit RGGB] (/a)\n1 : x (/b)\n",
        )
        .unwrap();
        assert_eq!(run().await, Kind::Ended);
        let known = BoardCamera {
            place: Some(0),
            id: "/a".to_owned(),
            sensor: Some(crate::SensorSize {
                width_px: 4608,
                height_px: 2592,
            }),
        };
        assert_eq!(memory.learnt().board, Some(known.clone()));
        fs::write(&list, "0 : x (/b)\n").unwrap();
        assert_eq!(run().await, Kind::NoSuchCamera);
        assert_eq!(memory.learnt().board, Some(known));
        fs::write(&list, "0 : x (/b)\n3 : imx708 [4608x2592] (/a)\n").unwrap();
        assert_eq!(run().await, Kind::Ended);
    }
}

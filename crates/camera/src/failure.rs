//! What can go wrong with a camera, in words a person can act on.
//!
//! rpicam-vid's exit code says little (255 for any error it reports itself), so the last error line on its stderr
//! decides. The texts are those of rpicam-apps 1.2 to 1.13 and libcamera.

use std::{fmt, io, os::unix::process::ExitStatusExt as _, process::ExitStatus};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The program is not installed.
    ProgramMissing,
    /// The program is there and cannot be run.
    ProgramUnusable,
    /// No camera is connected.
    NoCamera,
    /// There are cameras, but not this one.
    NoSuchCamera,
    /// This machine has nothing a camera could be connected to.
    NotSupported,
    /// Another process uses the camera.
    Busy,
    /// No contiguous memory left for the camera's buffers.
    NoMemory,
    /// The user may not open the camera's devices.
    NoPermission,
    /// The wanted encoder is not there.
    NoEncoder,
    /// The program does not know an option, or refuses its value.
    BadOption,
    /// The old camera stack is switched on.
    LegacyStack,
    /// The camera stopped giving frames.
    TimedOut,
    /// The driver or the connection to the sensor.
    Driver,
    /// A file or folder cannot be read, or holds no picture.
    Unreadable,
    /// The network camera does not answer.
    Unreachable,
    /// The network camera wants another login.
    LoginRefused,
    /// The network camera gives something else than pictures.
    NoVideo,
    /// The program, or the stream of a network camera, ended by itself.
    Ended,
    /// The process could not be killed.
    Unkillable,
}

/// What people who look at the pictures read. The log and the API are English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It often heals by itself.
    Soon,
    /// Somebody has to do something first.
    Later,
}

/// Whether what was set is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nothing else brings this about.
    Settings,
    /// A cable or a driver may be at fault as well.
    Perhaps,
    /// Something else is at fault.
    Others,
}

/// What went wrong, what the program said, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: Kind,
    /// The program's own words, or the path at fault.
    pub detail: String,
    /// The last lines of its stderr, oldest first.
    pub words: Vec<String>,
}

/// Lines of stderr kept with a failure.
const WORDS: usize = 10;

impl Failure {
    /// A failure without a program's words.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            words: Vec::new(),
        }
    }

    fn with_words(mut self, lines: &[String]) -> Self {
        let kept = &lines[lines.len().saturating_sub(WORDS)..];
        self.words = kept.iter().map(|line| tidy(line)).collect();
        self
    }

    /// A word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            Kind::ProgramMissing => "program_missing",
            Kind::ProgramUnusable => "program_unusable",
            Kind::NoCamera => "no_camera",
            Kind::NoSuchCamera => "no_such_camera",
            Kind::NotSupported => "not_supported",
            Kind::Busy => "busy",
            Kind::NoMemory => "no_memory",
            Kind::NoPermission => "no_permission",
            Kind::NoEncoder => "no_encoder",
            Kind::BadOption => "bad_option",
            Kind::LegacyStack => "legacy_stack",
            Kind::TimedOut => "timed_out",
            Kind::Driver => "driver",
            Kind::Unreadable => "unreadable",
            Kind::Unreachable => "unreachable",
            Kind::LoginRefused => "login_refused",
            Kind::NoVideo => "no_video",
            Kind::Ended => "ended",
            Kind::Unkillable => "unkillable",
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self.kind {
            Kind::NoMemory
            | Kind::TimedOut
            | Kind::Driver
            | Kind::Ended
            | Kind::Busy
            | Kind::NoCamera
            | Kind::Unreachable
            // Nothing is tried while the process is there, and without it all may be well.
            | Kind::Unkillable => Retry::Soon,
            _ => Retry::Later,
        }
    }

    /// Whether other settings can be the cure.
    #[must_use]
    pub fn blames_settings(&self) -> Blame {
        match self.kind {
            Kind::BadOption | Kind::NoMemory | Kind::NoEncoder => Blame::Settings,
            Kind::Driver | Kind::TimedOut | Kind::Ended | Kind::Unreadable => Blame::Perhaps,
            _ => Blame::Others,
        }
    }

    /// The sentence for the person in front of the screen: no paths, no program's words.
    #[must_use]
    pub fn sentence(&self, language: Language) -> &'static str {
        let (english, korean) = match self.kind {
            Kind::ProgramMissing => (
                "The camera program is not installed.",
                "카메라 프로그램이 설치되어 있지 않습니다.",
            ),
            Kind::ProgramUnusable => (
                "The camera program cannot be run.",
                "카메라 프로그램을 실행할 수 없습니다.",
            ),
            Kind::NoCamera => ("No camera was found.", "카메라를 찾을 수 없습니다."),
            Kind::NoSuchCamera => (
                "This camera was not found; others may be there.",
                "지정한 카메라를 찾을 수 없습니다.",
            ),
            Kind::NotSupported => (
                "This machine has no camera connector.",
                "이 기기에는 카메라 연결 단자가 없습니다.",
            ),
            Kind::Busy => (
                "Another program is using the camera.",
                "다른 프로그램이 카메라를 사용하고 있습니다.",
            ),
            Kind::NoMemory => (
                "There is not enough camera memory.",
                "카메라에 쓸 메모리가 부족합니다.",
            ),
            Kind::NoPermission => (
                "The server is not allowed to use the camera.",
                "서버에 카메라를 사용할 권한이 없습니다.",
            ),
            Kind::NoEncoder => ("The video encoder is missing.", "영상 인코더가 없습니다."),
            Kind::BadOption => (
                "The camera program refused its settings.",
                "카메라 프로그램이 설정을 받아들이지 않았습니다.",
            ),
            Kind::LegacyStack => (
                "The old camera system is switched on.",
                "옛 카메라 시스템이 켜져 있습니다.",
            ),
            Kind::TimedOut => (
                "The camera stopped sending pictures.",
                "카메라에서 영상이 오지 않습니다.",
            ),
            Kind::Driver => ("The camera does not answer.", "카메라가 응답하지 않습니다."),
            Kind::Unreadable => (
                "The file with the pictures cannot be read.",
                "영상 파일을 읽을 수 없습니다.",
            ),
            Kind::Unreachable => (
                "The camera cannot be reached.",
                "카메라에 연결할 수 없습니다.",
            ),
            Kind::LoginRefused => (
                "The camera refused the login.",
                "카메라가 로그인을 거부했습니다.",
            ),
            Kind::NoVideo => (
                "The camera sends something else than pictures.",
                "카메라가 영상이 아닌 것을 보냅니다.",
            ),
            Kind::Ended => (
                "The camera ended its stream.",
                "카메라가 영상 전송을 끝냈습니다.",
            ),
            Kind::Unkillable => (
                "The camera program hangs; this machine must be restarted.",
                "카메라 프로그램이 멈춰서 기기를 다시 시작해야 합니다.",
            ),
        };
        match language {
            Language::English => english,
            Language::Korean => korean,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self.kind {
            Kind::ProgramMissing => {
                "install it (apt install rpicam-apps-lite, or ffmpeg) or set `program` to its path"
            }
            Kind::ProgramUnusable => "check that `program` names an executable file",
            Kind::NoCamera => {
                "check the USB cable, or the ribbon cable at both ends with the power off, and `camera_auto_detect=1`"
            }
            Kind::NoSuchCamera => {
                "check its cable with the power off, or run `rpicam-vid --list-cameras` and set the id in brackets in `source`"
            }
            Kind::NotSupported => "use a USB camera or another source",
            Kind::Busy => "stop the other program: `fuser -v /dev/media* /dev/video*` names it",
            Kind::NoMemory => "choose a smaller size, or raise the CMA memory, or reboot",
            Kind::NoPermission => "add the server's user to the group `video`",
            Kind::NoEncoder => {
                "use source `rpicam`, or install rpicam-apps instead of rpicam-apps-lite"
            }
            Kind::BadOption => "check the camera's size, rate and quality, and update rpicam-apps",
            Kind::LegacyStack => "switch the legacy camera off in raspi-config and reboot",
            Kind::TimedOut => {
                "check the ribbon cable and the power supply (`vcgencmd get_throttled`)"
            }
            Kind::Driver => "check the ribbon cable and the power supply, then reboot",
            Kind::Unreadable => "check the path and its permissions",
            Kind::Unreachable => "check the camera's address, power and network",
            Kind::LoginRefused => "check name and password in `source`",
            Kind::NoVideo => {
                "set `source` to what gives pictures: the address of its MJPEG or RTSP stream, as its manual says, or the right \
                 device (`v4l2-ctl --list-devices`)"
            }
            Kind::Ended => {
                "look at the camera program's own words, or into the network camera's log"
            }
            Kind::Unkillable => {
                "reboot: the kernel holds the camera program, and only its end frees the camera"
            }
        }
    }

    /// Reads the program's own words, newest last, and how it ended. Only the last `fresh` lines can be the cause.
    pub(crate) fn classify(
        program: &str,
        lines: &[String],
        fresh: usize,
        status: Option<ExitStatus>,
    ) -> Self {
        let fresh = &lines[lines.len().saturating_sub(fresh)..];
        let known = fresh
            .iter()
            .rev()
            .find_map(|line| Some((kind_of(line)?, line)));
        if let Some((kind, line)) = known {
            return Self::new(kind, format!("{program}: {}", tidy(line))).with_words(lines);
        }
        // As a shell reports it, for a wrapper whose program cannot be run, or is not there.
        let unusable = match status.and_then(|s| s.code()) {
            Some(126) => Some(Kind::ProgramUnusable),
            Some(127) => Some(Kind::ProgramMissing),
            _ => None,
        };
        let end = match status.map(|s| (s.code(), s.signal())) {
            Some((Some(code), _)) => format!("ended with code {code}"),
            Some((None, Some(signal))) => format!("was ended by signal {signal}"),
            _ => "closed its output".to_owned(),
        };
        let last = fresh
            .iter()
            .rev()
            .find(|l| l.contains("ERROR") || l.contains("rror"))
            .or(fresh.last());
        let words = last.map(|l| format!(": {}", tidy(l))).unwrap_or_default();
        let kind = unusable.unwrap_or(Kind::Ended);
        Self::new(kind, format!("{program} {end}{words}")).with_words(lines)
    }

    /// A program could not be started.
    pub(crate) fn spawn(program: &str, error: &io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::NotFound {
            Kind::ProgramMissing
        } else {
            Kind::ProgramUnusable
        };
        Self::new(kind, format!("{program}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({})",
            self.sentence(Language::English).trim_end_matches('.'),
            self.detail
        )
    }
}

impl std::error::Error for Failure {}

/// Line fragments and what they mean, the more telling ones first.
const TEXTS: &[(&str, Kind)] = &[
    ("no cameras available", Kind::NoCamera),
    ("selected camera is not available", Kind::NoSuchCamera),
    ("camera manager failed to start", Kind::NotSupported),
    (
        "only supports the Raspberry Pi platforms",
        Kind::NotSupported,
    ),
    ("Pipeline handler in use by another process", Kind::Busy),
    ("failed to acquire camera", Kind::Busy),
    ("Device or resource busy", Kind::Busy),
    ("failed to allocate capture buffers", Kind::NoMemory),
    ("dmaHeap allocation failure", Kind::NoMemory),
    ("Could not open any dmaHeap device", Kind::NoPermission),
    ("Permission denied", Kind::NoPermission),
    ("legacy camera stack", Kind::LegacyStack),
    ("Unable to find an appropriate H.264 codec", Kind::NoEncoder),
    ("cannot allocate output context", Kind::NoEncoder),
    ("Unknown encoder", Kind::NoEncoder),
    ("unrecognised option", Kind::BadOption),
    ("unrecognised codec", Kind::BadOption),
    ("is invalid", Kind::BadOption),
    ("cannot be specified more than once", Kind::BadOption),
    ("Unrecognized option", Kind::BadOption),
    ("Camera frontend has timed out", Kind::TimedOut),
    ("Device timeout detected", Kind::TimedOut),
    ("failed to open V4L2 H264 encoder", Kind::Driver),
    ("failed to start camera", Kind::Driver),
    ("failed to queue request", Kind::Driver),
    ("Remote I/O error", Kind::Driver),
    ("No such device", Kind::NoCamera),
    ("No such file or directory", Kind::Unreadable),
    ("Invalid data found", Kind::Unreadable),
];

/// What one line of a program's stderr means, if it is known.
pub(crate) fn kind_of(line: &str) -> Option<Kind> {
    // The other camera of the board streams: a harmless line of the same words.
    if line.contains("Unable to set controls: Device or resource busy") {
        return None;
    }
    TEXTS
        .iter()
        .find(|(text, _)| line.contains(text))
        .map(|(_, kind)| *kind)
}

/// `ERROR: *** text ***` is `text`; a line must not fill the log.
pub(crate) fn tidy(line: &str) -> String {
    let text = line
        .trim()
        .trim_start_matches("ERROR:")
        .trim()
        .trim_matches('*')
        .trim();
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], code: i32, kind: Kind, detail: &str) {
        let lines: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        let status = Some(ExitStatus::from_raw(code << 8));
        let failure = Failure::classify("rpicam-vid", &lines, lines.len(), status);
        assert_eq!((failure.kind, failure.detail.as_str()), (kind, detail));
    }

    #[test]
    fn stderr_becomes_something_to_act_on() {
        check(
            &[
                "[0:00:01] [12]  INFO Camera camera_manager.cpp:326",
                "ERROR: *** no cameras available ***",
            ],
            255,
            Kind::NoCamera,
            "rpicam-vid: no cameras available",
        );
        check(
            &[
                "Pipeline handler in use by another process",
                "ERROR: *** failed to acquire camera /base/imx708 ***",
            ],
            255,
            Kind::Busy,
            "rpicam-vid: failed to acquire camera /base/imx708",
        );
        check(
            &["ERROR: *** unrecognised option '--flush' ***"],
            255,
            Kind::BadOption,
            "rpicam-vid: unrecognised option '--flush'",
        );
        check(
            &["'imx708': Unable to set controls: Device or resource busy"],
            0,
            Kind::Ended,
            {
                "rpicam-vid ended with code 0: 'imx708': Unable to set controls: Device or resource busy"
            },
        );
        check(&[], 3, Kind::Ended, "rpicam-vid ended with code 3");
        check(
            &["sh: 1: exec: rpicam-vid: not found"],
            127,
            Kind::ProgramMissing,
            "rpicam-vid ended with code 127: sh: 1: exec: rpicam-vid: not found",
        );
        check(
            &[],
            126,
            Kind::ProgramUnusable,
            "rpicam-vid ended with code 126",
        );
        let killed = Failure::classify("x", &[], 0, Some(ExitStatus::from_raw(6)));
        assert_eq!(killed.detail, "x was ended by signal 6");
        let healed = [
            "Camera frontend has timed out!".to_owned(),
            "bye".to_owned(),
        ];
        let failure = Failure::classify("x", &healed, 1, Some(ExitStatus::from_raw(3 << 8)));
        assert_eq!(
            (failure.kind, failure.detail.as_str(), failure.words.len()),
            (Kind::Ended, "x ended with code 3: bye", 2)
        );
    }

    #[test]
    fn every_kind_is_told_in_every_language() {
        let lines = TEXTS.iter().map(|(_, kind)| *kind);
        let others = [
            Kind::ProgramMissing,
            Kind::Unreachable,
            Kind::LoginRefused,
            Kind::NoVideo,
            Kind::Ended,
            Kind::Unkillable,
        ];
        for kind in lines.chain(others) {
            let failure = Failure::new(kind, "");
            assert!(failure.sentence(Language::English).is_ascii());
            let korean = failure.sentence(Language::Korean);
            assert!(
                korean.ends_with("다.") && korean.chars().any(|c| ('가'..='힣').contains(&c)),
                "{korean}"
            );
        }
    }

    #[test]
    fn a_long_or_dirty_line_is_tamed() {
        let failure = Failure::classify(
            "x",
            &[format!("\u{1b}[31merror {}", "a".repeat(10_000))],
            1,
            None,
        );
        assert!(failure.detail.len() < 300 && !failure.detail.contains('\u{1b}'));
    }
}

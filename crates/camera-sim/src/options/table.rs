//! Every option of rpicam-vid 1.13, as its parser declares them.

/// What a value must look like for the parser to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything.
    Text,
    /// Unsigned 32 bits; a minus sign wraps round, as `lexical_cast` has it.
    Uint,
    /// Signed 32 bits.
    Int,
    /// A float, `nan` and `inf` too.
    Float,
    /// A yes/no word.
    Flag,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// Name without dashes.
    pub long: &'static str,
    /// The letter, if it has one.
    pub short: Option<char>,
    /// What it takes.
    pub kind: Kind,
    /// What it means when it stands without a value; options with one may.
    pub implicit: Option<&'static str>,
}

const fn text(long: &'static str) -> Declared {
    Declared {
        long,
        short: None,
        kind: Kind::Text,
        implicit: None,
    }
}

const fn uint(long: &'static str) -> Declared {
    Declared {
        long,
        short: None,
        kind: Kind::Uint,
        implicit: None,
    }
}

const fn float(long: &'static str) -> Declared {
    Declared {
        long,
        short: None,
        kind: Kind::Float,
        implicit: None,
    }
}

const fn flag(long: &'static str) -> Declared {
    Declared {
        long,
        short: None,
        kind: Kind::Flag,
        implicit: Some("true"),
    }
}

impl Declared {
    const fn letter(self, letter: char) -> Self {
        Self {
            short: Some(letter),
            ..self
        }
    }

    const fn or(self, implicit: &'static str) -> Self {
        Self {
            implicit: Some(implicit),
            ..self
        }
    }

    const fn int(self) -> Self {
        Self {
            kind: Kind::Int,
            ..self
        }
    }
}

/// In the order of `--help`.
pub const OPTIONS: &[Declared] = &[
    flag("help").letter('h'),
    flag("version"),
    flag("list-cameras"),
    uint("camera"),
    uint("verbose").letter('v').or("2"),
    text("config").letter('c').or("config.txt"),
    text("info-text"),
    uint("width"),
    uint("height"),
    text("timeout").letter('t'),
    text("output").letter('o'),
    text("post-process-file"),
    text("post-process-libs"),
    flag("nopreview").letter('n'),
    text("preview").letter('p'),
    flag("fullscreen").letter('f'),
    flag("qt-preview"),
    text("preview-backend"),
    text("preview-libs"),
    text("encoder-libs"),
    flag("hflip"),
    flag("vflip"),
    uint("rotation").int(),
    text("roi"),
    text("shutter"),
    float("analoggain"),
    float("gain"),
    text("metering"),
    text("exposure"),
    float("ev"),
    text("awb"),
    text("awbgains"),
    text("ccm"),
    flag("flush"),
    uint("wrap"),
    float("brightness"),
    float("contrast"),
    float("saturation"),
    float("sharpness"),
    float("framerate"),
    text("denoise"),
    uint("viewfinder-width"),
    uint("viewfinder-height"),
    text("tuning-file"),
    uint("lores-width"),
    uint("lores-height"),
    flag("lores-par"),
    text("mode"),
    text("viewfinder-mode"),
    uint("buffer-count"),
    uint("viewfinder-buffer-count"),
    flag("no-raw"),
    text("autofocus-mode"),
    text("autofocus-range"),
    text("autofocus-speed"),
    text("autofocus-window"),
    text("lens-position"),
    text("hdr").or("auto"),
    text("metadata"),
    text("metadata-format"),
    text("flicker-period"),
    text("bitrate").letter('b'),
    text("profile"),
    text("level"),
    uint("intra").letter('g'),
    flag("inline"),
    text("codec"),
    text("save-pts"),
    uint("quality").letter('q').int(),
    flag("listen").letter('l'),
    flag("keypress").letter('k'),
    flag("signal").letter('s'),
    text("initial").letter('i'),
    flag("split"),
    uint("segment"),
    uint("circular").or("4"),
    uint("frames"),
    text("libav-video-codec"),
    text("libav-video-codec-opts"),
    text("libav-format"),
    flag("libav-audio"),
    text("audio-codec"),
    text("audio-source"),
    text("audio-device"),
    uint("audio-channels"),
    text("audio-bitrate"),
    uint("audio-samplerate"),
    uint("alsa-period-size"),
    text("av-sync"),
    flag("low-latency"),
    text("sync"),
];

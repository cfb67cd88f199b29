//! The trait every source implements, and what it is told.

use std::{fmt, path::PathBuf, pin::Pin};

use control::{Class, ControlSet};
use media::{Picture, jpeg::Dropped};
use tokio_util::sync::CancellationToken;

use crate::{Failure, Memory, SourceSpec, auto, ffmpeg, file, http, pattern, rpicam, rtsp};

/// Takes what a source gives. Every call returns at once.
pub trait Sink: Send {
    /// One whole JPEG, whose last byte has just arrived.
    fn picture(&mut self, picture: Picture);
    /// What could not be used since the last call.
    fn dropped(&mut self, dropped: Dropped);
    /// The source runs on, but says that something is wrong.
    fn trouble(&mut self, failure: Failure);
    /// What was found has these controls; said by a source that looks for its camera.
    fn found(&mut self, class: Class);
}

/// A running source.
pub type Run<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Something that gives pictures.
pub trait Source: Send + fmt::Debug {
    /// Runs until `stop` is cancelled, then returns `Ok`, or until it cannot go on. When it returns, nothing that it
    /// started is left.
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a>;

    /// Takes other values for what can be set; they hold from the next run on. What the source has learned of its
    /// camera stays. One that has nothing to set takes no notice.
    fn set(&mut self, _: &Settings) {}
}

/// What to open, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The camera's name, for pictures that the server draws.
    pub name: String,
    /// What to open.
    pub spec: SourceSpec,
    /// The camera program to use instead of the one found in the path.
    pub program: Option<PathBuf>,
    /// Picture width in pixels.
    pub width_px: u16,
    /// Picture height in pixels.
    pub height_px: u16,
    /// Frames per second.
    pub framerate: f32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Larger pictures are dropped.
    pub max_frame_bytes: usize,
    /// What was set while the server runs. Size, rate and quality stand in their own fields.
    pub controls: ControlSet,
}

impl Settings {
    /// Size, rate and quality.
    #[must_use]
    pub fn frame(&self) -> control::Frame {
        control::Frame {
            width_px: self.width_px,
            height_px: self.height_px,
            framerate: self.framerate,
            quality: self.quality,
        }
    }

    /// Changes size, rate and quality.
    pub fn set_frame(&mut self, frame: control::Frame) {
        (self.width_px, self.height_px) = (frame.width_px, frame.height_px);
        (self.framerate, self.quality) = (frame.framerate, frame.quality);
    }

    /// These settings with other values for what can be set.
    #[must_use]
    pub fn with(&self, controls: &ControlSet) -> Self {
        let control::Frame {
            width_px,
            height_px,
            framerate,
            quality,
        } = controls.applied_to(self.frame());
        Self {
            width_px,
            height_px,
            framerate,
            quality,
            controls: controls.clone(),
            ..self.clone()
        }
    }
}

impl SourceSpec {
    /// The controls that such a source has; for `auto`, those of a camera on the board until something else is found.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Auto
            | Self::Rpicam { .. }
            | Self::RpicamById { .. }
            | Self::RpicamThroughFfmpeg => Class::Board,
            Self::V4l2 { .. } => Class::Usb,
            Self::Test => Class::Drawn,
            Self::Http(_) | Self::Rtsp(_) | Self::File { .. } => Class::Fixed,
        }
    }
}

/// Makes the source that `settings` ask for. Starts nothing. What it learns about the camera goes into `memory`.
#[must_use]
pub fn open(settings: &Settings, memory: &Memory) -> Box<dyn Source> {
    let (settings, memory) = (settings.clone(), memory.clone());
    match &settings.spec {
        SourceSpec::Auto => Box::new(auto::Auto::new(settings, memory)),
        SourceSpec::Rpicam { .. } | SourceSpec::RpicamById { .. } => {
            Box::new(rpicam::Rpicam::new(settings, memory))
        }
        SourceSpec::RpicamThroughFfmpeg => Box::new(ffmpeg::H264ToMjpeg::new(settings)),
        SourceSpec::V4l2 { device } => Box::new(ffmpeg::Usb::new(device.clone(), settings, memory)),
        SourceSpec::Http(address) => Box::new(http::Http::new(address.clone(), settings)),
        SourceSpec::Rtsp(address) => Box::new(rtsp::Rtsp::new(address.clone(), settings)),
        SourceSpec::File { path } => file::open(path.clone(), settings),
        SourceSpec::Test => Box::new(pattern::open(&settings, None)),
    }
}

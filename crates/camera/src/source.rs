//! The trait every source implements, and what it is told.

use std::{fmt, path::PathBuf, pin::Pin};

use media::jpeg::Dropped;
use tokio_util::sync::CancellationToken;

use crate::{Failure, SourceSpec, auto, ffmpeg, file, http, pattern, rpicam, rtsp};

/// Takes what a source gives. Every call returns at once.
pub trait Sink: Send {
    /// One whole JPEG, whose last byte has just arrived.
    fn picture(&mut self, jpeg: &[u8]);
    /// What could not be used since the last call.
    fn dropped(&mut self, dropped: Dropped);
    /// The source runs on, but says that something is wrong.
    fn trouble(&mut self, failure: Failure);
}

/// A running source.
pub type Run<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// Something that gives pictures.
pub trait Source: Send + fmt::Debug {
    /// Runs until `stop` is cancelled, then returns `Ok`, or until it cannot go on. When it returns, nothing that it
    /// started is left.
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a>;
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
}

/// Makes the source that `settings` ask for. Starts nothing.
#[must_use]
pub fn open(settings: &Settings) -> Box<dyn Source> {
    let settings = settings.clone();
    match &settings.spec {
        SourceSpec::Auto => Box::new(auto::Auto::new(settings)),
        SourceSpec::Rpicam { index } => Box::new(rpicam::Rpicam::new(*index, settings)),
        SourceSpec::RpicamThroughFfmpeg => Box::new(ffmpeg::H264ToMjpeg::new(settings)),
        SourceSpec::V4l2 { device } => Box::new(ffmpeg::Usb::new(device.clone(), settings)),
        SourceSpec::Http(address) => Box::new(http::Http::new(address.clone(), settings)),
        SourceSpec::Rtsp(address) => Box::new(rtsp::Rtsp::new(address.clone(), settings)),
        SourceSpec::File { path } => file::open(path.clone(), settings),
        SourceSpec::Test => Box::new(pattern::open(&settings, None)),
    }
}

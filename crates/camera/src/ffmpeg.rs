//! Sources that ffmpeg reads or converts.

use std::{collections::BTreeSet, io, path::PathBuf, process::Stdio};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::{
    Failure, Kind, Run, Settings, Sink, Source,
    chain::Chain,
    child::Child,
    file, program,
    rpicam::{self, Output},
};

pub(crate) fn find_ffmpeg() -> Result<PathBuf, Failure> {
    program::find(&["ffmpeg"])
        .ok_or_else(|| Failure::new(Kind::ProgramMissing, "ffmpeg is not in the path"))
}

fn spawn(args: &[String]) -> Result<Child, Failure> {
    let ffmpeg = find_ffmpeg()?;
    Child::spawn(&ffmpeg, args, Stdio::null()).map_err(|e| Failure::spawn("ffmpeg", &e))
}

/// Arguments written as one line. For our own words and numbers only: what an operator wrote stays whole, as one argument.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// How every ffmpeg starts: it asks nothing, and says only what is wrong.
const QUIET: &str = "-nostdin -hide_banner -loglevel warning";

/// Reads video of this format from stdin, to JPEGs on stdout. Out with every picture at once: no probing, no reordering.
/// (`-fflags nobuffer` looks right, and throws the first key frame away: no picture until the next one.)
pub(crate) fn stdin_to_mjpeg(format: &str, framerate: f32, quality: u8) -> Vec<String> {
    [
        words(QUIET),
        words("-flags low_delay -probesize 32 -analyzeduration 0"),
        words(&format!("-f {format} -framerate {framerate} -i pipe:0 -an")),
        to_mjpeg(quality),
    ]
    .concat()
}

/// Any video to JPEGs on stdout, each at once: threads that share a picture, because those that take one each are
/// late by a picture for each thread.
fn to_mjpeg(quality: u8) -> Vec<String> {
    let q = q_scale(quality);
    words(&format!(
        "-fps_mode passthrough -c:v mjpeg -thread_type slice -pix_fmt yuvj420p -q:v {q} -flush_packets 1 -f mjpeg pipe:1"
    ))
}

/// ffmpeg's scale from 2 (best) to 31 for a quality of 1 to 100; near enough to libjpeg's in size.
fn q_scale(quality: u8) -> String {
    (2 + (100 - u32::from(quality.clamp(1, 100))) * 29 / 99).to_string()
}

/// rpicam-vid as H.264, turned into JPEG: one pair of programs for all viewers.
#[derive(Debug)]
pub(crate) struct H264ToMjpeg {
    settings: Settings,
    unknown: BTreeSet<&'static str>,
}

impl H264ToMjpeg {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            unknown: BTreeSet::new(),
        }
    }

    async fn run(&mut self, sink: &mut dyn Sink, stop: &CancellationToken) -> Result<(), Failure> {
        loop {
            let program = rpicam::find(&self.settings)?;
            let ffmpeg = find_ffmpeg()?;
            let args = rpicam::arguments(&self.settings, None, Output::H264, &self.unknown);
            let camera = Child::spawn(&program, &args, Stdio::null())
                .map_err(|e| Failure::spawn(&program.display().to_string(), &e))?;
            let Settings {
                framerate, quality, ..
            } = self.settings;
            let convert = stdin_to_mjpeg("h264", framerate, quality);
            let (mut chain, started) =
                Chain::with_converter(camera, |stdin| Child::spawn(&ffmpeg, &convert, stdin));
            if let Err(error) = started {
                chain.stop().await;
                return Err(Failure::spawn("ffmpeg", &error));
            }
            match chain.run(sink, self.settings.max_frame_bytes, stop).await {
                Err(failure)
                    if !stop.is_cancelled()
                        && rpicam::forget_option(&failure, &mut self.unknown) => {}
                other => return other,
            }
        }
    }
}

impl Source for H264ToMjpeg {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(Self::run(self, sink, stop))
    }
}

/// A USB camera that gives JPEG itself; the pictures pass through untouched.
#[derive(Debug)]
pub(crate) struct Usb {
    device: PathBuf,
    settings: Settings,
}

impl Usb {
    pub(crate) fn new(device: PathBuf, settings: Settings) -> Self {
        Self { device, settings }
    }
}

impl Source for Usb {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(async move {
            let Settings {
                width_px,
                height_px,
                framerate,
                max_frame_bytes,
                ..
            } = self.settings;
            let args = [
                words(QUIET),
                words(&format!("-f v4l2 -input_format mjpeg -video_size {width_px}x{height_px} -framerate {framerate}")),
                vec!["-i".to_owned(), self.device.to_string_lossy().into_owned()],
                words("-an -c:v copy -flush_packets 1 -f mjpeg pipe:1"),
            ]
            .concat();
            Chain::new(spawn(&args)?)
                .run(sink, max_frame_bytes, stop)
                .await
        })
    }
}

/// A video file at its own rate, again and again.
#[derive(Debug)]
pub(crate) struct VideoFile {
    path: PathBuf,
    settings: Settings,
}

impl VideoFile {
    pub(crate) fn new(path: PathBuf, settings: Settings) -> Self {
        Self { path, settings }
    }
}

impl Source for VideoFile {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(async move {
            let path = self.path.clone();
            let unreadable = |error| {
                Failure::new(
                    Kind::Unreadable,
                    format!("{}: {error}", self.path.display()),
                )
            };
            let opened = spawn_blocking(move || file::open_regular(&path)).await;
            opened
                .map_err(io::Error::other)
                .flatten()
                .map_err(unreadable)?;
            let Settings {
                framerate,
                quality,
                max_frame_bytes,
                ..
            } = self.settings;
            // A bare H.264 stream has no times of its own.
            let is_bare = self
                .path
                .extension()
                .is_some_and(|e| e == "h264" || e == "264");
            let rate = if is_bare {
                format!("-f h264 -framerate {framerate}")
            } else {
                String::new()
            };
            let args = [
                words(QUIET),
                // The white list keeps a playlist from leading ffmpeg to other places.
                words("-protocol_whitelist file,pipe"),
                words(&rate),
                words("-re -stream_loop -1"),
                // `file:` keeps a name with a colon or a leading dash from meaning anything else.
                vec!["-i".to_owned(), format!("file:{}", self.path.display())],
                words("-map 0:v:0"),
                to_mjpeg(quality),
            ]
            .concat();
            Chain::new(spawn(&args)?)
                .run(sink, max_frame_bytes, stop)
                .await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_covers_the_whole_scale() {
        assert_eq!(
            [100, 85, 50, 1, 0].map(q_scale),
            ["2", "6", "16", "31", "31"]
        );
    }
}

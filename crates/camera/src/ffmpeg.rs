//! Sources that ffmpeg reads or converts.

use std::{collections::BTreeSet, io, path::PathBuf, process::Stdio};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    Failure, Kind, Memory, Run, Settings, Sink, Source,
    chain::Chain,
    child::Child,
    file,
    listing::Starting,
    program,
    rpicam::{self, Output, Which},
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
            let args = rpicam::arguments(&self.settings, Which::FIRST, Output::H264, &self.unknown);
            let mut sink = Starting::new(sink, stop).await;
            if stop.is_cancelled() {
                return Ok(());
            }
            let camera = Child::spawn(&program, &args, Stdio::null())
                .map_err(|e| Failure::spawn(&program.display().to_string(), &e))?;
            let Settings {
                framerate, quality, ..
            } = self.settings;
            let convert = stdin_to_mjpeg("h264", framerate, quality);
            let (mut chain, started) =
                Chain::with_converter(camera, |stdin| Child::spawn(&ffmpeg, &convert, stdin));
            if let Err(error) = started {
                chain.stop(&mut sink).await;
                return Err(Failure::spawn("ffmpeg", &error));
            }
            match chain
                .run(&mut sink, self.settings.max_frame_bytes, stop)
                .await
            {
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

    fn set(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }
}

/// A USB camera. Most give JPEG themselves, which passes through untouched; what the others give is converted.
#[derive(Debug)]
pub(crate) struct Usb {
    device: PathBuf,
    settings: Settings,
    memory: Memory,
}

impl Usb {
    pub(crate) fn new(device: PathBuf, settings: Settings, memory: Memory) -> Self {
        Self {
            device,
            settings,
            memory,
        }
    }

    async fn run(&mut self, sink: &mut dyn Sink, stop: &CancellationToken) -> Result<(), Failure> {
        loop {
            let is_raw = self.memory.learnt().raw_device.as_ref() == Some(&self.device);
            let args = self.arguments(is_raw);
            let result = Chain::new(spawn(&args)?)
                .run(sink, self.settings.max_frame_bytes, stop)
                .await;
            match result.map_err(of_device) {
                Err(failure) if !is_raw && !stop.is_cancelled() && has_no_jpeg(&failure) => {
                    info!(
                        device = %self.device.display(),
                        "this camera gives no JPEG: its pictures are converted"
                    );
                    let device = self.device.clone();
                    self.memory.learn(|learnt| learnt.raw_device = Some(device));
                }
                other => return other,
            }
        }
    }

    fn arguments(&self, is_raw: bool) -> Vec<String> {
        let Settings {
            width_px,
            height_px,
            framerate,
            quality,
            ..
        } = self.settings;
        let (format, output) = if is_raw {
            ("", to_mjpeg(quality))
        } else {
            let copy = words("-c:v copy -flush_packets 1 -f mjpeg pipe:1");
            ("-input_format mjpeg", copy)
        };
        [
            words(QUIET),
            words(&format!(
                "-f v4l2 {format} -video_size {width_px}x{height_px} -framerate {framerate}"
            )),
            vec!["-i".to_owned(), self.device.to_string_lossy().into_owned()],
            words("-an"),
            output,
        ]
        .concat()
    }
}

impl Source for Usb {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(Self::run(self, sink, stop))
    }

    fn set(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }
}

/// What ffmpeg says when a device refuses every format it was asked for.
const NO_FORMAT: &str = "Cannot find a proper format";

fn has_no_jpeg(failure: &Failure) -> bool {
    failure.words.iter().any(|line| line.contains(NO_FORMAT))
}

/// ffmpeg ends with a general line; the one that says what is wrong with a device stands before it.
fn of_device(mut failure: Failure) -> Failure {
    let kind_of = |line: &str| {
        if line.contains("Cannot open video device") && line.contains("No such file or directory") {
            Some(Kind::NoCamera)
        } else if line.contains("Not a video capture device")
            || line.contains("does not support the streaming I/O method")
            || line.contains(NO_FORMAT)
        {
            Some(Kind::NoVideo)
        } else {
            None
        }
    };
    let told = failure
        .words
        .iter()
        .rev()
        .find_map(|line| Some((kind_of(line)?, line)));
    if let Some((kind, line)) = told {
        failure.kind = kind;
        // `[video4linux2,v4l2 @ 0x5605e84a2840] ` is of no use to anybody.
        let line = line.rsplit_once("] ").map_or(&**line, |(_, line)| line);
        failure.detail = format!("ffmpeg: {line}");
    }
    failure
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

    fn set(&mut self, settings: &Settings) {
        self.settings = settings.clone();
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

    #[test]
    fn the_telling_line_of_a_device_decides() {
        let check = |lines: &[&str], kind, detail: &str| {
            let mut failure = Failure::new(Kind::Ended, "ffmpeg: the last line");
            failure.words = lines.iter().map(|line| (*line).to_owned()).collect();
            let failure = of_device(failure);
            assert_eq!((failure.kind, failure.detail.as_str()), (kind, detail));
        };
        check(
            &[
                "[video4linux2,v4l2 @ 0x5593a4884a00] Not a video capture device.",
                "/dev/video9: No such device",
            ],
            Kind::NoVideo,
            "ffmpeg: Not a video capture device.",
        );
        check(
            &[
                "[video4linux2,v4l2 @ 0x55dc] Cannot open video device /dev/video9: No such file or directory",
                "/dev/video9: No such file or directory",
            ],
            Kind::NoCamera,
            "ffmpeg: Cannot open video device /dev/video9: No such file or directory",
        );
        check(
            &["/dev/video9: Device or resource busy"],
            Kind::Ended,
            "ffmpeg: the last line",
        );
    }
}

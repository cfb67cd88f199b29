//! Sources that ffmpeg reads or converts.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio_util::sync::CancellationToken;

use crate::{
    Failure, Kind, Run, Settings, Sink, Source,
    chain::Chain,
    child::Child,
    program,
    rpicam::{self, Output},
};

fn find_ffmpeg() -> Result<PathBuf, Failure> {
    program::find(&["ffmpeg"])
        .ok_or_else(|| Failure::new(Kind::ProgramMissing, "ffmpeg is not in the path"))
}

fn spawn(args: &[&str], stdin: Stdio) -> Result<Child, Failure> {
    let ffmpeg = find_ffmpeg()?;
    let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
    Child::spawn(&ffmpeg, &args, stdin).map_err(|e| Failure::spawn("ffmpeg", &e))
}

/// ffmpeg's scale from 2 (best) to 31 for a quality of 1 to 100; near enough to libjpeg's in size.
fn q_scale(quality: u8) -> String {
    (2 + (100 - u32::from(quality.clamp(1, 100))) * 29 / 99).to_string()
}

/// How every ffmpeg starts: it asks nothing, and says only what is wrong.
const QUIET: [&str; 4] = ["-nostdin", "-hide_banner", "-loglevel", "warning"];

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
            let framerate = self.settings.framerate.to_string();
            let quality = q_scale(self.settings.quality);
            // Out with every picture at once: no probing, no frame reordering, no timestamps made up.
            let convert = [
                &QUIET[..],
                &[
                    "-fflags",
                    "nobuffer",
                    "-flags",
                    "low_delay",
                    "-probesize",
                    "32",
                    "-analyzeduration",
                    "0",
                ],
                &[
                    "-f",
                    "h264",
                    "-framerate",
                    &framerate,
                    "-i",
                    "pipe:0",
                    "-an",
                    "-fps_mode",
                    "passthrough",
                ],
                &[
                    "-c:v",
                    "mjpeg",
                    "-pix_fmt",
                    "yuvj420p",
                    "-q:v",
                    &quality,
                    "-flush_packets",
                    "1",
                    "-f",
                    "mjpeg",
                    "pipe:1",
                ],
            ]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
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
            let size = format!("{}x{}", self.settings.width_px, self.settings.height_px);
            let framerate = self.settings.framerate.to_string();
            let device = self.device.to_string_lossy();
            let args = [
                &QUIET[..],
                &[
                    "-f",
                    "v4l2",
                    "-input_format",
                    "mjpeg",
                    "-video_size",
                    &size,
                    "-framerate",
                    &framerate,
                ],
                &[
                    "-i",
                    &device,
                    "-an",
                    "-c:v",
                    "copy",
                    "-flush_packets",
                    "1",
                    "-f",
                    "mjpeg",
                    "pipe:1",
                ],
            ]
            .concat();
            Chain::new(spawn(&args, Stdio::null())?)
                .run(sink, self.settings.max_frame_bytes, stop)
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
            // `file:` keeps a name with a colon or a leading dash from meaning anything else, and the white list keeps
            // a playlist from leading ffmpeg to other places.
            let input = format!("file:{}", self.path.display());
            let quality = q_scale(self.settings.quality);
            let framerate = self.settings.framerate.to_string();
            let raw = self
                .path
                .extension()
                .is_some_and(|e| e == "h264" || e == "264");
            let rate: &[&str] = if raw {
                &["-f", "h264", "-framerate", &framerate]
            } else {
                &[]
            };
            let args = [
                &QUIET[..],
                &["-protocol_whitelist", "file,pipe"],
                rate,
                &[
                    "-re",
                    "-stream_loop",
                    "-1",
                    "-i",
                    &input,
                    "-map",
                    "0:v:0",
                    "-fps_mode",
                    "passthrough",
                ],
                &[
                    "-c:v",
                    "mjpeg",
                    "-pix_fmt",
                    "yuvj420p",
                    "-q:v",
                    &quality,
                    "-flush_packets",
                    "1",
                    "-f",
                    "mjpeg",
                    "pipe:1",
                ],
            ]
            .concat();
            check_readable(&self.path)?;
            Chain::new(spawn(&args, Stdio::null())?)
                .run(sink, self.settings.max_frame_bytes, stop)
                .await
        })
    }
}

/// Says what is wrong with a path before a program stumbles over it.
pub(crate) fn check_readable(path: &Path) -> Result<(), Failure> {
    std::fs::File::open(path)
        .map(drop)
        .map_err(|error| Failure::new(Kind::Unreadable, format!("{}: {error}", path.display())))
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

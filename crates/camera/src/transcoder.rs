//! Coded video in, JPEGs out: an ffmpeg that is fed by us.
//!
//! Whoever feeds it never waits. What ffmpeg cannot take in time is left out, up to the next key frame.

use std::{
    collections::VecDeque,
    process::Stdio,
    time::{Duration, Instant},
};

use media::jpeg::{Dropped, Splitter};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::ChildStdin,
};
use tracing::warn;

use crate::{
    Failure, Settings, Sink,
    child::Child,
    ffmpeg::{find_ffmpeg, stdin_to_mjpeg},
};

/// Access units that wait for ffmpeg. More than a second of them would be shown a second late.
const BACKLOG_FRAMES: usize = 12;
/// A slow ffmpeg is told of once, and then not for this long.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A video format that ffmpeg reads as a bare stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    H264,
    H265,
}

impl Codec {
    /// ffmpeg's word for it.
    fn format(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "hevc",
        }
    }

    /// An access unit delimiter. Behind a picture it tells ffmpeg that the picture is whole: without it, it would wait
    /// for the beginning of the next one.
    fn delimiter(self) -> &'static [u8] {
        match self {
            Self::H264 => &[0, 0, 0, 1, 0x09, 0xF0],
            Self::H265 => &[0, 0, 0, 1, 0x46, 0x01, 0x50],
        }
    }
}

/// A running ffmpeg.
#[derive(Debug)]
pub(crate) struct Transcoder {
    child: Child,
    stdin: Option<ChildStdin>,
    backlog: Backlog,
    delimiter: &'static [u8],
    splitter: Splitter,
    reported: Dropped,
    left_out: Dropped,
    told: Option<Instant>,
}

impl Transcoder {
    pub(crate) fn start(codec: Codec, settings: &Settings) -> Result<Self, Failure> {
        let ffmpeg = find_ffmpeg()?;
        let args = stdin_to_mjpeg(codec.format(), settings.framerate, settings.quality);
        let mut child = Child::spawn(&ffmpeg, &args, Stdio::piped())
            .map_err(|error| Failure::spawn("ffmpeg", &error))?;
        Ok(Self {
            stdin: child.stdin.take(),
            child,
            backlog: Backlog::new(settings.max_frame_bytes),
            delimiter: codec.delimiter(),
            splitter: Splitter::new(settings.max_frame_bytes),
            reported: Dropped::default(),
            left_out: Dropped::default(),
            told: None,
        })
    }

    /// Takes one access unit in Annex B form, its parameter sets before it if it is a key frame. Never waits.
    pub(crate) fn push(&mut self, mut unit: Vec<u8>, is_key: bool) {
        unit.extend_from_slice(self.delimiter);
        let bytes = unit.len() as u64;
        match self.backlog.push(unit, is_key) {
            Push::Taken => {}
            Push::NoKeyYet => self.left_out.bytes += bytes,
            Push::Full => {
                self.left_out.bytes += bytes;
                if self.told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
                    self.told = Some(Instant::now());
                    warn!(
                        "ffmpeg is too slow for this camera: pictures are left out up to the next key frame"
                    );
                }
            }
        }
    }

    /// The stream has a gap: what comes before the next key frame refers to something that is not there.
    pub(crate) fn lost(&mut self) {
        self.backlog.awaits_key = true;
    }

    /// Moves bytes in and pictures out. Returns when ffmpeg has ended; can be dropped and called again without loss.
    pub(crate) async fn pump(&mut self, sink: &mut dyn Sink) {
        let Self {
            child,
            stdin,
            backlog,
            splitter,
            reported,
            left_out,
            ..
        } = self;
        let Some(stdout) = &mut child.stdout else {
            return;
        };
        if *left_out != Dropped::default() {
            sink.dropped(std::mem::take(left_out));
        }
        loop {
            let next = backlog.next();
            tokio::select! {
                read = stdout.read(splitter.room()) => match read {
                    Ok(n @ 1..) => {
                        splitter.filled(n);
                        while let Some(picture) = splitter.next_picture() {
                            sink.picture(picture);
                        }
                        if splitter.dropped() != *reported {
                            sink.dropped(splitter.dropped().since(*reported));
                            *reported = splitter.dropped();
                        }
                    }
                    _ => return,
                },
                written = write(stdin, next) => match written {
                    Some(n) => backlog.written(n),
                    // It has ended, or is about to: its stdout will say so.
                    None => *stdin = None,
                },
                () = child.stderr.watch(|_| None::<()>) => {}
            }
        }
    }

    /// Ends ffmpeg and reaps it.
    pub(crate) async fn stop(&mut self, sink: &mut dyn Sink) {
        self.stdin = None;
        self.child.stop(sink).await;
    }

    /// Why ffmpeg has ended by itself. It has been reaped after it.
    pub(crate) async fn diagnose(&mut self, sink: &mut dyn Sink) -> Failure {
        const GRACE: Duration = Duration::from_millis(500);
        self.stdin = None;
        let status = match self.child.ended_within(GRACE).await {
            None => self.child.stop(sink).await,
            status => status,
        };
        let lines = self.child.stderr.kept();
        Failure::classify(&self.child.name, lines, lines.len(), status)
    }
}

/// Writes some of `bytes`; waits for ever if there is nothing to write or nowhere to write to.
async fn write(stdin: &mut Option<ChildStdin>, bytes: &[u8]) -> Option<usize> {
    match stdin {
        Some(stdin) if !bytes.is_empty() => stdin.write(bytes).await.ok(),
        _ => std::future::pending().await,
    }
}

/// What waits to be written: whole access units, bounded in number and bytes.
#[derive(Debug)]
struct Backlog {
    units: VecDeque<Vec<u8>>,
    /// Bytes of the first unit that are written.
    written: usize,
    bytes: usize,
    max_bytes: usize,
    awaits_key: bool,
}

/// What became of an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Push {
    Taken,
    /// There is no room for it.
    Full,
    /// It refers to pictures that were left out.
    NoKeyYet,
}

impl Backlog {
    fn new(max_bytes: usize) -> Self {
        Self {
            units: VecDeque::with_capacity(BACKLOG_FRAMES),
            written: 0,
            bytes: 0,
            max_bytes,
            awaits_key: true,
        }
    }

    fn push(&mut self, unit: Vec<u8>, is_key: bool) -> Push {
        if self.awaits_key && !is_key {
            return Push::NoKeyYet;
        }
        if self.units.len() == BACKLOG_FRAMES || self.bytes + unit.len() > self.max_bytes {
            self.awaits_key = true;
            return Push::Full;
        }
        self.awaits_key = false;
        self.bytes += unit.len();
        self.units.push_back(unit);
        Push::Taken
    }

    /// What is to be written next.
    fn next(&self) -> &[u8] {
        self.units.front().map_or(&[], |unit| &unit[self.written..])
    }

    /// So many bytes of it are written.
    fn written(&mut self, n: usize) {
        self.written += n;
        if let Some(unit) = self.units.front()
            && self.written >= unit.len()
        {
            self.bytes -= unit.len();
            self.units.pop_front();
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `K` and `P` push key frames and others of ten bytes, digits write so many bytes.
    fn check(steps: &str, want: &str) {
        let mut backlog = Backlog::new(50);
        let mut said = String::new();
        for step in steps.chars() {
            if let Some(n) = step.to_digit(10) {
                let n = (n as usize).min(backlog.next().len());
                backlog.written(n);
            } else {
                said.push(match backlog.push(vec![0; 10], step == 'K') {
                    Push::Taken => '+',
                    Push::Full => '!',
                    Push::NoKeyYet => '-',
                });
            }
            assert!(backlog.bytes <= 50);
        }
        assert_eq!(said, want, "{steps}");
    }

    #[test]
    fn what_does_not_fit_is_left_out_up_to_a_key_frame() {
        check("PPKPP", "--+++");
        check("KPPPPP55PK", "+++++!-+");
        check("KPPPPPK", "+++++!!");
        // A unit of which a part is written still counts whole.
        check("KPPPP9K91K", "+++++!+");
    }

    #[test]
    fn units_are_written_whole_and_in_order() {
        let mut backlog = Backlog::new(1000);
        backlog.push(vec![1, 2, 3], true);
        backlog.push(vec![4, 5], false);
        let mut out = Vec::new();
        while !backlog.next().is_empty() {
            let n = backlog.next().len().min(2);
            out.extend_from_slice(&backlog.next()[..n]);
            backlog.written(n);
        }
        assert_eq!(out, [1, 2, 3, 4, 5]);
        assert_eq!(backlog.bytes, 0);
    }

    #[test]
    fn one_unit_that_is_too_large_is_left_out() {
        let mut backlog = Backlog::new(50);
        assert_eq!(backlog.push(vec![0; 51], true), Push::Full);
        assert_eq!(backlog.push(vec![0; 1], false), Push::NoKeyYet);
        assert_eq!(backlog.push(vec![0; 50], true), Push::Taken);
    }
}

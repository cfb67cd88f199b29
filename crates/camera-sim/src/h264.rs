//! H.264: a file cut into access units, or a real encoder behind pipes.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::frames::Frames;
use crate::options::{Codec, Options};
use crate::output::{Encode, Job, Writer};
use crate::settings::Settings;

const SPS: u8 = 7;
const PPS: u8 = 8;
/// FFmpeg's libraries hand out at most this much at once.
const LIBAV_PIECE: usize = 32_768;
/// The encoder has so long for a frame before the next one is fed.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// NAL units of an Annex B stream, start codes included.
fn nal_units(stream: &[u8]) -> Vec<Range<usize>> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = stream
        .get(at..)
        .and_then(|rest| rest.windows(3).position(|w| w == [0, 0, 1]))
    {
        let code = at + found;
        // A zero in front belongs to a start code of four bytes.
        starts.push(if code > 0 && stream[code - 1] == 0 {
            code - 1
        } else {
            code
        });
        at = code + 3;
    }
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .map(|(from, to)| from..to)
        .collect()
}

/// Type of a NAL unit with its start code, and whether it is the first slice of a picture.
fn nal_type(unit: &[u8]) -> (u8, bool) {
    let head = unit
        .iter()
        .position(|&b| b == 1)
        .map_or(unit.len(), |one| one + 1);
    let kind = unit.get(head).map_or(0, |b| b & 0x1F);
    // first_mb_in_slice is 0 if its Exp-Golomb code is a single 1.
    (
        kind,
        matches!(kind, 1 | 5) && unit.get(head + 1).is_some_and(|b| b & 0x80 != 0),
    )
}

/// One range per picture, with what leads it in; Rec. ITU-T H.264 7.4.1.2.3.
fn access_units(stream: &[u8]) -> Vec<Range<usize>> {
    let mut units: Vec<Range<usize>> = Vec::new();
    let mut has_slice = true;
    for nal in nal_units(stream) {
        let (kind, first_slice) = nal_type(&stream[nal.clone()]);
        let opens = has_slice && (first_slice || matches!(kind, 6..=9 | 14..=18));
        match units.last_mut() {
            Some(unit) if !opens => unit.end = nal.end,
            _ => {
                units.push(nal);
                has_slice = false;
            }
        }
        has_slice |= matches!(kind, 1 | 5);
    }
    units
}

/// Drops parameter sets, which the hardware encoder repeats only with `--inline`.
fn without_parameter_sets(unit: &[u8]) -> Vec<u8> {
    let keep = |nal: &Range<usize>| !matches!(nal_type(&unit[nal.clone()]).0, SPS | PPS);
    nal_units(unit)
        .into_iter()
        .filter(keep)
        .flat_map(|nal| unit[nal].iter().copied())
        .collect()
}

/// A stream from a file, one access unit per frame, looped.
#[derive(Debug)]
pub struct FromFile {
    stream: Vec<u8>,
    units: Vec<Range<usize>>,
    next: usize,
}

impl FromFile {
    /// Reads the whole file.
    pub fn open(path: &Path) -> Result<Self> {
        let stream = fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let units = access_units(&stream);
        ensure!(!units.is_empty(), "no H.264 Annex B in {}", path.display());
        Ok(Self {
            stream,
            units,
            next: 0,
        })
    }
}

impl Encode for FromFile {
    fn encode(&mut self, job: &Job, out: &mut Writer) -> io::Result<()> {
        let unit = self.units[self.next % self.units.len()].clone();
        self.next += 1;
        if job.paused {
            Ok(())
        } else {
            out.frame(&self.stream[unit], &job.faults)
        }
    }
}

/// What comes out of the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// AVI, only because its chunks say where an access unit ends.
    Chunks { inline: bool },
    /// Bytes of a container that FFmpeg writes past stdio.
    Container,
}

/// A running ffmpeg with libx264, fed with JPEGs.
#[derive(Debug)]
pub struct Encoder {
    frames: Frames,
    child: Child,
    from: ChildStdout,
    shape: Shape,
    held: Vec<u8>,
    /// Bytes of the AVI header are still to come.
    in_header: bool,
    delivered: u64,
    primed: bool,
}

impl Encoder {
    /// Starts it for these options.
    pub fn start(settings: &Settings, options: &Options, libav: bool) -> Result<Self> {
        let frames = Frames::open(settings, options)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 120"
        )]
        let second = (options.framerate.ceil() as u32).max(1);
        let intra = match (options.intra, libav) {
            (0, true) => second,
            (0, false) => 60,
            (frames, _) => frames,
        };
        let (shape, format) = match options.libav_format.as_deref() {
            Some(format) if libav => (Shape::Container, format),
            _ => (
                Shape::Chunks {
                    inline: options.inline,
                },
                "avi",
            ),
        };
        let mut command = Command::new(&settings.ffmpeg);
        command.args([
            "-hide_banner",
            "-loglevel",
            "quiet",
            "-nostdin",
            "-fflags",
            "nobuffer",
        ]);
        command.args([
            "-probesize",
            "32",
            "-analyzeduration",
            "0",
            "-r",
            &options.framerate.to_string(),
        ]);
        command.args([
            "-f", "mpjpeg", "-i", "pipe:0", "-an", "-pix_fmt", "yuv420p", "-c:v", "libx264",
        ]);
        command.args([
            "-preset",
            "ultrafast",
            "-tune",
            "zerolatency",
            "-threads",
            "1",
            "-bf",
            "0",
        ]);
        command.args(["-g", &intra.to_string()]);
        if options.bitrate_bps > 0 {
            command.args(["-b:v", &options.bitrate_bps.to_string()]);
        }
        command.args(["-flush_packets", "1", "-f", format, "pipe:1"]);
        // Signals for the group are meant for the camera program, not for what it is made of.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        let name = settings.ffmpeg.display();
        let mut child = command
            .spawn()
            .with_context(|| format!("start {name}, the H.264 encoder"))?;
        let from = child.stdout.take().context("stdout of ffmpeg")?;
        rustix::io::ioctl_fionbio(&from, true)?;
        // A large picture must fit, or both sides could wait for each other.
        let _ = rustix::pipe::fcntl_setpipe_size(&from, 1 << 20);
        Ok(Self {
            frames,
            child,
            from,
            shape,
            held: Vec::new(),
            in_header: true,
            delivered: 0,
            primed: false,
        })
    }

    /// Takes what the encoder has; false at its end.
    fn read(&mut self) -> io::Result<bool> {
        let mut bytes = [0; LIBAV_PIECE];
        loop {
            match self.from.read(&mut bytes) {
                Ok(0) => return Ok(false),
                Ok(n) => self.held.extend_from_slice(&bytes[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the encoder has something, or not much longer.
    fn wait(&self) {
        let mut polled = [PollFd::new(&self.from, PollFlags::IN)];
        // A signal only cuts the wait short.
        let _ = poll(&mut polled, Some(&PATIENCE));
    }

    /// The next whole access unit, or whatever bytes of a container there are.
    fn take(&mut self) -> Option<Vec<u8>> {
        let Shape::Chunks { inline } = self.shape else {
            return (!self.held.is_empty()).then(|| std::mem::take(&mut self.held));
        };
        if self.in_header {
            let movi = self.held.windows(4).position(|w| w == b"movi")?;
            self.held.drain(..movi + 4);
            self.in_header = false;
        }
        loop {
            let head = self.held.get(..8)?;
            let length = u32::from_le_bytes(head[4..8].try_into().ok()?) as usize;
            let end = 8 + length + length % 2;
            let chunk = self.held.get(8..end)?;
            let unit =
                (&head[2..4] == b"dc" && length > 0).then(|| match (inline, self.delivered) {
                    (true, _) | (false, 0) => chunk[..length].to_vec(),
                    (false, _) => without_parameter_sets(&chunk[..length]),
                });
            self.held.drain(..end);
            if let Some(unit) = unit {
                self.delivered += 1;
                return Some(unit);
            }
        }
    }

    fn hand_out(&mut self, out: &mut Writer, job: Option<&Job>) -> io::Result<bool> {
        let mut any = false;
        let mut faults = job.map_or(&[][..], |job| &job.faults);
        while let Some(bytes) = self.take() {
            any = true;
            if job.is_some_and(|job| job.paused) {
                continue;
            }
            match self.shape {
                Shape::Chunks { .. } => out.frame(&bytes, std::mem::take(&mut faults))?,
                Shape::Container => {
                    for piece in bytes.chunks(LIBAV_PIECE) {
                        out.stdio.sink().write_all(piece)?;
                    }
                }
            }
        }
        Ok(any)
    }
}

impl Encode for Encoder {
    fn encode(&mut self, job: &Job, out: &mut Writer) -> io::Result<()> {
        let jpeg = self.frames.next(job);
        let head = format!(
            "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        let part = [head.as_bytes(), jpeg, b"\r\n"].concat();
        if let Some(to) = &mut self.child.stdin {
            // FFmpeg gives out nothing for the first part it sees of this format.
            if !std::mem::replace(&mut self.primed, true) {
                to.write_all(&part)?;
            }
            to.write_all(&part)?;
        }
        self.wait();
        self.read()?;
        self.hand_out(out, Some(job))?;
        Ok(())
    }

    fn finish(&mut self, out: &mut Writer) -> io::Result<()> {
        drop(self.child.stdin.take());
        while self.read()? {
            self.wait();
        }
        self.hand_out(out, None)?;
        self.child.wait().map(drop)
    }
}

/// Whether FFmpeg's libraries write the stream, as everywhere without the hardware encoder.
#[must_use]
pub fn is_libav(settings: &Settings, options: &Options) -> bool {
    options.codec == Codec::Libav || options.codec == Codec::H264 && settings.pi >= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One digit a NAL unit: its type, with 4 standing for a further slice of the same picture.
    fn check(nals: &str, expected: &str) {
        let nal = |digit| match digit {
            '7' => vec![0, 0, 0, 1, 0x67, 1],
            '8' => vec![0, 0, 0, 1, 0x68, 1],
            '6' => vec![0, 0, 1, 6, 1],
            '9' => vec![0, 0, 0, 1, 9, 0x10],
            '5' => vec![0, 0, 0, 1, 0x65, 0x88],
            '4' => vec![0, 0, 1, 0x65, 0x40],
            _ => vec![0, 0, 0, 1, 0x41, 0x9A],
        };
        let stream: Vec<u8> = nals.chars().flat_map(nal).collect();
        let digit = |nal: &[u8]| match nal_type(nal) {
            (5, false) => "4".to_owned(),
            (kind, _) => kind.to_string(),
        };
        let digits = |unit: Range<usize>| -> String {
            let unit = &stream[unit];
            nal_units(unit)
                .into_iter()
                .map(|nal| digit(&unit[nal]))
                .collect()
        };
        let got: Vec<String> = access_units(&stream).into_iter().map(digits).collect();
        assert_eq!(got.join("|"), expected);
    }

    #[test]
    fn cuts_before_what_leads_a_picture_in() {
        check("78511", "785|1|1");
        check("786541785", "78654|1|785");
        check("97859191", "9785|91|91");
        check("11", "1|1");
        check("", "");
    }

    #[test]
    fn parameter_sets_can_be_dropped() {
        let unit = [
            0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65, 0x88,
        ];
        assert_eq!(without_parameter_sets(&unit), [0, 0, 1, 0x65, 0x88]);
    }
}

//! From frames to bytes, for each codec.

use std::io;

use anyhow::Result;

use crate::frames::Frames;
use crate::h264::{Encoder, FromFile, is_libav};
use crate::options::{Codec, Options};
use crate::output::{Encode, Job, Writer};
use crate::settings::Settings;

/// Bare JPEGs.
#[derive(Debug)]
pub struct Mjpeg(pub Frames);

impl Encode for Mjpeg {
    fn encode(&mut self, job: &Job, out: &mut Writer) -> io::Result<()> {
        let jpeg = self.0.next(job);
        if job.paused {
            Ok(())
        } else {
            out.frame(jpeg, &job.faults)
        }
    }
}

/// The encoder the options ask for, or the text of the `ERROR: ***` line.
pub fn open(settings: &Settings, options: &Options) -> Result<Result<Box<dyn Encode>, String>> {
    let libav = is_libav(settings, options);
    let to_pipe = options.output.as_deref() == Some("-");
    Ok(Ok(match (options.codec, &settings.h264_file) {
        (Codec::Yuv420, _) => {
            return Ok(Err("camera-sim does not simulate codec yuv420".to_owned()));
        }
        (Codec::Mjpeg, _) => Box::new(Mjpeg(Frames::open(settings, options)?)),
        (_, _) if libav && to_pipe && options.libav_format.is_none() => {
            return Ok(Err(
                "libav: cannot allocate output context, try setting with --libav-format".to_owned(),
            ));
        }
        (_, Some(file)) => Box::new(FromFile::open(file)?),
        (_, None) => Box::new(Encoder::start(settings, options, libav)?),
    }))
}

/// What the exception says when a write fails.
#[must_use]
pub fn failure(settings: &Settings, options: &Options) -> &'static str {
    if is_libav(settings, options) {
        "libav: error writing output: Broken pipe"
    } else {
        "failed to write output bytes"
    }
}

//! Reads pictures from a camera program, or from a converter behind it.

use std::{
    io,
    process::Stdio,
    time::{Duration, Instant},
};

use media::jpeg::{Dropped, Splitter};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

use crate::{Failure, Kind, Sink, child::Child, failure};

/// What the kernel may hold for us while the runtime is busy; a default pipe is full after one large picture.
const PIPE_BYTES: usize = 1 << 20;

/// One program that writes JPEGs, or two with a pipe between them.
#[derive(Debug)]
pub(crate) struct Chain {
    camera: Child,
    converter: Option<Child>,
    /// When the newest picture came.
    newest: Option<Instant>,
}

/// What a program says of its end may come before its last pictures, by the time these take through its buffers.
const LAST_PICTURES: Duration = Duration::from_secs(1);

impl Chain {
    pub(crate) fn new(camera: Child) -> Self {
        Self {
            camera,
            converter: None,
            newest: None,
        }
    }

    /// Starts a converter that reads what `camera` writes.
    pub(crate) fn with_converter(
        mut camera: Child,
        start: impl FnOnce(Stdio) -> io::Result<Child>,
    ) -> (Self, io::Result<()>) {
        let between = camera.stdout.take().expect("spawned with a piped stdout");
        match between.into_owned_fd().map(Stdio::from).and_then(start) {
            Ok(converter) => (
                Self {
                    camera,
                    converter: Some(converter),
                    newest: None,
                },
                Ok(()),
            ),
            Err(error) => (
                Self {
                    camera,
                    converter: None,
                    newest: None,
                },
                Err(error),
            ),
        }
    }

    /// Gives pictures to `sink` until `stop` or the end of a program. Nothing is left of the programs after it.
    pub(crate) async fn run(
        mut self,
        sink: &mut dyn Sink,
        max_frame_bytes: usize,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let stopped = self.pump(sink, max_frame_bytes, stop).await;
        if stopped {
            self.stop(sink).await;
            return Ok(());
        }
        Err(self.diagnose(sink).await)
    }

    /// Stops what runs: the camera first, so that the converter sees the end of its input.
    pub(crate) async fn stop(&mut self, sink: &mut dyn Sink) {
        self.camera.stop(sink).await;
        if let Some(converter) = &mut self.converter {
            converter.stop(sink).await;
        }
    }

    /// True if it was told to stop, false if the pictures ended by themselves.
    async fn pump(
        &mut self,
        sink: &mut dyn Sink,
        max_frame_bytes: usize,
        stop: &CancellationToken,
    ) -> bool {
        let Self {
            camera,
            converter,
            newest,
        } = self;
        let (stdout, second_stderr) = match converter {
            Some(converter) => (&mut converter.stdout, Some(&mut converter.stderr)),
            None => (&mut camera.stdout, None),
        };
        let stdout = stdout.as_mut().expect("spawned with a piped stdout");
        // Best effort: a user's pipes may be at their limit.
        let _ = rustix::pipe::fcntl_setpipe_size(&*stdout, PIPE_BYTES);
        let mut splitter = Splitter::new(max_frame_bytes);
        let mut reported = Dropped::default();
        let mut cancelled = std::pin::pin!(stop.cancelled());
        let mut converter_words = std::pin::pin!(async {
            match second_stderr {
                Some(lines) => lines.watch(|_| None::<()>).await,
                None => std::future::pending().await,
            }
        });
        let running_trouble = |line: &str| {
            let kind = failure::kind_of(line).filter(|kind| *kind == Kind::TimedOut)?;
            Some(Failure::new(kind, failure::tidy(line)))
        };
        loop {
            tokio::select! {
                biased;
                () = &mut cancelled => return true,
                read = stdout.read(splitter.room()) => match read {
                    Ok(n @ 1..) => {
                        splitter.filled(n);
                        while let Some(picture) = splitter.next_picture() {
                            sink.picture(picture);
                            *newest = Some(Instant::now());
                        }
                        if splitter.dropped() != reported {
                            sink.dropped(splitter.dropped().since(reported));
                            reported = splitter.dropped();
                        }
                    }
                    _ => return false,
                },
                failure = camera.stderr.watch(running_trouble) => sink.trouble(failure),
                () = &mut converter_words => {}
            }
        }
    }

    /// Both programs are ended, and the one that ended first by itself is the one at fault.
    async fn diagnose(&mut self, sink: &mut dyn Sink) -> Failure {
        const GRACE: Duration = Duration::from_millis(500);
        let mut camera_status = self.camera.ended_within(GRACE).await;
        let mut converter_status = None;
        if let Some(converter) = &mut self.converter {
            converter_status = converter.ended_within(GRACE).await;
            converter.stop(sink).await;
        }
        let camera_first = camera_status.is_some();
        if camera_status.is_none() {
            // It closed its output and stayed, or the converter left it without a reader.
            camera_status = self.camera.stop(sink).await;
        }
        let (program, status) = match &mut self.converter {
            Some(converter) if !camera_first || closed_by_us(camera_status) => {
                (converter, converter_status)
            }
            _ => (&mut self.camera, camera_status),
        };
        // Trouble that was followed by pictures is over, and not why the program ended.
        let over = self
            .newest
            .and_then(|newest| newest.checked_sub(LAST_PICTURES));
        let fresh = program.stderr.newer_than(over);
        Failure::classify(&program.name, program.stderr.kept(), fresh, status)
    }
}

/// rpicam-vid aborts when its reader is gone; that is no fault of the camera.
fn closed_by_us(status: Option<std::process::ExitStatus>) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status
        .and_then(|s| s.signal())
        .is_some_and(|signal| matches!(signal, ABRT | PIPE))
}

const ABRT: i32 = rustix::process::Signal::ABORT.as_raw();
const PIPE: i32 = rustix::process::Signal::PIPE.as_raw();

//! Pictures made or read here, one at a time, at a steady rate.

use std::{fmt, io, time::Duration};

use media::jpeg::Dropped;
use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{Failure, Kind, Run, Settings, Sink, Source};

/// Makes pictures. Runs on a thread that may block.
pub(crate) trait Pictures: Send + fmt::Debug + 'static {
    /// Replaces `out` by the next picture, one whole JPEG.
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<()>;

    /// What could not be used since the last call.
    fn dropped(&mut self) -> Dropped {
        Dropped::default()
    }
}

/// Where pictures begin; opened anew at each start of the source.
pub(crate) trait Album: Clone + Send + fmt::Debug + 'static {
    type Pictures: Pictures;

    /// Runs on a thread that may block.
    fn open(&self) -> io::Result<Self::Pictures>;

    /// What can be set has other values from the next opening on.
    fn set(&mut self, _: &Settings) {}
}

/// A source that takes one picture of an album at every tick.
#[derive(Debug)]
pub(crate) struct Paced<A> {
    what: String,
    interval: Duration,
    album: A,
}

impl<A> Paced<A> {
    /// `what` names the source in messages.
    pub(crate) fn new(what: impl Into<String>, framerate: f32, album: A) -> Self {
        Self {
            what: what.into(),
            interval: between(framerate),
            album,
        }
    }
}

fn between(framerate: f32) -> Duration {
    Duration::from_secs_f32(1.0 / framerate.max(0.01))
}

impl<A: Album> Source for Paced<A> {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(async move {
            let failed = |error: io::Error| {
                Failure::new(Kind::Unreadable, format!("{}: {error}", self.what))
            };
            let panicked = |_| {
                Failure::new(
                    Kind::Ended,
                    format!("{}: the picture maker broke down", self.what),
                )
            };
            let album = self.album.clone();
            let mut pictures = spawn_blocking(move || album.open())
                .await
                .map_err(panicked)?
                .map_err(failed)?;
            let mut picture = Vec::new();
            let mut ticks = interval(self.interval);
            // After a pause the rate goes on; nobody wants the missed pictures in a burst.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(()),
                    _ = ticks.tick() => {}
                }
                let made = spawn_blocking(move || {
                    let result = pictures.next(&mut picture);
                    (pictures, picture, result)
                });
                let result;
                (pictures, picture, result) = made.await.map_err(panicked)?;
                result.map_err(failed)?;
                sink.picture(picture[..].into());
                let dropped = pictures.dropped();
                if dropped != Dropped::default() {
                    sink.dropped(dropped);
                }
            }
        })
    }

    fn set(&mut self, settings: &Settings) {
        self.interval = between(settings.framerate);
        self.album.set(settings);
    }
}

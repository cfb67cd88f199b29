//! Where a source's pictures become frames of the hub.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use camera::{Failure, Sink};
use hub::{CameraState, Publisher};
use media::{Frame, Pts90k, jpeg::Dropped};
use tracing::{info, warn};

/// What the actor wants to know while the source runs.
#[derive(Debug)]
pub(crate) struct Pulse {
    /// Start of the source.
    pub(crate) started: Instant,
    /// First picture of this run.
    pub(crate) first: Option<Instant>,
    /// Newest picture of this run.
    pub(crate) newest: Option<Instant>,
    /// What the source last complained of, since the newest picture.
    pub(crate) trouble: Option<Failure>,
    /// The stream is said to be live; the actor takes that back when pictures are late.
    pub(crate) is_live: bool,
}

/// Turns pictures into frames and publishes them.
#[derive(Debug)]
pub(crate) struct Feed<'a> {
    publisher: &'a Publisher,
    /// Zero of the stream's own time.
    epoch: Instant,
    pulse: &'a Mutex<Pulse>,
}

impl Pulse {
    pub(crate) fn new() -> Mutex<Self> {
        Mutex::new(Self {
            started: Instant::now(),
            first: None,
            newest: None,
            trouble: None,
            is_live: false,
        })
    }

    pub(crate) fn lock(pulse: &Mutex<Self>) -> MutexGuard<'_, Self> {
        pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Feed<'a> {
    pub(crate) fn new(publisher: &'a Publisher, epoch: Instant, pulse: &'a Mutex<Pulse>) -> Self {
        Self {
            publisher,
            epoch,
            pulse,
        }
    }
}

impl Sink for Feed<'_> {
    fn picture(&mut self, jpeg: &[u8]) {
        let now = Instant::now();
        let pts = Pts90k::from(now - self.epoch);
        let frame = Frame::jpeg(
            self.publisher.next_seq(),
            pts,
            SystemTime::now().into(),
            now,
            jpeg,
        );
        let mut pulse = Pulse::lock(self.pulse);
        if pulse.first.is_none() {
            let (width_px, height_px) = frame.dimensions().unwrap_or_default();
            let took_ms = u64::try_from((now - pulse.started).as_millis()).unwrap_or(u64::MAX);
            info!(
                width_px,
                height_px,
                bytes = frame.len(),
                took_ms,
                "pictures arrive"
            );
        }
        pulse.first.get_or_insert(now);
        pulse.newest = Some(now);
        pulse.trouble = None;
        let was_live = std::mem::replace(&mut pulse.is_live, true);
        drop(pulse);
        self.publisher.publish(frame);
        if !was_live {
            self.publisher.set_status(CameraState::Live, None);
        }
    }

    fn dropped(&mut self, dropped: Dropped) {
        let pictures = dropped.broken + dropped.oversized;
        self.publisher.count_dropped(dropped.bytes, pictures);
        if pictures > 0 {
            warn!(
                bytes = dropped.bytes,
                broken = dropped.broken,
                oversized = dropped.oversized,
                "the camera sent what is no picture: dropped"
            );
        }
    }

    fn trouble(&mut self, failure: Failure) {
        let mut pulse = Pulse::lock(self.pulse);
        if pulse.trouble.as_ref() != Some(&failure) {
            warn!(%failure, advice = failure.advice(), "the camera is in trouble");
        }
        pulse.trouble = Some(failure);
    }
}

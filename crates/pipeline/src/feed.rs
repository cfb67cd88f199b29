//! Where a source's pictures become frames of the hub.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use camera::{Failure, Kind, Memory, Sink};
use control::{Class, ControlSet, Shape};
use hub::{CameraState, Publisher};
use media::{Frame, Picture, Pts90k, jpeg::Dropped};
use tracing::{info, warn};

use crate::incident::{self, why_of};

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

/// Broken pictures are told of at once and then summed up: a bad cable breaks every second one.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Turns pictures into frames and publishes them.
#[derive(Debug)]
pub(crate) struct Feed<'a> {
    publisher: &'a Publisher,
    /// Zero of the stream's own time.
    epoch: Instant,
    pulse: &'a Mutex<Pulse>,
    /// What was set when the source was started.
    set: &'a ControlSet,
    /// The camera's own size and rate.
    base: control::Frame,
    /// What the source learns of the camera.
    memory: &'a Memory,
    /// What was dropped since it was last told, and when that was.
    untold: Dropped,
    told: Option<Instant>,
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

    /// The program cannot be killed, and nothing can be done while it is there.
    pub(crate) fn held(&self) -> Option<&Failure> {
        self.trouble
            .as_ref()
            .filter(|trouble| trouble.kind == Kind::Unkillable)
    }

    /// From the first picture of this run to its newest, if there was one.
    pub(crate) fn good(&self) -> Option<Duration> {
        let (first, newest) = self.first.zip(self.newest)?;
        Some(newest - first)
    }

    pub(crate) fn lock(pulse: &Mutex<Self>) -> MutexGuard<'_, Self> {
        pulse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Feed<'a> {
    pub(crate) fn new(
        publisher: &'a Publisher,
        epoch: Instant,
        pulse: &'a Mutex<Pulse>,
        set: &'a ControlSet,
        base: control::Frame,
        memory: &'a Memory,
    ) -> Self {
        Self {
            publisher,
            epoch,
            pulse,
            set,
            base,
            memory,
            untold: Dropped::default(),
            told: None,
        }
    }
}

impl Sink for Feed<'_> {
    fn picture(&mut self, picture: Picture) {
        if !media::multipart::is_part(&picture) {
            self.dropped(Dropped {
                bytes: picture.len() as u64,
                broken: 1,
                oversized: 0,
            });
            return;
        }
        let now = Instant::now();
        let pts = Pts90k::from(now - self.epoch);
        let frame = Frame::new(
            self.publisher.next_seq(),
            pts,
            SystemTime::now().into(),
            now,
            picture,
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
            // Learnt before it was started; whoever hears that a set is applied counts with it.
            if let Some(size) = self.memory.learnt().board.and_then(|board| board.sensor) {
                self.publisher.describe_sensor(Shape {
                    width: size.width_px,
                    height: size.height_px,
                });
            }
            self.publisher.controls_applied(self.set);
        } else if !pulse.is_live {
            info!("pictures arrive again");
        }
        pulse.first.get_or_insert(now);
        pulse.newest = Some(now);
        pulse.trouble = None;
        let was_live = std::mem::replace(&mut pulse.is_live, true);
        drop(pulse);
        self.publisher.publish(frame);
        if !was_live {
            self.publisher.set_status(CameraState::Live, None);
            if let Some(incident) = self.publisher.end_incident(None) {
                let lasted = incident
                    .ended
                    .and_then(|ended| ended.duration_since(incident.began).ok());
                let lasted_s = lasted.unwrap_or_default().as_secs();
                info!(
                    cause = &*incident.cause.code,
                    lasted_s,
                    restarts = incident.restarts,
                    "incident over"
                );
            }
        }
    }

    fn dropped(&mut self, dropped: Dropped) {
        let pictures = dropped.broken + dropped.oversized;
        self.publisher.count_dropped(dropped.bytes, pictures);
        self.untold = Dropped {
            bytes: self.untold.bytes + dropped.bytes,
            broken: self.untold.broken + dropped.broken,
            oversized: self.untold.oversized + dropped.oversized,
        };
        if pictures > 0 && self.told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
            self.told = Some(Instant::now());
            let Dropped {
                bytes,
                broken,
                oversized,
            } = std::mem::take(&mut self.untold);
            warn!(
                bytes,
                broken, oversized, "the camera sent what is no picture: dropped"
            );
        }
    }

    fn found(&mut self, class: Class) {
        self.publisher.describe_controls(class, self.base);
    }

    fn trouble(&mut self, failure: Failure) {
        let mut pulse = Pulse::lock(self.pulse);
        // The same trouble comes in many words, about once a second.
        if pulse.trouble.as_ref().map(|known| known.kind) != Some(failure.kind) {
            warn!(%failure, advice = failure.advice(), "the camera is in trouble");
        }
        if failure.kind == Kind::Unkillable {
            pulse.is_live = false;
            // At once: the source itself does not return before the process is gone, which may be never.
            incident::begin(self.publisher, SystemTime::now(), &failure);
            self.publisher.note_step(format!(
                "nothing new is started meanwhile: {}",
                failure.detail
            ));
            self.publisher
                .set_status(CameraState::Failed, Some(why_of(&failure)));
        }
        pulse.trouble = Some(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_no_good_time() {
        let mut pulse = Pulse::new().into_inner().unwrap();
        assert_eq!(pulse.good(), None);
        let first = pulse.started - Duration::from_secs(100);
        pulse.first = Some(first);
        pulse.newest = Some(first + Duration::from_secs(3));
        assert_eq!(pulse.good(), Some(Duration::from_secs(3)));
    }
}

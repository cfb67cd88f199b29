//! Who is watching: admission, what each one got, and the way to end one.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use accounts::{Accounts, Entry};
use hub::{CameraId, Ender};
use media::{Frame, Rendition};
use tracing::{debug, info};

use crate::{
    InForce,
    access::Visa,
    metrics::{TIMED, Tally, Watched},
    request_id::RequestId,
    wish::Wish,
};

/// Everybody who is watching.
#[derive(Debug)]
pub(crate) struct Viewers {
    in_force: InForce,
    accounts: Accounts,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next_id: u64,
    watching: BTreeMap<u64, Arc<Viewer>>,
    total: u64,
    refused: u64,
    /// Of each camera that somebody wanted to watch.
    tallies: BTreeMap<CameraId, Arc<Tally>>,
}

/// One open stream.
#[derive(Debug)]
pub(crate) struct Viewer {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    pub(crate) user_agent: Option<String>,
    pub(crate) visa: Visa,
    request: RequestId,
    pub(crate) camera: CameraId,
    pub(crate) since: SystemTime,
    pub(crate) frames: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) rate: Rate,
    quality: Mutex<Quality>,
    ender: Mutex<Ender>,
    opened: Instant,
    tally: Arc<Tally>,
}

/// What a viewer gets, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Quality {
    pub(crate) asked: Wish,
    pub(crate) asked_fps: Option<f32>,
    pub(crate) rendition: Rendition,
    /// Of the newest frame.
    pub(crate) width_px: Option<u16>,
    pub(crate) height_px: Option<u16>,
    /// The line is the reason that there is not more.
    pub(crate) is_limited: bool,
    /// Bits per second the line carries, once it was too narrow to hide it.
    pub(crate) line_bps: Option<u64>,
    /// How far behind the camera.
    pub(crate) lag: Option<Duration>,
}

/// Why a connection ended, noted by whoever ends it before the stream is dropped.
#[derive(Debug, Default)]
pub(crate) struct Fate(AtomicU8);

impl Fate {
    const TOO_SLOW: u8 = 1;

    /// It took nothing for too long.
    pub(crate) fn too_slow(&self) {
        self.0.store(Self::TOO_SLOW, Relaxed);
    }

    fn is_too_slow(&self) -> bool {
        self.0.load(Relaxed) == Self::TOO_SLOW
    }

    fn reason(&self) -> &'static str {
        if self.is_too_slow() {
            "took nothing for too long"
        } else {
            "left"
        }
    }
}

/// Who asks for a stream.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) address: SocketAddr,
    pub(crate) user_agent: Option<String>,
    pub(crate) visa: Visa,
    pub(crate) fate: Arc<Fate>,
    /// What asked for it.
    pub(crate) request: RequestId,
}

/// A viewer's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    viewers: Arc<Viewers>,
    viewer: Arc<Viewer>,
    fate: Arc<Fate>,
    ended: Option<&'static str>,
}

impl Inner {
    fn count_of(&self, camera: &CameraId) -> usize {
        let watching = self.watching.values();
        watching.filter(|viewer| viewer.camera == *camera).count()
    }
}

impl Viewers {
    pub(crate) fn new(in_force: InForce, accounts: Accounts) -> Arc<Self> {
        Arc::new(Self {
            in_force,
            accounts,
            inner: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place at the camera, if there is one. How many there are of all cameras together is bounded by the
    /// connections that the server takes.
    pub(crate) fn admit(
        self: &Arc<Self>,
        visitor: Visitor,
        camera: CameraId,
        ender: Ender,
    ) -> Option<Place> {
        let max_viewers = self.max();
        let mut inner = self.lock();
        let tally = inner.tallies.entry(camera.clone()).or_default().clone();
        if inner.count_of(&camera) >= max_viewers {
            inner.refused += 1;
            tally.refused.fetch_add(1, Relaxed);
            drop(inner);
            info!(viewer = %visitor.address, camera = %camera, max_viewers, "viewer refused: full");
            return None;
        }
        let id = inner.next_id;
        inner.next_id += 1;
        inner.total += 1;
        tally.opened.fetch_add(1, Relaxed);
        let viewer = Arc::new(Viewer {
            id,
            address: visitor.address,
            user_agent: visitor.user_agent,
            visa: visitor.visa,
            request: visitor.request,
            camera,
            since: SystemTime::now(),
            frames: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            rate: Rate::default(),
            quality: Mutex::default(),
            ender: Mutex::new(ender),
            opened: Instant::now(),
            tally,
        });
        inner.watching.insert(id, viewer.clone());
        let watching = inner.watching.len();
        drop(inner);
        info!(
            viewer = id,
            address = %viewer.address,
            user_agent = viewer.user_agent.as_deref().unwrap_or("-"),
            camera = %viewer.camera,
            who = viewer.visa.0.name,
            watching,
            "viewer came"
        );
        Some(Place {
            viewers: self.clone(),
            viewer,
            fate: visitor.fate,
            ended: None,
        })
    }

    /// Ends one stream. False if there is no such viewer.
    pub(crate) fn end(&self, id: u64) -> bool {
        let viewer = self.lock().watching.get(&id).cloned();
        viewer
            .inspect(|viewer| {
                let ender = viewer.ender.lock();
                ender.unwrap_or_else(PoisonError::into_inner).end();
            })
            .is_some()
    }

    /// Everybody, oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Viewer>> {
        self.lock().watching.values().cloned().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().watching.len()
    }

    pub(crate) fn count_of(&self, camera: &CameraId) -> usize {
        self.lock().count_of(camera)
    }

    pub(crate) fn is_full(&self, camera: &CameraId) -> bool {
        self.count_of(camera) >= self.max()
    }

    /// So many of each camera have a place: whoever watches all of them takes one at each, and nobody's at another. When it
    /// becomes less, nobody is sent away.
    fn max(&self) -> usize {
        self.in_force.ask(|config| config.max_viewers)
    }

    /// What the viewers of each camera got, those who are gone and those who watch.
    pub(crate) fn by_camera(&self) -> BTreeMap<CameraId, Watched> {
        // Under the lock nobody leaves, and so nobody is counted twice or not at all.
        let inner = self.lock();
        let tallies = inner.tallies.iter();
        let mut cameras: BTreeMap<_, _> = tallies
            .map(|(camera, tally)| (camera.clone(), tally.read()))
            .collect();
        for viewer in inner.watching.values() {
            if let Some(watched) = cameras.get_mut(&viewer.camera) {
                watched.now += 1;
                watched.frames += viewer.frames.load(Relaxed);
                watched.skipped += viewer.skipped.load(Relaxed);
                watched.bytes += viewer.bytes.load(Relaxed);
            }
        }
        cameras
    }

    /// Streams opened and refused since the start.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.total, inner.refused)
    }
}

impl Place {
    /// Counts a frame that the viewer's socket took. `skipped` is the sum so far. The frame's own time spares a look at the
    /// clock, but for one in [`TIMED`].
    pub(crate) fn count(&self, bytes: usize, skipped: u64, frame: &Frame) {
        let Viewer {
            frames,
            bytes: sum,
            skipped: lost,
            rate,
            opened,
            tally,
            ..
        } = &*self.viewer;
        let before = frames.fetch_add(1, Relaxed);
        sum.fetch_add(bytes as u64, Relaxed);
        lost.store(skipped, Relaxed);
        let since_opened = frame.arrived.saturating_duration_since(*opened);
        rate.tick(since_opened.as_millis());
        // Not the first: that may be older than its viewer. A placeholder comes from no camera.
        if before % TIMED == TIMED - 1 && !frame.is_placeholder {
            tally.latency.note(frame.arrived.elapsed());
        }
    }

    /// The viewer reads another rendition now.
    pub(crate) fn moved_to(&self, rendition: Rendition, ender: Ender) {
        debug!(viewer = self.viewer.id, %rendition, "viewer gets another rendition");
        *self
            .viewer
            .ender
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = ender;
    }

    /// Says what the viewer gets.
    pub(crate) fn set_quality(&self, quality: Quality) {
        *self
            .viewer
            .quality
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = quality;
    }

    /// How many are watching, this one too.
    pub(crate) fn watching(&self) -> usize {
        self.viewers.count()
    }

    /// Whether pictures follow the viewers' lines. Asked now and then, and not for a frame.
    pub(crate) fn is_per_viewer(&self) -> bool {
        let in_force = &self.viewers.in_force;
        in_force.ask(|config| config.per_viewer_quality)
    }

    /// When the viewer came.
    pub(crate) fn opened(&self) -> Instant {
        self.viewer.opened
    }

    /// Says why the stream ends; without it, the viewer left.
    pub(crate) fn ended(&mut self, reason: &'static str) {
        self.ended = Some(reason);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Viewer {
            id,
            frames,
            skipped,
            bytes,
            opened,
            tally,
            ..
        } = &*self.viewer;
        let mut inner = self.viewers.lock();
        inner.watching.remove(id);
        for (of_all, own) in [
            (&tally.frames, frames),
            (&tally.skipped, skipped),
            (&tally.bytes, bytes),
        ] {
            of_all.fetch_add(own.load(Relaxed), Relaxed);
        }
        tally.durations.note(opened.elapsed());
        if self.ended.is_none() && self.fate.is_too_slow() {
            tally.cut_off.fetch_add(1, Relaxed);
        }
        let watching = inner.watching.len();
        drop(inner);
        let reason = self.ended.unwrap_or_else(|| self.fate.reason());
        let watched_s = opened.elapsed().as_secs();
        info!(
            viewer = id,
            camera = %self.viewer.camera,
            request = %self.viewer.request,
            reason,
            watched_s,
            frames = frames.load(Relaxed),
            skipped = skipped.load(Relaxed),
            bytes = bytes.load(Relaxed),
            watching,
            "viewer gone"
        );
        self.viewers.accounts.note(Entry {
            who: self.viewer.visa.0.name.clone(),
            address: self.viewer.address.to_string(),
            action: "watched",
            camera: Some(self.viewer.camera.to_string()),
            detail: format!("{watched_s} s, {reason}"),
        });
    }
}

impl Viewer {
    pub(crate) fn quality(&self) -> Quality {
        *self.quality.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Frames per second over the last second or two; 0 when none came for longer.
    pub(crate) fn frames_per_second(&self) -> f64 {
        self.rate.at(self.opened.elapsed().as_millis())
    }
}

/// Events per second, measured over windows of about a second. Times are milliseconds since the viewer came.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    window_start_ms: AtomicU64,
    in_window: AtomicU64,
    /// Of the window before, in thousandths.
    last_milli: AtomicU64,
}

impl Rate {
    const WINDOW_MS: u64 = 1000;

    fn tick(&self, now_ms: u128) {
        let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
        let count = self.in_window.fetch_add(1, Relaxed) + 1;
        let passed = now_ms.saturating_sub(self.window_start_ms.load(Relaxed));
        if passed >= Self::WINDOW_MS {
            self.last_milli.store(count * 1_000_000 / passed, Relaxed);
            self.window_start_ms.store(now_ms, Relaxed);
            self.in_window.store(0, Relaxed);
        }
    }

    fn at(&self, now_ms: u128) -> f64 {
        let now_ms = u64::try_from(now_ms).unwrap_or(u64::MAX);
        let passed = now_ms.saturating_sub(self.window_start_ms.load(Relaxed));
        let milli = if passed >= 2 * Self::WINDOW_MS {
            self.in_window.load(Relaxed) * 1_000_000 / passed
        } else {
            self.last_milli.load(Relaxed)
        };
        // Below 2^53 by far: a rate is no larger than a few thousand.
        f64::from(u32::try_from(milli).unwrap_or(u32::MAX)) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_and_falls_to_nothing() {
        let rate = Rate::default();
        for n in 1..=60_u128 {
            rate.tick(n * 50);
        }
        let fps = rate.at(3010);
        assert!((19.0..=21.1).contains(&fps), "{fps}");
        assert!(rate.at(60_000) < 0.5);
    }
}

//! One camera's stream: a short ring of frames, its publisher and its readers.
//!
//! A publication is one lock, one push and one wake for each reader that waits; a reader that has not come back
//! for more is not woken. Delivering a frame allocates nothing.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use control::{Class, ControlSet, Invalid};
use media::{Frame, Rendition};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::{
    BoardHealth, CameraId, CameraState, Cause, Controls, Counters, Demand, DemandWatch, Incident,
    Ledger, RestartWatch, Status, Why, controls::Desk, counters::AtomicCounters,
};

/// Frames kept for readers in order; at 30 fps, two seconds.
const RING_FRAMES: usize = 64;
/// The same bound in bytes, for large pictures.
const RING_BYTES: usize = 16 << 20;

/// What people are shown of a camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Its name for people.
    pub name: String,
    /// Where its pictures come from, without secrets.
    pub source: String,
    /// Frames per second asked of it.
    pub framerate: f32,
}

/// One camera's place in the hub, or a rendition's: that has frames and readers of its own, and the rest is its camera's.
pub struct Stream {
    id: CameraId,
    about: Arc<Mutex<About>>,
    ring: Mutex<Ring>,
    demand: Arc<watch::Sender<usize>>,
    restart: Arc<watch::Sender<u64>>,
    status: Arc<watch::Sender<Status>>,
    counters: AtomicCounters,
    incidents: Ledger,
    /// Counts what happened to the incidents.
    incident_changes: Arc<watch::Sender<u64>>,
    desk: Arc<Desk>,
    /// Weak, so that a rendition is gone with its last reader.
    renditions: Mutex<BTreeMap<Rendition, Weak<Self>>>,
    /// Whom to tell that another rendition is wanted.
    wishes: OnceLock<Arc<watch::Sender<u64>>>,
    /// The camera's stream, of a rendition.
    original: Option<Arc<Self>>,
}

#[derive(Default)]
struct Ring {
    /// The newest frame is the last. Longer than one only while somebody reads in order.
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    next_seq: u64,
    /// When the newest picture came since the camera was switched on, also if a placeholder stands in for it now.
    newest_arrival: Option<Instant>,
    /// Mean time between pictures of late.
    mean_gap: Option<Duration>,
    /// Frames ever published here; differs from `next_seq` where not every frame is made.
    published: u64,
    readers: Vec<Slot>,
    in_order_readers: usize,
    closed: bool,
    /// Wakers on their way out of the lock; kept to spare the allocation.
    woken: Vec<Waker>,
}

impl Ring {
    /// A picture came from the camera.
    fn arrived(&mut self, now: Instant) {
        if let Some(before) = self.newest_arrival {
            let gap = now.saturating_duration_since(before);
            // A pause is not the camera's rate; one that has become slow is learnt in a dozen pictures.
            let mean = self
                .mean_gap
                .map_or(gap, |mean| (mean * 15 + gap.min(mean * 4)) / 16);
            self.mean_gap = Some(mean.max(Duration::from_micros(1)));
        }
        self.newest_arrival = Some(now);
    }
}

/// A reader's place among those that are woken.
#[derive(Default)]
struct Slot {
    taken: bool,
    ended: bool,
    /// Tells one user of the place from the next.
    generation: u64,
    waker: Option<Waker>,
}

/// Why a reader gets no more frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The stream was closed.
    Closed,
    /// Somebody ended this one reader.
    Reader,
}

impl Stream {
    /// A stream with no frames yet, and with incidents of its own.
    #[must_use]
    pub fn new(id: CameraId, about: About) -> Arc<Self> {
        Self::with_ledger(id, about, Ledger::default())
    }

    /// A stream with no frames yet, whose incidents are written into `incidents`.
    #[must_use]
    pub fn with_ledger(id: CameraId, about: About, incidents: Ledger) -> Arc<Self> {
        let idle = Status {
            state: CameraState::Idle,
            why: None,
            since: SystemTime::now(),
        };
        Arc::new(Self {
            id,
            about: Arc::new(Mutex::new(about)),
            ring: Mutex::default(),
            demand: Arc::new(watch::Sender::new(0)),
            restart: Arc::new(watch::Sender::new(0)),
            status: Arc::new(watch::Sender::new(idle)),
            counters: AtomicCounters::default(),
            incidents,
            incident_changes: Arc::new(watch::Sender::new(0)),
            desk: Arc::new(Desk::new()),
            renditions: Mutex::default(),
            wishes: OnceLock::new(),
            original: None,
        })
    }

    /// The stream of this camera in another form; that of the original is the camera's own. Its frames keep number and
    /// times. While somebody holds it, it is made.
    #[must_use]
    pub fn rendition(self: &Arc<Self>, rendition: Rendition) -> Arc<Self> {
        if let Some(original) = &self.original {
            return original.rendition(rendition);
        }
        if rendition == Rendition::Original {
            return self.clone();
        }
        let mut renditions = self.lock_renditions();
        if let Some(stream) = renditions.get(&rendition).and_then(Weak::upgrade) {
            return stream;
        }
        let ring = Ring {
            closed: self.lock().closed,
            ..Ring::default()
        };
        let stream = Arc::new(Self {
            id: self.id.clone(),
            about: self.about.clone(),
            ring: Mutex::new(ring),
            demand: self.demand.clone(),
            restart: self.restart.clone(),
            status: self.status.clone(),
            counters: AtomicCounters::default(),
            incidents: self.incidents.clone(),
            incident_changes: self.incident_changes.clone(),
            desk: self.desk.clone(),
            renditions: Mutex::default(),
            wishes: OnceLock::new(),
            original: Some(self.clone()),
        });
        renditions.insert(rendition, Arc::downgrade(&stream));
        drop(renditions);
        if let Some(wishes) = self.wishes.get() {
            wishes.send_modify(|count| *count += 1);
        }
        stream
    }

    /// The renditions that somebody holds, the largest first.
    #[must_use]
    pub fn renditions(&self) -> Vec<(Rendition, Arc<Self>)> {
        let mut renditions = self.lock_renditions();
        renditions.retain(|_, stream| stream.strong_count() > 0);
        renditions
            .iter()
            .filter_map(|(rendition, stream)| Some((*rendition, stream.upgrade()?)))
            .collect()
    }

    /// How many read this stream.
    #[must_use]
    pub fn reader_count(&self) -> usize {
        self.lock().readers.iter().filter(|slot| slot.taken).count()
    }

    pub(crate) fn tell_wishes_to(&self, wishes: &Arc<watch::Sender<u64>>) {
        let _ = self.wishes.set(wishes.clone());
    }

    fn lock_renditions(&self) -> MutexGuard<'_, BTreeMap<Rendition, Weak<Self>>> {
        self.renditions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The camera's id.
    #[must_use]
    pub fn id(&self) -> &CameraId {
        &self.id
    }

    /// What people are shown of it.
    #[must_use]
    pub fn about(&self) -> About {
        self.about
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Asks for the camera to run until the guard is dropped.
    #[must_use]
    pub fn demand(&self) -> Demand {
        Demand::new(self.demand.clone())
    }

    /// The camera's side of [`Stream::demand`].
    #[must_use]
    pub fn demand_watch(&self) -> DemandWatch {
        DemandWatch::new(self.demand.clone())
    }

    /// Asks a camera that runs, or waits for its next try, to start again now. One that is off stays off.
    pub fn ask_restart(&self) {
        self.restart.send_modify(|n| *n += 1);
    }

    /// The camera's side of [`Stream::ask_restart`].
    #[must_use]
    pub fn restart_watch(&self) -> RestartWatch {
        RestartWatch::new(self.restart.clone())
    }

    /// How the camera is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Follows how the camera is doing.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// What was set for the camera, and what has become of it.
    #[must_use]
    pub fn controls(&self) -> Controls {
        self.desk.state()
    }

    /// Follows [`Stream::controls`].
    #[must_use]
    pub fn watch_controls(&self) -> watch::Receiver<Controls> {
        self.desk.subscribe()
    }

    /// Merges `patch` (RFC 7396) into what is wanted of the camera. Returns the state that this made.
    ///
    /// # Errors
    /// When the camera cannot do it; then nothing is changed.
    pub fn control(&self, patch: &Map<String, Value>) -> Result<Controls, Invalid> {
        self.desk.ask(patch)
    }

    /// Wants `set` in place of everything that was set before.
    ///
    /// # Errors
    /// When the camera cannot do it; then nothing is changed.
    pub fn replace_controls(&self, set: &ControlSet) -> Result<Controls, Invalid> {
        self.desk.replace(set)
    }

    /// Sets that were given a name, in place of those known so far.
    pub fn set_presets(&self, presets: BTreeMap<String, ControlSet>) {
        self.desk.set_presets(presets);
    }

    /// What went through so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.read()
    }

    /// The newest time without pictures, which may still be going on.
    #[must_use]
    pub fn newest_incident(&self) -> Option<Incident> {
        self.incidents.newest(Some(&self.id))
    }

    /// Is told whenever an incident begins, gets another cause, or ends.
    #[must_use]
    pub fn watch_incidents(&self) -> watch::Receiver<u64> {
        self.incident_changes.subscribe()
    }

    /// How many incidents there were since the server started.
    #[must_use]
    pub fn incident_count(&self) -> u64 {
        self.incidents.total(&self.id)
    }

    /// The newest frame, if the camera runs and gave one.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Frame>> {
        self.lock().frames.back().cloned()
    }

    /// When the camera's newest picture came, if it is on and gave one. A placeholder that stands in for it changes nothing
    /// of that.
    #[must_use]
    pub fn newest_arrival(&self) -> Option<Instant> {
        self.lock().newest_arrival
    }

    /// Pictures in a second that come of late; falls while none comes.
    #[must_use]
    pub fn framerate(&self) -> Option<f64> {
        let ring = self.lock();
        let (newest, mean) = ring.newest_arrival.zip(ring.mean_gap)?;
        Some(1.0 / mean.max(newest.elapsed()).as_secs_f64())
    }

    /// A reader of the newest frame: what it was too slow for never existed. Gets the frame that is there at once.
    #[must_use]
    pub fn latest(self: &Arc<Self>) -> Reader {
        Reader::new(self, Mode::Latest)
    }

    /// A reader of every frame from the next on, as long as it keeps up.
    #[must_use]
    pub fn in_order(self: &Arc<Self>) -> Reader {
        Reader::new(self, Mode::InOrder)
    }

    /// The side that puts frames in. Meant for the one owner of the camera.
    #[must_use]
    pub fn publisher(self: &Arc<Self>) -> Publisher {
        Publisher {
            stream: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        // Nothing in the lock can panic half way; a reader's panic elsewhere must not stop the stream.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("id", &self.id)
            .field("status", &self.status.borrow())
            .finish_non_exhaustive()
    }
}

/// Puts frames into a stream.
#[derive(Debug)]
pub struct Publisher {
    stream: Arc<Stream>,
}

impl Publisher {
    /// The stream published to.
    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// The camera was configured anew.
    pub fn set_about(&self, about: About) {
        *self
            .stream
            .about
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = about;
    }

    /// The number the next frame has to carry.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.stream.lock().next_seq
    }

    /// Makes `frame` the newest one and wakes whoever waits. Never blocks on a reader.
    pub fn publish(&self, frame: Frame) {
        if !frame.is_placeholder {
            self.stream.counters.frames.fetch_add(1, Relaxed);
            self.stream
                .counters
                .bytes
                .fetch_add(frame.len() as u64, Relaxed);
        }
        let mut ring = self.stream.lock();
        debug_assert!(frame.seq >= ring.next_seq, "numbers only grow");
        ring.next_seq = frame.seq + 1;
        ring.published += 1;
        if !frame.is_placeholder {
            ring.arrived(frame.arrived);
        }
        ring.bytes += frame.len();
        ring.frames.push_back(Arc::new(frame));
        let keep = if ring.in_order_readers > 0 {
            RING_FRAMES
        } else {
            1
        };
        while ring.frames.len() > keep || (ring.bytes > RING_BYTES && ring.frames.len() > 1) {
            let old = ring.frames.pop_front().expect("not empty");
            ring.bytes -= old.len();
        }
        wake_all(ring, &self.stream);
    }

    /// Forgets the frames: the camera stopped, and a newcomer must not be shown an old picture.
    pub fn clear(&self) {
        let mut ring = self.stream.lock();
        ring.frames.clear();
        ring.bytes = 0;
        ring.newest_arrival = None;
        ring.mean_gap = None;
        drop(ring);
        for (_, stream) in self.stream.renditions() {
            stream.publisher().clear();
        }
    }

    /// Ends the stream for every reader, now and later.
    pub fn close(&self) {
        let mut ring = self.stream.lock();
        ring.closed = true;
        wake_all(ring, &self.stream);
        for (_, stream) in self.stream.renditions() {
            stream.publisher().close();
        }
    }

    /// Counts a frame that was made smaller for this rendition, and the CPU time it took.
    pub fn count_made(&self, cost: Duration) {
        let cost_us = u64::try_from(cost.as_micros()).unwrap_or(u64::MAX);
        for stream in [Some(&self.stream), self.stream.original.as_ref()]
            .into_iter()
            .flatten()
        {
            stream.counters.made_frames.fetch_add(1, Relaxed);
            stream.counters.made_us.fetch_add(cost_us, Relaxed);
        }
    }

    /// Says how the camera is doing. The time is kept while the state stays the same.
    pub fn set_status(&self, state: CameraState, why: Option<Why>) {
        self.stream.status.send_if_modified(|status| {
            if status.state == state && status.why == why {
                return false;
            }
            let since = if status.state == state {
                status.since
            } else {
                SystemTime::now()
            };
            *status = Status { state, why, since };
            true
        });
    }

    /// Pictures are wanted and do not come. Opens an incident, or tells the open one its newest cause.
    /// Returns the id of a new one.
    pub fn begin_incident(&self, began: SystemTime, cause: Cause) -> Option<u64> {
        let Stream { id, incidents, .. } = &*self.stream;
        let new = incidents.begin(Some(id), began, cause);
        self.stream.incident_changes.send_modify(|n| *n += 1);
        new
    }

    /// Notes how the board was when an incident began.
    pub fn note_board(&self, incident: u64, board: BoardHealth) {
        let Stream { id, incidents, .. } = &*self.stream;
        incidents.board(id, incident, SystemTime::now(), board);
    }

    /// Notes what is done about the open incident.
    pub fn note_step(&self, what: impl Into<String>) {
        let Stream { id, incidents, .. } = &*self.stream;
        incidents.step(Some(id), SystemTime::now(), what.into());
    }

    /// Pictures came again, or are not wanted any more for this reason. Returns the incident, if there was one.
    pub fn end_incident(&self, why: Option<&str>) -> Option<Incident> {
        let Stream { id, incidents, .. } = &*self.stream;
        let ended = incidents.end(Some(id), SystemTime::now(), why);
        if ended.is_some() {
            self.stream.incident_changes.send_modify(|n| *n += 1);
        }
        ended
    }

    /// Which controls the camera has, and its size and rate when nothing is set.
    pub fn describe_controls(&self, class: Class, base: control::Frame) {
        self.stream.desk.describe(class, base);
    }

    /// The shape of its sensor, which zoom is counted in.
    pub fn describe_sensor(&self, sensor: control::Shape) {
        self.stream.desk.describe_sensor(sensor);
    }

    /// The camera gives pictures with this set.
    pub fn controls_applied(&self, set: &ControlSet) {
        self.stream.desk.applied(set);
    }

    /// The camera did not start with this set: back to the one before.
    pub fn controls_refused(&self, set: &ControlSet, why: impl Into<String>) {
        self.stream.desk.refused(set, why.into());
    }

    /// Counts a start of the camera.
    pub fn count_start(&self) {
        self.stream.counters.starts.fetch_add(1, Relaxed);
        if self.stream.incidents.restarted(&self.stream.id) {
            self.stream.counters.restarts.fetch_add(1, Relaxed);
        }
    }

    /// Counts what the camera sent and nobody could use.
    pub fn count_dropped(&self, bytes: u64, pictures: u64) {
        self.stream.counters.dropped_bytes.fetch_add(bytes, Relaxed);
        self.stream
            .counters
            .dropped_pictures
            .fetch_add(pictures, Relaxed);
    }
}

/// Wakes outside of the lock: a woken reader may run at once and want it.
fn wake_all(mut ring: MutexGuard<'_, Ring>, stream: &Stream) {
    let mut woken = mem::take(&mut ring.woken);
    woken.extend(ring.readers.iter_mut().filter_map(|slot| slot.waker.take()));
    drop(ring);
    for waker in woken.drain(..) {
        waker.wake();
    }
    stream.lock().woken = woken;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Latest,
    InOrder,
}

/// Takes frames out of a stream.
pub struct Reader {
    stream: Arc<Stream>,
    mode: Mode,
    slot: usize,
    generation: u64,
    /// The first frame not yet seen.
    next: u64,
    /// Frames published up to the newest one seen.
    seen: u64,
    has_seen_one: bool,
    skipped: u64,
}

impl Reader {
    fn new(stream: &Arc<Stream>, mode: Mode) -> Self {
        let mut ring = stream.lock();
        let slot = ring
            .readers
            .iter()
            .position(|s| !s.taken)
            .unwrap_or_else(|| {
                ring.readers.push(Slot::default());
                ring.readers.len() - 1
            });
        let place = &mut ring.readers[slot];
        place.taken = true;
        let generation = place.generation;
        let mut next = ring.next_seq;
        match mode {
            Mode::Latest => next = next.saturating_sub(1),
            Mode::InOrder => ring.in_order_readers += 1,
        }
        drop(ring);
        Self {
            stream: stream.clone(),
            mode,
            slot,
            generation,
            next,
            seen: 0,
            has_seen_one: false,
            skipped: 0,
        }
    }

    /// The stream read from.
    #[must_use]
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Frames that this reader was too slow for.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether somebody ended this reader.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.stream.lock().readers[self.slot].ended
    }

    /// Ends this reader from elsewhere.
    #[must_use]
    pub fn ender(&self) -> Ender {
        Ender {
            stream: self.stream.clone(),
            slot: self.slot,
            generation: self.generation,
        }
    }

    /// The next frame for this reader, or why there will be none.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Arc<Frame>, Ended>> {
        let mut ring = self.stream.lock();
        if ring.readers[self.slot].ended {
            return Poll::Ready(Err(Ended::Reader));
        }
        let found = match self.mode {
            Mode::Latest => ring.frames.back().filter(|f| f.seq >= self.next),
            Mode::InOrder => ring.frames.front().and_then(|oldest| {
                let wanted = self.next.max(oldest.seq);
                let at = usize::try_from(wanted - oldest.seq).ok()?;
                // After a loss only a frame that stands alone is of use.
                let lost = wanted > self.next;
                ring.frames.iter().skip(at).find(|f| !lost || f.is_key)
            }),
        };
        if let Some(frame) = found {
            if self.has_seen_one {
                self.skipped += match self.mode {
                    // Numbers have gaps where not every frame is made: those are nobody's loss.
                    Mode::Latest => (ring.published - self.seen).saturating_sub(1),
                    Mode::InOrder => frame.seq - self.next,
                };
            }
            self.has_seen_one = true;
            self.seen = ring.published;
            self.next = frame.seq + 1;
            return Poll::Ready(Ok(frame.clone()));
        }
        if ring.closed {
            return Poll::Ready(Err(Ended::Closed));
        }
        match &mut ring.readers[self.slot].waker {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Waits for [`Reader::poll_next`].
    ///
    /// # Errors
    /// When there will be no more frames.
    pub async fn next(&mut self) -> Result<Arc<Frame>, Ended> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut ring = self.stream.lock();
        if self.mode == Mode::InOrder {
            ring.in_order_readers -= 1;
        }
        ring.readers[self.slot] = Slot {
            generation: self.generation + 1,
            ..Slot::default()
        };
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("camera", &self.stream.id)
            .field("mode", &self.mode)
            .field("next", &self.next)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

/// Ends one reader.
#[derive(Clone, Debug)]
pub struct Ender {
    stream: Arc<Stream>,
    slot: usize,
    generation: u64,
}

impl Ender {
    /// The reader gets [`Ended::Reader`] instead of its next frame.
    pub fn end(&self) {
        let mut ring = self.stream.lock();
        let place = &mut ring.readers[self.slot];
        if place.generation != self.generation {
            return;
        }
        place.ended = true;
        let waker = place.waker.take();
        drop(ring);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

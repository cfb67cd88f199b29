//! One viewer's frames: which one is next, of which rendition, and when it may be started.
//!
//! Between the hub and whatever writes to the connection. A viewer that takes everything at once is left alone: its frames
//! pass through here with a few additions, and every few of them one looks whether a queue builds up behind the socket.
//! One that does not is watched: each frame is started when the line has room, and it may get smaller ones.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use hub::{Demand, Ended, Reader, Stream};
use media::{Frame, Rendition};
use tokio::time::{Sleep, sleep};

use crate::{
    choice::{Change, Choice, Now},
    line::{Gate, Line, Look},
    viewers::{Place, Quality},
    wire::Wire,
    wish::{Pace, Wish},
};

/// Frames from one look to the next. A look costs a fifth of a frame's write; among many viewers that counts, among few it
/// does not.
const LOOK_EVERY: u32 = 4;
const LOOK_EVERY_AMONG_MANY: u32 = 8;
const MANY: usize = 32;
/// For how long after a frame had to wait the line is called the reason.
const REASON: Duration = Duration::from_secs(5);

/// The frames of one viewer. Holds its place, and the camera running.
#[derive(Debug)]
pub(crate) struct Feed {
    camera: Arc<Stream>,
    reader: Reader,
    /// Frames that earlier readers were too slow for.
    skipped_before: u64,
    last_seq: Option<u64>,
    put_back: Option<Arc<Frame>>,
    place: Place,
    _demand: Demand,
    opened: Instant,

    wish: Wish,
    /// Which rendition that is depends on the size of the camera's pictures, and none was seen yet.
    is_wish_open: bool,
    /// Nobody asked for pictures that stay as they are.
    adapts: bool,
    is_automatic: bool,
    pace: Option<Pace>,
    interval: Interval,

    line: Line,
    choice: Choice,
    until_look: u32,
    /// When the line is looked at again.
    timer: Option<Pin<Box<Sleep>>>,
    held_at: Option<Instant>,
    asked_fps: Option<f32>,
}

/// Time between the camera's frames.
#[derive(Debug)]
struct Interval {
    last: Option<(u64, u64)>,
    mean_90k: f64,
}

impl Interval {
    fn new(framerate: f32) -> Self {
        Self {
            last: None,
            mean_90k: 90_000.0 / f64::from(framerate.clamp(0.1, 240.0)),
        }
    }

    /// Frames that were not seen are counted by their numbers.
    fn learn(&mut self, frame: &Frame) {
        // Those come at a pace of their own.
        if frame.is_placeholder {
            self.last = None;
            return;
        }
        if let Some((seq, pts)) = self.last
            && frame.seq > seq
        {
            #[expect(clippy::cast_precision_loss, reason = "differences of neighbours")]
            let per_frame = frame.pts.0.saturating_sub(pts) as f64 / (frame.seq - seq) as f64;
            // A pause of the camera is not its rate.
            let per_frame = per_frame.clamp(90_000.0 / 240.0, 900_000.0);
            self.mean_90k += (per_frame - self.mean_90k) / 16.0;
        }
        self.last = Some((frame.seq, frame.pts.0));
    }

    fn fps(&self) -> f64 {
        90_000.0 / self.mean_90k
    }

    fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.mean_90k / 90_000.0)
    }
}

impl Feed {
    /// For the viewer at `place`, beginning with what `reader` reads.
    pub(crate) fn new(
        reader: Reader,
        place: Place,
        wish: Wish,
        fps: Option<f32>,
        adapts: bool,
    ) -> Self {
        let is_automatic = adapts && place.is_per_viewer();
        let camera = reader.stream().clone();
        let framerate = camera.about().framerate;
        Self {
            _demand: camera.demand(),
            skipped_before: 0,
            last_seq: None,
            put_back: None,
            opened: place.opened(),
            wish,
            is_wish_open: !wish.is_none(),
            adapts,
            is_automatic,
            pace: fps.map(Pace::new),
            interval: Interval::new(framerate),
            line: Line::default(),
            choice: Choice::new(Rendition::Original, is_automatic),
            until_look: 0,
            timer: None,
            held_at: None,
            asked_fps: fps,
            camera,
            reader,
            place,
        }
    }

    /// The next frame, once it may be started, or why there will be none.
    pub(crate) fn poll_frame(
        &mut self,
        wire: &Wire,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Arc<Frame>, Ended>> {
        loop {
            if self.line.is_watched() {
                if let Some(timer) = &mut self.timer {
                    ready!(timer.as_mut().poll(cx));
                    self.timer = None;
                }
                if let Some(Gate::Wait(time)) = self.look(wire, Instant::now()) {
                    self.timer = Some(Box::pin(sleep(time)));
                    continue;
                }
            }
            let frame = match self.reader.poll_next(cx) {
                Poll::Ready(frame) => {
                    let frame = frame?;
                    self.forget_put_back();
                    frame
                }
                Poll::Pending => {
                    let Some(frame) = self.put_back.take() else {
                        return Poll::Pending;
                    };
                    self.last_seq = Some(frame.seq);
                    return Poll::Ready(Ok(frame));
                }
            };
            // Never back in time, whatever the one before was made of.
            if self.last_seq.is_some_and(|last| frame.seq <= last) {
                continue;
            }
            if self.is_wish_open && self.take_up_wish(&frame) {
                continue;
            }
            self.interval.learn(&frame);
            if let Some(pace) = &mut self.pace
                && !pace.passes(frame.pts.0, self.interval.mean_90k)
            {
                continue;
            }
            self.last_seq = Some(frame.seq);
            self.starting(wire, &frame);
            return Poll::Ready(Ok(frame));
        }
    }

    /// Finds out which rendition was asked for. True when that is not what is being read.
    fn take_up_wish(&mut self, frame: &Arc<Frame>) -> bool {
        let original = self.camera.newest().unwrap_or_else(|| frame.clone());
        // What stands in for a picture need not have its size.
        self.is_wish_open = original.is_placeholder;
        let best = self.wish.of_frame(&original);
        if best == self.choice.best() {
            return false;
        }
        self.choice = Choice::new(best, self.is_automatic);
        self.read_what_is_chosen();
        true
    }

    /// The connection took the whole frame, as so many bytes.
    pub(crate) fn sent(&mut self, frame: &Frame, bytes: usize) {
        let skipped = self.skipped_before + self.reader.skipped();
        self.place.count(bytes, skipped, frame);
    }

    /// The connection took no more for now. True when the line is watched from here on: then the next frame comes when
    /// there is room, and not before.
    pub(crate) fn blocked(&mut self, wire: &Wire) -> bool {
        self.line.blocked();
        match self.look(wire, Instant::now()) {
            Some(Gate::Wait(time)) => {
                self.timer = Some(Box::pin(sleep(time)));
                true
            }
            _ => false,
        }
    }

    /// A frame of which nothing was sent; it comes again if there is no newer one.
    pub(crate) fn put_back(&mut self, frame: Arc<Frame>) {
        self.last_seq = frame.seq.checked_sub(1);
        self.put_back = Some(frame);
    }

    fn forget_put_back(&mut self) {
        if self.put_back.take().is_some() {
            self.skipped_before += 1;
        }
    }

    /// Why the stream ended, for the log.
    pub(crate) fn ended(&mut self, reason: &'static str) {
        self.place.ended(reason);
    }

    /// `quality.policy` may have become another one. Asked where the kernel is asked too, which costs far more.
    fn follow_policy(&mut self) {
        let is_automatic = self.adapts && self.place.is_per_viewer();
        if is_automatic == self.is_automatic {
            return;
        }
        self.is_automatic = is_automatic;
        let before = self.choice.rendition();
        self.choice = Choice::new(self.choice.best(), is_automatic);
        if self.choice.rendition() != before {
            self.read_what_is_chosen();
        }
    }

    /// Looks at the line, and decides what goes over it.
    fn look(&mut self, wire: &Wire, now: Instant) -> Option<Gate> {
        // Where the kernel tells nothing, only its taking no more holds a viewer back.
        let look = self.ask(wire, now)?;
        self.follow_policy();
        let gate = self.line.look(&look, self.interval.mean());
        let is_held = gate != Gate::Open;
        if is_held {
            self.held_at = Some(now);
        }
        let state = Now {
            at: look.at,
            rate: self.line.rate(),
            min_rtt: self.line.min_rtt(),
            is_held,
            skipped: self.skipped_before + self.reader.skipped(),
            fps: self.wanted_fps(),
            original_bytes: self.camera.newest().map_or(0, |frame| frame.len()),
        };
        if state.original_bytes > 0
            && let Some(change) = self.choice.decide(&state)
        {
            if change == Change::Up {
                self.line.is_tried(look.at);
            }
            self.read_what_is_chosen();
        }
        Some(gate)
    }

    fn ask(&self, wire: &Wire, now: Instant) -> Option<Look> {
        let info = wire.tcp_info()?;
        Some(Look {
            at: now.saturating_duration_since(self.opened),
            acked_bytes: info.acked_bytes,
            unacked_bytes: info.unacked_bytes,
            notsent_bytes: info.notsent_bytes,
            rtt: Duration::from_micros(info.rtt_us.into()),
            min_rtt: Duration::from_micros(info.min_rtt_us.into()),
            delivery_rate: info.delivery_rate,
        })
    }

    fn wanted_fps(&self) -> f64 {
        let camera = self.interval.fps();
        self.pace
            .as_ref()
            .map_or(camera, |pace| pace.fps().min(camera))
    }

    /// A frame is about to be written.
    fn starting(&mut self, wire: &Wire, frame: &Frame) {
        if self.line.is_watched() {
            let now = Instant::now();
            self.choice.learn(frame.len());
            self.line.started(self.choice.is_best());
            self.tell(frame, now);
            return;
        }
        self.until_look = self.until_look.saturating_sub(1);
        if self.until_look == 0 {
            self.until_look = if self.place.watching() > MANY {
                LOOK_EVERY_AMONG_MANY
            } else {
                LOOK_EVERY
            };
            // The frame's own time spares a look at the clock: what comes out of it is only whether something queues.
            self.follow_policy();
            if let Some(look) = self.ask(wire, frame.arrived) {
                self.line.look(&look, self.interval.mean());
            }
            self.tell(frame, frame.arrived);
        }
    }

    /// Lets the API know.
    fn tell(&self, frame: &Frame, now: Instant) {
        let size = frame.dimensions();
        let is_late = |at: Instant| now.saturating_duration_since(at) < REASON;
        let age = now.saturating_duration_since(frame.arrived);
        self.place.set_quality(Quality {
            asked: self.wish,
            asked_fps: self.asked_fps,
            rendition: self.choice.rendition(),
            width_px: size.map(|(width, _)| width),
            height_px: size.map(|(_, height)| height),
            is_limited: !self.choice.is_best() || self.held_at.is_some_and(is_late),
            line_bps: self.line.rate().map(bits),
            lag: Some(age + self.line.delay(frame.len())),
        });
    }

    /// Reads the rendition that was decided on from now on.
    fn read_what_is_chosen(&mut self) {
        self.forget_put_back();
        let rendition = self.choice.rendition();
        let reader = self.camera.rendition(rendition).latest();
        self.place.moved_to(rendition, reader.ender());
        let before = std::mem::replace(&mut self.reader, reader);
        self.skipped_before += before.skipped();
        // Whoever ended the viewer just before meant the viewer and not the reader.
        if before.has_ended() {
            self.reader.ender().end();
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive rate of a line"
)]
fn bits(bytes_per_second: f64) -> u64 {
    (bytes_per_second * 8.0) as u64
}

//! What one viewer's line carries, and when the next frame may be started on it.
//!
//! Pure: what the kernel says about the connection comes in with its time, and a decision comes out. A frame is started
//! when what was sent before has left the queues, in this machine and on the way, but for a quarter of a frame time. A path that is
//! merely long holds nothing up: what is on its way and not in a queue does not count.

use std::time::Duration;

/// A rate is measured over at least so long.
const WINDOW: Duration = Duration::from_millis(40);
/// Unless less gets through in all of [`MEMORY`], over so many bytes.
const WINDOW_BYTES: u64 = 6000;
/// The memory of the rate.
const MEMORY: Duration = Duration::from_millis(250);
/// A round trip may be so much longer than the shortest one, and a quarter of that, before something queues.
const JITTER: Duration = Duration::from_millis(10);
/// About the length of one.
const SEGMENT: u64 = 1448;
/// For how long after a queue was seen the line counts as narrow.
const FRESH: Duration = Duration::from_secs(1);
/// Something waits here, and how fast it goes is not known yet.
const UNKNOWN: Duration = Duration::from_millis(35);
/// Frames without a sign of a queue, after which the line is not watched any more.
const CALM_FRAMES: u32 = 16;
/// How soon one looks again.
const SOONEST: Duration = Duration::from_millis(2);
const LATEST: Duration = Duration::from_millis(100);

/// The state of the connection at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Since the viewer came.
    pub(crate) at: Duration,
    pub(crate) acked_bytes: u64,
    pub(crate) unacked_bytes: u64,
    pub(crate) notsent_bytes: u64,
    pub(crate) rtt: Duration,
    pub(crate) min_rtt: Duration,
    /// By the kernel's account, bytes per second.
    pub(crate) delivery_rate: u64,
}

/// Whether the next frame may be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Look again after this time.
    Wait(Duration),
}

/// What was learned about a line.
#[derive(Debug)]
pub(crate) struct Line {
    is_watched: bool,
    calm_frames: u32,
    has_waited: bool,
    /// Bytes per second, seen while more was there to send than went.
    rate: Option<f64>,
    /// When there was last a queue by other signs than the rate.
    queued_at: Option<Duration>,
    /// Begin of the measurement that goes on, and what was acknowledged then.
    begin: Option<(Duration, u64)>,
    /// The same of the last look.
    here: (Duration, u64),
    /// Bytes that were not acknowledged then.
    outstanding: f64,
    /// Begin of the measurement of the least, as above.
    mark: (Duration, u64),
    backlog: Duration,
    rtt: Duration,
    min_rtt: Duration,
}

impl Default for Line {
    /// A newcomer is watched until it has shown that there is no need.
    fn default() -> Self {
        Self {
            is_watched: true,
            calm_frames: 0,
            has_waited: false,
            rate: None,
            queued_at: None,
            begin: None,
            here: (Duration::ZERO, 0),
            outstanding: 0.0,
            mark: (Duration::ZERO, 0),
            backlog: Duration::ZERO,
            rtt: Duration::ZERO,
            min_rtt: Duration::ZERO,
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes in queues, far below 2^52"
)]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

impl Line {
    /// Whether each frame has to be asked for; otherwise it may be started at once.
    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched
    }

    /// The rate, if the line was ever too narrow to hide it.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rate
    }

    pub(crate) fn min_rtt(&self) -> Duration {
        self.min_rtt
    }

    /// How late a frame of so many bytes arrives that is started now.
    pub(crate) fn delay(&self, bytes: usize) -> Duration {
        let sending = match self.rate {
            Some(rate) if self.is_watched => seconds(float(bytes as u64) / rate),
            _ => Duration::ZERO,
        };
        self.backlog + sending + self.min_rtt / 2
    }

    /// Larger frames follow, to see whether the line carries them: nothing may pile up behind the first one.
    pub(crate) fn is_tried(&mut self, at: Duration) {
        self.queued_at = Some(at);
        self.calm_frames = 0;
    }

    /// The socket took no more.
    pub(crate) fn blocked(&mut self) {
        self.is_watched = true;
        self.calm_frames = 0;
        self.has_waited = true;
    }

    /// A frame was started. `may_rest` says that nothing depends on the line being watched further.
    pub(crate) fn started(&mut self, may_rest: bool) {
        if self.has_waited {
            self.calm_frames = 0;
        } else {
            self.calm_frames += 1;
        }
        self.has_waited = false;
        // Of a pipe that is not full, nothing is acknowledged for a while: that is no measure of the rate.
        let (at, acked) = self.begin.unwrap_or(self.here);
        let gap = match self.rate {
            Some(rate) => self
                .min_rtt
                .saturating_sub(seconds(self.outstanding / rate)),
            None if self.outstanding == 0.0 => self.min_rtt,
            None => Duration::ZERO,
        };
        self.begin = Some((at + gap, acked));
        if self.calm_frames >= CALM_FRAMES && may_rest {
            self.is_watched = false;
            self.begin = None;
        }
    }

    /// Takes a look at the line: may a frame be started, with `interval` between the camera's frames?
    pub(crate) fn look(&mut self, look: &Look, interval: Duration) -> Gate {
        self.rtt = look.rtt;
        self.min_rtt = look.min_rtt;
        let excess = look.rtt.saturating_sub(look.min_rtt);
        let is_late = look.unacked_bytes > 0 && excess > JITTER + look.min_rtt / 4;
        if look.notsent_bytes > 0 || is_late {
            self.queued_at = Some(look.at);
        }
        // With queues seen a moment ago, what is under way is measured; what is under way on a line that is merely long
        // says only how much was sent.
        let is_fresh = |at: Duration| look.at.saturating_sub(at) < FRESH;
        let has_queued = self.queued_at.is_some_and(is_fresh);
        let is_busy = look.notsent_bytes > 0 || (look.unacked_bytes > 0 && has_queued);
        let is_stuck = self.measure(look, is_busy);
        let after_the_pipe =
            |rate: f64| seconds(float(look.unacked_bytes) / rate).saturating_sub(look.min_rtt);
        self.backlog = match self.rate.filter(|_| has_queued) {
            // The smoothed round trip follows a queue only after some segments; the rate tells at once.
            Some(rate) => after_the_pipe(rate) + seconds(float(look.notsent_bytes) / rate),
            None if look.notsent_bytes > 0 => UNKNOWN,
            None if look.unacked_bytes > 0 && look.delivery_rate > 0 => {
                excess.min(after_the_pipe(float(look.delivery_rate)))
            }
            None => Duration::ZERO,
        };
        if is_stuck {
            self.backlog = self.backlog.max(LATEST);
        }
        let allowed = (interval / 4).clamp(SOONEST, LATEST / 2);
        if self.backlog <= allowed {
            return Gate::Open;
        }
        self.has_waited = true;
        self.is_watched = true;
        Gate::Wait((self.backlog - allowed).clamp(SOONEST, LATEST))
    }

    /// Measures the rate while the line is busy. True when nothing gets through at all.
    fn measure(&mut self, look: &Look, is_busy: bool) -> bool {
        self.here = (look.at, look.acked_bytes);
        self.raise(look);
        self.outstanding = float(look.unacked_bytes + look.notsent_bytes);
        let Some((at, acked)) = self.begin else {
            self.begin = Some(self.here).filter(|_| is_busy);
            return false;
        };
        let passed = look.at.saturating_sub(at);
        let bytes = look.acked_bytes.saturating_sub(acked);
        if !is_busy {
            self.begin = None;
            return false;
        }
        // A few segments more or less must not matter.
        let is_enough = bytes >= WINDOW_BYTES || passed >= MEMORY;
        if passed < WINDOW.max(look.min_rtt) || !is_enough {
            return false;
        }
        if bytes == 0 {
            return true;
        }
        let sample = float(bytes) / passed.as_secs_f64();
        let weight = (passed.as_secs_f64() / MEMORY.as_secs_f64()).min(1.0);
        let rate = self.rate.unwrap_or(sample);
        self.rate = Some((rate + (sample - rate) * weight).max(1.0));
        self.begin = Some(self.here);
        false
    }

    /// Raises a rate that is plainly too low: what was acknowledged between two looks is the least that the line carries,
    /// busy or not. Otherwise one that holds frames back would never be proven wrong.
    fn raise(&mut self, look: &Look) {
        let (at, acked) = self.mark;
        let passed = look.at.saturating_sub(at);
        let bytes = look.acked_bytes.saturating_sub(acked);
        if passed < WINDOW / 2 || (bytes < 2 * SEGMENT && passed < WINDOW * 4) {
            return;
        }
        self.mark = (look.at, look.acked_bytes);
        if let Some(rate) = &mut self.rate {
            // The first segment may have been through before. And little by little: many lines let a burst through faster
            // than what follows.
            let least = float(bytes.saturating_sub(SEGMENT)) / passed.as_secs_f64();
            *rate += (least - *rate).max(0.0) / 2.0;
        }
    }
}

/// At most an hour: a rate near zero is no reason to overflow.
fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))
}

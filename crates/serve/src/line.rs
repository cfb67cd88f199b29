//! What one viewer's line carries, and when the next frame may be started on it.
//!
//! Pure: what the kernel says about the connection comes in with its time, and a decision comes out. A frame is started
//! when what was sent before has left the queues, in this machine and on the way, but for half a frame time. A path that is
//! merely long holds nothing up: what is on its way and not in a queue does not count.

use std::time::Duration;

/// A rate is measured over at least so long.
const WINDOW: Duration = Duration::from_millis(100);
/// The memory of the rate.
const MEMORY: Duration = Duration::from_millis(250);
/// A round trip may be so much longer than the shortest one, and a quarter of that, before something queues.
const JITTER: Duration = Duration::from_millis(10);
/// A rate that was not seen for so long may have been too low.
const FRESH: Duration = Duration::from_secs(2);
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
    rate_at: Duration,
    /// Begin of the measurement that goes on, and what was acknowledged then.
    begin: Option<(Duration, u64)>,
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
            rate_at: Duration::ZERO,
            begin: None,
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
        let in_network = look.unacked_bytes > 0 && excess > JITTER + look.min_rtt / 4;
        let is_queued = look.notsent_bytes > 0 || in_network;
        let is_stuck = self.measure(look, is_queued);
        self.backlog = match self.usable_rate(look, is_queued) {
            Some(rate) => {
                let network = if look.unacked_bytes > 0 {
                    let sending = seconds(float(look.unacked_bytes) / rate);
                    excess.min(sending.saturating_sub(look.min_rtt))
                } else {
                    Duration::ZERO
                };
                network + seconds(float(look.notsent_bytes) / rate)
            }
            // Nothing is known yet, and something waits.
            None if is_queued => Duration::from_millis(35),
            None => Duration::ZERO,
        };
        if is_stuck {
            self.backlog = self.backlog.max(LATEST);
        }
        let allowed = (interval / 2).clamp(SOONEST, LATEST / 2);
        if self.backlog <= allowed {
            return Gate::Open;
        }
        self.has_waited = true;
        self.is_watched = true;
        Gate::Wait((self.backlog - allowed).clamp(SOONEST, LATEST))
    }

    /// Measures the rate while there is a queue. True when nothing gets through at all.
    fn measure(&mut self, look: &Look, is_queued: bool) -> bool {
        if !is_queued {
            self.begin = None;
            return false;
        }
        let here = (look.at, look.acked_bytes);
        let (at, acked) = *self.begin.get_or_insert(here);
        let passed = look.at.saturating_sub(at);
        if passed < WINDOW.max(look.min_rtt) {
            return false;
        }
        let bytes = look.acked_bytes.saturating_sub(acked);
        if bytes == 0 {
            return true;
        }
        let mut sample = float(bytes) / passed.as_secs_f64();
        // With nothing waiting here, this may be what we sent and not what could go. (With something waiting, the kernel's
        // rate is of no use: bursts into a window that opens now and then look fast.)
        if look.notsent_bytes == 0 {
            sample = sample.max(float(look.delivery_rate));
        }
        let weight = (passed.as_secs_f64() / MEMORY.as_secs_f64()).min(1.0);
        let rate = self.rate.unwrap_or(sample);
        self.rate = Some((rate + (sample - rate) * weight).max(1.0));
        self.rate_at = look.at;
        self.begin = Some(here);
        false
    }

    /// What queues are divided by.
    fn usable_rate(&self, look: &Look, is_queued: bool) -> Option<f64> {
        let by_kernel = Some(float(look.delivery_rate)).filter(|rate| *rate > 0.0);
        if is_queued || look.at.saturating_sub(self.rate_at) < FRESH {
            return self.rate.or(by_kernel.filter(|_| !is_queued));
        }
        match (self.rate, by_kernel) {
            (Some(own), Some(kernel)) => Some(own.max(kernel)),
            (own, kernel) => own.or(kernel),
        }
    }
}

/// At most an hour: a rate near zero is no reason to overflow.
fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))
}

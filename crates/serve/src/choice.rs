//! Which rendition a viewer gets.
//!
//! Pure: time and what the line carries come in. First the rate falls, by itself, because frames are started only when the
//! line has room. When fewer than [`FEWEST_FPS`] would get through, pictures become smaller; they grow again when the line
//! has carried the larger ones on paper for a while, or when a try shows that it does.

use std::time::Duration;

use media::{Quality, Rendition, Scale};

/// Fewer pictures than this are worse than smaller ones.
const FEWEST_FPS: f64 = 5.0;
/// A little less is no reason to change.
const SLACK: f64 = 0.9;
/// How much more than needed the line has to carry before pictures grow.
const MARGIN: f64 = 1.5;
/// For how long it has to be so, at least.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time between two tries.
const RARELY: Duration = Duration::from_secs(60);
/// A step up that is taken back so soon has failed.
const PROBATION: Duration = Duration::from_secs(10);
/// For how long too little has to get through before pictures shrink.
const SHORT: Duration = Duration::from_millis(500);
/// The same for a try.
const SHORT_TRY: Duration = Duration::from_millis(150);

/// From the best down; those above what a viewer asked for are left out.
const LADDER: [Rendition; 5] = [
    Rendition::Original,
    Rendition::Made(Scale::Half, Quality::Q70),
    Rendition::Made(Scale::Half, Quality::Q50),
    Rendition::Made(Scale::Quarter, Quality::Q50),
    Rendition::Made(Scale::Quarter, Quality::Q30),
];

/// Bytes compared with the original, until they are known: measured with camera pictures of quality 85.
fn ratio(rendition: Rendition) -> f64 {
    let Rendition::Made(scale, quality) = rendition else {
        return 1.0;
    };
    let of_scale = match scale {
        Scale::Full => 1.0,
        Scale::Half => 0.3,
        Scale::Quarter => 0.1,
    };
    let of_quality = match quality {
        Quality::Q85 => 1.0,
        Quality::Q70 => 0.65,
        Quality::Q50 => 0.45,
        Quality::Q30 => 0.32,
    };
    of_scale * of_quality
}

/// What is known when a decision is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Since the viewer came.
    pub(crate) at: Duration,
    /// Bytes per second the line carries, if it was ever too narrow to hide it.
    pub(crate) rate: Option<f64>,
    pub(crate) min_rtt: Duration,
    /// A frame has to wait for the line.
    pub(crate) is_held: bool,
    /// Frames the viewer was too slow for, in all.
    pub(crate) skipped: u64,
    /// Frames per second that are wanted.
    pub(crate) fps: f64,
    /// Bytes of the camera's newest picture.
    pub(crate) original_bytes: usize,
}

/// Pictures become larger or better, or the opposite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Up,
    Down,
}

/// One viewer's place on the ladder.
#[derive(Debug)]
pub(crate) struct Choice {
    steps: Vec<Step>,
    at: usize,
    held_at: Duration,
    losses: Losses,
    short_since: Option<Duration>,
    fits_since: Option<Duration>,
    stepped_at: Duration,
    on_probation: bool,
    try_after: Duration,
}

#[derive(Debug)]
struct Step {
    rendition: Rendition,
    /// Mean of the frames seen.
    bytes: Option<f64>,
}

/// Frames lost lately. A few are everybody's lot on a busy machine; many are the line's doing.
#[derive(Debug, Default)]
struct Losses {
    skipped: u64,
    at: Duration,
    /// Fades within some seconds.
    recent: f64,
    many_at: Duration,
}

impl Losses {
    const MEMORY_S: f64 = 2.0;
    const MANY: f64 = 0.1;

    fn count(&mut self, now: &Now) {
        let passed_s = now.at.saturating_sub(self.at).as_secs_f64();
        let new = u32::try_from(now.skipped.saturating_sub(self.skipped)).unwrap_or(u32::MAX);
        self.recent = self.recent * (-passed_s / Self::MEMORY_S).exp() + f64::from(new);
        (self.at, self.skipped) = (now.at, now.skipped);
        if self.recent > Self::MANY * now.fps * Self::MEMORY_S {
            self.many_at = now.at;
        }
    }
}

impl Choice {
    /// Of a viewer that gets `best` and, if it may be so, less.
    pub(crate) fn new(best: Rendition, is_automatic: bool) -> Self {
        let lower = LADDER
            .into_iter()
            .filter(|r| is_automatic && *r != best && r.is_within(best));
        let steps = std::iter::once(best)
            .chain(lower)
            .map(|rendition| Step {
                rendition,
                bytes: None,
            })
            .collect();
        Self {
            steps,
            at: 0,
            held_at: Duration::ZERO,
            losses: Losses::default(),
            short_since: None,
            fits_since: None,
            stepped_at: Duration::ZERO,
            on_probation: false,
            try_after: PATIENCE,
        }
    }

    pub(crate) fn rendition(&self) -> Rendition {
        self.steps[self.at].rendition
    }

    /// What it gets while the line carries it.
    pub(crate) fn best(&self) -> Rendition {
        self.steps[0].rendition
    }

    /// Whether the line is not the reason for what is shown.
    pub(crate) fn is_best(&self) -> bool {
        self.at == 0
    }

    /// A frame of what is chosen has so many bytes.
    pub(crate) fn learn(&mut self, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a picture's length")]
        let bytes = bytes as f64;
        let step = &mut self.steps[self.at];
        let mean = step.bytes.unwrap_or(bytes);
        step.bytes = Some(mean + (bytes - mean) / 8.0);
    }

    fn bytes(&self, at: usize, original_bytes: usize) -> f64 {
        let guess = |step: &Step| {
            #[expect(clippy::cast_precision_loss, reason = "a picture's length")]
            let original = original_bytes as f64;
            original * ratio(step.rendition)
        };
        self.steps[at]
            .bytes
            .unwrap_or_else(|| guess(&self.steps[at]))
            .max(1.0)
    }

    /// Whether the rendition changes, and how.
    pub(crate) fn decide(&mut self, now: &Now) -> Option<Change> {
        if now.is_held {
            self.held_at = now.at;
        }
        self.losses.count(now);
        if self.on_probation && now.at.saturating_sub(self.stepped_at) >= PROBATION {
            self.on_probation = false;
            self.try_after = PATIENCE;
        }
        let needed = now.fps.min(FEWEST_FPS);
        let to = self
            .lower(now, needed)
            .or_else(|| self.higher(now, needed))?;
        let is_up = to < self.at;
        if !is_up && self.on_probation {
            self.try_after = (self.try_after * 2).min(RARELY);
        }
        self.on_probation = is_up;
        self.at = to;
        self.stepped_at = now.at;
        self.short_since = None;
        self.fits_since = None;
        Some(if is_up { Change::Up } else { Change::Down })
    }

    /// Where to go down to, when too little has got through for too long.
    fn lower(&mut self, now: &Now, needed: f64) -> Option<usize> {
        let rate = now.rate?;
        let is_short = rate < SLACK * needed * self.bytes(self.at, now.original_bytes);
        // An old measurement is no reason: somebody has to be waiting.
        let is_pressed = now.at.saturating_sub(self.held_at) < SHORT * 2;
        if !is_short || !is_pressed || self.at + 1 == self.steps.len() {
            self.short_since = None;
            return None;
        }
        if !now.is_held {
            return None;
        }
        let since = *self.short_since.get_or_insert(now.at);
        // A try is given up sooner: what it costs is a pause.
        let (least, round_trips) = if self.on_probation {
            (SHORT_TRY, 3)
        } else {
            (SHORT, 5)
        };
        if now.at.saturating_sub(since) < least.max(now.min_rtt * round_trips) {
            return None;
        }
        let last = self.steps.len() - 1;
        let fits = |at: &usize| rate >= needed * self.bytes(*at, now.original_bytes);
        Some((self.at + 1..last).find(fits).unwrap_or(last))
    }

    /// One up, when the line would carry it, or when it is time for a try.
    fn higher(&mut self, now: &Now, needed: f64) -> Option<usize> {
        let to = self.at.checked_sub(1)?;
        let enough = MARGIN * needed * self.bytes(to, now.original_bytes);
        if now.rate.is_some_and(|rate| rate >= enough) {
            self.fits_since.get_or_insert(now.at);
        } else {
            self.fits_since = None;
        }
        let has_rested = now.at.saturating_sub(self.stepped_at) >= self.try_after;
        let fits = self
            .fits_since
            .is_some_and(|since| has_rested && now.at.saturating_sub(since) >= PATIENCE);
        let quiet = now
            .at
            .saturating_sub(self.stepped_at.max(self.losses.many_at));
        (fits || quiet >= self.try_after).then_some(to)
    }
}

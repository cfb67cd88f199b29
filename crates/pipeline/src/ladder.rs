//! `quality.policy = "viewers"`: the more people watch a camera, the less each of them gets. The old server's table.

use std::time::Duration;

use control::Frame;
use hub::DemandWatch;
use tokio::time::{Instant, sleep};

/// From the best down; each is for more than so many viewers.
const RUNGS: [(usize, Frame); 3] = [
    (0, frame(1280, 720, 20.0, 85)),
    (5, frame(640, 480, 15.0, 70)),
    (10, frame(320, 240, 10.0, 50)),
];
/// More viewers have to be there for so long before everybody gets less; each change restarts the camera.
const DOWN_AFTER: Duration = Duration::from_secs(2);
/// And fewer for so long before everybody gets more.
const UP_AFTER: Duration = Duration::from_secs(30);
/// So many fewer than what led down lead up again.
const MARGIN: usize = 2;

const fn frame(width_px: u16, height_px: u16, framerate: f32, quality: u8) -> Frame {
    Frame {
        width_px,
        height_px,
        framerate,
        quality,
    }
}

/// Which rung a camera is on.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    rung: usize,
    /// Rungs above this one do not work with this camera.
    best: usize,
    /// Where it is about to go, since when.
    pending: Option<(usize, Instant)>,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing, until the number of viewers changes.
    Stay,
    /// Look again after this time, or when the number of viewers changes.
    Wait(Duration),
    /// It is on another rung.
    Changed,
}

impl Ladder {
    /// Size, rate and quality of this rung.
    pub(crate) fn frame(&self) -> Frame {
        RUNGS[self.rung].1
    }

    /// The camera does not start on this rung: from now on it stays below. False if there is nothing below.
    pub(crate) fn avoid(&mut self) -> bool {
        if self.rung + 1 == RUNGS.len() {
            return false;
        }
        self.rung += 1;
        self.best = self.rung;
        true
    }

    /// At its start a camera takes the rung that fits.
    pub(crate) fn begin(&mut self, viewers: usize) {
        self.rung = rung(viewers, 0).max(self.best);
        self.pending = None;
    }

    fn step(&mut self, viewers: usize, now: Instant) -> Step {
        let down = rung(viewers, 0);
        let up = rung(viewers, MARGIN).max(self.best);
        let (next, after) = if down > self.rung {
            (down, DOWN_AFTER)
        } else if up < self.rung {
            (up, UP_AFTER)
        } else {
            self.pending = None;
            return Step::Stay;
        };
        let since = match self.pending {
            Some((pending, since)) if pending == next => since,
            _ => now,
        };
        self.pending = Some((next, since));
        let waited = now - since;
        if waited < after {
            return Step::Wait(after - waited);
        }
        self.rung = next;
        self.pending = None;
        Step::Changed
    }

    /// Returns once the camera is to be on another rung.
    pub(crate) async fn changed(&mut self, demand: &mut DemandWatch) {
        loop {
            match self.step(demand.count(), Instant::now()) {
                Step::Changed => return,
                Step::Stay => demand.changed().await,
                Step::Wait(time) => tokio::select! {
                    () = demand.changed() => {}
                    () = sleep(time) => {}
                },
            }
        }
    }
}

/// The rung for so many viewers; with a margin, as if there were more.
fn rung(viewers: usize, margin: usize) -> usize {
    let fits = |(more_than, _): &(usize, Frame)| *more_than == 0 || viewers + margin > *more_than;
    RUNGS.iter().rposition(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Viewers at the seconds from the start, and the widths that the camera has then.
    fn check(course: &[(u64, usize, u16)]) {
        let begin = Instant::now();
        let mut ladder = Ladder::default();
        for (at_s, viewers, want) in course {
            let now = begin + Duration::from_secs(*at_s);
            ladder.step(*viewers, now);
            assert_eq!(
                ladder.frame().width_px,
                *want,
                "{viewers} at {at_s} s: {course:?}"
            );
        }
    }

    #[test]
    fn the_table_with_hysteresis() {
        check(&[(0, 1, 1280), (1, 5, 1280), (2, 6, 1280), (4, 6, 640)]);
        check(&[(0, 11, 1280), (2, 11, 320)]);
        // Who comes and goes at a border moves nobody.
        check(&[
            (0, 6, 1280),
            (2, 6, 640),
            (3, 5, 640),
            (60, 4, 640),
            (61, 6, 640),
            (62, 5, 640),
        ]);
        // Few for long enough.
        check(&[
            (0, 6, 1280),
            (2, 6, 640),
            (3, 3, 640),
            (32, 3, 640),
            (33, 3, 1280),
        ]);
        check(&[
            (0, 6, 1280),
            (2, 6, 640),
            (3, 3, 640),
            (20, 4, 640),
            (33, 3, 640),
            (63, 3, 1280),
        ]);
        // Both rungs at once.
        check(&[(0, 11, 1280), (2, 11, 320), (3, 1, 320), (33, 1, 1280)]);
    }

    #[test]
    fn a_rung_that_does_not_work_is_not_tried_again() {
        let begin = Instant::now();
        let mut ladder = Ladder::default();
        assert!(ladder.avoid());
        assert_eq!(ladder.frame().width_px, 640);
        ladder.step(1, begin);
        ladder.step(1, begin + Duration::from_secs(3600));
        assert_eq!(ladder.frame().width_px, 640);
        ladder.begin(1);
        assert_eq!(ladder.frame().width_px, 640);
        assert!(ladder.avoid());
        assert!(!ladder.avoid());
    }
}

//! When the authority is asked, and when it is left alone. Pure: what time it is comes with the question.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// After the first try that did not even get to the authority: the network of a board comes up after the board.
const UNREACHED: Duration = Duration::from_secs(5);
/// After the first try that the authority refused. It counts those, five in an hour at Let's Encrypt.
const REFUSED: Duration = Duration::from_secs(10 * 60);
/// Between two certificates, however short their lives are. Where they are long it is a day: somebody may lose one.
const ISSUED: Duration = Duration::from_secs(5);

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a certificate that is valid for so long.
    Issued { lifetime: Duration },
    /// No request got to the authority.
    Unreached,
    /// It said no, or something that makes no sense; and perhaps when to come back.
    Refused { come_back: Option<Duration> },
}

/// The newest try and what follows from those before it. Outlives the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tries {
    at_s: u64,
    pause_s: u64,
    refusals: u32,
    unreached: u32,
}

impl Tries {
    /// A try begins now. Whoever is cut off in the middle of it comes back as if it had been refused.
    #[must_use]
    pub(super) fn begin(self, now: SystemTime) -> Self {
        self.end(End::Refused { come_back: None }, now)
    }

    /// What is known after a try. `self` is from before it.
    #[must_use]
    pub(super) fn end(self, end: End, now: SystemTime) -> Self {
        let (refusals, unreached) = (self.refusals, self.unreached);
        let (refusals, unreached, pause) = match end {
            End::Issued { lifetime } => (0, 0, (lifetime / 3).clamp(ISSUED, DAY)),
            End::Unreached => {
                let pause = UNREACHED * 2_u32.pow(unreached.min(12));
                (refusals, unreached.saturating_add(1), pause.min(HOUR))
            }
            End::Refused { come_back } => {
                let pause = REFUSED * 3_u32.pow(refusals.min(6));
                let pause = pause.max(come_back.unwrap_or_default()).min(DAY);
                (refusals.saturating_add(1), 0, pause)
            }
        };
        Self {
            at_s: seconds(now),
            pause_s: pause.as_secs(),
            refusals,
            unreached,
        }
    }

    /// The clock of a board without a battery was wrong and was set back: nothing was tried later than now.
    pub(super) fn not_in_future(&mut self, now: SystemTime) {
        self.at_s = self.at_s.min(seconds(now));
    }

    /// How long the authority is left alone, whatever is wanted.
    pub(super) fn pause(&self, now: SystemTime) -> Duration {
        let end_s = self.at_s.saturating_add(self.pause_s);
        // What somebody wrote into the file is no reason to wait for ever.
        Duration::from_secs(end_s.saturating_sub(seconds(now))).min(DAY)
    }
}

/// How long until a certificate that is valid between these times is to be replaced: when a third of its time is left.
pub(super) fn until_renewal(not_before_s: i64, not_after_s: i64, now: SystemTime) -> Duration {
    let lifetime_s = not_after_s.saturating_sub(not_before_s).max(0);
    let renewal_s = not_after_s.saturating_sub(lifetime_s / 3);
    let now_s = i64::try_from(seconds(now)).unwrap_or(i64::MAX);
    let left_s = renewal_s.saturating_sub(now_s);
    Duration::from_secs(u64::try_from(left_s).unwrap_or(0))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// A time as people say it.
pub(super) fn in_words(time: Duration) -> String {
    let (count, unit) = if time < 2 * MINUTE {
        (time.as_secs(), "s")
    } else if time < 2 * HOUR {
        (time.as_secs() / 60, "min")
    } else {
        (time.as_secs() / 3600, "h")
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: End = End::Refused { come_back: None };
    const OFF: End = End::Unreached;

    fn at(s: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(s)
    }

    fn check(ends: &[End], want: &[&str]) {
        let mut tries = Tries::default();
        let mut now_s = 1_800_000_000;
        let pauses: Vec<String> = ends
            .iter()
            .map(|end| {
                let before = tries;
                // In the middle of it, it counts as refused.
                assert!(before.begin(at(now_s)).pause(at(now_s)) >= REFUSED);
                now_s += 7;
                tries = before.end(*end, at(now_s));
                let pause = tries.pause(at(now_s));
                assert_eq!(tries.pause(at(now_s) + pause), Duration::ZERO);
                assert_eq!(
                    tries.pause(at(now_s) + pause - Duration::from_secs(1)),
                    Duration::from_secs(1)
                );
                now_s += pause.as_secs();
                in_words(pause)
            })
            .collect();
        assert_eq!(pauses, want, "{ends:?}");
    }

    #[test]
    fn the_more_often_it_failed_the_longer_it_is_left_alone() {
        check(
            &[NO; 8],
            &[
                "10 min", "30 min", "90 min", "4 h", "13 h", "24 h", "24 h", "24 h",
            ],
        );
        check(
            &[OFF; 12],
            &[
                "5 s", "10 s", "20 s", "40 s", "80 s", "2 min", "5 min", "10 min", "21 min",
                "42 min", "60 min", "60 min",
            ],
        );
        // A network that was late is no refusal, and a refusal shows that there is a network.
        check(
            &[OFF, OFF, NO, OFF, NO],
            &["5 s", "10 s", "10 min", "5 s", "30 min"],
        );
        let ninety = End::Issued { lifetime: 90 * DAY };
        check(&[NO, ninety, NO], &["10 min", "24 h", "10 min"]);
        let none = End::Issued {
            lifetime: Duration::ZERO,
        };
        check(&[none], &["5 s"]);
        let later = |s| End::Refused {
            come_back: Some(Duration::from_secs(s)),
        };
        check(
            &[later(1), later(7200), later(u64::MAX)],
            &["10 min", "2 h", "24 h"],
        );
        let mut tries = Tries::default();
        for _ in 0..100 {
            tries = tries.end(NO, at(9)).end(OFF, at(9));
        }
        assert_eq!(tries.refusals, 100);
    }

    #[test]
    fn a_clock_that_was_wrong_does_not_stop_it_for_years() {
        let tried = Tries::default().end(NO, at(4_000_000_000));
        let now = at(1_800_000_000);
        let mut tries = tried;
        tries.not_in_future(now);
        assert_eq!(tries.pause(now), REFUSED);
        assert_eq!(tries.pause(now + REFUSED), Duration::ZERO);
        let written: Tries =
            serde_json::from_str(r#"{"at_s":18446744073709551615,"pause_s":9,"refusals":4294967295,"unreached":4294967295}"#)
                .unwrap();
        assert_eq!(written.pause(now), DAY);
        assert_eq!(written.end(NO, now).pause(now), DAY);
        assert_eq!(written.end(OFF, now).pause(now), HOUR);
    }

    #[test]
    fn it_is_renewed_when_a_third_is_left() {
        let check = |before, after, now, want| {
            assert_eq!(until_renewal(before, after, at(now)).as_secs(), want);
        };
        check(0, 90, 0, 60);
        check(0, 90, 59, 1);
        check(0, 90, 60, 0);
        check(0, 90, 1000, 0);
        check(100, 190, 0, 160);
        check(90, 0, 0, 0);
        check(i64::MIN, i64::MAX, 5, 6_148_914_691_236_517_200);
    }
}

//! What the simulated camera does wrong, when each fault is over, and what the server has to say about it.

use std::time::Duration;

use fastrand::Rng;

use super::Until;

/// When a fault is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// Nobody notices it.
    Unnoticed,
    /// After this time the same program goes on.
    InPlace(Duration),
    /// When so many programs are gone: the one that runs when it strikes, and those started next.
    Programs(usize),
    /// So long after the start of the next program.
    AfterStart(Duration),
    /// When somebody mends it, which the soak does: every start before that fails.
    Mended,
}

/// How long a fault that somebody has to mend is left alone. Meanwhile it must not be tried again.
pub(super) const UNMENDED: Duration = Duration::from_secs(4);

/// One way to fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    /// Its name in the report.
    pub(super) name: &'static str,
    /// For the running program.
    pub(super) now: &'static str,
    /// For the program that is started next.
    pub(super) next_start: &'static str,
    pub(super) end: End,
    /// What the incident has to say; none if there must be none.
    pub(super) cause: Option<&'static str>,
    /// Once in the life of a server: it learns from it.
    pub(super) once: bool,
}

const SPAN: Duration = Duration::from_secs(3);

const fn running(
    name: &'static str,
    now: &'static str,
    end: End,
    cause: Option<&'static str>,
) -> Fault {
    Fault {
        name,
        now,
        next_start: "",
        end,
        cause,
        once: false,
    }
}

/// The running program ends, and the next one is the faulty one.
const fn starting(
    name: &'static str,
    next_start: &'static str,
    end: End,
    cause: &'static str,
) -> Fault {
    Fault {
        name,
        now: "exit",
        next_start,
        end,
        cause: Some(cause),
        once: false,
    }
}

use End::{AfterStart, InPlace, Mended, Programs, Unnoticed};

/// Every fault of the simulated camera.
#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    running("exit", "exit", Programs(1), Some("ended")),
    running("exit with a code", "exit:3", Programs(1), Some("ended")),
    running("exit with an error", "exit:255:failed to queue request", Programs(1), Some("driver")),
    running("abort", "abort", Programs(1), Some("ended")),
    running("signal", "signal:11", Programs(1), Some("ended")),
    running("kill", "signal:9", Programs(1), Some("ended")),
    running("freeze", "freeze", Programs(1), Some("timed_out")),
    running("freeze for 3 s", "freeze:3s", InPlace(SPAN), Some("timed_out")),
    running("freeze for 0.5 s", "freeze:500ms", Unnoticed, None),
    running("time-out", "timeout", Programs(1), Some("timed_out")),
    running("time-out for 3 s", "timeout:3s", InPlace(SPAN), Some("timed_out")),
    running("end of output", "eof", Programs(1), Some("ended")),
    running("endless picture", "endless", Programs(1), Some("timed_out")),
    running("garbage", "garbage:500", Unnoticed, None),
    running("truncated picture", "truncate", Unnoticed, None),
    running("flood on stderr", "stderrflood:5000", Unnoticed, None),
    running("deaf to signals", "stuck", Unnoticed, None),
    running("deaf and frozen", "stuck; freeze", Programs(1), Some("timed_out")),
    starting("busy", "busy", Programs(2), "busy"),
    starting("no camera", "nocamera", Programs(2), "no_camera"),
    starting("no memory", "dmaheap", Programs(2), "no_memory"),
    starting("does not start", "startfailed", Programs(2), "driver"),
    starting("slow start", "slowstart:4s", AfterStart(Duration::from_secs(4)), "ended"),
    starting("deaf from the start", "stuck", Programs(1), "ended"),
    Fault { once: true, ..starting("unknown option", "unknown:--flush", Programs(2), "ended") },
    starting("no media device", "nomedia", Mended, "not_supported"),
    starting("no permission", "permission", Mended, "no_permission"),
    starting("legacy stack", "legacy", Mended, "legacy_stack"),
    starting("not a Pi", "notapi", Mended, "not_supported"),
    starting("cannot be run", "noexec", Mended, "program_unusable"),
];

/// The faults of one camera, in their order.
#[derive(Debug)]
pub(super) struct Deck {
    rng: Rng,
    cards: Vec<&'static Fault>,
    /// Shuffles again when all are dealt.
    endless: bool,
    decks: usize,
}

impl Deck {
    /// One for each camera.
    pub(super) fn deal(until: Until, cameras: usize, rng: &mut Rng) -> Vec<Self> {
        let mut decks: Vec<Self> = (0..cameras)
            .map(|_| Self {
                rng: rng.fork(),
                cards: Vec::new(),
                endless: matches!(until, Until::Time(_)),
                decks: 0,
            })
            .collect();
        let Until::Each(times) = until else {
            return decks;
        };
        let mut turn = 0;
        for fault in FAULTS {
            let times = if fault.once {
                times.min(cameras)
            } else {
                times
            };
            for _ in 0..times {
                decks[turn % cameras].cards.push(fault);
                turn += 1;
            }
        }
        for deck in &mut decks {
            deck.rng.shuffle(&mut deck.cards);
        }
        decks
    }

    fn refill(&mut self) {
        self.decks += 1;
        let first = self.decks == 1;
        self.cards
            .extend(FAULTS.iter().filter(|fault| first || !fault.once));
        self.rng.shuffle(&mut self.cards);
    }

    /// A time in between, so that cameras do not fail in step.
    pub(super) fn rest(&mut self) -> Duration {
        let most_ms = if self.endless { 8000 } else { 1000 };
        Duration::from_millis(self.rng.u64(0..most_ms))
    }
}

impl Iterator for Deck {
    type Item = &'static Fault;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cards.is_empty() && self.endless {
            self.refill();
        }
        self.cards.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_one_of_the_simulator() {
        for fault in FAULTS {
            for text in [fault.now, fault.next_start] {
                assert!(camera_sim::faults::parse_list(text).is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn each_strikes_as_often_as_wanted_and_the_seed_decides_when() {
        let deal = |seed| Deck::deal(Until::Each(20), 7, &mut Rng::with_seed(seed));
        let count = |fault: &Fault| {
            let cards = deal(1).into_iter().flatten();
            cards.filter(|card| card.name == fault.name).count()
        };
        for fault in FAULTS {
            let expected = if fault.once { 7 } else { 20 };
            assert_eq!(count(fault), expected, "{}", fault.name);
        }
        let names = |seed| {
            deal(seed)
                .into_iter()
                .flatten()
                .map(|f| f.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(1), names(1));
        assert_ne!(names(1), names(2));
    }
}

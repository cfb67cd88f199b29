//! A connection and a camera on paper: what the decisions about a line lead to, faster than real time.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes and times of a few minutes"
)]

use std::{collections::VecDeque, time::Duration};

use media::Rendition;

use crate::{
    choice::{Change, Choice, Now},
    line::{Gate, Line, Look},
};

const SEGMENT: f64 = 1448.0;
const TICK: Duration = Duration::from_millis(1);
const FPS: f64 = 20.0;
const FRAME_TIME: Duration = Duration::from_millis(50);

/// One direction of a TCP connection through a bottleneck with a deep queue: the worst kind, for it hides everything that is
/// sent too much.
struct Path {
    /// Bytes per second, from this time on.
    rates: Vec<(Duration, f64)>,
    round_trip: Duration,
    notsent: f64,
    window: f64,
    in_flight: f64,
    acked: f64,
    /// In front of the bottleneck: bytes, and when they were sent.
    queue: VecDeque<(f64, Duration)>,
    /// Bytes that may pass it.
    credit: f64,
    /// When bytes are acknowledged, and when they were sent.
    on_their_way: VecDeque<(Duration, f64, Duration)>,
    smoothed: Duration,
    /// Bytes that were acknowledged in the last round trip, for the kernel's rate.
    lately: VecDeque<(Duration, f64)>,
}

impl Path {
    fn new(rates: &[(u64, f64)], round_trip_ms: u64) -> Self {
        Self {
            rates: rates
                .iter()
                .map(|(s, bps)| (Duration::from_secs(*s), bps / 8.0))
                .collect(),
            round_trip: Duration::from_millis(round_trip_ms.max(1)),
            notsent: 0.0,
            window: 10.0 * SEGMENT,
            in_flight: 0.0,
            acked: 0.0,
            queue: VecDeque::new(),
            credit: 0.0,
            on_their_way: VecDeque::new(),
            smoothed: Duration::from_millis(round_trip_ms.max(1)),
            lately: VecDeque::new(),
        }
    }

    fn rate(&self, at: Duration) -> f64 {
        let now = self.rates.iter().rev().find(|(from, _)| *from <= at);
        now.unwrap().1
    }

    fn tick(&mut self, at: Duration) {
        self.credit += self.rate(at) * TICK.as_secs_f64();
        while let Some(&(bytes, sent)) = self.queue.front()
            && bytes <= self.credit
        {
            self.queue.pop_front();
            self.credit -= bytes;
            self.on_their_way
                .push_back((at + self.round_trip, bytes, sent));
        }
        if self.queue.is_empty() {
            self.credit = 0.0;
        }
        while let Some(&(when, bytes, sent)) = self.on_their_way.front()
            && when <= at
        {
            self.on_their_way.pop_front();
            self.in_flight -= bytes;
            self.acked += bytes;
            let sample = at - sent;
            self.smoothed = self.smoothed * 7 / 8 + sample / 8;
            // Grows as long as half of it is used; a queue that large has long been noticed.
            if self.in_flight * 2.0 > self.window && self.smoothed < self.round_trip * 4 {
                self.window += bytes;
            }
            self.lately.push_back((at, bytes));
        }
        while self
            .lately
            .front()
            .is_some_and(|(when, _)| *when + self.span() < at)
        {
            self.lately.pop_front();
        }
        while self.notsent > 0.0 && self.in_flight < self.window {
            let bytes = self.notsent.min(SEGMENT);
            self.notsent -= bytes;
            self.in_flight += bytes;
            self.queue.push_back((bytes, at));
        }
    }

    /// Over which the kernel measures; short ones would measure single segments.
    fn span(&self) -> Duration {
        self.smoothed.max(Duration::from_millis(50))
    }

    fn look(&self, at: Duration) -> Look {
        let lately: f64 = self.lately.iter().map(|(_, bytes)| bytes).sum();
        Look {
            at,
            acked_bytes: self.acked as u64,
            unacked_bytes: self.in_flight as u64,
            notsent_bytes: self.notsent as u64,
            rtt: self.smoothed,
            min_rtt: self.round_trip,
            delivery_rate: (lately / self.span().as_secs_f64()) as u64,
        }
    }
}

/// What a viewer saw.
struct Seen {
    /// Arrival, age then, rendition.
    frames: Vec<(Duration, Duration, Rendition)>,
    switches: Vec<Duration>,
}

/// Lengths of the camera's pictures in the forms of the ladder: those of a simulated camera with noise.
fn length(rendition: Rendition) -> f64 {
    match rendition.to_string().as_str() {
        "original" => 40_000.0,
        "half-70" => 9_000.0,
        "half-50" => 6_500.0,
        "quarter-50" => 2_300.0,
        "quarter-30" => 1_800.0,
        other => panic!("{other} is not on the ladder"),
    }
}

/// Watches for so many seconds over a line with these rates.
fn watch(rates: &[(u64, f64)], round_trip_ms: u64, seconds: u64) -> Seen {
    let mut path = Path::new(rates, round_trip_ms);
    let (mut line, mut choice) = (Line::default(), Choice::new(Rendition::Original, true));
    let mut seen = Seen {
        frames: Vec::new(),
        switches: Vec::new(),
    };
    let (mut next_look, mut taken, mut skipped) = (Duration::ZERO, None, 0);
    // What was started: bytes acknowledged when it has arrived, when it was captured, its form.
    let mut started: VecDeque<(f64, Duration, Rendition)> = VecDeque::new();
    let mut sum = 0.0;
    let mut at = Duration::ZERO;
    while at < Duration::from_secs(seconds) {
        at += TICK;
        path.tick(at);
        while let Some(&(end, captured, rendition)) = started.front()
            && end <= path.acked + 0.5
        {
            started.pop_front();
            // Acknowledged half a round trip after it arrived.
            let arrival = at.saturating_sub(path.round_trip / 2);
            seen.frames
                .push((arrival, arrival.saturating_sub(captured), rendition));
        }
        let newest = (at.as_micros() / FRAME_TIME.as_micros()) as u64;
        let has_new = taken.is_none_or(|taken| newest > taken);
        let is_full = path.notsent >= 16_384.0;
        if is_full && line.is_watched() {
            continue;
        }
        if is_full {
            line.blocked();
            continue;
        }
        if line.is_watched() {
            if at < next_look {
                continue;
            }
            let gate = line.look(&path.look(at), FRAME_TIME);
            let now = Now {
                at,
                rate: line.rate(),
                min_rtt: line.min_rtt(),
                is_held: gate != Gate::Open,
                skipped,
                fps: FPS,
                original_bytes: 40_000,
            };
            if let Some(change) = choice.decide(&now) {
                if change == Change::Up {
                    line.is_tried(at);
                }
                seen.switches.push(at);
            }
            if let Gate::Wait(time) = gate {
                next_look = at + time;
                continue;
            }
        }
        if !has_new {
            continue;
        }
        skipped += taken.map_or(0, |taken| newest - taken - 1);
        taken = Some(newest);
        let bytes = length(choice.rendition());
        sum += bytes;
        path.notsent += bytes;
        started.push_back((
            sum,
            FRAME_TIME * u32::try_from(newest).unwrap(),
            choice.rendition(),
        ));
        if line.is_watched() {
            choice.learn(bytes as usize);
            line.started(choice.is_best());
        } else if newest.is_multiple_of(8) {
            line.look(&path.look(at), FRAME_TIME);
        }
    }
    seen
}

impl Seen {
    fn rate(&self, from_s: u64, to_s: u64) -> f64 {
        let (from, to) = (Duration::from_secs(from_s), Duration::from_secs(to_s));
        let count = self.frames.iter().filter(|f| from <= f.0 && f.0 < to);
        count.count() as f64 / (to - from).as_secs_f64()
    }

    /// The greatest age after so many seconds, without the time that the line itself takes for the frame.
    fn late(&self, from_s: u64, bps: f64, round_trip_ms: u64) -> Duration {
        let from = Duration::from_secs(from_s);
        let own = |rendition| {
            Duration::from_secs_f64(length(rendition) * 8.0 / bps)
                + Duration::from_millis(round_trip_ms / 2)
        };
        self.frames
            .iter()
            .filter(|f| f.0 >= from)
            .map(|(_, age, rendition)| age.saturating_sub(own(*rendition)))
            .max()
            .unwrap()
    }

    fn last(&self) -> String {
        self.frames.last().unwrap().2.to_string()
    }
}

#[test]
fn every_line_gets_what_it_carries_and_nothing_is_late() {
    // Bits per second, round trip, the form it settles for, and how many of them at least.
    for (bps, round_trip_ms, form, fps) in [
        (200e3, 1, "quarter-50", 8.0),
        (200e3, 100, "quarter-50", 7.0),
        (1e6, 1, "half-70", 11.0),
        (1e6, 100, "half-70", 10.0),
        (5e6, 1, "original", 13.0),
        (5e6, 100, "original", 12.0),
        (20e6, 100, "original", 19.0),
        (50e6, 200, "original", 19.0),
        (1e9, 1, "original", 19.9),
    ] {
        let what = format!("{bps} bit/s, {round_trip_ms} ms");
        let seen = watch(&[(0, bps)], round_trip_ms, 120);
        assert_eq!(seen.last(), form, "{what}");
        let rate = seen.rate(60, 119);
        assert!(rate >= fps, "{what}: {rate} frames per second");
        let late = seen.late(3, bps, round_trip_ms);
        assert!(late <= 2 * FRAME_TIME, "{what}: {late:?} late");
        assert!(seen.switches.len() <= 4, "{what}: {:?}", seen.switches);
        assert!(seen.rate(3, 119) >= 1.0);
    }
}

#[test]
fn a_long_fat_line_is_filled_from_the_start() {
    let seen = watch(&[(0, 50e6)], 200, 20);
    assert!(seen.switches.is_empty(), "it is long and not narrow");
    assert!(seen.rate(2, 19) >= 19.0, "{}", seen.rate(2, 19));
}

#[test]
fn a_line_that_collapses_and_recovers() {
    let seen = watch(&[(0, 20e6), (20, 200e3), (80, 20e6)], 50, 180);
    assert!(seen.rate(5, 19) >= 19.5);
    // Soon after the fall, small ones come, and steadily.
    assert!(seen.rate(26, 79) >= 5.0, "{}", seen.rate(26, 79));
    for second in 26..79 {
        assert!(seen.rate(second, second + 1) >= 1.0, "{second}");
    }
    assert_eq!(seen.last(), "original");
    assert!(seen.rate(140, 179) >= 19.0, "{}", seen.rate(140, 179));
}

#[test]
fn a_line_that_stands_still_for_a_while_goes_on_with_the_present() {
    for round_trip_ms in [1, 100] {
        let seen = watch(&[(0, 20e6), (10, 8.0), (13, 20e6)], round_trip_ms, 60);
        let stall = |at: &&Duration| (10..14).contains(&at.as_secs());
        let old = seen
            .frames
            .iter()
            .filter(|f| f.1 > Duration::from_secs(1) && stall(&&f.0));
        // On a line that was calm, eight frames at most are started before one looks; the stall is sixty.
        let old = old.count();
        assert!(old <= 10, "{round_trip_ms} ms: {old} old ones");
        // Moments later nothing is late, and before long all is as it was.
        let late = seen.late(15, 20e6, round_trip_ms);
        assert!(late <= 2 * FRAME_TIME, "{round_trip_ms} ms: {late:?}");
        assert_eq!(seen.last(), "original");
        assert!(seen.rate(50, 59) >= 19.0, "{}", seen.rate(50, 59));
    }
}

#[test]
fn between_two_forms_nothing_swings() {
    // One that carries all of the smaller pictures and not enough of the larger ones has to be tried, but rarely.
    for bps in [300e3, 500e3, 1.4e6, 1.5e6, 1.6e6, 2e6, 2.4e6] {
        let seen = watch(&[(0, bps)], 40, 600);
        assert!(seen.switches.len() <= 30, "{bps}: {}", seen.switches.len());
        let later = seen
            .switches
            .iter()
            .filter(|at| **at > Duration::from_secs(300));
        assert!(later.count() <= 12, "{bps}: {:?}", seen.switches);
        let late = seen.late(3, bps, 40);
        assert!(late <= 2 * FRAME_TIME, "{bps}: {late:?}");
    }
}

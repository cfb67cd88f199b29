//! What all viewers of one camera got together, those too that are gone.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// One frame of so many is timed for each viewer: a look at the clock costs more than all the other counting of a frame.
pub(crate) const TIMED: u64 = 8;

/// From a frame's arrival at the server to its last byte in the kernel's hands. A frame of 20 per second lasts 50 ms.
const LATENCY_US: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000,
];
/// From a look at the page to a wall that is never switched off.
const DURATION_US: &[u64] = &[
    1_000_000,
    5_000_000,
    15_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
    86_400_000_000,
];

/// Times, by how long they were. To note one is two relaxed additions: the crate's own takes a lock for its sum, which does
/// not belong between a frame and a socket.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds_us: &'static [u64],
    /// One more than there are bounds.
    counts: Box<[AtomicU64]>,
    sum_us: AtomicU64,
}

/// A histogram as it was at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Times {
    pub(crate) sum_s: f64,
    pub(crate) count: u64,
    /// Upper bounds in seconds, and how many were between the one before and this.
    pub(crate) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    fn new(bounds_us: &'static [u64]) -> Self {
        Self {
            bounds_us,
            counts: (0..=bounds_us.len()).map(|_| AtomicU64::new(0)).collect(),
            sum_us: AtomicU64::new(0),
        }
    }

    pub(crate) fn note(&self, time: Duration) {
        let time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.bounds_us.partition_point(|bound| *bound < time_us);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(time_us, Relaxed);
    }

    pub(crate) fn read(&self) -> Times {
        let bounds = self.bounds_us.iter().map(|bound| seconds(*bound));
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        let buckets: Vec<_> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        Times {
            sum_s: seconds(self.sum_us.load(Relaxed)),
            count: buckets.iter().map(|(_, count)| count).sum(),
            buckets,
        }
    }
}

pub(super) fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

/// What the viewers of a camera got. Of those who watch now, frames and bytes are counted where they are sent, and come in
/// here when they leave.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) opened: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) cut_off: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) latency: Histogram,
    pub(crate) durations: Histogram,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            latency: Histogram::new(LATENCY_US),
            durations: Histogram::new(DURATION_US),
        }
    }
}

/// A tally as it was at one time, with what goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// Viewers now.
    pub(crate) now: u64,
    /// Streams that were opened.
    pub(crate) opened: u64,
    /// Streams that found no place.
    pub(crate) refused: u64,
    /// Streams that were ended because their viewers took nothing.
    pub(crate) cut_off: u64,
    pub(crate) frames: u64,
    pub(crate) skipped: u64,
    pub(crate) bytes: u64,
    pub(crate) latency: Times,
    /// Of streams that are over.
    pub(crate) durations: Times,
}

impl Tally {
    pub(crate) fn read(&self) -> Watched {
        Watched {
            now: 0,
            opened: self.opened.load(Relaxed),
            refused: self.refused.load(Relaxed),
            cut_off: self.cut_off.load(Relaxed),
            frames: self.frames.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            latency: self.latency.read(),
            durations: self.durations.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&[1_000, 5_000]);
        for time_us in [0, 1_000, 1_001, 5_000, 5_001, 60_000_000] {
            histogram.note(Duration::from_micros(time_us));
        }
        let times = histogram.read();
        assert_eq!(times.buckets, [(0.001, 2), (0.005, 2), (f64::INFINITY, 2)]);
        assert_eq!(times.count, 6);
        assert!((times.sum_s - 60.012_002).abs() < 1e-9, "{}", times.sum_s);
    }
}

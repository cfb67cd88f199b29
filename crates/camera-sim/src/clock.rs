//! CLOCK_MONOTONIC in nanoseconds, and waiting for it.

use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

const SECOND_NS: u64 = 1_000_000_000;

/// Now.
#[must_use]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * SECOND_NS + now.tv_nsec.unsigned_abs()
}

/// Waits until that moment, through any signals; returns at once if it is past.
pub fn sleep_until_ns(ns: u64) {
    let until = Timespec {
        tv_sec: (ns / SECOND_NS).cast_signed(),
        tv_nsec: (ns % SECOND_NS).cast_signed(),
    };
    while clock_nanosleep_absolute(ClockId::Monotonic, &until) == Err(Errno::INTR) {}
}

/// Waits this long.
pub fn sleep(span: Duration) {
    sleep_until_ns(now_ns() + span_ns(span));
}

/// A span in nanoseconds; 584 years at most.
#[must_use]
pub fn span_ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

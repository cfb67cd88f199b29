//! The two clocks everything here is measured with, as plain nanoseconds.

use std::time::Duration;

use rustix::thread::{NanosleepRelativeResult, clock_nanosleep_relative};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds since boot: the clock the camera stand-in stamps its frames with.
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Nanoseconds since 1970, for the `X-Timestamp` of a part.
#[must_use]
pub fn realtime_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

/// CPU time this process has used, user and system, all threads.
#[must_use]
pub fn own_cpu_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::ProcessCPUTime))
}

/// Sleeps on the monotonic clock. A bench waits for time to pass; nothing else can wake it.
pub fn pause(length: Duration) {
    let mut rest = timespec(length);
    while let NanosleepRelativeResult::Interrupted(left) =
        clock_nanosleep_relative(ClockId::Monotonic, &rest)
    {
        rest = left;
    }
}

/// The same length as the kernel wants it.
#[must_use]
pub fn timespec(length: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(length.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: length.subsec_nanos().into(),
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + rest
}

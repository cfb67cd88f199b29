//! How long to wait before a camera is tried again.

use std::time::Duration;

use camera::Retry;

const STEPS_S: [u64; 5] = [1, 2, 5, 10, 30];
/// Counts failures in a row.
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: usize,
    /// After so much time of good pictures, a failure is a new one.
    recovered_after: Duration,
}

impl Backoff {
    pub(crate) fn new(recovered_after: Duration) -> Self {
        Self {
            failures: 0,
            recovered_after,
        }
    }

    /// The wait after a failure that came when there had been pictures for the time `good`.
    pub(crate) fn after(&mut self, retry: Retry, good: Duration) -> Duration {
        if good >= self.recovered_after {
            self.failures = 0;
        }
        let step = match retry {
            Retry::Soon => STEPS_S[self.failures.min(STEPS_S.len() - 1)],
            // It cannot heal by itself; somebody may have put it right meanwhile.
            Retry::Later => STEPS_S[STEPS_S.len() - 1],
        };
        self.failures += 1;
        Duration::from_secs(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_start_anew_after_a_good_minute() {
        let mut backoff = Backoff::new(Duration::from_secs(60));
        let mut check = |retry, good_s, wait_s| {
            assert_eq!(
                backoff.after(retry, Duration::from_secs(good_s)).as_secs(),
                wait_s
            );
        };
        for wait in [1, 2, 5, 10, 30, 30] {
            check(Retry::Soon, 59, wait);
        }
        check(Retry::Soon, 60, 1);
        check(Retry::Later, 60, 30);
    }
}

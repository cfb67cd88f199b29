//! How long to wait before a camera is tried again.

use std::time::Duration;

use camera::Retry;

const STEPS_S: [u64; 5] = [1, 2, 5, 10, 30];
/// Counts failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: usize,
}

impl Backoff {
    /// The wait after a failure that came when there had been pictures for the time `good`. After `recovered_after` of
    /// them, it is a new one.
    pub(crate) fn after(
        &mut self,
        retry: Retry,
        good: Duration,
        recovered_after: Duration,
    ) -> Duration {
        if good >= recovered_after {
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
        let mut backoff = Backoff::default();
        let minute = Duration::from_secs(60);
        let mut check = |retry, good_s, wait_s| {
            let wait = backoff.after(retry, Duration::from_secs(good_s), minute);
            assert_eq!(wait.as_secs(), wait_s);
        };
        for wait in [1, 2, 5, 10, 30, 30] {
            check(Retry::Soon, 59, wait);
        }
        check(Retry::Soon, 60, 1);
        check(Retry::Later, 60, 30);
    }
}

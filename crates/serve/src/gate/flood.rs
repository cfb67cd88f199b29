//! Log lines that somebody outside can cause: one in ten seconds of each kind, with how many there were.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_secs(10);

/// Lines of one kind.
#[derive(Debug, Default)]
pub(super) struct Flood(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    unsaid: u64,
    total: u64,
}

impl Flood {
    /// Counts one; how many there were since the last line, if it is time for one.
    pub(super) fn note(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.note(Instant::now())
    }

    /// How many there were since the server started.
    pub(super) fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total
    }
}

impl State {
    fn note(&mut self, now: Instant) -> Option<u64> {
        self.unsaid += 1;
        self.total += 1;
        let is_time = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) >= PAUSE);
        if !is_time {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_tells_of_many() {
        let begin = Instant::now();
        let mut state = State::default();
        assert_eq!(state.note(begin), Some(1));
        for _ in 0..100 {
            assert_eq!(state.note(begin + PAUSE / 2), None);
        }
        assert_eq!(state.note(begin + PAUSE), Some(101));
        assert_eq!(state.note(begin + PAUSE), None);
        assert_eq!(state.total, 103);
    }
}

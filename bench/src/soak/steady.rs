//! Viewers that stay for the whole run, and what the first one of each camera sees.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Shared;
use super::client::Parts;
use crate::clock::monotonic_ns;

/// Pictures kept of each camera: minutes, at the rates used here.
const KEPT: usize = 2000;

/// One picture of the camera, as it came. Times are CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    /// The camera program began to write it.
    pub(super) written_ns: u64,
    /// The viewer had its last byte.
    pub(super) arrived_ns: u64,
}

/// The newest pictures of one camera.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<VecDeque<Picture>>);

impl Seen {
    fn push(&self, picture: Picture) {
        let mut pictures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pictures.len() == KEPT {
            pictures.pop_front();
        }
        pictures.push_back(picture);
    }

    /// The first picture that the camera wrote after this time.
    pub(super) fn first_after(&self, time_ns: u64) -> Option<Picture> {
        let pictures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pictures
            .iter()
            .find(|picture| time_ns < picture.written_ns)
            .copied()
    }

    /// So many pictures were written after this time.
    pub(super) fn count_after(&self, time_ns: u64) -> usize {
        let pictures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pictures
            .iter()
            .rev()
            .take_while(|picture| time_ns < picture.written_ns)
            .count()
    }

    /// The pictures before and after the first gap of this length that ended after `time_ns`.
    pub(super) fn gap_after(&self, time_ns: u64, length: Duration) -> Option<(Picture, Picture)> {
        let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        let pictures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pictures
            .iter()
            .zip(pictures.iter().skip(1))
            .find(|(before, after)| {
                time_ns < after.written_ns && length_ns <= after.written_ns - before.written_ns
            })
            .map(|(before, after)| (*before, *after))
    }
}

/// All viewers that never leave.
#[derive(Debug, Default)]
pub(super) struct Steady {
    dismissed: AtomicBool,
    reconnects: AtomicU64,
    pictures: AtomicU64,
}

impl Steady {
    /// Watches until the viewers are dismissed. A stream that ends before is complained of and opened again.
    pub(super) fn watch(&self, shared: &Shared, camera: &str, witness: Option<&Seen>) {
        let path = format!("/api/v1/cameras/{camera}/stream");
        let mut first = true;
        while !self.dismissed.load(Relaxed) {
            if !std::mem::take(&mut first) {
                self.reconnects.fetch_add(1, Relaxed);
                crate::clock::pause(Duration::from_millis(100));
            }
            let why = match Parts::open(shared.address, &path) {
                Ok(mut parts) => self.read(&mut parts, witness),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = why {
                shared.complain(format!("{camera}: a steady viewer lost its stream: {why}"));
            }
        }
    }

    fn read(&self, parts: &mut Parts, witness: Option<&Seen>) -> Option<String> {
        loop {
            let next = parts.next();
            if self.dismissed.load(Relaxed) {
                let _ = parts.socket().shutdown(Shutdown::Both);
                return None;
            }
            let stamp = match next {
                Ok(stamp) => stamp,
                Err(error) => return Some(error.to_string()),
            };
            if let Some(stamp) = stamp {
                self.pictures.fetch_add(1, Relaxed);
                if let Some(seen) = witness {
                    seen.push(Picture {
                        written_ns: stamp.written_ns,
                        arrived_ns: monotonic_ns(),
                    });
                }
            }
        }
    }

    /// Lets them go after their next picture.
    pub(super) fn dismiss(&self) {
        self.dismissed.store(true, Relaxed);
    }

    /// How often one of them had to connect anew.
    pub(super) fn reconnects(&self) -> u64 {
        self.reconnects.load(Relaxed)
    }

    /// Pictures that all of them got.
    pub(super) fn pictures(&self) -> u64 {
        self.pictures.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_first_pictures() {
        let seen = Seen::default();
        for second in [1, 2, 3, 7, 8, 20] {
            let at = second * 1_000_000_000;
            seen.push(Picture {
                written_ns: at,
                arrived_ns: at + 5,
            });
        }
        let gap = |after_s: u64, length_s| {
            let gap = seen.gap_after(after_s * 1_000_000_000, Duration::from_secs(length_s));
            let seconds = |picture: Picture| picture.written_ns / 1_000_000_000;
            gap.map(|(before, after)| (seconds(before), seconds(after)))
        };
        assert_eq!(gap(0, 3), Some((3, 7)));
        assert_eq!(gap(7, 3), Some((8, 20)));
        assert_eq!(gap(0, 13), None);
        assert_eq!(
            seen.first_after(3_000_000_000).unwrap().written_ns,
            7_000_000_000
        );
        assert!(seen.first_after(20_000_000_000).is_none());
        assert_eq!(seen.count_after(3_000_000_000), 3);
    }
}

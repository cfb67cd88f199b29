//! Notices that somebody may have put a camera right while it waits for its next try.

use std::{sync::Arc, time::Duration};

use camera::{Settings, Surroundings, View};
use tokio::{task::spawn_blocking, time::sleep};

/// How often one looks.
const PACE: Duration = Duration::from_secs(1);
/// A device that comes and goes because it is tried is looked at less and less often.
const SLOWEST: u32 = 16;

/// Looks around one camera.
#[derive(Debug)]
pub(crate) struct Healing {
    surroundings: Arc<Surroundings>,
    /// Tries in a row that a change brought about and that failed all the same.
    vain: u32,
}

impl Healing {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            surroundings: Arc::new(Surroundings::of(settings)),
            vain: 0,
        }
    }

    /// Returns once it looks different around the camera than when it was called, and twice in a row the same: a file
    /// that is still being copied, or a node that has not got its group yet, is not ready.
    pub(crate) async fn changed(&self) {
        if self.surroundings.is_empty() {
            return std::future::pending().await;
        }
        let pace = PACE * 2_u32.pow(self.vain).min(SLOWEST);
        let before = self.look().await;
        let mut last = before.clone();
        loop {
            sleep(pace).await;
            let now = self.look().await;
            if now != before && now == last {
                return;
            }
            last = now;
        }
    }

    /// The next try comes now, because of a change or at its own time. A camera that gave pictures starts anew.
    pub(crate) fn tried(&mut self, because_of_a_change: bool) {
        self.vain = if because_of_a_change {
            (self.vain + 1).min(SLOWEST.ilog2())
        } else {
            0
        };
    }

    async fn look(&self) -> Option<View> {
        let surroundings = self.surroundings.clone();
        spawn_blocking(move || surroundings.look()).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camera::SourceSpec;
    use std::fs;
    use tokio::time::{Instant, timeout};

    #[tokio::test(start_paused = true)]
    async fn a_change_that_stays_is_told_and_a_vain_one_more_slowly() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mjpeg");
        let settings = Settings {
            name: "Door".into(),
            spec: SourceSpec::File { path: path.clone() },
            program: None,
            width_px: 640,
            height_px: 480,
            framerate: 20.0,
            quality: 85,
            max_frame_bytes: 8 << 20,
            controls: control::ControlSet::default(),
        };
        let mut healing = Healing::new(&settings);
        let ten_minutes = Duration::from_secs(600);
        assert!(
            timeout(ten_minutes, healing.changed()).await.is_err(),
            "nothing has changed"
        );

        let appears = async {
            // While it grows, it is not ready.
            for size in 1..=5 {
                sleep(PACE).await;
                fs::write(&path, "a".repeat(size)).unwrap();
            }
        };
        let begin = Instant::now();
        tokio::join!(healing.changed(), appears);
        let took = begin.elapsed();
        assert!((PACE * 5..=PACE * 8).contains(&took), "{took:?}");

        let mut took = Vec::new();
        for _ in 0..6 {
            healing.tried(true);
            let begin = Instant::now();
            let changes = async {
                sleep(PACE / 2).await;
                let size = fs::metadata(&path).unwrap().len();
                fs::write(&path, "a".repeat(usize::try_from(size).unwrap() + 1)).unwrap();
            };
            tokio::join!(healing.changed(), changes);
            took.push(begin.elapsed().as_secs());
        }
        assert_eq!(took, [4, 8, 16, 32, 32, 32]);
    }
}

//! Who needs a camera to run.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

/// A guard: while one exists, the camera is wanted.
#[derive(Debug)]
pub struct Demand {
    count: Arc<watch::Sender<usize>>,
}

impl Demand {
    pub(crate) fn new(count: Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|n| *n += 1);
        Self { count }
    }
}

impl Drop for Demand {
    fn drop(&mut self) {
        self.count.send_modify(|n| *n -= 1);
    }
}

/// The camera's side of the guards.
#[derive(Clone, Debug)]
pub struct DemandWatch {
    count: watch::Receiver<usize>,
    // Keeps the channel open, so that waiting never fails.
    _sender: Arc<watch::Sender<usize>>,
}

impl DemandWatch {
    pub(crate) fn new(sender: Arc<watch::Sender<usize>>) -> Self {
        Self {
            count: sender.subscribe(),
            _sender: sender,
        }
    }

    /// How many guards there are.
    #[must_use]
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Returns once somebody wants the camera.
    pub async fn wanted(&mut self) {
        let _ = self.count.wait_for(|n| *n > 0).await;
    }

    /// Returns once the number of guards has changed since it was last looked at so.
    pub async fn changed(&mut self) {
        let _ = self.count.changed().await;
    }

    /// Returns once nobody has wanted the camera for `linger`.
    pub async fn unwanted_for(&mut self, linger: Duration) {
        loop {
            let _ = self.count.wait_for(|n| *n == 0).await;
            // Any change counts, also of a guard that came and went before we looked.
            if tokio::time::timeout(linger, self.count.changed())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, timeout};

    const LINGER: Duration = Duration::from_secs(10);

    fn pair() -> (Arc<watch::Sender<usize>>, DemandWatch) {
        let sender = Arc::new(watch::Sender::new(0));
        let watch = DemandWatch::new(sender.clone());
        (sender, watch)
    }

    #[tokio::test(start_paused = true)]
    async fn the_linger_starts_with_the_last_guard_and_starts_anew() {
        let (sender, mut watch) = pair();
        let first = Demand::new(sender.clone());
        let second = Demand::new(sender.clone());
        watch.wanted().await;
        drop(first);
        assert!(
            timeout(LINGER * 2, watch.unwanted_for(LINGER))
                .await
                .is_err(),
            "one guard is left"
        );
        drop(second);
        let begin = Instant::now();
        let again = async {
            tokio::time::sleep(LINGER / 2).await;
            drop(Demand::new(sender.clone()));
        };
        tokio::join!(watch.unwanted_for(LINGER), again);
        assert_eq!(begin.elapsed(), LINGER + LINGER / 2);
        assert_eq!(watch.count(), 0);
    }
}

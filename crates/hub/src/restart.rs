//! Asking a camera to start again.

use std::sync::Arc;

use tokio::sync::watch;

/// The camera's side of [`Stream::ask_restart`](crate::Stream::ask_restart).
#[derive(Clone, Debug)]
pub struct RestartWatch {
    asked: watch::Receiver<u64>,
    // Keeps the channel open, so that waiting never fails.
    _sender: Arc<watch::Sender<u64>>,
}

impl RestartWatch {
    pub(crate) fn new(sender: Arc<watch::Sender<u64>>) -> Self {
        Self {
            asked: sender.subscribe(),
            _sender: sender,
        }
    }

    /// The camera starts: what was asked before is done.
    pub fn done(&mut self) {
        self.asked.mark_unchanged();
    }

    /// Returns once somebody has asked since the camera was started. Not lost if it is asked while nobody waits.
    pub async fn asked(&mut self) {
        let _ = self.asked.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Duration, timeout};

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_before_the_start_does_not_restart_it() {
        let sender = Arc::new(watch::Sender::new(0));
        let mut watch = RestartWatch::new(sender.clone());
        let long = Duration::from_secs(60);
        sender.send_modify(|n| *n += 1);
        watch.done();
        assert!(timeout(long, watch.asked()).await.is_err());
        // Asked twice while nobody waits: one restart.
        sender.send_modify(|n| *n += 1);
        sender.send_modify(|n| *n += 1);
        watch.asked().await;
        assert!(timeout(long, watch.asked()).await.is_err());
    }
}

//! Writes what changed, soon and not too often, and tries again where that does not go.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Error, Index, in_words, incidents};

/// Changes of this time are written together.
const TOGETHER: Duration = Duration::from_millis(200);
/// Wait after what could not be written; it doubles with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A disk that stays full is spoken of so often.
const SAY_AGAIN: Duration = Duration::from_secs(3600);
/// What is too old is looked for so often.
const FORGET_EVERY: Duration = Duration::from_secs(24 * 3600);
/// And after so many that were written.
const FORGET_AFTER: usize = 500;

/// How writing goes.
#[derive(Debug, Default)]
struct Trouble {
    wait: Option<Duration>,
    said: Option<Instant>,
}

impl Index {
    /// Writes what changes until `stop`. What is left then is for [`Index::finish`].
    pub async fn run(self, stop: CancellationToken) {
        let mut changes = self.0.ledger.watch_unwritten();
        // What was restored is to be written too.
        changes.mark_changed();
        let mut retention = self.0.retention.subscribe();
        let mut trouble = Trouble::default();
        let mut forget_at = Instant::now();
        let mut written = 0;
        loop {
            let due = tokio::select! {
                () = stop.cancelled() => return,
                Ok(()) = changes.changed() => Instant::now() + trouble.wait.unwrap_or(TOGETHER),
                // Something is left from the last time.
                () = async {}, if trouble.wait.is_some() => Instant::now() + trouble.wait.unwrap_or(TOGETHER),
                Ok(()) = retention.changed() => {
                    forget_at = Instant::now();
                    continue;
                }
                () = sleep_until(forget_at) => {
                    self.forget().await;
                    forget_at = Instant::now() + FORGET_EVERY;
                    written = 0;
                    continue;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep_until(due) => {}
            }
            changes.mark_unchanged();
            match self.write().await {
                Ok(count) => {
                    written += count;
                    if trouble.wait.is_some() {
                        info!("incidents are kept again");
                    }
                    trouble = Trouble::default();
                }
                Err(error) => trouble.met(&error, &self),
            }
            if written >= FORGET_AFTER {
                forget_at = Instant::now();
            }
        }
    }

    /// Writes what is left, and closes the file.
    pub async fn finish(&self) {
        if let Err(error) = self.write().await {
            let error = in_words(&error);
            warn!(error, "the newest incidents could not be kept");
        }
        self.close().await;
    }

    async fn write(&self) -> Result<usize, Error> {
        let ledger = &self.0.ledger;
        let list = ledger.unwritten();
        if list.is_empty() {
            return Ok(0);
        }
        let rows = list.iter().map(|unwritten| &unwritten.incident);
        let done = self
            .with(async |pool| incidents::write(&pool, rows).await)
            .await;
        match &done {
            Ok(()) => ledger.written(&list),
            // A connection that has met a full disk is not relied upon.
            Err(_) => self.close().await,
        }
        self.0.is_refused.store(done.is_err(), Relaxed);
        done.map(|()| list.len())
    }

    /// Removes what is older or more than is to be kept.
    pub async fn forget(&self) {
        if !self.0.config.path.exists() {
            return;
        }
        let retention = *self.0.retention.borrow();
        let age = Duration::from_secs(u64::from(retention.incident_days) * 24 * 3600);
        let before = SystemTime::now()
            .checked_sub(age)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let work = async |pool| incidents::forget(&pool, before, retention.most_incidents).await;
        match self.with(work).await {
            Ok(0) => {}
            Ok(incidents) => info!(incidents, "old incidents were removed"),
            Err(error) => {
                let error = in_words(&error);
                warn!(error, "old incidents could not be removed");
            }
        }
    }
}

impl Trouble {
    fn met(&mut self, error: &Error, index: &Index) {
        let wait = self.wait.map_or(FIRST_WAIT, |wait| wait * 2);
        self.wait = Some(wait.min(LONGEST_WAIT));
        if self.said.is_some_and(|at| at.elapsed() < SAY_AGAIN) {
            return;
        }
        self.said = Some(Instant::now());
        warn!(
            error = in_words(error),
            path = %index.0.config.path.display(),
            lost = index.0.ledger.take_lost(),
            "incidents cannot be kept, and are in memory only until the disk can be written again; nothing else is held up"
        );
    }
}

//! Takes a changed configuration over while the server runs: on SIGHUP, and when the file changes.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use pipeline::Camera;
use tokio::{
    signal::unix::Signal,
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{error, info, warn};

use crate::{
    args::Options,
    config::{self, Config},
};

/// How often the file is looked at. A look is one system call.
const LOOK: Duration = Duration::from_secs(2);

/// What is compared with what was read last.
pub(crate) struct Reload {
    pub(crate) options: Options,
    pub(crate) serve: serve::Config,
    pub(crate) cameras: watch::Sender<Vec<Camera>>,
    pub(crate) hang_up: Signal,
}

/// When the file was written, and its length.
type Stamp = Option<(SystemTime, u64)>;

impl Reload {
    /// Runs until it is dropped.
    pub(crate) async fn run(mut self) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = self.stamp();
        let mut last = taken;
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => {
                    info!(signal = "SIGHUP", "reading the configuration again");
                    taken = self.stamp();
                    self.take_over();
                }
                _ = looks.tick() => {
                    let now = self.stamp();
                    // Twice the same: whoever writes it has finished.
                    if now != taken && now == last {
                        taken = now;
                        info!("the configuration file changed: reading it again");
                        self.take_over();
                    }
                    last = now;
                }
            }
        }
    }

    fn stamp(&self) -> Stamp {
        let meta = fs::metadata(config::file(&self.options)?).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    }

    fn take_over(&mut self) {
        let config = match config::load(&self.options) {
            Ok(config) => config,
            Err(error) => {
                error!(%error, "the configuration has an error: everything stays as it was");
                return;
            }
        };
        let Config { serve, cameras, .. } = config;
        if serve != self.serve {
            warn!("a key of [server] or [quality] changed: that takes effect at the next start");
        }
        let changed = self.cameras.send_if_modified(|old| {
            let changed = *old != cameras;
            *old = cameras;
            changed
        });
        info!(cameras_changed = changed, "configuration taken over");
    }
}

//! A burst of failed logins becomes an incident of the server: one, from its first try to its last.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Instant, SystemTime},
};

use hub::{Cause, Ledger};
use tokio::{sync::Notify, time::sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    InForce,
    gate::{Burst, Bursts, Change, Tried},
};

/// The incident's cause.
const CODE: &str = "login_burst";

/// Hears of every login that failed.
#[derive(Debug)]
pub(crate) struct Alarm {
    in_force: InForce,
    bursts: Mutex<Bursts>,
    ledger: Ledger,
    began: Notify,
    /// Failures since the server started, by [`Tried::kind`].
    failures: [AtomicU64; Tried::KINDS.len()],
}

impl Alarm {
    pub(crate) fn new(in_force: InForce, ledger: Ledger) -> Arc<Self> {
        let config = in_force.ask(|config| config.alarm);
        Arc::new(Self {
            in_force,
            bursts: Mutex::new(Bursts::new(config)),
            ledger,
            began: Notify::new(),
            failures: Default::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Bursts> {
        let mut bursts = self.bursts.lock().unwrap_or_else(PoisonError::into_inner);
        bursts.set(self.in_force.ask(|config| config.alarm));
        bursts
    }

    /// How many could not log in since the server started, by what they tried it with.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.failures.iter().map(|count| count.load(Relaxed));
        Tried::KINDS.into_iter().zip(counts)
    }

    /// Somebody at this address could not log in with this.
    pub(crate) fn failed(&self, address: IpAddr, tried: Tried) {
        self.failures[tried.kind()].fetch_add(1, Relaxed);
        let (change, detail) = {
            let mut bursts = self.lock();
            let Some(change) = bursts.failed(address, tried, Instant::now()) else {
                return;
            };
            (
                change,
                bursts.burst().map(Burst::describe).unwrap_or_default(),
            )
        };
        match change {
            Change::Began => {
                warn!(%detail, "a burst of failed logins: somebody may be guessing passwords");
                let now = SystemTime::now();
                self.ledger.begin(None, now, cause(detail));
                let what = "each further try from these addresses has to wait longer; others can log in as before";
                self.ledger.step(None, now, what.to_owned());
                self.began.notify_one();
            }
            Change::News => self.ledger.retell(None, cause(detail)),
            Change::More => {
                self.ledger.begin(None, SystemTime::now(), cause(detail));
            }
        }
    }

    /// Ends bursts when they are over, until `stop`.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut changes = self.in_force.watch();
        loop {
            let end = self.lock().ends_at();
            tokio::select! {
                () = stop.cancelled() => {
                    self.ledger.end(None, SystemTime::now(), Some("stopped: the server stops"));
                    return;
                }
                () = self.began.notified(), if end.is_none() => continue,
                Ok(()) = changes.changed() => continue,
                () = sleep_until(end.unwrap_or_else(Instant::now).into()), if end.is_some() => {}
            }
            let ended = self.lock().take_ended(Instant::now());
            if let Some(burst) = ended {
                info!(failures = burst.count, "the burst of failed logins is over");
                self.ledger.end(
                    None,
                    SystemTime::now(),
                    Some("over: it has been quiet since"),
                );
            }
        }
    }
}

fn cause(detail: String) -> Cause {
    Cause {
        code: CODE.into(),
        sentence: "Many logins failed in a short time.".into(),
        advice: "if a program of yours has an old password or token, give it the new one; if somebody is guessing, keep the \
                 addresses out (`server.deny`, `server.allow`) and look at the audit log for logins that went well"
            .into(),
        detail,
        words: Vec::new(),
    }
}

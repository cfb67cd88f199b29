//! What a change of the configuration reaches while the server runs, and what waits for its next start.

use std::{sync::Arc, time::Duration};

use accounts::Retention;
use index::Index;
use logs::Logs;
use serve::InForce;
use tls::{Origin, Tls};
use tokio::{sync::watch, task::spawn_blocking, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::error;

use crate::config::{Config, Partly, Values};

/// A renewal in progress may come to its end before another certificate is looked after.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everybody who has to know.
pub(crate) struct Running {
    pub(crate) values: Values,
    /// Keys that wait for the next start.
    pub(crate) pending: Vec<&'static str>,
    pub(crate) in_force: InForce,
    pub(crate) max_cpu_percent: watch::Sender<u8>,
    pub(crate) audit: watch::Sender<Retention>,
    pub(crate) index: Index,
    pub(crate) logs: Logs,
    /// None: connections are not encrypted.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) stop: CancellationToken,
}

/// The certificate in use, and the task that looks after it.
pub(crate) struct Certificate {
    origin: Origin,
    tls: Arc<Tls>,
    stop: CancellationToken,
    watching: AbortOnDropHandle<()>,
}

impl Certificate {
    /// Looks after `tls` until `stop`, once the one before is not looked after any more.
    pub(crate) fn new(
        origin: Origin,
        tls: Arc<Tls>,
        before: Option<Self>,
        stop: &CancellationToken,
    ) -> Self {
        let stop = stop.child_token();
        let (watched, until) = (tls.clone(), stop.clone());
        let watching = tokio::spawn(async move {
            if let Some(before) = before {
                before.stop.cancel();
                let _ = timeout(PATIENCE, before.watching).await;
            }
            watched.watch(until).await;
        });
        Self {
            origin,
            tls,
            stop,
            watching: AbortOnDropHandle::new(watching),
        }
    }
}

/// Another certificate, read and checked.
pub(crate) struct Next(Option<(Origin, Arc<Tls>)>);

impl Running {
    /// Keys that wait for the next start, by name.
    pub(crate) fn pending(&self) -> Vec<String> {
        self.pending.iter().map(|key| (*key).to_owned()).collect()
    }

    fn other_origin(&self, config: &Config) -> Option<Origin> {
        let wanted = &config.tls.as_ref()?.origin;
        let used = &self.certificate.as_ref()?.origin;
        (wanted != used).then(|| wanted.clone())
    }

    /// Whether the certificate can be used, where it is to be another one. Makes nothing.
    pub(crate) async fn check(&self, config: &Config) -> Result<(), String> {
        let Some(origin) = self.other_origin(config) else {
            return Ok(());
        };
        let checked = spawn_blocking(move || origin.check()).await;
        let checked = checked.map_err(|error| error.to_string())?;
        checked
            .map(drop)
            .map_err(|error| format!("`server.tls`: {error}"))
    }

    /// Reads what has to be read before anything changes.
    pub(crate) async fn prepare(&self, config: &Config) -> Result<Next, String> {
        let Some(origin) = self.other_origin(config) else {
            return Ok(Next(None));
        };
        let opening = origin.clone();
        let opened = spawn_blocking(move || Tls::open(opening)).await;
        let opened = opened.map_err(|error| error.to_string())?;
        let tls = opened.map_err(|error| format!("`server.tls`: {error}"))?;
        Ok(Next(Some((origin, tls))))
    }

    /// Everybody goes by this from now on. Nothing can go wrong here, and nobody sees half of it.
    pub(crate) fn take(&mut self, partly: Partly, next: Next) {
        let Partly {
            config,
            values,
            live,
            pending,
            ..
        } = partly;
        if let Some((origin, tls)) = next.0 {
            let before = self.certificate.take();
            self.certificate = Some(Certificate::new(origin, tls, before, &self.stop));
        }
        let tls = self.certificate.as_ref().map(|used| used.tls.clone());
        self.in_force.replace(config.serve, tls);
        self.max_cpu_percent.send_replace(config.max_cpu_percent);
        self.audit.send_if_modified(|old| {
            let is_other = *old != config.audit;
            *old = config.audit;
            is_other
        });
        self.index.retain(config.index.retention);
        if live.contains(&"log.level")
            && let Err(error) = self.logs.configure(&config.logs.level, false)
        {
            error!(%error, "the log levels stay as they were");
        }
        self.values = values;
        self.pending = pending;
    }
}

//! Certificates of an authority that speaks ACME (RFC 8555): ordered in the background, kept, and renewed in time.
//!
//! [`wish`] is what the operator wants, [`plan`] when the authority is asked, [`order`] the asking, [`answers`] what it
//! finds when it looks whether the names are ours, and [`trouble`] what the operator is told when there is nothing.

mod answers;
mod client;
mod keep;
mod order;
mod plan;
mod trouble;
mod wish;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{RootCertStore, crypto::CryptoProvider};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{error, info, warn};

pub(crate) use answers::{Answers, PROTOCOL, is_asked_by};
pub use wish::{Acme, Challenge, Directory, DomainName, Email};

use crate::{Error, Tls, identity::Identity, own};
use client::AuthorityClient;
use keep::{Keep, State};
use order::{Issued, Ordering, holds_for};
use plan::{End, in_words, until_renewal};
use trouble::Trouble;

const FOLDER: &str = "acme";
/// The clock may be set meanwhile, so nobody sleeps longer.
const LOOK: Duration = Duration::from_secs(60);
/// For an order as a whole.
const ORDER: Duration = Duration::from_secs(5 * 60);
/// How often one is told of an end that is near.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

impl Acme {
    /// Looks at the file of authorities, if there is one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        let file = self.root_certificate.as_deref();
        file.map_or(Ok(()), |file| client::add_roots(file, &mut roots))
    }
}

/// The authority's certificate, if there is one from before.
pub(crate) fn kept(folder: &Path, provider: &CryptoProvider) -> Result<Option<Identity>, Error> {
    Keep::new(&folder.join(FOLDER)).certificate(provider)
}

/// Sees to it that there is a certificate and that it does not expire, until `stop`.
pub(crate) async fn run(tls: Arc<Tls>, folder: &Path, acme: Acme, stop: CancellationToken) {
    let keep = Keep::new(&folder.join(FOLDER));
    let reader = keep.clone();
    // None if the runtime ends.
    let Ok(kept) = spawn_blocking(move || reader.state()).await else {
        return;
    };
    let mut work = Work {
        state: State::after(&acme, kept),
        tls,
        keep,
        acme,
    };
    let wait = work.wait(SystemTime::now());
    if !wait.is_zero() && !work.has_one() {
        warn!(
            authority = work.acme.directory.as_str(),
            next_try_in = in_words(wait),
            "no certificate from the authority yet, and the last try was not long ago"
        );
    }
    let mut patience = Instant::now() + PATIENCE;
    loop {
        let wait = work.wait(SystemTime::now());
        if wait.is_zero() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = work.try_once() => {}
            }
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(wait.min(LOOK)) => {}
        }
        let current = work.tls.current();
        if current.facts.is_self_signed && own::is_due(&current, SystemTime::now()) {
            work.tls.clone().reload().await;
        }
        if patience <= Instant::now() {
            patience = Instant::now() + PATIENCE;
            work.tls.warn_of_end();
        }
    }
}

struct Work {
    tls: Arc<Tls>,
    keep: Keep,
    acme: Acme,
    state: State,
}

impl Work {
    /// How long nothing is to be done.
    fn wait(&mut self, now: SystemTime) -> Duration {
        self.state.tries.not_in_future(now);
        let until = if self.has_one() {
            let facts = &self.tls.current().facts;
            until_renewal(facts.not_before_s, facts.not_after_s, now)
        } else {
            Duration::ZERO
        };
        until.max(self.state.tries.pause(now))
    }

    /// The certificate in use is one that this authority gave for these names.
    fn has_one(&self) -> bool {
        let current = self.tls.current();
        let directory = self.acme.directory.as_str();
        !current.facts.is_self_signed
            && (self.state.issued_by.as_deref()).is_none_or(|issuer| issuer == directory)
            && (current.key.cert.first()).is_some_and(|it| holds_for(it, &self.acme))
    }

    /// One try, and one line about it if it fails.
    async fn try_once(&mut self) {
        let before = self.state.tries;
        // Should the server end in the middle of it, it does not begin again with the next start.
        self.state.tries = before.begin(SystemTime::now());
        let result = match self.write_state().await {
            // An order whose certificate cannot be kept would be made again at each start.
            Err(trouble) => Err((trouble, None)),
            Ok(()) => self.order().await,
        };
        let now = SystemTime::now();
        let end = match &result {
            Ok(issued) => {
                self.state.issued_by = Some(self.acme.directory.as_str().to_owned());
                let lifetime = issued.identity.facts.lifetime();
                End::Issued { lifetime }
            }
            Err((trouble, come_back)) => trouble.end(*come_back),
        };
        self.state.tries = before.end(end, now);
        let kept = self.write_state().await;
        match result {
            Ok(Issued { identity, pem }) => {
                let keep = self.keep.clone();
                let written = blocking(move || keep.keep_certificate(&pem)).await;
                if let Err(trouble) = written.and(kept) {
                    error!(
                        %trouble,
                        "the authority's certificate could not be kept, so the next start orders another one, \
                         of which there are few"
                    );
                }
                self.tls.take(identity);
            }
            Err((trouble, _)) => {
                let next = in_words(self.state.tries.pause(now));
                let authority = self.acme.directory.as_str();
                let challenge = self.acme.challenge.to_string();
                warn!(
                    authority, challenge, %trouble, next_try_in = next,
                    "no certificate from the authority; the one before stays in use"
                );
            }
        }
    }

    async fn write_state(&self) -> Result<(), Trouble> {
        let (keep, state) = (self.keep.clone(), self.state.clone());
        blocking(move || keep.keep_state(&state)).await
    }

    async fn order(&self) -> Result<Issued, (Trouble, Option<Duration>)> {
        info!(
            authority = self.acme.directory.as_str(),
            domains = self.state.domains.join(", "),
            "ordering a certificate"
        );
        let (acme, provider) = (self.acme.clone(), self.tls.provider());
        let made = spawn_blocking(move || {
            AuthorityClient::new(acme.root_certificate.as_deref(), provider)
        });
        let client = made
            .await
            .unwrap_or_else(|error| Err(Trouble::here(error.to_string())))
            .map_err(|trouble| (trouble, None))?;
        let (acme, keep) = (self.acme.clone(), self.keep.clone());
        let (answers, provider) = (self.tls.answers(), self.tls.provider());
        // In a task of its own: whatever an authority says, the next try comes.
        let asking = client.clone();
        let order = tokio::spawn(async move {
            let ordering = Ordering {
                acme: &acme,
                keep: &keep,
                answers: &answers,
                provider: &provider,
                client: asking,
            };
            timeout(ORDER, ordering.run()).await
        });
        let result = match AbortOnDropHandle::new(order).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Trouble::slow(ORDER)),
            Err(error) => Err(Trouble::here(format!("the order broke down: {error}"))),
        };
        result.map_err(|trouble| (trouble, client.come_back()))
    }
}

/// Writes something where the runtime is not held up.
async fn blocking(
    write: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<(), Trouble> {
    let written = spawn_blocking(write)
        .await
        .unwrap_or_else(|error| Err(error.into()));
    written.map_err(|error| {
        Trouble::here(format!(
            "what the authority gives cannot be kept: {error}; the folder (in `server.data_dir`) has to be \
             one that the server may write to"
        ))
    })
}

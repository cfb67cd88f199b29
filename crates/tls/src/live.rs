//! The certificate in use, which changes while connections go on.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring::Ticketer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio::{
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    Error, Facts, Origin,
    acme::{self, Answers},
    ciphers,
    identity::{self, Identity},
    own,
};

/// How often the files are looked at. A look is two system calls.
const LOOK: Duration = Duration::from_secs(2);
/// How soon a certificate of our own is tried again when it could not be renewed, and how often one is told of an end
/// that is near.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// A certificate of the operator's that ends so soon has been forgotten.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Encrypts the server's connections. One for the whole server.
#[derive(Debug)]
pub struct Tls {
    origin: Origin,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    answers: Arc<Answers>,
    /// For as long as an authority may connect to look for an answer.
    challenged: Arc<ServerConfig>,
    /// Of the files, just before they were read.
    stamp: Stamp,
}

/// The identity that new connections get.
#[derive(Debug)]
struct Current(RwLock<Arc<Identity>>);

impl Current {
    fn get(&self) -> Arc<Identity> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, identity: Identity) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get().key.clone())
    }
}

/// Tells authorities that look for an answer from everybody else.
#[derive(Debug)]
struct Doorway {
    current: Arc<Current>,
    answers: Arc<Answers>,
}

impl ResolvesServerCert for Doorway {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if acme::is_asked_by(&hello) {
            self.answers.certificate(&hello)
        } else {
            self.current.resolve(hello)
        }
    }
}

/// When each file was written, its length and its number: of another file by the same name, too.
type Stamp = [Option<(i64, i64, u64, u64)>; 2];

fn stamp(origin: &Origin) -> Stamp {
    let of = |path: &Path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino()))
    };
    match origin {
        Origin::Files { certificate, key } => [of(certificate), of(key)],
        Origin::Own { .. } | Origin::Authority { .. } => [None, None],
    }
}

fn load(origin: &Origin, provider: &CryptoProvider) -> Result<Identity, Error> {
    match origin {
        Origin::Files { certificate, key } => identity::read(certificate, key, provider),
        Origin::Own { folder } => own::ensure(folder, provider, SystemTime::now()),
        Origin::Authority { folder, .. } => match acme::kept(folder, provider)? {
            Some(identity) => Ok(identity),
            None => own::ensure(folder, provider, SystemTime::now()),
        },
    }
}

impl Origin {
    /// Looks at the files without using them; nothing is made. What is to be known of the certificate, if there is one
    /// yet.
    ///
    /// # Errors
    /// When the operator's files cannot be used.
    pub fn check(&self) -> Result<Option<Facts>, Error> {
        match self {
            Self::Files { .. } => load(self, &ciphers::provider(true)).map(|it| Some(it.facts)),
            Self::Own { .. } => Ok(None),
            Self::Authority { folder, acme } => {
                acme.check()?;
                let kept = acme::kept(folder, &ciphers::provider(true))?;
                Ok(kept.map(|identity| identity.facts))
            }
        }
    }
}

impl Tls {
    /// Reads the certificate, or makes it.
    ///
    /// # Errors
    /// When there is one that cannot be used.
    pub fn open(origin: Origin) -> Result<Arc<Self>, Error> {
        let has_aes = ciphers::has_aes();
        let provider = Arc::new(ciphers::provider(has_aes));
        if let Origin::Authority { acme, .. } = &origin {
            acme.check()?;
        }
        let stamp = stamp(&origin);
        let identity = load(&origin, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(identity))));
        let setup = |error: rustls::Error| Error::Setup(error.to_string());
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(setup)?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        // A client with AES instructions asks for AES first and does not know that the server has none.
        config.ignore_client_order = !has_aes;
        config.ticketer = Ticketer::new().map_err(setup)?;
        // curl names the older one when it is told to speak it.
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        let answers = Arc::<Answers>::default();
        let mut challenged = config.clone();
        challenged.cert_resolver = Arc::new(Doorway {
            current: current.clone(),
            answers: answers.clone(),
        });
        challenged.alpn_protocols.push(acme::PROTOCOL.to_vec());
        let tls = Self {
            origin,
            provider,
            current,
            config: Arc::new(config),
            answers,
            challenged: Arc::new(challenged),
            stamp,
        };
        tls.tell();
        Ok(Arc::new(tls))
    }

    /// For the TLS library, and for the next connection only.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        if self.answers.has_certificates() {
            self.challenged.clone()
        } else {
            self.config.clone()
        }
    }

    /// Whether a connection with this protocol was an authority's look for an answer: there is nothing more to say.
    #[must_use]
    pub fn is_answered(protocol: Option<&[u8]>) -> bool {
        protocol == Some(acme::PROTOCOL)
    }

    /// What an authority that asks for this path over plain HTTP is to be answered.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix("/.well-known/acme-challenge/")?;
        self.answers.text(token)
    }

    /// Somebody else vouches for the certificate: browsers need no exception for it, and may be told to insist on it.
    #[must_use]
    pub fn is_vouched_for(&self) -> bool {
        let is_own = matches!(self.origin, Origin::Own { .. });
        !is_own && !self.current.get().facts.is_self_signed
    }

    /// What is to be known of the certificate in use.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.current.get().facts.clone()
    }

    /// The end is nearer than it should be: somebody has to do something.
    #[must_use]
    pub fn is_ending(&self, now: SystemTime) -> bool {
        let facts = &self.current.get().facts;
        facts.ends_within(self.soon(facts), now)
    }

    fn tell(&self) {
        let facts = &self.current.get().facts;
        info!(
            fingerprint_sha256 = facts.fingerprint,
            valid_until = facts.valid_until,
            is_self_signed = facts.is_self_signed,
            "certificate"
        );
        self.warn_of_end();
    }

    pub(crate) fn warn_of_end(&self) {
        let facts = &self.current.get().facts;
        let now = SystemTime::now();
        let valid_until = &facts.valid_until;
        if facts.ends_within(Duration::ZERO, now) {
            warn!(
                valid_until,
                "the certificate has expired (or the clock is wrong): browsers refuse it"
            );
        } else if facts.ends_within(self.soon(facts), now) {
            warn!(valid_until, "the certificate comes to its end");
        }
    }

    /// When one is told that the end is near. Some authorities give certificates for a few days; those are late only
    /// when they should have been renewed.
    fn soon(&self, facts: &Facts) -> Duration {
        match self.origin {
            Origin::Authority { .. } => SOON.min(facts.lifetime() / 4),
            Origin::Files { .. } | Origin::Own { .. } => SOON,
        }
    }

    /// Takes over changed files, renews the server's own certificate, gets one from an authority, until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        match &self.origin {
            Origin::Files { .. } | Origin::Own { .. } => self.look(stop).await,
            Origin::Authority { folder, acme } => {
                let (folder, acme) = (folder.clone(), acme.clone());
                acme::run(self, &folder, acme, stop).await;
            }
        }
    }

    async fn look(self: Arc<Self>, stop: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut taken, mut last) = (self.stamp, self.stamp);
        let mut patience = Instant::now() + PATIENCE;
        let mut may_renew = true;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            if patience <= Instant::now() {
                patience = Instant::now() + PATIENCE;
                may_renew = true;
                self.warn_of_end();
            }
            let is_due = match self.origin {
                Origin::Files { .. } => {
                    let now = stamp(&self.origin);
                    // Twice the same: whoever writes them has finished.
                    let has_changed = now != taken && now == last;
                    last = now;
                    if has_changed {
                        taken = now;
                    }
                    has_changed
                }
                Origin::Own { .. } | Origin::Authority { .. } => {
                    may_renew && own::is_due(&self.current.get(), SystemTime::now())
                }
            };
            if is_due {
                may_renew = false;
                self.clone().reload().await;
            }
        }
    }

    pub(crate) fn current(&self) -> Arc<Identity> {
        self.current.get()
    }

    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        self.provider.clone()
    }

    pub(crate) fn answers(&self) -> Arc<Answers> {
        self.answers.clone()
    }

    /// From now on, new connections get this one.
    pub(crate) fn take(&self, identity: Identity) {
        self.current.set(identity);
        info!("a new certificate is in use; connections that are open go on");
        self.tell();
    }

    pub(crate) async fn reload(self: Arc<Self>) {
        let tls = self.clone();
        match spawn_blocking(move || load(&tls.origin, &tls.provider)).await {
            Ok(Ok(identity)) => self.take(identity),
            Ok(Err(error)) => {
                error!(%error, "the new certificate cannot be used: the one before stays in use");
            }
            Err(error) => error!(%error, "the new certificate could not be looked at"),
        }
    }
}

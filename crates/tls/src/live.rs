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
    Error, Facts, Origin, ciphers,
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

/// When each file was written, its length and its number: of another file by the same name, too.
type Stamp = [Option<(i64, i64, u64, u64)>; 2];

fn stamp(origin: &Origin) -> Stamp {
    let of = |path: &Path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.mtime(), meta.mtime_nsec(), meta.len(), meta.ino()))
    };
    match origin {
        Origin::Files { certificate, key } => [of(certificate), of(key)],
        Origin::Own { .. } => [None, None],
    }
}

fn load(origin: &Origin, provider: &CryptoProvider) -> Result<Identity, Error> {
    match origin {
        Origin::Files { certificate, key } => identity::read(certificate, key, provider),
        Origin::Own { folder } => own::ensure(folder, provider, SystemTime::now()),
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
        let tls = Self {
            origin,
            provider,
            current,
            config: Arc::new(config),
            stamp,
        };
        tls.tell();
        Ok(Arc::new(tls))
    }

    /// For the TLS library.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// Somebody else vouches for the certificate: browsers need no exception for it, and may be told to insist on it.
    #[must_use]
    pub fn is_vouched_for(&self) -> bool {
        matches!(self.origin, Origin::Files { .. }) && !self.current.get().facts.is_self_signed
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

    fn warn_of_end(&self) {
        let facts = &self.current.get().facts;
        let now = SystemTime::now();
        let valid_until = &facts.valid_until;
        if facts.ends_within(Duration::ZERO, now) {
            warn!(
                valid_until,
                "the certificate has expired (or the clock is wrong): browsers refuse it"
            );
        } else if facts.ends_within(SOON, now) {
            warn!(valid_until, "the certificate comes to its end");
        }
    }

    /// Takes over changed files, and renews the server's own certificate, until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
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
                Origin::Own { .. } => {
                    may_renew && own::is_due(&self.current.get(), SystemTime::now())
                }
            };
            if is_due {
                may_renew = false;
                self.clone().reload().await;
            }
        }
    }

    async fn reload(self: Arc<Self>) {
        let tls = self.clone();
        match spawn_blocking(move || load(&tls.origin, &tls.provider)).await {
            Ok(Ok(identity)) => {
                self.current.set(identity);
                info!("a new certificate is in use; connections that are open go on");
                self.tell();
            }
            Ok(Err(error)) => {
                error!(%error, "the new certificate cannot be used: the one before stays in use");
            }
            Err(error) => error!(%error, "the new certificate could not be looked at"),
        }
    }
}

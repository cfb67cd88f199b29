//! What the authority gets to see when it looks whether a name leads to this server.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{server::ClientHello, sign::CertifiedKey};

/// The only protocol of a connection that an authority begins to look for its challenge. RFC 8737 clause 6.2.
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Answers to the challenges of an order in progress; none at any other time.
#[derive(Default)]
pub(crate) struct Answers {
    given: Mutex<Given>,
    /// How many of them are certificates, for who asks at each connection.
    certificates: AtomicUsize,
}

#[derive(Default)]
struct Given {
    texts: HashMap<String, String>,
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

impl Answers {
    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text for a token.
    pub(crate) fn text(&self, token: &str) -> Option<String> {
        self.given().texts.get(token).cloned()
    }

    pub(super) fn give_text(&self, token: &str, text: &str) {
        self.given().texts.insert(token.to_owned(), text.to_owned());
    }

    pub(super) fn give_certificate(&self, domain: &str, certificate: Arc<CertifiedKey>) {
        let mut given = self.given();
        given.certificates.insert(domain.to_owned(), certificate);
        self.certificates
            .store(given.certificates.len(), Ordering::Release);
    }

    /// Whether an authority may begin a connection to look for a certificate.
    pub(crate) fn has_certificates(&self) -> bool {
        self.certificates.load(Ordering::Acquire) > 0
    }

    /// The certificate for the name that is asked for.
    pub(crate) fn certificate(&self, hello: &ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.given().certificates.get(&name).cloned()
    }

    pub(super) fn clear(&self) {
        let mut given = self.given();
        *given = Given::default();
        self.certificates.store(0, Ordering::Release);
    }
}

/// Whether this connection is begun by an authority that looks for its challenge: it wants nothing else.
pub(crate) fn is_asked_by(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|mut protocols| {
        protocols.next() == Some(PROTOCOL) && protocols.next().is_none()
    })
}

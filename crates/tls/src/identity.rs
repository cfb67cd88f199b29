//! A certificate with its key: read, checked, and what is to be known of it.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use ring::digest::{SHA256, digest};
use rustls::{
    Error as TlsError, InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use tracing::warn;
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use crate::{Error, files};

/// Far more than the longest chain takes.
const MAX_BYTES: u64 = 1 << 20;

/// What people and decisions need of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// SHA-256 of the certificate, in the form in which browsers show it.
    pub fingerprint: String,
    /// The last day of its validity, as `2027-12-24`.
    pub valid_until: String,
    /// Nobody but itself vouches for it.
    pub is_self_signed: bool,
    pub(crate) not_before_s: i64,
    pub(crate) not_after_s: i64,
}

impl Facts {
    pub(crate) fn of(certificate: &[u8]) -> Result<Self, String> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|_| "the certificate in it is damaged".to_owned())?;
        let not_after = parsed.validity().not_after;
        let mut fingerprint = String::new();
        for byte in digest(&SHA256, certificate).as_ref() {
            use fmt::Write as _;
            let colon = if fingerprint.is_empty() { "" } else { ":" };
            let _ = write!(fingerprint, "{colon}{byte:02X}");
        }
        Ok(Self {
            fingerprint,
            valid_until: not_after.to_datetime().date().to_string(),
            is_self_signed: parsed.subject().as_raw() == parsed.issuer().as_raw(),
            not_before_s: parsed.validity().not_before.timestamp(),
            not_after_s: not_after.timestamp(),
        })
    }

    /// From the beginning of its validity to the end.
    pub(crate) fn lifetime(&self) -> Duration {
        let lifetime_s = self.not_after_s.saturating_sub(self.not_before_s);
        Duration::from_secs(u64::try_from(lifetime_s).unwrap_or(0))
    }

    /// Until its end; negative after it.
    #[must_use]
    pub fn seconds_left(&self, now: SystemTime) -> i64 {
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        self.not_after_s
            .saturating_sub(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
    }

    /// Whether it is past its end in so much time from now.
    pub(crate) fn ends_within(&self, time: Duration, now: SystemTime) -> bool {
        let then = (now + time)
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(then.as_secs()).is_ok_and(|then_s| then_s >= self.not_after_s)
    }

    /// Whether its time has not come yet: the clock may be late.
    #[must_use]
    pub fn begins_after(&self, now: SystemTime) -> bool {
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(now.as_secs()).is_ok_and(|now_s| now_s < self.not_before_s)
    }
}

/// A certificate that connections can be made with.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) facts: Facts,
}

/// Reads both files; what is wrong with them is said in words.
pub(crate) fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Identity, Error> {
    let chain = chain(certificate)?;
    let private = private_key(key)?;
    identity(chain, private, provider).map_err(|wrong| match wrong {
        Wrong::Certificate(problem) => Error::content(certificate, problem),
        Wrong::Key(problem) => Error::content(key, problem),
        Wrong::Pair => Error::content(
            certificate,
            format!(
                "the first certificate in it does not belong to the key in {}; the server's own \
                 one comes first, those of its authority behind it",
                key.display()
            ),
        ),
    })
}

/// Which of the two is wrong, and how.
#[derive(Debug)]
pub(crate) enum Wrong {
    Certificate(String),
    Key(String),
    Pair,
}

pub(crate) fn identity(
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Identity, Wrong> {
    let facts = Facts::of(chain.first().map_or(&[], |leaf| leaf)).map_err(Wrong::Certificate)?;
    let private = provider
        .key_provider
        .load_private_key(private)
        .map_err(|_| {
            let known = "RSA with at least 2048 bits, ECDSA P-256 or P-384, Ed25519";
            Wrong::Key(format!(
                "the key in it cannot be used; what can be: {known}"
            ))
        })?;
    let key = CertifiedKey::new(chain, private);
    match key.keys_match() {
        Ok(()) | Err(TlsError::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Identity {
            key: Arc::new(key),
            facts,
        }),
        Err(TlsError::InconsistentKeys(_)) => Err(Wrong::Pair),
        Err(error) => Err(Wrong::Certificate(format!(
            "the certificate in it cannot be used: {error}"
        ))),
    }
}

pub(crate) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read_all(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|_| Error::content(path, "it is damaged: the PEM text is not whole"))?;
    if chain.is_empty() {
        let problem = if has(&text, b"PRIVATE KEY-----") {
            "there is a key in it and no certificate; are the two files mixed up?"
        } else if text.starts_with(&[0x30]) {
            "it is in DER form; `openssl x509 -inform der -in FILE -out NEW` makes PEM of it"
        } else {
            "there is no certificate in it; it has to begin with `-----BEGIN CERTIFICATE-----`"
        };
        return Err(Error::content(path, problem));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read_all(path)?;
    if fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0) {
        warn!(file = %path.display(), "every user of this machine can read the private key; chmod 600 is usual");
    }
    if has(&text, b"ENCRYPTED") {
        let problem = "a passphrase protects the key, and nobody is there to type it; \
                       `openssl pkey -in FILE -out NEW` takes it off";
        return Err(Error::content(path, problem));
    }
    // The library's own words could hold some of the key's.
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let problem = if has(&text, b"PRIVATE KEY-----") {
            "it is damaged: the PEM text is not whole"
        } else if has(&text, b"BEGIN CERTIFICATE-----") {
            "there is a certificate in it and no key; are the two files mixed up?"
        } else if text.starts_with(&[0x30]) {
            "it is in DER form; `openssl pkey -inform der -in FILE -out NEW` makes PEM of it"
        } else {
            "there is no private key in it; it has to begin with `-----BEGIN PRIVATE KEY-----`"
        };
        Error::content(path, problem)
    })
}

fn has(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

fn read_all(path: &Path) -> Result<Vec<u8>, Error> {
    files::read(path, MAX_BYTES).map_err(|error| Error::Read {
        path: path.to_owned(),
        error,
    })
}

//! The certificate that the server makes for itself, and keeps.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr},
    path::Path,
    time::{Duration, SystemTime},
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{crypto::CryptoProvider, pki_types::PrivateKeyDer};
use tracing::{info, warn};

use crate::{
    Error, files,
    identity::{self, Identity},
};

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Browsers refuse what is valid for more than 398 days. The day before is for those whose clock is slow.
const BEFORE: Duration = DAY;
const AFTER: Duration = Duration::from_secs(396 * 24 * 60 * 60);
/// So long before its end there is a new one.
const RENEWAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A machine full of containers has more; nobody looks at it under all of them.
const MAX_NAMES: usize = 100;

/// Whether it is time for a new one. One whose time has not come yet stays: the clock of a board without a battery is
/// late for a while after each boot.
pub(crate) fn is_due(identity: &Identity, now: SystemTime) -> bool {
    identity.facts.ends_within(RENEWAL, now)
}

/// The one in `folder`, or a new one.
///
/// # Errors
/// If there is one that may not be read. One that is damaged is replaced; one that cannot be kept is used all the same.
pub(crate) fn ensure(
    folder: &Path,
    provider: &CryptoProvider,
    now: SystemTime,
) -> Result<Identity, Error> {
    let kept = identity::read(&folder.join(CERTIFICATE), &folder.join(KEY), provider);
    match kept {
        Ok(identity) if !is_due(&identity, now) => return Ok(identity),
        Ok(identity) => info!(
            valid_until = identity.facts.valid_until,
            "the server's own certificate comes to its end: making a new one"
        ),
        Err(Error::Read { error, .. })
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
        {
            info!("making a certificate of the server's own");
        }
        Err(Error::Content { path, problem }) => {
            warn!(file = %path.display(), problem, "the server's own certificate cannot be used: making a new one");
        }
        Err(error) => return Err(error),
    }
    make(folder, provider, now)
}

fn make(folder: &Path, provider: &CryptoProvider, now: SystemTime) -> Result<Identity, Error> {
    let setup = |error: rcgen::Error| Error::Setup(error.to_string());
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(setup)?;
    let certificate = params(now).and_then(|params| params.self_signed(&key));
    let certificate = certificate.map_err(setup)?;
    let kept = keep(folder, &key.serialize_pem(), &certificate.pem());
    if let Err(error) = kept {
        warn!(
            folder = %folder.display(), %error,
            "the server's own certificate could not be kept, so the next start makes another one; \
             the folder (in `server.data_dir`) has to be one that the server may write to"
        );
    }
    let private = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| Error::Setup(error.to_owned()))?;
    identity::identity(vec![certificate.der().clone()], private, provider)
        .map_err(|wrong| Error::Setup(format!("{wrong:?}")))
}

fn params(now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let host = host_name();
    let mut params = CertificateParams::new(names(&host))?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, host.as_str());
    params
        .distinguished_name
        .push(DnType::OrganizationName, "my-cctv-server, self-signed");
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + AFTER).into();
    // Whoever trusts it trusts this server, and nothing that its key might sign.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn host_name() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_ascii_lowercase();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    // No longer than a common name may be.
    let fits = !name.is_empty() && name.len() <= 64 && name.chars().all(is_name);
    if fits { name } else { "localhost".to_owned() }
}

/// Under which names and addresses the server may be found.
fn names(host: &str) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        Ipv4Addr::LOCALHOST.to_string(),
        Ipv6Addr::LOCALHOST.to_string(),
        host.to_owned(),
    ];
    // What avahi and its like announce.
    if let Some(label) = host.split('.').next()
        && label != "localhost"
    {
        names.push(format!("{label}.local"));
    }
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => {
            names.extend(
                interfaces
                    .iter()
                    .map(|interface| interface.ip().to_string()),
            );
        }
        Err(error) => {
            warn!(%error, "the addresses of this machine are not known: the certificate has its names alone")
        }
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names.truncate(MAX_NAMES);
    names
}

/// Each file whole or not at all. After a power cut between the two they do not match, which makes new ones.
fn keep(folder: &Path, key: &str, certificate: &str) -> io::Result<()> {
    files::make_folder(folder)?;
    files::write(folder, KEY, key, 0o600)?;
    files::write(folder, CERTIFICATE, certificate, 0o644)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ciphers::provider;

    #[test]
    fn there_is_a_new_one_before_the_end_and_not_sooner() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/tls");
        let now = SystemTime::now();
        let at = |time: SystemTime| {
            let identity = ensure(&folder, &provider(true), time).unwrap();
            assert!(!is_due(&identity, time));
            assert!(identity.facts.is_self_signed);
            identity.facts.fingerprint
        };
        let first = at(now);
        assert_eq!(first.len(), 32 * 3 - 1, "{first}");
        assert_eq!(at(now), first);
        assert_eq!(at(now + 365 * DAY), first);
        let second = at(now + 367 * DAY);
        assert_ne!(second, first);
        // The clock is late, as after a boot without a network.
        assert_eq!(at(now - 400 * DAY), second);
        assert_eq!(at(SystemTime::UNIX_EPOCH), second);
    }

    #[test]
    fn it_is_found_under_every_name_once() {
        let has = |host: &str, wanted: &[&str]| {
            let names = names(host);
            for want in ["localhost", "127.0.0.1", "::1"].iter().chain(wanted) {
                let count = names.iter().filter(|name| name == want).count();
                assert_eq!(count, 1, "{want} in {names:?}");
            }
            assert!(params(SystemTime::now()).is_ok());
        };
        has("pi", &["pi", "pi.local"]);
        has("pi.home.example", &["pi.home.example", "pi.local"]);
        has("localhost", &[]);
    }
}

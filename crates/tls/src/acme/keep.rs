//! What is kept of the authority: the account with its key, the certificate with its key, and when it was asked.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use instant_acme::AccountCredentials;
use rustls::crypto::CryptoProvider;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{Acme, plan::Tries};
use crate::{
    Error, files,
    identity::{self, Identity},
};

/// Certificate and key in one file: after a power cut there are both or neither, and neither has to be paid for twice.
const CERTIFICATE: &str = "certificate-and-key.pem";
const ACCOUNT: &str = "account.json";
const STATE: &str = "state.json";
const MAX_BYTES: u64 = 64 * 1024;

/// An account at an authority.
#[derive(Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) directory: String,
    pub(super) email: Option<String>,
    pub(super) credentials: AccountCredentials,
}

/// What was asked for, how that went, and who gave the certificate that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) directory: String,
    pub(super) domains: Vec<String>,
    pub(super) challenge: String,
    pub(super) issued_by: Option<String>,
    pub(super) tries: Tries,
}

impl State {
    pub(super) fn new(acme: &Acme) -> Self {
        let domains = acme.domains.iter();
        Self {
            directory: acme.directory.as_str().to_owned(),
            domains: domains.map(|name| name.as_str().to_owned()).collect(),
            challenge: acme.challenge.to_string(),
            issued_by: None,
            tries: Tries::default(),
        }
    }

    /// Goes on from what was kept. Somebody who wants something else now need not wait for what failed before.
    pub(super) fn after(acme: &Acme, kept: Option<Self>) -> Self {
        let new = Self::new(acme);
        let Some(kept) = kept else { return new };
        let same = |it: &Self| {
            (
                it.directory.clone(),
                it.domains.clone(),
                it.challenge.clone(),
            )
        };
        if same(&kept) == same(&new) {
            return kept;
        }
        Self {
            issued_by: kept.issued_by,
            ..new
        }
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Keep(PathBuf);

impl Keep {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// The certificate, if one is kept. One that is damaged is said so and not used.
    pub(super) fn certificate(&self, provider: &CryptoProvider) -> Result<Option<Identity>, Error> {
        let file = self.0.join(CERTIFICATE);
        match identity::read(&file, &file, provider) {
            Ok(identity) => Ok(Some(identity)),
            Err(Error::Read { error, .. })
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(Error::Content { path, problem }) => {
                warn!(file = %path.display(), problem, "the authority's certificate cannot be used: a new one is ordered");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn keep_certificate(&self, pem: &str) -> io::Result<()> {
        self.write(CERTIFICATE, pem)
    }

    pub(super) fn account(&self) -> Option<Account> {
        self.read(ACCOUNT)
    }

    pub(super) fn keep_account(&self, account: &Account) -> io::Result<()> {
        self.write(ACCOUNT, &serde_json::to_string(account)?)
    }

    pub(super) fn state(&self) -> Option<State> {
        self.read(STATE)
    }

    pub(super) fn keep_state(&self, state: &State) -> io::Result<()> {
        self.write(STATE, &serde_json::to_string(state)?)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        files::make_folder(&self.0)?;
        files::write(&self.0, name, text, 0o600)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let path = self.0.join(name);
        let problem = match files::read(&path, MAX_BYTES) {
            // The library's own words could hold some of the key's.
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(value) => return Some(value),
                Err(_) => "it is damaged".to_owned(),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => error.to_string(),
        };
        warn!(file = %path.display(), problem, "what is known about the authority cannot be read, and is made anew");
        None
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, time::SystemTime};

    use super::{
        super::{Challenge, plan::End},
        *,
    };

    fn acme(domain: &str) -> Acme {
        Acme {
            domains: vec![domain.parse().unwrap()],
            email: None,
            directory: "https://acme.example/dir".parse().unwrap(),
            challenge: Challenge::Http01,
            root_certificate: None,
        }
    }

    #[test]
    fn who_wants_the_same_again_waits_as_before() {
        let now = SystemTime::now();
        let mut state = State::new(&acme("a.example"));
        state.tries = state.tries.end(End::Refused { come_back: None }, now);
        state.issued_by = Some("https://acme.example/dir".to_owned());
        let dir = tempfile::tempdir().unwrap();
        let keep = Keep::new(&dir.path().join("tls/acme"));
        assert_eq!(keep.state(), None);
        keep.keep_state(&state).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&keep.0), mode(&keep.0.join(STATE))), (0o700, 0o600));
        assert_eq!(State::after(&acme("a.example"), keep.state()), state);
        let other = State::after(&acme("b.example"), keep.state());
        assert!(other.tries.pause(now).is_zero());
        assert_eq!(other.issued_by, state.issued_by);
        for garbage in ["", "{", "[1]", "{\"directory\":1}"] {
            fs::write(keep.0.join(STATE), garbage).unwrap();
            assert_eq!(keep.state(), None);
        }
        fs::write(keep.0.join(STATE), vec![b' '; 1 << 20]).unwrap();
        assert_eq!(keep.state(), None);
    }
}

//! Secrets: random ones, and the hashes by which they are known again.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// SHA-256. Enough for a secret of 256 random bits: there is nothing to guess, so nothing has to be slow.
pub(crate) type Hash = [u8; 32];

/// Something that is shown once, and to nobody else. Its `Debug` prints stars.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 256 random bits.
    pub(crate) fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random::<32>()))
    }

    /// 128 random bits: short enough to be typed.
    pub(crate) fn short() -> Self {
        Self(URL_SAFE_NO_PAD.encode(random::<16>()))
    }

    /// With a word in front, by which scanners for leaked secrets find it.
    pub(crate) fn with_prefix(self, prefix: &str) -> Self {
        Self(format!("{prefix}{}", self.0))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

pub(crate) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// # Panics
/// When the system has no random numbers: then nothing may be let in.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random numbers");
    bytes
}

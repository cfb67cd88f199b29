//! Configuration: what the operator wrote ([`raw`]), from where ([`layers`]), what the API changed ([`changes`],
//! [`edit`], [`keys`]), and what it means ([`checked`]).

mod changes;
mod checked;
pub(crate) mod edit;
mod encryption;
mod gate;
mod keys;
mod layers;
mod raw;

pub(crate) use changes::{CameraChange, Written};
pub(crate) use checked::{CameraError, Config, TlsConfig};
pub(crate) use layers::{file, load};
pub(crate) use raw::LogFormat;

/// Something in the configuration that cannot be. Says where it is written, what was expected, and what may be meant.
#[derive(Debug)]
pub(crate) struct ConfigError(String);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

//! Configuration: what the operator wrote ([`raw`]), from where ([`layers`]), and what it means ([`checked`]).

mod checked;
mod layers;
mod raw;

pub(crate) use checked::Config;
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

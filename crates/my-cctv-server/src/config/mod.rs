//! Configuration: what the operator wrote ([`raw`]), from where ([`layers`]), what the API changed ([`changes`],
//! [`edit`], [`keys`]), and what it means ([`checked`]).

mod changes;
mod checked;
mod difference;
pub(crate) mod edit;
mod encryption;
mod gate;
mod keys;
mod layers;
mod partly;
mod proposal;

mod raw;
pub(crate) mod reference;
mod shown;
pub(crate) mod table;
mod written_file;

pub(crate) use changes::{CameraChange, Written};
pub(crate) use checked::{CameraError, Config, TlsConfig};
pub(crate) use layers::{Layers, file, load};
pub(crate) use partly::{Partly, Values};
pub(crate) use proposal::{Proposal, Wanted, propose};
pub(crate) use shown::{camera_of, export, settings};

/// Something in the configuration that cannot be. Says where it is written, what was expected, and what may be meant.
#[derive(Debug)]
pub(crate) struct ConfigError(String);

impl ConfigError {
    /// The key it is about, behind the place that all keys of it were read from, and what is wrong with that.
    fn apart(&self, origin: &str) -> (Option<String>, Option<String>, String) {
        let text = self.0.strip_prefix(origin).unwrap_or(&self.0);
        let mut text = text.strip_prefix(": ").unwrap_or(text);
        let mut camera = None;
        if let Some((id, rest)) = text
            .strip_prefix("camera ")
            .and_then(|rest| rest.split_once(": "))
        {
            (camera, text) = (Some(id.to_owned()), rest);
        }
        let about = text
            .strip_prefix('`')
            .and_then(|rest| rest.split_once("`: "));
        match about {
            Some((key, problem)) => (camera, Some(key.to_owned()), problem.to_owned()),
            None => (camera, None, text.to_owned()),
        }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

//! What is kept of what happened: one SQLite file, so far with the incidents in it.
//!
//! Holds nobody up. The incidents themselves live in [`hub::Ledger`]; a task of its own writes those that changed, and
//! when the disk is full or broken it tries again later, while everything else goes on. The file is made when there is
//! first something to keep. A damaged one is set aside and a new one begun.
#![warn(missing_docs)]

mod file;
mod incidents;
mod keeper;

use std::{collections::BTreeSet, path::PathBuf};

use hub::Incident;

pub use file::{Index, examine};

/// Where the file is, and how much is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// How much is kept; may become something else later.
    pub retention: Retention,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Incidents kept at the most.
    pub most_incidents: u32,
    /// Days for which an incident is kept after its end.
    pub incident_days: u32,
}

/// Why something could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("open the index")]
    Open(#[from] database::Error),
    /// The file cannot be read or written.
    #[error("the index")]
    Database(#[from] sqlx::Error),
    /// The disk does not answer.
    #[error("the index: the disk does not answer")]
    Slow,
    /// What is in it is not what was written.
    #[error("incident {0} in the index makes no sense")]
    Nonsense(i64),
}

impl Error {
    /// Whether the file is at fault.
    fn is_damage(&self) -> bool {
        match self {
            Self::Open(error) => error.is_damage(),
            Self::Database(error) => database::is_damage(error),
            Self::Nonsense(_) | Self::Slow => false,
        }
    }
}

/// An error with what caused it, for a log line.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        // Some repeat what is below them.
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

/// Which incidents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only those with a smaller number.
    pub before: Option<u64>,
    /// Only of these cameras; none says of every one.
    pub cameras: Option<BTreeSet<String>>,
    /// The server's own too.
    pub with_server: bool,
    /// Only with this cause.
    pub cause: Option<String>,
    /// Only those that go on, or only those that are over.
    pub is_open: Option<bool>,
}

impl Query {
    /// Whether this is one of them.
    #[must_use]
    pub fn wants(&self, incident: &Incident) -> bool {
        let is_seen = match (&incident.camera, &self.cameras) {
            (None, _) => self.with_server,
            (Some(_), None) => true,
            (Some(camera), Some(cameras)) => cameras.contains(camera.as_str()),
        };
        is_seen
            && self.before.is_none_or(|before| incident.id < before)
            && self
                .cause
                .as_ref()
                .is_none_or(|cause| *cause == incident.cause.code)
            && self
                .is_open
                .is_none_or(|open| open == incident.ended.is_none())
    }
}

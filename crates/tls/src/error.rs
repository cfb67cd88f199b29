//! Why a certificate cannot be used, for the person who can mend it.

use std::{io, path::PathBuf};

/// What is wrong, and with which file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file, or the way to it.
    #[error("{} cannot be read: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What is in it.
    #[error("{}: {problem}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// A sentence without anything of the file's own words.
        problem: String,
    },
    /// The encryption itself.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

impl Error {
    pub(crate) fn content(path: &std::path::Path, problem: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }
}

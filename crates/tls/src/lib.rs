//! The server's certificate, from files, from an authority or made by itself, and how connections are encrypted with it.
//!
//! Three nouns: an [`Origin`] says where the certificate comes from, an identity is one that was read and checked, and
//! [`Tls`] holds the one in use and takes over the next. Listens to nobody: it hands out what a TLS library needs, and
//! what an authority is to be answered. It asks one itself, if the operator named one.

#![warn(missing_docs)]

mod acme;
mod anybody;
mod ciphers;
mod error;
mod files;
mod identity;
mod live;
mod own;

use std::path::PathBuf;

pub use acme::{Acme, Challenge, Directory, DomainName, Email};
pub use anybody::believing_anybody;
pub use error::Error;
pub use identity::Facts;
pub use live::Tls;

/// Where the certificate and its key come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// PEM files of the operator.
    Files {
        /// The server's certificate, and behind it those that lead to its authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A self-signed one that the server makes for itself and keeps in this folder.
    Own {
        /// Made when it is needed.
        folder: PathBuf,
    },
    /// One that an authority gives by ACME, kept in the folder `acme` of this one. Until there is one, the server's own.
    Authority {
        /// Made when it is needed.
        folder: PathBuf,
        /// Which one is wanted.
        acme: Acme,
    },
}

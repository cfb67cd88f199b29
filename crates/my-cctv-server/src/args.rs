//! The command line.

use std::{net::IpAddr, path::PathBuf};

use accounts::Role;
use clap::{Parser, Subcommand};

/// CCTV server: live pictures of your cameras in every browser.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What goes over the environment and the file.
#[derive(Debug, Default, Parser)]
pub(crate) struct Options {
    /// Configuration file; without it ./config.toml, then /etc/my-cctv-server/config.toml, else the defaults
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) listen: Option<IpAddr>,
    /// Port to listen on
    #[arg(long, global = true, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Any key of the configuration, such as camera.source=test (the first camera's)
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default)
    Serve,
    /// Check the configuration and explain it, without starting anything
    Check,
    /// Print the OpenAPI document
    Openapi,
    /// Add, list and remove users, and set their passwords
    #[command(subcommand)]
    User(UserCommand),
    /// Make, list and revoke tokens for programs
    #[command(subcommand)]
    Token(TokenCommand),
}

// A password is never an argument: every user of the machine can read those.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is asked for, or read from standard input
    Add {
        /// Name
        name: String,
        /// viewer, operator or admin
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// Camera that may be seen, by its id; may be given more than once. Without it every camera
        #[arg(long = "camera", value_name = "ID")]
        cameras: Vec<String>,
    },
    /// List the users
    List,
    /// Set a user's password; all sessions of the user end
    Passwd {
        /// Name
        name: String,
    },
    /// Remove a user, with all sessions, tokens and links
    Remove {
        /// Name
        name: String,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it; it is shown this once
    Create {
        /// What it is for
        name: String,
        /// viewer, operator or admin
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// Camera that may be seen, by its id; may be given more than once. Without it every camera
        #[arg(long = "camera", value_name = "ID")]
        cameras: Vec<String>,
        /// Days until it ends; without it, it holds until it is revoked
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
    /// List the tokens, without their secrets
    List,
    /// Revoke a token
    Revoke {
        /// Its number in the list
        id: i64,
    },
}

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
#[derive(Clone, Debug, Default, Parser)]
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
    /// Begin with empty databases where those that were there are missing
    #[arg(long, global = true)]
    pub(crate) accept_empty: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default)
    Serve,
    /// Check the configuration and explain it, without starting anything
    Check,
    /// Ask the running server how it is doing: exits with 0 if it is well, 1 if it is degraded, 2 if it does not answer
    Health {
        /// Its address, such as https://cctv.example.org/; without it, where this configuration has it
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Look at everything the server needs, and say what to do: exits with 0 if nothing fails, 1 if something does
    Doctor(DoctorArgs),
    /// List the copies of databases made before upgrades, or put one of them back while no server runs
    Rollback {
        /// File name of the copy, as it is listed
        copy: Option<String>,
    },
    /// Print the OpenAPI document
    Openapi,
    /// Print what can be configured: for editors, or as the tables of the documentation
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Add, list and remove users, and set their passwords
    #[command(subcommand)]
    User(UserCommand),
    /// Make, list and revoke tokens for programs
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make, list and revoke links to one camera's pictures, for people without an account
    #[command(subcommand)]
    Link(LinkCommand),
}

/// In which form.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key as a JSON schema
    Schema,
    /// Every key as tables in Markdown
    Reference,
}

/// How to look.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
    /// Start each camera too, and have it give a picture
    #[arg(long = "try")]
    pub(crate) try_cameras: bool,
    /// Where /dev, /proc, /sys, /run and /etc are, for tests
    #[arg(long, hide = true, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,
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
        #[command(flatten)]
        places: PlacesArgs,
    },
    /// List the users
    List,
    /// Set a user's password; all sessions of the user end
    Passwd {
        /// Name
        name: String,
    },
    /// Set what a user may do in general
    Role {
        /// Name
        name: String,
        /// viewer, operator or admin
        role: Role,
    },
    /// Set which cameras a user may see
    Cameras {
        /// Name
        name: String,
        /// Camera that may be seen, by its id; may be given more than once. Without it every camera
        #[arg(long = "camera", value_name = "ID")]
        cameras: Vec<String>,
    },
    /// Set from which networks a user may come; without any, from everywhere
    Networks {
        /// Name
        name: String,
        #[command(flatten)]
        places: PlacesArgs,
    },
    /// Remove a user, with all sessions, tokens and links
    Remove {
        /// Name
        name: String,
    },
}

/// From where somebody may come.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlacesArgs {
    /// Network it may be used from, such as 192.168.0.0/16; may be given more than once. Without it everywhere
    #[arg(long, value_name = "NETWORK")]
    pub(crate) allow: Vec<String>,
    /// Network it may not be used from, whatever else is said; may be given more than once
    #[arg(long, value_name = "NETWORK")]
    pub(crate) deny: Vec<String>,
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
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
        expires_in_days: Option<u32>,
        #[command(flatten)]
        places: PlacesArgs,
    },
    /// List the tokens, without their secrets
    List,
    /// Revoke a token
    Revoke {
        /// Its number in the list
        id: i64,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// Make a link and print its address behind the server's name; it is shown this once
    Create {
        /// Id of the camera
        camera: String,
        /// To one picture; without it, to the live stream
        #[arg(long)]
        snapshot: bool,
        /// Hours until it ends
        #[arg(long, value_name = "HOURS", default_value = "24", value_parser = clap::value_parser!(u32).range(1..=8784))]
        expires_in_hours: u32,
    },
    /// List the links, without their secrets
    List,
    /// Revoke a link
    Revoke {
        /// Its number in the list
        id: i64,
    },
}

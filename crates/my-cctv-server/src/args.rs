//! The command line.

use std::{net::IpAddr, path::PathBuf};

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

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server (the default)
    Serve,
    /// Check the configuration and explain it, without starting anything
    Check,
    /// Print the OpenAPI document
    Openapi,
}

//! Where log lines go, and how they look.

use std::io::{self, IsTerminal as _};

use tracing::error;
use tracing_subscriber::{EnvFilter, reload};

use crate::config::LogFormat;

/// Which lines are written; may become others while the server runs.
pub(crate) struct Level(Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>);

impl Level {
    pub(crate) fn set(&self, filter: EnvFilter) {
        if let Err(error) = (self.0)(filter) {
            error!(%error, "the log level stays as it was");
        }
    }
}

/// Lines for people on a terminal, JSON for programs elsewhere; to stderr, and nowhere else.
pub(crate) fn start(filter: EnvFilter, format: LogFormat) -> Level {
    let human = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if human {
        let builder = builder
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Level(Box::new(move |filter| handle.reload(filter)))
    } else {
        let builder = builder
            .json()
            .with_current_span(true)
            .with_span_list(false)
            .with_filter_reloading();
        let handle = builder.reload_handle();
        builder.init();
        Level(Box::new(move |filter| handle.reload(filter)))
    }
}

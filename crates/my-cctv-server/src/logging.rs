//! Where log lines go, and how they look.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Lines for people on a terminal, JSON for programs elsewhere; to stderr, and nowhere else.
pub(crate) fn start(filter: EnvFilter, format: LogFormat) {
    let human = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if human {
        builder
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .init();
    } else {
        builder
            .json()
            .with_current_span(true)
            .with_span_list(false)
            .init();
    }
}

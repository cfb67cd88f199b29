//! The daemon: arguments, configuration, wiring, signals; nothing else.

mod args;
mod config;
mod daemon;
mod logging;
mod reload;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use args::{Args, Command};
use config::Config;

/// Runs the program with `args`, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // A closed terminal is no reason to fail; clap's own codes are 0 for help and 2 for misuse.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let result = match args.command.unwrap_or(Command::Serve) {
        Command::Serve => config::load(&args.options)
            .map_err(Into::into)
            .and_then(|config| daemon::serve(config, args.options)),
        Command::Check => check(&args.options),
        Command::Openapi => print(&serve::openapi_json()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "my-cctv-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Explains the configuration without starting anything.
fn check(options: &args::Options) -> anyhow::Result<()> {
    let config: Config = config::load(options)?;
    print(&config.explain())
}

fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        // `my-cctv-server openapi | head`
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

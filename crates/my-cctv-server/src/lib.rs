//! The daemon: arguments, configuration, wiring, signals; nothing else.

mod args;
mod config;
mod daemon;
mod databases;
mod doctor;
mod health;
mod instance;
mod keeper;
mod owner;
mod people;
mod rollback;
mod running;
mod service;
mod settings;
mod store;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use args::{Args, Command, ConfigCommand};
use config::Layers;
use store::Store;

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
        Command::Serve => Layers::read(&args.options)
            .map_err(Into::into)
            .and_then(|layers| daemon::serve(&layers, args.options)),
        Command::Check => check(&args.options),
        Command::Health { url } => return health::ask(&args.options, url.as_deref()),
        Command::Doctor(how) => return doctor::run(&args.options, &how),
        Command::Openapi => print(&serve::openapi_json(&config::table::schema())),
        Command::Config(ConfigCommand::Schema) => print(&format!("{:#}", config::table::schema())),
        Command::Config(ConfigCommand::Reference) => print(&config::reference::markdown()),
        Command::Rollback { copy } => config::load(&args.options)
            .map_err(Into::into)
            .and_then(|(config, _)| rollback::run(&config, copy.as_deref()))
            .and_then(|text| print(&text)),
        Command::User(command) => databases::load(&args.options)
            .and_then(|(config, _)| people::user(&config.accounts, command))
            .and_then(|text| print(&text)),
        Command::Token(command) => databases::load(&args.options)
            .and_then(|(config, _)| people::token(&config.accounts, command))
            .and_then(|text| print(&text)),
        Command::Link(command) => databases::load(&args.options)
            .and_then(|(config, _)| {
                people::link(&config.accounts, &config.serve.base_path, command)
            })
            .and_then(|text| print(&text)),
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
    let (mut config, written) = config::load(options)?;
    let store = Store::new(config.data_dir.clone());
    // The server starts all the same.
    let trouble = owner::begin(&mut config, &written, &store).err();
    let certificate = match &config.tls {
        Some(tls) => tls
            .origin
            .check()
            .map_err(|error| anyhow::anyhow!("`server.tls`: {error}"))?,
        None => None,
    };
    let mut text = config.explain();
    if let Some(facts) = certificate {
        text += &format!(
            "certificate  valid until {}, SHA-256 {}\n",
            facts.valid_until, facts.fingerprint
        );
    }
    if let Some(trouble) = trouble {
        text += &format!("attention    what was changed through the API is left out: {trouble}\n");
    }
    print(&text)
}

fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        // `my-cctv-server openapi | head`
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

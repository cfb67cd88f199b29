//! `doctor`: looks at everything the server needs, and says line by line what it saw and what to do.
//!
//! Each check is a small function; those that read the system's files do so below a [`Root`]. Nothing is changed, and
//! nothing written but the probe of the disk's speed.

mod cameras;
mod machine;
mod network;
mod report;
mod root;
mod storage;

use std::{
    collections::BTreeSet,
    fs,
    io::{self, IsTerminal as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};

use crate::{
    args::{DoctorArgs, Options},
    config::{self, Config, ConfigError, Layers},
    instance, owner,
    store::Store,
};
use report::{Finding, Level, Report};
use root::Root;

/// Runs all checks and prints what they saw: 0 where nothing fails, 1 where something does, 2 where it cannot be said.
pub(crate) fn run(options: &Options, args: &DoctorArgs) -> ExitCode {
    let said = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::new)
        .and_then(|runtime| {
            let report = Report::new(runtime.block_on(examine(options, args)));
            runtime.shutdown_background();
            print(&report, args.json)?;
            Ok(report.is_failing())
        });
    match said {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "my-cctv-server: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn print(report: &Report, as_json: bool) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    let text = if as_json {
        serde_json::to_string_pretty(report)? + "\n"
    } else {
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        report.text(stdout.is_terminal() && !is_plain)
    };
    match stdout.write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Who has one of these files open, in words.
pub(crate) fn who_has(paths: &BTreeSet<PathBuf>) -> Option<String> {
    let holders = Root::new("/".into()).holders(paths);
    let process = &holders.first()?.process;
    Some(format!("pid {} ({})", process.pid, process.name))
}

async fn examine(options: &Options, args: &DoctorArgs) -> Vec<Finding> {
    let root = Root::new(args.root.clone().unwrap_or_else(|| "/".into()));
    let mut found = Vec::new();
    let config = configuration(options, &mut found);
    let written: Vec<PathBuf> = [std::env::current_exe().ok(), config::file(options)]
        .into_iter()
        .flatten()
        .chain(
            config
                .iter()
                .flat_map(|config| [config.accounts.clone(), config.index.path.clone()]),
        )
        .collect();
    if let Some(config) = &config {
        let holders = cameras::holders(&root);
        found.extend(cameras::programs(&config.cameras).await);
        found.extend(cameras::present(&config.cameras).await);
        found.extend(cameras::busy(&root, &config.cameras, &holders));
        found.push(cameras::rights(&root, &config.cameras));
        if args.try_cameras {
            found.extend(cameras::pictures(&root, &config.cameras, &holders).await);
        }
        found.extend(network::ports(&root, config));
        found.extend(network::encryption(config, SystemTime::now()));
        found.push(network::address(config));
        found.extend(storage::folder(&config.data_dir));
        found.push(storage::space(&config.data_dir));
        found.push(storage::speed(&config.data_dir));
        found.extend(storage::databases(config).await);
    }
    found.push(machine::kernel());
    found.push(machine::container(&root));
    found.push(machine::memory(&root));
    if let Some(config) = &config {
        found.push(machine::open_files(config.serve.max_connections));
        found.push(servers(&root, config));
    }
    found.push(machine::clock(&root, SystemTime::now(), &written));
    found.extend(machine::power().await);
    found
}

/// Without a configuration, all that hangs on it is left out.
fn configuration(options: &Options, found: &mut Vec<Finding>) -> Option<Config> {
    let name = "configuration.file";
    let fail = |error: ConfigError| {
        Finding::new(Level::Fail, name, error.to_string()).advise(
            "mend it; until then nothing starts, and what hangs on it was not looked at here",
        )
    };
    let layers = match Layers::read(options) {
        Ok(layers) => layers,
        Err(error) => {
            found.push(fail(error));
            return None;
        }
    };
    let (mut config, written) = match layers.check() {
        Ok(checked) => checked,
        Err(error) => {
            found.push(fail(error));
            return None;
        }
    };
    found.push(match config::file(options) {
        Some(path) => Finding::ok(name, format!("{}: no errors", path.display())),
        None => Finding::new(Level::Note, name, "there is no file: the defaults hold")
            .advise("write config.toml where you want something else"),
    });
    if let Some(path) = config::file(options)
        && has_login(layers.text())
        && fs::metadata(&path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
    {
        let path = path.display();
        let saw =
            format!("{path} holds a camera's password, and every user of this machine can read it");
        let advice = format!("chmod 640 {path}, with the group of the server's user");
        found.push(Finding::new(Level::Warn, "configuration.rights", saw).advise(advice));
    }
    let store = Store::new(config.data_dir.clone());
    if let Err(trouble) = owner::begin(&mut config, &written, &store) {
        let saw = format!("what was changed through the API is left out: {trouble}");
        found.push(Finding::new(Level::Warn, "configuration.changes", saw));
    }
    found.push(login(&config));
    Some(config)
}

/// Whether an address in it has a name and a password.
fn has_login(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '"', '\'', '\n', ' ']).next();
        authority.is_some_and(|it| it.contains('@'))
    })
}

fn login(config: &Config) -> Finding {
    let name = "configuration.login";
    if config.is_login_on {
        Finding::ok(name, "needed")
    } else if config.serve.listen.is_loopback() {
        Finding::new(
            Level::Note,
            name,
            "off: every user of this machine sees the pictures",
        )
    } else {
        Finding::new(
            Level::Warn,
            name,
            "off: whoever reaches the port sees the pictures",
        )
        .advise("set `auth.enabled`")
    }
}

/// Servers that run, and whether one of them has the folder.
fn servers(root: &Root, config: &Config) -> Finding {
    let name = "machine.servers";
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let is_server = |it: &root::Process| it.name == "my-cctv-server" && it.pid != own;
    let pids: Vec<_> = root.processes().into_iter().filter(is_server).collect();
    let pids: Vec<_> = pids.iter().map(|it| it.pid.to_string()).collect();
    let folder = config.data_dir.display();
    if instance::is_running(&config.data_dir) {
        let saw = format!("a server runs with {folder} (of {})", pids.join(", "));
        Finding::ok(name, saw)
    } else if pids.is_empty() {
        Finding::ok(name, "no server is running")
    } else {
        let saw = format!("running, but not with {folder}: pid {}", pids.join(", "));
        Finding::new(Level::Note, name, saw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_an_address_is_seen() {
        assert!(has_login("source = \"rtsp://a:b@10.0.0.1/1\""));
        for text in [
            "",
            "source = \"rtsp://10.0.0.1/@\"",
            "# see https://x.y, a@b",
        ] {
            assert!(!has_login(text), "{text}");
        }
    }
}

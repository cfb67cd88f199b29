//! What every test needs: a server, a client, and patience.

mod authority;
mod http;
mod log;
mod media;
mod net;
mod parts;
mod pebble;
mod program;
mod server;
mod socket;
mod tls;
mod token;
mod watcher;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

pub(crate) use authority::Scripted;
pub(crate) use http::{Client, Reply};
pub(crate) use media::{decode, draw, frames};
pub(crate) use net::{Line, Networks, Proxy};
pub(crate) use parts::{Part, Parts};
pub(crate) use pebble::Pebble;
pub(crate) use program::{Program, free_port, vlc_command};
pub(crate) use server::{Server, Setup};
pub(crate) use socket::Socket;
pub(crate) use tls::{
    Pair, Tunnel, curl, fingerprint, https, openssl, openssl_says, through_tunnel, with_tls,
};
pub(crate) use token::Token;
pub(crate) use watcher::Watcher;

/// Far more than anything here takes, even on a small machine with much else to do.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Looks again and again until `look` gives something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "not within {} s: {what}",
            LIMIT.as_secs()
        );
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Returns when `time` has passed: for tests about what must *not* happen meanwhile.
pub(crate) fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

/// A program that was built beside the server.
pub(crate) fn sibling(name: &str, build: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_my-cctv-server")).with_file_name(name);
    assert!(
        path.is_file(),
        "{} is not built: run `{build}` first",
        path.display()
    );
    path
}

/// A program of the system that the tests cannot do without.
pub(crate) fn tool(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: install the Debian package {package}"))
}

/// Writes a program of a few lines.
pub(crate) fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Whether a process runs; one that only waits to be reaped does not.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// Waits until none of the processes is left.
pub(crate) fn all_gone(pids: &[i32]) {
    for pid in pids {
        eventually(&format!("the end of process {pid}"), || {
            (!is_alive(*pid)).then_some(())
        });
    }
}

/// Says that something was not tested, past the capture of test output.
pub(crate) fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

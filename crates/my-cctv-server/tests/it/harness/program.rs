//! Other programs that a test runs beside the server.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use rustix::process::{Pid, Signal, kill_process};

use super::tool;

/// A program that runs as long as the test wants it to.
pub(crate) struct Program(Child);

impl Program {
    /// Starts it. It has no input, and says nothing unless its command was told where.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Its stdout, if the command was given a pipe for it.
    pub(crate) fn stdout(&mut self) -> std::process::ChildStdout {
        self.0.stdout.take().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on, on any address, and that nobody is given who does not ask for it: it is below those
/// that the kernel gives to connections and to servers without a port of their own.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 100).unwrap() * 100;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("::", port)).is_ok() {
            return port;
        }
    }
}

/// VLC without a window. It does not run as root, so the files it reads have to be everybody's.
pub(crate) fn vlc_command() -> Command {
    let vlc = tool("vlc", "vlc-bin");
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new(tool("setpriv", "util-linux"));
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(vlc);
        command
    } else {
        Command::new(vlc)
    };
    command.args(["--intf", "dummy", "--no-audio"]);
    command
}

//! Other programs that a test runs beside the server.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
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

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
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

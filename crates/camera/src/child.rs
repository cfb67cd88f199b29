//! One child process of a camera: started apart from us, its stderr always drained, stopped and reaped for certain.

use std::{
    collections::VecDeque,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use tokio::{
    io::AsyncReadExt as _,
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};
use tracing::{debug, error, info};

use crate::{Failure, Kind, Sink};

/// Lines of stderr kept for the diagnosis.
const KEPT_LINES: usize = 40;
/// A longer line is cut.
const LINE_BYTES: usize = 500;

/// How long each signal may take before the next, harder one. rpicam-vid looks at SIGINT only after a frame, ends at
/// once on SIGTERM, and the kernel may hold it even after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(1);

/// A running program.
#[derive(Debug)]
pub(crate) struct Child {
    /// File name, for messages.
    pub(crate) name: String,
    pid: Option<Pid>,
    process: tokio::process::Child,
    /// There if it was spawned with a pipe for it.
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Lines,
}

impl Child {
    /// Starts `program` in a process group of its own, with `stdin` and a piped stdout. Should this process die, the
    /// kernel kills the child.
    pub(crate) fn spawn(program: &Path, args: &[String], stdin: Stdio) -> io::Result<Self> {
        let child = Self::spawn_unsaid(program, args, stdin)?;
        info!(program = %program.display(), args = args.join(" "), pid = child.process.id(), "camera program started");
        Ok(child)
    }

    /// The same without a line in the log, for what is only asked.
    pub(crate) fn spawn_unsaid(program: &Path, args: &[String], stdin: Stdio) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The texts on stderr are compared, so they must not be translated.
            .env("LC_ALL", "C")
            .process_group(0)
            .kill_on_drop(true);
        keep_secrets(&mut command);
        die_with_parent(&mut command);
        let mut process = command.spawn()?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take();
        let stderr = Lines::new(process.stderr.take());
        let name = program
            .file_name()
            .unwrap_or(program.as_os_str())
            .to_string_lossy()
            .into_owned();
        let pid = process
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .and_then(Pid::from_raw);
        Ok(Self {
            name,
            pid,
            process,
            stdin,
            stdout,
            stderr,
        })
    }

    /// Waits for the end, if it comes within `limit`.
    pub(crate) async fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        let ended = async {
            let Self {
                process,
                stderr,
                stdout,
                ..
            } = self;
            tokio::select! {
                status = process.wait() => status.ok(),
                () = async { tokio::join!(stderr.drain(), discard(stdout)); } => None,
            }
        };
        let status = timeout(limit, ended).await.ok().flatten();
        if status.is_some() {
            // What was said last is still in the pipe. Somebody else may hold its other end open.
            let _ = timeout(Duration::from_millis(200), self.stderr.drain_to_end()).await;
        }
        status
    }

    /// Stops the program: SIGINT, SIGTERM, SIGKILL, each with a second's patience. Both pipes are drained meanwhile,
    /// because a program that cannot write does not look at signals. Returns when it has been reaped; should the kernel
    /// hold it, `sink` is told at once, and that may take for ever.
    pub(crate) async fn stop(&mut self, sink: &mut dyn Sink) -> Option<ExitStatus> {
        for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
            self.signal(signal);
            if let Some(status) = self.ended_within(PATIENCE).await {
                debug!(program = self.name, %status, ?signal, "camera program stopped");
                // The rest of its group, if it had children of its own.
                self.signal(Signal::KILL);
                return Some(status);
            }
        }
        let pid = self.pid.map_or(0, |pid| pid.as_raw_nonzero().get());
        error!(
            program = self.name,
            pid, "camera program cannot be killed: the kernel holds it; a reboot is needed"
        );
        sink.trouble(Failure::new(
            Kind::Unkillable,
            format!("{}, process {pid}, is still there after SIGKILL", self.name),
        ));
        let status = self.process.wait().await.ok();
        info!(
            program = self.name,
            pid, "the camera program that could not be killed is gone"
        );
        status
    }

    /// To the whole group: a wrapper script's own child is the one that holds the camera.
    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid
            && let Err(error) = rustix::process::kill_process_group(pid, signal)
        {
            debug!(program = self.name, ?signal, %error, "signal not delivered");
        }
    }
}

async fn discard(stdout: &mut Option<ChildStdout>) {
    let mut buf = [0; 4096];
    if let Some(pipe) = stdout {
        while let Ok(1..) = pipe.read(&mut buf).await {}
        *stdout = None;
    }
    std::future::pending().await
}

/// What the environment tells the server (passwords, addresses with logins) is nothing to a camera program.
fn keep_secrets(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        // The service manager listens to the server alone.
        let is_ours = [b"NOTIFY_SOCKET".as_slice(), b"WATCHDOG_"];
        if bytes.starts_with(b"CCTV_")
            || bytes.starts_with(b"ADMIN_PASSWORD")
            || is_ours.iter().any(|ours| bytes.starts_with(ours))
        {
            command.env_remove(name);
        }
    }
}

/// Has the kernel kill the child when this process dies, by whatever cause.
#[expect(unsafe_code, reason = "the only way to run code between fork and exec")]
fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes two system calls
    // (prctl, getppid), allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the call above: then nobody would ever send the signal.
            if rustix::process::getppid() == Some(parent) {
                Ok(())
            } else {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        });
    }
}

/// The last lines of a program's stderr. Reading goes on whatever comes: a full pipe would block the program.
#[derive(Debug)]
pub(crate) struct Lines {
    pipe: Option<ChildStderr>,
    kept: VecDeque<String>,
    /// When each of them came.
    came: VecDeque<Instant>,
    partial: Vec<u8>,
    /// The newest line that was not looked at yet.
    fresh: Option<String>,
}

impl Lines {
    fn new(pipe: Option<ChildStderr>) -> Self {
        Self {
            pipe,
            kept: VecDeque::new(),
            came: VecDeque::new(),
            partial: Vec::new(),
            fresh: None,
        }
    }

    /// The lines kept, oldest first.
    pub(crate) fn kept(&mut self) -> &[String] {
        self.kept.make_contiguous()
    }

    /// How many of the lines kept came after `time`; all of them without one.
    pub(crate) fn newer_than(&self, time: Option<Instant>) -> usize {
        let newest_first = self.came.iter().rev();
        newest_first
            .take_while(|came| time.is_none_or(|time| time < **came))
            .count()
    }

    /// Reads until a whole line was read that `wanted` picks, and returns what it made of it. Never returns
    /// once the pipe is closed. Can be dropped and called again without loss.
    pub(crate) async fn watch<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        loop {
            if !self.read().await {
                return std::future::pending().await;
            }
            if let Some(found) = self.fresh.take().and_then(|line| wanted(&line)) {
                return found;
            }
        }
    }

    pub(crate) async fn drain(&mut self) {
        self.watch(|_| None::<()>).await;
    }

    async fn drain_to_end(&mut self) {
        while self.read().await {}
    }

    /// Reads once; false at the end.
    async fn read(&mut self) -> bool {
        let Some(pipe) = &mut self.pipe else {
            return false;
        };
        let mut buf = [0; 4096];
        let Ok(n @ 1..) = pipe.read(&mut buf).await else {
            self.pipe = None;
            self.end_line();
            return false;
        };
        for piece in buf[..n].split_inclusive(|&b| b == b'\n') {
            let room = LINE_BYTES.saturating_sub(self.partial.len());
            self.partial
                .extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
        true
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.partial).trim_end().to_owned();
        self.partial.clear();
        if line.is_empty() {
            return;
        }
        debug!(line, "camera program says");
        if self.kept.len() == KEPT_LINES {
            self.kept.pop_front();
            self.came.pop_front();
        }
        // A flood must not push the one telling line out before it is looked at.
        if self.fresh.is_none() || crate::failure::kind_of(&line).is_some() {
            self.fresh = Some(line.clone());
        }
        self.kept.push_back(line);
        self.came.push_back(Instant::now());
    }
}

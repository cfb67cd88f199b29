//! A running simulator and what a test does with it. Nothing here waits for a time to pass, only for things
//! to happen; the deadline is for a test that failed.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camera_sim::stamp::{self, Stamp};
use media::jpeg::Splitter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tempfile::TempDir;

/// Far more than anything here takes, even on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// What every supervisor should say, and fast frames.
pub(crate) const STREAM: &str = "-t 0 -n --flush --codec mjpeg --framerate 100 -o -";

/// A folder of its own for locks, frames and logs, and the environment that goes with it.
pub(crate) struct Place {
    dir: Arc<TempDir>,
    env: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let mut place = Self {
            dir,
            env: Vec::new(),
        };
        let (locks, frames) = (place.path("locks"), place.path("frames.mjpeg"));
        fs::write(&frames, [jpeg(16_300), jpeg(16_300)].concat()).unwrap();
        place.set("LOCK_DIR", locks.to_str().unwrap());
        place.set("FRAMES", frames.to_str().unwrap());
        place.set("START_MS", "30");
        place.set("STOP_MS", "20");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env
            .push((format!("CAMERA_SIM_{name}"), value.to_owned()));
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_camera-sim"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CAMERA_SIM_")) {
            command.env_remove(name);
        }
        command
            .envs(self.env.iter().cloned())
            .args(args.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Starts it; stderr goes to a file, so it is never full.
    pub(crate) fn start(&self, args: &str) -> Sim {
        let stderr = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        let (file, stderr_path) = stderr.keep().unwrap();
        let child = self.command(args).stderr(file).spawn().unwrap();
        Sim::new(self, child, stderr_path)
    }

    /// Runs it to its end: how it ended, stdout, stderr.
    pub(crate) fn run(&self, args: &str) -> (End, Vec<u8>, String) {
        self.start(args).finish()
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    Signal(i32),
}

pub(crate) struct Sim {
    pub(crate) child: Child,
    pub(crate) stdout: Option<ChildStdout>,
    stderr_path: PathBuf,
    splitter: Splitter,
    deadline: Instant,
    /// The folder lives as long as the program needs it.
    _dir: Arc<TempDir>,
}

impl Sim {
    pub(crate) fn new(place: &Place, mut child: Child, stderr_path: PathBuf) -> Self {
        let stdout = child.stdout.take();
        Self {
            child,
            stdout,
            stderr_path,
            splitter: Splitter::new(64 << 20),
            deadline: Instant::now() + DEADLINE,
            _dir: Arc::clone(&place.dir),
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr_path).unwrap()).into_owned()
    }

    /// Waits until stderr contains `text`.
    pub(crate) fn wait_for(&self, text: &str) {
        wait_until(text, || self.stderr().contains(text));
    }

    /// Some bytes of stdout; none at its end.
    pub(crate) fn read(&mut self) -> Vec<u8> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        assert!(
            !left.is_zero() && self.readable(left),
            "no output; stderr: {}",
            self.stderr()
        );
        let mut bytes = vec![0; 1 << 16];
        let n = self.stdout.as_mut().unwrap().read(&mut bytes).unwrap();
        bytes.truncate(n);
        bytes
    }

    /// At least so many bytes.
    pub(crate) fn read_at_least(&mut self, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < count {
            let more = self.read();
            assert!(
                !more.is_empty(),
                "output ended after {} of {count} bytes: {}",
                all.len(),
                self.stderr()
            );
            all.extend(more);
        }
        all
    }

    /// The next frame; none when output ends first.
    pub(crate) fn frame(&mut self) -> Option<Stamp> {
        loop {
            if let Some(jpeg) = self.splitter.next_picture() {
                return Some(stamp::read(&jpeg).unwrap());
            }
            let bytes = self.read();
            if bytes.is_empty() {
                return None;
            }
            self.splitter.extend(&bytes);
        }
    }

    pub(crate) fn frames(&mut self, count: usize) -> Vec<Stamp> {
        (0..count).map(|_| self.frame().expect("a frame")).collect()
    }

    /// Nothing is written for this long. Can only pass by mistake, never fail by one.
    pub(crate) fn is_silent(&self, span: Duration) -> bool {
        !self.readable(span)
    }

    /// It does not end for this long.
    pub(crate) fn stays(&self, span: Duration) -> bool {
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        !ready(&pidfd, span)
    }

    /// Bytes that wait in the pipe.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        rustix::io::ioctl_fionread(self.stdout.as_ref().unwrap()).unwrap()
    }

    /// Waits until the pipe takes no more.
    pub(crate) fn wait_for_stall(&self) {
        // 64 KiB in pages, the last of a write perhaps not full.
        wait_until("full pipe", || self.waiting_bytes() > 48 * 1024);
    }

    pub(crate) fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Reads to the end and waits.
    pub(crate) fn finish(mut self) -> (End, Vec<u8>, String) {
        let mut all = Vec::new();
        while self.stdout.is_some() {
            let bytes = self.read();
            if bytes.is_empty() {
                break;
            }
            all.extend(bytes);
        }
        let end = self.end();
        (end, all, self.stderr())
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> End {
        let pidfd = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        assert!(
            ready(&pidfd, DEADLINE),
            "still runs; stderr: {}",
            self.stderr()
        );
        let status = self.child.wait().unwrap();
        status
            .signal()
            .map_or_else(|| End::Code(status.code().unwrap()), End::Signal)
    }

    fn readable(&self, span: Duration) -> bool {
        ready(self.stdout.as_ref().unwrap(), span)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again.
pub(crate) fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !reached() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        camera_sim::clock::sleep(Duration::from_millis(2));
    }
}

fn ready(fd: &impl std::os::fd::AsFd, span: Duration) -> bool {
    let timeout = Timespec::try_from(span).unwrap();
    let mut polled = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut polled, Some(&timeout)).unwrap() > 0
}

/// A JPEG as far as markers go, of exactly `len` bytes once it is stamped.
pub(crate) fn jpeg(len: usize) -> Vec<u8> {
    let head =
        b"\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xFF\xDA\x00\x02";
    let mut jpeg = head.to_vec();
    jpeg.resize(len - 36 - 2, 0x55);
    jpeg.extend(b"\xFF\xD9");
    jpeg
}

/// Every whole frame, and what was no frame.
pub(crate) fn split(bytes: &[u8]) -> (Vec<Stamp>, media::jpeg::Dropped) {
    let mut splitter = Splitter::new(64 << 20);
    let mut stamps = Vec::new();
    for chunk in bytes.chunks(4096) {
        splitter.extend(chunk);
        while let Some(jpeg) = splitter.next_picture() {
            stamps.push(stamp::read(&jpeg).unwrap());
        }
    }
    (stamps, splitter.dropped())
}

/// Adds lines to a control file.
pub(crate) fn append(path: &Path, line: &str) {
    use std::io::Write as _;
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

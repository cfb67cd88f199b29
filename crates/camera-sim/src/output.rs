//! The output thread: what rpicam-vid's encoder hands to its file output, and the faults that strike there.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rustix::io::Errno;

use crate::clock;
use crate::console::say;
use crate::faults::Kind;
use crate::stdio::Stdio;

/// A captured frame on its way out.
#[derive(Debug)]
pub struct Job {
    /// The sensor's count.
    pub sequence: u64,
    /// When it was taken, CLOCK_MONOTONIC.
    pub captured_ns: u64,
    /// Encoded, but not written.
    pub paused: bool,
    /// Faults that strike here.
    pub faults: Vec<Kind>,
}

/// What the sensor's and the output thread tell each other.
#[derive(Clone, Debug, Default)]
pub struct Shared(Arc<State>);

#[derive(Debug, Default)]
struct State {
    in_flight: AtomicUsize,
    healed: AtomicU64,
}

impl Shared {
    /// Camera buffers that are taken.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Acquire)
    }

    /// A buffer is taken.
    pub fn taken(&self) {
        self.0.in_flight.fetch_add(1, Ordering::AcqRel);
    }

    /// A buffer is free again.
    pub fn freed(&self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Ends faults under way.
    pub fn heal(&self) {
        self.0.healed.fetch_add(1, Ordering::AcqRel);
    }

    /// Changes with each [`Shared::heal`].
    #[must_use]
    pub fn healed(&self) -> u64 {
        self.0.healed.load(Ordering::Acquire)
    }
}

/// Whatever makes frames into bytes.
pub trait Encode: Send {
    /// Encodes one frame and hands the bytes, if they are there already, to `out`.
    fn encode(&mut self, job: &Job, out: &mut Writer) -> io::Result<()>;

    /// Nothing comes any more: hands over what was still inside.
    fn finish(&mut self, _out: &mut Writer) -> io::Result<()> {
        Ok(())
    }
}

/// Writes frames until the sensor's side closes; then everything is out.
pub fn run(jobs: &Receiver<Job>, mut encoder: Box<dyn Encode>, mut out: Writer, shared: &Shared) {
    for mut job in jobs {
        // The encoder gives the camera its buffer back before it writes.
        shared.freed();
        for fault in std::mem::take(&mut job.faults) {
            match fault {
                Kind::Exit(code, why) => {
                    if let Some(why) = why {
                        say(&format!("ERROR: *** {why} ***"));
                    }
                    let _ = out.stdio.flush();
                    std::process::exit(i32::from(code));
                }
                Kind::Abort => {
                    say("terminate called without an active exception");
                    std::process::abort();
                }
                Kind::Signal(signal) => kill_self(signal),
                other => job.faults.push(other),
            }
        }
        if let Err(error) = encoder.encode(&job, &mut out) {
            out.failed(&error);
        }
    }
    if let Err(error) = encoder.finish(&mut out).and_then(|()| out.stdio.flush()) {
        out.failed(&error);
    }
}

fn kill_self(signal: i32) {
    match rustix::process::Signal::from_named_raw(signal) {
        Some(signal) => {
            // Rust's own SIGSEGV handler lets the first one pass.
            for _ in 0..10 {
                let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
                clock::sleep(Duration::from_millis(10));
            }
        }
        None => say(&format!("camera-sim: no signal {signal}")),
    }
}

/// The file output of rpicam-vid.
#[derive(Debug)]
pub struct Writer {
    /// Where bytes go.
    pub stdio: Stdio,
    /// `--flush`.
    pub flush: bool,
    /// `--verbose`.
    pub verbose: u32,
    /// Ends what never ends.
    pub shared: Shared,
    /// What the exception says when a write fails.
    pub failure: &'static str,
}

impl Writer {
    /// One frame, or what a fault makes of it.
    pub fn frame(&mut self, mut bytes: &[u8], faults: &[Kind]) -> io::Result<()> {
        for fault in faults {
            match fault {
                Kind::Garbage(count) => self.stdio.write(&noise(*count))?,
                Kind::Truncate(keep) => {
                    bytes = &bytes[..keep.unwrap_or(bytes.len() / 2).min(bytes.len())]
                }
                Kind::Endless => {
                    // All but the end marker, then more of the same.
                    self.stdio.write(&bytes[..bytes.len().saturating_sub(2)])?;
                    self.endless()?;
                    bytes = &[];
                }
                Kind::CloseOutput => {
                    let nowhere = std::fs::File::options().write(true).open("/dev/null")?;
                    rustix::stdio::dup2_stdout(&nowhere)?;
                }
                _ => {}
            }
        }
        self.stdio.write(bytes)?;
        if self.flush {
            self.stdio.flush()
        } else {
            Ok(())
        }
    }

    fn endless(&mut self) -> io::Result<()> {
        // Without FF there is no marker in it.
        let scan: Vec<u8> = noise(64 * 1024).iter().map(|b| b & 0x7F).collect();
        let healed = self.shared.healed();
        while self.shared.healed() == healed {
            self.stdio.write(&scan)?;
        }
        Ok(())
    }

    /// As an exception that nobody catches: the process is gone 0.2 s later.
    pub fn failed(&self, error: &io::Error) -> ! {
        if self.verbose > 0 && error.raw_os_error() == Some(Errno::PIPE.raw_os_error()) {
            say("Received signal 13");
        }
        say("terminate called after throwing an instance of 'std::runtime_error'");
        say(&format!("  what():  {}", self.failure));
        clock::sleep(Duration::from_millis(200));
        std::process::abort();
    }
}

/// Bytes that look like nothing, the same each time.
fn noise(count: usize) -> Vec<u8> {
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(count).collect()
}

//! The load generator: many viewers in one thread, every part checked, most bytes never copied.
//!
//! A viewer's receive path must cost less than the server's send path, or the bench measures itself.
//! So a part is read in three steps: its head, then the middle of the JPEG discarded by the kernel
//! (`MSG_TRUNC` on TCP drops instead of copying), then its last bytes together with the next delimiter. At 400
//! viewers of 40 KB frames that is 8.3 µs per frame against 9.9 with copying; the rest is the kernel's TCP.

mod http;
mod line;
mod order;
mod parts;
mod report;
mod tally;
mod tls;
mod viewer;

#[cfg(test)]
mod tests;

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::event::epoll;

pub use report::{ClassReport, Report};
pub use tally::{Fault, Tally};
use viewer::{Buffer, Read, Viewer};

use crate::clock::{monotonic_ns, own_cpu_ns, timespec};

/// Where to connect and what to ask for.
#[derive(Debug, Clone)]
pub struct Target {
    /// Host, port.
    pub address: SocketAddr,
    /// Encrypted, with whatever certificate.
    pub is_secure: bool,
    request: Vec<u8>,
}

impl Target {
    /// Reads `http://host:port/path` or `https://…`; `headers` are added to the request as they are.
    pub fn parse(url: &str, headers: &[String]) -> anyhow::Result<Self> {
        let (is_secure, rest) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => bail!("{url}: expected http:// or https://"),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let with_port = if authority.contains(':') {
            authority.to_owned()
        } else {
            format!("{authority}:{}", if is_secure { 443 } else { 80 })
        };
        let address = with_port
            .to_socket_addrs()
            .with_context(|| format!("look up {authority}"))?
            .next()
            .with_context(|| format!("no address for {authority}"))?;
        let path = if path.is_empty() { "/" } else { path };
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n");
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        Ok(Self {
            address,
            is_secure,
            request: request.into_bytes(),
        })
    }
}

/// How viewers behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Reads as fast as it can.
    Fast,
    /// Reads so many bytes per second.
    Slow(u32),
    /// Reads the response head, then nothing.
    Stalled,
}

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The streams; viewers take one after the other.
    pub targets: Vec<Target>,
    /// Viewers that read as fast as they can.
    pub viewers: usize,
    /// Further viewers that read slowly: how many, bytes per second each.
    pub slow: Option<(usize, u32)>,
    /// Further viewers that stop reading.
    pub stalled: usize,
    /// Between the last connection and the window.
    pub warmup: Duration,
    /// Length of the window.
    pub window: Duration,
    /// New connections per second.
    pub pace: u32,
}

/// What the run tells while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Everyone is connected and warm; what counts begins now.
    WindowOpens,
    /// What counts ended now.
    WindowCloses,
}

/// Slow viewers get their allowance this often.
const SLOW_TICK_NS: u64 = 50_000_000;
const SECOND_NS: u64 = 1_000_000_000;

struct Run<'a> {
    plan: &'a Plan,
    poll: rustix::fd::OwnedFd,
    viewers: Vec<Viewer>,
    buffer: Buffer,
    fast: Tally,
    slow: Tally,
    stalled: Tally,
}

/// Connects everyone, warms up, measures one window.
pub fn run(plan: &Plan, mut tell: impl FnMut(Moment)) -> anyhow::Result<Report> {
    let total = plan.viewers + plan.slow.map_or(0, |(count, _)| count) + plan.stalled;
    if total == 0 || plan.targets.is_empty() {
        bail!("no viewers, or nothing to look at");
    }
    if plan.slow.is_some() && plan.targets.iter().any(|target| target.is_secure) {
        bail!("slow viewers are played without TLS alone");
    }
    raise_file_limit(total);
    let mut run = Run {
        plan,
        poll: epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?,
        viewers: Vec::with_capacity(total),
        buffer: Buffer::default(),
        fast: Tally::default(),
        slow: Tally::default(),
        stalled: Tally::default(),
    };
    let gap_ns = SECOND_NS / u64::from(plan.pace.max(1));
    let mut due_ns = monotonic_ns();
    while run.viewers.len() < total {
        run.connect();
        due_ns += gap_ns;
        run.until(due_ns)?;
    }
    run.until(monotonic_ns() + nanoseconds(plan.warmup))?;

    for tally in run.tallies() {
        tally.open_window();
    }
    tell(Moment::WindowOpens);
    let (opened_ns, cpu_ns) = (monotonic_ns(), own_cpu_ns());
    run.until(opened_ns + nanoseconds(plan.window))?;
    let (closed_ns, cpu_ns) = (monotonic_ns(), own_cpu_ns() - cpu_ns);
    tell(Moment::WindowCloses);
    Ok(run.report(closed_ns - opened_ns, cpu_ns))
}

impl Run<'_> {
    fn tallies(&mut self) -> [&mut Tally; 3] {
        [&mut self.fast, &mut self.slow, &mut self.stalled]
    }

    fn class(&self, number: usize) -> Class {
        match self.plan.slow {
            _ if number < self.plan.viewers => Class::Fast,
            Some((count, rate)) if number < self.plan.viewers + count => Class::Slow(rate),
            _ => Class::Stalled,
        }
    }

    fn connect(&mut self) {
        let number = self.viewers.len();
        let class = self.class(number);
        let target = &self.plan.targets[number % self.plan.targets.len()];
        let viewer = Viewer::connect(class, target).and_then(|viewer| {
            if let Some(socket) = viewer.polled() {
                epoll::add(
                    &self.poll,
                    socket,
                    epoll::EventData::new_u64(number as u64),
                    epoll::EventFlags::IN,
                )?;
            }
            Ok(viewer)
        });
        let viewer = viewer.unwrap_or_else(|error| {
            self.tally(class)
                .fault(Fault::Connect, || error.to_string());
            Viewer::absent(class)
        });
        self.viewers.push(viewer);
    }

    fn tally(&mut self, class: Class) -> &mut Tally {
        match class {
            Class::Fast => &mut self.fast,
            Class::Slow(_) => &mut self.slow,
            Class::Stalled => &mut self.stalled,
        }
    }

    /// Reads for everyone until this time.
    fn until(&mut self, end_ns: u64) -> anyhow::Result<()> {
        let mut events = [EMPTY_EVENT; 256];
        let mut tick_ns = monotonic_ns();
        loop {
            let now_ns = monotonic_ns();
            if end_ns <= now_ns {
                return Ok(());
            }
            let mut wait_ns = end_ns - now_ns;
            if self.plan.slow.is_some() {
                if tick_ns <= now_ns {
                    self.read_slowly(now_ns);
                    tick_ns = now_ns + SLOW_TICK_NS;
                }
                wait_ns = wait_ns.min(tick_ns.saturating_sub(now_ns));
            }
            let timeout = timespec(Duration::from_nanos(wait_ns));
            let count = match epoll::wait(&self.poll, &mut events, Some(&timeout)) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error).context("epoll_wait"),
            };
            for event in &events[..count] {
                let number = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                self.read(number);
            }
        }
    }

    fn read(&mut self, number: usize) {
        let class = self.class(number);
        let tally = match class {
            Class::Fast => &mut self.fast,
            Class::Slow(_) => &mut self.slow,
            Class::Stalled => &mut self.stalled,
        };
        let viewer = &mut self.viewers[number];
        match viewer.read(&mut self.buffer, tally) {
            Read::Open => {}
            Read::Enough => {
                if let Some(socket) = viewer.polled() {
                    // It stays connected, but nobody asks it again.
                    let _ = epoll::delete(&self.poll, socket);
                }
            }
            Read::Closed(why) => {
                viewer.hang_up();
                tally.closed += 1;
                if class == Class::Fast {
                    tally.fault(Fault::Closed, || why.to_owned());
                }
            }
        }
    }

    fn read_slowly(&mut self, now_ns: u64) {
        let first = self.plan.viewers;
        let count = self.plan.slow.map_or(0, |(count, _)| count);
        let last = (first + count).min(self.viewers.len());
        for viewer in self.viewers.iter_mut().take(last).skip(first) {
            if let Read::Closed(_) = viewer.read_allowance(now_ns, &mut self.buffer, &mut self.slow)
            {
                viewer.hang_up();
                self.slow.closed += 1;
            }
        }
    }

    fn report(&self, window_ns: u64, cpu_ns: u64) -> Report {
        let class = |wanted: fn(Class) -> bool, tally: &Tally| {
            let frames = self
                .viewers
                .iter()
                .filter(|viewer| wanted(viewer.class()))
                .map(Viewer::frames);
            ClassReport::new(frames, tally)
        };
        Report {
            window_ns,
            load_cpu_ns: cpu_ns,
            fast: class(|class| class == Class::Fast, &self.fast),
            slow: class(|class| matches!(class, Class::Slow(_)), &self.slow),
            stalled: class(|class| class == Class::Stalled, &self.stalled),
        }
    }
}

const EMPTY_EVENT: epoll::Event = epoll::Event {
    flags: epoll::EventFlags::empty(),
    data: epoll::EventData::new_u64(0),
};

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

/// Makes room for one descriptor per viewer, as far as the hard limit allows.
pub fn raise_file_limit(sockets: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = sockets as u64 + 64;
    let current = match limit.maximum {
        Some(maximum) => wanted.min(maximum),
        None => wanted,
    };
    if limit.current.is_some_and(|now| now < current) {
        // Too low a limit shows itself at once as connections that fail.
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(current),
                maximum: limit.maximum,
            },
        );
    }
}

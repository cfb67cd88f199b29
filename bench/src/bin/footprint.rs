//! What the server costs beside the frames: start, idle CPU, disk writes, memory, size of the binary.

use std::fs;
use std::io::{self, Read as _, StdoutLock, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bench::clock::pause;
use bench::round::{Crowd, look, median};
use bench::subject::{
    Cpu, Programs, Running, Settings, Subject, beside, children, memory, written_bytes,
};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "Measures start, idle cost, memory and size of the server")]
struct Arguments {
    /// The server's release binary
    #[arg(long)]
    server: PathBuf,
    /// The camera stand-in
    #[arg(long)]
    camera: PathBuf,
    /// Fewer starts, shorter waits
    #[arg(long)]
    quick: bool,
    /// Lines of TOML for the server's configuration, ahead of the generated tables
    #[arg(long, default_value = "")]
    config: String,
}

/// What every measurement needs.
struct Bench {
    programs: Programs,
    settings: Settings,
    quick: bool,
    out: StdoutLock<'static>,
}

/// A fresh server is left alone this long before it counts as idle.
const SETTLE: Duration = Duration::from_secs(2);
const KNOCK_EVERY: Duration = Duration::from_micros(200);
const SLOWEST_START: Duration = Duration::from_secs(10);

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut bench = Bench {
        programs: Programs {
            server: arguments.server.canonicalize().context("--server")?,
            counted: None,
            limit: beside("limit")?,
            camera: arguments.camera.canonicalize().context("--camera")?,
            load: beside("load")?,
        },
        settings: Settings {
            config: arguments.config,
            ..Settings::default()
        },
        quick: arguments.quick,
        out: io::stdout().lock(),
    };
    writeln!(
        bench.out,
        "### Footprint\n\n| what | measured | budget |\n| --- | ---: | ---: |"
    )?;
    bench.binary()?;
    bench.start()?;
    bench.idle()?;
    bench.crowds()?;
    bench.stalled()?;
    writeln!(bench.out)?;
    Ok(())
}

impl Bench {
    fn row(&mut self, what: &str, measured: &str, budget: &str) -> anyhow::Result<()> {
        writeln!(self.out, "| {what} | {measured} | {budget} |")?;
        Ok(self.out.flush()?)
    }

    fn running(&self) -> anyhow::Result<Running> {
        Running::start(Subject::Server, &self.programs, &self.settings)
    }

    fn binary(&mut self) -> anyhow::Result<()> {
        let size = fs::metadata(&self.programs.server)
            .context("--server")?
            .len();
        self.row("binary", &megabytes(size / 1024), "≤ 25 MB")
    }

    /// Spawn → first connection → the first `/health` that answers 200.
    fn start(&mut self) -> anyhow::Result<()> {
        let times = if self.quick { 5 } else { 20 };
        let (mut connected_ms, mut healthy_ms) = (Vec::new(), Vec::new());
        for _ in 0..times {
            let (connected, healthy) = self.start_once()?;
            connected_ms.push(connected.as_secs_f64() * 1000.0);
            healthy_ms.push(healthy.as_secs_f64() * 1000.0);
        }
        let slowest = healthy_ms.iter().copied().fold(0.0, f64::max);
        self.row(
            &format!("start → listening, median of {times}"),
            &format!("{:.1} ms", median(connected_ms)),
            "≤ 100 ms",
        )?;
        self.row(
            &format!("start → `/health` answered, median of {times}"),
            &format!("{:.1} ms, slowest {slowest:.1}", median(healthy_ms)),
            "",
        )
    }

    fn start_once(&self) -> anyhow::Result<(Duration, Duration)> {
        // The port has to be known before the server says it. Between this and its bind another process
        // could take it; then the start fails and says so.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .context("find a free port")?
            .port();
        let settings = Settings {
            port,
            ..self.settings.clone()
        };
        let running = Running::spawn(Subject::Server, &self.programs, &settings)?;
        let mut connected = None;
        while running.spawned.elapsed() < SLOWEST_START {
            if let Ok(mut socket) = TcpStream::connect(running.address) {
                let connected = *connected.get_or_insert_with(|| running.spawned.elapsed());
                if healthy(&mut socket, &running).unwrap_or(false) {
                    return Ok((connected, running.spawned.elapsed()));
                }
            }
            pause(KNOCK_EVERY);
        }
        bail!("the server does not answer /health:\n{}", running.said());
    }

    fn idle(&mut self) -> anyhow::Result<()> {
        let seconds = if self.quick { 3 } else { 10 };
        let running = self.running()?;
        pause(SETTLE);
        let pid = running.pid();
        let (cpu, written) = (Cpu::read(pid)?, written_bytes(pid)?);
        pause(Duration::from_secs(seconds));
        let cpu = Duration::from_nanos(Cpu::read(pid)?.since(cpu));
        let written = written_bytes(pid)? - written;
        let percent = 100.0 * cpu.as_secs_f64() / Duration::from_secs(seconds).as_secs_f64();
        let idle = memory(pid)?;
        let cameras = children(pid)?.len();
        drop(running);
        self.row(
            &format!("idle CPU over {seconds} s"),
            &format!("{percent:.3} % of a core"),
            "≤ 0.1 %",
        )?;
        self.row("idle, bytes written to disk", &written.to_string(), "0")?;
        self.row("idle, camera programs running", &cameras.to_string(), "0")?;
        self.row(
            "idle RSS (anonymous)",
            &both(idle.rss_kb, idle.anonymous_kb),
            "≤ 12 MB",
        )
    }

    fn crowds(&mut self) -> anyhow::Result<()> {
        let seconds = if self.quick { 2.0 } else { 8.0 };
        for (viewers, budget) in [(15, "≤ 20 MB"), (1000, "≤ 40 MB")] {
            let running = self.running()?;
            let crowd = Crowd::of(viewers, seconds);
            let round =
                look(&running, &self.programs, &crowd, false).with_context(|| running.said())?;
            drop(running);
            self.row(
                &format!("RSS with 1 camera, {viewers} viewers (anonymous)"),
                &both(round.memory.rss_kb, round.memory.anonymous_kb),
                budget,
            )?;
        }
        Ok(())
    }

    /// Memory beside viewers that stopped reading must not grow. The first seconds fill socket buffers and
    /// the allocator's arenas; the slope is taken over what follows.
    fn stalled(&mut self) -> anyhow::Result<()> {
        let seconds: u32 = if self.quick { 4 } else { 20 };
        let (viewers, stalled) = (1, 10);
        // They stay for the whole time, instead of being shown out.
        let settings = Settings {
            server: "viewer_timeout_s = 3600".to_owned(),
            ..self.settings.clone()
        };
        let running = Running::start(Subject::Server, &self.programs, &settings)?;
        let mut crowd = Command::new(&self.programs.load)
            .args(["--url", &running.stream_url()])
            .args(["--viewers", &viewers.to_string()])
            .args(["--stalled", &stalled.to_string()])
            .args(["--seconds", &(seconds + 3).to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("start load")?;
        pause(Duration::from_secs(4));
        let before_kb = memory(running.pid())?.rss_kb;
        pause(Duration::from_secs(seconds.into()));
        let after_kb = memory(running.pid())?.rss_kb;
        // What it saw is `fanout`'s business.
        let _ = crowd.kill();
        crowd.wait().context("wait for load")?;
        drop(running);
        let grown_kb = i64::try_from(after_kb)? - i64::try_from(before_kb)?;
        self.row(
            &format!("RSS with {stalled} stalled viewers, change per second over {seconds} s"),
            &format!("{:+} kB", grown_kb / i64::from(seconds)),
            "flat",
        )
    }
}

/// Asks for `/health`; false when it is not (yet) answered with 200.
fn healthy(socket: &mut TcpStream, running: &Running) -> io::Result<bool> {
    let address = running.address;
    write!(
        socket,
        "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut status = [0; 12];
    socket.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}

fn both(rss_kb: u64, anonymous_kb: u64) -> String {
    format!("{} ({})", megabytes(rss_kb), megabytes(anonymous_kb))
}

/// One decimal, rounded up: a budget is not met by rounding.
fn megabytes(kb: u64) -> String {
    let tenths = (kb * 10).div_ceil(1000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

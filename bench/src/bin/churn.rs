//! Many connections that come and go in every way there is, and what the server still holds afterwards.

use std::io::{self, Read as _, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bench::clock::pause;
use bench::load::raise_file_limit;
use bench::subject::{Programs, Running, Settings, Subject, descriptors, memory, threads};
use clap::Parser;
use fastrand::Rng;
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

#[derive(Debug, Parser)]
#[command(about = "Connects and disconnects, and says what the server still holds")]
struct Arguments {
    /// The server
    #[arg(long)]
    server: PathBuf,
    /// The camera stand-in
    #[arg(long)]
    camera: PathBuf,
    /// Connections in all
    #[arg(long, default_value_t = 100_000)]
    cycles: u64,
    /// Connections at a time
    #[arg(long, default_value_t = 64)]
    parallel: usize,
    /// Of everything random; chosen if none is given
    #[arg(long)]
    seed: Option<u64>,
    /// Fewer connections
    #[arg(long)]
    quick: bool,
}

/// The first tenth fills what is filled once.
const STAGES: u64 = 10;
/// From the end of the first tenth to the end.
const MOST_RISE_KB: u64 = 2048;
const TIMEOUT: Duration = Duration::from_secs(15);
/// A run that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(1800);

/// How a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Says nothing.
    Silent,
    /// Before its request is complete.
    HalfARequest,
    /// Without waiting for the answer.
    AfterTheRequest,
    /// The same, with a reset.
    ResetAfterTheRequest,
    /// When it has the head.
    AfterTheHead,
    /// In the middle of a picture.
    InAPicture,
    /// The same, with a reset.
    ResetInAPicture,
    /// Ends its own direction, and reads on for a while.
    HalfClosed,
    /// With a whole answer.
    Snapshot,
    /// With several, on one connection.
    KeptAlive,
}

const WAYS: [Way; 10] = [
    Way::Silent,
    Way::HalfARequest,
    Way::AfterTheRequest,
    Way::ResetAfterTheRequest,
    Way::AfterTheHead,
    Way::InAPicture,
    Way::ResetInAPicture,
    Way::HalfClosed,
    Way::Snapshot,
    Way::KeptAlive,
];

const STREAM: &[u8] = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
const SNAPSHOT: &[u8] = b"GET /snapshot HTTP/1.0\r\nHost: localhost\r\n\r\n";
const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What the server holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    rss_kb: u64,
    descriptors: usize,
    threads: usize,
}

impl Held {
    fn look(pid: u32) -> anyhow::Result<Self> {
        Ok(Self {
            rss_kb: memory(pid)?.rss_kb,
            descriptors: descriptors(pid)?,
            threads: threads(pid)?,
        })
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        arguments.cycles = arguments.cycles.min(10_000);
    }
    raise_file_limit(arguments.parallel + 64);
    let programs = Programs {
        server: arguments.server.canonicalize().context("--server")?,
        counted: None,
        limit: PathBuf::new(),
        camera: arguments.camera.canonicalize().context("--camera")?,
        load: PathBuf::new(),
    };
    let settings = Settings {
        // Not a line for each client.
        config: "log.level = \"info,serve=warn\"\n".to_owned(),
        ..Settings::default()
    };
    let running = Running::start(Subject::Server, &programs, &settings)?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let mut out = io::stdout().lock();
    let good = churn(&mut out, &running, &arguments, seed).with_context(|| running.said())?;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn churn(
    out: &mut impl Write,
    running: &Running,
    arguments: &Arguments,
    seed: u64,
) -> anyhow::Result<bool> {
    let (address, cycles) = (running.address, arguments.cycles);
    writeln!(
        out,
        "### {cycles} connections, {} at a time, seed {seed}\n\n\
         | connections | RSS kB | descriptors | threads |\n| ---: | ---: | ---: | ---: |",
        arguments.parallel
    )?;
    let mut row = |count: u64, held: Held| {
        writeln!(
            out,
            "| {count} | {} | {} | {} |",
            held.rss_kb, held.descriptors, held.threads
        )
        .and_then(|()| out.flush())
    };
    // Keeps the camera on; it sees the whole run and must not be disturbed.
    let mut stays = dial(address, Ipv4Addr::LOCALHOST)?;
    stays.write_all(STREAM)?;
    let mut first_bytes = [0; 50_000];
    stays
        .read_exact(&mut first_bytes)
        .context("the viewer that stays")?;

    let begun = Instant::now();
    let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let over = AtomicBool::new(false);
    let mut rng = Rng::with_seed(seed);
    let first = Held::look(running.pid())?;
    row(0, first)?;
    let mut warm = first;
    let (sample, took) = thread::scope(|scope| -> anyhow::Result<(Option<String>, Duration)> {
        let clients: Vec<_> = (0..arguments.parallel.max(1))
            .map(|_| {
                let mut rng = rng.fork();
                let (done, failed, over) = (&done, &failed, &over);
                scope.spawn(move || {
                    let mut sample = None;
                    while !over.load(Relaxed) && done.fetch_add(1, Relaxed) < cycles {
                        let way = WAYS[rng.usize(..WAYS.len())];
                        if let Err(error) = visit(address, way, &mut rng) {
                            failed.fetch_add(1, Relaxed);
                            sample.get_or_insert_with(|| format!("{way:?}: {error}"));
                        }
                    }
                    sample
                })
            })
            .collect();
        let reader = {
            let (over, mut stays) = (&over, stays.try_clone()?);
            scope.spawn(move || {
                let mut some = vec![0; 1 << 16];
                while !over.load(Relaxed) {
                    if !matches!(stays.read(&mut some), Ok(1..)) {
                        return false;
                    }
                }
                true
            })
        };
        let mut stage = 1;
        let watched = loop {
            let count = done.load(Relaxed).min(cycles);
            if stage <= count * STAGES / cycles.max(1) {
                let held = Held::look(running.pid())?;
                if stage == 1 {
                    warm = held;
                }
                if let Err(error) = row(count, held) {
                    break Err(error);
                }
                stage += 1;
            }
            if clients.iter().all(thread::ScopedJoinHandle::is_finished)
                || LONGEST < begun.elapsed()
            {
                break Ok(());
            }
            pause(Duration::from_millis(5));
        };
        let took = begun.elapsed();
        over.store(true, Relaxed);
        let samples = clients
            .into_iter()
            .filter_map(|client| client.join().ok().flatten());
        let mut sample = samples.last();
        if !reader.join().unwrap_or(false) {
            failed.fetch_add(1, Relaxed);
            sample = Some("the viewer that stays lost its stream".to_owned());
        }
        watched?;
        Ok((sample, took))
    })?;

    let last = settle(running.pid(), first)?;
    row(cycles, last)?;
    let made = done.load(Relaxed).min(cycles);
    let rise_kb = last.rss_kb.saturating_sub(warm.rss_kb);
    let failed = failed.load(Relaxed);
    let good = made == cycles
        && failed == 0
        && last.descriptors <= first.descriptors
        && last.threads <= first.threads
        && rise_kb <= MOST_RISE_KB;
    writeln!(
        out,
        "\n{made} connections in {:.1} s, {:.0} per second; {failed} not served; RSS {:+} kB from the first tenth \
         to the end (at most {MOST_RISE_KB}), descriptors {:+}, threads {:+}: {}\n",
        took.as_secs_f64(),
        as_f64(made) / took.as_secs_f64(),
        last.rss_kb.cast_signed() - warm.rss_kb.cast_signed(),
        last.descriptors.cast_signed() - first.descriptors.cast_signed(),
        last.threads.cast_signed() - first.threads.cast_signed(),
        if good { "✓" } else { "✗" }
    )?;
    if let Some(sample) = sample {
        writeln!(out, "FAULT: {sample}\n")?;
    }
    Ok(good)
}

/// Waits until nothing is held that was not at the start.
fn settle(pid: u32, first: Held) -> anyhow::Result<Held> {
    let begun = Instant::now();
    loop {
        let held = Held::look(pid)?;
        let settled = held.descriptors <= first.descriptors && held.threads <= first.threads;
        if settled || TIMEOUT < begun.elapsed() {
            return Ok(held);
        }
        pause(Duration::from_millis(20));
    }
}

/// Each of 250 addresses of this machine has ports of its own, so that ports in TIME_WAIT do not run out.
fn visit(address: SocketAddr, way: Way, rng: &mut Rng) -> io::Result<()> {
    let mut socket = dial(address, Ipv4Addr::new(127, 0, 0, rng.u8(2..252)))?;
    let mut some = vec![0; rng.usize(1..120_000)];
    match way {
        Way::Silent => {}
        Way::HalfARequest => socket.write_all(&STREAM[..rng.usize(1..STREAM.len())])?,
        Way::AfterTheRequest => socket.write_all(STREAM)?,
        Way::ResetAfterTheRequest => {
            socket.write_all(STREAM)?;
            reset(&socket)?;
        }
        Way::AfterTheHead => {
            socket.write_all(STREAM)?;
            expect_ok(&mut socket)?;
        }
        Way::InAPicture => {
            socket.write_all(STREAM)?;
            expect_ok(&mut socket)?;
            socket.read_exact(&mut some)?;
        }
        Way::ResetInAPicture => {
            socket.write_all(STREAM)?;
            expect_ok(&mut socket)?;
            socket.read_exact(&mut some)?;
            reset(&socket)?;
        }
        Way::HalfClosed => {
            socket.write_all(STREAM)?;
            socket.shutdown(Shutdown::Write)?;
            // The server may take it for gone, at any point.
            let _ = socket.read(&mut some);
        }
        Way::Snapshot => {
            socket.write_all(SNAPSHOT)?;
            expect_ok(&mut socket)?;
            let mut picture = Vec::new();
            socket.read_to_end(&mut picture)?;
            if !picture.ends_with(b"\xFF\xD9") {
                return Err(io::Error::other("no whole picture"));
            }
        }
        Way::KeptAlive => {
            for _ in 0..rng.usize(1..4) {
                socket.write_all(HEALTH)?;
                whole_answer(&mut socket)?;
            }
        }
    }
    Ok(())
}

/// Reads one answer with a length, and no further.
fn whole_answer(socket: &mut TcpStream) -> io::Result<()> {
    expect_ok(socket)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let length: usize = length.ok_or_else(|| io::Error::other("an answer without a length"))?;
    socket.read_exact(&mut vec![0; length])
}

fn expect_ok(socket: &mut TcpStream) -> io::Result<()> {
    let mut head = [0; 15];
    socket.read_exact(&mut head)?;
    if &head[8..12] == b" 200" {
        Ok(())
    } else {
        Err(io::Error::other(head.escape_ascii().to_string()))
    }
}

fn reset(socket: &TcpStream) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_linger(
        socket,
        Some(Duration::ZERO),
    )?)
}

fn dial(address: SocketAddr, from: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::new(IpAddr::V4(from), 0))?;
    let socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(TIMEOUT))?;
    // It bounds connecting, too.
    socket.set_write_timeout(Some(TIMEOUT))?;
    connect(&socket, &address)?;
    Ok(socket)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

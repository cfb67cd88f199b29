//! What a login costs: processor time of one, and memory while many try at the same time.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bench::round::median;
use bench::subject::{Cpu, Programs, Running, Settings, Subject, beside, memory, peak_kb};
use clap::Parser;
use socket2::{Domain, Socket, Type};

#[derive(Debug, Parser)]
#[command(about = "Measures processor time and memory of logins")]
struct Arguments {
    /// The server's release binary
    #[arg(long)]
    server: PathBuf,
    /// The camera stand-in
    #[arg(long)]
    camera: PathBuf,
}

const PASSWORD: &str = "a password of the bench";
/// Logins one after the other, for a median.
const ALONE: u32 = 20;
const AT_ONCE: u32 = 200;
/// What a login may take of a core of the smallest board.
const BUDGET_MS: f64 = 1000.0;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let programs = Programs {
        server: arguments.server.canonicalize().context("--server")?,
        counted: None,
        limit: beside("limit")?,
        camera: arguments.camera.canonicalize().context("--camera")?,
        load: beside("load")?,
    };
    let settings = Settings {
        password: Some(PASSWORD.to_owned()),
        ..Settings::default()
    };
    let running = Running::start(Subject::Server, &programs, &settings)?;
    let (pid, server) = (running.pid(), running.address);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "### Login\n\n| what | measured | budget |\n| --- | ---: | ---: |"
    )?;

    let first_ms = cpu_ms(pid, || log_in(server, address(0), PASSWORD, 200))?;
    let mut guesses_ms = Vec::new();
    for n in 1..=ALONE {
        // Each from an address of its own: nobody waits.
        guesses_ms.push(cpu_ms(pid, || log_in(server, address(n), "a guess", 401))?);
    }
    let guess_ms = median(guesses_ms);
    let again_ms = cpu_ms(pid, || log_in(server, address(0), PASSWORD, 200))?;
    writeln!(
        out,
        "| CPU of a login, the first time (Argon2id, 19 MiB, two passes) | {first_ms:.0} ms | |\n\
         | CPU of a wrong one, median of {ALONE} | {guess_ms:.0} ms | |\n\
         | CPU of a login that was right lately | {again_ms:.1} ms | |\n\
         | a core may be slower than this one by, until a login takes a second | {:.0}x | |",
        BUDGET_MS / guess_ms.max(first_ms)
    )?;

    let before_kb = memory(pid)?.rss_kb;
    let logins: Vec<_> = (0..AT_ONCE)
        .map(|n| thread::spawn(move || status(server, address(1000 + n), "a guess")))
        .collect();
    let mut statuses = BTreeMap::<u16, u32>::new();
    for login in logins {
        let status = login.join().map_err(|_| anyhow::anyhow!("a login"))??;
        *statuses.entry(status).or_default() += 1;
    }
    let grown_kb = peak_kb(pid)?.saturating_sub(before_kb);
    let count = |status| statuses.get(&status).copied().unwrap_or(0);
    writeln!(
        out,
        "| peak of RSS over idle, {AT_ONCE} wrong logins at once ({} calculated, {} told to come later) | {:.1} MB | two calculations |\n",
        count(401),
        count(503),
        grown_kb as f64 / 1024.0
    )?;
    if count(401) + count(503) != AT_ONCE {
        bail!("other answers: {statuses:?}");
    }
    Ok(())
}

/// One of this machine's own addresses.
fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 9, 0, 1)) + n)
}

/// Processor time of the server while `work` is done, in milliseconds.
fn cpu_ms(pid: u32, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let before = Cpu::read(pid)?;
    work()?;
    Ok(Cpu::read(pid)?.since(before) as f64 / 1e6)
}

fn log_in(server: SocketAddr, own: Ipv4Addr, password: &str, wanted: u16) -> anyhow::Result<()> {
    let status = status(server, own, password)?;
    if status != wanted {
        bail!("a login was answered with {status}, and not with {wanted}");
    }
    Ok(())
}

fn status(server: SocketAddr, own: Ipv4Addr, password: &str) -> anyhow::Result<u16> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((own, 0)).into())?;
    socket.connect(&server.into()).context("connect")?;
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(PATIENCE))?;
    let body = serde_json::json!({"name": "admin", "password": password}).to_string();
    write!(
        socket,
        "POST /api/v1/session HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).context("no answer")?;
    let status = answer
        .get(9..12)
        .and_then(|code| std::str::from_utf8(code).ok());
    status
        .and_then(|code| code.parse().ok())
        .context("no status in an answer")
}

//! A service manager as systemd is one: it is told of the start, of news and of the end, and starts again what gives no
//! more signs of life.

use std::{
    collections::BTreeMap,
    fs, io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::harness::{
    LIMIT, Program, Server, Setup, Watcher, eventually, free_port, is_alive, skipped, tool,
};

/// The manager's end.
struct Manager(UnixDatagram);

impl Manager {
    /// A socket with a path, and what the server is told.
    fn at_path(setup: &Setup) -> (Self, String) {
        let path = setup.path("notify");
        let _ = fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        (Self::with(socket), path.to_str().unwrap().to_owned())
    }

    /// One without.
    fn abstract_one(setup: &Setup) -> (Self, String) {
        let name = setup.path("notify").to_str().unwrap().replace('/', "-");
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        (Self::with(socket), format!("@{name}"))
    }

    fn with(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self(socket)
    }

    /// The next message that has this line.
    fn hears(&self, line: &str) -> String {
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            let text = self
                .next()
                .unwrap_or_else(|error| panic!("{line}: {error}"));
            if text.lines().any(|said| said.starts_with(line)) {
                return text;
            }
        }
        panic!("the server does not say {line}");
    }

    fn next(&self) -> io::Result<String> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer)?;
        Ok(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Returns when no sign of life has come for so long.
    fn misses_a_sign(&self, patience: Duration) {
        let end = Instant::now() + patience + LIMIT;
        let mut newest = Instant::now();
        while let Some(left) = patience
            .checked_sub(newest.elapsed())
            .filter(|t| !t.is_zero())
        {
            assert!(Instant::now() < end, "signs go on");
            self.0.set_read_timeout(Some(left)).unwrap();
            if self.next().is_ok_and(|text| text.contains("WATCHDOG=1")) {
                newest = Instant::now();
            }
        }
        self.0.set_read_timeout(Some(LIMIT)).unwrap();
    }
}

/// Holds the loop that takes connections and moves pictures, and no other thread of the server, wherever it waits for
/// something to do. `None` where processes may not be traced; then the whole server is stopped.
fn hang(server: &Server) -> Option<Program> {
    let waits = "?epoll_wait,?epoll_pwait,?epoll_pwait2";
    let tracer = Program::start(
        Command::new(tool("strace", "strace"))
            .args(["-o", "/dev/null", "-e", &format!("trace={waits}")])
            .arg(format!("--inject={waits}:delay_enter=3600s"))
            .args(["-p", &server.pid().to_string()])
            .stderr(Stdio::null()),
    );
    let is_held = eventually("a loop that hangs", || {
        if !is_alive(i32::try_from(tracer.pid()).unwrap()) {
            return Some(false);
        }
        (thread_states(server)[&server.pid()] == 't').then_some(true)
    });
    if !is_held {
        skipped("a loop that hangs alone: processes may not be traced here");
        server.signal(Signal::STOP);
        return None;
    }
    Some(tracer)
}

/// Whether each thread of the server runs, sleeps or is held, by its id.
fn thread_states(server: &Server) -> BTreeMap<i32, char> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let state = |path: PathBuf| {
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        let id = path.file_name()?.to_str()?.parse().ok()?;
        Some((id, rest.chars().next()?))
    };
    let paths = tasks.map_while(Result::ok).map(|entry| entry.path());
    paths.filter_map(state).collect()
}

const PATIENCE: Duration = Duration::from_secs(3);

fn start(setup: &Setup, socket: &str) -> Server {
    let mut command = setup.serve();
    command
        .env("NOTIFY_SOCKET", socket)
        .env("WATCHDOG_USEC", PATIENCE.as_micros().to_string());
    setup.clone().start_by(command)
}

#[test]
fn it_is_told_of_start_news_and_end() {
    for make in [Manager::at_path, Manager::abstract_one] {
        let setup = Setup::camera_sim();
        let (manager, socket) = make(&setup);
        let mut server = start(&setup, &socket);
        manager.hears("READY=1");
        let status = manager.hears("STATUS=");
        assert!(status.contains("1 camera: 0 live, 1 idle"), "{status}");
        for _ in 0..3 {
            manager.hears("WATCHDOG=1");
        }
        let watcher = Watcher::of(server.stream("/stream"));
        watcher.more_pictures(2);
        manager.hears("STATUS=1 camera: 1 live");
        server.signal(Signal::HUP);
        let said = manager.hears("RELOADING=1");
        assert!(said.contains("MONOTONIC_USEC="), "{said}");
        manager.hears("READY=1");
        // What it runs is none of the manager's business.
        let program = server.programs()[0];
        let environment = fs::read_to_string(format!("/proc/{program}/environ")).unwrap();
        assert!(!environment.contains("NOTIFY_SOCKET") && !environment.contains("WATCHDOG_"));
        server.signal(Signal::TERM);
        manager.hears("STOPPING=1");
        assert_eq!(server.exit_code(), 0);
    }
}

#[test]
fn a_loop_that_hangs_is_started_again_and_the_stream_is_back() {
    let setup = Setup::camera_sim().server("port", i64::from(free_port()));
    let (manager, socket) = Manager::at_path(&setup);
    let mut server = start(&setup, &socket);
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    // It comes and goes while pictures move.
    manager.hears("WATCHDOG=1");

    let tracer = hang(&server);
    manager.misses_a_sign(PATIENCE);
    if tracer.is_some() {
        let mut states = thread_states(&server);
        let of_loop = states.remove(&server.pid());
        assert_eq!(of_loop, Some('t'));
        assert!(
            states.values().any(|state| "SR".contains(*state)),
            "no other thread could have given a sign: {states:?}"
        );
    }
    // As systemd does it, after SIGABRT.
    server.signal(Signal::KILL);
    drop(tracer);
    assert_eq!(server.exit_code(), -9);
    server.nothing_is_left();
    let mut server = start(&setup, &socket);
    manager.hears("READY=1");
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    manager.hears("WATCHDOG=1");
    server.stop();
}

#[test]
fn without_a_manager_nothing_is_said_and_one_that_is_gone_holds_nobody_up() {
    let setup = Setup::with_source("test");
    let mut command = setup.serve();
    command.env("NOTIFY_SOCKET", setup.path("nobody"));
    let mut server = setup.start_by(command);
    assert_eq!(server.json("/ready")["status"], "ready");
    server.stop();
}

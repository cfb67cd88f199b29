//! A service manager as systemd is one: it is told of the start, of news and of the end, and starts again what gives no
//! more signs of life.

use std::{
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::harness::{LIMIT, Server, Setup, Watcher, free_port};

/// The manager's end.
struct Manager(UnixDatagram);

impl Manager {
    /// A socket with a path, and what the server is told.
    fn at_path(setup: &Setup) -> (Self, String) {
        let path = setup.path("notify");
        let _ = std::fs::remove_file(&path);
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

    /// Stops a server and returns when no sign of life has come for so long.
    fn misses_a_sign(&self, server: &Server, patience: Duration) {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let end = Instant::now() + LIMIT;
        server.signal(Signal::STOP);
        while self.next().is_ok() {
            assert!(Instant::now() < end, "signs go on");
            // Signs from before are still on their way; and whoever else is on this machine may have it go on.
            server.signal(Signal::STOP);
        }
        self.0.set_read_timeout(Some(LIMIT)).unwrap();
    }
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
        let environment = std::fs::read_to_string(format!("/proc/{program}/environ")).unwrap();
        assert!(!environment.contains("NOTIFY_SOCKET") && !environment.contains("WATCHDOG_"));
        server.signal(Signal::TERM);
        manager.hears("STOPPING=1");
        assert_eq!(server.exit_code(), 0);
    }
}

#[test]
fn what_hangs_is_started_again_and_the_stream_is_back() {
    let setup = Setup::camera_sim().server("port", i64::from(free_port()));
    let (manager, socket) = Manager::at_path(&setup);
    let mut server = start(&setup, &socket);
    manager.hears("READY=1");
    manager.hears("WATCHDOG=1");
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    manager.misses_a_sign(&server, PATIENCE);
    // As systemd does it.
    server.signal(Signal::KILL);
    assert_eq!(server.exit_code(), -9);
    server.nothing_is_left();
    let mut server = start(&setup, &socket);
    manager.hears("READY=1");
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
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

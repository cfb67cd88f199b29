//! Lines between the server and its viewers: one made of a proxy, and one made of the kernel's own queues.

use std::{
    collections::VecDeque,
    fs::File,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd as _,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, SockRef, Socket, Type};

use super::{Client, pass, skipped};

/// What a proxy does to what comes from the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) bits_per_s: u64,
    /// Every byte is passed on so much later.
    pub(crate) delay: Duration,
}

/// A proxy with hardly any memory: what it does not pass on waits with the server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    switches: Arc<Switches>,
}

#[derive(Default)]
struct Switches {
    /// Passes nothing on.
    stalled: AtomicBool,
    /// Counts up; connections that began before are reset.
    resets: AtomicU32,
}

/// How often a proxy passes something on.
const TICK: Duration = Duration::from_millis(10);

impl Line {
    /// What a proxy's sockets are asked to hold: little, but enough for two of its ticks.
    fn buffer_bytes(self) -> usize {
        4096.max(2 * self.bytes_per_tick())
    }

    fn bytes_per_tick(self) -> usize {
        usize::try_from(self.bits_per_s / 800).unwrap().max(1)
    }
}

impl Proxy {
    pub(crate) fn to(server: SocketAddr, line: Line) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let switches = Arc::new(Switches::default());
        let for_thread = switches.clone();
        thread::spawn(move || {
            for viewer in listener.incoming().map_while(Result::ok) {
                let switches = for_thread.clone();
                thread::spawn(move || carry(viewer, server, line, &switches));
            }
        });
        Self { address, switches }
    }

    pub(crate) fn stall(&self, is_stalled: bool) {
        self.switches.stalled.store(is_stalled, Relaxed);
    }

    /// Cuts every connection, the hard way.
    pub(crate) fn reset(&self) {
        self.switches.resets.fetch_add(1, Relaxed);
    }

    /// What the proxy's own buffers hold at most, at this rate, in time.
    pub(crate) fn buffered(line: Line) -> Duration {
        // Two sockets; the kernel doubles what it is asked for.
        let bytes = 4 * line.buffer_bytes();
        line.delay + Duration::from_secs_f64(bytes as f64 * 8.0 / line.bits_per_s as f64)
    }
}

fn carry(viewer: TcpStream, server: SocketAddr, line: Line, switches: &Switches) {
    let before = switches.resets.load(Relaxed);
    let upstream = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    upstream.set_recv_buffer_size(line.buffer_bytes()).unwrap();
    if upstream.connect(&server.into()).is_err() {
        return;
    }
    let mut upstream = TcpStream::from(upstream);
    // Requests go the other way, unhurried.
    let (mut from, mut to) = (viewer.try_clone().unwrap(), upstream.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
    });
    let mut viewer = viewer;
    let _ = viewer.set_nodelay(true);
    let _ = SockRef::from(&viewer).set_send_buffer_size(line.buffer_bytes());
    upstream.set_read_timeout(Some(TICK)).unwrap();
    let (mut due, mut under_way) = (Instant::now(), VecDeque::new());
    let mut bytes = vec![0; line.bytes_per_tick()];
    loop {
        if switches.resets.load(Relaxed) != before {
            for socket in [&viewer, &upstream] {
                let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            }
            // The other thread lets go of them as well, and only then they are closed.
            let _ = viewer.shutdown(Shutdown::Read);
            return;
        }
        due = (due + TICK).max(Instant::now());
        pass(due.saturating_duration_since(Instant::now()));
        if switches.stalled.load(Relaxed) {
            continue;
        }
        match upstream.read(&mut bytes) {
            Ok(0) => return,
            Ok(n) => {
                // A piece that is short has taken less of the line.
                under_way.push_back((Instant::now() + line.delay, bytes[..n].to_vec()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        while let Some((when, piece)) = under_way.front()
            && *when <= Instant::now()
        {
            if viewer.write_all(piece).is_err() {
                return;
            }
            under_way.pop_front();
        }
    }
}

/// Networks of their own, each behind a line that the kernel throttles. Gone when dropped.
pub(crate) struct Networks {
    names: Vec<String>,
}

impl Networks {
    /// One for each rate; `None`, and a line that says so, where the kernel does not allow it.
    pub(crate) fn new(rates: &[&str]) -> Option<Self> {
        // Addresses for documentation (RFC 5737): nothing else on the machine has them.
        let mut made = Self { names: Vec::new() };
        for (n, shaping) in rates.iter().enumerate() {
            let name = format!("cctv{}n{n}", std::process::id());
            let (near, far) = (format!("cv{}a{n}", std::process::id()), "far");
            let gateway = Self::gateway(n);
            let own = Ipv4Addr::from(u32::from(gateway) + 1);
            made.names.push(name.clone());
            let steps = [
                format!("ip netns add {name}"),
                format!("ip link add {near} type veth peer name {far} netns {name}"),
                format!("ip addr add {gateway}/30 dev {near}"),
                format!("ip link set {near} up"),
                format!("ip -n {name} addr add {own}/30 dev {far}"),
                format!("ip -n {name} link set {far} up"),
                format!("ip -n {name} route add default via {gateway}"),
                format!("tc qdisc add dev {near} root tbf {shaping}"),
            ];
            for step in steps {
                if let Err(why) = run(&step) {
                    skipped(&format!("no throttled networks here: `{step}`: {why}"));
                    return None;
                }
            }
        }
        Some(made)
    }

    /// The machine's address in the network with this number; the others reach the first one too.
    pub(crate) fn gateway(n: usize) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 51, 100, 1)) + 4 * u32::try_from(n).unwrap())
    }

    /// A client in the network with this number.
    pub(crate) fn client(&self, n: usize, server: SocketAddr) -> Client {
        let path = format!("/run/netns/{}", self.names[n]);
        let enter = move || {
            let network = File::open(path).unwrap();
            // This thread alone, and a socket stays where it was made.
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            Client::new(server)
        };
        thread::spawn(enter).join().unwrap()
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            // The pair of interfaces goes with it.
            let _ = run(&format!("ip netns del {name}"));
        }
    }
}

fn run(line: &str) -> Result<(), String> {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap())
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

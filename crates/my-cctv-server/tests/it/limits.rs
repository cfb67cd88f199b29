//! How much one address may ask for, who may come in at all, and whose word about addresses counts.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::harness::{
    Client, Parts, Reply, Server, Setup, Socket, Token, Watcher, eventually, pass,
};

/// Other people, all on this machine.
const NEIGHBOUR: &str = "127.0.0.2";
const STRANGER: &str = "127.0.0.3";

fn at(own: &str, server: &Server, path: &str) -> Reply {
    Client::at(own, server.address).request("GET", path)
}

/// How long a refusal says to wait.
fn wait_s(reply: Reply) -> u64 {
    assert_eq!(reply.status, 429);
    assert_eq!(
        reply.header("Content-Type"),
        Some("application/problem+json")
    );
    let seconds: u64 = reply.header("Retry-After").unwrap().parse().unwrap();
    let problem = reply.json();
    assert_eq!(problem["status"], 429);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("in {seconds} s")), "{detail}");
    seconds
}

/// The same for a limit that recovers while a busy machine is at it: one of a few is refused.
fn soon_refused(ask: impl Fn() -> Reply) -> u64 {
    let refused = (0..5).map(|_| ask()).find(|reply| reply.status == 429);
    wait_s(refused.expect("a refusal"))
}

/// Whether the server closes without an answer.
fn is_closed(own: &str, server: &Server) -> bool {
    let mut socket = Client::at(own, server.address).socket();
    let _ = socket.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            panic!("neither answered nor closed")
        }
        _ => answer.is_empty(),
    }
}

/// Opens a stream, sees a picture and leaves.
fn peek(server: &Server) {
    let mut parts = server.stream("/stream");
    parts.part();
    drop(parts);
    server.viewers(0);
}

#[test]
fn streams_are_opened_so_often_and_not_more() {
    let mut server = Setup::with_source("test")
        .limit("streams_per_15_min", 3)
        .start();
    for _ in 0..3 {
        peek(&server);
    }
    let wait = wait_s(server.get("/stream"));
    assert!((280..=300).contains(&wait), "{wait}");
    wait_s(server.get("/?action=stream"));
    wait_s(server.get("/api/v1/cameras/main/stream"));
    let mut socket = Socket::open(&server, "/ws");
    let answer = socket.ask(json!({"type": "subscribe"}));
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("too many streams"),
        "{answer}"
    );
    // Everything else goes on, and so do all others.
    assert_eq!(server.request("HEAD", "/stream").status, 200);
    assert_eq!(server.get("/snapshot").status, 200);
    assert_eq!(server.get("/health").status, 200);
    let mut other = Parts::of(at(NEIGHBOUR, &server, "/stream"));
    other.part();
    drop(other);
    server.stop();
}

#[test]
fn who_watched_for_a_while_comes_back_uncounted() {
    let mut server = Setup::with_source("test")
        .limit("streams_per_15_min", 1)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    wait_s(server.get("/stream"));
    pass(Duration::from_millis(10_500));
    drop(watcher);
    server.viewers(0);
    peek(&server);
    // That was the way back of the one stream, and a short look gives no other.
    wait_s(server.get("/stream"));
    server.stop();
}

#[test]
fn who_finds_no_place_has_opened_nothing() {
    let mut server = Setup::with_source("test")
        .server("max_viewers", 1)
        .limit("streams_per_15_min", 2)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    for _ in 0..5 {
        assert_eq!(server.get("/stream").status, 503);
    }
    drop(watcher);
    server.viewers(0);
    peek(&server);
    wait_s(server.get("/stream"));
    server.stop();
}

#[test]
fn a_socket_counts_once_however_often_it_changes_what_it_watches() {
    let mut server = Setup::with_source("test")
        .limit("streams_per_15_min", 1)
        .start();
    let mut socket = Socket::open(&server, "/ws?frames=binary");
    socket.picture();
    for width in [320, 160, 80] {
        let answer = socket.ask(json!({"type": "subscribe", "width": width}));
        assert_eq!(answer["ok"], true, "{answer}");
        socket.picture();
    }
    wait_s(server.get("/stream"));
    drop(socket);
    server.stop();
}

#[test]
fn requests_to_the_api_are_limited_and_pictures_are_not() {
    let mut server = Setup::with_source("test")
        .limit("api_per_minute", 6)
        .start();
    for _ in 0..20 {
        assert_eq!(server.get("/snapshot").status, 200);
        assert_eq!(server.get("/").status, 200);
    }
    for path in [
        "/health",
        "/api/v1/cameras",
        "/api/v1/viewers",
        "/api-docs/openapi.json",
    ] {
        assert_eq!(server.get(path).status, 200);
    }
    // A handshake counts too, a method that changes something anywhere.
    assert_eq!(server.get("/ws").status, 426);
    assert_eq!(
        server
            .request("DELETE", "/api/v1/cameras/nobody/stream")
            .status,
        405
    );
    let wait = soon_refused(|| server.get("/api/v1/cameras"));
    assert!((1..=10).contains(&wait), "{wait}");
    soon_refused(|| server.get("/ws"));
    soon_refused(|| server.request("POST", "/nothing"));
    assert_eq!(server.get("/snapshot").status, 200);
    Parts::of(server.get("/stream")).part();
    assert_eq!(at(NEIGHBOUR, &server, "/health").status, 200);
    // It recovers by itself, and no later than it said.
    eventually("room for a request", || {
        (server.get("/health").status == 200).then_some(())
    });
    server.stop();
}

#[test]
fn an_address_has_so_many_connections_and_not_more() {
    let mut server = Setup::with_source("test")
        .limit("connections_per_address", 3)
        .server("head_timeout_s", 60)
        .start();
    let mut idle: Vec<TcpStream> = (0..2)
        .map(|_| Client::at(STRANGER, server.address).socket())
        .collect();
    let watcher = Watcher::of(Parts::of(at(STRANGER, &server, "/stream")));
    watcher.more_parts(1);
    for _ in 0..10 {
        assert!(is_closed(STRANGER, &server));
    }
    assert!(!is_closed(NEIGHBOUR, &server));
    let line = server.log.message("connection refused");
    assert_eq!(line.fields["address"], STRANGER);
    assert!(server.log.all(&line.message).len() < 5, "not one for each");
    // One that goes makes room for one, a stream as well as an idle one.
    idle.pop();
    eventually("room", || (!is_closed(STRANGER, &server)).then_some(()));
    watcher.more_parts(2);
    idle.push(Client::at(STRANGER, server.address).socket());
    drop(watcher);
    eventually("room", || (!is_closed(STRANGER, &server)).then_some(()));
    server.stop();
}

#[test]
fn a_few_addresses_do_not_take_every_connection() {
    let mut server = Setup::with_source("test")
        .limit("connections_per_address", 30)
        .server("max_connections", 40)
        .server("head_timeout_s", 60)
        .start();
    let held: Vec<TcpStream> = ["127.0.0.4", "127.0.0.5"]
        .iter()
        .flat_map(|own| (0..30).map(|_| Client::at(own, server.address).socket()))
        .collect();
    // Asked last, so all of those have been taken or refused.
    assert!(is_closed("127.0.0.4", &server));
    assert!(!is_closed(NEIGHBOUR, &server));
    Parts::of(at(NEIGHBOUR, &server, "/stream")).part();
    drop(held);
    server.stop();
}

#[test]
fn who_is_denied_or_not_allowed_gets_no_answer() {
    let mut server = Setup::with_source("test")
        .server("allow", vec!["127.0.0.0/30"])
        .server("deny", vec!["127.0.0.3", "::/0"])
        .start();
    assert!(!is_closed("127.0.0.1", &server));
    assert!(!is_closed(NEIGHBOUR, &server));
    assert!(is_closed(STRANGER, &server), "deny wins");
    assert!(is_closed("127.0.0.4", &server), "not allowed");
    assert!(
        server
            .log
            .message("connection refused")
            .message
            .contains("server.deny")
    );
    server.stop();
}

#[test]
fn an_ipv4_address_is_the_same_on_a_listener_for_both() {
    let mut server = Setup::with_source("test")
        .server("listen", "::")
        .server("deny", vec![STRANGER])
        .start();
    server.address.set_ip([127, 0, 0, 1].into());
    assert!(is_closed(STRANGER, &server));
    assert!(!is_closed(NEIGHBOUR, &server));
    server.stop();
}

/// The address that the server has for a viewer that says these headers.
fn known_as(own: &str, server: &Server, headers: &[(&str, &str)]) -> String {
    let client = Client::at(own, server.address);
    let with = |client: Client, (name, value): &(&str, &str)| client.header(name, value);
    let reply = headers.iter().fold(client, with).request("GET", "/stream");
    let mut parts = Parts::of(reply);
    parts.part();
    let viewer = server.json("/api/v1/viewers")["viewers"][0].clone();
    drop(parts);
    server.viewers(0);
    let address = viewer["address"].as_str().unwrap();
    // With a port, unless the proxy told none.
    let socket = address.parse::<SocketAddr>().map(|socket| socket.ip());
    let ip: IpAddr = socket.or_else(|_| address.parse()).unwrap();
    ip.to_string()
}

#[test]
fn only_a_trusted_proxy_says_who_its_client_is() {
    let mut server = Setup::with_source("test")
        .server("trusted_proxies", vec!["127.0.0.1", "10.0.0.0/8"])
        .start();
    let xff = "X-Forwarded-For";
    for (headers, client) in [
        (&[][..], "127.0.0.1"),
        (&[(xff, "203.0.113.7")], "203.0.113.7"),
        (&[(xff, "127.0.0.1, 203.0.113.7, 10.1.2.3")], "203.0.113.7"),
        (
            &[("Forwarded", "for=\"[2001:db8::7]:80\";proto=https")],
            "2001:db8::7",
        ),
        (&[(xff, "nonsense")], "127.0.0.1"),
    ] {
        assert_eq!(
            known_as("127.0.0.1", &server, headers),
            client,
            "{headers:?}"
        );
        // Loopback alone makes nobody a proxy.
        assert_eq!(
            known_as(NEIGHBOUR, &server, headers),
            NEIGHBOUR,
            "{headers:?}"
        );
    }
    let both = Client::new(server.address)
        .header(xff, "203.0.113.7")
        .header("Forwarded", "for=10.9.9.9")
        .request("GET", "/health");
    assert_eq!(both.status, 400);
    server.stop();
}

#[test]
fn limits_and_lists_are_for_the_client_behind_a_proxy() {
    let mut server = Setup::with_source("test")
        .server("trusted_proxies", vec!["127.0.0.1"])
        .server("deny", vec!["203.0.113.0/24"])
        .limit("api_per_minute", 3)
        .limit("connections_per_address", 2)
        .start();
    let ask = |own: &str, client: &str| {
        let request = Client::at(own, server.address).header("X-Forwarded-For", client);
        request.request("GET", "/api/v1/cameras")
    };
    let reply = ask("127.0.0.1", "203.0.113.7");
    assert_eq!(reply.status, 403);
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .contains("203.0.113.7")
    );
    for _ in 0..3 {
        assert_eq!(ask("127.0.0.1", "198.51.100.1").status, 200);
    }
    soon_refused(|| ask("127.0.0.1", "198.51.100.1"));
    assert_eq!(ask("127.0.0.1", "198.51.100.2").status, 200);
    // An invented client each time is no way around, for one who is no proxy.
    for n in 0..3 {
        assert_eq!(ask(NEIGHBOUR, &format!("198.51.100.{n}")).status, 200);
    }
    soon_refused(|| ask(NEIGHBOUR, "198.51.100.99"));
    assert_eq!(
        ask(STRANGER, "203.0.113.7").status,
        200,
        "who it says it is is nobody's business"
    );
    // A proxy brings many clients.
    let many: Vec<TcpStream> = (0..10)
        .map(|_| Client::new(server.address).socket())
        .collect();
    assert_eq!(ask("127.0.0.1", "198.51.100.3").status, 200);
    drop(many);
    server.stop();
}

#[test]
fn the_proxy_protocol_is_taken_from_trusted_proxies_alone() {
    let mut server = Setup::with_source("test")
        .server("trusted_proxies", vec!["127.0.0.1"])
        .server("proxy_protocol", true)
        .server("deny", vec!["203.0.113.9"])
        .server("head_timeout_s", 2)
        .limit("connections_per_address", 2)
        .start();
    let v1 = |client: &str| format!("PROXY TCP4 {client} 10.0.0.1 4711 80\r\n").into_bytes();
    let v2 = [
        &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"[..],
        &[203, 0, 113, 8, 10, 0, 0, 1, 0x12, 0x67, 0, 80],
    ]
    .concat();
    let viewer = |first: &[u8]| {
        let reply = Client::new(server.address)
            .first(first)
            .request("GET", "/stream");
        let mut parts = Parts::of(reply);
        parts.part();
        // The viewers are asked for from an address that is no proxy's.
        let list = at(NEIGHBOUR, &server, "/api/v1/viewers").json();
        drop(parts);
        eventually("no viewer", || {
            let list = at(NEIGHBOUR, &server, "/api/v1/viewers").json();
            list["viewers"].as_array().unwrap().is_empty().then_some(())
        });
        list["viewers"][0]["address"].as_str().unwrap().to_owned()
    };
    assert_eq!(viewer(&v1("203.0.113.7")), "203.0.113.7:4711");
    assert_eq!(viewer(&v2), "203.0.113.8:4711");
    assert!(viewer(b"PROXY UNKNOWN\r\n").starts_with("127.0.0.1:"));
    let answer = |own: &str, first: &[u8]| {
        let request = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let bytes = [first, &request[..]].concat();
        let answer = Client::at(own, server.address).raw(&bytes);
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(answer("127.0.0.1", &v1("203.0.113.7")).starts_with("HTTP/1.1 200 "));
    assert_eq!(answer("127.0.0.1", &v1("203.0.113.9")), "", "denied");
    assert_eq!(answer("127.0.0.1", b""), "", "a proxy says for whom");
    assert_eq!(answer("127.0.0.1", b"PROXY TCP4 nobody\r\n"), "");
    assert_eq!(answer("127.0.0.1", b"PROXY T"), "");
    assert!(answer(NEIGHBOUR, b"").starts_with("HTTP/1.1 200 "));
    for first in [&v1("10.0.0.9"), &v2] {
        let answer = answer(NEIGHBOUR, first);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
            "{answer}"
        );
    }
    // Connections are the client's, and not the proxy's.
    let held: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut socket = Client::new(server.address).socket();
            let request = b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
            socket
                .write_all(&[&v1("203.0.113.7"), &request[..]].concat())
                .unwrap();
            let mut some = [0; 10];
            socket.read_exact(&mut some).unwrap();
            socket
        })
        .collect();
    assert_eq!(answer("127.0.0.1", &v1("203.0.113.7")), "");
    assert!(answer("127.0.0.1", &v1("203.0.113.6")).starts_with("HTTP/1.1 200 "));
    drop(held);
    server.stop();
}

#[test]
fn heads_and_bodies_are_short_and_there_in_time() {
    let mut server = Setup::with_source("test")
        .server("head_timeout_s", 1)
        .start();
    let long = "y".repeat(17 << 10);
    let json = format!(
        "Host: x\r\nContent-Type: application/json\r\nConnection: close\r\nAuthorization: Bearer {}\r\n",
        Token::get().secret
    );
    for (request, status) in [
        (
            format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
            Some(431),
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
            Some(431),
        ),
        ("GET / HTTP/1.1\r\nHost: x\r\nX: ".to_owned(), None),
        (
            format!("POST /api/v1/cameras HTTP/1.1\r\n{json}Content-Length: 99\r\n\r\n{{"),
            Some(408),
        ),
        (
            format!("POST /api/v1/cameras HTTP/1.1\r\n{json}Content-Length: 17408\r\n\r\n{long}"),
            Some(413),
        ),
        // Who does not want a body does not wait for it.
        (
            format!("POST /health HTTP/1.1\r\n{json}Content-Length: 99\r\n\r\n{{"),
            Some(405),
        ),
        (
            format!("GET /health HTTP/1.1\r\n{json}Content-Length: 99\r\n\r\n{{"),
            Some(200),
        ),
        (
            format!("DELETE /nothing HTTP/1.1\r\n{json}Transfer-Encoding: chunked\r\n\r\n"),
            Some(405),
        ),
    ] {
        let answer = Client::new(server.address).raw(request.as_bytes());
        let answer = String::from_utf8_lossy(&answer);
        let found = answer.get(9..12).map(|status| status.parse().unwrap());
        let begin: String = request.chars().take(60).collect();
        assert_eq!(found, status, "{begin}: {answer}");
        // The library answers for itself where it does not understand a head.
        let is_problem = answer.contains("application/problem+json");
        let ours = status.is_some_and(|status| status >= 400 && status != 431);
        assert_eq!(is_problem, ours, "{begin}: {answer}");
    }
    server.stop();
}

/// A connection that gets on as slowly as it can.
struct Slow {
    socket: TcpStream,
    begin: Vec<u8>,
    sent: usize,
}

impl Slow {
    fn new(server: &Server, n: usize) -> Option<Self> {
        let begin = match n % 3 {
            0 => format!(
                "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: {}",
                "y".repeat(9000)
            ),
            1 => format!(
                "POST /api/v1/cameras HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{}",
                " ".repeat(9000)
            ),
            // Asks again and again, and reads nothing.
            _ => "GET /api-docs/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100),
        };
        let socket = Client::at(STRANGER, server.address).socket();
        socket.set_nonblocking(true).ok()?;
        // A body has to begin, or it is a head.
        let sent = [20, 120, 4800][n % 3];
        let mut slow = Self {
            socket,
            begin: begin.into_bytes(),
            sent: 0,
        };
        slow.say(sent).then_some(slow)
    }

    /// False once the server has closed it.
    fn say(&mut self, bytes: usize) -> bool {
        let end = (self.sent + bytes).min(self.begin.len());
        match self.socket.write(&self.begin[self.sent..end]) {
            Ok(n) => self.sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        let mut ear = [0; 1];
        !matches!(self.socket.peek(&mut ear), Ok(0))
    }
}

#[test]
fn a_thousand_slow_connections_from_one_address_harm_nobody_elsewhere() {
    let mut server = Setup::camera_sim()
        .limit("connections_per_address", 64)
        .server("head_timeout_s", 5)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let before = server.rss_kib();
    let (mut slow, mut opened) = (Vec::new(), 0);
    let end = Instant::now() + Duration::from_secs(20);
    let (mut rounds, mut most_open) = (0, 0);
    while Instant::now() < end || opened < 1000 {
        while slow.len() < 1000 && opened < 1000 * (rounds + 1) / 4 + 250 {
            opened += 1;
            slow.extend(Slow::new(&server, opened));
        }
        slow.retain_mut(|slow: &mut Slow| slow.say(1));
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", server.pid()));
        most_open = most_open.max(descriptors.unwrap().count());
        rounds += 1;
        pass(Duration::from_millis(500));
        // One that was there keeps its pictures, a new one gets in, and the API answers.
        watcher.more_pictures(5);
        if rounds % 4 == 0 {
            let mut parts = Parts::of(at(NEIGHBOUR, &server, "/stream"));
            parts.picture();
            assert_eq!(at(NEIGHBOUR, &server, "/health").status, 200);
        }
    }
    // Its 64, and what the server and its camera have open besides.
    assert!((64..110).contains(&most_open), "{most_open} were open");
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more");
    drop(slow);
    eventually("room for that address too", || {
        (!is_closed(STRANGER, &server)).then_some(())
    });
    watcher.more_pictures(3);
    server.stop();
}

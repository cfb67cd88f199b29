//! Requests that nobody should send, and more of them than anybody should.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::harness::{Client, LIMIT, Server, Setup, Watcher, eventually};

/// The status of the first answer; `None` if the connection was closed without one.
fn status(answer: &[u8]) -> Option<u16> {
    if answer.is_empty() {
        return None;
    }
    let text = answer
        .strip_prefix(b"HTTP/1.")
        .unwrap_or_else(|| panic!("{}", answer.escape_ascii()));
    Some(std::str::from_utf8(&text[2..5]).unwrap().parse().unwrap())
}

fn lives(server: &Server) {
    assert_eq!(server.json("/health")["status"], "ok");
}

#[test]
fn garbage_is_refused_and_harms_nobody() {
    let mut server = Setup::camera_sim().server("head_timeout_s", 1).start();
    let watcher = Watcher::of(server.stream("/stream"));
    let long = "a".repeat(17 << 10);
    let many: String = (0..3000).map(|n| format!("X-{n}: y\r\n")).collect();
    let cases: &[(&str, Vec<u8>)] = &[
        ("nothing but bytes", (0..=255).cycle().take(4000).collect()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20)),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/9.9", b"GET / HTTP/9.9\r\n\r\n".to_vec()),
        ("no version", b"GET /\r\n\r\n".to_vec()),
        ("only line ends", b"\r\n".repeat(5000)),
        ("NUL in the path", b"GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("NUL in a header", b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n".to_vec()),
        ("no colon", b"GET / HTTP/1.1\r\nHost\r\n\r\n".to_vec()),
        ("space before the colon", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_vec()),
        ("two lengths", b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd".to_vec()),
        ("negative length", b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_vec()),
        ("huge length", b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec()),
        ("bad chunk", b"POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec()),
        ("unknown coding", b"POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: magic\r\n\r\n".to_vec()),
        ("long path", format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()),
        ("long header", format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {long}\r\n\r\n").into_bytes()),
        ("many headers", format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n").into_bytes()),
        ("endless header", format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(1 << 20)).into_bytes()),
        ("endless method", "A".repeat(1 << 20).into_bytes()),
    ];
    for (what, bytes) in cases {
        let answer = Client::new(server.address).raw(bytes);
        let status = status(&answer);
        assert!(
            status.is_none_or(|code| (400..=505).contains(&code) && code != 500),
            "{what}: {status:?}"
        );
        lives(&server);
    }
    watcher.more_pictures(3);
    server.stop();
}

#[test]
fn a_body_that_is_not_wanted_is_not_kept() {
    let mut server = Setup::camera_sim().server("head_timeout_s", 1).start();
    lives(&server);
    let before = server.rss_kib();
    let mut request =
        b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 67108864\r\n\r\n".to_vec();
    request.resize(32 << 20, 0);
    let answer = Client::new(server.address).raw(&request);
    assert!(matches!(status(&answer), None | Some(405 | 413)));
    lives(&server);
    let grown = server.rss_kib().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more");
    server.stop();
}

#[test]
fn requests_one_behind_the_other_are_answered_in_order() {
    let mut server = Setup::camera_sim().start();
    let answer = Client::new(server.address).raw(
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    let text = String::from_utf8(answer).unwrap();
    let statuses: Vec<&str> = text
        .matches("HTTP/1.1 200 OK")
        .chain(text.matches("HTTP/1.1 404 Not Found"))
        .collect();
    assert_eq!(statuses.len(), 2, "{text}");
    assert!(text.starts_with("HTTP/1.1 200 OK"));
    server.stop();
}

#[test]
fn a_viewer_that_talks_and_does_not_watch_is_closed() {
    let mut server = Setup::camera_sim().start();
    let other = Watcher::of(server.stream("/stream"));
    other.more_pictures(1);
    let talker = server.stream("/stream");
    server.viewers(2);
    let mut socket = talker.socket();
    // A little is nobody's business, much of it ends the stream.
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    other.more_pictures(2);
    server.viewers(2);
    while socket.write_all(&[b'x'; 4096]).is_ok() {}
    server.viewers(1);
    other.more_pictures(2);
    drop((talker, other));
    server.stop();
}

#[test]
fn more_connections_than_allowed_are_refused_without_harm() {
    let mut server = Setup::camera_sim()
        .server("max_viewers", 2)
        .server("max_connections", 4)
        .server("head_timeout_s", 60)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let idle: Vec<TcpStream> = (0..3)
        .map(|_| Client::new(server.address).socket())
        .collect();
    // The fifth, and thirty after it.
    for _ in 0..31 {
        let mut socket = Client::new(server.address).socket();
        let _ = socket.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut answer = Vec::new();
        match socket.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_ne!(
                error.kind(),
                io::ErrorKind::WouldBlock,
                "neither answered nor closed"
            ),
        }
        assert!(
            matches!(status(&answer), None | Some(503)),
            "{}",
            answer.escape_ascii()
        );
    }
    watcher.more_pictures(3);
    drop(idle);
    eventually("room for a request", || {
        let mut socket = TcpStream::connect_timeout(&server.address, LIMIT).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let _ = socket.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        (status(&answer) == Some(200)).then_some(())
    });
    watcher.more_pictures(3);
    server.stop();
}

#[test]
fn a_storm_of_connections_leaves_a_server_that_answers() {
    let mut server = Setup::camera_sim().start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    for n in 0..300 {
        let mut socket = Client::new(server.address).socket();
        if n % 3 > 0 {
            let _ = socket.write_all(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        if n % 3 > 1 {
            let mut some = [0; 10];
            let _ = socket.read(&mut some);
        }
    }
    server.viewers(1);
    watcher.more_pictures(3);
    lives(&server);
    server.stop();
}

#[test]
fn names_of_viewers_cannot_break_the_log() {
    let mut server = Setup::camera_sim().start();
    let mut request = b"GET /stream HTTP/1.1\r\nHost: x\r\nUser-Agent: \x1b[31m\xffevil".to_vec();
    request.extend("e".repeat(4000).bytes());
    request.extend(b"\r\n\r\n");
    let mut socket = Client::new(server.address).socket();
    socket.write_all(&request).unwrap();
    let mut first = [0; 12];
    socket.read_exact(&mut first).unwrap();
    if first.ends_with(b" 200") {
        let line = server.log.message("viewer came");
        let name = line.fields["user_agent"].as_str().unwrap();
        assert!(name.len() < 400 && !name.contains('\u{1b}'), "{name}");
        assert!(!line.raw.contains('\u{1b}'));
    } else {
        assert_eq!(status(&first), Some(400));
    }
    server.stop();
}

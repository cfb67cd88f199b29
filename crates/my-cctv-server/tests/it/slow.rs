//! Viewers that take less than they asked for: they lose their own frames and nobody else's.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::harness::{Client, Parts, Setup, Watcher, eventually, pass};

/// The clock of the camera's stamps.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}

#[test]
fn a_viewer_that_takes_nothing_is_closed_and_its_place_is_free() {
    let mut server = Setup::camera_sim()
        .server("viewer_timeout_s", 2)
        .server("max_viewers", 2)
        .frame_bytes(40_000)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    let stalled = Client::with_receive_buffer(server.address, 4096).request("GET", "/stream");
    assert_eq!(stalled.status, 200);
    server.viewers(2);
    assert_eq!(server.get("/stream").status, 503);

    let gone = server.log.message("viewer gone");
    assert_eq!(gone.fields["reason"], "took nothing for too long");
    assert_eq!(server.json("/health")["clients"], 1);
    server.stream("/stream").picture();
    // The other one was never in the way of anything.
    watcher.more_pictures(5);
    server.stop();
}

#[test]
fn a_viewer_that_pauses_gets_fresh_pictures_soon() {
    // What it may get of old pictures beside its own receive buffer, and a part that was begun is always ended.
    const STALE_BYTES: u64 = 64 << 10;
    let mut server = Setup::camera_sim().frame_bytes(20_000).start();
    let reply = Client::with_receive_buffer(server.address, 16 << 10).request("GET", "/stream");
    let mut parts = Parts::of(reply);
    let own = socket2::SockRef::from(parts.socket())
        .recv_buffer_size()
        .unwrap() as u64;
    for _ in 0..5 {
        parts.picture();
    }
    pass(Duration::from_millis(1500));
    let resumed_at = monotonic_ns();
    let begin = parts.picture().position;
    let stale = loop {
        let part = parts.picture();
        if part.stamp.unwrap().written_ns >= resumed_at {
            break part.position - begin - part.jpeg.len() as u64;
        }
    };
    // 1.5 s are 30 pictures of 20 KB: ten times as much.
    assert!(
        stale <= STALE_BYTES + own,
        "{stale} bytes of old pictures; its own buffer has {own}"
    );
    let viewer = &server.json("/api/v1/viewers")["viewers"][0];
    assert!(viewer["frames_skipped"].as_u64() >= Some(10), "{viewer}");
    server.stop();
}

#[test]
fn a_slow_viewer_sees_fewer_pictures_and_each_one_whole() {
    let mut server = Setup::camera_sim().frame_bytes(20_000).start();
    let fast = Watcher::of(server.stream("/stream"));
    fast.more_pictures(1);
    let reply = Client::with_receive_buffer(server.address, 4096).request("GET", "/stream");
    let mut slow = Parts::of(reply);
    let mut numbers = Vec::new();
    for _ in 0..6 {
        numbers.push(slow.picture().sequence());
        pass(Duration::from_millis(300));
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert!(numbers[5] - numbers[0] > 10, "skipped nothing: {numbers:?}");
    fast.more_pictures(10);
    server.stop();
}

#[test]
fn a_request_head_that_never_ends_is_cut() {
    let mut server = Setup::camera_sim().server("head_timeout_s", 1).start();
    for begin in ["", "G", "GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        let socket = Client::new(server.address).socket();
        let mut writer = socket.try_clone().unwrap();
        eventually(
            &format!("the end of a head that begins with {begin:?}"),
            || {
                use std::io::{Read as _, Write as _};
                let _ = writer.write_all(if begin.is_empty() {
                    b""
                } else {
                    begin.as_bytes()
                });
                socket
                    .set_read_timeout(Some(Duration::from_millis(100)))
                    .unwrap();
                let mut answer = [0; 1000];
                match (&socket).read(&mut answer) {
                    Ok(0) => Some(()),
                    Ok(n) => {
                        assert!(
                            answer[..n].starts_with(b"HTTP/1.1 4"),
                            "{}",
                            answer[..n].escape_ascii()
                        );
                        Some(())
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
                    Err(_) => Some(()),
                }
            },
        );
    }
    assert_eq!(server.get("/health").status, 200);
    server.stop();
}

#[test]
fn an_idle_connection_is_cut_and_a_stream_is_not() {
    let mut server = Setup::camera_sim().server("head_timeout_s", 1).start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    // Read to the end of the connection: one answer, then nothing more is asked.
    let answer = Client::new(server.address).raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(
        !answer
            .to_ascii_lowercase()
            .windows(17)
            .any(|w| w == b"connection: close"),
        "it was kept alive"
    );
    pass(Duration::from_millis(500));
    watcher.more_pictures(5);
    server.stop();
}

//! `GET /stream`: what goes over the wire, byte by byte.

use std::{
    net::Shutdown,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::harness::{Client, Part, Parts, Setup, decode};

/// Seconds and microseconds since 1970.
fn timestamp(part: &Part) -> f64 {
    let text = part.header("X-Timestamp").unwrap();
    let (seconds, micros) = text.split_once('.').unwrap();
    assert!(micros.len() == 6 && seconds.len() >= 10, "{text}");
    text.parse().unwrap()
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// Reads `count` parts and checks each; the camera's pictures come in order, and none comes twice.
fn check_parts(parts: &mut Parts, count: usize) {
    let begin = now();
    let (mut last, mut last_time) = (None, 0.0);
    for _ in 0..count {
        let part = parts.picture();
        assert_eq!(
            part.names(),
            ["Content-Type", "Content-Length", "X-Timestamp"]
        );
        assert_eq!(part.header("Content-Type"), Some("image/jpeg"));
        assert_eq!(
            part.header("Content-Length"),
            Some(&*part.jpeg.len().to_string())
        );
        assert_eq!(decode(&part.jpeg), (320, 240));
        let time = timestamp(&part);
        assert!(
            begin - 5.0 < time && time <= now() && last_time < time,
            "captured at {time}"
        );
        let number = part.sequence();
        assert!(last < Some(number), "{number} after {last:?}");
        (last, last_time) = (Some(number), time);
    }
}

#[test]
fn http_1_1_gets_whole_parts_in_chunks_or_until_the_connection_closes() {
    let mut server = Setup::camera_sim().start();
    let reply = server.get("/stream");
    assert_eq!(reply.status, 200);
    // Whichever framing is announced, its end has to come as it says.
    if reply.header("Transfer-Encoding").is_none() {
        assert_eq!(reply.header("Connection"), Some("close"));
    } else {
        assert_eq!(reply.header("Transfer-Encoding"), Some("chunked"));
        assert_eq!(reply.version, "HTTP/1.1");
    }
    assert_eq!(reply.header("Content-Length"), None);
    assert!(reply.header("Cache-Control").unwrap().contains("no-store"));
    let mut parts = Parts::of(reply);
    check_parts(&mut parts, 30);
    server.signal(rustix::process::Signal::TERM);
    parts.ends_well();
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn http_1_0_gets_parts_until_the_connection_closes() {
    let mut server = Setup::camera_sim().start();
    let reply = Client::new(server.address)
        .http_1_0()
        .request("GET", "/stream");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Transfer-Encoding"), None);
    assert_eq!(reply.header("Content-Length"), None);
    let mut parts = Parts::of(reply);
    check_parts(&mut parts, 10);
    server.signal(rustix::process::Signal::TERM);
    parts.ends_well();
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn every_picture_arrives_once_and_none_is_lost_to_a_viewer_that_keeps_up() {
    let mut server = Setup::camera_sim().camera("framerate", 10.0).start();
    let mut parts = server.stream("/stream");
    let numbers: Vec<u64> = (0..20).map(|_| parts.picture().sequence()).collect();
    let lost = numbers
        .windows(2)
        .filter(|pair| pair[1] != pair[0] + 1)
        .count();
    // A machine that stood still for longer than a picture lasts is no fault of the server; it happens rarely.
    assert!(lost <= 1, "{numbers:?}");
    server.stop();
}

#[test]
fn heads_in_advance_for_browsers_that_are_a_picture_late() {
    let mut server = Setup::camera_sim().start();
    for query in [
        "/stream?advance_headers=1",
        "/api/v1/cameras/main/stream?advance_headers=1",
    ] {
        let mut parts = server.stream(query);
        let mut last = None;
        for _ in 0..10 {
            let part = parts.picture();
            assert_eq!(part.names(), ["Content-Type"]);
            assert_eq!(decode(&part.jpeg), (320, 240));
            assert!(last < Some(part.sequence()));
            last = Some(part.sequence());
        }
    }
    server.stop();
}

#[test]
fn the_delimiter_comes_with_its_picture_and_not_with_the_next() {
    // One picture, then silence: what comes next is drawn by the server, after the camera is called stalled.
    let mut server = Setup::camera_sim().sim("FAULT", "freeze@1").start();
    let mut parts = server.stream("/stream");
    let _ = parts.picture();
    assert_eq!(server.camera()["state"], "live", "the delimiter was late");
    server.stop();
}

#[test]
fn a_viewer_that_leaves_is_noticed() {
    let mut server = Setup::camera_sim().start();
    let mut parts = server.stream("/stream");
    let _ = parts.part();
    server.viewers(1);
    parts.socket().shutdown(Shutdown::Both).unwrap();
    server.viewers(0);
    let line = server.log.message("viewer gone");
    assert_eq!(line.fields["reason"], "left");
    assert!(line.fields["frames"].as_u64() >= Some(1));
    server.stop();
}

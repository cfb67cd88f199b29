//! `GET /snapshot`, the addresses of mjpg-streamer, and everything below a base path.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::harness::{Client, Parts, Reply, Server, Setup, decode};

fn check_snapshot(reply: Reply) {
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Content-Type"), Some("image/jpeg"));
    assert!(reply.header("Cache-Control").unwrap().contains("no-store"));
    let time: f64 = reply.header("X-Timestamp").unwrap().parse().unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    assert!(
        (now - 30.0..=now).contains(&time),
        "captured at {time}, now is {now}"
    );
    let length: usize = reply.header("Content-Length").unwrap().parse().unwrap();
    let jpeg = reply.bytes();
    assert_eq!(jpeg.len(), length);
    assert_eq!(decode(&jpeg), (320, 240));
    assert!(
        camera_sim::stamp::read(&jpeg).is_some(),
        "a picture of the camera"
    );
}

#[test]
fn a_snapshot_starts_the_camera_and_lets_it_go() {
    let mut server = Setup::camera_sim().start();
    check_snapshot(server.get("/snapshot"));
    assert_eq!(server.sim_starts().len(), 1);
    check_snapshot(server.get("/api/v1/cameras/main/snapshot"));
    check_snapshot(
        Client::new(server.address)
            .http_1_0()
            .request("GET", "/snapshot"),
    );
    assert_eq!(server.sim_starts().len(), 1);
    assert_eq!(
        server.json("/api/v1/viewers")["total"],
        0,
        "a snapshot is no viewer"
    );
    server.log.message("camera stopped");
    server.stop();
}

#[test]
fn the_newest_picture_and_no_older_one() {
    let mut server = Setup::camera_sim().start();
    let mut parts = server.stream("/stream");
    let mut last = 0;
    for _ in 0..5 {
        let seen = parts.picture().sequence();
        let jpeg = server.get("/snapshot").bytes();
        let got = camera_sim::stamp::read(&jpeg).unwrap().sequence;
        assert!(
            seen <= got && last <= got,
            "{got} after {seen} was shown and {last} was taken"
        );
        last = got;
    }
    server.stop();
}

#[test]
fn a_camera_that_gives_nothing_gives_an_error_and_no_picture() {
    let mut server = Setup::camera_sim().sim("FAULT", "nocamera").start();
    let reply = server.get("/snapshot");
    assert_eq!(reply.status, 503);
    assert!(reply.header("Retry-After").is_some());
    assert_eq!(
        reply.header("Content-Type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.json()["detail"], "No camera was found.");
    server.stop();
}

#[test]
fn a_camera_that_is_too_slow_is_not_waited_for_without_end() {
    let mut server = Setup::camera_sim()
        .server("snapshot_timeout_s", 1)
        .sim("FAULT", "slowstart:60s")
        .start();
    let reply = server.get("/snapshot");
    assert_eq!(reply.status, 503);
    assert_eq!(
        reply.header("Content-Type"),
        Some("application/problem+json")
    );
    server.stop();
}

/// The addresses under which everything is expected below `base`.
fn check_addresses(server: &Server, base: &str) {
    let at = |path: &str| server.get(&format!("{base}{path}"));
    for stream in ["/stream", "/?action=stream", "/api/v1/cameras/main/stream"] {
        let part = Parts::of(at(stream)).picture();
        assert_eq!(
            part.header("Content-Length"),
            Some(&*part.jpeg.len().to_string()),
            "{stream}"
        );
    }
    for snapshot in [
        "/snapshot",
        "/?action=snapshot",
        "/?action=snapshot?1234",
        "/api/v1/cameras/main/snapshot",
    ] {
        check_snapshot(at(snapshot));
    }
    assert_eq!(at("/health").status, 200);
    assert_eq!(at("/").status, 200);
    assert_eq!(at("/?action=command").status, 400);
    assert_eq!(at("/nothing").status, 404);
}

#[test]
fn mjpg_streamers_addresses() {
    let mut server = Setup::camera_sim().start();
    check_addresses(&server, "");
    assert_eq!(server.get("/webcam/").status, 404);
    server.stop();
}

#[test]
fn below_a_base_path_whether_the_proxy_strips_it_or_not() {
    let mut server = Setup::camera_sim().server("base_path", "/webcam").start();
    check_addresses(&server, "");
    check_addresses(&server, "/webcam");
    // mjpg-streamer's clients do without the slash.
    Parts::of(server.get("/webcam?action=stream")).picture();
    let reply = server.get("/webcam");
    assert!(
        matches!(reply.status, 301 | 302 | 307 | 308),
        "{}",
        reply.status
    );
    assert_eq!(reply.header("Location"), Some("/webcam/"));
    assert_eq!(server.get("/webcams/stream").status, 404);
    server.stop();
}

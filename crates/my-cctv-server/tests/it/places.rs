//! How many may watch, and what the others are told.

use crate::harness::{Client, Parts, Server, Setup, Socket, eventually};

const FULL: &str = "Sorry, the broadcast is full. Please try again later.";

fn refused(server: &Server, path: &str) {
    let reply = server.get(path);
    assert_eq!(reply.status, 503);
    let seconds: u32 = reply.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    assert!(
        reply
            .header("Content-Type")
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(reply.text(), FULL);
}

#[test]
fn sixteen_viewers_of_fifteen_places() {
    let mut server = Setup::camera_sim().env("MAX_CLIENTS", "15").start();
    let mut viewers: Vec<Parts> = (0..15).map(|_| server.stream("/stream")).collect();
    for viewer in &mut viewers {
        viewer.picture();
    }
    for path in ["/stream", "/?action=stream", "/api/v1/cameras/main/stream"] {
        refused(&server, path);
    }
    assert_eq!(server.json("/health")["clients"], 15);
    assert_eq!(server.json("/api/v1/viewers")["refused"], 3);
    assert_eq!(
        server.get("/snapshot").status,
        200,
        "a snapshot needs no place"
    );

    drop(viewers.swap_remove(7));
    let mut next = eventually("a place for the next", || {
        let reply = server.get("/stream");
        (reply.status == 200).then(|| Parts::of(reply))
    });
    next.picture();
    for viewer in &mut viewers {
        viewer.part();
    }
    server.viewers(15);
    refused(&server, "/stream");
    assert_eq!(server.sim_starts().len(), 1, "one camera for all of them");
    server.stop();
}

#[test]
fn head_answers_at_once_takes_no_place_and_starts_no_camera() {
    let mut server = Setup::camera_sim().server("max_viewers", 1).start();
    let heads = [
        "/stream",
        "/?action=stream",
        "/api/v1/cameras/main/stream",
        "/snapshot",
        "/?action=snapshot",
    ];
    let check_heads = || {
        for path in heads {
            for client in [
                Client::new(server.address),
                Client::new(server.address).http_1_0(),
            ] {
                let reply = client.request("HEAD", path);
                assert_eq!(reply.status, 200, "{path}");
                let kind = reply.header("Content-Type").unwrap();
                if path.contains("stream") {
                    assert_eq!(kind, "multipart/x-mixed-replace; boundary=cctvframe");
                } else {
                    assert_eq!(kind, "image/jpeg");
                }
            }
        }
    };
    check_heads();
    assert_eq!(server.camera()["state"], "idle");
    assert_eq!(server.camera()["starts"], 0);
    assert_eq!(server.json("/api/v1/viewers")["total"], 0);

    let mut viewer = server.stream("/stream");
    viewer.part();
    refused(&server, "/stream");
    check_heads();
    assert_eq!(server.json("/health")["clients"], 1);
    assert_eq!(server.sim_starts().len(), 1);
    server.stop();
}

#[test]
fn nothing_follows_the_answer_to_head() {
    let server = Setup::camera_sim().start();
    let answer = Client::new(server.address).raw(b"HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1."));
    assert_eq!(&answer[8..17], b" 200 OK\r\n");
    assert!(answer.ends_with(b"\r\n\r\n"), "{}", answer.escape_ascii());
    let head_end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    assert_eq!(head_end + 4, answer.len());
}

#[test]
fn each_camera_has_places_of_its_own() {
    let mut server = Setup::camera_sim()
        .server("max_viewers", 2)
        .another_camera("yard", "test")
        .start();
    let main: Vec<Parts> = (0..2).map(|_| server.stream("/stream")).collect();
    for path in [
        "/stream",
        "/?action=stream",
        "/api/v1/cameras/main/stream",
        "/api/v1/cameras/main/stream?width=320",
    ] {
        refused(&server, path);
    }
    let mut yard: Vec<Parts> = (0..2)
        .map(|_| server.stream("/api/v1/cameras/yard/stream"))
        .collect();
    for viewer in &mut yard {
        assert!(
            viewer.part().stamp.is_none(),
            "the test pattern has no stamp"
        );
    }
    refused(&server, "/api/v1/cameras/yard/stream");
    assert_eq!(server.json("/health")["clients"], 4);
    let list = server.json("/api/v1/cameras");
    assert_eq!(
        (&list["viewers"], &list["max_viewers"]),
        (&4.into(), &2.into())
    );
    assert_eq!(list["cameras"][0]["viewers"], 2);

    // A place at one camera is none at the other.
    drop(yard);
    server.viewers(2);
    refused(&server, "/stream");
    drop(main);
    server.stop();
}

#[test]
fn a_wall_of_sixteen_takes_one_place_at_each_camera() {
    let mut setup = Setup::with_source("test");
    for n in 1..16 {
        setup = setup.another_camera(&format!("cam{n}"), "test");
    }
    let mut server = setup.start();
    let path = |n: usize| match n {
        0 => "/ws?camera=main&frames=binary".to_owned(),
        n => format!("/ws?camera=cam{n}&frames=binary"),
    };
    // Two pages with all of them.
    let mut walls: Vec<Socket> = (0..32)
        .map(|n| Socket::open(&server, &path(n % 16)))
        .collect();
    for socket in &mut walls {
        socket.picture();
    }
    assert_eq!(server.json("/health")["clients"], 32);

    // And all the others whom the first camera has room for; the sixteenth is one too many.
    let mut others: Vec<Parts> = (0..13).map(|_| server.stream("/stream")).collect();
    for viewer in &mut others {
        viewer.part();
    }
    refused(&server, "/stream");
    let mut late = Socket::open(&server, &path(0));
    let answer = late.words("a refusal", |words| {
        Some(words["error"].as_str()?.to_owned())
    });
    assert_eq!(answer, FULL);
    server.stream("/api/v1/cameras/cam7/stream").part();
    drop((walls, others, late));
    server.viewers(0);
    server.stop();
}

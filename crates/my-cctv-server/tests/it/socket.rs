//! `/ws`: pictures, events, and clients that do not behave.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tungstenite::Message;

use crate::harness::{Client, Setup, Socket, Watcher, eventually, pass};

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

#[test]
fn pictures_come_in_order_and_with_their_time() {
    let mut server = Setup::camera_sim().start();
    let mut socket = Socket::open(&server, "/ws");
    let hello = socket.words("hello", |words| {
        (words["type"] == "hello").then(|| words.clone())
    });
    assert_eq!(
        (&hello["camera"], &hello["cameras"][0]["state"]),
        (&json!("main"), &json!("idle"))
    );
    assert_eq!(
        server.camera()["state"],
        "idle",
        "a socket alone needs no camera"
    );

    let answer = socket.ask(json!({"type": "subscribe", "frames": "binary"}));
    assert_eq!(
        (&answer["ok"], &answer["camera"]),
        (&json!(true), &json!("main"))
    );
    let mut last = socket.picture();
    let mut whole = 0;
    // On a machine with much else to do one may be lost; on a fast line ten come in a row.
    eventually("ten pictures in a row", || {
        let next = socket.picture();
        assert!(next.sequence > last.sequence);
        assert!(next.captured_us > last.captured_us && next.captured_us <= now_us());
        assert_eq!((next.size, next.is_placeholder), ((320, 240), false));
        let is_next = next.sequence == last.sequence + 1;
        whole = if is_next { whole + 1 } else { 0 };
        last = next;
        (whole >= 10).then_some(())
    });
    // The same bytes that other viewers get.
    assert!(camera_sim::stamp::read(&last.jpeg).is_some());
    let viewer = server.json("/api/v1/viewers")["viewers"][0].clone();
    assert!(viewer["frames_sent"].as_u64().unwrap() >= 10, "{viewer}");

    socket.ask(json!({"type": "unsubscribe"}));
    server.viewers(0);
    server.wait_for_state("idle");
    server.stop();
}

#[test]
fn the_old_form_of_a_frame_is_there_for_who_asks() {
    let mut server = Setup::camera_sim().start();
    let mut socket = Socket::open(&server, "/ws?frames=base64");
    let frame = socket.words("a frame", |words| {
        (words["type"] == "frame").then(|| words.clone())
    });
    let data = frame["data"].as_str().unwrap();
    // FF D8 FF E0 at the beginning.
    assert!(data.starts_with("/9j/4"), "{}", &data[..20]);
    assert_eq!(
        (&frame["width_px"], &frame["placeholder"]),
        (&json!(320), &json!(false))
    );
    server.stop();
}

#[test]
fn a_client_learns_how_far_its_clock_is_off() {
    let mut server = Setup::with_source("test").start();
    let mut socket = Socket::open(&server, "/ws");
    let before = now_us();
    let answer = socket.ask(json!({"type": "clock", "sent_ms": 1234.5}));
    let after = now_us();
    let time = answer["time_us"].as_u64().unwrap();
    assert!((before..=after).contains(&time));
    assert_eq!(answer["sent_ms"], 1234.5);
    server.stop();
}

#[test]
fn events_say_what_happens_to_a_camera() {
    let mut server = Setup::camera_sim()
        .camera("no_frame_timeout_s", 60.0)
        .start();
    let mut socket = Socket::open(&server, "/ws?frames=binary");
    let mut status = |want: &str| {
        socket.words(want, |words| {
            (words["event"] == "status" && words["state"] == want).then(|| words.clone())
        })
    };
    status("starting");
    status("live");
    server.fault("freeze");
    assert_eq!(status("stalled")["cause"], "timed_out");
    let incident = socket.event("incident");
    assert_eq!(
        (&incident["id"], &incident["ended"]),
        (&json!(1), &json!(null))
    );
    eventually("a placeholder", || {
        socket.picture().is_placeholder.then_some(())
    });
    server.fault("heal");
    assert!(socket.event("incident")["ended"].is_string());
    eventually("a picture", || {
        (!socket.picture().is_placeholder).then_some(())
    });
    server.stop();
}

#[test]
fn a_slow_socket_loses_frames_of_its_own_and_stays_young() {
    let mut server = Setup::camera_sim()
        .camera("width", 640)
        .camera("height", 480)
        .frame_bytes(40_000)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    let stream = Client::with_receive_buffer(server.address, 16 * 1024).socket();
    // It is slow by itself, and smaller pictures would only be more of them in its buffer.
    let mut socket = Socket::on(stream, "/ws?frames=binary&adapt=0", &server);
    let mut lost = 0;
    let mut last = socket.picture();
    for _ in 0..6 {
        pass(Duration::from_millis(400));
        let next = socket.picture();
        assert!(next.sequence > last.sequence);
        assert_eq!(next.size, (640, 480));
        lost += next.sequence - last.sequence - 1;
        last = next;
    }
    assert!(lost >= 10, "{lost} frames");
    // It waits in no queue: what comes after a pause is what was on its way, then the present.
    pass(Duration::from_secs(2));
    let ages_ms = [0; 5].map(|_| now_us().saturating_sub(socket.picture().captured_us) / 1000);
    assert!(ages_ms.iter().any(|age| *age < 1000), "{ages_ms:?}");
    let skipped = watcher.until("", |seen| Some(seen.pictures()));
    assert!(skipped > 40, "the other viewer went on");
    server.stop();
}

#[test]
fn places_are_for_those_who_watch() {
    let mut server = Setup::with_source("test")
        .server("max_viewers", 1)
        .another_camera("yard", "test")
        .start();
    let mut one = Socket::open(&server, "/ws?frames=binary");
    one.picture();
    let mut other = Socket::open(&server, "/ws");
    let answer = other.ask(json!({"type": "subscribe"}));
    assert_eq!(answer["ok"], false);
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .starts_with("Sorry, the broadcast is full")
    );
    assert_eq!(server.get("/stream").status, 503);
    // Whoever changes the camera keeps the place.
    assert_eq!(
        one.ask(json!({"type": "subscribe", "camera": "yard"}))["ok"],
        true
    );
    one.picture();
    let viewer = server.json("/api/v1/viewers")["viewers"][0].clone();
    assert_eq!(viewer["camera"], "yard");
    assert_eq!(
        server
            .request("DELETE", &format!("/api/v1/viewers/{}", viewer["id"]))
            .status,
        204
    );
    assert_eq!(one.event("ended")["message"], "was ended by request");
    assert_eq!(other.ask(json!({"type": "subscribe"}))["ok"], true);
    other.picture();
    drop((one, other));
    server.viewers(0);
    server.stop();
}

#[test]
fn who_does_not_behave_is_told_and_ended() {
    let mut server = Setup::with_source("test").start();
    let mut socket = Socket::open(&server, "/ws");
    for (text, want) in [
        ("hello", "expected value"),
        (r#"{"type":"shell"}"#, "unknown variant"),
        (
            r#"{"type":"control","action":"set","value":3}"#,
            "expected an object",
        ),
    ] {
        socket.raw().send(Message::text(text)).unwrap();
        let error = socket.words("a refusal", |words| {
            Some(words["error"].as_str()?.to_owned())
        });
        assert!(error.contains(want), "{error}");
    }
    socket.raw().send(Message::binary(vec![0; 10])).unwrap();
    let error = socket.words("a refusal", |words| {
        Some(words["error"].as_str()?.to_owned())
    });
    assert!(error.contains("expected JSON"), "{error}");
    socket.raw().send(Message::text("a".repeat(5000))).unwrap();
    assert_eq!(
        socket.end(),
        (1009, "a message may have 4096 bytes".to_owned())
    );

    let mut flood = Socket::open(&server, "/ws");
    for _ in 0..200 {
        if flood
            .raw()
            .send(Message::text(r#"{"type":"clock"}"#))
            .is_err()
        {
            break;
        }
    }
    assert_eq!(flood.end(), (1008, "too many messages".to_owned()));

    // One message in endless pieces.
    let mut pieces = Socket::open(&server, "/ws");
    let stream = pieces.raw().get_mut();
    use std::io::Write as _;
    let _ = stream.write_all(&[0x01, 0x80, 0, 0, 0, 0]);
    for _ in 0..100 {
        let piece = [&[0x00, 0x80 | 100, 0, 0, 0, 0][..], &[b'a'; 100]].concat();
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    assert_eq!(pieces.end().0, 1009);
    assert_eq!(server.get("/health").status, 200);
    server.stop();
}

#[test]
fn the_handshake_is_for_programs_and_our_own_pages() {
    let mut server = Setup::with_source("test").start();
    assert_eq!(server.get("/ws").status, 426);
    let reply = |origin: &str, path: &str| {
        Client::new(server.address)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Origin", origin)
            .request("GET", path)
            .status
    };
    assert_eq!(reply("http://evil.example", "/ws"), 403);
    assert_eq!(reply("null", "/ws"), 403);
    assert_eq!(reply("http://localhost", "/ws"), 101);
    assert_eq!(reply("http://localhost", "/ws?camera=nobody"), 404);
    assert_eq!(reply("http://localhost", "/ws?frames=gif"), 400);
    server.stop();
}

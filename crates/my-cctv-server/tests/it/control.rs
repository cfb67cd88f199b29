//! What somebody sets while the camera runs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Server, Setup, Socket, Watcher, eventually, pass};

const CONTROLS: &str = "/api/v1/cameras/main/controls";

fn set(server: &Server, patch: &Value) -> Value {
    let reply = server.send("PATCH", &format!("{CONTROLS}?wait_s=20"), patch);
    let status = reply.status;
    let body = reply.json();
    assert_eq!(status, 200, "{patch}: {body}");
    body
}

#[test]
fn what_is_set_reaches_the_camera_and_viewers_stay() {
    let mut server = Setup::camera_sim().start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(3);

    let state = set(
        &server,
        &json!({"zoom": 2, "pan": 1, "hflip": true, "awb_gains": [1.5, 2], "framerate": 10}),
    );
    assert_eq!(
        (&state["state"], &state["revision"]),
        (&json!("applied"), &json!(1))
    );
    let arguments = server.sim_arguments();
    assert_eq!(arguments.len(), 2);
    for option in [
        "--roi 0.50000,0.25000,0.50000,0.50000",
        "--hflip 1",
        "--awbgains 1.5,2",
        "--framerate 10",
    ] {
        assert!(arguments[1].contains(option), "{}", arguments[1]);
    }
    watcher.more_pictures(5);
    assert_eq!(
        watcher.until("", |seen| Some(seen.placeholders())),
        0,
        "the last picture stays up"
    );
    assert_eq!(server.camera()["framerate"], 10.0);
    assert_eq!(server.json("/api/v1/incidents")["incidents"], json!([]));

    let zoom = |state: &Value| {
        let list = state["controls"].as_array().unwrap();
        list.iter().find(|c| c["name"] == "zoom").unwrap().clone()
    };
    let capability = zoom(&server.json(CONTROLS));
    assert_eq!(
        (
            &capability["value"],
            &capability["default"],
            &capability["most"]
        ),
        (&json!(2), &json!(1), &json!(10.0))
    );

    let state = set(&server, &json!({"zoom": null, "pan": null}));
    assert_eq!(
        state["wanted"],
        json!({"hflip": true, "awb_gains": [1.5, 2], "framerate": 10})
    );
    assert!(!server.sim_arguments()[2].contains("--roi"));
    let reply = server.request("DELETE", &format!("{CONTROLS}?wait_s=20"));
    assert_eq!(reply.json()["wanted"], json!({}));
    assert_eq!(server.sim_arguments()[3], server.sim_arguments()[0]);
    watcher.more_pictures(3);
    assert_eq!(
        server.log.all("viewer came").len(),
        1,
        "nobody had to connect anew"
    );
    drop(watcher);
    server.stop();
}

#[test]
fn the_sensor_that_zoom_is_counted_in_is_told_once_it_is_known() {
    let mut server = Setup::simulated("rpicam:0").start();
    assert_eq!(server.json(CONTROLS)["sensor"], json!([4, 3]));
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    eventually("the sensor is known", || {
        (server.json(CONTROLS)["sensor"] == json!([4608, 2592])).then_some(())
    });
    // The picture shows three quarters of that sensor's width.
    set(&server, &json!({"zoom": 2}));
    let arguments = server.sim_arguments();
    let last = arguments.last().unwrap();
    assert!(
        last.contains("--roi 0.31250,0.25000,0.37500,0.50000"),
        "{last}"
    );
    server.stop();
}

#[test]
fn changes_close_together_are_one_restart() {
    let mut server = Setup::camera_sim().start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    for step in 1..=5 {
        let zoom = 1.0 + f64::from(step) / 2.0;
        assert_eq!(
            server
                .send("PATCH", CONTROLS, &json!({"zoom": zoom}))
                .status,
            202
        );
    }
    // There and back again is nothing.
    let reply = server.send(
        "PATCH",
        &format!("{CONTROLS}?wait_s=20"),
        &json!({"zoom": 3.5}),
    );
    assert_eq!(reply.json()["state"], "applied");
    watcher.more_pictures(3);
    let arguments = server.sim_arguments();
    assert_eq!(arguments.len(), 2, "{arguments:?}");
    assert!(arguments[1].contains("--roi 0.35714,"), "{}", arguments[1]);
    server.stop();
}

#[test]
fn a_set_that_does_not_start_gives_way_to_the_last_good_one() {
    // This program knows no HDR: an older one.
    let mut server = Setup::camera_sim().sim("FAULT", "unknown:--hdr").start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    set(&server, &json!({"brightness": 0.25}));

    let reply = server.send(
        "PATCH",
        &format!("{CONTROLS}?wait_s=20"),
        &json!({"hdr": "auto", "contrast": 2}),
    );
    assert_eq!(reply.status, 409);
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("--hdr"), "{detail}");

    watcher.more_pictures(5);
    let state = server.json(CONTROLS);
    assert_eq!(
        (&state["wanted"], &state["applied"]),
        (&json!({"brightness": 0.25}), &json!({"brightness": 0.25}))
    );
    assert_eq!(state["state"], "refused");
    assert!(
        state["message"].as_str().unwrap().contains("--hdr"),
        "{state}"
    );
    assert_eq!(watcher.until("", |seen| Some(seen.placeholders())), 0);
    assert!(watcher.is_watching());
    server.log.message(
        "the camera does not start with what was set: going back to what it ran with before",
    );
    assert_eq!(
        set(&server, &json!({"contrast": 2}))["wanted"],
        json!({"brightness": 0.25, "contrast": 2})
    );
    server.stop();
}

#[test]
fn a_camera_that_is_lost_meanwhile_keeps_what_was_set() {
    let mut server = Setup::camera_sim()
        .sim("FAULT", "busy")
        .sim("FAULT_RUNS", "1")
        .start();
    assert_eq!(
        server
            .send("PATCH", CONTROLS, &json!({"vflip": true}))
            .status,
        202
    );
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    assert_eq!(server.json(CONTROLS)["applied"], json!({"vflip": true}));
    assert!(
        server
            .sim_arguments()
            .iter()
            .all(|line| line.contains("--vflip 1"))
    );
    server.stop();
}

#[test]
fn what_cannot_be_is_refused_before_anything_happens() {
    let mut server = Setup::camera_sim()
        .another_camera("drawn", "test")
        .another_camera(
            "film",
            &format!("file:{}", crate::harness::frames().display()),
        )
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let check = |path: &str, body: &str, status: u16, want: &str| {
        let reply = Client::new(server.address)
            .header("Content-Type", "application/json")
            .body(body.as_bytes())
            .request("PATCH", path);
        let got = reply.status;
        assert_eq!(
            reply.header("Content-Type"),
            Some("application/problem+json"),
            "{body}"
        );
        let text = reply.text();
        assert_eq!(got, status, "{body}: {text}");
        assert!(text.contains(want), "{want}: {text}");
    };
    for (body, want) in [
        (r#"{"zoom": 11}"#, "`zoom`: expected a number from 1 to 10"),
        (r#"{"hflip": true, "zom": 2}"#, "did you mean `zoom`?"),
        (
            r#"{"awb": "auto --output /tmp/x"}"#,
            "`awb`: expected one of",
        ),
        (r#"{"--output": "/tmp/x"}"#, "no such control"),
        (r#"{"shutter_us": 100000}"#, "longer than a frame"),
        (r#"{"width": 65535}"#, "`width`"),
    ] {
        check(CONTROLS, body, 422, want);
    }
    check(CONTROLS, "[1]", 400, "no object");
    check(CONTROLS, r#"{"framerate": 1e999}"#, 400, "out of range");
    check(CONTROLS, "{", 400, "");
    check(
        CONTROLS,
        &format!(r#"{{"zoom": 2, "x": "{}"}}"#, "a".repeat(20_000)),
        413,
        "16 KiB",
    );
    check(
        "/api/v1/cameras/drawn/controls",
        r#"{"zoom": 2}"#,
        422,
        "this camera cannot do that",
    );
    check(
        "/api/v1/cameras/film/controls",
        r#"{"width": 320}"#,
        422,
        "this camera cannot do that",
    );
    check(
        "/api/v1/cameras/nobody/controls",
        r#"{"zoom": 2}"#,
        404,
        "no camera",
    );
    // What a form of a foreign page could send.
    let reply = Client::new(server.address)
        .header("Content-Type", "text/plain")
        .body(r#"{"zoom": 2}"#.as_bytes())
        .request("PATCH", CONTROLS);
    assert_eq!(reply.status, 415);

    assert_eq!(
        server.json("/api/v1/cameras/film/controls")["controls"],
        json!([])
    );
    pass(Duration::from_millis(800));
    assert_eq!(server.sim_starts().len(), 1);
    assert_eq!(server.json(CONTROLS)["revision"], 0);
    server.stop();
}

#[test]
fn the_test_pattern_changes_its_size_and_auto_says_what_it_found() {
    let mut server = Setup::with_source("auto")
        .env("PATH", "/nonexistent")
        .start();
    let mut socket = Socket::open(&server, "/ws?frames=binary");
    assert_eq!(socket.picture().size, (320, 240));
    let state = set(
        &server,
        &json!({"width": 640, "height": 360, "framerate": 5}),
    );
    assert!(
        state["controls"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["name"] != "zoom")
    );
    eventually("a picture of the new size", || {
        (socket.picture().size == (640, 360)).then_some(())
    });
    server.stop();
}

#[test]
fn by_socket_each_request_has_its_answer() {
    let mut server = Setup::camera_sim().start();
    let mut socket = Socket::open(&server, "/ws?frames=binary");
    socket.picture();
    // As the old page said it.
    let answer = socket.ask(json!({"type": "control", "action": "zoom", "value": 2}));
    assert_eq!(
        (&answer["ok"], &answer["state"], &answer["wanted"]),
        (&json!(true), &json!("pending"), &json!({"zoom": 2}))
    );
    let applied = socket.words("the outcome", |words| {
        (words["event"] == "controls" && words["state"] == "applied").then(|| words.clone())
    });
    assert_eq!(
        (&applied["camera"], &applied["applied"]),
        (&json!("main"), &json!({"zoom": 2}))
    );
    socket.picture();

    let answer = socket
        .ask(json!({"type": "control", "action": "set", "value": {"hflip": true, "zoom": null}}));
    assert_eq!(answer["wanted"], json!({"hflip": true}));
    let answer = socket.ask(json!({"type": "control", "action": "zoom", "value": 99}));
    assert_eq!(answer["ok"], false);
    assert_eq!(
        answer["error"],
        "`zoom`: expected a number from 1 to 10 (x)"
    );
    let answer =
        socket.ask(json!({"type": "control", "action": "zoom", "value": 2, "camera": "nobody"}));
    assert_eq!(answer["error"], "there is no camera with this id");
    let answer = socket.ask(json!({"type": "control", "action": "reset"}));
    assert_eq!(answer["wanted"], json!({}));
    server.stop();
    assert_eq!(socket.end(), (1001, "the server stops".to_owned()));
}

#[test]
fn presets_and_what_was_set_hold_after_a_restart() {
    let setup = Setup::camera_sim();
    let mut server = setup.clone().start();
    let presets = "/api/v1/cameras/main/presets";
    let put = |server: &Server, name: &str, body: Value| {
        server
            .send("PUT", &format!("{presets}/{name}"), &body)
            .status
    };
    assert_eq!(
        put(&server, "night", json!({"exposure": "long", "gain": 8})),
        204
    );
    assert_eq!(put(&server, "%EB%B0%A4", json!({"zoom": 3})), 204);
    assert_eq!(put(&server, "bad", json!({"zoom": 99})), 422);
    assert_eq!(put(&server, "%20", json!({"zoom": 2})), 400);
    assert_eq!(
        put(&server, "..%2F..%2Fetc", json!({"zoom": 4})),
        204,
        "a name is no path"
    );
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    let reply = server.send(
        "POST",
        &format!("{presets}/night/apply?wait_s=20"),
        &json!({}),
    );
    assert_eq!(
        reply.json()["applied"],
        json!({"exposure": "long", "gain": 8})
    );
    assert!(server.sim_arguments()[1].contains("--exposure long --gain 8"));
    let mut socket = Socket::open(&server, "/ws");
    let answer = socket.ask(json!({"type": "control", "action": "preset", "value": "밤"}));
    assert_eq!(answer["wanted"], json!({"zoom": 3}));
    let answer = socket.ask(json!({"type": "control", "action": "preset", "value": "day"}));
    assert_eq!(answer["error"], "there is no preset of this name");
    // An empty body stands for what is set now.
    assert_eq!(put(&server, "close", json!({})), 204);
    assert_eq!(
        server.request("DELETE", &format!("{presets}/night")).status,
        204
    );
    assert_eq!(
        server.request("DELETE", &format!("{presets}/night")).status,
        404
    );
    let file = server.path("data/cameras.json");
    eventually("what was set, in the file", || {
        let text = std::fs::read_to_string(&file).ok()?;
        let kept: Value = serde_json::from_str(&text).unwrap();
        (kept["state"]["main"]["set"] == json!({"zoom": 3})).then_some(())
    });
    server.stop();

    let mut server = setup.start();
    let state = server.json(CONTROLS);
    assert_eq!(
        (&state["wanted"], &state["state"]),
        (&json!({"zoom": 3}), &json!("pending"))
    );
    let list = server.json(presets);
    assert_eq!(
        list["presets"],
        json!({"../../etc": {"zoom": 4}, "close": {"zoom": 3}, "밤": {"zoom": 3}})
    );
    server.stream("/stream").picture();
    assert!(
        server
            .sim_arguments()
            .last()
            .unwrap()
            .contains("--roi 0.33333,")
    );
    assert_eq!(server.json(CONTROLS)["state"], "applied");
    server.stop();
}

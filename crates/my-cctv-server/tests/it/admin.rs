//! Cameras that are added, changed, removed and restarted through the API.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, thread};

use serde_json::{Value, json};

use crate::harness::{Client, Reply, Server, Setup, Token, Watcher, decode, eventually};

pub(super) const CAMERAS: &str = "/api/v1/cameras";

pub(super) fn of(id: &str) -> String {
    format!("{CAMERAS}/{id}")
}

pub(super) fn add(server: &Server, keys: Value) {
    let reply = server.send("POST", CAMERAS, &keys);
    let status = reply.status;
    assert_eq!(status, 201, "{keys}: {}", reply.text());
}

pub(super) fn ids(server: &Server) -> Vec<String> {
    let list = server.json(CAMERAS);
    let cameras = list["cameras"].as_array().unwrap();
    let id = |camera: &Value| camera["id"].as_str().unwrap().to_owned();
    cameras.iter().map(id).collect()
}

pub(super) fn stored(server: &Server) -> Value {
    let text = fs::read(server.path("data/cameras.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A refusal has this status and says all of these words.
pub(super) fn refused(reply: Reply, status: u16, words: &[&str]) {
    let kind = reply.header("Content-Type").unwrap_or_default().to_owned();
    let got = reply.status;
    let body = reply.text();
    assert_eq!(got, status, "{body}");
    assert_eq!(kind, "application/problem+json");
    for word in words {
        assert!(body.contains(word), "`{body}` does not say `{word}`");
    }
}

#[test]
fn a_camera_comes_changes_and_goes_and_nobody_else_notices() {
    let mut server = Setup::camera_sim().start();
    let door = Watcher::of(server.stream("/stream"));
    door.more_pictures(2);
    let drawn = || door.until("", |seen| Some(seen.placeholders()));
    let before = (server.sim_starts(), drawn());

    let new = json!({"id": "yard", "name": "Back yard", "source": "test", "width": 160, "height": 120, "linger_s": null});
    let reply = server.send("POST", CAMERAS, &new);
    assert_eq!(reply.status, 201);
    assert_eq!(reply.header("Location"), Some("cameras/yard"));
    let camera = reply.json();
    assert_eq!(
        (&camera["id"], &camera["name"]),
        (&json!("yard"), &json!("Back yard"))
    );
    assert_eq!(ids(&server), ["main", "yard"]);
    let yard = Watcher::of(server.stream(&of("yard/stream")));
    yard.more_parts(2);
    let size = |want| {
        eventually("the size", || {
            let jpeg = server.get(&of("yard/snapshot")).bytes();
            (decode(&jpeg) == want).then_some(())
        });
    };
    size((160, 120));

    let patch = json!({"width": 320, "height": null, "name": "Yard"});
    let reply = server.send("PATCH", &of("yard"), &patch);
    assert_eq!(reply.status, 200);
    let config = reply.json();
    assert_eq!(
        config["keys"]["width"],
        json!({"value": 320, "from": "api"})
    );
    assert_eq!(
        config["keys"]["height"],
        json!({"value": 480, "from": "default"})
    );
    assert_eq!(server.json(&of("yard/config")), config);
    size((320, 480));
    eventually("the new name", || {
        (server.json(&of("yard"))["name"] == "Yard").then_some(())
    });
    yard.more_parts(2);
    assert!(yard.is_watching(), "its viewer stayed connected");

    assert_eq!(server.request("DELETE", &of("yard")).status, 204);
    assert_eq!(server.get(&of("yard")).status, 404, "at once");
    yard.ends_well();
    refused(server.request("DELETE", &of("yard")), 404, &["no camera"]);

    // It comes back, with nothing of what it was.
    add(&server, json!({"id": "yard", "source": "test"}));
    server.stream(&of("yard/stream")).part();
    assert_eq!(server.json(&of("yard"))["name"], "yard");

    door.more_pictures(2);
    assert!(door.is_watching());
    assert_eq!(
        (server.sim_starts(), drawn()),
        before,
        "the other camera was not touched"
    );
    drop((door, yard));
    server.stop();
}

#[test]
fn a_camera_of_the_file_is_changed_and_goes_back_but_stays() {
    let mut server = Setup::camera_sim()
        .camera("name", "Front door")
        .env("CAM_FPS", "15")
        .start();
    let door = Watcher::of(server.stream("/stream"));
    door.more_pictures(1);
    let keys = |server: &Server| server.json(&of("main/config"))["keys"].clone();
    let before = keys(&server);
    assert_eq!(
        before["name"],
        json!({"value": "Front door", "from": "file"})
    );
    assert_eq!(
        before["framerate"],
        json!({"value": 15, "from": "environment"})
    );
    assert_eq!(before["quality"], json!({"value": 85, "from": "default"}));
    assert!(
        !server.path("data").exists(),
        "nothing is written while nothing is changed"
    );

    let patch = json!({"name": "Gate", "framerate": 10.5});
    assert_eq!(server.send("PATCH", &of("main"), &patch).status, 200);
    assert_eq!(
        keys(&server)["framerate"],
        json!({"value": 10.5, "from": "api"})
    );
    eventually("the new name", || {
        (server.camera()["name"] == "Gate").then_some(())
    });
    door.more_pictures(2);
    assert!(door.is_watching());

    refused(
        server.request("DELETE", &of("main")),
        409,
        &["test.toml", "[[camera]]"],
    );
    let patch = json!({"name": null, "framerate": null});
    assert_eq!(server.send("PATCH", &of("main"), &patch).status, 200);
    assert_eq!(keys(&server), before);
    assert_eq!(stored(&server), json!({"version": 1, "cameras": []}));
    drop(door);
    server.stop();
}

#[test]
fn what_was_changed_outlives_the_server_and_nobody_else_may_read_it() {
    let setup = Setup::with_source("test");
    let mut server = setup.clone().start();
    let secret = "http://me:hunter2@127.0.0.1:9/mjpeg?key=hunter2";
    add(
        &server,
        json!({"id": "yard", "source": secret, "name": "Yard"}),
    );
    add(&server, json!({"id": "attic", "source": "test"}));
    assert_eq!(
        server
            .send("PATCH", &of("main"), &json!({"width": 64}))
            .status,
        200
    );
    let config = |server: &Server, id: &str| server.json(&of(&format!("{id}/config")));
    let before = ["main", "yard", "attic"].map(|id| config(&server, id));
    assert_eq!(
        before[1]["keys"]["source"]["value"],
        "http://127.0.0.1:9/mjpeg"
    );
    server.stop();

    let mut again = setup.clone().start();
    assert_eq!(ids(&again), ["main", "yard", "attic"]);
    assert_eq!(
        ["main", "yard", "attic"].map(|id| config(&again, id)),
        before
    );
    let jpeg = again.get("/snapshot").bytes();
    assert_eq!(decode(&jpeg), (64, 240));
    let mode = |name: &str| fs::metadata(again.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/cameras.json")), (0o700, 0o600));

    // The login is kept, since the camera wants it, and shown nowhere.
    assert!(stored(&again).to_string().contains("hunter2"));
    again.get(&of("yard/snapshot"));
    let shown = [
        again.json(CAMERAS).to_string(),
        config(&again, "yard").to_string(),
        again.json("/api/v1/incidents").to_string(),
        again.json("/api-docs/openapi.json").to_string(),
    ];
    assert!(
        shown.iter().all(|text| !text.contains("hunter2")),
        "{shown:?}"
    );
    again.stop();
    let checked = setup.run(&["check", "--config", "test.toml"]);
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert!(
        checked.contains("attic") && checked.contains("64x240"),
        "{checked}"
    );
    let log = server.log.to_end() + &again.log.to_end() + &checked;
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn bad_requests_change_nothing_and_say_what_was_expected() {
    let mut server = Setup::with_source("rpicam").start();
    let new = |keys: Value| {
        let mut new = json!({"id": "new", "source": "test"});
        for (key, value) in keys.as_object().unwrap() {
            new[key] = value.clone();
        }
        server.send("POST", CAMERAS, &new)
    };
    for (keys, status, words) in [
        (json!({"id": null}), 422, &["`id`", "needs one"][..]),
        (json!({"id": 7}), 422, &["`id`", "text"]),
        (json!({"id": "../etc"}), 422, &["`id`", "a-z, 0-9"]),
        (json!({"id": "a/b"}), 422, &["`id`"]),
        (json!({"id": "A"}), 422, &["`id`"]),
        (json!({"id": "a\u{0}"}), 422, &["`id`"]),
        (json!({"id": "a".repeat(65)}), 422, &["`id`"]),
        (json!({"id": "main"}), 409, &["main already"]),
        (json!({"source": null}), 422, &["`source`", "needs one"]),
        (json!({"source": 1}), 422, &["`source`", "text"]),
        (json!({"source": "tset"}), 422, &["unknown source `tset`"]),
        (
            json!({"source": "file:/etc/passwd"}),
            422,
            &["only the configuration file"],
        ),
        (
            json!({"source": "file:///etc/passwd"}),
            422,
            &["only the configuration file"],
        ),
        (
            json!({"source": "command:reboot"}),
            422,
            &["only the configuration file"],
        ),
        (
            json!({"source": "command"}),
            422,
            &["only the configuration file"],
        ),
        (
            json!({"source": "v4l2:/etc/passwd"}),
            422,
            &["no video device"],
        ),
        (
            json!({"source": "v4l2:/dev/video0/../sda"}),
            422,
            &["no video device"],
        ),
        (
            json!({"source": "http:///x"}),
            422,
            &["no address of a camera"],
        ),
        (
            json!({"program": "/bin/sh"}),
            422,
            &["`program`", "only the configuration file"],
        ),
        (json!({"program": null}), 422, &["`program`"]),
        (json!({"width": "wide"}), 422, &["`width`", "whole number"]),
        (json!({"width": 9}), 422, &["`width`", "16 to 4096"]),
        (json!({"width": 70000}), 422, &["`width`", "0 to 65535"]),
        (json!({"quality": 101}), 422, &["`quality`", "1 to 100"]),
        (json!({"framerate": [1]}), 422, &["`framerate`", "a number"]),
        (json!({"framerate": 1e300}), 422, &["`framerate`"]),
        (json!({"linger_s": -1}), 422, &["`linger_s`", "seconds"]),
        (
            json!({"max_frame_bytes": 1_000_000_000}),
            422,
            &["`max_frame_bytes`"],
        ),
        (
            json!({"hight": 480}),
            422,
            &["`hight`", "did you mean `height`?"],
        ),
        (json!({"x".repeat(9000): 1}), 422, &["no such key"]),
        (
            json!({"source": "rpicam"}),
            409,
            &["another camera uses rpicam"],
        ),
    ] {
        let reply = new(keys);
        match words[0].strip_prefix('`') {
            Some(key) => {
                let named = format!("\"key\":\"{}\"", key.trim_end_matches('`'));
                refused(reply, status, &[words, &[&*named]].concat());
            }
            None => refused(reply, status, words),
        }
    }

    let raw = |kind: &str, body: &[u8]| {
        let client = Client::new(server.address).body(body);
        let client = match kind {
            "" => client,
            kind => client.header("Content-Type", kind),
        };
        client.request("POST", CAMERAS)
    };
    let good = br#"{"id":"new","source":"test"}"#;
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
    ] {
        refused(raw(kind, good), 415, &["application/json"]);
    }
    let json = "application/json; charset=utf-8";
    refused(raw(json, b""), 400, &["no JSON"]);
    refused(raw(json, b"{\"id\":"), 400, &["no JSON", "column"]);
    refused(raw(json, b"\xff\xfe"), 400, &["no JSON"]);
    refused(raw(json, b"[1]"), 400, &["no object"]);
    refused(raw(json, b"null"), 400, &["no object"]);
    refused(
        raw(json, "[".repeat(10_000).as_bytes()),
        400,
        &["no JSON", "recursion"],
    );
    let mut large = br#"{"id":"new","source":"test","name":""#.to_vec();
    large.resize(300_000, b'x');
    refused(raw(json, &large), 413, &["16 KiB"]);
    refused(
        Client::new(server.address)
            .body(b"{}")
            .request("POST", &of("main/restart")),
        415,
        &["application/json"],
    );
    refused(
        server.send("POST", &of("main/restart"), &json!({"now": 1})),
        400,
        &["no keys"],
    );

    for id in ["nobody", "..%2f..%2fetc%2fpasswd", "%2e%2e", "a%00", "A"] {
        refused(
            server.send("PATCH", &of(id), &json!({"width": 64})),
            404,
            &["no camera"],
        );
        refused(server.request("DELETE", &of(id)), 404, &["no camera"]);
        refused(
            server.get(&of(&format!("{id}/config"))),
            404,
            &["no camera"],
        );
        refused(
            server.send("POST", &of(&format!("{id}/restart")), &json!({})),
            404,
            &["no camera"],
        );
    }
    refused(
        server.send("PATCH", &of("main"), &json!({"id": "other"})),
        422,
        &["stays as it is"],
    );
    refused(
        server.send("PATCH", &of("main"), &json!({"source": "file:x"})),
        422,
        &["only the configuration file"],
    );
    refused(
        server.send("PATCH", &of("main"), &json!({"width": 64, "height": 1})),
        422,
        &["`height`"],
    );

    assert_eq!(ids(&server), ["main"]);
    assert!(!server.path("data").exists(), "nothing was changed");
    server.stop();
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let mut server = Setup::with_source("test")
        .server("head_timeout_s", 1)
        .start();
    let head = format!(
        "POST {CAMERAS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\nAuthorization: Bearer {}\r\n\r\n{{",
        Token::get().secret
    );
    let answer = Client::new(server.address).raw(head.as_bytes());
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(ids(&server), ["main"]);
    server.stop();
}

#[test]
fn at_most_64_cameras() {
    let mut server = Setup::with_source("test").start();
    for n in 1..64 {
        add(&server, json!({"id": format!("c{n}"), "source": "test"}));
    }
    let one_more = json!({"id": "more", "source": "test"});
    refused(
        server.send("POST", CAMERAS, &one_more),
        409,
        &["64 cameras"],
    );
    assert_eq!(server.request("DELETE", &of("c7")).status, 204);
    add(&server, one_more);
    assert_eq!(ids(&server).len(), 64);
    server.stop();
}

#[test]
fn many_change_cameras_at_the_same_time() {
    const CLIENTS: usize = 8;
    let mut server = Setup::with_source("test").start();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|n| {
                let server = &server;
                scope.spawn(move || {
                    let contested = json!({"id": "contested", "source": "test"});
                    let status = server.send("POST", CAMERAS, &contested).status;
                    for id in ["a", "b"].map(|letter| format!("{letter}{n}")) {
                        add(server, json!({"id": id, "source": "test", "width": 64}));
                        let patch = server.send("PATCH", &of(&id), &json!({"name": n.to_string()}));
                        assert_eq!(patch.status, 200);
                    }
                    assert_eq!(server.request("DELETE", &of(&format!("a{n}"))).status, 204);
                    status
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 409).count(),
        CLIENTS - 1
    );
    let mut want: BTreeSet<String> = (0..CLIENTS).map(|n| format!("b{n}")).collect();
    want.extend(["main".to_owned(), "contested".to_owned()]);
    assert_eq!(ids(&server).into_iter().collect::<BTreeSet<_>>(), want);
    for n in 0..CLIENTS {
        let keys = &server.json(&of(&format!("b{n}/config")))["keys"];
        assert_eq!(
            (&keys["name"]["value"], &keys["width"]["value"]),
            (&json!(n.to_string()), &json!(64))
        );
    }
    server.stop();
}

#[test]
fn a_restart_ends_a_wait_and_a_run_and_viewers_stay() {
    let mut server = Setup::camera_sim().start();
    let restart = |id: &str| {
        assert_eq!(
            server
                .send("POST", &of(&format!("{id}/restart")), &json!({}))
                .status,
            202
        )
    };
    restart("main");
    assert_eq!(server.camera()["starts"], 0, "one that is off stays off");
    let door = Watcher::of(server.stream("/stream"));
    door.more_pictures(2);
    assert_eq!(server.camera()["starts"], 1);
    restart("main");
    eventually("the second start", || {
        (server.sim_starts().len() == 2).then_some(())
    });
    door.more_pictures(2);
    assert!(door.is_watching());

    // After this failure, half a minute would be waited for: longer than this test has patience.
    add(
        &server,
        json!({"id": "words", "source": server.url("/health")}),
    );
    let words = Watcher::of(server.stream(&of("words/stream")));
    let failed = |starts: u64| {
        eventually("the failure", || {
            let camera = server.json(&of("words"));
            (camera["state"] == "failed" && camera["starts"] == starts).then_some(())
        });
    };
    for starts in 1..=3 {
        failed(starts);
        restart("words");
    }
    failed(4);
    for line in server.log.all("the camera failed") {
        assert_eq!(line.fields["retry_in_s"], 30, "{}", line.raw);
    }
    assert!(words.is_watching());
    drop((door, words));
    server.stop();
}

//! The configuration over the API: told before it is changed, changed with its comments, and brought back.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::harness::{Client, Reply, Server, Setup, Watcher, decode, eventually};

const CONFIG: &str = "/api/v1/config";
const CHECK: &str = "/api/v1/config/check";
const BACKUPS: &str = "/api/v1/config/backups";

/// A server whose file somebody wrote with care.
fn start(setup: Setup) -> Server {
    let command = setup.serve();
    let path = setup.path("test.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text = format!("# Mine: ask me first.\n{text}")
        .replace("linger_s = 1.0", "linger_s = 1.0 # off soon");
    fs::write(&path, text).unwrap();
    setup.start_by(command)
}

fn file(server: &Server) -> String {
    fs::read_to_string(server.path("test.toml")).unwrap()
}

fn etag(server: &Server) -> String {
    let reply = server.get(CONFIG);
    let tag = reply.header("ETag").unwrap().to_owned();
    assert_eq!(reply.json()["etag"], tag.trim_matches('"'));
    tag
}

fn put(server: &Server, etag: &str, change: &Value) -> Reply {
    let client = Client::new(server.address).header("If-Match", etag);
    client.json(change).request("PUT", CONFIG)
}

fn refused(reply: Reply, status: u16, words: &[&str]) {
    let got = reply.status;
    let body = reply.text();
    assert_eq!(got, status, "{body}");
    for word in words {
        assert!(body.contains(word), "`{body}` does not say `{word}`");
    }
}

#[test]
fn a_change_keeps_comments_and_restarts_only_its_camera() {
    let mut server = start(Setup::camera_sim().another_camera("yard", "test"));
    let door = Watcher::of(server.stream("/stream"));
    let yard = Watcher::of(server.stream("/api/v1/cameras/yard/stream"));
    door.more_pictures(2);
    yard.more_parts(2);
    let starts = server.sim_starts().len();
    let before = file(&server);

    // Keys of the server: no camera notices, and it is said what holds at once and what waits.
    let change = json!({"keys": {"limits.api_per_minute": 5000, "server.base_path": "/cam"}});
    let told = server.send("POST", CHECK, &change).json();
    assert_eq!(
        told["difference"],
        "  [server]\n- base_path = \"/\"\n+ base_path = \"/cam\"\n  [limits]\n- api_per_minute = 0\n+ api_per_minute = 5000\n"
    );
    assert_eq!(
        (&told["restarts"], &told["live"], &told["waits"]),
        (
            &json!([]),
            &json!(["limits.api_per_minute"]),
            &json!(["server.base_path"])
        )
    );
    assert_eq!(file(&server), before, "asking changes nothing");
    let first = etag(&server);
    let done = put(&server, &first, &change);
    assert_eq!(done.status, 200);
    assert!(file(&server).contains("api_per_minute = 5000"));
    assert_eq!(
        server.json(CONFIG)["pending_restart"],
        json!(["server.base_path"])
    );
    door.more_pictures(2);
    assert_eq!(server.sim_starts().len(), starts);

    // A key of one camera: that one starts again, and its viewer stays.
    let change = json!({"cameras": {"yard": {"width": 320, "height": 240}}});
    let told = server.send("POST", CHECK, &change).json();
    assert_eq!(
        (&told["restarts"], &told["waits"]),
        (&json!(["yard"]), &json!([]))
    );
    refused(put(&server, &first, &change), 412, &["Somebody changed"]);
    assert_eq!(put(&server, &etag(&server), &change).status, 200);
    eventually("the new size", || {
        let jpeg = server.get("/api/v1/cameras/yard/snapshot").bytes();
        (decode(&jpeg) == (320, 240)).then_some(())
    });
    yard.more_parts(2);
    assert!(yard.is_watching());
    assert_eq!(server.sim_starts().len(), starts, "the other one went on");

    let change = json!({"cameras": {"main": {"framerate": 10}}});
    assert_eq!(put(&server, "*", &change).status, 200);
    eventually("another start", || {
        (server.sim_starts().len() > starts).then_some(())
    });
    door.more_pictures(2);
    assert!(door.is_watching());
    let text = file(&server);
    assert!(
        text.starts_with("# Mine: ask me first.\n") && text.contains("linger_s = 1.0 # off soon")
    );

    // The way back, over each of the three.
    let list = server.json(BACKUPS);
    let list = list["backups"].as_array().unwrap();
    assert_eq!(list.len(), 3);
    let oldest = list[2]["id"].as_str().unwrap();
    let told = server
        .send("POST", CHECK, &json!({"backup": oldest}))
        .json();
    let said = told["difference"].as_str().unwrap();
    assert!(
        said.contains("- api_per_minute = 5000\n+ api_per_minute = 0\n"),
        "{said}"
    );
    assert_eq!(told["restarts"], json!(["main", "yard"]));
    let restore = format!("{BACKUPS}/{oldest}/restore");
    refused(
        server.send("POST", &restore, &json!({})),
        428,
        &["If-Match"],
    );
    let client = Client::new(server.address).header("If-Match", &etag(&server));
    assert_eq!(
        client.json(&json!({})).request("POST", &restore).status,
        200
    );
    assert_eq!(file(&server), before);
    assert_eq!(server.json(CONFIG)["pending_restart"], json!([]));
    for wrong in ["x", "..", "%2e%2e%2ftest.toml", "../test.toml"] {
        let path = format!("{BACKUPS}/{}/restore", wrong.replace('/', "%2f"));
        let client = Client::new(server.address).header("If-Match", "*");
        refused(
            client.json(&json!({})).request("POST", &path),
            404,
            &["no such backup"],
        );
    }
    let audit = server.get("/api/v1/audit").text();
    for word in [
        "configuration changed",
        "configuration restored",
        "api_per_minute = 5000",
    ] {
        assert!(audit.contains(word), "{audit}");
    }
    drop((door, yard));
    server.stop();
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let setup = Setup::with_source("test")
        .another_camera("gate", "http://me:secret@127.0.0.1:9/x?key=secret")
        .env("CCTV_LOG__LEVEL", "debug")
        .env("CAM_WIDTH", "160");
    let mut server = start(setup);
    let before = file(&server);
    let shown = server.get(CONFIG).text();
    assert!(!shown.contains("secret"), "{shown}");
    let shown = server.json(CONFIG);
    assert_eq!(
        shown["keys"]["log.level"],
        json!({"value": "debug", "from": "environment", "by": "CCTV_LOG__LEVEL"})
    );
    assert_eq!(
        shown["cameras"][0]["keys"]["width"],
        json!({"value": 160, "from": "environment", "by": "CAM_WIDTH"})
    );
    assert_eq!(shown["keys"]["server.viewer_timeout_s"]["from"], "default");
    let schema = server.json("/api/v1/config/schema");
    for (key, value) in shown["keys"].as_object().unwrap() {
        let pointer = format!("/properties/{}", key.replace('.', "/properties/"));
        assert!(schema.pointer(&pointer).is_some(), "{key} {value}");
    }

    for (change, words) in [
        (
            json!({"keys": {"server.max_viewers": 0}}),
            &["server.max_viewers", "1 to 100000"][..],
        ),
        (
            json!({"keys": {"server.max_viewrs": 3}}),
            &["did you mean `server.max_viewers`?"],
        ),
        (
            json!({"keys": {"log.level": "info"}}),
            &["CCTV_LOG__LEVEL", "goes over the file"],
        ),
        (
            json!({"cameras": {"main": {"width": 320}}}),
            &["CAM_WIDTH", "goes over the file"],
        ),
        (
            json!({"keys": {"server.data_dir": "/tmp"}}),
            &["only the configuration file"],
        ),
        (
            json!({"keys": {"auth.enabled": true}}),
            &["only the configuration file"],
        ),
        (
            json!({"cameras": {"main": {"program": "/bin/sh"}}}),
            &["only the configuration file"],
        ),
        (
            json!({"cameras": {"main": {"source": "file:/etc/passwd"}}}),
            &["name a file"],
        ),
        (
            json!({"cameras": {"main": {"source": "command:reboot"}}}),
            &["name a command"],
        ),
        (
            json!({"cameras": {"gate": {"framerate": 1000}}}),
            &["gate.framerate", "0.1 to 240"],
        ),
        (json!({"toml": "[server]\nport = \"x\"\n"}), &["u16"]),
        (
            json!({"toml": "[[camera]]\nsource = \"test\"\n[[camera]]\nid=\"x\"\nsource = \"file:/etc/passwd\"\n"}),
            &["name a file"],
        ),
        (json!({"toml": "", "backup": "x"}), &["one of"]),
        (json!({"xyzzy": 1}), &["xyzzy"]),
    ] {
        let told = server.send("POST", CHECK, &change);
        if told.status == 200 {
            let told = told.json();
            assert_ne!(told["errors"], json!([]), "{change}");
        }
        let reply = put(&server, "*", &change);
        let status = reply.status;
        assert!(matches!(status, 409 | 422), "{change}: {status}");
        refused(reply, status, words);
    }
    assert_eq!(file(&server), before);
    assert_eq!(server.json(BACKUPS), json!({"backups": []}));
    refused(server.send("PUT", CONFIG, &json!({})), 428, &["If-Match"]);
    refused(
        Client::new(server.address)
            .header("If-Match", "*")
            .body(b"{}")
            .request("PUT", CONFIG),
        415,
        &[],
    );

    // Out and in again: nothing is lost, and no secret has left.
    let export = server.get("/api/v1/config/export").text();
    assert!(
        !export.contains("secret") && export.contains("http://127.0.0.1:9/x"),
        "{export}"
    );
    let told = server.send("POST", CHECK, &json!({"toml": export})).json();
    assert_eq!(
        (&told["difference"], &told["errors"]),
        (&json!(""), &json!([])),
        "{told}"
    );

    fs::set_permissions(server.path("test.toml"), fs::Permissions::from_mode(0o444)).unwrap();
    let shown = server.json(CONFIG);
    assert!(shown["obstacle"].as_str().unwrap().contains("read-only"));
    let change = json!({"keys": {"limits.api_per_minute": 7}});
    refused(put(&server, "*", &change), 409, &["read-only", "test.toml"]);
    assert_eq!(file(&server), before);
    assert!(!server.log.to_string().contains("secret"));
    server.stop();
}

#[test]
fn a_camera_is_tested_before_it_is_there() {
    let mut server = Setup::camera_sim().start();
    let test = |keys: &Value| server.send("POST", "/api/v1/camera-test", keys);
    let reply = test(&json!({"source": "test", "width": 160, "height": 120}));
    assert_eq!(
        (reply.status, reply.header("Content-Type")),
        (200, Some("image/jpeg"))
    );
    assert_eq!(decode(&reply.bytes()), (160, 120));
    // Its camera is in use, or could be: the picture is that one's.
    let reply = test(&json!({"id": "main", "quality": 50}));
    assert_eq!(reply.status, 200);
    decode(&reply.bytes());
    refused(
        test(&json!({"source": "file:/etc/passwd"})),
        422,
        &["name a file"],
    );
    refused(
        test(&json!({"source": "test", "program": "/bin/sh"})),
        422,
        &["only the configuration file"],
    );
    refused(
        test(&json!({"source": "test", "width": 3})),
        422,
        &["16 to 4096"],
    );
    let reply = test(&json!({"source": "http://me:secret@127.0.0.1:9/x?key=secret"}));
    assert_eq!(reply.status, 409);
    let said = reply.text();
    assert!(!said.contains("secret"), "{said}");
    // Where secrets of machines are kept.
    refused(
        test(&json!({"source": "http://169.254.169.254/latest"})),
        409,
        &[],
    );

    let found = server.json("/api/v1/discover");
    let first = &found["cameras"][0];
    assert_eq!(
        (&first["place"], &first["used_by"]),
        (&json!("board"), &json!("main")),
        "{found}"
    );
    assert!(
        first["source"].as_str().unwrap().starts_with("rpicam:/"),
        "{found}"
    );
    let reply = test(&json!({"source": first["source"]}));
    assert_eq!(reply.status, 200);
    decode(&reply.bytes());
    server.stop();
}

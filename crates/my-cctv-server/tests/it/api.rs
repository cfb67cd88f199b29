//! The API, its errors, and the document that describes it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Client, Server, Setup, Watcher, eventually};

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn has(value: &Value, names: &[&str]) {
    let keys = keys(value);
    for name in names {
        assert!(keys.contains(name), "no `{name}` in {value}");
    }
}

fn problem(server: &Server, method: &str, path: &str, status: u16) {
    let reply = server.request(method, path);
    assert_eq!(reply.status, status, "{method} {path}");
    assert_eq!(
        reply.header("Content-Type"),
        Some("application/problem+json"),
        "{method} {path}"
    );
    let body = reply.json();
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], "about:blank");
    assert!(
        body["title"].is_string() && body["detail"].is_string(),
        "{body}"
    );
}

#[test]
fn cameras_say_how_they_are() {
    let mut server = Setup::camera_sim()
        .camera("name", "Front door")
        .another_camera("yard", "test")
        .start();
    let list = server.json("/api/v1/cameras");
    assert_eq!(list["cameras"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&list["viewers"], &list["max_viewers"]),
        (&0.into(), &15.into())
    );
    assert_eq!(list["cameras"][1]["id"], "yard");

    let mut parts = server.stream("/stream");
    parts.picture();
    server.wait_for_state("live");
    let camera = server.json("/api/v1/cameras/main");
    assert_eq!(camera["id"], "main");
    assert_eq!(camera["name"], "Front door");
    assert_eq!(camera["source"], "rpicam");
    assert_eq!(camera["message"], Value::Null);
    assert_eq!(
        (&camera["width_px"], &camera["height_px"]),
        (&320.into(), &240.into())
    );
    assert_eq!(camera["framerate"], 20.0);
    assert_eq!(camera["viewers"], 1);
    assert!(camera["frames"].as_u64() >= Some(1));
    assert!(camera["newest_frame_age_ms"].as_u64() < Some(10_000));
    for link in ["stream", "snapshot"] {
        let path = format!("/{}", camera[link].as_str().unwrap());
        assert_eq!(server.get(&path).status, 200, "{path}");
    }
    assert_eq!(
        server.json("/api/v1/cameras/yard")["state"],
        "idle",
        "nobody watches it"
    );
    server.stop();
}

#[test]
fn viewers_say_who_they_are_and_what_they_got() {
    let mut server = Setup::camera_sim().start();
    let reply = Client::new(server.address)
        .header("User-Agent", "VLC/3.0.18 \tLibVLC")
        .request("GET", "/stream");
    let address = reply.body.socket().local_addr().unwrap().to_string();
    let watcher = Watcher::of(crate::harness::Parts::of(reply));
    watcher.more_pictures(25);
    let list = server.json("/api/v1/viewers");
    assert_eq!(
        (&list["max_viewers"], &list["total"], &list["refused"]),
        (&15.into(), &1.into(), &0.into())
    );
    let viewer = &list["viewers"][0];
    has(
        viewer,
        &[
            "id",
            "address",
            "user_agent",
            "camera",
            "connected_since",
            "frames_sent",
            "frames_skipped",
            "bytes",
            "rate",
        ],
    );
    assert_eq!(viewer["address"], address);
    assert_eq!(viewer["user_agent"], "VLC/3.0.18 LibVLC");
    assert_eq!(viewer["camera"], "main");
    assert!(viewer["connected_since"].as_str().unwrap().ends_with('Z'));
    let frames = viewer["frames_sent"].as_u64().unwrap();
    assert!(frames >= 25);
    assert!(viewer["bytes"].as_u64().unwrap() > frames * 4000);
    // 20 frames per second; a busy machine may be late with some.
    let rate = viewer["rate"].as_f64().unwrap();
    assert!((2.0..=30.0).contains(&rate), "{rate} frames per second");
    server.stop();
}

#[test]
fn ending_one_viewer_ends_that_one_in_good_order() {
    let mut server = Setup::camera_sim().start();
    let old = Client::new(server.address)
        .http_1_0()
        .header("User-Agent", "old")
        .request("GET", "/stream");
    let new = Client::new(server.address)
        .header("User-Agent", "new")
        .request("GET", "/stream");
    let [old, new] = [old, new].map(|reply| Watcher::of(crate::harness::Parts::of(reply)));
    let other = Watcher::of(server.stream("/stream"));
    other.more_pictures(1);
    let list = server.json("/api/v1/viewers");
    for (name, watcher) in [("new", &new), ("old", &old)] {
        let viewers = list["viewers"].as_array().unwrap();
        let id = viewers
            .iter()
            .find(|viewer| viewer["user_agent"] == name)
            .unwrap()["id"]
            .clone();
        let path = format!("/api/v1/viewers/{id}");
        assert_eq!(server.request("DELETE", &path).status, 204);
        watcher.ends_well();
        eventually("its place to be free", || {
            (server.request("DELETE", &path).status == 404).then_some(())
        });
        problem(&server, "DELETE", &path, 404);
    }
    eventually("two lines in the log", || {
        (server.log.all("viewer gone").len() == 2).then_some(())
    });
    for line in server.log.all("viewer gone") {
        assert_eq!(line.fields["reason"], "was ended by request");
    }
    other.more_pictures(5);
    assert!(other.is_watching());
    server.stop();
}

#[test]
fn health_keeps_its_names() {
    let mut server = Setup::camera_sim().start();
    let health = server.json("/health");
    has(
        &health,
        &[
            "status",
            "uptime",
            "clients",
            "cameraActive",
            "memory",
            "timestamp",
        ],
    );
    assert_eq!(health["status"], "ok");
    assert_eq!(health["clients"], 0);
    assert_eq!(health["cameraActive"], false);
    assert!(health["uptime"].as_f64().unwrap() >= 0.0);
    assert!(health["memory"]["rss"].as_u64() > Some(1 << 20));
    assert!(health["timestamp"].as_str().unwrap().ends_with('Z'));
    let mut parts = server.stream("/stream");
    parts.picture();
    let health = server.json("/health");
    assert_eq!(
        (&health["clients"], &health["cameraActive"]),
        (&1.into(), &true.into())
    );
    server.stop();
}

#[test]
fn errors_are_problems() {
    let mut server = Setup::camera_sim().start();
    problem(&server, "GET", "/nothing", 404);
    problem(&server, "GET", "/api/v1/nothing", 404);
    problem(&server, "GET", "/api/v1/cameras/nothing", 404);
    problem(&server, "GET", "/api/v1/cameras/nothing/stream", 404);
    problem(&server, "GET", "/api/v1/cameras/nothing/snapshot", 404);
    problem(
        &server,
        "GET",
        "/api/v1/cameras/..%2f..%2fetc%2fpasswd",
        404,
    );
    problem(&server, "DELETE", "/api/v1/viewers/4711", 404);
    problem(&server, "DELETE", "/api/v1/viewers/x", 404);
    problem(&server, "GET", "/?action=reboot", 400);
    problem(&server, "POST", "/stream", 405);
    problem(&server, "DELETE", "/api/v1/cameras", 405);
    problem(&server, "PUT", "/api/v1/cameras/main", 405);
    problem(&server, "POST", "/api/v1/cameras", 415);
    problem(&server, "POST", "/api/v1/cameras/main/restart", 415);
    problem(&server, "POST", "/nothing", 405);
    server.stop();
}

#[test]
fn values_that_make_no_sense_are_problems_too() {
    let mut server = Setup::camera_sim().start();
    for path in [
        "/stream?advance_headers=1&advance_headers=1",
        "/?action=stream&action=stream",
        "/api/v1/cameras/%ff/stream",
        "/api/v1/cameras/%ff/config",
    ] {
        problem(&server, "GET", path, 400);
    }
    server.stop();
}

/// Every method and path of the document, the parameters filled in.
fn documented(document: &Value, viewer: &Value) -> BTreeSet<(String, String)> {
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in [
            "get", "put", "post", "delete", "options", "head", "patch", "trace",
        ] {
            // These want more than an empty order, and have files of their own.
            const ELSEWHERE: [&str; 3] = ["accounts", "three", "configuration"];
            if item
                .get(method)
                .is_some_and(|op| !ELSEWHERE.contains(&op["tags"][0].as_str().unwrap_or_default()))
            {
                let id = match (method, &**path) {
                    // The first one stands in the file.
                    ("delete", "/api/v1/cameras/{id}") => "extra".to_owned(),
                    (_, path) if path.contains("/viewers/") => viewer.to_string(),
                    _ => "main".to_owned(),
                };
                let path = path.replace("{id}", &id).replace("{name}", "night");
                operations.insert((method.to_uppercase(), path));
            }
        }
    }
    operations
}

#[test]
fn what_the_document_says_answers_and_what_answers_is_in_it() {
    let mut server = Setup::camera_sim().start();
    let document = server.json("/api-docs/openapi.json");
    let printed = Setup::with_source("test").run(&["openapi"]).stdout;
    assert_eq!(document, serde_json::from_slice::<Value>(&printed).unwrap());

    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let viewer = &server.json("/api/v1/viewers")["viewers"][0]["id"];
    let operations = documented(&document, viewer);
    assert!(operations.len() >= 11, "{operations:?}");
    // What ends something comes last.
    for (method, path) in operations.iter().rev() {
        let reply = match (&**method, &**path) {
            ("POST", "/api/v1/cameras") => {
                let extra = serde_json::json!({"id": "extra", "source": "test"});
                server.send(method, path, &extra)
            }
            ("POST" | "PATCH" | "PUT", _) => server.send(method, path, &serde_json::json!({})),
            _ => server.request(method, path),
        };
        let status = reply.status;
        // A socket wants a handshake, and says so.
        let is_answer = (200..300).contains(&status) || (status, &**path) == (426, "/ws");
        assert!(is_answer, "{method} {path}: {status}");
    }
    watcher.ends_well();
    assert_eq!(server.get("/api/v1/cameras/extra").status, 404);

    let mut paths: BTreeSet<&str> = operations.iter().map(|(_, path)| &**path).collect();
    // Gone by now; what its address takes, the one of `main` takes too.
    paths.remove("/api/v1/cameras/extra");
    // Names from the old server, from mjpg-streamer, from what is to come, and from other programs.
    paths.extend([
        "/stream/",
        "/snapshot/",
        "/snapshot.jpg",
        "/video",
        "/mjpeg",
        "/health/live",
        "/metrics",
        "/ws",
        "/api",
        "/api/v1",
        "/api/v1/stats",
        "/api/v1/events",
        "/api/v1/recordings",
        "/api/v1/openapi.json",
        "/api/v1/cameras/",
        "/api/v1/viewers/",
        "/api/v1/cameras/main/controls",
        "/admin",
        "/config.toml",
        "/.env",
        "/index.html.br",
    ]);
    for path in paths {
        for method in [
            "GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND",
        ] {
            let key = (method.to_owned(), path.to_owned());
            let is_documented =
                operations.contains(&key) || (method, path) == ("DELETE", "/api/v1/cameras/main");
            if !is_documented {
                let status = server.request(method, path).status;
                assert!(
                    matches!(status, 404 | 405),
                    "{method} {path} answers {status} and is in no document"
                );
            }
        }
    }
    server.stop();
}

#[test]
fn the_machine_is_told_of_in_counters() {
    let mut server = crate::accounts::setup().start();
    let who = crate::accounts::basic("admin");
    let look = || crate::accounts::ask(&server, Some(&who), "GET", "/api/v1/system", None).json();
    let watcher = crate::accounts::stream(&server, Some(&who), "/stream");
    watcher.more_parts(3);
    let first = look();
    let number = |value: &Value, path: &str| {
        let found = value.pointer(path).and_then(Value::as_f64);
        found.unwrap_or_else(|| panic!("no {path} in {value}"))
    };
    for path in ["/memory", "/disk"] {
        let [total, available] =
            ["total_bytes", "available_bytes"].map(|key| number(&first, &format!("{path}/{key}")));
        assert!(0.0 < total && available <= total, "{path} in {first}");
    }
    assert!(number(&first, "/process/resident_bytes") > 1e6);
    assert!(number(&first, "/processor/cores") >= 1.0);
    // Drawing pictures is work, of this process and so of the machine.
    eventually("work to be seen", || {
        let now = look();
        let grew = |path| number(&now, path) > number(&first, path);
        (grew("/process/cpu_s") && grew("/processor/busy_cs") && grew("/processor/total_cs"))
            .then_some(())
    });
    let list = crate::accounts::ask(&server, Some(&who), "GET", "/api/v1/viewers", None).json();
    assert_eq!(list["viewers"][0]["who"], "admin");
    let camera = crate::accounts::ask(&server, Some(&who), "GET", "/api/v1/cameras/main", None);
    assert!(camera.json()["bytes"].as_u64() > Some(1000));
    drop(watcher);
    server.stop();
}

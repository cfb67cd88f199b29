//! Every key of the configuration while the server runs: one that holds at once is seen from outside, one that waits is
//! told, and nobody who is connected and still allowed notices.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::TcpListener,
    process::Command,
    thread,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use crate::harness::{
    Client, Pair, Parts, Scripted, Server, Setup, Watcher, eventually, fingerprint, free_port,
    openssl_says, through_tunnel, tool, with_tls,
};

const CONFIG: &str = "/api/v1/config";
const NEIGHBOUR: &str = "127.0.0.2";
const PROXY: &str = "127.0.0.5";

/// What is written before, what is changed, and how it is seen that it holds.
struct Row {
    /// The keys it is about.
    keys: &'static [&'static str],
    setup: fn(Setup) -> Setup,
    change: fn(&Server) -> Value,
    see: fn(&Server),
}

/// Keys of the server. The file says the opposite of what the change brings, so that nothing is seen without it.
const ROWS: &[Row] = &[
    Row {
        keys: &["server.max_viewers"],
        setup: |setup| setup,
        change: |_| json!({"server.max_viewers": 2}),
        see: |server| {
            let _second = server.stream("/stream");
            server.viewers(2);
            assert_eq!(server.get("/stream").status, 503);
        },
    },
    Row {
        keys: &["server.max_connections"],
        setup: |setup| setup.server("max_viewers", 1),
        // The watcher is one of them.
        change: |_| json!({"server.max_connections": 2}),
        see: |server| {
            let open = eventually("a place", || {
                let client = Client::new(server.address).header("Connection", "keep-alive");
                client.attempt("GET", "/health").ok()
            });
            assert_eq!(open.status, 200);
            let refused = Client::new(server.address).attempt("GET", "/health");
            assert!(refused.is_err(), "a third connection");
        },
    },
    Row {
        keys: &["server.viewer_timeout_s"],
        setup: |setup| setup.server("viewer_timeout_s", 3600).frame_bytes(40_000),
        change: |_| json!({"server.viewer_timeout_s": 1}),
        see: |server| {
            let client = Client::with_receive_buffer(server.address, 4096);
            let _stalled = client.request("GET", "/stream");
            let gone = server.log.message("viewer gone");
            assert_eq!(gone.fields["reason"], "took nothing for too long");
        },
    },
    Row {
        keys: &["server.head_timeout_s"],
        setup: |setup| setup.server("head_timeout_s", 3600),
        change: |_| json!({"server.head_timeout_s": 1}),
        see: |server| {
            Client::new(server.address).raw(b"GET / HT");
        },
    },
    Row {
        keys: &["server.snapshot_timeout_s"],
        setup: |setup| setup.server("snapshot_timeout_s", 600),
        change: |_| json!({"server.snapshot_timeout_s": 1}),
        see: |server| {
            let reply = server.get("/api/v1/cameras/dead/snapshot");
            assert!(matches!(reply.status, 503 | 504), "{}", reply.status);
        },
    },
    Row {
        keys: &["server.hosts"],
        setup: |setup| setup,
        change: |_| json!({"server.hosts": ["door.example.org"]}),
        see: |server| {
            let called = |name| {
                Client::new(server.address)
                    .host(Some(name))
                    .request("GET", "/health")
            };
            assert_eq!(called("door.example.org").status, 200);
            assert_eq!(called("other.example.org").status, 421);
        },
    },
    Row {
        keys: &["server.allow"],
        setup: |setup| setup,
        change: |_| json!({"server.allow": ["127.0.0.1"]}),
        see: is_shut_out,
    },
    Row {
        keys: &["server.deny"],
        setup: |setup| setup,
        change: |_| json!({"server.deny": [NEIGHBOUR]}),
        see: is_shut_out,
    },
    Row {
        keys: &["server.trusted_proxies", "server.proxy_protocol"],
        setup: |setup| setup,
        change: |_| json!({"server.trusted_proxies": [PROXY], "server.proxy_protocol": true}),
        see: |server| {
            let line = b"PROXY TCP4 10.1.1.1 10.1.1.2 1 2\r\nGET /health HTTP/1.0\r\n\r\n";
            let said = Client::at(PROXY, server.address).raw(line);
            assert!(said.starts_with(b"HTTP/1.0 200"), "{said:?}");
            let said = Client::at(NEIGHBOUR, server.address).raw(line);
            assert!(!said.starts_with(b"HTTP/1.0 200"), "nobody else's word");
        },
    },
    Row {
        keys: &["server.cors_origins"],
        setup: |setup| setup,
        change: |_| json!({"server.cors_origins": ["https://panel.example.org"]}),
        see: |server| {
            let asked = |origin| {
                let client = Client::new(server.address).header("Origin", origin);
                let reply = client.request("GET", "/api/v1/cameras");
                reply
                    .header("Access-Control-Allow-Origin")
                    .map(str::to_owned)
            };
            let panel = "https://panel.example.org";
            assert_eq!(asked(panel).as_deref(), Some(panel));
            assert_eq!(asked("https://other.example.org"), None);
        },
    },
    Row {
        keys: &["server.frame_ancestors"],
        setup: |setup| setup,
        change: |_| json!({"server.frame_ancestors": ["none"]}),
        see: |server| {
            let reply = server.get("/health");
            assert_eq!(reply.header("X-Frame-Options"), Some("DENY"));
        },
    },
    Row {
        keys: &["limits.streams_per_15_min"],
        setup: |setup| setup,
        change: |_| json!({"limits.streams_per_15_min": 1}),
        see: |server| is_limited(server, "/stream"),
    },
    Row {
        keys: &["limits.streams_per_15_min_and_account"],
        setup: |setup| setup,
        change: |_| json!({"limits.streams_per_15_min_and_account": 1}),
        see: |server| is_limited(server, "/stream"),
    },
    Row {
        keys: &["limits.api_per_minute"],
        setup: |setup| setup,
        change: |_| json!({"limits.api_per_minute": 1}),
        see: |server| is_limited(server, "/api/v1/cameras"),
    },
    Row {
        keys: &["limits.api_per_minute_and_account"],
        setup: |setup| setup,
        change: |_| json!({"limits.api_per_minute_and_account": 1}),
        see: |server| is_limited(server, "/api/v1/cameras"),
    },
    Row {
        keys: &["limits.connections_per_address"],
        setup: |setup| setup,
        change: |_| json!({"limits.connections_per_address": 1}),
        see: |server| {
            let open = Client::at(NEIGHBOUR, server.address).request("GET", "/stream");
            assert_eq!(open.status, 200);
            let second = Client::at(NEIGHBOUR, server.address).attempt("GET", "/health");
            assert!(second.is_err(), "a second connection");
        },
    },
    Row {
        keys: &[
            "auth.alarm_failures",
            "auth.alarm_window_s",
            "auth.alarm_quiet_s",
        ],
        // From all together: never; from one: far too many.
        setup: |setup| {
            setup
                .auth("alarm_failures", 1000)
                .auth("alarm_failures_in_all", 0)
                .auth("alarm_window_s", 1)
                .auth("alarm_quiet_s", 86_400)
        },
        change: |_| json!({"auth.alarm_failures": 2, "auth.alarm_window_s": 600, "auth.alarm_quiet_s": 1}),
        see: |server| {
            fail_to_log_in(server, 2);
            server.log.message("a burst of failed logins: somebody");
            server.log.message("the burst of failed logins is over");
        },
    },
    Row {
        keys: &["auth.alarm_failures_in_all"],
        setup: |setup| {
            setup
                .auth("alarm_failures", 0)
                .auth("alarm_failures_in_all", 0)
        },
        change: |_| json!({"auth.alarm_failures_in_all": 2}),
        see: |server| {
            fail_to_log_in(server, 2);
            server.log.message("a burst of failed logins: somebody");
        },
    },
    Row {
        keys: &["audit.retention_days"],
        setup: |setup| setup.auth("enabled", true),
        change: |server| {
            let old = "INSERT INTO audit (at_ms, who, address, action, detail) VALUES ((unixepoch() - 3 * 86400) * 1000, 'ghost', '', 'x', '')";
            sql(server, old);
            json!({"audit.retention_days": 2})
        },
        see: |server| no_ghosts(server, 0),
    },
    Row {
        keys: &["audit.max_entries"],
        setup: |setup| setup.auth("enabled", true),
        change: |server| {
            let many = "INSERT INTO audit (at_ms, who, address, action, detail) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
                SELECT unixepoch() * 1000, 'ghost', '', 'x', '' FROM n";
            sql(server, many);
            json!({"audit.max_entries": 1000})
        },
        see: |server| no_ghosts(server, 1000),
    },
    Row {
        keys: &["incidents.retention_days"],
        setup: |setup| setup,
        change: |server| {
            with_old_incidents(server, 3);
            json!({"incidents.retention_days": 2})
        },
        see: |server| no_old_incidents(server, 0),
    },
    Row {
        keys: &["incidents.max"],
        setup: |setup| setup,
        change: |server| {
            with_old_incidents(server, 0);
            json!({"incidents.max": 5})
        },
        see: |server| no_old_incidents(server, 5),
    },
    Row {
        keys: &["log.level"],
        setup: |setup| setup,
        change: |_| json!({"log.level": "debug"}),
        see: |server| {
            // A word of the lowest level that every connection causes which ends in the middle of a request.
            drop(Client::new(server.address).first(b"GET / HT"));
            server.log.message("connection ended");
        },
    },
    Row {
        keys: &["quality.max_cpu_percent"],
        setup: |setup| {
            let setup = setup.quality("max_cpu_percent", 1).camera("source", "test");
            setup.camera("width", 1280).camera("height", 960)
        },
        change: |_| json!({"quality.max_cpu_percent": 100}),
        see: |server| {
            // With one percent, these take minutes.
            Watcher::of(server.stream("/stream?width=160")).more_parts(40);
        },
    },
    Row {
        keys: &["server.language"],
        setup: |setup| setup,
        change: |_| json!({}),
        see: |server| {
            let other = drawn_otherwise(server, json!({"keys": {"server.language": "ko"}}));
            assert_eq!(other["live"], json!(["server.language"]));
        },
    },
];

/// A key of a camera, what is written before, and how it is seen that a change of it holds.
type CameraRow = (&'static str, fn(Setup) -> Setup, fn(&Server));

/// Keys of cameras that hold while the camera runs.
const CAMERA_ROWS: &[CameraRow] = &[
    (
        "camera.name",
        |setup| setup,
        |server| {
            let change = json!({"cameras": {"dead": {"name": "Back door"}}});
            let other = drawn_otherwise(server, change);
            assert_eq!(
                (&other["live"], &other["restarts"]),
                (&json!(["dead.name"]), &json!([]))
            );
            let list = server.json("/api/v1/cameras");
            assert_eq!(list["cameras"][1]["name"], "Back door");
        },
    ),
    (
        "camera.linger_s",
        |setup| setup.camera("linger_s", 3600.0),
        |server| {
            server.stream("/stream").part();
            server.viewers(0);
            of_main(server, json!({"linger_s": 0}));
            server.wait_for_state("idle");
        },
    ),
    (
        "camera.no_frame_timeout_s",
        |setup| {
            setup
                .camera("no_frame_timeout_s", 3600.0)
                .sim("FAULT", "timeout@10:3600s")
        },
        |server| {
            let watcher = Watcher::of(server.stream("/stream"));
            watcher.more_pictures(1);
            of_main(server, json!({"no_frame_timeout_s": 1}));
            server.log.message("the camera failed");
        },
    ),
    (
        "camera.first_frame_timeout_s",
        |setup| setup,
        |server| {
            let _watcher = Watcher::of(server.stream("/api/v1/cameras/dead/stream"));
            let change = json!({"cameras": {"dead": {"first_frame_timeout_s": 1}}});
            assert_eq!(put(server, &change)["restarts"], json!([]));
            server.log.message("the camera failed");
        },
    ),
    (
        "camera.recovered_after_s",
        // Each run gives pictures for more than a second.
        |setup| {
            setup
                .camera("recovered_after_s", 86_400.0)
                .sim("FAULT", "exit@40:255:failed to queue request")
        },
        |server| {
            let _watcher = Watcher::of(server.stream("/stream"));
            let waits = || -> Vec<u64> {
                let lines = server.log.all("the camera failed");
                lines
                    .iter()
                    .map(|line| line.fields["retry_in_s"].as_u64().unwrap())
                    .collect()
            };
            eventually("the second wait", || (waits() == [1, 2]).then_some(()));
            of_main(server, json!({"recovered_after_s": 1}));
            eventually("a first wait again", || {
                (waits() == [1, 2, 1]).then_some(())
            });
        },
    ),
];

/// Keys of files, which are edited there; each has a test below.
const FILE_KEYS: [&str; 2] = ["server.tls.certificate", "server.tls.key"];
/// An order of another kind; seen by what the authority is asked.
const ACME_KEYS: [&str; 5] = [
    "server.tls.acme.domains",
    "server.tls.acme.email",
    "server.tls.acme.directory",
    "server.tls.acme.challenge",
    "server.tls.acme.root_certificate",
];

const RESTART: [&str; 13] = [
    "server.listen",
    "server.port",
    "server.base_path",
    "server.data_dir",
    "server.tls.enabled",
    "server.tls.redirect_from",
    "auth.enabled",
    "auth.database",
    "storage.index",
    "log.format",
    "log.dir",
    "log.max_age_days",
    "log.max_size_mb",
];

/// A camera, and a second one that promises pictures and gives none.
fn start(more: fn(Setup) -> Setup) -> Server {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("http://{}/", silent.local_addr().unwrap());
    thread::spawn(move || {
        let head =
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=x\r\n\r\n";
        let mut open = vec![];
        for mut socket in silent.incoming().map_while(Result::ok) {
            let _ = socket.write_all(head);
            open.push(socket);
        }
    });
    let setup = more(Setup::camera_sim());
    let setup = setup
        .another_camera("dead", &source)
        .camera("first_frame_timeout_s", 3600.0);
    setup.start()
}

fn put(server: &Server, change: &Value) -> Value {
    let client = Client::new(server.address).header("If-Match", "*");
    let reply = client.json(change).request("PUT", CONFIG);
    let status = reply.status;
    let text = reply.text();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// Changes keys of the first camera, which must not start again.
fn of_main(server: &Server, keys: Value) {
    let done = put(server, &json!({"cameras": {"main": keys}}));
    assert_eq!(done["restarts"], json!([]), "{done}");
}

/// Changes the file and waits until the server has looked at it.
fn edit(server: &Server, change: impl FnOnce(&mut Table)) {
    let path = server.path("test.toml");
    let mut table: Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    change(&mut table);
    fs::write(&path, table.to_string()).unwrap();
    let before = server.log.all("reading the configuration again").len();
    server.signal(Signal::HUP);
    eventually("SIGHUP", || {
        let now = server.log.all("reading the configuration again").len();
        (now > before).then_some(())
    });
}

fn is_shut_out(server: &Server) {
    let neighbour = Client::at(NEIGHBOUR, server.address).attempt("GET", "/health");
    assert!(neighbour.is_err(), "{NEIGHBOUR} is let in");
    assert_eq!(server.get("/health").status, 200);
}

fn is_limited(server: &Server, path: &str) {
    let first = server.get(path).status;
    assert!(matches!(first, 200 | 429), "{first}");
    assert_eq!(server.get(path).status, 429);
}

fn fail_to_log_in(server: &Server, times: usize) {
    for _ in 0..times {
        let client = Client::new(server.address).stranger();
        let client = client.header("Authorization", "Bearer nonsense");
        assert_eq!(client.request("GET", "/api/v1/cameras").status, 401);
    }
}

fn sql_of(server: &Server, file: &str, text: &str) -> String {
    let sqlite = tool("sqlite3", "sqlite3");
    let file = server.path(file);
    let output = Command::new(sqlite)
        .args(["-cmd", ".timeout 5000"])
        .arg(file)
        .arg(text)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn sql(server: &Server, text: &str) -> String {
    sql_of(server, "accounts.db", text)
}

/// Twenty incidents that ended so many days ago, beside a real one, for which there is a file.
fn with_old_incidents(server: &Server, days: u32) {
    put(
        server,
        &json!({"cameras": {"dead": {"first_frame_timeout_s": 1}}}),
    );
    let viewer = server.stream("/api/v1/cameras/dead/stream");
    eventually("an incident on the disk", || {
        let count = sql_of(server, "data/index.db", "SELECT count(*) FROM incidents");
        (count.trim().parse::<u32>().ok()? > 0).then_some(())
    });
    drop(viewer);
    let old = format!(
        "INSERT INTO incidents (camera, began_ms, ended_ms, cause, message, advice, detail, words, restarts, steps) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) \
         SELECT 'ghost', t, t, 'x', '', '', '', '[]', 0, '[]' FROM n, (SELECT (unixepoch() - {days} * 86400) * 1000 AS t)"
    );
    sql_of(server, "data/index.db", &old);
    no_old_incidents(server, 20);
}

fn no_old_incidents(server: &Server, most: u32) {
    eventually("fewer incidents", || {
        let text = "SELECT count(*) FROM incidents WHERE camera = 'ghost'";
        let count = sql_of(server, "data/index.db", text);
        (count.trim().parse::<u32>().ok()? <= most).then_some(())
    });
}

fn no_ghosts(server: &Server, most: u32) {
    eventually("fewer old entries", || {
        let count = sql(server, "SELECT count(*) FROM audit WHERE who = 'ghost'");
        (count.trim().parse::<u32>().ok()? <= most).then_some(())
    });
}

/// Waits until the picture that stands in for the dead camera's is steady, makes the change, and waits for another one;
/// what the change answered. No frame of it is the camera's: it never gave one.
fn drawn_otherwise(server: &Server, change: Value) -> Value {
    let mut parts = server.stream("/api/v1/cameras/dead/stream");
    let steady = |parts: &mut Parts, other_than: Option<&[u8]>| {
        let mut last = parts.part().jpeg;
        for _ in 0..60 {
            let next = parts.part().jpeg;
            if next == last && other_than != Some(&*next) {
                return next;
            }
            last = next;
        }
        panic!("the picture does not become another one");
    };
    let before = steady(&mut parts, None);
    let done = put(server, &change);
    steady(&mut parts, Some(&before));
    done
}

fn with_rows(rows: &[Row]) {
    for row in rows {
        let mut server = start(row.setup);
        let before = server.sim_starts().len();
        let keys = (row.change)(&server);
        // Whoever watches and may go on watching does, without losing a picture.
        let watcher = Watcher::of(server.stream("/stream"));
        watcher.more_parts(2);
        if keys != json!({}) {
            let done = put(&server, &json!({ "keys": keys }));
            let mut live: Vec<&str> = done["live"]
                .as_array()
                .unwrap()
                .iter()
                .map(|k| k.as_str().unwrap())
                .collect();
            let mut want = row.keys.to_vec();
            live.sort_unstable();
            want.sort_unstable();
            assert_eq!(live, want);
            assert_eq!(
                (&done["restarts"], &done["waits"]),
                (&json!([]), &json!([]))
            );
        }
        (row.see)(&server);
        watcher.more_parts(2);
        assert!(watcher.is_watching(), "{:?}", row.keys);
        assert!(
            server.sim_starts().len() <= before + 1,
            "{:?}: started again",
            row.keys
        );
        drop(watcher);
        server.signal(Signal::TERM);
        assert_eq!(server.exit_code(), 0);
    }
}

fn part(of: usize) -> &'static [Row] {
    let size = ROWS.len().div_ceil(4);
    ROWS.chunks(size).nth(of).unwrap_or_default()
}

#[test]
fn keys_of_the_server_hold_at_once() {
    with_rows(part(0));
}

#[test]
fn keys_of_limits_hold_at_once() {
    with_rows(part(1));
}

#[test]
fn keys_of_alarms_and_the_audit_log_hold_at_once() {
    with_rows(part(2));
}

#[test]
fn keys_of_incidents_the_log_and_quality_hold_at_once() {
    with_rows(part(3));
}

#[test]
fn keys_of_cameras_hold_while_they_run() {
    for (_, setup, see) in CAMERA_ROWS {
        let mut server = start(*setup);
        see(&server);
        server.signal(Signal::TERM);
        assert_eq!(server.exit_code(), 0);
    }
}

#[test]
fn each_key_has_its_place() {
    let mut server = start(|setup| setup);
    let schema = server.json("/api/v1/config/schema");
    let mut found = vec![];
    collect(&schema["properties"], "", &mut found);
    assert!(found.len() > 50, "{}", found.len());
    let rows = ROWS.iter().flat_map(|row| row.keys.iter().copied());
    let mut now: Vec<&str> = rows.chain(CAMERA_ROWS.iter().map(|row| row.0)).collect();
    now.extend(FILE_KEYS.iter().chain(&ACME_KEYS));
    for (key, effect) in &found {
        let is_right = match &**effect {
            "now" => now.contains(&&**key) && !RESTART.contains(&&**key),
            "server" => RESTART.contains(&&**key) && !now.contains(&&**key),
            "camera" => key.starts_with("camera."),
            "cameras" => key == "quality.policy",
            _ => false,
        };
        assert!(is_right, "{key}: {effect}, and no line in this test");
    }
    for key in now.iter().chain(&RESTART) {
        assert!(found.iter().any(|(name, _)| name == key), "{key} is no key");
    }
    server.stop();
}

fn collect(properties: &Value, path: &str, found: &mut Vec<(String, String)>) {
    for (name, about) in properties.as_object().unwrap() {
        let path = format!("{path}{name}");
        let inner = match &about["items"]["properties"] {
            Value::Null => &about["properties"],
            of_each => of_each,
        };
        match &about["x-effect"] {
            Value::String(effect) => found.push((path, effect.clone())),
            _ => collect(inner, &format!("{path}."), found),
        }
    }
}

#[test]
fn what_waits_for_a_restart_is_told_until_then() {
    let setup = Setup::with_source("test").server("base_path", "/old");
    let command = setup.serve();
    let again = setup.clone();
    let mut server = setup.start_by(command);
    let watcher = Watcher::of(server.stream("/stream"));
    let moved = server.path("moved");
    edit(&server, |table| {
        let keys = table["server"].as_table_mut().unwrap();
        keys.insert("base_path".to_owned(), "/new".into());
        keys.insert("port".to_owned(), 1.into());
        keys.insert("data_dir".to_owned(), moved.to_str().unwrap().into());
        keys.insert("max_viewers".to_owned(), 1.into());
        let log = Table::from_iter([("format".to_owned(), Toml::from("human"))]);
        table.insert("log".to_owned(), Toml::Table(log));
        let storage = Table::from_iter([("index".to_owned(), Toml::from("other.db"))]);
        table.insert("storage".to_owned(), Toml::Table(storage));
        let tls = Table::from_iter([("enabled".to_owned(), Toml::from(true))]);
        table["server"]
            .as_table_mut()
            .unwrap()
            .insert("tls".to_owned(), Toml::Table(tls));
        table["auth"]
            .as_table_mut()
            .unwrap()
            .insert("enabled".to_owned(), true.into());
    });
    let waiting = json!([
        "server.port",
        "server.base_path",
        "server.data_dir",
        "server.tls.enabled",
        "auth.enabled",
        "storage.index",
        "log.format",
    ]);
    eventually("what waits", || {
        (server.json(CONFIG)["pending_restart"] == waiting).then_some(())
    });
    // What can hold does, beside what waits.
    assert_eq!(server.get("/stream").status, 503);
    assert_eq!(server.get("/old/health").status, 200);
    assert_ne!(server.get("/new/health").status, 200);
    assert!(watcher.is_watching() && !moved.exists());
    let stranger = Client::new(server.address).stranger();
    assert_eq!(stranger.request("GET", "/api/v1/cameras").status, 200);

    // A bad file changes nothing, and neither what waits.
    let good = fs::read_to_string(server.path("test.toml")).unwrap();
    fs::write(
        server.path("test.toml"),
        good.replace("max_viewers = 1", "max_viewers = 0"),
    )
    .unwrap();
    server.signal(Signal::HUP);
    server.log.message("the configuration has an error");
    assert_eq!(server.get("/stream").status, 503);
    watcher.more_parts(2);
    drop(watcher);
    server.viewers(0);

    // Started anew with what can be here, nothing waits.
    fs::write(
        server.path("test.toml"),
        good.replace("port = 1\n", "port = 0\n")
            .replace("enabled = true", "enabled = false")
            .replace("\"human\"", "\"json\""),
    )
    .unwrap();
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    let mut command = again.command();
    command
        .arg("serve")
        .arg("--config")
        .arg(again.path("test.toml"));
    let mut server = again.start_by(command);
    assert_eq!(server.json(CONFIG)["pending_restart"], json!([]));
    assert_eq!(server.get("/new/health").status, 200);
    server.stop();
}

#[test]
fn who_is_not_let_in_any_more_is_closed_and_nobody_else() {
    let mut server = start(|setup| setup);
    let ours = Watcher::of(server.stream("/stream"));
    let theirs = Parts::of(Client::at(NEIGHBOUR, server.address).request("GET", "/stream"));
    let mut idle = Client::at(NEIGHBOUR, server.address).socket();
    ours.more_pictures(2);
    put(&server, &json!({"keys": {"server.deny": [NEIGHBOUR]}}));
    theirs.ends_well();
    // Closed by the server: the end, or a reset.
    match idle.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        other => panic!("{other:?}"),
    }
    server.viewers(1);
    ours.more_pictures(2);
    server.stop();
}

#[test]
fn a_viewer_loses_no_picture_while_limits_change() {
    let mut server = start(|setup| setup.camera("framerate", 5.0));
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    let seen = || watcher.until("", |seen| Some(seen.pictures()));
    // A machine that stands still for longer than a frame lasts loses one for everybody: then once more.
    let is_whole = (1..=5).any(|round| {
        let before = seen();
        for (key, value) in [
            ("server.max_viewers", 1),
            ("limits.api_per_minute", 1000),
            ("limits.streams_per_15_min", 50),
            ("limits.connections_per_address", 20),
            ("server.max_connections", 900),
        ] {
            put(&server, &json!({"keys": {key: value + round}}));
        }
        watcher.more_pictures(2);
        watcher.until("", |seen| {
            let numbers = seen.stamps.iter().flatten().map(|stamp| stamp.sequence);
            let numbers: Vec<u64> = numbers.skip(before.saturating_sub(1)).collect();
            Some(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1))
        })
    });
    assert!(is_whole, "each change loses a picture");
    assert_eq!(server.sim_starts().len(), 1);
    drop(watcher);
    server.stop();
}

#[test]
fn another_certificate_is_taken_from_other_files() {
    let setup = Setup::with_source("test");
    let (first, second) = (
        Pair::make(&setup.path(""), "first", 30, None),
        Pair::make(&setup.path(""), "second", 30, None),
    );
    let text = |path: &std::path::Path| Toml::String(path.to_str().unwrap().to_owned());
    let keys = [
        ("certificate", text(&first.certificate)),
        ("key", text(&first.key)),
    ];
    let mut server = with_tls(setup, &keys).start();
    let address = server.address.to_string();
    let folder = server.path("");
    let shown = || {
        let said = openssl_says(&["s_client", "-connect", &address]);
        let begin = said.find("-----BEGIN CERTIFICATE-----").unwrap();
        let file = folder.join("shown.crt");
        fs::write(&file, &said[begin..]).unwrap();
        fingerprint(&file)
    };
    assert_eq!(shown(), fingerprint(&first.certificate));
    let with = |certificate: Toml, key: Toml| {
        edit(&server, |table| {
            let tls = table["server"]["tls"].as_table_mut().unwrap();
            tls.insert("certificate".to_owned(), certificate);
            tls.insert("key".to_owned(), key);
        });
    };
    // A pair that is none changes nothing.
    with(text(&second.certificate), text(&first.key));
    server.log.message("the configuration cannot be taken over");
    assert_eq!(shown(), fingerprint(&first.certificate));
    with(text(&second.certificate), text(&second.key));
    server.log.message("configuration taken over");
    assert_eq!(shown(), fingerprint(&second.certificate));
    server.stop();
}

#[test]
fn a_certificate_is_ordered_without_a_restart() {
    let setup = Setup::with_source("test");
    let root = Pair::make(&setup.path(""), "root", 30, None);
    let leaf = Pair::make(&setup.path(""), "leaf", 30, Some(&root));
    let port = free_port();
    let down = |_: &str, _: &str| b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n".to_vec();
    let authority = Scripted::start(([127, 0, 0, 1], port).into(), &leaf, down);
    let mut server = with_tls(setup, &[("redirect_from", 0.into())]).start();
    edit(&server, |table| {
        let names = Toml::Array(vec!["door.example.org".into()]);
        let acme = Table::from_iter([
            ("domains".to_owned(), names),
            ("email".to_owned(), "me@example.org".into()),
            (
                "directory".to_owned(),
                format!("https://localhost:{port}/dir").into(),
            ),
            ("challenge".to_owned(), "http-01".into()),
            (
                "root_certificate".to_owned(),
                root.certificate.to_str().unwrap().into(),
            ),
        ]);
        let tls = table["server"]["tls"].as_table_mut().unwrap();
        tls.insert("acme".to_owned(), Toml::Table(acme));
    });
    let line = server.log.message("configuration taken over");
    let live = line.fields["live"].as_str().unwrap();
    assert!(ACME_KEYS.iter().all(|key| live.contains(key)), "{live}");
    eventually("a question to the authority", || {
        authority
            .asked()
            .contains(&"GET /dir".to_owned())
            .then_some(())
    });
    // The names are the server's.
    let address = through_tunnel(&mut server);
    let called = Client::new(server.address).host(Some("door.example.org"));
    assert_eq!(called.request("GET", "/health").status, 200);
    server.address = address;
    server.stop();
}

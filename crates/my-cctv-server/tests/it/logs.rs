//! The log: files, levels while it runs, names of requests, floods, and nothing in it that a terminal would obey.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, Server, Setup, eventually, script};

const LEVELS: &str = "/api/v1/logs/levels";

fn tail(server: &Server, query: &str) -> Vec<Value> {
    let list = server.json(&format!("/api/v1/logs?lines=2000{query}"));
    list["lines"].as_array().unwrap().clone()
}

/// The only file of a kind in this folder.
fn file(folder: &Path, kind: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.map_while(Result::ok);
    let mut files = entries.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(kind)
    });
    let file = files.next();
    assert!(files.next().is_none());
    file
}

fn read(folder: &Path, kind: &str) -> String {
    file(folder, kind).map_or_else(String::new, |path| fs::read_to_string(path).unwrap())
}

/// Something that a line of level debug is about.
fn debug_line(server: &Server) {
    let answer = Client::new(server.address).raw(b"no HTTP at all\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 400"));
}

#[test]
fn nothing_is_written_unless_it_is_asked_for() {
    let mut server = Setup::with_source("test").start();
    server.get("/health");
    server.stop();
    let text = server.log.to_end();
    let entries = fs::read_dir(server.path("")).unwrap().map_while(Result::ok);
    for entry in entries.filter(|entry| entry.file_type().unwrap().is_file()) {
        let bytes = fs::read(entry.path()).unwrap();
        let text = text.lines().next().unwrap().as_bytes();
        assert!(!bytes.windows(text.len()).any(|window| window == text));
    }
}

#[test]
fn files_have_what_stderr_has_and_errors_apart() {
    let setup = Setup::with_source("test").env("CCTV_LOG__DIR", "kept/logs");
    let config = setup.path("test.toml");
    let mut server = setup.start();
    let folder = server.path("kept/logs");
    eventually("the line in the file", || {
        read(&folder, "combined")
            .contains("\"listening\"")
            .then_some(())
    });
    assert!(file(&folder, "error").is_none());
    fs::write(&config, "[nonsense]\n").unwrap();
    server.signal(Signal::HUP);
    eventually("the error in its file", || {
        read(&folder, "error")
            .contains("stays as it was")
            .then_some(())
    });
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for kind in ["combined", "error"] {
        assert_eq!(mode(&file(&folder, kind).unwrap()), 0o600);
    }
    // Somebody takes the file away, and puts a link to another one there.
    let path = file(&folder, "combined").unwrap();
    fs::remove_file(&path).unwrap();
    let target = server.path("target");
    fs::write(&target, "untouched").unwrap();
    symlink(&target, &path).unwrap();
    server.signal(Signal::HUP);
    let line = server.log.message("log lines cannot be written to files");
    assert!(line.raw.contains("symbolic link"), "{}", line.raw);
    eventually("a degraded server", || {
        let health = server.json("/health");
        let codes: Vec<_> = health["reasons"].as_array()?.iter().collect();
        codes
            .iter()
            .any(|it| it["code"] == "log_lines_lost")
            .then_some(())
    });
    server.signal(Signal::HUP);
    eventually("lost lines", || {
        (server.json("/health")["lostLogLines"].as_u64() > Some(0)).then_some(())
    });
    assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
    fs::remove_file(&path).unwrap();
    let line = server.log.message("log files are written again");
    assert!(line.fields["lost"].as_u64().unwrap() > 0, "{}", line.raw);
    eventually("a server that is well", || {
        (server.json("/health")["status"] == "ok").then_some(())
    });
    server.stop();
    let text = read(&folder, "combined");
    assert!(
        text.contains("written again") && text.contains("\"stopped\""),
        "{text}"
    );
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn a_full_disk_loses_lines_counts_them_and_says_so() {
    let setup = Setup::with_source("test").env("CCTV_LOG__DIR", "data/logs");
    let data = setup.path("data");
    let Some(mut server) = setup.start_on_tmpfs("size=512k") else {
        return;
    };
    let data = PathBuf::from(format!("/proc/{}/root{}", server.pid(), data.display()));
    eventually("a log file", || file(&data.join("logs"), "combined"));
    fs::write(data.join("in-the-way"), vec![1; 1 << 20]).unwrap_err();
    // Each makes lines; the last page of the file takes some.
    let line = eventually("a line that does not fit", || {
        server.signal(Signal::HUP);
        server.get("/stream");
        let lines = server
            .log
            .all("log lines cannot be written to files (`log.dir`); they are on stderr as before");
        lines.into_iter().next()
    });
    assert!(line.raw.contains("No space left"), "{}", line.raw);
    let mut parts = server.stream("/stream");
    parts.part();
    fs::remove_file(data.join("in-the-way")).unwrap();
    server.log.message("log files are written again");
    parts.part();
    eventually("whole lines", || {
        let text = read(&data.join("logs"), "combined");
        for line in text.lines() {
            serde_json::from_str::<Value>(line).ok()?;
        }
        text.contains("log files are written again").then_some(())
    });
    server.stop();
}

#[test]
fn levels_change_while_it_runs() {
    let setup = Setup::with_source("test").env("CCTV_LOG__LEVEL", "info,camera=warn");
    let mut server = setup.start();
    let set = |body: &Value| server.send("PUT", LEVELS, body);
    let is_at = |level: &str| assert_eq!(server.json(LEVELS)["level"], level);
    let ended = |server: &Server| server.log.all("connection ended").len();
    is_at("info,camera=warn");
    debug_line(&server);
    let reply = set(&json!({"level": "info,serve=debug", "minutes": 10}));
    assert_eq!(reply.status, 200);
    let now = reply.json();
    assert_eq!(now["configured"], "info,camera=warn");
    assert!(now["until"].is_string(), "{now}");
    debug_line(&server);
    server.log.message("connection ended");
    let lines = tail(&server, "&level=debug&target=serve");
    assert!(
        lines
            .iter()
            .any(|line| line["message"] == "connection ended" && line["level"] == "debug")
    );
    assert!(
        tail(&server, "&level=warn")
            .iter()
            .all(|line| line["level"] != "info")
    );

    for (body, key) in [
        (json!({"level": "inof"}), "level"),
        (json!({"level": "info,serve=loud"}), "level"),
        (json!({"level": "debug", "minutes": 0}), "minutes"),
        (json!({"level": "debug", "minutes": 1_000_000}), "minutes"),
    ] {
        let reply = set(&body);
        assert_eq!(reply.status, 422, "{body}");
        assert_eq!(reply.json()["key"], key);
    }
    is_at("info,serve=debug");
    let audit = server.json("/api/v1/audit").to_string();
    assert!(
        audit.contains("log levels set") && audit.contains("info,serve=debug for 10 min"),
        "{audit}"
    );

    // Whoever has it read the configuration gets what that says.
    server.signal(Signal::HUP);
    eventually("the configuration's levels", || {
        (server.json(LEVELS)["level"] == "info,camera=warn").then_some(())
    });
    let before = ended(&server);
    debug_line(&server);
    assert_eq!(set(&json!({"level": "warn"})).status, 200);
    is_at("warn");
    assert_eq!(set(&json!({"level": null})).status, 200);
    is_at("info,camera=warn");
    assert_eq!(ended(&server), before);
    server.stop();
}

#[test]
fn every_request_has_a_name() {
    let mut server = Setup::with_source("test")
        .server("trusted_proxies", vec!["127.0.0.2"])
        .server("cors_origins", vec!["https://elsewhere.example"])
        .start();
    let of = |reply: &Reply| reply.header("X-Request-Id").unwrap().to_owned();
    let mut seen = BTreeSet::new();
    for (method, path) in [
        ("GET", "/"),
        ("HEAD", "/stream"),
        ("GET", "/health"),
        ("GET", "/nothing/here"),
        ("POST", "/health"),
        ("GET", "/stream"),
        ("GET", "/api/v1/cameras/none"),
    ] {
        let reply = server.request(method, path);
        let id = of(&reply);
        assert!(
            id.len() == 16 && id.chars().all(|c| c.is_ascii_hexdigit()),
            "{id}"
        );
        if reply.header("Content-Type") == Some("application/problem+json") {
            assert_eq!(reply.json()["request_id"], id.as_str(), "{path}");
        }
        assert!(seen.insert(id));
    }
    let at = |own: &str, id: &str| {
        let client = Client::at(own, server.address).header("X-Request-Id", id);
        of(&client.request("GET", "/health"))
    };
    assert_eq!(at("127.0.0.2", "from-a-proxy.1"), "from-a-proxy.1");
    assert_ne!(at("127.0.0.3", "from-a-client"), "from-a-client");
    for bad in ["a b", "\"}", &"x".repeat(65), "é"] {
        assert_ne!(at("127.0.0.2", bad), bad);
    }
    // The same name in the log, from the first line about a stream to the last.
    let reply = Client::at("127.0.0.2", server.address)
        .header("X-Request-Id", "the-stream")
        .request("GET", "/stream");
    assert_eq!(of(&reply), "the-stream");
    drop(reply);
    for message in ["viewer came", "viewer gone"] {
        eventually(message, || {
            let lines = tail(&server, "&target=serve");
            let mut lines = lines.iter().filter(|line| line["message"] == message);
            lines
                .any(|line| line["request"] == "the-stream")
                .then_some(())
        });
    }
    server.stop();
}

#[test]
fn what_a_camera_is_about_is_found_by_its_name() {
    let mut server = Setup::with_source("test")
        .another_camera("yard", "test")
        .start();
    server.stream("/api/v1/cameras/yard/stream").part();
    server.stream("/stream").part();
    for id in ["main", "yard"] {
        eventually("lines about the camera", || {
            let lines = tail(&server, &format!("&camera={id}&target=pipeline"));
            (!lines.is_empty()).then_some(())
        });
        let lines = tail(&server, &format!("&camera={id}"));
        assert!(lines.iter().all(|line| line["camera"] == id));
    }
    server.stop();
}

#[test]
fn whoever_floods_the_log_fills_one_line() {
    const TIMES: usize = 300;
    let mut server = Setup::with_source("test").start();
    for _ in 0..TIMES {
        server.get("/stream");
    }
    eventually("the end of all viewers", || {
        (server.json("/health")["clients"] == 0).then_some(())
    });
    server.stop();
    let log = server.log.to_end();
    let lines: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    for message in ["viewer came", "viewer gone"] {
        let of = |line: &&Value| line["fields"]["message"] == message;
        let said = lines.iter().filter(of).count();
        let folded: u64 = lines
            .iter()
            .filter(|line| {
                let text = line["fields"]["message"].as_str().unwrap();
                text.starts_with(message) && text.contains("… and ")
            })
            .map(|line| line["fields"]["count"].as_u64().unwrap())
            .sum();
        assert!(said < TIMES, "{said}");
        assert_eq!(said + usize::try_from(folded).unwrap(), TIMES);
    }
}

#[test]
fn no_terminal_obeys_a_line() {
    for format in ["json", "text"] {
        let setup = Setup::camera_sim()
            .env("CCTV_LOG__FORMAT", format)
            .env("CCTV_LOG__LEVEL", "trace")
            .env("CCTV_LOG__DIR", "logs")
            .server("port", 0);
        let program = setup.path("talker");
        script(
            &program,
            "#!/bin/sh\nprintf '\\033[2J\\033]0;evil\\007\\302\\233 31m \\342\\200\\256 \\r back\\nERROR: *** \\033[1m no cameras available ***\\n' >&2\nexit 255\n",
        );
        let setup = setup
            .camera("program", program.to_str().unwrap())
            .camera("name", "name\u{1b}[2J\u{9b}");
        let mut command = setup.serve();
        command.args(["--port", "0"]);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once("127.0.0.1:") {
                let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break format!("127.0.0.1:{port}").parse().unwrap();
            }
        };
        let mut socket = Client::new(address).socket();
        socket
            .write_all(b"GET /snapshot?a=\xc2\x9b HTTP/1.1\r\nHost: x\r\nUser-Agent: \xc2\x9b31m\xe2\x80\xae\r\n\r\n")
            .unwrap();
        let _ = Client::new(address)
            .header("User-Agent", "\u{9b}31m\u{202e}evil")
            .attempt("GET", "/stream");
        let mut seen = String::new();
        loop {
            let line = lines.next().unwrap().unwrap();
            seen.push_str(&line);
            if line.contains("camera failed") {
                break;
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        seen.extend(lines.map_while(Result::ok));
        let kept = read(&setup.path("logs"), "combined").replace('\n', "");
        for text in [&seen, &kept] {
            let odd = text.chars().find(|c| {
                c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
            });
            assert_eq!(odd, None, "{format}: {text}");
        }
        assert!(seen.contains("evil"), "{format}: {seen}");
    }
}

#[test]
fn lines_come_as_they_are_written() {
    let mut server = Setup::with_source("test").start();
    let reply = server.get("/api/v1/logs/stream?target=serve&level=info&lines=0");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Content-Type"), Some("text/event-stream"));
    let mut lines = BufReader::new(reply.body).lines();
    server.get("/stream");
    let line = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("viewer came"))
        .unwrap();
    let line: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    assert!(line["id"].as_u64().unwrap() > 0 && line["level"] == "info");
    // It goes on where it was left.
    let last = line["id"].to_string();
    let reply = Client::new(server.address)
        .header("Last-Event-ID", &last)
        .request("GET", "/api/v1/logs/stream?target=serve");
    let mut again = BufReader::new(reply.body).lines().map(Result::unwrap);
    assert!(again.any(|line| line.contains("viewer gone")));
    // Stopping does not wait for whoever reads along.
    server.stop();
    assert!(lines.all(|line| line.is_ok_and(|line| !line.contains("not everything ended"))));
}

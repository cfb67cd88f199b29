//! Whether the server is well: what it says of itself, and the subcommand that asks.

use std::{io::Read as _, io::Write as _, process::Output};

use rustix::process::Signal;
use serde_json::Value;
use toml::Value as Toml;

use crate::harness::{
    Client, Pair, Server, Setup, Watcher, eventually, free_port, through_tunnel, with_tls,
};

fn codes(server: &Server) -> Vec<String> {
    let health = server.json("/health");
    let reasons = health["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|reason| {
            assert!(reason["message"].as_str().unwrap().ends_with('.'));
            reason["code"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn a_camera_in_trouble_is_a_reason_until_it_is_well() {
    let mut server = Setup::camera_sim()
        .camera("no_frame_timeout_s", 1.0)
        .server("hosts", vec!["cctv.example"])
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    let well = eventually("a camera that is live", || {
        let health = server.json("/health");
        (health["cameras"][0]["state"] == "live").then_some(health)
    });
    assert_eq!(
        (well["status"].as_str(), well["clients"].as_u64()),
        (Some("ok"), Some(1))
    );
    assert!(well["cameras"][0]["newest_frame_age_ms"].is_u64(), "{well}");
    assert!(well["disk"]["total_bytes"].as_u64() > Some(0) && well["clockIsSet"] == true);
    assert!(well["certificate"].is_null() && well["openIncidents"] == 0);

    server.fault("freeze");
    let ill = eventually("a degraded server", || {
        let reply = server.get("/health");
        // Whoever restarts what answers otherwise would make it worse.
        assert_eq!(reply.status, 200);
        Some(reply.json()).filter(|health| health["status"] == "degraded")
    });
    assert_eq!(codes(&server), ["camera_in_trouble"]);
    assert_eq!(ill["reasons"][0]["camera"], "main");
    assert_eq!(server.json("/ready")["status"], "ready");
    eventually("an open incident", || {
        (server.json("/health")["openIncidents"] == 1).then_some(())
    });
    server.fault("heal");
    eventually("a server that is well", || {
        (server.json("/health")["status"] == "ok").then_some(())
    });
    server.stop();
}

#[test]
fn strangers_learn_whether_and_not_why() {
    let mut server = Setup::with_source("test").auth("enabled", true).start();
    let short = Client::new(server.address)
        .stranger()
        .request("GET", "/health")
        .json();
    let keys: Vec<_> = short.as_object().unwrap().keys().collect();
    assert_eq!(
        (keys, &short["status"]),
        (
            vec![&"status".to_owned(), &"timestamp".to_owned()],
            &Value::from("ok")
        )
    );
    let ready = Client::new(server.address)
        .stranger()
        .request("GET", "/ready");
    assert_eq!(ready.status, 200);
    assert!(server.json("/health")["cameras"][0]["id"] == "main");
    server.stop();
}

#[test]
fn who_asks_while_it_stops_is_sent_elsewhere() {
    let mut server = Setup::with_source("test").start();
    let mut socket = Client::new(server.address).socket();
    socket
        .write_all(b"GET /ready HTTP/1.1\r\nHost: x\r\n")
        .unwrap();
    // Taken, and its request begun.
    assert_eq!(server.get("/ready").status, 200);
    server.signal(Signal::TERM);
    server.log.message("stopping");
    socket.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("stopping"),
        "{answer}"
    );
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_disk_that_is_full_or_read_only_is_a_reason() {
    for (options, code) in [("size=400k", "disk_nearly_full"), ("ro", "disk_read_only")] {
        let setup = Setup::with_source("test");
        let data = setup.path("data");
        let Some(mut server) = setup.start_on_tmpfs(options) else {
            return;
        };
        if code == "disk_nearly_full" {
            let data = format!("/proc/{}/root{}", server.pid(), data.display());
            std::fs::write(format!("{data}/in-the-way"), vec![1; 1 << 20]).unwrap_err();
        }
        let found = codes(&server);
        assert!(found.iter().any(|found| found == code), "{found:?}");
        server.stop();
    }
}

#[test]
fn a_certificate_that_comes_to_its_end_is_a_reason() {
    for (days, wanted) in [(10, &["certificate_expires"][..]), (30, &[])] {
        let setup = Setup::with_source("test");
        let pair = Pair::make(&setup.path(""), "own", days, None);
        let keys = [
            (
                "certificate",
                Toml::from(pair.certificate.to_str().unwrap()),
            ),
            ("key", Toml::from(pair.key.to_str().unwrap())),
        ];
        let mut server = with_tls(setup, &keys).start();
        through_tunnel(&mut server);
        assert_eq!(codes(&server), wanted);
        let left = server.json("/health")["certificate"]["days_left"].clone();
        assert!(
            (i64::from(days) - 1..=i64::from(days)).contains(&left.as_i64().unwrap()),
            "{left}"
        );
        server.stop();
    }
}

/// The subcommand with the server's own configuration.
fn ask(setup: &Setup, more: &[&str]) -> (i32, String) {
    let mut args = vec!["health", "--config", "test.toml"];
    args.extend(more);
    let Output {
        status,
        stdout,
        stderr,
    } = setup.run(&args);
    let said = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// The same until it has this code and these words: on a busy machine even a server that is well may not answer in time.
fn says(setup: &Setup, more: &[&str], code: i32, words: &str) {
    let mut said = (0, String::new());
    eventually(&format!("{code} with `{words}`"), || {
        said = ask(setup, more);
        let is_no_answer = said.1.contains("no answer within") && !words.contains("no answer");
        assert!(
            is_no_answer || said.0 == code,
            "{more:?}: {said:?} in place of {code}"
        );
        (said.0 == code && said.1.contains(words)).then_some(())
    });
}

#[test]
fn the_subcommand_finds_the_running_server() {
    let port = i64::from(free_port());
    let plain = Setup::camera_sim()
        .camera("no_frame_timeout_s", 1.0)
        .server("port", port)
        .server("base_path", "/webcam");
    plain.serve();
    let place = format!("127.0.0.1:{port}/webcam/health");
    says(&plain, &[], 2, &place);

    let mut server = plain.clone().start();
    says(&plain, &[], 0, "ok\n");
    let url = server.url("/webcam/");
    says(&plain, &["--url", &url], 0, "ok\n");
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    server.fault("freeze");
    eventually("a degraded server", || {
        (server.json("/health")["status"] == "degraded").then_some(())
    });
    says(&plain, &[], 1, "camera_in_trouble: camera main: ");
    // A server that hangs.
    server.signal(Signal::STOP);
    says(&plain, &[], 2, "no answer within");
    server.signal(Signal::CONT);
    for wrong in ["nonsense", "ftp://x/", "http://127.0.0.1:1/"] {
        assert_eq!(ask(&plain, &["--url", wrong]).0, 2, "{wrong}");
    }
    server.stop();
}

#[test]
fn the_subcommand_speaks_tls_and_announces_itself() {
    let port = i64::from(free_port());
    let setup = with_tls(Setup::with_source("test"), &[])
        .server("port", port)
        .server("listen", "::")
        .server("trusted_proxies", vec!["127.0.0.0/8"])
        .server("proxy_protocol", true);
    let mut server = setup.clone().start();
    says(&setup, &[], 0, "ok\n");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    // At an address that somebody names nobody is believed who has no certificate for it.
    let setup = setup.server("proxy_protocol", false);
    let mut server = setup.clone().start();
    let there = format!("https://localhost:{port}/");
    says(&setup, &["--url", &there], 2, "certificate");
    says(&setup, &[], 0, "ok\n");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
}

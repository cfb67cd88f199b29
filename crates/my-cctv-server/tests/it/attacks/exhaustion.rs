//! 13: more of everything than there is room for. Those who are here go on, and afterwards all is as before.

use std::{
    fs::{self, File},
    io::Write as _,
    net::TcpStream,
    process::Command,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use super::{in_namespace, run_by};
use crate::{
    accounts::{PASSWORD, ask, basic},
    harness::{Client, Parts, Server, Setup, Watcher, eventually, tool},
};

/// These tests hold more sockets than programs usually may.
pub(crate) fn raise_descriptor_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

fn ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn idle_sockets_of_many_addresses_end() {
    raise_descriptor_limit();
    let mut server = Setup::camera_sim()
        .limit("connections_per_address", 64)
        .server("head_timeout_s", 2)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let before = server.rss_kib();
    // Two thousand at a hundred addresses: all places are taken, and nobody says a word.
    let idle: Vec<TcpStream> = (0..2000)
        .map(|n| Client::at(&format!("127.3.0.{}", 1 + n % 100), server.address).socket())
        .collect();
    watcher.more_pictures(10);
    eventually("a new viewer", || {
        let client = Client::at("127.0.0.2", server.address);
        let reply = client.attempt("GET", "/stream").ok()?;
        Parts::of(reply).picture();
        Some(())
    });
    watcher.more_pictures(10);
    let grown = server.peak_rss_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more");
    drop(idle);
    server.stop();
}

#[test]
fn without_descriptors_those_who_are_here_go_on() {
    let setup = Setup::camera_sim().server("head_timeout_s", 60);
    let mut prlimit = Command::new(tool("prlimit", "util-linux"));
    prlimit.arg("--nofile=48:48");
    let command = run_by(prlimit, &setup.serve());
    let mut server = setup.start_by(command);
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let (before, lines) = (ticks(&server), server.log.len());
    let many: Vec<TcpStream> = (0..100)
        .map(|_| Client::new(server.address).socket())
        .collect();
    server.log.message("a connection could not be taken");
    watcher.more_pictures(20);
    // A second or more at the limit: it waits, and neither spins nor writes line after line.
    let (used, said) = (ticks(&server) - before, server.log.len() - lines);
    assert!(used < 100, "{used} hundredths of a second");
    assert!(said < 100, "{said} lines");
    drop(many);
    eventually("room again", || {
        let client = Client::connect(server.address).ok()?;
        (client.attempt("GET", "/health").ok()?.status == 200).then_some(())
    });
    watcher.more_pictures(3);
    server.stop();
}

#[test]
fn a_full_disk_stops_logins_and_no_stream() {
    let setup = Setup::camera_sim()
        .with_login()
        .env("ADMIN_PASSWORD", PASSWORD);
    let data = setup.path("data");
    fs::create_dir(&data).unwrap();
    let setup = setup.auth("database", data.join("accounts.db").to_str().unwrap());
    let Some(mut server) = in_namespace(&setup, "mount -t tmpfs -o size=2m none data") else {
        return;
    };
    let admin = basic("admin");
    let log_in = || {
        let login = json!({"name": "admin", "password": PASSWORD});
        let reply = ask(&server, None, "POST", "/api/v1/session", Some(&login));
        (
            reply.status,
            reply.header("Set-Cookie").is_some(),
            reply.text(),
        )
    };
    assert_eq!(log_in().0, 200);
    let stream = || {
        let reply = ask(&server, Some(&admin), "GET", "/stream", None);
        Watcher::of(Parts::of(reply))
    };
    let watcher = stream();
    watcher.more_pictures(1);
    // Into the file system that only the server sees.
    let inside = format!("/proc/{}/root{}", server.pid(), data.display());
    let filler = format!("{inside}/filler");
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
    drop(file);
    // What SQLite has room for in its journal is used up by a few.
    let refused = eventually("a login that cannot be kept", || {
        let (status, has_cookie, text) = log_in();
        (status != 200).then_some((status, has_cookie, text))
    });
    assert!(matches!(refused.0, 500 | 507), "{refused:?}");
    assert!(!refused.1, "no session that is not kept");
    assert!(refused.2.contains("the log says why"), "{}", refused.2);
    // Who is known by his password needs no disk.
    watcher.more_pictures(10);
    stream().more_pictures(3);
    fs::remove_file(&filler).unwrap();
    eventually("a login", || (log_in().0 == 200).then_some(()));
    watcher.more_pictures(3);
    server.stop();
    assert!(!server.log.to_end().contains("panicked"));
}

#[test]
fn refusals_do_not_fill_the_log() {
    let mut server = crate::accounts::setup().start();
    let lines = server.log.len();
    let mut asked = 0;
    for n in 0..150 {
        let own = format!("127.4.0.{}", n + 1);
        let client = || Client::at(&own, server.address).stranger();
        let guess = json!({"name": format!("user{n}"), "password": "x".repeat(300)});
        let code = json!({"code": format!("{n}"), "name": "a", "password": PASSWORD});
        for (client, method, path) in [
            (client().host(Some(&format!("evil{n}.example"))), "GET", "/"),
            (
                client().header("Authorization", "Bearer x"),
                "GET",
                "/stream",
            ),
            (
                client().header("Origin", "http://evil.example"),
                "DELETE",
                "/api/v1/session",
            ),
            (client(), "GET", "/api/v1/users"),
            (client(), "GET", "/nothing"),
            (client(), "BREW", "/"),
            (client().header("Cookie", "session=x"), "GET", "/ws"),
            (client().json(&code), "POST", "/api/v1/setup"),
            (client().json(&json!([])), "POST", "/api/v1/session"),
        ] {
            let reply = client.request(method, path);
            assert!(
                (400..500).contains(&reply.status),
                "{path}: {}",
                reply.status
            );
            asked += 1;
        }
        if n % 3 == 0 {
            let reply = client().json(&guess).request("POST", "/api/v1/session");
            assert!(matches!(reply.status, 401 | 503));
            asked += 1;
        }
        let _ = client().raw(b"\x16\x03\x01 garbage \r\n\r\n");
    }
    let said = server.log.len() - lines;
    assert!(said < 150, "{said} lines for {asked} requests");
    server.stop();
}

#[test]
fn without_inodes_nothing_changes_and_streams_go_on() {
    let setup = Setup::camera_sim();
    fs::create_dir(setup.path("data")).unwrap();
    let Some(mut server) = in_namespace(&setup, "mount -t tmpfs -o nr_inodes=8 none data") else {
        return;
    };
    let inside = format!(
        "/proc/{}/root{}",
        server.pid(),
        server.path("data").display()
    );
    let fillers: Vec<_> = (0..8)
        .map(|number| format!("{inside}/filler{number}"))
        .take_while(|filler| fs::write(filler, "").is_ok())
        .collect();
    assert!(!fillers.is_empty());
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let yard = json!({"id": "yard", "source": "test"});
    let reply = server.send("POST", "/api/v1/cameras", &yard);
    assert_eq!(reply.status, 507);
    watcher.more_pictures(5);
    for filler in &fillers {
        fs::remove_file(filler).unwrap();
    }
    assert_eq!(server.send("POST", "/api/v1/cameras", &yard).status, 201);
    watcher.more_pictures(5);
    server.stop();
}

//! 11: where the server itself may be sent to.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use serde_json::json;

use super::in_namespace;
use crate::harness::{Server, Setup, Watcher, eventually, pass};

const CAMERAS: &str = "/api/v1/cameras";

/// Adds the camera as an administrator would, and watches it: the state and detail it comes to.
fn detail_of(server: &Server, n: usize, source: &str) -> String {
    let id = format!("c{n}");
    let camera = json!({"id": id, "source": source});
    let reply = server.send("POST", CAMERAS, &camera);
    assert_eq!(reply.status, 201, "{source}");
    let watcher = Watcher::of(server.stream(&format!("{CAMERAS}/{id}/stream")));
    let detail = eventually(source, || {
        let incidents = server.json(&format!("{CAMERAS}/{id}/incidents"));
        let incident = &incidents["incidents"][0];
        Some(incident["detail"].as_str()?.to_owned())
    });
    drop(watcher);
    assert_eq!(
        server.request("DELETE", &format!("{CAMERAS}/{id}")).status,
        204
    );
    detail
}

#[test]
fn a_camera_is_not_at_a_metadata_service() {
    // A resolver that has the attacker's names, in a file system of the server's own.
    let setup = Setup::with_source("test");
    fs::write(
        setup.path("hosts"),
        "127.0.0.1 localhost\n169.254.169.254 camera.example\n::ffff:169.254.169.254 six.example\n\
         fe80::1 local.example\n",
    )
    .unwrap();
    let own = in_namespace(&setup, "mount --bind hosts /etc/hosts");
    let has_names = own.is_some();
    let mut server = own.unwrap_or_else(|| setup.start());
    let mut hosts = vec![
        "169.254.169.254",
        "169.254.0.1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "0.0.0.0",
        "0",
        "[::]",
        "255.255.255.255",
        "224.0.0.1",
        "me:password@169.254.169.254",
        "169.254.169.254:8080",
    ];
    if has_names {
        hosts.extend(["camera.example", "six.example", "local.example"]);
    }
    for (n, host) in hosts.iter().enumerate() {
        for scheme in ["http", "rtsp"] {
            let detail = detail_of(&server, n, &format!("{scheme}://{host}/latest/meta-data"));
            assert!(detail.contains("reserved"), "{scheme}://{host}: {detail}");
        }
    }
    server.stop();
}

#[test]
fn a_redirect_is_not_followed() {
    let secret = TcpListener::bind("127.0.0.1:0").unwrap();
    let secret_address = secret.local_addr().unwrap();
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    thread::spawn(move || {
        for _ in secret.incoming() {
            counted.fetch_add(1, Relaxed);
        }
    });
    let camera = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = camera.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    thread::spawn(move || {
        let statuses = ["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"];
        for (n, socket) in camera.incoming().map_while(Result::ok).enumerate() {
            let mut socket = socket;
            let _ = socket.read(&mut [0; 4096]);
            let status = statuses[n % statuses.len()];
            let answer = format!(
                "HTTP/1.1 {status}\r\nLocation: http://{secret_address}/\r\nContent-Length: 0\r\n\
                 Refresh: 0; url=http://{secret_address}/\r\n\r\n"
            );
            let _ = socket.write_all(answer.as_bytes());
            counted.fetch_add(1, Relaxed);
        }
    });
    let mut server = Setup::with_source("test").start();
    for n in 0..5 {
        let detail = detail_of(&server, n, &format!("http://me:password@{address}/"));
        assert!(detail.contains("it answers with 30"), "{detail}");
        assert!(!detail.contains("password"), "{detail}");
    }
    pass(std::time::Duration::from_millis(300));
    assert!(asked.load(Relaxed) >= 5);
    assert_eq!(visits.load(Relaxed), 0);
    server.stop();
}

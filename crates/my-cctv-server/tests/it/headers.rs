//! What an answer tells browsers, and which pages and names are answered at all.

use serde_json::json;

use crate::harness::{Client, Reply, Server, Setup};

fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let client = Client::new(server.address);
    let with = |client: Client, (name, value): &(&str, &str)| client.header(name, value);
    headers.iter().fold(client, with).request(method, path)
}

fn called(server: &Server, host: Option<&str>, path: &str) -> Reply {
    Client::new(server.address).host(host).request("GET", path)
}

#[test]
fn every_answer_has_its_headers_and_pictures_may_be_shown_elsewhere() {
    let mut server = Setup::camera_sim().server("base_path", "/webcam").start();
    for (method, path, status, policy, resource) in [
        ("GET", "/", 200, "", "same-origin"),
        (
            "GET",
            "/stream",
            200,
            "sandbox; script-src 'none'; ",
            "cross-origin",
        ),
        (
            "HEAD",
            "/stream",
            200,
            "sandbox; script-src 'none'; ",
            "cross-origin",
        ),
        (
            "GET",
            "/?action=stream",
            200,
            "sandbox; script-src 'none'; ",
            "cross-origin",
        ),
        (
            "GET",
            "/snapshot",
            200,
            "sandbox; script-src 'none'; ",
            "cross-origin",
        ),
        ("GET", "/health", 200, "default-src 'none'", "same-origin"),
        (
            "GET",
            "/api/v1/cameras",
            200,
            "default-src 'none'",
            "same-origin",
        ),
        ("GET", "/nothing", 404, "default-src 'none'", "same-origin"),
        ("POST", "/health", 405, "default-src 'none'", "same-origin"),
        ("GET", "/webcam", 308, "default-src 'none'", "same-origin"),
        ("GET", "/ws", 426, "default-src 'none'", "same-origin"),
    ] {
        let reply = server.request(method, path);
        assert_eq!(reply.status, status, "{path}");
        let header = |name: &str| {
            reply
                .header(name)
                .unwrap_or_else(|| panic!("{path}: {name}"))
        };
        let found = header("Content-Security-Policy");
        assert!(found.starts_with(policy), "{path}: {found}");
        assert!(found.contains("frame-ancestors 'self'"), "{path}: {found}");
        assert!(!found.contains("unsafe"), "{path}: {found}");
        assert_eq!(header("Cross-Origin-Resource-Policy"), resource, "{path}");
        assert_eq!(header("X-Content-Type-Options"), "nosniff");
        assert_eq!(header("X-Frame-Options"), "SAMEORIGIN");
        assert_eq!(header("Referrer-Policy"), "no-referrer");
        assert!(header("Permissions-Policy").contains("camera=()"));
        assert_eq!(reply.header("Access-Control-Allow-Origin"), None, "{path}");
    }
    server.stop();
}

#[test]
fn a_page_that_a_browser_has_kept_goes_on_with_the_same_rights() {
    let mut server = Setup::with_source("test").start();
    for path in ["/icon.svg", "/login", "/setup"] {
        let first = server.get(path);
        assert_eq!(first.status, 200, "{path}");
        let tag = first.header("ETag").unwrap().to_owned();
        let again = ask(&server, "GET", path, &[("If-None-Match", &tag)]);
        assert_eq!(again.status, 304, "{path}");
        // A browser puts these in place of the ones it kept with the page.
        for name in [
            "Content-Security-Policy",
            "Cross-Origin-Resource-Policy",
            "X-Frame-Options",
        ] {
            assert_eq!(again.header(name), first.header(name), "{path}: {name}");
        }
    }
    server.stop();
}

#[test]
fn who_may_frame_the_page_is_configured() {
    for (list, policy, options) in [
        (vec!["none"], "frame-ancestors 'none'", Some("DENY")),
        (
            vec!["self", "http://ha.local:8123"],
            "frame-ancestors 'self' http://ha.local:8123",
            None,
        ),
    ] {
        let mut server = Setup::with_source("test")
            .server("frame_ancestors", list)
            .start();
        for path in ["/", "/health", "/snapshot"] {
            let reply = server.get(path);
            let found = reply.header("Content-Security-Policy").unwrap();
            assert!(found.ends_with(policy), "{found}");
            assert_eq!(reply.header("X-Frame-Options"), options);
        }
        server.stop();
    }
}

#[test]
fn a_name_that_is_not_ours_is_refused_and_the_sentence_helps() {
    let mut server = Setup::with_source("test")
        .server("hosts", vec!["Door.Example"])
        .start();
    let own = rustix::system::uname();
    let own = own.nodename().to_str().unwrap();
    for host in [
        None,
        Some("127.0.0.1:3000"),
        Some("[::1]"),
        Some("localhost:80"),
        Some("raspberrypi.local"),
        Some("camera"),
        Some(own),
        Some("door.example:8443"),
    ] {
        assert_eq!(called(&server, host, "/health").status, 200, "{host:?}");
    }
    let old = Client::new(server.address).http_1_0().host(None);
    assert_eq!(old.request("GET", "/snapshot").status, 200);
    for path in [
        "/",
        "/stream",
        "/snapshot",
        "/health",
        "/api/v1/cameras",
        "/nothing",
    ] {
        let reply = called(&server, Some("evil.example:3000"), path);
        assert_eq!(reply.status, 421, "{path}");
        assert_eq!(
            reply.header("Content-Type"),
            Some("application/problem+json")
        );
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("not known as `evil.example:3000`"),
            "{detail}"
        );
        assert!(detail.contains("hosts = [\"evil.example\"]"), "{detail}");
    }
    // The name in the address line counts too, and a proxy's header from one who is no proxy does not.
    let raw = |text: &str| {
        let answer = Client::new(server.address).raw(text.as_bytes());
        String::from_utf8_lossy(&answer).into_owned()
    };
    let line =
        "GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(raw(line).starts_with("HTTP/1.1 421 "));
    let two = "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!(raw(two).starts_with("HTTP/1.1 4"));
    let reply = Client::new(server.address).host(Some("evil.example"));
    let reply = reply
        .header("X-Forwarded-Host", "localhost")
        .request("GET", "/health");
    assert_eq!(reply.status, 421);
    let line = server.log.message("request refused");
    assert_eq!(line.fields["host"], "evil.example:3000");
    assert!(server.log.all(&line.message).len() < 6, "not one for each");
    server.stop();
}

#[test]
fn any_name_is_ours_if_the_operator_says_so() {
    let mut server = Setup::with_source("test")
        .server("hosts", vec!["*"])
        .start();
    assert_eq!(called(&server, Some("evil.example"), "/health").status, 200);
    server.stop();
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let mut server = Setup::with_source("test").start();
    let restart = "/api/v1/cameras/main/restart";
    let json = ("Content-Type", "application/json");
    let post = |origin: &str| ask(&server, "POST", restart, &[json, ("Origin", origin)]).status;
    assert_eq!(ask(&server, "POST", restart, &[json]).status, 202);
    assert_eq!(post("http://localhost"), 202);
    for origin in [
        "http://evil.example",
        "null",
        "http://localhost:81",
        "http://localhost.evil",
    ] {
        assert_eq!(post(origin), 403, "{origin}");
        for method in ["PATCH", "DELETE", "PUT"] {
            let reply = ask(
                &server,
                method,
                "/api/v1/cameras/main",
                &[json, ("Origin", origin)],
            );
            assert_eq!(reply.status, 403, "{method} {origin}");
        }
        // To look is allowed: the browser does not show the page what it gets.
        let reply = ask(&server, "GET", "/snapshot", &[("Origin", origin)]);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("Access-Control-Allow-Origin"), None);
        let preflight = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "PATCH"),
        ];
        let reply = ask(&server, "OPTIONS", "/api/v1/cameras/main", &preflight);
        assert_eq!(reply.header("Access-Control-Allow-Origin"), None);
    }
    server.stop();
}

#[test]
fn a_listed_page_may_use_the_api() {
    let panel = "https://panel.example";
    let mut server = Setup::with_source("test")
        .server("cors_origins", vec!["https://Panel.example:443/"])
        .limit("api_per_minute", 4)
        .start();
    let preflight = |origin| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "PATCH"),
            ("Access-Control-Request-Headers", "content-type"),
        ];
        ask(&server, "OPTIONS", "/api/v1/cameras/main", &headers)
    };
    let reply = preflight(panel);
    assert_eq!(reply.header("Access-Control-Allow-Origin"), Some(panel));
    assert!(
        reply
            .header("Access-Control-Allow-Methods")
            .unwrap()
            .contains("PATCH")
    );
    let reply = preflight("https://evil.example");
    assert_eq!(reply.header("Access-Control-Allow-Origin"), None);
    let headers = [("Origin", panel), ("Content-Type", "application/json")];
    let reply = Client::new(server.address).header(headers[0].0, headers[0].1);
    let reply = reply
        .json(&json!({"name": "Panel"}))
        .request("PATCH", "/api/v1/cameras/main");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Access-Control-Allow-Origin"), Some(panel));
    let reply = ask(
        &server,
        "GET",
        "/api/v1/cameras",
        &[("Origin", "https://evil.example")],
    );
    assert_eq!(
        (reply.status, reply.header("Access-Control-Allow-Origin")),
        (200, None)
    );
    // A refusal can be read by the page as well.
    let mut reply = ask(&server, "GET", "/health", &headers[..1]);
    while reply.status != 429 {
        assert_eq!(reply.status, 200);
        reply = ask(&server, "GET", "/health", &headers[..1]);
    }
    assert_eq!(reply.header("Access-Control-Allow-Origin"), Some(panel));
    server.stop();
}

#[test]
fn behind_a_trusted_proxy_the_page_is_ours_by_the_proxys_name() {
    let mut server = Setup::with_source("test")
        .server("trusted_proxies", vec!["127.0.0.1"])
        .server("hosts", vec!["door.example"])
        .start();
    let restart = |forwarded: &[(&str, &str)], origin: &str| {
        let client = Client::new(server.address).host(Some("127.0.0.1:3000"));
        let with = |client: Client, (name, value): &(&str, &str)| client.header(name, value);
        let client = forwarded.iter().fold(client, with);
        let client = client.header("Origin", origin).json(&json!({}));
        client
            .request("POST", "/api/v1/cameras/main/restart")
            .status
    };
    let host = ("X-Forwarded-Host", "door.example");
    let tls = ("X-Forwarded-Proto", "https");
    assert_eq!(restart(&[host, tls], "https://door.example"), 202);
    assert_eq!(
        restart(&[host, tls], "http://door.example"),
        403,
        "without TLS"
    );
    assert_eq!(restart(&[host], "http://door.example"), 202);
    assert_eq!(restart(&[], "https://door.example"), 403);
    assert_eq!(restart(&[host, tls], "https://evil.example"), 403);
    let evil = ("X-Forwarded-Host", "evil.example");
    assert_eq!(restart(&[evil], "http://evil.example"), 421);
    server.stop();
}

//! 3, 14: nobody is let in for where he comes from, or for what he says of himself.

use crate::{
    accounts::{ROUTES, basic, setup},
    harness::{Client, Server},
};

fn status(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let client = Client::new(server.address).stranger();
    let with = |client: Client, (name, value): &(&str, &str)| client.header(name, value);
    headers
        .iter()
        .fold(client, with)
        .request(method, path)
        .status
}

#[test]
fn this_machine_is_nobody_special() {
    let mut server = setup().start();
    // All tests come from 127.0.0.1; here without anything that says who it is, and under its own names.
    for host in ["127.0.0.1", "localhost", "[::1]", "127.0.0.1:80"] {
        for path in [
            "/stream",
            "/snapshot",
            "/api/v1/cameras",
            "/api/v1/users",
            "/ws",
        ] {
            let client = Client::new(server.address).stranger().host(Some(host));
            assert_eq!(client.request("GET", path).status, 401, "{host} {path}");
        }
    }
    let old = Client::new(server.address).stranger().http_1_0().host(None);
    assert_eq!(old.request("GET", "/stream").status, 401);
    server.stop();
}

#[test]
fn headers_make_nobody_an_administrator() {
    let mut server = setup().start();
    for header in [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Forwarded", "for=127.0.0.1"),
        ("X-Forwarded-User", "admin"),
        ("X-Remote-User", "admin"),
        ("Remote-User", "admin"),
        ("X-Auth-Request-User", "admin"),
        ("X-Forwarded-Preferred-Username", "admin"),
        ("X-Original-URL", "/health"),
        ("X-Rewrite-URL", "/health"),
        ("X-HTTP-Method-Override", "GET"),
        ("X-Custom-IP-Authorization", "127.0.0.1"),
        ("Cookie", "session=admin"),
        ("Cookie", "session="),
        ("Cookie", "__Host-session=admin"),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer "),
        ("Authorization", "Basic "),
        ("Authorization", "Basic Og=="),
        ("Authorization", "Basic YWRtaW46"),
        ("Authorization", "Digest username=\"admin\""),
        ("Authorization", "Negotiate x"),
    ] {
        for path in ["/api/v1/users", "/stream"] {
            let found = status(&server, "GET", path, &[header]);
            assert!(matches!(found, 401 | 429), "{header:?} {path}: {found}");
        }
    }
    // Two of them are none, and a wrong one is not made good by a right one beside it.
    let admin = basic("admin");
    let two = [("Authorization", "Bearer x"), ("Authorization", &*admin)];
    assert_eq!(status(&server, "GET", "/api/v1/users", &two), 401);
    server.stop();
}

#[test]
fn methods_and_spellings_are_no_way_round_the_login() {
    let mut server = setup().start();
    for (method, path, _) in ROUTES.iter().filter(|(_, _, who)| who.starts_with('-')) {
        if *method == "GET" {
            assert_eq!(status(&server, "HEAD", path, &[]), 401, "HEAD {path}");
        }
        let lower = method.to_lowercase();
        let found = status(&server, &lower, path, &[]);
        assert!(matches!(found, 401 | 403 | 405), "{lower} {path}: {found}");
    }
    // Whatever this is taken for, it is nothing that is shown.
    for path in [
        "/api/v1/users/",
        "//api/v1/users",
        "/api//v1/users",
        "/API/v1/users",
        "/api/v1/users%2f",
        "/api/v1/%75sers",
        "/api/v1/./users",
        "/health/../api/v1/users",
        "/health/%2e%2e/api/v1/users",
        "/api/v1/users;x",
        "/api/v1/users%00",
        "/api/v1/users.json",
        "/stream/",
        "/%73tream",
        "/STREAM",
        "/api/v1/cameras/main/stream/",
    ] {
        for method in [
            "GET", "HEAD", "POST", "OPTIONS", "TRACE", "PROPFIND", "CONNECT",
        ] {
            let found = status(&server, method, path, &[]);
            assert!(matches!(found, 400..=405), "{method} {path}: {found}");
        }
    }
    server.stop();
}

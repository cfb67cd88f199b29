//! Who is let in: every route for everybody, and what becomes of what is open when a right goes.

use std::{
    fs,
    io::Write as _,
    process::{Output, Stdio},
};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket, handshake::client::generate_key};

use crate::harness::{Client, Parts, Reply, Server, Setup, Watcher, eventually};

pub(crate) const PASSWORD: &str = "canary-in-a-password";

/// Two cameras, an administrator, and nobody else.
pub(crate) fn setup() -> Setup {
    Setup::with_source("test")
        .another_camera("yard", "test")
        .with_login()
        .env("ADMIN_PASSWORD", PASSWORD)
}

/// Base64 of `name:password`.
pub(crate) fn basic(name: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in format!("{name}:{PASSWORD}").as_bytes().chunks(3) {
        let n = (0..3).fold(0, |n, i| n << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// A request of whoever shows this `Authorization`.
pub(crate) fn ask(
    server: &Server,
    who: Option<&str>,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Reply {
    let mut client = Client::new(server.address).stranger();
    if let Some(who) = who {
        client = client.header("Authorization", who);
    }
    if let Some(body) = body {
        client = client.json(body);
    }
    client.request(method, path)
}

pub(crate) fn by_admin(server: &Server, method: &str, path: &str, body: &Value) -> Reply {
    ask(server, Some(&basic("admin")), method, path, Some(body))
}

pub(crate) fn add_user(server: &Server, name: &str, role: &str, cameras: &[&str]) -> i64 {
    let user = json!({"name": name, "password": PASSWORD, "role": role, "cameras": cameras});
    let reply = by_admin(server, "POST", "/api/v1/users", &user);
    assert_eq!(reply.status, 201);
    reply.json()["id"].as_i64().unwrap()
}

pub(crate) fn add_token(server: &Server, role: &str, cameras: &[&str]) -> (i64, String) {
    let token = json!({"name": "a program", "role": role, "cameras": cameras});
    let made = by_admin(server, "POST", "/api/v1/tokens", &token).json();
    (
        made["id"].as_i64().unwrap(),
        made["secret"].as_str().unwrap().to_owned(),
    )
}

/// A stream of whoever this is.
pub(crate) fn stream(server: &Server, who: Option<&str>, path: &str) -> Watcher {
    Watcher::of(Parts::of(ask(server, who, "GET", path, None)))
}

/// What each of them may do. `y` yes, `n` no (403), `?` not even know of it
/// (404), `-` log in first (401).
pub(crate) const ROUTES: &[(&str, &str, &str)] = &[
    //                                               nobody, viewer, operator, admin, token, link
    ("GET", "/", "-yyyyn"),
    ("GET", "/health", "yyyyyy"),
    ("GET", "/ready", "yyyyyy"),
    ("GET", "/stream", "-yyyyy"),
    ("GET", "/snapshot", "-yyyy?"),
    ("GET", "/?action=stream", "-yyyyy"),
    ("GET", "/?action=snapshot", "-yyyy?"),
    ("GET", "/ws", "-yyyyn"),
    ("GET", "/api-docs/openapi.json", "-yyyyn"),
    ("GET", "/api/v1/cameras", "-yyyyn"),
    ("POST", "/api/v1/cameras", "-nnynn"),
    ("GET", "/api/v1/cameras/main", "-yyyyn"),
    ("GET", "/api/v1/cameras/yard", "-??y??"),
    ("PATCH", "/api/v1/cameras/main", "-nnynn"),
    ("PATCH", "/api/v1/cameras/yard", "-??y??"),
    ("DELETE", "/api/v1/cameras/main", "-nnynn"),
    ("DELETE", "/api/v1/cameras/yard", "-??y??"),
    ("GET", "/api/v1/cameras/main/config", "-nnynn"),
    ("GET", "/api/v1/cameras/yard/config", "-??y??"),
    ("POST", "/api/v1/cameras/main/restart", "-nyynn"),
    ("POST", "/api/v1/cameras/yard/restart", "-??y??"),
    ("GET", "/api/v1/cameras/main/stream", "-yyyyy"),
    ("GET", "/api/v1/cameras/yard/stream", "-??y??"),
    ("GET", "/api/v1/cameras/main/snapshot", "-yyyyn"),
    ("GET", "/api/v1/cameras/yard/snapshot", "-??y??"),
    ("GET", "/api/v1/cameras/main/controls", "-yyyyn"),
    ("GET", "/api/v1/cameras/yard/controls", "-??y??"),
    ("PATCH", "/api/v1/cameras/main/controls", "-nyynn"),
    ("PATCH", "/api/v1/cameras/yard/controls", "-??y??"),
    ("DELETE", "/api/v1/cameras/main/controls", "-nyynn"),
    ("DELETE", "/api/v1/cameras/yard/controls", "-??y??"),
    ("GET", "/api/v1/cameras/main/presets", "-yyyyn"),
    ("GET", "/api/v1/cameras/yard/presets", "-??y??"),
    ("PUT", "/api/v1/cameras/main/presets/night", "-nyynn"),
    ("PUT", "/api/v1/cameras/yard/presets/night", "-??y??"),
    ("POST", "/api/v1/cameras/main/presets/night/apply", "-nyynn"),
    ("POST", "/api/v1/cameras/yard/presets/night/apply", "-??y??"),
    ("DELETE", "/api/v1/cameras/main/presets/night", "-nyynn"),
    ("DELETE", "/api/v1/cameras/yard/presets/night", "-??y??"),
    ("GET", "/api/v1/cameras/main/incidents", "-yyyyn"),
    ("GET", "/api/v1/cameras/yard/incidents", "-??y??"),
    ("GET", "/api/v1/incidents", "-yyyyn"),
    ("GET", "/api/v1/viewers", "-nyynn"),
    ("DELETE", "/api/v1/viewers/x", "-nyynn"),
    ("POST", "/api/v1/setup", "yyyyyy"),
    ("POST", "/api/v1/session", "yyyyyy"),
    ("GET", "/api/v1/session", "-yyyyn"),
    ("DELETE", "/api/v1/session", "-yyynn"),
    ("GET", "/api/v1/sessions", "-yyynn"),
    ("DELETE", "/api/v1/sessions/x", "-yyynn"),
    ("PUT", "/api/v1/account/password", "-yyynn"),
    ("GET", "/api/v1/tokens", "-yyynn"),
    ("POST", "/api/v1/tokens", "-yyynn"),
    ("DELETE", "/api/v1/tokens/x", "-yyynn"),
    ("GET", "/api/v1/links", "-yyynn"),
    ("POST", "/api/v1/links", "-yyynn"),
    ("DELETE", "/api/v1/links/x", "-yyynn"),
    ("GET", "/api/v1/users", "-nnynn"),
    ("POST", "/api/v1/users", "-nnynn"),
    ("PUT", "/api/v1/users/x", "-nnynn"),
    ("DELETE", "/api/v1/users/x", "-nnynn"),
    ("GET", "/api/v1/config", "-nnynn"),
    ("PUT", "/api/v1/config", "-nnynn"),
    ("GET", "/api/v1/config/schema", "-nnynn"),
    ("POST", "/api/v1/config/check", "-nnynn"),
    ("GET", "/api/v1/config/backups", "-nnynn"),
    ("POST", "/api/v1/config/backups/x/restore", "-nnynn"),
    ("GET", "/api/v1/config/export", "-nnynn"),
    ("POST", "/api/v1/camera-test", "-nnynn"),
    ("GET", "/api/v1/discover", "-nnynn"),
    ("GET", "/api/v1/audit", "-nnynn"),
    ("GET", "/api/v1/system", "-nnynn"),
    ("GET", "/api/v1/logs", "-nnynn"),
    ("GET", "/api/v1/logs/stream", "-nnynn"),
    ("GET", "/api/v1/logs/levels", "-nnynn"),
    ("PUT", "/api/v1/logs/levels", "-nnynn"),
    ("GET", "/metrics", "-yyyyn"),
    ("GET", "/api/v1/stats", "-yyyyn"),
    ("GET", "/api/v1/audit/export", "-nnynn"),
    ("GET", "/api/v1/three", "-yyyyn"),
    ("GET", "/api/v1/three/model", "-yyyyn"),
    ("PUT", "/api/v1/three/model", "-nnynn"),
    ("DELETE", "/api/v1/three/model", "-nnynn"),
    ("GET", "/api/v1/three/site", "-yyyyn"),
    ("PUT", "/api/v1/three/site", "-nnynn"),
];

#[test]
fn every_route_for_everybody_on_an_own_and_a_foreign_camera() {
    let mut server = setup().start();
    add_user(&server, "viewer", "viewer", &["main"]);
    add_user(&server, "operator", "operator", &["main"]);
    let (_, token) = add_token(&server, "viewer", &["main"]);
    let link = json!({"camera": "main", "what": "stream", "expires_in_s": 600});
    let link = by_admin(&server, "POST", "/api/v1/links", &link).json();
    let link = link["address"]
        .as_str()
        .unwrap()
        .split_once('?')
        .unwrap()
        .1
        .to_owned();
    let who = [
        None,
        Some(basic("viewer")),
        Some(basic("operator")),
        Some(basic("admin")),
        Some(format!("Bearer {token}")),
        Some(link),
    ];
    let admin = basic("admin");
    let document = ask(&server, Some(&admin), "GET", "/api-docs/openapi.json", None).json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "put", "post", "delete", "patch"] {
            let is_walked = ROUTES.iter().any(|(m, p, _)| {
                let p = p
                    .replace("main", "{id}")
                    .replace("/x", "/{id}")
                    .replace("night", "{name}")
                    .replace("/model", "/{name}");
                m.eq_ignore_ascii_case(method) && p == *path
            });
            assert!(
                item.get(method).is_none() || is_walked,
                "{method} {path} is not walked"
            );
        }
    }
    for (method, path, wanted) in ROUTES {
        for (who, wanted) in who.iter().zip(wanted.chars()) {
            let by_link = who.as_ref().filter(|who| who.starts_with("link="));
            let mark = if path.contains('?') { '&' } else { '?' };
            let path = by_link.map_or((*path).to_owned(), |link| format!("{path}{mark}{link}"));
            let header = who.as_deref().filter(|_| by_link.is_none());
            // Nothing that anything could be done with: it is about whether one may.
            let body = (*method != "GET").then(|| json!({}));
            let status = ask(&server, header, method, &path, body.as_ref()).status;
            let is_right = match wanted {
                '-' => status == 401,
                'n' => status == 403,
                '?' => status == 404,
                _ => !matches!(status, 401 | 403) || *method == "POST" && path.ends_with("setup"),
            };
            let who = who.as_deref().unwrap_or("nobody");
            assert!(
                is_right,
                "{method} {path} by {}: {status}, wanted {wanted}",
                &who[..who.len().min(12)]
            );
        }
    }
    // Lists leave out what is not seen.
    let placed = |camera: &str| json!({"camera": camera, "kind": "screen", "at_m": [0, 1, 0], "yaw_deg": 0, "pitch_deg": 0, "width_m": 1, "angle_deg": 60, "reach_m": 8});
    let site = json!({"revision": 0, "cameras": [placed("main"), placed("yard")]});
    let reply = by_admin(&server, "PUT", "/api/v1/three/site", &site);
    assert!(reply.status == 200 && reply.text().contains("yard"));
    for path in [
        "/api/v1/cameras",
        "/api/v1/incidents",
        "/api/v1/three/site",
        "/metrics",
    ] {
        let list = ask(&server, Some(&basic("viewer")), "GET", path, None).text();
        assert!(!list.contains("yard"), "{list}");
    }
    let short = ask(&server, None, "GET", "/health", None).json();
    let keys: Vec<_> = short.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["status", "timestamp"]);
    server.stop();
}

#[test]
fn the_first_run_is_one_link_and_then_a_login() {
    let mut server = Setup::with_source("test").with_login().start();
    let said = |server: &Server| {
        let line = server.log.to_string();
        line.split_once("/setup#code=")
            .map(|(_, rest)| rest[..22].to_owned())
    };
    let code = eventually("the link", || said(&server));
    let html = |path: &str| {
        Client::new(server.address)
            .stranger()
            .header("Accept", "text/html")
            .request("GET", path)
    };
    for path in ["/", "/stream"] {
        let reply = html(path);
        assert_eq!(
            (reply.status, reply.header("Location")),
            (303, Some("setup")),
            "{path}"
        );
    }
    let set_up = |code: &str| {
        let body = json!({"code": code, "name": "root", "password": PASSWORD});
        ask(&server, None, "POST", "/api/v1/setup", Some(&body))
    };
    assert_eq!(set_up("wrong").status, 403);
    let reply = set_up(&code);
    assert_eq!(reply.status, 200);
    let cookie = reply.header("Set-Cookie").unwrap().to_owned();
    for word in ["session=", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert_eq!(set_up(&code).status, 403, "it works once");
    let reply = html("/");
    assert_eq!(
        (reply.status, reply.header("Location")),
        (303, Some("login"))
    );
    let reply = ask(&server, None, "GET", "/stream", None);
    assert!(
        reply
            .header("WWW-Authenticate")
            .unwrap()
            .starts_with("Basic ")
    );
    assert_eq!(
        ask(&server, None, "GET", "/api/v1/cameras", None).header("WWW-Authenticate"),
        None
    );

    let session = cookie.split(';').next().unwrap();
    let by_cookie = |method: &str, path: &str, more: &[(&str, &str)]| {
        let client = Client::new(server.address)
            .stranger()
            .header("Cookie", session);
        let client = more
            .iter()
            .fold(client, |client, (name, value)| client.header(name, value));
        client.json(&json!({})).request(method, path)
    };
    assert_eq!(
        by_cookie("GET", "/api/v1/session", &[]).json()["name"],
        "root"
    );
    // A page of another site has the cookie, but not the right.
    for foreign in [
        ("Origin", "http://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        assert_eq!(
            by_cookie("POST", "/api/v1/cameras/main/restart", &[foreign]).status,
            403
        );
    }
    let own = ("Origin", "http://localhost");
    assert_eq!(
        by_cookie("POST", "/api/v1/cameras/main/restart", &[own]).status,
        202
    );
    let client = Client::new(server.address)
        .stranger()
        .header("Cookie", session);
    let watcher = Watcher::of(Parts::of(client.request("GET", "/stream")));
    watcher.more_parts(1);
    assert_eq!(by_cookie("DELETE", "/api/v1/session", &[]).status, 204);
    watcher.ends_well();
    assert_eq!(by_cookie("GET", "/api/v1/session", &[]).status, 401);
    server.stop();
}

fn socket(server: &Server, who: &str) -> WebSocket<std::net::TcpStream> {
    let request = tungstenite::http::Request::get(format!("ws://{}/ws", server.address))
        .header("Host", server.address.to_string())
        .header("Authorization", who)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .body(())
        .unwrap();
    tungstenite::client(request, Client::new(server.address).socket())
        .unwrap()
        .0
}

fn words(socket: &mut WebSocket<std::net::TcpStream>, kind: &str) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            let words: Value = serde_json::from_str(&text).unwrap();
            assert_ne!(words["camera"], "yard", "{words}");
            if words["type"] == kind {
                return words;
            }
        }
    }
}

#[test]
fn every_message_of_a_socket_asks_again_and_another_right_ends_it() {
    let mut server = setup().start();
    let id = add_user(&server, "kim", "viewer", &["main"]);
    let mut socket = socket(&server, &basic("kim"));
    let hello = words(&mut socket, "hello");
    assert_eq!(hello["cameras"].as_array().unwrap().len(), 1, "{hello}");
    for (message, is_allowed) in [
        (
            json!({"type": "control", "action": "zoom", "value": 2}),
            false,
        ),
        (
            json!({"type": "control", "camera": "yard", "action": "zoom", "value": 2}),
            false,
        ),
        (json!({"type": "control", "action": "reset"}), false),
        (json!({"type": "subscribe", "camera": "yard"}), false),
        (json!({"type": "subscribe"}), true),
        (json!({"type": "unsubscribe"}), true),
        (json!({"type": "clock"}), true),
    ] {
        socket.send(Message::text(message.to_string())).unwrap();
        let answer = words(&mut socket, "answer");
        assert_eq!(answer["ok"], is_allowed, "{message}: {answer}");
    }
    // Something happens on the other camera, and nobody here hears of it.
    stream(
        &server,
        Some(&basic("admin")),
        "/api/v1/cameras/yard/stream",
    )
    .more_parts(3);
    let rights = json!({"role": "operator", "cameras": ["main"]});
    assert_eq!(
        by_admin(&server, "PUT", &format!("/api/v1/users/{id}"), &rights).status,
        204
    );
    let end = loop {
        match socket.read() {
            Ok(Message::Close(frame)) => break frame.unwrap(),
            Ok(Message::Text(text)) => assert!(!text.contains("yard"), "{text}"),
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(
        (u16::from(end.code), end.reason.as_str()),
        (1008, "your rights have changed")
    );
    server.stop();
}

#[test]
fn what_is_open_ends_with_the_right_to_it() {
    let mut server = setup().start();
    let id = add_user(&server, "kim", "viewer", &["main"]);
    let of_kim = stream(&server, Some(&basic("kim")), "/stream");
    let (token, secret) = add_token(&server, "viewer", &["main"]);
    let of_token = stream(&server, None, &format!("/stream?token={secret}"));
    let link = |seconds: u32| {
        let link = json!({"camera": "main", "what": "stream", "expires_in_s": seconds});
        by_admin(&server, "POST", "/api/v1/links", &link).json()
    };
    let (long, short) = (link(600), link(1));
    let of = |link: &Value| {
        stream(
            &server,
            None,
            &format!("/{}", link["address"].as_str().unwrap()),
        )
    };
    let of_long = of(&long);
    let of_admin = stream(&server, Some(&basic("admin")), "/stream");
    for watcher in [&of_kim, &of_token, &of_long, &of_admin] {
        watcher.more_parts(1);
    }
    let gone =
        |path: String| assert_eq!(by_admin(&server, "DELETE", &path, &json!({})).status, 204);
    let rights = json!({"role": "viewer", "cameras": ["yard"]});
    assert_eq!(
        by_admin(&server, "PUT", &format!("/api/v1/users/{id}"), &rights).status,
        204
    );
    of_kim.ends_well();
    gone(format!("/api/v1/tokens/{token}"));
    of_token.ends_well();
    gone(format!("/api/v1/links/{}", long["id"]));
    of_long.ends_well();
    eventually("the end of a link by its time", || {
        let path = format!("/{}", short["address"].as_str().unwrap());
        (ask(&server, None, "GET", &path, None).status == 401).then_some(())
    });
    // The same from the command line, which is another process.
    let removed = run(&server, &["user", "remove", "kim"], "");
    assert!(
        removed.status.success(),
        "{}",
        String::from_utf8_lossy(&removed.stderr)
    );
    eventually("the end of an account", || {
        (ask(&server, Some(&basic("kim")), "GET", "/health", None).status == 200
            && ask(&server, Some(&basic("kim")), "GET", "/api/v1/cameras", None).status == 401)
            .then_some(())
    });
    of_admin.more_parts(5);
    let new = json!({"current": PASSWORD, "password": "another canary"});
    assert_eq!(
        by_admin(&server, "PUT", "/api/v1/account/password", &new).status,
        204
    );
    of_admin.ends_well();
    server.stop();
}

/// The program beside a running server, with something on its standard input.
pub(crate) fn run(server: &Server, args: &[&str], input: &str) -> Output {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_my-cctv-server"))
        .current_dir(server.path(""))
        .args(args)
        .args(["--set", "auth.database=accounts.db"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn secrets_are_shown_once_and_written_nowhere() {
    let mut server = setup().server("base_path", "/cam").start();
    let added = run(
        &server,
        &[
            "user", "add", "kim", "--role", "operator", "--camera", "main",
        ],
        "cli-canary-password\n",
    );
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let short = run(&server, &["user", "add", "lee"], "short\n");
    assert!(String::from_utf8_lossy(&short.stderr).contains("8 to 256 bytes"));
    let made = run(&server, &["token", "create", "vlc", "--camera", "main"], "");
    let token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert!(token.starts_with("cctv_"));
    eventually("the token of the command line", || {
        let path = format!("/snapshot?token={token}");
        (ask(&server, None, "GET", &path, None).status == 200).then_some(())
    });
    let (_, operator) = add_token(&server, "operator", &["main"]);
    let refused = ask(
        &server,
        None,
        "GET",
        &format!("/snapshot?token={operator}"),
        None,
    );
    assert_eq!(
        refused.status, 401,
        "an address is no place for more than a viewer's token"
    );
    stream(&server, None, &format!("/cam/stream?token={token}")).more_parts(1);
    let login = json!({"name": "admin", "password": "wrong-canary"});
    assert_eq!(
        ask(&server, None, "POST", "/api/v1/session", Some(&login)).status,
        401
    );
    let login = json!({"name": "admin", "password": PASSWORD});
    let reply = ask(&server, None, "POST", "/api/v1/session", Some(&login));
    let session = reply
        .header("Set-Cookie")
        .unwrap()
        .split(['=', ';'])
        .nth(1)
        .unwrap()
        .to_owned();
    let audit = eventually("the audit log", || {
        let text = ask(&server, Some(&basic("admin")), "GET", "/api/v1/audit", None).text();
        let has = |words: &str| text.contains(words);
        (has("login failed") && has("logged in") && has("watched") && has("POST /api/v1/tokens"))
            .then_some(text)
    });
    let lists: String = ["users", "tokens", "sessions", "links"]
        .iter()
        .map(|list| {
            ask(
                &server,
                Some(&basic("admin")),
                "GET",
                &format!("/api/v1/{list}"),
                None,
            )
            .text()
        })
        .collect();
    let cmdline = fs::read(format!("/proc/{}/cmdline", server.pid())).unwrap();
    server.stop();
    let log = server.log.to_end();
    let mut files = Vec::new();
    for name in ["accounts.db", "accounts.db-wal"] {
        files.extend(fs::read(server.path(name)).unwrap_or_default());
    }
    for canary in [
        PASSWORD,
        "wrong-canary",
        "cli-canary-password",
        &token,
        &operator,
        &session,
    ] {
        assert!(!log.contains(canary) && !audit.contains(canary) && !lists.contains(canary));
        for bytes in [&files, &cmdline] {
            assert!(
                !bytes
                    .windows(canary.len())
                    .any(|window| window == canary.as_bytes())
            );
        }
    }
    assert!(log.contains("a login failed"));
}

#[test]
fn without_login_everybody_is_a_viewer_and_it_is_said_aloud() {
    let mut server = Setup::with_source("test").start();
    server.log.message("LOGIN IS OFF");
    let nobody = |method: &str, path: &str| {
        let body = (method != "GET").then(|| json!({}));
        ask(&server, None, method, path, body.as_ref())
    };
    stream(&server, None, "/stream").more_parts(1);
    assert_eq!(nobody("GET", "/snapshot").status, 200);
    let session = nobody("GET", "/api/v1/session").json();
    assert_eq!(
        (&session["role"], &session["login"]),
        (&json!("viewer"), &json!(false))
    );
    for (method, path) in [
        ("POST", "/api/v1/cameras"),
        ("PATCH", "/api/v1/cameras/main/controls"),
        ("GET", "/api/v1/cameras/main/config"),
        ("GET", "/api/v1/viewers"),
        ("GET", "/api/v1/users"),
        ("GET", "/api/v1/audit"),
    ] {
        assert_eq!(nobody(method, path).status, 403, "{method} {path}");
    }
    server.stop();

    let mut server = Setup::with_source("test")
        .with_login()
        .env("ENABLE_AUTH", "false")
        .start();
    server.log.message("LOGIN IS OFF");
    stream(&server, None, "/stream").more_parts(1);
    assert!(
        !server.path("accounts.db").exists(),
        "nothing is kept of nobody"
    );
    server.stop();
}

#[test]
fn a_hundred_viewers_by_password_cost_one_calculation() {
    let mut server = setup().server("max_viewers", 200).start();
    assert_eq!(
        ask(&server, Some(&basic("admin")), "GET", "/health", None).status,
        200
    );
    let ticks = |server: &Server| -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    // Each guess is a calculation: what five of them cost, a hundred known logins must not.
    let before = ticks(&server);
    for n in 0..5 {
        let login = json!({"name": "admin", "password": format!("a guess {n}")});
        assert_eq!(
            ask(&server, None, "POST", "/api/v1/session", Some(&login)).status,
            401
        );
    }
    let guesses = ticks(&server) - before;
    let before = ticks(&server);
    for _ in 0..100 {
        assert_eq!(
            ask(&server, Some(&basic("admin")), "GET", "/health", None).status,
            200
        );
    }
    let known = ticks(&server) - before;
    assert!(
        known < guesses * 10,
        "a hundred known logins: {known} ticks, five guesses: {guesses}"
    );
    server.stop();
}

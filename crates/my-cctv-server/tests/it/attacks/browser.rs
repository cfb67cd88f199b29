//! 5, 6, 7: what a page of somebody else's can do through a browser that is logged in here.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use serde_json::json;
use tungstenite::{Message, WebSocket, handshake::client::generate_key};

use crate::{
    accounts::{PASSWORD, ROUTES, add_user, ask, basic, by_admin, setup},
    harness::{Client, Reply, Server, Setup, eventually, frames, pass},
};

/// Logs in as a browser does; the cookie.
pub(super) fn log_in(server: &Server, name: &str, password: &str) -> String {
    let login = json!({"name": name, "password": password});
    let reply = ask(server, None, "POST", "/api/v1/session", Some(&login));
    assert_eq!(reply.status, 200);
    let cookie = reply.header("Set-Cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// A request of a browser with this cookie and these headers.
pub(super) fn browse(
    server: &Server,
    cookie: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Reply {
    let client = Client::new(server.address)
        .stranger()
        .header("Cookie", cookie);
    let with = |client: Client, (name, value): &(&str, &str)| client.header(name, value);
    headers.iter().fold(client, with).request(method, path)
}

fn socket(
    server: &Server,
    cookie: &str,
    origin: &str,
) -> Result<WebSocket<std::net::TcpStream>, u16> {
    let request = tungstenite::http::Request::get(format!("ws://{}/ws", server.address))
        .header("Host", "localhost")
        .header("Cookie", cookie)
        .header("Origin", origin)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key())
        .body(())
        .unwrap();
    match tungstenite::client(request, Client::new(server.address).socket()) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_socket_ends_with_its_session() {
    let mut server = setup().start();
    let cookie = log_in(&server, "admin", PASSWORD);
    for origin in [
        "http://evil.example",
        "null",
        "http://localhost.evil.example",
    ] {
        assert_eq!(
            socket(&server, &cookie, origin).err(),
            Some(403),
            "{origin}"
        );
    }
    let stranger = socket(&server, "session=guessed", "http://localhost").err();
    assert_eq!(stranger, Some(401));
    let mut socket = socket(&server, &cookie, "http://localhost").unwrap();
    assert!(matches!(socket.read().unwrap(), Message::Text(_)));
    let own = [
        ("Origin", "http://localhost"),
        ("Content-Type", "application/json"),
    ];
    let reply = browse(&server, &cookie, "DELETE", "/api/v1/session", &own);
    assert_eq!(reply.status, 204);
    // Events may still come, but not for ever.
    let code = eventually("the end of the socket", || match socket.read() {
        Ok(Message::Close(frame)) => Some(frame.unwrap().code),
        Ok(_) => None,
        Err(error) => panic!("{error}"),
    });
    assert_eq!(u16::from(code), 1008);
    assert_eq!(browse(&server, &cookie, "GET", "/ws", &[]).status, 401);
    server.stop();
}

#[test]
fn a_foreign_page_changes_nothing_with_a_cookie() {
    let mut server = setup().start();
    let cookie = log_in(&server, "admin", PASSWORD);
    let before = browse(&server, &cookie, "GET", "/api/v1/cameras/main/config", &[]).text();
    let changing = ROUTES.iter().filter(|(method, ..)| *method != "GET");
    for (method, path, _) in changing {
        for headers in [
            &[("Origin", "http://evil.example")][..],
            &[("Origin", "null")],
            // A sandboxed frame, a neighbour on another port, a name that only begins like ours.
            &[("Origin", "http://localhost:81")],
            &[("Origin", "http://localhost.evil.example")],
            &[("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "same-site")],
        ] {
            for kind in [
                "application/json",
                "text/plain",
                "application/x-www-form-urlencoded",
            ] {
                let headers = [headers, &[("Content-Type", kind)]].concat();
                let status = browse(&server, &cookie, method, path, &headers).status;
                assert_eq!(status, 403, "{method} {path} {headers:?}");
            }
        }
        // A form of HTML can be sent with none of these, by an old browser: it cannot say that it is JSON.
        if *method == "POST" {
            let form = [("Content-Type", "text/plain"), ("Content-Length", "0")];
            let status = browse(&server, &cookie, method, path, &form).status;
            assert!(matches!(status, 404 | 415), "{path}: {status}");
        }
    }
    let after = browse(&server, &cookie, "GET", "/api/v1/cameras/main/config", &[]).text();
    assert_eq!(before, after);
    assert_eq!(
        browse(&server, &cookie, "GET", "/api/v1/session", &[]).status,
        200
    );
    // Another site may not have the browser log in as somebody else, either.
    let login = json!({"name": "admin", "password": PASSWORD});
    let foreign = Client::new(server.address)
        .stranger()
        .header("Origin", "http://evil.example")
        .json(&login)
        .request("POST", "/api/v1/session");
    assert_eq!((foreign.status, foreign.header("Set-Cookie")), (403, None));
    server.stop();
}

#[test]
fn no_answer_leads_elsewhere() {
    let mut server = setup().server("base_path", "/cam").start();
    let cookie = log_in(&server, "admin", PASSWORD);
    for path in [
        "/login?next=//evil.example",
        "/login?next=https:evil.example",
        "/login?next=\\\\evil.example",
        "/login?return_to=http://evil.example/",
        "/?next=//evil.example/",
        "/?action=stream&next=//evil.example",
        "/cam",
        "/cam?next=//evil.example",
        "/cam/?next=//evil.example",
        "/cam//evil.example",
        "/cam/%2f%2fevil.example",
        "//evil.example",
        "//evil.example/..",
        "//evil.example/cam",
        "///evil.example",
        "/\\evil.example",
        "/%5cevil.example",
        "/%2f%2fevil.example",
        "/%0d%0aLocation:%20http://evil.example",
        "/setup?next=//evil.example",
        "/stream?next=//evil.example",
    ] {
        for cookie in ["x=y", &cookie] {
            let more = [
                ("Accept", "text/html"),
                ("X-Forwarded-Host", "evil.example"),
                ("X-Original-URL", "//evil.example"),
                ("Referer", "http://evil.example/"),
            ];
            let reply = browse(&server, cookie, "GET", path, &more);
            // Relative to what was asked for, and nothing of it is the asker's.
            let place = reply.header("Location");
            assert!(
                matches!(place, None | Some("login" | "/cam/")),
                "{path}: {place:?}"
            );
            assert_eq!(reply.header("Refresh"), None);
        }
    }
    server.stop();
}

#[test]
fn texts_of_strangers_are_data() {
    let script = "<script>alert(1)</script>";
    let mut server = setup().start();
    let named = json!({"name": script});
    let reply = by_admin(&server, "PATCH", "/api/v1/cameras/main", &named);
    assert_eq!(reply.status, 200);
    add_user(&server, "<img src=x onerror=alert(1)>", "viewer", &["main"]);
    let preset = "/api/v1/cameras/main/presets/%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let reply = by_admin(&server, "PUT", preset, &json!({"gain": 2}));
    assert!(matches!(reply.status, 204 | 422));
    let login = json!({"name": script, "password": script});
    ask(&server, None, "POST", "/api/v1/session", Some(&login));
    let admin = basic("admin");
    let audit = || ask(&server, Some(&admin), "GET", "/api/v1/audit", None);
    eventually("the failed login", || {
        audit().text().contains("alert(1)").then_some(())
    });
    for path in [
        "/api/v1/cameras",
        "/api/v1/cameras/main/config",
        "/api/v1/cameras/main/presets",
        "/api/v1/users",
        "/api/v1/audit",
        "/api/v1/cameras/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/snapshot?width=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
        "/health?x=%3Cscript%3E",
    ] {
        let client = Client::new(server.address)
            .stranger()
            .header("Authorization", &admin)
            .header("Accept", "text/html");
        let reply = client.request("GET", path);
        let kind = reply.header("Content-Type").unwrap().to_owned();
        assert!(kind.contains("json"), "{path}: {kind}");
        assert_eq!(
            reply.header("X-Content-Type-Options"),
            Some("nosniff"),
            "{path}"
        );
        let policy = reply.header("Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    }
    let odd = Client::new(server.address).host(Some("<script>.example"));
    let reply = odd.request("GET", "/");
    assert_eq!(
        (reply.status, reply.header("Content-Type")),
        (421, Some("application/problem+json"))
    );
    // The page is the same whoever asks, with whatever.
    let page = |path: &str| ask(&server, Some(&admin), "GET", path, None).text();
    let plain = Setup::with_source("test").start();
    for path in ["/", "/login", "/setup"] {
        let asked = page(&format!("{path}?x={}", "%3Cscript%3E"));
        assert_eq!(asked, plain.get(path).text(), "{path}");
    }
    drop(plain);
    server.stop();
}

#[test]
fn a_picture_does_not_end_its_part() {
    // A camera that puts our own delimiter into its pictures, and behind it a page.
    let bytes = fs::read(frames()).unwrap();
    let mut splitter = media::jpeg::Splitter::new(8 << 20);
    splitter.extend(&bytes);
    let good = splitter.next_picture().unwrap().to_vec();
    let page = "\r\n--cctvframe\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>";
    let comment = [
        &[0xFF, 0xFE, 0, u8::try_from(page.len() + 2).unwrap()],
        page.as_bytes(),
    ];
    let evil = [&good[..2], &comment.concat(), &good[2..]].concat();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sent = good.clone();
    thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while socket.write_all(&[&evil[..], &sent].concat()).is_ok() {
                pass(Duration::from_millis(30));
            }
        }
    });
    let mut server = Setup::with_source(&format!("http://{address}/")).start();
    server.get("/snapshot");
    for path in [
        "/stream",
        "/?action=stream",
        "/stream?advance_headers=1",
        "/snapshot",
    ] {
        let reply = server.get(path);
        let policy = reply.header("Content-Security-Policy").unwrap().to_owned();
        assert!(
            policy.starts_with("sandbox; script-src 'none';"),
            "{policy}"
        );
        let mut bytes = Vec::new();
        let enough = 4 * good.len() as u64;
        let _ = reply.body.take(enough).read_to_end(&mut bytes);
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        assert!(has(&good[2..]), "{path}: the good ones come");
        assert!(!has(b"<script>") && !has(b"text/html"), "{path}");
    }
    server.log.message("the camera sent what is no picture");
    server.stop();
}

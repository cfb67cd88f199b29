//! Certificates from an authority: ordered, kept, renewed, and what is said when there is none.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::Duration,
};

use serde_json::json;

use crate::harness::{
    Client, Pebble, Scripted, Server, Setup, Watcher, openssl_says, pass, through_tunnel,
};

const NAME: &str = "door.example.org";
const TAKEN: &str = "a new certificate is in use; connections that are open go on";
const FAILED: &str = "no certificate from the authority; the one before stays in use";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Waits for an authority's certificate to be in use that is not `before`; its fingerprint.
fn given(server: &Server, before: &str) -> String {
    server.log.find("a certificate of the authority", |line| {
        let told = line.fields["fingerprint_sha256"].as_str()?;
        let is_it = line.fields["is_self_signed"] == false && told != before;
        is_it.then(|| told.to_owned())
    })
}

fn begin(address: SocketAddr, args: &[&str]) -> String {
    let address = address.to_string();
    openssl_says(&[&["s_client", "-connect", &address], args].concat())
}

#[test]
fn there_is_a_certificate_by_either_challenge() {
    for challenge in ["tls-alpn-01", "http-01"] {
        // The authority does not log in.
        let setup = Setup::camera_sim().with_login();
        let mut pebble = Pebble::stopped(&setup, 90 * 24 * 60 * 60);
        pebble.run_rejecting(5);
        let names = format!("{NAME} gate.example.org");
        let mut server = pebble.wanted_by(setup, &names, challenge).start();
        server.log.message(TAKEN);
        pebble.curl("gate.example.org", &[], "/health");
        let head = pebble.curl(NAME, &["-I"], "/health");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("Strict-Transport-Security"), "{head}");
        let issuer = pebble.issuer();
        let verified = ["-CAfile", issuer.to_str().unwrap(), "-verify_return_error"];
        let args = [
            &verified[..],
            &["-servername", NAME, "-verify_hostname", NAME],
        ]
        .concat();
        let said = begin(server.address, &args);
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert!(
            pebble
                .log
                .to_string()
                .contains("set VALID by completed challenge")
        );

        let folder = server.path("data/tls/acme");
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
        assert_eq!((mode(&folder), files.len()), (0o700, 3));
        for file in files {
            assert_eq!(mode(&file.path()), 0o600, "{file:?}");
        }
        // Now that nobody looks for an answer, there is none.
        let said = begin(
            server.address,
            &["-alpn", "acme-tls/1", "-servername", NAME],
        );
        assert!(!said.contains("BEGIN CERTIFICATE"), "{said}");
        for token in ["x", "", "../state.json", "%2e%2e/state.json"] {
            let path = format!("/.well-known/acme-challenge/{token}");
            assert_eq!(
                Client::new(pebble.plain()).request("GET", &path).status,
                308
            );
        }
        let log = server.log.to_string();
        assert!(!log.contains("PRIVATE KEY"), "{log}");
        server.stop();
    }
}

#[test]
fn what_was_given_is_kept_and_what_else_is_wanted_is_ordered() {
    let setup = Setup::camera_sim();
    let mut pebble = Pebble::start(&setup);
    let wanted = pebble.wanted_by(setup.clone(), NAME, "tls-alpn-01");
    let mut server = wanted.clone().start();
    let first = given(&server, "");
    server.stop();

    let mut server = wanted.clone().start();
    assert_eq!(given(&server, ""), first);
    // The authority was not even asked while a camera started and gave pictures.
    let address = through_tunnel(&mut server);
    Watcher::of(server.stream("/stream")).more_pictures(30);
    assert!(server.log.all("ordering a certificate").is_empty());
    pebble.orders(1);
    server.address = address;
    server.stop();

    // Another name; and the authority has forgotten the account.
    pebble.stop();
    pebble.run();
    let other = "gate.example.org";
    let keys = [("challenge", "http-01"), ("email", "me@example.org")];
    let mut server = pebble.wanted_with(setup.clone(), other, &keys).start();
    assert_eq!(
        server.log.message("certificate").fields["fingerprint_sha256"],
        first
    );
    given(&server, &first);
    pebble.curl(other, &[], "/health");
    pebble.says("There are now 1 accounts in memory");
    server.stop();
    let account = fs::read_to_string(setup.path("data/tls/acme/account.json")).unwrap();
    assert!(account.contains("me@example.org"));

    // Another address for mail alone is told with the next order, by the account that there is.
    let keys = [("challenge", "http-01"), ("email", "you@example.org")];
    let mut server = pebble.wanted_with(setup.clone(), NAME, &keys).start();
    let other = given(&server, "");
    let second = given(&server, &other);
    let account = fs::read_to_string(setup.path("data/tls/acme/account.json")).unwrap();
    assert!(account.contains("you@example.org"));
    assert!(!pebble.log.to_string().contains("There are now 2 accounts"));
    server.stop();

    // A file that is damaged is not ordered again at each start.
    let file = setup.path("data/tls/acme/certificate-and-key.pem");
    fs::write(&file, "garbage").unwrap();
    pebble.orders(2);
    for _ in 0..2 {
        let mut server = pebble.wanted_with(setup.clone(), NAME, &keys).start();
        server
            .log
            .message("the authority's certificate cannot be used");
        let line = server.log.message("no certificate from the authority yet");
        let next = line.fields["next_try_in"].as_str().unwrap();
        assert!(next == "23 h" || next == "24 h", "{next}");
        server.stop();
    }
    pebble.orders(2);
    // Without the folder all begins anew.
    fs::remove_dir_all(setup.path("data/tls/acme")).unwrap();
    let mut server = pebble.wanted_with(setup, NAME, &keys).start();
    given(&server, &second);
    server.stop();
}

#[test]
fn a_certificate_is_renewed_while_the_server_runs() {
    let setup = Setup::camera_sim();
    let pebble = Pebble::start_with(&setup, 24);
    let mut server = pebble.wanted_by(setup, NAME, "tls-alpn-01").start();
    let first = given(&server, "");
    let address = through_tunnel(&mut server);
    let watcher = Watcher::of(server.stream("/stream"));
    // A third of its time is left after sixteen seconds.
    pass(Duration::from_secs(12));
    assert_eq!(server.log.all(TAKEN).len(), 1);
    given(&server, &first);
    pebble.orders(2);
    watcher.more_pictures(3);
    server.address = address;
    let said = begin(server.address, &["-servername", NAME]);
    assert!(said.contains("Pebble Intermediate CA"), "{said}");
    assert!(
        server
            .log
            .all("the certificate comes to its end")
            .is_empty()
    );
    server.stop();
}

#[test]
fn an_authority_that_is_down_is_asked_later_and_nobody_waits_for_it() {
    let setup = Setup::camera_sim();
    let mut pebble = Pebble::stopped(&setup, 90 * 24 * 60 * 60);
    let mut server = pebble.wanted_by(setup, NAME, "tls-alpn-01").start();
    let line = server.log.message(FAILED);
    assert_eq!(line.level, "WARN");
    for want in ["cannot be reached: Connection refused", "DNS", "clock"] {
        assert!(line.raw.contains(want), "{}", line.raw);
    }
    assert_eq!(line.fields["next_try_in"], "5 s");
    let address = through_tunnel(&mut server);
    let reply = server.get("/health");
    assert_eq!(reply.status, 200);
    assert!(reply.header("Strict-Transport-Security").is_none());
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    pebble.run();
    server.log.message(TAKEN);
    let reply = server.get("/health");
    assert!(reply.header("Strict-Transport-Security").is_some());
    // Who was connected before still is.
    watcher.more_pictures(3);
    server.address = address;
    pebble.curl(NAME, &[], "/health");
    server.stop();
}

#[test]
fn a_refusal_is_one_line_and_the_authority_is_left_alone() {
    let setup = Setup::camera_sim();
    let pebble = Pebble::start(&setup);
    // The authority looks at another port.
    let wanted = pebble.wanted_by(setup.clone(), NAME, "tls-alpn-01");
    let wrong = wanted.clone().server("port", 24_444);
    let mut server = wrong.clone().start();
    let line = server.log.message(FAILED);
    for want in [
        "the authority refuses door.example.org",
        "port 443 of door.example.org has to lead to this server's `server.port`",
        "tls-alpn-01",
    ] {
        assert!(line.raw.contains(want), "`{want}`: {}", line.raw);
    }
    assert_eq!(
        (&*line.level, &line.fields["next_try_in"]),
        ("WARN", &json!("10 min"))
    );
    server.stop();
    assert_eq!(server.log.all(FAILED).len(), 1);

    for _ in 0..3 {
        let mut server = wrong.clone().start();
        server.log.message("no certificate from the authority yet");
        server.stop();
        assert!(server.log.all("ordering a certificate").is_empty());
    }
    pebble.orders(1);
    // Killed in the middle of a try, it counts as well.
    let state = setup.path("data/tls/acme/state.json");
    let before = fs::read_to_string(&state).unwrap();
    fs::write(&state, before.replace("\"pause_s\":600", "\"pause_s\":0")).unwrap();
    let server = wrong.clone().start();
    server.log.message("ordering a certificate");
    drop(server);
    let mut server = wrong.start();
    let line = server.log.message("no certificate from the authority yet");
    assert!(
        line.fields["next_try_in"]
            .as_str()
            .unwrap()
            .ends_with(" min"),
        "{}",
        line.raw
    );
    server.stop();

    // Who changes what is wanted need not wait.
    let mut server = pebble.wanted_by(setup, NAME, "http-01").start();
    server.log.message(TAKEN);
    pebble.curl(NAME, &[], "/health");
    server.stop();
}

#[test]
fn what_cannot_be_kept_is_not_ordered() {
    let setup = Setup::camera_sim();
    fs::write(setup.path("data"), "in the way").unwrap();
    let pebble = Pebble::start(&setup);
    let mut server = pebble.wanted_by(setup, NAME, "tls-alpn-01").start();
    let line = server.log.message(FAILED);
    assert!(line.raw.contains("server.data_dir"), "{}", line.raw);
    let address = through_tunnel(&mut server);
    assert_eq!(server.get("/health").status, 200);
    server.address = address;
    assert!(!pebble.log.to_string().contains("GET /dir"));
    server.stop();
}

#[test]
fn a_root_certificate_that_is_none_is_refused_at_the_start() {
    let setup = Setup::camera_sim();
    let pebble = Pebble::stopped(&setup, 1);
    let garbage = setup.path("garbage.pem");
    fs::write(&garbage, "garbage").unwrap();
    for (file, want) in [
        (garbage, "there is no certificate in it"),
        (setup.path("missing.pem"), "cannot be read: No such file"),
    ] {
        let keys = [("root_certificate", file.to_str().unwrap())];
        let output = pebble
            .wanted_with(setup.clone(), NAME, &keys)
            .serve()
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(want) && said.contains("server.tls"), "{said}");
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn hostile_answers_are_bounded_and_said_in_words() {
    let problem = |kind: &str, detail: &str| {
        let kind = format!("urn:ietf:params:acme:error:{kind}");
        json!({"type": kind, "detail": detail})
            .to_string()
            .into_bytes()
    };
    let long = format!("a\n\u{1b}[31m{}", "x".repeat(100_000));
    let endless = [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec(),
        vec![b'['; 64 << 20],
    ];
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n";
    let later = "Retry-After: 18446744073709551615\r\n";
    let elsewhere = "Location: http://127.0.0.1:1/dir\r\n";
    let cases: Vec<(Vec<u8>, &[&str], &str)> = vec![
        (
            http("200 OK", "", b"{"),
            &["is `server.tls.acme.directory`"],
            "10 min",
        ),
        (
            http("200 OK", "", b"\xff\xfe\x00"),
            &["cannot be used"],
            "10 min",
        ),
        (
            http("404 Not Found", "", b"<html>"),
            &["HTTP status 404"],
            "10 min",
        ),
        (
            http("503 Service Unavailable", later, b"<html>"),
            &["status 503"],
            "24 h",
        ),
        (
            http(
                "429 Too Many Requests",
                "Retry-After: 7200\r\n",
                &problem("rateLimited", "slow down"),
            ),
            &["slow down", "too many orders"],
            "2 h",
        ),
        (
            http("308 Permanent Redirect", elsewhere, b""),
            &["cannot be used"],
            "10 min",
        ),
        (
            http(
                "500 Internal Server Error",
                "",
                &problem("serverInternal", &long),
            ),
            &["xxx…"],
            "10 min",
        ),
        (endless.concat(), &["larger than 256 KiB"], "10 min"),
        (
            http("200 OK", "", &vec![b' '; 300_000]),
            &["larger than 256 KiB"],
            "10 min",
        ),
        (chunked.to_vec(), &["the connection broke"], "10 min"),
        (
            b"SSH-2.0-OpenSSH\r\n".to_vec(),
            &["the connection broke"],
            "10 min",
        ),
        (vec![], &["the connection broke"], "10 min"),
    ];
    for (answer, words, next) in cases {
        let setup = Setup::camera_sim();
        let pebble = Pebble::stopped(&setup, 1);
        let directory = move |_: &str, path: &str| match path {
            // Whatever is asked in vain for the directory's address comes here.
            "/dir" => answer.clone(),
            _ => vec![],
        };
        let scripted = Scripted::start(pebble.directory(), pebble.pair(), directory);
        let mut server = pebble.wanted_by(setup, NAME, "http-01").start();
        let line = server.log.message(FAILED);
        for want in words {
            assert!(line.raw.contains(want), "`{want}`: {}", line.raw);
        }
        assert!(line.raw.len() < 1500, "{}", line.raw);
        assert_eq!(line.fields["next_try_in"], next, "{}", line.raw);
        assert!(
            !line.fields["trouble"]
                .as_str()
                .unwrap()
                .contains(char::is_control)
        );
        assert!(scripted.asked().iter().all(|asked| asked == "GET /dir"));
        assert!(
            server.peak_rss_kib() < 60 * 1024,
            "{} KiB",
            server.peak_rss_kib()
        );
        let address = through_tunnel(&mut server);
        assert_eq!(server.get("/health").status, 200);
        server.address = address;
        server.stop();
    }
}

#[test]
fn an_authority_leads_nobody_astray() {
    let authorization = |name: &str, token: &str| {
        json!({
            "status": "pending",
            "identifier": {"type": "dns", "value": name},
            "challenges": [{"type": "http-01", "status": "pending", "url": "URL/chal", "token": token}],
        })
    };
    let cases = [
        ("", authorization(NAME, "t"), "no nonce found"),
        (
            "Replay-Nonce: n\r\n",
            authorization("victim.example.org", "t"),
            "nobody asked it for",
        ),
        (
            "Replay-Nonce: n\r\n",
            authorization(NAME, "../../../etc/passwd"),
            "its token is none",
        ),
        (
            "Replay-Nonce: n\r\n",
            json!({"status": "revoked", "identifier": {"type": "dns", "value": NAME}, "challenges": []}),
            "Revoked already",
        ),
        (
            "Replay-Nonce: n\r\n",
            json!({"status": "pending", "identifier": {"type": "dns", "value": NAME}, "challenges": []}),
            "it has no challenge http-01 for door.example.org",
        ),
    ];
    for (nonce, authorization, want) in cases {
        let setup = Setup::camera_sim();
        let pebble = Pebble::stopped(&setup, 1);
        let url = format!("https://{}", pebble.directory());
        let directory = json!({
            "newNonce": format!("{url}/nonce"),
            "newAccount": format!("{url}/account"),
            "newOrder": format!("{url}/order"),
        });
        let order = json!({
            "status": "pending",
            "authorizations": [format!("{url}/authorization")],
            "finalize": format!("{url}/finalize"),
        });
        let answer = move |_: &str, path: &str| {
            let headers = format!("{nonce}Location: {url}/1\r\n");
            let body = match path {
                "/dir" => &directory,
                "/order" => &order,
                "/authorization" => &authorization,
                _ => return http("200 OK", &headers, b""),
            };
            http("200 OK", &headers, body.to_string().as_bytes())
        };
        let scripted = Scripted::start(pebble.directory(), pebble.pair(), answer);
        let mut server = pebble.wanted_by(setup, NAME, "http-01").start();
        let line = server.log.message(FAILED);
        assert!(line.raw.contains(want), "`{want}`: {}", line.raw);
        assert!(!scripted.asked().iter().any(|asked| asked.contains("/chal")));
        server.stop();
    }
}

#[test]
fn an_authority_that_says_nothing_is_not_waited_for() {
    let setup = Setup::camera_sim();
    let pebble = Pebble::stopped(&setup, 1);
    // The system takes the connections, and nobody speaks on them.
    let _silent = TcpListener::bind(pebble.directory()).unwrap();
    let mut server = pebble.wanted_by(setup.clone(), NAME, "tls-alpn-01").start();
    server.log.message("ordering a certificate");
    // It is no hindrance to an end in good order,
    server.stop();
    // nor to anything else.
    let state = setup.path("data/tls/acme/state.json");
    fs::remove_file(&state).unwrap();
    let mut server = pebble.wanted_by(setup, NAME, "tls-alpn-01").start();
    server.log.message("ordering a certificate");
    let address = through_tunnel(&mut server);
    Watcher::of(server.stream("/stream")).more_pictures(3);
    pass(Duration::from_secs(25));
    let line = server.log.message(FAILED);
    assert!(line.raw.contains("no answer within 30 s"), "{}", line.raw);
    assert_eq!(line.fields["next_try_in"], "10 min");
    server.address = address;
    server.stop();
}

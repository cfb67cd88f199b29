//! 10: secrets are planted wherever one can be, everything is done that the server can do, and then it is all searched.

use std::{
    fs,
    io::Read as _,
    net::TcpStream,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use toml::Value as Toml;

use super::guessing::code;
use crate::{
    accounts::run,
    harness::{Client, Pair, Server, Setup, eventually, script, sibling, through_tunnel, with_tls},
};

/// Something that must not be found, and what it is.
struct Canary {
    what: &'static str,
    text: String,
}

/// What was planted so far.
#[derive(Default)]
struct Canaries(Vec<Canary>);

impl Canaries {
    /// A secret that nothing else has in it.
    fn plant(&mut self, what: &'static str) -> String {
        let text = format!("canary{}of{}", 70_001 + 7 * self.0.len(), self.0.len());
        self.add(what, &text);
        text
    }

    /// One that was made elsewhere.
    fn add(&mut self, what: &'static str, text: &str) {
        assert!(text.len() > 10, "{what}");
        let text = text.to_owned();
        self.0.push(Canary { what, text });
    }

    /// None of them is in here, plain or as Base64 or hexadecimal digits.
    fn are_not_in(&self, place: &str, bytes: &[u8]) {
        self.are_not_in_but(place, bytes, &[]);
    }

    fn are_not_in_but(&self, place: &str, bytes: &[u8], allowed: &[&str]) {
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        for Canary { what, text } in &self.0 {
            if allowed.contains(what) {
                continue;
            }
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!has(text.as_bytes()), "{what} is in {place}");
            assert!(
                !has(hex.as_bytes()),
                "{what} is in {place}, in hexadecimal digits"
            );
            // Base64 of it looks in one of three ways, by where it begins; its ends depend on what is around it.
            for shift in 0..3 {
                let shifted = [&b"\0\0"[..shift], text.as_bytes()].concat();
                let coded = base64(&shifted);
                let whole = &coded[4..coded.len() - 4];
                assert!(!has(whole.as_bytes()), "{what} is in {place}, as Base64");
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let n = (0..3).fold(0, |n, i| n << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..4 {
            let digit = DIGITS[(n >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// Everything an answer has in it, head and all. A stream is looked at for a moment.
fn whole(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let mut socket: TcpStream = Client::new(server.address).socket();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    use std::io::Write as _;
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = (&socket).take(200_000).read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1."), "{method} {path}");
    answer
}

/// The value behind `"key":"`.
fn value(answer: &[u8], key: &str) -> String {
    let text = String::from_utf8_lossy(answer).into_owned();
    let begin = format!("\"{key}\":\"");
    let (_, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{key}: {text}"));
    rest.split('"').next().unwrap().to_owned()
}

/// Every process that was started by the server, and the server.
fn family(server: &Server) -> Vec<i32> {
    let mut found = vec![server.pid()];
    let mut at = 0;
    while at < found.len() {
        let tasks = fs::read_dir(format!("/proc/{}/task", found[at]));
        for task in tasks.into_iter().flatten().map_while(Result::ok) {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .map(|pid| pid.parse::<i32>().unwrap()),
            );
        }
        at += 1;
    }
    found
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map_while(Result::ok) {
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// How the administrator's password is given.
#[derive(Clone, Copy, PartialEq)]
enum Given {
    InEnvironment,
    InFile,
}

#[test]
fn planted_secrets_are_found_nowhere() {
    for given in [Given::InEnvironment, Given::InFile] {
        search(given);
    }
}

fn search(given: Given) {
    let mut canaries = Canaries::default();
    let admin = canaries.plant("the administrator's password");
    let source = canaries.plant("a password in a camera's address");
    let key = canaries.plant("a key in a camera's address");
    let through_api = canaries.plant("a password in an address from the API");

    // A camera program that tells everybody all it knows, and fails after a while.
    let setup = Setup::camera_sim().with_login();
    let sim = sibling("camera-sim", "cargo build -p camera-sim");
    let program = setup.path("talker");
    let text = format!(
        "#!/bin/sh\nenv >&2\necho \"$0\" \"$@\" >&2\ntr '\\0' ' ' < /proc/$PPID/cmdline >&2\nexec {} \"$@\"\n",
        sim.display()
    );
    script(&program, &text);
    let setup = setup.camera("program", program.to_str().unwrap());
    let mut setup = with_tls(setup, &[])
        .server("data_dir", "data")
        .server("snapshot_timeout_s", 1)
        .another_camera(
            "net",
            &format!("http://me:{source}@127.0.0.1:1/x?key={key}"),
        )
        .another_camera(
            "rtsp",
            &format!("rtsp://me:{source}@127.0.0.1:1/x?key={key}"),
        )
        .env("CCTV_LOG__LEVEL", "trace")
        .env("CCTV_LOG__DIR", "logs");
    // One key in a file of the operator's; one that the server makes itself is looked at below.
    if given == Given::InFile {
        let file = setup.path("password");
        fs::write(&file, format!("{admin}\n")).unwrap();
        setup = setup.env("ADMIN_PASSWORD_FILE", file);
        let pair = Pair::make(&setup.path(""), "own", 30, None);
        let keys = [
            (
                "certificate",
                Toml::from(pair.certificate.to_str().unwrap()),
            ),
            ("key", Toml::from(pair.key.to_str().unwrap())),
        ];
        setup = with_tls(setup, &keys);
    } else {
        setup = setup.env("ADMIN_PASSWORD", &admin);
    }
    let operators: Vec<PathBuf> = ["password", "own.key", "test.toml"]
        .iter()
        .map(|name| setup.path(name))
        .collect();
    let check = setup.clone();
    let mut server = setup.start();
    through_tunnel(&mut server);
    let key_file = match given {
        Given::InFile => server.path("own.key"),
        Given::InEnvironment => {
            let mut inside = Vec::new();
            files(&server.path("data/tls"), &mut inside);
            let has_key =
                |path: &PathBuf| fs::read_to_string(path).unwrap().contains("PRIVATE KEY");
            inside.into_iter().find(has_key).expect("a key of its own")
        }
    };
    let pem = fs::read_to_string(&key_file).unwrap();
    let lines: Vec<&str> = pem
        .split("PRIVATE KEY-----")
        .nth(1)
        .unwrap()
        .lines()
        .collect();
    let line = lines.iter().rfind(|line| line.len() >= 32).unwrap();
    canaries.add("the key of the certificate", line);

    // Everything that can be done, by everybody, with every kind of secret.
    let mut answers = Vec::new();
    let session_of = |answer: &[u8]| {
        let text = String::from_utf8_lossy(answer).into_owned();
        let (_, rest) = text
            .split_once("-session=")
            .unwrap_or_else(|| panic!("{text}"));
        rest.split(';').next().unwrap().to_owned()
    };
    let login = |name: &str, password: &str| {
        let body = json!({"name": name, "password": password}).to_string();
        whole(&server, "POST", "/api/v1/session", "", &body)
    };
    let wrong = canaries.plant("a wrong password");
    answers.push(login("admin", &wrong));
    answers.push(login(&wrong[..6], &wrong));
    let session = session_of(&login("admin", &admin));
    canaries.add("a session", &session);
    let cookie = format!("Cookie: __Host-session={session}\r\n");
    let by = |headers: &str, method: &str, path: &str, body: &Value| {
        whole(&server, method, path, headers, &body.to_string())
    };
    let none = json!({});
    let kim = canaries.plant("a user's password");
    let user = json!({"name": "kim", "password": kim, "role": "operator", "cameras": ["main"]});
    answers.push(by(&cookie, "POST", "/api/v1/users", &user));
    let short = canaries.plant("a password that is too long");
    let user = json!({"name": "lee", "password": short.repeat(30), "role": "viewer"});
    answers.push(by(&cookie, "POST", "/api/v1/users", &user));
    let basic = format!(
        "Authorization: Basic {}\r\n",
        base64(format!("kim:{kim}").as_bytes())
    );
    let token = json!({"name": "vlc", "role": "viewer", "cameras": ["main"]});
    let token = value(&by(&cookie, "POST", "/api/v1/tokens", &token), "secret");
    canaries.add("a token", &token);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let link = json!({"camera": "main", "what": "stream", "expires_in_s": 600});
    let link = value(&by(&cookie, "POST", "/api/v1/links", &link), "address");
    canaries.add("a link", link.split_once("link=").unwrap().1);
    let camera = json!({"id": "api", "source": format!("rtsp://me:{through_api}@127.0.0.1:1/x")});
    answers.push(by(&cookie, "POST", "/api/v1/cameras", &camera));
    let bad = json!({"id": "bad", "source": format!("http://me:{through_api}@/x")});
    answers.push(by(&cookie, "POST", "/api/v1/cameras", &bad));
    let bad = json!({"id": "bad", "source": format!("rtsps://me:{through_api}@host/x")});
    answers.push(by(&cookie, "POST", "/api/v1/cameras", &bad));
    let next = canaries.plant("another password");
    let change = json!({"current": wrong, "password": next});
    answers.push(by(&cookie, "PUT", "/api/v1/account/password", &change));
    let change = json!({"current": kim, "password": next});
    answers.push(by(&basic, "PUT", "/api/v1/account/password", &change));
    for stream in [
        format!("/stream?token={token}"),
        format!("/snapshot?token={token}"),
        format!("/api/v1/cameras/main/stream?token={token}"),
        format!("/?action=stream&token={token}"),
        format!("/ws?token={token}"),
        format!("/api/v1/cameras?token={token}&camera=x"),
        format!("/nothing?token={token}"),
        format!("/stream?token={token}x"),
        format!("/stream?token={wrong}"),
        format!("/stream?link={wrong}"),
        format!("/{link}"),
        format!("/{link}&width=x"),
    ] {
        answers.push(by("", "GET", &stream, &none));
    }
    for header in [
        format!("Cookie: __Host-session={wrong}\r\n"),
        format!("Authorization: Bearer {wrong}\r\n"),
        format!("Authorization: Basic {}\r\n", base64(wrong.as_bytes())),
        format!("Authorization: {wrong}\r\n"),
        format!("X-Forwarded-For: {wrong}\r\nAuthorization: Bearer {token}\r\n"),
    ] {
        answers.push(by(&header, "GET", "/api/v1/cameras", &none));
    }
    let setup_code = json!({"code": wrong, "name": "x", "password": wrong});
    answers.push(by("", "POST", "/api/v1/setup", &setup_code));
    answers.push(whole(
        &server,
        "POST",
        "/api/v1/session",
        "",
        &format!("{{\"name\": \"{wrong}"),
    ));
    let odd = json!({"name": "admin", "passwort": admin});
    answers.push(by("", "POST", "/api/v1/session", &odd));
    let odd = json!({"name": "admin", "password": [admin]});
    answers.push(by("", "POST", "/api/v1/session", &odd));
    // Cameras that fail, and their words.
    for camera in ["main", "net", "rtsp", "api"] {
        let path = format!("/api/v1/cameras/{camera}/snapshot");
        answers.push(by(&cookie, "GET", &path, &none));
    }
    let failing = server_stream(&server, &bearer);
    server.fault("exit:255:no more");
    eventually("an incident of the camera that talks", || {
        let said = by(&cookie, "GET", "/api/v1/cameras/main/incidents", &none);
        let text = String::from_utf8_lossy(&said).into_owned();
        text.contains("no more").then_some(())
    });
    drop(failing);
    // What is kept of the log, and what an administrator is shown of it.
    let tail = by(&cookie, "GET", "/api/v1/logs?lines=2000", &none);
    assert!(String::from_utf8_lossy(&tail).contains("camera program started"));
    answers.push(tail);
    assert!(server.path("logs").is_dir(), "searched below");
    server.fault("heal");
    server.signal(Signal::HUP);
    for path in [
        "/",
        "/login",
        "/setup",
        "/health",
        "/metrics",
        "/ws",
        "/api-docs/openapi.json",
        "/api/v1/cameras",
        "/api/v1/incidents",
        "/api/v1/viewers",
        "/api/v1/session",
        "/api/v1/sessions",
        "/api/v1/users",
        "/api/v1/tokens",
        "/api/v1/links",
        "/api/v1/audit",
        "/api/v1/stats",
        "/api/v1/config",
    ] {
        for headers in ["", &*cookie, &*bearer, &*basic] {
            answers.push(by(headers, "GET", path, &none));
        }
    }
    for camera in ["main", "net", "rtsp", "api"] {
        for part in ["", "/config", "/controls", "/presets", "/incidents"] {
            let path = format!("/api/v1/cameras/{camera}{part}");
            answers.push(by(&cookie, "GET", &path, &none));
        }
    }
    for (n, answer) in answers.iter().enumerate() {
        let first = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        canaries.are_not_in(&format!("answer {n}, {first}"), answer);
    }

    // Processes.
    let _watching = TcpStream::connect(server.address);
    let watcher = server_stream(&server, &bearer);
    let programs = eventually("a camera program", || {
        Some(family(&server)).filter(|pids| pids.len() > 1)
    });
    for pid in &programs {
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        canaries.are_not_in("arguments", &cmdline);
    }
    for pid in &programs[1..] {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        canaries.are_not_in("a camera program's environment", &environ);
        let text = String::from_utf8_lossy(&environ).into_owned();
        assert!(
            !text.contains("ADMIN_PASSWORD") && !text.contains("CCTV_"),
            "{text}"
        );
    }
    // Files that are open lie in our folder, or are no files.
    let dir = server.path("").canonicalize().unwrap();
    for open in fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap() {
        let Ok(target) = fs::read_link(open.unwrap().path()) else {
            continue;
        };
        let text = target.display().to_string();
        assert!(
            target.starts_with(&dir) || !text.starts_with('/') || text.starts_with("/dev/"),
            "{text}"
        );
    }
    drop(watcher);

    // What the command line prints.
    for args in [&["user", "list"][..], &["token", "list"]] {
        let output = run(&server, args, "");
        canaries.are_not_in("a list at the command line", &output.stdout);
        canaries.are_not_in("a list at the command line", &output.stderr);
    }
    let output = check.run(&["check", "--config", "test.toml"]);
    let said = [output.stdout, output.stderr].concat();
    assert!(String::from_utf8_lossy(&said).contains("no errors"));
    canaries.are_not_in("what `check` says", &said);
    server.stop();

    let log = server.log.to_end();
    assert!(
        log.contains("\"DEBUG\"") && log.contains("CAMERA_SIM_"),
        "it is a talkative log"
    );
    canaries.are_not_in("the log", log.as_bytes());

    // Files: what the server made is the owner's alone, and has in it only what it has to.
    let mut all = Vec::new();
    files(&dir, &mut all);
    let own = ["accounts.db", "accounts.db-wal", "accounts.db-shm"];
    let mut seen = 0;
    for path in all {
        if operators.contains(&path) {
            continue;
        }
        let name = path
            .strip_prefix(&dir)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let is_ours =
            own.contains(&&*name) || name.starts_with("data/") || name.starts_with("logs/");
        let facts = fs::metadata(&path).unwrap();
        let allowed: &[&str] = match &*name {
            "data/cameras.json" => &["a password in an address from the API"],
            _ if path == key_file => &["the key of the certificate"],
            _ => &[],
        };
        canaries.are_not_in_but(&name, &fs::read(&path).unwrap(), allowed);
        let is_public = facts.permissions().mode() & 0o077 != 0;
        let may_be_public = name.ends_with(".crt") || name.ends_with("certificate.pem");
        if is_ours {
            seen += 1;
            assert!(!is_public || may_be_public, "{name}: {:o}", facts.mode());
        }
    }
    assert!(seen >= 2, "accounts and cameras");
}

fn server_stream(server: &Server, bearer: &str) -> TcpStream {
    use std::io::Write as _;
    let mut socket = Client::new(server.address).socket();
    let request = format!("GET /stream HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    socket.read_exact(&mut [0; 1000]).unwrap();
    socket
}

#[test]
fn the_code_of_the_first_run_is_in_the_log_and_nowhere_else() {
    let mut server = Setup::camera_sim()
        .with_login()
        .env("CCTV_LOG__LEVEL", "trace")
        .env("CCTV_LOG__DIR", "logs")
        .start();
    let code = code(&server);
    let mut canaries = Canaries::default();
    canaries.add("the code", &code);
    for path in [
        "/",
        "/setup",
        "/health",
        "/api/v1/session",
        "/stream",
        "/api/v1/cameras",
    ] {
        canaries.are_not_in(path, &whole(&server, "GET", path, "", ""));
        canaries.are_not_in(
            path,
            &whole(&server, "GET", path, "Accept: text/html\r\n", ""),
        );
    }
    let wrong = json!({"code": "x", "name": "admin", "password": "a password"}).to_string();
    let answer = whole(&server, "POST", "/api/v1/setup", "", &wrong);
    canaries.are_not_in("a refusal", &answer);
    let right = json!({"code": code, "name": "admin", "password": "a password"}).to_string();
    let answer = whole(&server, "POST", "/api/v1/setup", "", &right);
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    canaries.are_not_in("the answer to it", &answer);
    for name in ["accounts.db", "accounts.db-wal"] {
        canaries.are_not_in(name, &fs::read(server.path(name)).unwrap_or_default());
    }
    server.stop();
    assert_eq!(server.log.to_end().matches(&code).count(), 1);
    // The line is there, without it.
    let mut kept = Vec::new();
    files(&server.path("logs"), &mut kept);
    let kept = fs::read_to_string(&kept[0]).unwrap();
    assert!(kept.contains("#code=***") && !kept.contains(&code));
}

#[test]
fn errors_of_the_configuration_show_no_secret() {
    let setup = Setup::with_source("test");
    let mut canaries = Canaries::default();
    let secret = canaries.plant("a password in a camera's address");
    for text in [
        format!("[[camera]]\nsource = \"rtsp://me:{secret}@/1\"\n"),
        format!("[[camera]]\nsource = \"rtsps://me:{secret}@host/1\"\n"),
        format!("[[camera]]\nsource = \"http://me:{secret}@ host/1\"\n"),
        format!("[[camera]]\nsource = \"rtsp:me:{secret}\"\n"),
        format!("[[camera]]\nsource = \"rtsp://me:{secret}@host/1\n"),
        format!("[[camera]]\nsource = \"rtsp://me:{secret}@host/1\" x\n"),
        format!("[[camera]]\nsource = \"rtsp://me:{secret}@host/1\"\nwidth = \"x\"\n"),
        format!("[[camera]]\nsource = [\"rtsp://me:{secret}@host/1\"]\n"),
        format!("[[camera]]\nurl = \"rtsp://me:{secret}@host/1\"\n"),
        format!("[auth]\npassword = \"{secret}\"\n"),
    ] {
        fs::write(setup.path("config.toml"), &text).unwrap();
        for command in ["check", "serve"] {
            let output = setup.run(&[command]);
            let said = [output.stdout, output.stderr].concat();
            let shown = String::from_utf8_lossy(&said).into_owned();
            assert!(!output.status.success(), "{text}: {shown}");
            assert!(shown.contains("config.toml"), "{shown}");
            canaries.are_not_in(&shown, &said);
        }
    }
    fs::remove_file(setup.path("config.toml")).unwrap();
    let setup = setup.env("CCTV_AUTH__PASSWORD", &secret);
    let output = setup.run(&["check"]);
    assert!(!output.status.success());
    canaries.are_not_in("an unknown variable", &output.stderr);
}

//! 8, 9: guessing, and what a stolen database is worth.

use std::{process::Command, thread, time::Instant};

use serde_json::{Value, json};

use super::browser::{browse, log_in};
use crate::{
    accounts::{PASSWORD, add_token, ask, basic, by_admin, setup},
    harness::{Client, Reply, Server, Setup, Watcher, eventually},
};

fn login_at(own: &str, server: &Server, name: &str, password: &str) -> Reply {
    Client::at(own, server.address)
        .stranger()
        .json(&json!({"name": name, "password": password}))
        .request("POST", "/api/v1/session")
}

#[test]
fn guesses_have_to_wait_and_the_owner_elsewhere_does_not() {
    let mut server = setup().start();
    // Other letters are no other account, and an invented client in front is no other address.
    let spellings = ["admin", "Admin", "ADMIN", "aDmin", "admIn"];
    let mut waits = Vec::new();
    for n in 0..10 {
        let reply = Client::at("127.0.0.2", server.address)
            .stranger()
            .header("X-Forwarded-For", &format!("198.51.100.{n}"))
            .header("X-Real-IP", &format!("198.51.100.{n}"))
            .header("Forwarded", &format!("for=198.51.100.{n}"))
            .json(&json!({"name": spellings[n % 5], "password": format!("a guess {n}")}))
            .request("POST", "/api/v1/session");
        match reply.status {
            401 => assert!(waits.is_empty() || n < 9, "guess {n}"),
            429 => waits.push(reply.header("Retry-After").unwrap().to_owned()),
            other => panic!("{other}"),
        }
    }
    assert!(!waits.is_empty(), "ten guesses without a wait");
    // The right password waits as well there, or a guess would be told from it. Basic is no other way in.
    let held = (0..20).find_map(|_| {
        let reply = login_at("127.0.0.2", &server, "admin", "one more guess");
        (reply.status == 429).then_some(())
    });
    assert!(held.is_some());
    let reply = Client::at("127.0.0.2", server.address)
        .stranger()
        .header("Authorization", &basic("admin"))
        .request("GET", "/api/v1/cameras");
    assert!(matches!(reply.status, 401 | 429), "{}", reply.status);
    // The owner is elsewhere.
    assert_eq!(
        login_at("127.0.0.1", &server, "admin", PASSWORD).status,
        200
    );
    server.stop();
}

/// Milliseconds of one wrong login from an address that nobody else has.
fn wrong_login_ms(server: &Server, n: usize, name: &str) -> (u16, String, f64) {
    let own = format!("127.1.{}.{}", n / 200, 1 + n % 200);
    let begin = Instant::now();
    let reply = login_at(&own, server, name, "not the password");
    let status = reply.status;
    let mut told: Value = serde_json::from_str(&reply.text()).unwrap();
    // Each request has a name of its own.
    told["request_id"].take();
    let text = told.to_string();
    (status, text, begin.elapsed().as_secs_f64() * 1000.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn names_are_told_neither_by_text_nor_by_time() {
    let mut server = setup().start();
    let mut told = None;
    // What a name gives away it gives away every time; a busy machine, only now and then.
    let mut ratios = Vec::new();
    for round in 0..4 {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for n in 0..12 {
            let n = round * 24 + 2 * n;
            for (list, n, name) in [(&mut known, n, "admin"), (&mut unknown, n + 1, "nobody")] {
                let (status, text, ms) = wrong_login_ms(&server, n, name);
                assert_eq!(status, 401);
                let first = told.get_or_insert_with(|| text.clone());
                assert_eq!(*first, text);
                list.push(ms);
            }
        }
        ratios.push(median(known) / median(unknown));
        if ratios
            .last()
            .is_some_and(|ratio| (0.7..1.4).contains(ratio))
        {
            server.stop();
            return;
        }
    }
    panic!("known name to unknown one: {ratios:?}");
}

#[test]
fn of_many_first_administrators_one_is_made() {
    let mut server = Setup::with_source("test").with_login().start();
    let code = code(&server);
    let address = server.address;
    let tries: Vec<_> = (0..12)
        .map(|n| {
            let code = code.clone();
            thread::spawn(move || {
                let body = json!({"code": code, "name": format!("admin{n}"), "password": PASSWORD});
                Client::at(&format!("127.0.0.{}", 10 + n), address)
                    .stranger()
                    .json(&body)
                    .request("POST", "/api/v1/setup")
                    .status
            })
        })
        .collect();
    let mut statuses: Vec<u16> = tries.into_iter().map(|t| t.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(
        statuses[1..].iter().all(|status| *status == 403),
        "{statuses:?}"
    );
    let winner = (0..12).find_map(|n| {
        let reply = login_at("127.0.0.1", &server, &format!("admin{n}"), PASSWORD);
        (reply.status == 200).then(|| {
            let cookie = reply.header("Set-Cookie").unwrap();
            cookie.split(';').next().unwrap().to_owned()
        })
    });
    let users = browse(&server, &winner.unwrap(), "GET", "/api/v1/users", &[]).json();
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
    server.stop();
}

/// The code from the log.
pub(super) fn code(server: &Server) -> String {
    eventually("the link", || {
        let log = server.log.to_string();
        let (_, rest) = log.split_once("/setup#code=")?;
        Some(rest[..22].to_owned())
    })
}

#[test]
fn wrong_codes_do_not_keep_the_owner_from_setting_up() {
    let mut server = Setup::with_source("test").with_login().start();
    let code = code(&server);
    let set_up = |own: &str, code: &str, password: &str| {
        let body = json!({"code": code, "name": "owner", "password": password});
        let client = Client::at(own, server.address).stranger().json(&body);
        client.request("POST", "/api/v1/setup")
    };
    let mut refused = 0;
    for n in 0..80 {
        let reply = set_up("127.0.0.2", &format!("a guess {n}"), PASSWORD);
        match reply.status {
            403 => {}
            429 => {
                assert!(reply.header("Retry-After").is_some());
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(refused > 60, "{refused} of 80 had to wait");
    // A password that is too short is no wrong code.
    for _ in 0..8 {
        assert_eq!(set_up("127.0.0.1", &code, "short").status, 422);
    }
    assert_eq!(set_up("127.0.0.1", &code, PASSWORD).status, 200);
    server.stop();
}

/// Everything that is in the database, as text: blobs in hexadecimal digits.
fn database(server: &Server) -> Value {
    let script = "import json, sqlite3, sys\n\
        db = sqlite3.connect(sys.argv[1])\n\
        plain = lambda v: v.hex() if isinstance(v, bytes) else v\n\
        print(json.dumps({t: [list(map(plain, row)) for row in db.execute(f'SELECT * FROM {t}')] \
        for t in ('users', 'sessions', 'tokens', 'links')}))";
    let output = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .arg(server.path("accounts.db"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let n = (0..3).fold(0, |n, i| n << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        for i in 0..=chunk.len() {
            text.push(DIGITS[(n >> (18 - 6 * i)) as usize & 63].into());
        }
    }
    text
}

#[test]
fn what_is_in_the_database_opens_nothing() {
    let mut server = setup().start();
    log_in(&server, "admin", PASSWORD);
    add_token(&server, "admin", &[]);
    let link = json!({"camera": "main", "what": "stream", "expires_in_s": 600});
    assert_eq!(
        by_admin(&server, "POST", "/api/v1/links", &link).status,
        201
    );
    let all = database(&server);
    let mut found = Vec::new();
    for table in ["users", "sessions", "tokens", "links"] {
        let rows = all[table].as_array().unwrap();
        assert!(!rows.is_empty(), "{table}");
        let cells = rows.iter().flat_map(|row| row.as_array().unwrap());
        found.extend(
            cells
                .filter_map(|cell| cell.as_str())
                .filter(|text| text.len() > 20),
        );
    }
    assert!(
        found.iter().any(|text| text.starts_with("$argon2id$")),
        "{found:?}"
    );
    assert!(found.len() >= 4);
    let mut n = 0;
    for text in found {
        let bytes: Vec<u8> = (0..text.len() / 2)
            .filter_map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok())
            .collect();
        let own = base64(&bytes);
        for shown in [
            text.to_owned(),
            own.clone(),
            format!("cctv_{own}"),
            format!("cctv_{text}"),
        ] {
            n += 1;
            let at = format!("127.2.0.{n}");
            let client = || Client::at(&at, server.address).stranger();
            let escaped = shown
                .replace('$', "%24")
                .replace('+', "%2B")
                .replace('=', "%3D");
            for status in [
                login_at(&at, &server, "admin", &shown).status,
                client()
                    .header("Authorization", &format!("Bearer {shown}"))
                    .request("GET", "/api/v1/cameras")
                    .status,
                client()
                    .header("Cookie", &format!("session={shown}"))
                    .request("GET", "/api/v1/cameras")
                    .status,
                client()
                    .request("GET", &format!("/stream?token={escaped}"))
                    .status,
                client()
                    .request("GET", &format!("/stream?link={escaped}"))
                    .status,
            ] {
                assert_eq!(status, 401, "{shown}");
            }
        }
    }
    server.stop();
}

#[test]
fn a_new_password_ends_what_the_old_one_opened() {
    let mut server = setup().start();
    let (here, elsewhere) = (
        log_in(&server, "admin", PASSWORD),
        log_in(&server, "admin", PASSWORD),
    );
    let client = Client::new(server.address)
        .stranger()
        .header("Cookie", &elsewhere);
    let watcher = Watcher::of(crate::harness::Parts::of(client.request("GET", "/stream")));
    watcher.more_parts(1);
    let by_basic = |server: &Server| {
        ask(
            server,
            Some(&basic("admin")),
            "GET",
            "/api/v1/cameras",
            None,
        )
        .status
    };
    assert_eq!(by_basic(&server), 200);
    let new = json!({"current": PASSWORD, "password": "the next password"});
    let change = |body: &Value| {
        Client::new(server.address)
            .stranger()
            .header("Cookie", &here)
            .json(body)
            .request("PUT", "/api/v1/account/password")
            .status
    };
    // A session that was left open does not know the password.
    let guess = json!({"current": "not the password", "password": "the next password"});
    assert_eq!(change(&guess), 403);
    assert_eq!(change(&new), 204);
    watcher.ends_well();
    let session = |cookie: &str| browse(&server, cookie, "GET", "/api/v1/session", &[]).status;
    assert_eq!((session(&here), session(&elsewhere)), (200, 401));
    assert_eq!(by_basic(&server), 401, "what was remembered is forgotten");
    let login = json!({"name": "admin", "password": PASSWORD});
    let reply = ask(&server, None, "POST", "/api/v1/session", Some(&login));
    assert_eq!(reply.status, 401);
    server.stop();
}

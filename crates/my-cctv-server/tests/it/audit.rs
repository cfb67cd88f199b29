//! The audit log: what is in it, what is written out of it, and how long it is kept.

use std::{
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    accounts::{PASSWORD, add_user, ask, basic, by_admin, run, setup, stream},
    harness::{Client, Server, Socket, eventually, tool},
};

fn get(server: &Server, path: &str) -> Value {
    ask(server, Some(&basic("admin")), "GET", path, None).json()
}

fn entries(server: &Server, query: &str) -> Vec<Value> {
    let list = get(server, &format!("/api/v1/audit?limit=10000&{query}"));
    list["items"].as_array().unwrap().clone()
}

/// Waits for an entry with this action that has these words in its detail.
fn noted(server: &Server, action: &str, words: &str) -> Value {
    let query = format!("action={}", action.replace(' ', "%20"));
    eventually(&format!("{action}, {words}"), || {
        let list = entries(server, &query);
        let detail = |entry: &Value| entry["detail"].as_str().unwrap().to_owned();
        list.into_iter().find(|entry| detail(entry).contains(words))
    })
}

#[test]
fn whatever_changes_something_and_whoever_watched_is_noted() {
    let mut server = setup().start();
    let change = |method: &str, path: &str, body: Value| {
        let reply = by_admin(&server, method, path, &body);
        assert!(
            (200..300).contains(&reply.status),
            "{method} {path}: {}",
            reply.status
        );
        if reply.status == 204 {
            Value::Null
        } else {
            reply.json()
        }
    };
    let kim = add_user(&server, "kim", "viewer", &["main"]);
    let user = format!("/api/v1/users/{kim}");
    let rights = json!({"role": "operator", "cameras": ["main"], "deny": ["10.0.0.0/8"], "password": PASSWORD});
    change("PUT", &user, rights);
    noted(&server, "user added", "kim, viewer, cameras main");
    noted(
        &server,
        "user changed",
        "kim, operator, cameras main, not from 10.0.0.0/8, new password",
    );

    let login = |password: &str| {
        let login = json!({"name": "kim", "password": password});
        ask(&server, None, "POST", "/api/v1/session", Some(&login))
    };
    assert_eq!(login("wrong password").status, 401);
    let cookie = login(PASSWORD)
        .header("Set-Cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(noted(&server, "login failed", "")["who"], "kim");
    assert_eq!(noted(&server, "logged in", "")["who"], "kim");
    let by_kim = Client::new(server.address)
        .stranger()
        .header("Cookie", &cookie)
        .json(&json!({}));
    assert_eq!(by_kim.request("DELETE", "/api/v1/session").status, 204);
    assert_eq!(noted(&server, "logged out", "")["who"], "kim");
    login(PASSWORD);
    let session = get(&server, "/api/v1/sessions")["items"][0]["id"].clone();
    change("DELETE", &format!("/api/v1/sessions/{session}"), json!({}));
    noted(&server, "session ended", "kim from 127.0.0.1");

    let token = json!({"name": "vlc", "role": "viewer", "expires_in_s": 600});
    let token = change("POST", "/api/v1/tokens", token);
    change(
        "DELETE",
        &format!("/api/v1/tokens/{}", token["id"]),
        json!({}),
    );
    noted(&server, "token made", "vlc (1), viewer, for 600 s");
    noted(&server, "token revoked", ": vlc");
    let link = change(
        "POST",
        "/api/v1/links",
        json!({"camera": "main", "what": "snapshot", "expires_in_s": 60}),
    );
    change(
        "DELETE",
        &format!("/api/v1/links/{}", link["id"]),
        json!({}),
    );
    noted(&server, "link made", "snapshot of main, for 60 s");
    noted(&server, "link revoked", "DELETE");

    change(
        "POST",
        "/api/v1/cameras",
        json!({"id": "attic", "source": "test", "name": "canary-key"}),
    );
    change("PATCH", "/api/v1/cameras/attic", json!({"name": "Attic"}));
    assert_eq!(noted(&server, "camera added", "")["who"], "admin");
    assert_eq!(noted(&server, "camera changed", "")["camera"], "attic");
    change("DELETE", "/api/v1/cameras/attic", json!({}));
    assert_eq!(noted(&server, "camera removed", "")["camera"], "attic");
    assert_eq!(
        by_admin(&server, "POST", "/api/v1/cameras/main/restart", &json!({})).status,
        202
    );
    noted(&server, "camera restarted", "");

    let client = Client::new(server.address).socket();
    let mut socket = Socket::of(&basic("admin"), client, "/ws", &server);
    socket.ask(json!({"type": "control", "action": "reset"}));
    drop(socket);
    let entry = noted(&server, "controls set", "reset, by socket");
    assert_eq!(
        (&entry["who"], &entry["camera"]),
        (&json!("admin"), &json!("main"))
    );
    let preset = "/api/v1/cameras/main/presets/night";
    by_admin(&server, "PUT", preset, &json!({}));
    noted(&server, "preset kept", preset);
    // A token that was revoked, and one that was never made.
    let revoked = format!("Bearer {}", token["secret"].as_str().unwrap());
    for (who, path) in [
        (Some(revoked.as_str()), "/snapshot"),
        (None, "/stream?token=canary-key"),
    ] {
        assert_eq!(ask(&server, who, "GET", path, None).status, 401);
    }
    noted(&server, "refused", "no such token or link");

    // One who leaves, one who is ended, one whose machine dies.
    let leaves = stream(&server, Some(&basic("kim")), "/stream");
    leaves.more_parts(1);
    drop(leaves);
    let entry = noted(&server, "watched", " s, left");
    assert_eq!(
        (&entry["who"], &entry["camera"]),
        (&json!("kim"), &json!("main"))
    );
    assert!(entry["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    let ended = stream(&server, Some(&basic("kim")), "/stream");
    ended.more_parts(1);
    let viewer = get(&server, "/api/v1/viewers")["viewers"][0]["id"].clone();
    change("DELETE", &format!("/api/v1/viewers/{viewer}"), json!({}));
    ended.ends_well();
    noted(&server, "viewer ended", "kim at 127.0.0.1:");
    let before = entries(&server, "action=watched").len();
    let mut client = Command::new(tool("curl", "curl"))
        .args(["-sS", "-o", "/dev/null", "-u"])
        .arg(format!("kim:{PASSWORD}"))
        .arg(server.url("/api/v1/cameras/main/stream"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("a viewer", || {
        let list = get(&server, "/api/v1/viewers");
        (list["viewers"].as_array().unwrap().len() == 1).then_some(())
    });
    client.kill().unwrap();
    client.wait().unwrap();
    eventually("the end of a stream whose client was killed", || {
        (entries(&server, "action=watched").len() == before + 1).then_some(())
    });
    // Pictures one by one, as programs take them: told of once, with their number.
    for _ in 0..30 {
        assert_eq!(
            ask(&server, Some(&basic("kim")), "GET", "/snapshot", None).status,
            200
        );
    }
    let pictures = entries(&server, "action=snapshot&who=kim&camera=main");
    let times: i64 = pictures
        .iter()
        .map(|entry| entry["times"].as_i64().unwrap())
        .sum();
    assert_eq!((times, pictures.len()), (30, 2), "{pictures:?}");

    assert!(
        run(&server, &["user", "role", "kim", "viewer"], "")
            .status
            .success()
    );
    assert_eq!(
        noted(&server, "user changed", "kim is viewer now")["who"],
        "command line"
    );
    server.signal(Signal::HUP);
    noted(&server, "configuration read", "taken over");
    change("DELETE", &user, json!({}));
    noted(&server, "user removed", ": kim");
    let all = entries(&server, "");
    assert!(all.iter().any(|entry| entry["action"] == "started"));
    assert!(
        all.iter().all(|entry| entry["action"] != "changed"),
        "{all:?}"
    );
    let text = format!("{all:?}");
    assert!(
        !text.contains(PASSWORD)
            && !text.contains("wrong password")
            && !text.contains("canary-key")
    );
    server.stop();
}

#[test]
fn the_log_is_looked_through_and_written_out() {
    let mut server = setup().start();
    let names = [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1",
        "@x",
        "a \"quoted\", name",
        "kim",
    ];
    for name in names {
        let login = json!({"name": name, "password": "not the password"});
        // From an address each, or they are one entry.
        let own = format!(
            "127.0.0.{}",
            10 + names.iter().position(|n| *n == name).unwrap()
        );
        let client = Client::at(&own, server.address).stranger().json(&login);
        assert_eq!(client.request("POST", "/api/v1/session").status, 401);
    }
    let failed = entries(&server, "action=login%20failed");
    assert_eq!(failed.len(), names.len());
    // Page by page, it is all of it.
    let mut before = String::new();
    let mut paged = Vec::new();
    loop {
        let page = get(
            &server,
            &format!("/api/v1/audit?limit=2&action=login%20failed{before}"),
        );
        let page = page["items"].as_array().unwrap().clone();
        let Some(last) = page.last() else { break };
        before = format!("&before={}", last["id"]);
        paged.extend(page);
    }
    assert_eq!(paged, failed);
    let who = |entry: &Value| entry["who"].as_str().unwrap().to_owned();
    assert_eq!(
        entries(&server, "who=kim")
            .iter()
            .map(who)
            .collect::<Vec<_>>(),
        ["kim"]
    );
    let now = in_a_minute();
    assert_eq!(
        entries(&server, &format!("from={now}")).len(),
        0,
        "nothing after {now}"
    );
    assert!(entries(&server, &format!("to={now}")).len() > names.len());
    let wrong = ask(
        &server,
        Some(&basic("admin")),
        "GET",
        "/api/v1/audit?from=yesterday",
        None,
    );
    assert_eq!(
        (wrong.status, wrong.json()["key"].clone()),
        (422, json!("from"))
    );

    let export = |query: &str| {
        let path = format!("/api/v1/audit/export?{query}");
        ask(&server, Some(&basic("admin")), "GET", &path, None)
    };
    let csv = export("format=csv&action=login%20failed");
    assert_eq!(csv.header("Content-Type"), Some("text/csv; charset=utf-8"));
    assert_eq!(
        csv.header("Content-Disposition"),
        Some("attachment; filename=\"audit.csv\"")
    );
    let csv = csv.text();
    let lines: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(lines[0], "id,time,who,address,action,camera,times,detail");
    assert_eq!(lines.len(), 1 + names.len() + 1, "{csv}");
    for (line, name) in lines[1..].iter().zip([
        ",'=cmd|' /C calc'!A0,",
        ",'+1,",
        ",'-1,",
        ",'@x,",
        ",\"a \"\"quoted\"\", name\",",
        ",kim,",
    ]) {
        assert!(line.contains(name), "{line}");
    }
    let lines = export("format=jsonl").text();
    let mut ids = Vec::new();
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        assert!(entry["time"].as_str().unwrap().ends_with('Z'));
        ids.push(entry["id"].as_i64().unwrap());
    }
    assert!(ids.len() > names.len() && ids.is_sorted());
    assert_eq!(noted(&server, "audit log exported", "")["who"], "admin");
    assert_eq!(export("format=xls").status, 400);
    server.stop();
}

/// A minute from now, as times are written in queries.
fn in_a_minute() -> String {
    let output = Command::new("date")
        .args(["-u", "-d", "+1 minute", "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What sqlite3 says to this.
fn sql(server: &Server, statement: &str) -> String {
    let output = Command::new(tool("sqlite3", "sqlite3"))
        .arg(server.path("accounts.db"))
        .arg(statement)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn old_entries_are_gone_after_a_start_and_a_large_log_is_written_out_whole() {
    let setup = setup()
        .audit("retention_days", 7)
        .audit("max_entries", 2000);
    let mut server = setup.clone().start();
    let watcher = stream(&server, Some(&basic("admin")), "/stream");
    watcher.more_parts(1);
    server.stop();
    watcher.ends_well();
    // The end of the server is no reason to lose an entry.
    let last = "SELECT action || ', ' || detail FROM audit ORDER BY id DESC LIMIT 2";
    let last = sql(&server, last);
    assert!(last.starts_with("stopped, \nwatched, "), "{last}");
    assert!(last.ends_with(" s, the server stops"), "{last}");
    sql(
        &server,
        "INSERT INTO audit (at_ms, who, address, action, detail) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
         SELECT unixepoch() * 1000 - CASE WHEN i <= 10 THEN 8 * 86400000 ELSE 0 END, 'n' || i, '', 'x', '' FROM n",
    );
    let mut server = setup.start();
    server
        .log
        .message("old entries of the audit log were removed");
    let count = || {
        sql(
            &server,
            "SELECT count(*) FROM audit WHERE action = 'x' AND who IN ('n1', 'n10', 'n11', 'n1400', 'n3000')",
        )
    };
    assert_eq!(
        count(),
        "1",
        "those of eight days ago, and those beyond the cap"
    );
    let export = ask(
        &server,
        Some(&basic("admin")),
        "GET",
        "/api/v1/audit/export?action=x&format=jsonl",
        None,
    );
    let lines = export.text().lines().count();
    assert!((1400..=1500).contains(&lines), "{lines}");
    let left: usize = sql(&server, "SELECT count(*) FROM audit WHERE action = 'x'")
        .parse()
        .unwrap();
    assert_eq!(lines, left, "pages without a gap");
    server.stop();
}

#[test]
fn a_flood_of_failed_logins_is_a_few_entries_and_hides_nothing() {
    let mut server = setup().start();
    add_user(&server, "kim", "viewer", &["main"]);
    let begun = Instant::now();
    thread::scope(|scope| {
        for n in 0..4_u8 {
            let server = &server;
            scope.spawn(move || {
                for m in 0..100 {
                    let login =
                        json!({"name": format!("guess {m}"), "password": "not the password"});
                    let own = format!("127.0.{n}.{}", 1 + m % 50);
                    let client = Client::at(&own, server.address).stranger().json(&login);
                    let status = client.request("POST", "/api/v1/session").status;
                    assert!(matches!(status, 401 | 429 | 503), "{status}");
                }
            });
        }
    });
    let all = entries(&server, "");
    let failed = all.iter().filter(|entry| entry["action"] == "login failed");
    let times: i64 = failed
        .clone()
        .map(|entry| entry["times"].as_i64().unwrap())
        .sum();
    eprintln!(
        "{times} failed logins from 200 addresses are {} entries",
        failed.clone().count()
    );
    // Each kind is told of at once, and then once a minute.
    let minutes = usize::try_from(begun.elapsed().as_secs() / 60).unwrap();
    assert!(
        times > 100 && failed.count() <= 33 * (minutes + 2),
        "{all:?}"
    );
    assert!(
        all.iter()
            .any(|entry| entry["address"] == "several addresses")
    );
    assert!(all.iter().any(|entry| entry["action"] == "user added"));
    assert!(all.iter().all(|entry| entry["action"] != "entries lost"));
    server.stop();
}

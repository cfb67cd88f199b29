//! The commands in the documents, run as they stand there.

use std::{env, fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    accounts::{self, PASSWORD, ask},
    harness::{Server, Setup, eventually},
};

/// Runs commands beside the server, in its folder; errors count. What they say.
fn run(server: &Server, commands: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_my-cctv-server"));
    let folder = program.parent().unwrap().to_str().unwrap();
    // What the command line has changed is there within two seconds. Debian's Python is the one with OpenCV.
    let begin = "set -euo pipefail\n\
        curl() { command curl -sS --fail-with-body --retry 10 --retry-delay 1 --retry-all-errors --max-time 60 -w '\\n' \"$@\"; }\n\
        python3() { /usr/bin/python3 \"$@\"; }\n";
    let output = Command::new("bash")
        .arg("-xc")
        .arg(format!("{begin}{commands}"))
        .current_dir(server.path(""))
        .env("PATH", format!("{folder}:{}", env::var("PATH").unwrap()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let steps = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{steps}{said}");
    said
}

/// The lines of all blocks of shell.
fn commands(document: &str) -> String {
    commands_below(document, "")
}

/// The same, from this line to the next heading of its kind.
fn commands_below(document: &str, heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = fs::read_to_string(path.join(document)).unwrap();
    let (_, text) = text.split_once(heading).unwrap();
    let text = match heading.is_empty() {
        true => text,
        false => text.split("\n## ").next().unwrap(),
    };
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").unwrap().0)
        .collect()
}

#[test]
fn the_commands_about_accounts_do_what_they_say() {
    let mut server = Setup::with_source("test")
        .camera("id", "door")
        .another_camera("yard", "test")
        .with_login()
        .start();
    let code = eventually("the link", || {
        let text = server.log.to_string();
        let rest = text.split_once("/setup#code=")?.1;
        Some(rest[..22].to_owned())
    });
    // Where somebody would have written it.
    fs::copy(server.path("test.toml"), server.path("config.toml")).unwrap();
    let text = commands("accounts.md")
        .replace("http://localhost:3000", &server.url(""))
        .replace("PASTE-IT-HERE", &code);
    assert!(text.lines().count() > 30, "{text}");
    let said = run(&server, &text);
    for words in [
        "kim                  viewer     door, yard",
        r#""name":"kim""#,
        r#""is_current":true"#,
        "Home Assistant",
        "kim may come from everywhere",
        "snapshot of door, 48 h left",
        "admin has a new password; all sessions ended",
    ] {
        assert!(said.contains(words), "`{words}` is missing:\n{said}");
    }
    let read = |name: &str| fs::read(server.path(name)).unwrap();
    assert!(read("door.jpg").starts_with(&[0xFF, 0xD8]));
    let csv = String::from_utf8(read("audit.csv")).unwrap();
    for words in [
        "set up",
        "user added",
        "link made",
        "logged out",
        "snapshot",
    ] {
        assert!(csv.contains(words), "`{words}` is missing:\n{csv}");
    }
    server.stop();
}

#[test]
fn the_commands_about_figures_do_what_they_say() {
    let mut server = Setup::with_source("test").with_login().start();
    fs::copy(server.path("test.toml"), server.path("config.toml")).unwrap();
    let text = commands("metrics.md").replace("http://localhost:3000", &server.url(""));
    assert!(text.lines().count() >= 2, "{text}");
    let said = run(&server, &text);
    for words in [
        "cctv_camera_frames_total{camera=\"main\"}",
        "process_cpu_seconds_total",
    ] {
        assert!(said.contains(words), "`{words}` is missing:\n{said}");
    }
    server.stop();
}

/// Two cameras and an administrator with the password of the documents.
fn furnished() -> Server {
    let server = Setup::with_source("test")
        .camera("id", "door")
        .another_camera("yard", "test")
        .with_login()
        .env("ADMIN_PASSWORD", "correct horse battery")
        .start();
    // Where somebody would have written it.
    fs::copy(server.path("test.toml"), server.path("config.toml")).unwrap();
    server
}

#[test]
fn the_commands_about_the_api_do_what_they_say() {
    let mut server = furnished();
    let text = commands("api.md").replace("http://localhost:3000", &server.url(""))
        + "curl -u \"$admin\" $server/api/v1/viewers\n";
    assert!(text.lines().count() > 30, "{text}");
    let said = run(&server, &text);
    for words in [
        r#""id":"yard""#,
        "image/jpeg",
        r#""value":"Attic""#,
        "link=",
        r#""action":"camera added""#,
        r#""max_viewers":20"#,
    ] {
        assert!(said.contains(words), "`{words}` is missing:\n{said}");
    }
    server.stop();
}

#[test]
fn the_commands_for_other_programs_do_what_they_say() {
    let mut server = furnished();
    // With what they need to be running beside them.
    let text = commands("integrations.md").replace("http://localhost:3000", &server.url(""))
        + "admin='admin:correct horse battery'\n"
        + &commands("performance.md")
        + &commands_below("operations.md", "## Logs\n")
        + "ffprobe -v error -show_entries stream=codec_name,width -of csv=p=0 door.mkv\n";
    let said = run(&server, &text);
    for words in [
        "(240, 320, 3)",
        "mjpeg,320",
        r#""max_viewers":"#,
        r#""made_ms":"#,
    ] {
        assert!(said.contains(words), "`{words}` is missing:\n{said}");
    }
    server.stop();
}

#[test]
fn what_the_unit_allows_is_told_as_it_is_written() {
    let mut server = Setup::with_source("test").start();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = format!("cd '{}'\n{}", top.display(), commands("security.md"));
    let said = run(&server, &text);
    assert!(said.contains("Overall exposure level"), "{said}");
    server.stop();
}

#[test]
fn a_backup_of_a_running_server_is_one_to_go_back_to() {
    let setup = accounts::setup();
    let database = setup.path("data/accounts.db");
    let setup = setup.auth("database", database.to_str().unwrap());
    let mut server = setup.clone().start();
    accounts::add_user(&server, "before", "viewer", &[]);
    let data = server.path("data");
    let blocks = commands_below("operations.md", "## Backup and restore\n");
    let blocks = blocks
        .replace("/var/lib/my-cctv-server", data.to_str().unwrap())
        .replace(
            "/root/my-cctv-server",
            server.path("backup").to_str().unwrap(),
        );
    let (backup, restore) = blocks.split_at(blocks.find("systemctl stop").unwrap());
    run(&server, backup);
    accounts::add_user(&server, "after", "viewer", &[]);
    let is_let_in = |server: &Server, name: &str| {
        let who = accounts::basic(name);
        ask(server, Some(&who), "GET", "/api/v1/session", None).status == 200
    };
    assert!(is_let_in(&server, "before") && is_let_in(&server, "after"));
    server.stop();
    let places: Vec<&str> = backup.lines().take(2).collect();
    // Of a service that is not here.
    let stand_in = "systemctl() { :; }\nchown() { :; }\n";
    run(
        &server,
        &format!("{stand_in}{}\n{restore}", places.join("\n")),
    );
    let mut server = setup.start();
    assert!(is_let_in(&server, "before"));
    assert!(!is_let_in(&server, "after"));
    let login = json!({"name": "admin", "password": PASSWORD});
    assert_eq!(
        ask(&server, None, "POST", "/api/v1/session", Some(&login)).status,
        200
    );
    server.stop();
}

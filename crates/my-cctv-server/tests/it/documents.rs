//! The commands in the documents, run as they stand there.

use std::{env, fs, path::Path, process::Command};

use crate::harness::{Server, Setup, eventually};

/// Runs commands beside the server, in its folder; errors count. What they say.
fn run(server: &Server, commands: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_my-cctv-server"));
    let folder = program.parent().unwrap().to_str().unwrap();
    // What the command line has changed is there within two seconds.
    let begin = "set -euo pipefail\n\
        curl() { command curl -sS --fail-with-body --retry 10 --retry-delay 1 --retry-all-errors --max-time 60 -w '\\n' \"$@\"; }\n";
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = fs::read_to_string(path.join(document)).unwrap();
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

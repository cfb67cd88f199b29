//! The command line: what is printed, and what happens to a configuration that is wrong.

use std::{fs, process::Output};

use serde_json::Value;

use crate::harness::Setup;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Writes a configuration and runs `check` and `serve` with it: both refuse it with these words, and nothing starts.
fn refused(text: &str, words: &[&str]) {
    let setup = Setup::camera_sim();
    fs::write(setup.path("config.toml"), text).unwrap();
    for command in ["check", "serve"] {
        let output = setup.run(&[command]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        let said = stderr(&output);
        for word in words {
            assert!(said.contains(word), "`{said}` does not say `{word}`");
        }
        assert!(!said.contains("listening"), "{said}");
        assert_eq!(said.trim().lines().count(), 1, "one line is enough: {said}");
        assert!(output.stdout.is_empty());
    }
    assert!(!setup.path("sim.log").exists(), "no camera was started");
}

#[test]
fn the_manual_page_has_every_command() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../packaging/my-cctv-server.1"
    );
    let page = fs::read_to_string(page).unwrap();
    let help = stdout(&Setup::with_source("test").run(&["--help"]));
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = commands
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"doctor"), "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let entry = format!("\n.B {name}\n");
        assert!(
            page.contains(&entry),
            "packaging/my-cctv-server.1 does not tell of {name}"
        );
    }
}

#[test]
fn a_wrong_configuration_is_named_by_file_line_and_nearest_key() {
    refused(
        "[server]\nport = 3000\nmax_viewer = 3\n",
        &[
            "config.toml:3:",
            "unknown key `max_viewer`",
            "did you mean `max_viewers`?",
        ],
    );
    refused(
        "[server]\nport = \"x\"\n",
        &["config.toml:2:", "expected u16"],
    );
    refused(
        "[sever]\n",
        &[
            "config.toml:1:",
            "unknown key `sever`",
            "did you mean `server`?",
        ],
    );
    refused(
        "[[camera]]\nsource = \"test\"\n\n[[camera]]\nid = \"yard\"\nlingers = 3\n",
        &["config.toml:6:", "linger_s"],
    );
    refused("[server\n", &["config.toml:1:"]);
    refused("[server]\nport = 70000\n", &["config.toml:2:", "70000"]);
    refused(
        "[server]\nmax_viewers = 0\n",
        &["config.toml", "server.max_viewers", "0 is out of range"],
    );
    refused(
        "[[camera]]\nsource = \"tset\"\n",
        &["config.toml", "unknown source `tset`", "`test`"],
    );
    refused(
        "[[camera]]\nsource = \"command:rm -rf /\"\n",
        &["unknown source"],
    );
    refused(
        "[[camera]]\nprogram = \"/no/such/program\"\n",
        &["there is no file /no/such/program"],
    );
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let setup = Setup::with_source("test");
    let output = setup.run(&["check", "--config", "missing.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("missing.toml"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn check_explains_what_is_right_and_starts_nothing() {
    let setup = Setup::camera_sim();
    let text = "[server]\nport = 8123\nbase_path = \"/webcam\"\n[[camera]]\nid = \"door\"\nname = \"Front door\"\nsource = \"test\"\n";
    fs::write(setup.path("config.toml"), text).unwrap();
    let output = setup.run(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for words in [
        "config.toml",
        "no errors",
        "8123",
        "/webcam",
        "at most 15",
        "door",
        "Front door",
        "640x480 at 20/s",
    ] {
        assert!(said.contains(words), "`{said}` does not say `{words}`");
    }
    assert!(!setup.path("sim.log").exists());
}

#[test]
fn the_old_servers_variables_and_the_order_of_layers() {
    let setup = Setup::with_source("test")
        .env("PORT", "8001")
        .env("MAX_CLIENTS", "3")
        .env("CAM_WIDTH", "800")
        .env("CAM_HEIGHT", "600")
        .env("CAM_FPS", "12")
        .env("ENABLE_AUTH", "false")
        .env("ENABLE_HTTPS", "false")
        .env("CCTV_SERVER__BASE_PATH", "/cam");
    fs::write(
        setup.path("config.toml"),
        "[server]\nport = 8000\nmax_viewers = 9\n",
    )
    .unwrap();
    let said = stdout(&setup.run(&["check"]));
    for words in ["port 8001", "at most 3", "800x600 at 12/s", "below /cam"] {
        assert!(said.contains(words), "`{said}` does not say `{words}`");
    }
    let said = stdout(&setup.run(&["check", "--port", "8002", "--set", "server.max_viewers=4"]));
    assert!(
        said.contains("port 8002") && said.contains("at most 4"),
        "{said}"
    );

    let output = Setup::with_source("test")
        .env("MAX_CLIENTS", "many")
        .run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("MAX_CLIENTS"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_openapi_document_is_printed() {
    let output = Setup::with_source("test").run(&["openapi"]);
    assert_eq!(output.status.code(), Some(0));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    for path in [
        "/stream",
        "/snapshot",
        "/health",
        "/",
        "/api/v1/cameras",
        "/api/v1/viewers",
        "/api/v1/viewers/{id}",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    // Whoever generates a client needs a name and an answer for every operation.
    let mut names = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item
            .as_object()
            .unwrap()
            .iter()
            .filter(|(_, value)| value.get("responses").is_some())
        {
            names.push(
                operation["operationId"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path}"))
                    .to_owned(),
            );
            assert!(
                !operation["responses"].as_object().unwrap().is_empty(),
                "{method} {path}"
            );
        }
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "two operations have the same name");
}

#[test]
fn version_help_and_misuse() {
    let setup = Setup::with_source("test");
    let output = setup.run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output).trim(),
        format!("my-cctv-server {}", env!("CARGO_PKG_VERSION"))
    );
    let output = setup.run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for word in ["serve", "check", "openapi", "--config", "--port"] {
        assert!(stdout(&output).contains(word), "{word}");
    }
    for misuse in [
        &["--no-such-flag"][..],
        &["fly"],
        &["--port", "x"],
        &["--set", "x"],
        &["check", "--set", "server.prot=1"],
    ] {
        let output = setup.run(misuse);
        assert!(!output.status.success(), "{misuse:?}");
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{misuse:?}"
        );
    }
}

#[test]
fn the_log_is_json_and_only_on_stderr() {
    let mut server = Setup::camera_sim().start();
    server.stream("/stream").picture();
    server.stop();
    let log = server.log.to_end();
    assert!(log.lines().count() >= 6);
    for line in log.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(
            value["fields"]["message"].is_string() && value["level"].is_string(),
            "{line}"
        );
    }
}

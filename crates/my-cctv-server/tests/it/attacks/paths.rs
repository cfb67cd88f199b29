//! 1: no path is built from a request, and no link in the server's own folder is followed.

use std::{fs, os::unix::fs::symlink, process::Command};

use serde_json::json;

use super::run_by;
use crate::harness::{Client, Setup, Token, eventually, skipped, tool};

/// In every name that is asked for; no path of this machine has it.
const MARK: &str = "sought-by-name";

/// Names that leave a folder, in the spellings that servers have fallen for.
fn names() -> Vec<String> {
    let plain = [
        "../../../../../../etc/passwd",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%252e%252e%252f%252e%252e%252fetc%252fpasswd",
        "..\\..\\..\\etc\\passwd",
        "..%5c..%5c..%5cetc%5cpasswd",
        "....//....//....//etc/passwd",
        "..;/..;/etc/passwd",
        "%c0%ae%c0%ae%c0%af%c0%ae%c0%ae%c0%afetc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "file:///etc/passwd",
        "%00",
        "index.html%00.png",
        "index.html/",
        "index.html/../../accounts.db",
        "assets/../../accounts.db",
        "accounts.db",
        "test.toml",
        "data/cameras.json",
        "~root/.profile",
        ".git/config",
        "proc/self/environ",
        "CON",
        "%ff%fe",
        "%e2%80%ae",
    ];
    let mut names: Vec<String> = plain.iter().map(|&name| name.to_owned()).collect();
    names.push("a/".repeat(4000));
    names.push("a".repeat(9000));
    let marked: Vec<String> = names.iter().map(|name| format!("{name}{MARK}")).collect();
    names.extend(marked);
    names
}

#[test]
fn no_path_is_built_from_a_request() {
    let setup = Setup::camera_sim().server("base_path", "/cam");
    fs::write(setup.path("secret.txt"), "canary of a file").unwrap();
    // Every file that the server or its children ask the kernel for is written down.
    let trace = setup.path("trace");
    let mut strace = Command::new(tool("strace", "strace"));
    strace
        .args(["-D", "-f", "-q", "-e", "trace=%file", "-o"])
        .arg(&trace);
    let may_trace = Command::new(tool("strace", "strace"))
        .args(["-qq", "-e", "trace=none", "true"])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let mut server = if may_trace {
        {
            let traced = run_by(strace, &setup.serve());
            setup.start_by(traced)
        }
    } else {
        skipped("which files are opened: processes may not be traced here");
        setup.start()
    };
    let raw = |method: &str, path: &str| {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
            Token::get().secret
        );
        let answer = Client::new(server.address).raw(request.as_bytes());
        String::from_utf8_lossy(&answer).into_owned()
    };
    for name in names() {
        for (method, path) in [
            ("GET", format!("/{name}")),
            ("GET", format!("/cam/{name}")),
            ("GET", format!("/assets/{name}")),
            ("GET", format!("/models/{name}")),
            ("GET", format!("/api/v1/cameras/{name}/snapshot")),
            ("GET", format!("/api/v1/cameras/{name}/config")),
            ("PATCH", format!("/api/v1/cameras/{name}")),
            ("GET", format!("/snapshot?width={name}")),
            ("GET", format!("/stream?quality={name}")),
            ("POST", format!("/api/v1/cameras/main/presets/{name}/apply")),
            ("DELETE", format!("/api/v1/tokens/{name}")),
            ("DELETE", format!("/api/v1/users/{name}")),
        ] {
            let answer = raw(method, &path);
            let shown: String = path.chars().take(90).collect();
            let status = answer.get(9..12).unwrap_or_default();
            assert!(
                status.starts_with('4'),
                "{method} {shown}: {}",
                answer.lines().next().unwrap_or_default()
            );
            for found in ["root:", "canary", "SQLite format", "[server]"] {
                assert!(!answer.contains(found), "{method} {shown}: {found}");
            }
        }
    }
    // What people call their presets is theirs, and a key of a table here.
    for name in ["..%2F..%2Fetc%2Fpasswd", "a%5Cb", "%2Fdev%2Fnull"] {
        let name = format!("{name}{MARK}");
        let path = format!("/api/v1/cameras/main/presets/{name}");
        let status = server.send("PUT", &path, &json!({"gain": 2})).status;
        assert_eq!(status, 204, "{name}");
    }
    let kept = server.path("data/cameras.json");
    let text = eventually("the presets on the disk", || {
        let text = fs::read_to_string(&kept).ok()?;
        text.contains(MARK).then_some(text)
    });
    assert!(text.contains("../../etc/passwd"));
    let inside: Vec<_> = fs::read_dir(server.path("data")).unwrap().collect();
    assert_eq!(inside.len(), 1, "{inside:?}");
    server.stop();
    if may_trace {
        let calls = eventually("the end of the trace", || {
            let calls = fs::read_to_string(&trace).unwrap_or_default();
            calls.contains("exited with").then_some(calls)
        });
        assert!(calls.contains("cameras.json"), "the trace is one");
        for forbidden in [MARK, "/etc/passwd", "secret.txt"] {
            let call = calls.lines().find(|call| call.contains(forbidden));
            assert_eq!(call, None);
        }
    }
}

#[test]
fn a_link_in_the_folder_leads_nowhere() {
    let setup = Setup::with_source("test");
    let data = setup.path("data");
    fs::create_dir(&data).unwrap();
    let victims: Vec<_> = ["cameras.json", "cameras.json.new"]
        .iter()
        .map(|name| {
            let victim = setup.path(&format!("{name}.victim"));
            fs::write(&victim, r#"{"version": 1}"#).unwrap();
            symlink(&victim, data.join(name)).unwrap();
            victim
        })
        .collect();
    let mut server = setup.start();
    let yard = json!({"id": "yard", "source": "test"});
    assert_eq!(server.send("POST", "/api/v1/cameras", &yard).status, 201);
    for victim in victims {
        assert_eq!(fs::read_to_string(&victim).unwrap(), r#"{"version": 1}"#);
    }
    let kept = fs::symlink_metadata(data.join("cameras.json")).unwrap();
    assert!(kept.is_file(), "the link was replaced, and not followed");
    server.stop();
}

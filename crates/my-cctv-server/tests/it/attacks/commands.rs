//! 2: no shell, fixed arguments, and no program but those that the configuration file names.

use serde_json::json;

use crate::harness::{Setup, Watcher, eventually, pass};

const CAMERAS: &str = "/api/v1/cameras";

#[test]
fn no_program_is_started_by_what_the_api_is_told() {
    let mut server = Setup::camera_sim().start();
    let touch = server.path("pwned");
    let touch = touch.to_str().unwrap();
    for source in [
        "command:touch pwned",
        "command",
        "COMMAND:touch pwned",
        "Command: touch pwned",
        " command:touch pwned",
        "exec:touch pwned",
        "sh -c 'touch pwned'",
        "|touch pwned",
        "`touch pwned`",
        "$(touch pwned)",
        "test;touch pwned",
        "test\ntouch pwned",
        "test\0",
        "pipe:0",
        "fd:0",
        "concat:/etc/passwd|/etc/shadow",
        "subfile:,,start,0,end,9,,:/etc/passwd",
        "async:file:/etc/passwd",
        "cache:file:/etc/passwd",
        "crypto:/etc/passwd",
        "data:text/plain,x",
        "file:/etc/passwd",
        "FILE:/etc/passwd",
        "file:///etc/passwd",
        "lavfi:testsrc",
        "tcp://127.0.0.1:1",
        "udp://127.0.0.1:1",
        "unix:/run/docker.sock",
        "gopher://127.0.0.1:1/",
        "ftp://127.0.0.1/x",
        "https://127.0.0.1/x",
        "-i /etc/passwd",
        "--help",
        "-f",
        "rpicam:-1",
        "rpicam:0 --post-process-file x",
        "rpicam:/base --output x",
        "rpicam:--version",
        "rpicam:../../etc",
        "ffmpeg:-f lavfi",
        "v4l2:-f",
        "v4l2:",
        "v4l2:/dev/sda",
        "v4l2:/dev/mem",
        "v4l2:/dev/video0/../mem",
        "v4l2:/dev/video0\n-f lavfi",
        "v4l2:/dev/v4l/../sda",
        "v4l2:concat:/dev/video0",
        "http://",
        "http://a b/",
        "http://a\r\nX: y/",
        "rtsp://\0/",
    ] {
        let camera = json!({"id": "evil", "source": source});
        let reply = server.send("POST", CAMERAS, &camera);
        assert_eq!(reply.status, 422, "{source:?}");
        let reply = server.send("PATCH", "/api/v1/cameras/main", &json!({"source": source}));
        assert_eq!(reply.status, 422, "{source:?}");
    }
    for key in [
        "program",
        "Program",
        "args",
        "env",
        "hook",
        "on_motion",
        "__proto__",
    ] {
        let camera = json!({"id": "evil", "source": "test", key: format!("touch {touch}")});
        assert_eq!(server.send("POST", CAMERAS, &camera).status, 422, "{key}");
    }
    // These are addresses, if odd ones: whatever is in them, it is asked for over a socket and by no program.
    for (n, source) in [
        "http://-oProxyCommand=touch/".to_owned(),
        format!("http://127.0.0.1:1/$(touch%20{touch})"),
        format!("rtsp://127.0.0.1:1/`touch%20{touch}`"),
        "rtsp://$(id)@127.0.0.1:1/;id".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("odd{n}");
        let camera = json!({"id": id, "source": source, "first_frame_timeout_s": 2});
        let reply = server.send("POST", CAMERAS, &camera);
        if reply.status == 201 {
            let watcher = Watcher::of(server.stream(&format!("{CAMERAS}/{id}/stream")));
            eventually("a failure", || {
                let camera = server.json(&format!("{CAMERAS}/{id}"));
                (camera["state"] == "failed").then_some(())
            });
            drop(watcher);
        } else {
            assert_eq!(reply.status, 422, "{source}");
        }
    }
    assert!(server.programs().is_empty(), "{:?}", server.programs());
    assert!(!server.path("pwned").exists());
    server.stop();
}

#[test]
fn what_is_set_stays_one_argument_of_a_known_option() {
    let mut server = Setup::camera_sim().start();
    let main = "/api/v1/cameras/main";
    for name in [
        "--post-process-file=x",
        "$(touch pwned)",
        "; touch pwned",
        "-o x",
    ] {
        let reply = server.send("PATCH", main, &json!({"name": name}));
        assert_eq!(reply.status, 200, "{name}");
        let preset = format!("{main}/presets/{}", name.replace(' ', "%20"));
        assert_eq!(server.send("PUT", &preset, &json!({"gain": 2})).status, 204);
    }
    let controls = format!("{main}/controls");
    for (key, value) in [
        ("exposure", json!("normal --output x")),
        ("exposure", json!("$(touch pwned)")),
        ("awb", json!("auto;touch pwned")),
        ("awb", json!("-x")),
        ("gain", json!("2 --output x")),
        ("zoom", json!("0,0,1,1")),
        ("brightness", json!(["0", "--output"])),
        ("hflip", json!("--output")),
        ("width", json!("640 --output x")),
        ("output", json!("x")),
        ("--output", json!("x")),
        ("post_process_file", json!("/etc/passwd")),
        ("config", json!("/etc/passwd")),
    ] {
        let reply = server.send("PATCH", &controls, &json!({key: value}));
        assert_eq!(reply.status, 422, "{key} {value}");
    }
    for key in ["width", "height", "framerate", "quality"] {
        let value = json!({key: "640 --output x"});
        assert_eq!(server.send("PATCH", main, &value).status, 422, "{key}");
    }
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    for arguments in server.sim_arguments() {
        for word in ["pwned", "touch", "post-process", "--output x", "/etc"] {
            assert!(!arguments.contains(word), "{arguments}");
        }
    }
    pass(std::time::Duration::from_millis(100));
    assert!(!server.path("pwned").exists());
    drop(watcher);
    server.stop();
}

//! What was put right is noticed long before the next try would come, and nothing is tried meanwhile.

use std::{fs, time::Duration};

use crate::harness::{Setup, Watcher, eventually, frames, pass, script, sibling};

/// Starts of the camera so far, by the server's own account.
fn starts(server: &crate::harness::Server) -> u64 {
    server.camera()["starts"].as_u64().unwrap()
}

#[test]
fn a_file_that_appears_is_shown() {
    let setup = Setup::with_source("test");
    let path = setup.path("later.mjpeg");
    let mut server = setup
        .camera("source", format!("file:{}", path.display()))
        .camera("framerate", 20.0)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    let camera = server.wait_for_state("failed");
    assert_eq!(camera["cause"], "unreadable");
    pass(Duration::from_secs(4));
    assert_eq!(starts(&server), 1, "nothing has changed");

    fs::copy(frames(), &path).unwrap();
    server.wait_for_state("live");
    watcher.more_parts(5);
    server
        .log
        .message("something around the camera has changed");
    assert_eq!(starts(&server), 2);
    let incident = server.json("/api/v1/incidents")["incidents"][0].clone();
    assert!(incident["ended"].is_string());
    assert!(incident["steps"].to_string().contains("tried at once"));
    server.stop();
}

#[test]
fn a_program_that_is_put_right_is_started() {
    let setup = Setup::with_source("rpicam");
    let sim = sibling("camera-sim", "cargo build -p camera-sim");
    let program = setup.path("rpicam-vid");
    fs::write(&program, "not yet").unwrap();
    let mut server = setup.camera("program", program.to_str().unwrap()).start();
    let watcher = Watcher::of(server.stream("/stream"));
    let camera = server.wait_for_state("failed");
    assert_eq!(camera["cause"], "program_unusable");

    script(
        &program,
        &format!("#!/bin/sh\nexec '{}' \"$@\"\n", sim.display()),
    );
    watcher.more_pictures(3);
    assert_eq!(starts(&server), 2);
    server.stop();
}

#[test]
fn nobody_looks_around_a_camera_that_nobody_wants() {
    let setup = Setup::with_source("test").camera("linger_s", 0.0);
    let path = setup.path("later.mjpeg");
    let mut server = setup
        .camera("source", format!("file:{}", path.display()))
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    server.wait_for_state("failed");
    drop(watcher);
    server.wait_for_state("idle");
    fs::copy(frames(), &path).unwrap();
    pass(Duration::from_secs(3));
    assert_eq!(starts(&server), 1);
    assert_eq!(server.camera()["state"], "idle");
    let watcher = Watcher::of(server.stream("/stream"));
    eventually("pictures", || {
        (server.camera()["state"] == "live").then_some(())
    });
    drop(watcher);
    server.stop();
}

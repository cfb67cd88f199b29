//! The camera runs while somebody needs it, once, and never longer than the server.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Setup, all_gone, eventually, is_alive, pass};

#[test]
fn the_camera_starts_for_the_first_and_stops_after_the_last() {
    let mut server = Setup::camera_sim().start();
    assert_eq!(server.camera()["state"], "idle");
    assert!(
        server.sim_starts().is_empty(),
        "nobody asked for pictures yet"
    );

    let mut first = server.stream("/stream");
    first.part();
    let mut second = server.stream("/stream");
    second.part();
    assert_eq!(server.camera()["state"], "live");
    let pids = server.sim_starts();
    assert_eq!(pids.len(), 1);
    drop(first);
    server.viewers(1);
    second.part();
    drop(second);
    server.log.message("camera stopped");
    all_gone(&pids);
    assert_eq!(server.camera()["state"], "idle");
    assert_eq!(
        server.camera()["newest_frame_age_ms"],
        serde_json::Value::Null
    );
    assert_eq!(server.json("/health")["cameraActive"], false);

    server.stream("/stream").part();
    let pids = server.sim_starts();
    assert_eq!(pids.len(), 2, "the next viewer starts it again");
    assert_eq!(server.camera()["starts"], 2);
    server.stop();
}

#[test]
fn the_camera_lingers_for_whoever_comes_back() {
    let mut server = Setup::camera_sim().camera("linger_s", 30.0).start();
    server.stream("/stream").part();
    server.viewers(0);
    let pids = server.sim_starts();
    pass(Duration::from_millis(500));
    assert!(is_alive(pids[0]), "it runs on for a while");
    assert_eq!(server.camera()["state"], "live");
    server.stream("/stream").part();
    assert_eq!(server.sim_starts(), pids, "the same camera goes on");
    server.stop();
}

#[test]
fn it_lingers_for_ten_seconds_if_nothing_else_is_said() {
    let output = Setup::with_source("test").run(&["check"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("off 10 s after the last viewer"), "{text}");
}

#[test]
fn never_two_at_once() {
    // Slow to start and slow to stop, so that a viewer who comes back too soon meets the camera on its way out.
    let mut server = Setup::camera_sim()
        .camera("linger_s", 0.0)
        .sim("START_MS", "200")
        .sim("STOP_MS", "300")
        .start();
    for _ in 0..4 {
        let mut together: Vec<_> = (0..5).map(|_| server.stream("/stream")).collect();
        for parts in &mut together {
            assert!(
                parts.part().stamp.is_some(),
                "a second process would have found the camera busy"
            );
        }
        drop(together);
        server.viewers(0);
    }
    let starts = server.sim_starts();
    assert!((1..=4).contains(&starts.len()), "{starts:?}");
    assert!(server.log.all("the camera failed").is_empty());
    server.stop();
}

#[test]
fn a_viewer_that_leaves_during_the_start_leaves_no_camera() {
    let mut server = Setup::camera_sim()
        .camera("linger_s", 0.0)
        .sim("START_MS", "5000")
        .start();
    let parts = server.stream("/stream");
    eventually("the start of the camera", || {
        (!server.sim_starts().is_empty()).then_some(())
    });
    drop(parts);
    server.log.message("camera stopped");
    all_gone(&server.sim_starts());
    server.stop();
}

#[test]
fn killing_the_server_leaves_no_camera() {
    let mut server = Setup::camera_sim().start();
    let mut parts = server.stream("/stream");
    parts.part();
    let pids = server.wait_for_programs(1);
    assert_eq!(pids, server.sim_starts());
    assert!(is_alive(pids[0]));
    server.signal(Signal::KILL);
    assert_eq!(server.exit_code(), -9);
    all_gone(&pids);
}

#[test]
fn killing_the_server_leaves_neither_camera_nor_converter() {
    let mut server = Setup::simulated("ffmpeg").start();
    let mut parts = server.stream("/stream");
    parts.part();
    // The camera and ffmpeg.
    let pids = server.wait_for_programs(2);
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    server.signal(Signal::KILL);
    assert_eq!(server.exit_code(), -9);
    all_gone(&pids);
}

#[test]
fn one_pair_of_programs_for_all_viewers_of_h264() {
    let mut server = Setup::simulated("ffmpeg").start();
    let mut viewers: Vec<_> = (0..3).map(|_| server.stream("/stream")).collect();
    for parts in &mut viewers {
        parts.part();
    }
    let pids = server.wait_for_programs(2);
    drop(viewers);
    server.log.message("camera stopped");
    all_gone(&pids);
    server.stop();
}

//! The camera runs while somebody needs it, once, and never longer than the server.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Setup, Watcher, all_gone, eventually, is_alive, pass};

#[test]
fn the_camera_starts_for_the_first_and_stops_after_the_last() {
    let mut server = Setup::camera_sim().start();
    assert_eq!(server.camera()["state"], "idle");
    assert!(
        server.sim_starts().is_empty(),
        "nobody asked for pictures yet"
    );

    let mut first = server.stream("/stream");
    first.picture();
    let mut second = server.stream("/stream");
    second.picture();
    assert_eq!(server.camera()["state"], "live");
    let pids = server.sim_starts();
    assert_eq!(pids.len(), 1);
    drop(first);
    server.viewers(1);
    second.picture();
    drop(second);
    server.log.message("camera stopped");
    all_gone(&pids);
    assert_eq!(server.camera()["state"], "idle");
    assert_eq!(
        server.camera()["newest_frame_age_ms"],
        serde_json::Value::Null
    );
    assert_eq!(server.json("/health")["cameraActive"], false);

    server.stream("/stream").picture();
    let pids = server.sim_starts();
    assert_eq!(pids.len(), 2, "the next viewer starts it again");
    assert_eq!(server.camera()["starts"], 2);
    server.stop();
}

#[test]
fn the_camera_lingers_for_whoever_comes_back() {
    let mut server = Setup::camera_sim().camera("linger_s", 30.0).start();
    server.stream("/stream").picture();
    server.viewers(0);
    let pids = server.sim_starts();
    pass(Duration::from_millis(500));
    assert!(is_alive(pids[0]), "it runs on for a while");
    assert_eq!(server.camera()["state"], "live");
    server.stream("/stream").picture();
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
            parts.picture();
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

/// The camera's H.264, turned into JPEG. Encoders start with a number of frames, so there are many of them.
fn through_ffmpeg() -> Setup {
    Setup::simulated("ffmpeg").camera("framerate", 50.0)
}

/// Kills the server while its camera shows pictures, or has fallen silent: then it writes nothing, and so does not
/// notice by itself that its reader is gone.
fn check_killed(setup: Setup, programs: usize, falls_silent: bool) {
    let mut server = setup.start();
    let parts = server.stream("/stream");
    server.wait_for_state("live");
    let pids = server.wait_for_programs(programs);
    if falls_silent {
        server.fault("freeze");
        server.fault("stuck");
        server.wait_for_state("stalled");
    }
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    server.signal(Signal::KILL);
    assert_eq!(server.exit_code(), -9);
    all_gone(&pids);
    server.nothing_is_left();
    drop(parts);
}

#[test]
fn killing_the_server_leaves_no_camera() {
    check_killed(Setup::camera_sim(), 1, false);
    check_killed(
        Setup::camera_sim().camera("no_frame_timeout_s", 60.0),
        1,
        true,
    );
}

#[test]
fn killing_the_server_leaves_neither_camera_nor_converter() {
    check_killed(through_ffmpeg(), 2, false);
    check_killed(through_ffmpeg().camera("no_frame_timeout_s", 60.0), 2, true);
}

#[test]
fn a_converter_that_dies_takes_its_camera_along_and_both_come_back() {
    let mut server = through_ffmpeg().start();
    let watcher = Watcher::of(server.stream("/stream"));
    server.wait_for_state("live");
    let pids = server.wait_for_programs(2);
    kill_process(Pid::from_raw(pids[1]).unwrap(), Signal::KILL).unwrap();
    let line = server.log.message("the camera failed");
    assert!(
        line.raw.contains("ffmpeg was ended by signal 9"),
        "{}",
        line.raw
    );
    all_gone(&pids);
    server.wait_for_programs(4);
    server.wait_for_state("live");
    assert!(watcher.is_watching());
    server.stop();
}

#[test]
fn one_pair_of_programs_for_all_viewers_of_h264() {
    let mut server = through_ffmpeg().start();
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

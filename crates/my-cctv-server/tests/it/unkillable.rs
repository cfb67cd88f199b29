//! A camera program that outlives SIGKILL. A tracer that holds it and does not let it be reaped does what otherwise
//! only a driver stuck in the kernel does.

use std::{
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Server, Setup, Watcher, eventually, pass, script, sibling, skipped, tool};

/// Holds a process until it is dropped.
struct Tracer(Child);

impl Tracer {
    /// `None` where processes may not be traced.
    fn hold(pid: i32) -> Option<Self> {
        let child = Command::new(tool("strace", "strace"))
            .args([
                "-e",
                "trace=none",
                "-o",
                "/dev/null",
                "-p",
                &pid.to_string(),
            ])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut tracer = Self(child);
        let is_held = eventually("a tracer that holds the program", || {
            if tracer.0.try_wait().unwrap().is_some() {
                return Some(false);
            }
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let tracer = status.lines().find_map(|l| l.strip_prefix("TracerPid:"))?;
            (tracer.trim() != "0").then_some(true)
        });
        if !is_held {
            skipped("a program that cannot be killed: processes may not be traced here");
            return None;
        }
        kill_process(Pid::from_child(&tracer.0), Signal::STOP).unwrap();
        Some(tracer)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn setup() -> Setup {
    Setup::camera_sim()
        .camera("no_frame_timeout_s", 1.0)
        .another_camera("yard", "test")
        .camera("width", 320)
        .camera("height", 240)
}

fn wait_until_said(server: &Server) {
    let camera = eventually("a camera whose program cannot be killed", || {
        Some(server.camera()).filter(|camera| camera["cause"] == "unkillable")
    });
    assert_eq!(camera["state"], "failed");
    let message = camera["message"].as_str().unwrap();
    assert!(message.contains("must be restarted"), "{message}");
}

#[test]
fn nothing_new_is_started_until_the_kernel_lets_go() {
    let mut server = setup().start();
    let main = Watcher::of(server.stream("/stream"));
    let yard = Watcher::of(server.stream("/api/v1/cameras/yard/stream"));
    main.more_pictures(3);
    let Some(tracer) = Tracer::hold(server.sim_starts()[0]) else {
        return;
    };
    wait_until_said(&server);
    let incidents = || server.json("/api/v1/cameras/main/incidents")["incidents"].clone();
    let open = incidents()[0].clone();
    assert_eq!(
        (&open["cause"], &open["ended"]),
        (&"unkillable".into(), &serde_json::Value::Null)
    );
    assert!(open["advice"].as_str().unwrap().contains("reboot"));
    assert_eq!(server.json("/health")["status"], "degraded");
    // Longer than any wait before another try would be.
    let drawn = main.until("", |seen| Some(seen.placeholders()));
    pass(Duration::from_secs(3));
    main.until("more drawn pictures", |seen| {
        (seen.placeholders() >= drawn + 2).then_some(())
    });
    assert_eq!(server.sim_starts().len(), 1);
    assert_eq!(server.camera()["cause"], "unkillable");
    yard.more_parts(10);

    // A newcomer sees the same; one more leaves no second process behind.
    drop(main);
    let main = Watcher::of(server.stream("/stream"));
    main.until("a drawn picture", |seen| {
        (seen.placeholders() >= 1).then_some(())
    });
    assert_eq!(server.sim_starts().len(), 1);

    drop(tracer);
    main.more_pictures(5);
    let incidents = incidents();
    assert_eq!(incidents.as_array().unwrap().len(), 1);
    assert_eq!(incidents[0]["cause"], "unkillable");
    assert!(incidents[0]["ended"].is_string());
    assert_eq!(server.sim_starts().len(), 2);
    server.stop();
}

#[test]
fn a_camera_nobody_wants_and_a_server_that_stops_are_not_held_up() {
    let mut server = setup().start();
    let main = Watcher::of(server.stream("/stream"));
    main.more_pictures(3);
    let Some(tracer) = Tracer::hold(server.sim_starts()[0]) else {
        return;
    };
    drop(main);
    wait_until_said(&server);
    server.stream("/api/v1/cameras/yard/stream").part();
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 0);
    server
        .log
        .message("not everything ended in time: leaving all the same");
    drop(tracer);
    server.nothing_is_left();
}

#[test]
fn a_list_of_cameras_that_hangs_for_ever_is_the_trouble_of_one_camera() {
    let sim = sibling("camera-sim", "cargo build -p camera-sim");
    let setup = Setup::with_source("rpicam:0").sim("CAMERAS", "2");
    let (program, hangs, pid) = (
        setup.path("program"),
        setup.path("hangs"),
        setup.path("pid"),
    );
    fs::write(&hangs, "").unwrap();
    script(
        &program,
        &format!(
            "#!/bin/sh\nif [ \"$1\" = --list-cameras ] && [ -e '{hangs}' ]; then echo $$ >'{pid}'; exec sleep 1000; fi\n\
             exec '{sim}' \"$@\"\n",
            hangs = hangs.display(),
            pid = pid.display(),
            sim = sim.display()
        ),
    );
    let mut server = setup
        .camera("program", program.to_str().unwrap())
        .another_camera("yard", "rpicam:1")
        .camera("program", sim.to_str().unwrap())
        .start();
    let main = Watcher::of(server.stream("/stream"));
    let listing = eventually("a list that hangs", || {
        fs::read_to_string(&pid).ok()?.trim().parse().ok()
    });
    let Some(tracer) = Tracer::hold(listing) else {
        return;
    };
    let yard = Watcher::of(server.stream("/api/v1/cameras/yard/stream"));
    yard.more_pictures(3);
    wait_until_said(&server);
    assert_eq!(
        server.sim_starts().len(),
        2,
        "a list and a start, of the yard's"
    );
    fs::remove_file(&hangs).unwrap();
    drop(tracer);
    main.more_pictures(3);
    yard.more_pictures(3);
    server.stop();
}

//! Everything that a camera does wrong: the server stays up, says what happened, and its viewers stay.

use std::{thread, time::Duration};

use serde_json::Value;

use crate::harness::{Server, Setup, Watcher, eventually, pass};

/// What a viewer notices, and how the camera comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Pictures go on.
    Unnoticed,
    /// A drawn picture says what is wrong, then the same viewer gets pictures again.
    Recovers,
    /// Somebody has to do something first; whoever comes after that gets pictures.
    NeedsHelp,
    /// It never works.
    Hopeless,
}
use Course::{Hopeless, NeedsHelp, Recovers, Unnoticed};

struct Case {
    fault: &'static str,
    course: Course,
    /// The sentence in the API, empty if nothing is wrong.
    message: &'static str,
    /// Words in the log.
    log: &'static str,
}

const fn case(
    fault: &'static str,
    course: Course,
    message: &'static str,
    log: &'static str,
) -> Case {
    Case {
        fault,
        course,
        message,
        log,
    }
}

const ENDED: &str = "The camera ended its stream.";
const SILENT: &str = "The camera stopped sending pictures.";
const NO_ANSWER: &str = "The camera does not answer.";

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("exit@5", Recovers, ENDED, "camera-sim ended with code 0"),
    case("exit@5:255:failed to queue request", Recovers, NO_ANSWER, "camera-sim: failed to queue request"),
    case("exit@0:3", Recovers, ENDED, "camera-sim ended with code 3"),
    case("abort@5", Recovers, ENDED, "camera-sim was ended by signal 6"),
    case("signal@5:11", Recovers, ENDED, "camera-sim was ended by signal 11"),
    case("freeze@5", Recovers, SILENT, "no picture for 1 s"),
    case("timeout@5", Recovers, SILENT, "imeout"),
    case("eof@5", Recovers, ENDED, "the camera failed"),
    case("endless@5", Recovers, SILENT, "the camera sent what is no picture"),
    case("busy", Recovers, "Another program is using the camera.", "failed to acquire camera"),
    case("nocamera", Recovers, "No camera was found.", "no cameras available"),
    case("dmaheap", Recovers, "There is not enough camera memory.", "failed to allocate capture buffers"),
    case("startfailed", Recovers, NO_ANSWER, "failed to start camera"),
    case("slowstart:4s", Recovers, "", "pictures arrive"),
    case("permission", NeedsHelp, "The server is not allowed to use the camera.", "add the server's user to the group"),
    case("nomedia", NeedsHelp, "This machine has no camera connector.", "camera manager failed to start"),
    case("legacy", NeedsHelp, "The old camera system is switched on.", "raspi-config"),
    case("noexec", Hopeless, "The camera program cannot be run.", "camera-sim ended with code 126"),
    case("garbage@5/3:500", Unnoticed, "", "pictures arrive"),
    case("truncate@5/3", Unnoticed, "", "the camera sent what is no picture"),
    case("stderrflood@5:5000", Unnoticed, "", "pictures arrive"),
    case("unknown:--flush", Unnoticed, "", "the camera program does not know this option"),
    case("stuck", Unnoticed, "", "pictures arrive"),
];

fn setup(fault: &str) -> Setup {
    Setup::camera_sim()
        .camera("no_frame_timeout_s", 1.5)
        .camera("max_frame_bytes", 1 << 20)
        .sim("FAULT", fault)
}

/// Other routes answer; what they say of the camera.
fn others_answer(server: &Server) -> Value {
    let health = server.json("/health");
    let camera = server.camera();
    assert!(
        ["ok", "degraded"].contains(&health["status"].as_str().unwrap()),
        "{health}"
    );
    assert_eq!(server.get("/").status, 200);
    camera
}

/// Nothing is said for every frame.
fn is_calm(server: &Server) {
    assert!(server.log.len() < 50, "{} lines", server.log.len());
    for message in [
        "the camera failed",
        "the camera is in trouble",
        "the camera sent what is no picture: dropped",
    ] {
        let times = server.log.all(message).len();
        assert!(times <= 4, "{times} times: {message}");
    }
}

fn check(case: &Case) {
    let mut setup = setup(case.fault);
    if matches!(case.course, Recovers | NeedsHelp) {
        setup = setup.sim("FAULT_RUNS", "1");
    }
    if case.course == NeedsHelp {
        setup = setup.camera("linger_s", 0.0);
    }
    let mut server = setup.start();
    let watcher = Watcher::of(server.stream("/stream"));
    if !case.message.is_empty() {
        eventually(&format!("“{}”", case.message), || {
            let camera = others_answer(&server);
            (camera["message"] == case.message).then_some(())
        });
    }
    server
        .log
        .find(case.log, |line| line.raw.contains(case.log).then_some(()));

    match case.course {
        Unnoticed => {
            watcher.until("pictures", |seen| (seen.pictures() >= 25).then_some(()));
            assert_eq!(watcher.until("", |seen| Some(seen.placeholders())), 0);
            let camera = others_answer(&server);
            assert_eq!(
                (&camera["state"], &camera["message"]),
                (&"live".into(), &Value::Null)
            );
        }
        Recovers => {
            // At most five pictures came before the fault.
            watcher.until("pictures after a drawn one", |seen| {
                let drawn = seen.stamps.iter().rposition(Option::is_none)?;
                (seen.stamps.len() > drawn + 8).then_some(())
            });
            let camera = others_answer(&server);
            assert_eq!(
                (&camera["state"], &camera["message"]),
                (&"live".into(), &Value::Null)
            );
        }
        NeedsHelp | Hopeless => {
            watcher.until("drawn pictures", |seen| {
                (seen.placeholders() >= 2).then_some(())
            });
            assert_eq!(server.json("/health")["status"], "degraded");
            assert_eq!(server.get("/snapshot").status, 503);
        }
    }
    assert!(watcher.is_watching());
    assert_eq!(
        server.log.all("viewer came").len(),
        1,
        "nobody had to connect anew"
    );
    if case.course == NeedsHelp {
        drop(watcher);
        server.log.message("camera stopped");
        server.stream("/stream").picture();
    }
    is_calm(&server);
    server.stop();
}

#[test]
fn whatever_the_camera_does_the_server_goes_on() {
    let failed: Vec<&str> = thread::scope(|scope| {
        let running: Vec<_> = CASES
            .iter()
            .map(|case| (case.fault, scope.spawn(|| check(case))))
            .collect();
        let failed = running
            .into_iter()
            .filter_map(|(fault, thread)| thread.join().err().map(|_| fault));
        failed.collect()
    });
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_camera_that_falls_silent_and_comes_back_is_not_restarted() {
    let mut server = Setup::camera_sim()
        .camera("no_frame_timeout_s", 60.0)
        .start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(3);
    server.fault("freeze");
    let drawn = watcher.until("a drawn picture", |seen| {
        seen.stamps.iter().position(Option::is_none)
    });
    let camera = others_answer(&server);
    assert_eq!(
        (&camera["state"], &camera["message"]),
        (&"stalled".into(), &SILENT.into())
    );
    assert_eq!(server.json("/health")["status"], "degraded");
    // Browsers show a part only when the next one begins.
    watcher.until("another one", |seen| {
        (seen.placeholders() >= 2).then_some(())
    });
    server.fault("heal");
    watcher.until("pictures", |seen| {
        (seen.stamps[drawn..].iter().flatten().count() >= 3).then_some(())
    });
    assert_eq!(others_answer(&server)["state"], "live");
    assert_eq!(server.sim_starts().len(), 1);
    server.stop();
}

#[test]
fn a_camera_that_always_fails_is_tried_more_and_more_seldom() {
    let mut server = setup("exit@0:1").start();
    let watcher = Watcher::of(server.stream("/stream"));
    pass(Duration::from_millis(4500));
    // At once, after one second, after two more, and then in five.
    let starts = server.sim_starts().len();
    assert!((2..=3).contains(&starts), "{starts} starts");
    let waits: Vec<_> = server
        .log
        .all("the camera failed")
        .iter()
        .map(|line| line.fields["retry_in_s"].clone())
        .collect();
    assert_eq!(waits, [1, 2, 5][..waits.len()]);
    assert!(watcher.is_watching());
    is_calm(&server);
    server.stop();
}

#[test]
fn a_camera_that_sends_nothing_but_broken_pictures() {
    let mut server = setup("truncate@0/1").start();
    let watcher = Watcher::of(server.stream("/stream"));
    let dropped = eventually("dropped pictures", || {
        others_answer(&server)["dropped_pictures"]
            .as_u64()
            .filter(|count| *count >= 15)
    });
    let lines = server
        .log
        .all("the camera sent what is no picture: dropped");
    assert!(
        (1..=3).contains(&lines.len()),
        "{} lines for {dropped} pictures",
        lines.len()
    );
    watcher.until("a drawn picture", |seen| {
        (seen.placeholders() >= 1).then_some(())
    });
    assert_eq!(watcher.until("", |seen| Some(seen.pictures())), 0);
    server.stop();
}

#[test]
fn one_camera_in_trouble_does_not_trouble_the_other() {
    let mut server = setup("camera=1 endless@3; camera=1 stuck")
        .sim("CAMERAS", "2")
        .camera("source", "rpicam:0")
        // Its picture is late after two seconds then: a busy machine is not what is tested.
        .camera("no_frame_timeout_s", 10.0)
        .another_camera("yard", "rpicam:1")
        .camera(
            "program",
            crate::harness::sibling("camera-sim", "cargo build -p camera-sim")
                .to_str()
                .unwrap(),
        )
        .camera("no_frame_timeout_s", 1.0)
        .start();
    let main = Watcher::of(server.stream("/stream"));
    let yard = Watcher::of(server.stream("/api/v1/cameras/yard/stream"));
    yard.until("a drawn picture", |seen| {
        (seen.placeholders() >= 1).then_some(())
    });
    main.more_pictures(20);
    assert_eq!(main.until("", |seen| Some(seen.placeholders())), 0);
    let cameras = server.json("/api/v1/cameras")["cameras"].clone();
    assert_eq!(cameras[0]["state"], "live");
    assert_eq!(cameras[0]["dropped_pictures"], 0);
    // It is tried again and again, and each time gives a few pictures first.
    eventually("trouble", || {
        let yard = server.json("/api/v1/cameras/yard");
        (yard["state"] != "live").then_some(())
    });
    server.stop();
}

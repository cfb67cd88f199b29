//! Each fault, as spelled in the README.

use std::time::Duration;

use crate::sim::{End, Place, STREAM, append, split};

const QUIET: Duration = Duration::from_millis(150);

#[test]
fn cameras_that_cannot_be_had() {
    let check = |fault: &str, code: i32, expected: &str| {
        let (end, stdout, stderr) = Place::new().with("FAULT", fault).run(STREAM);
        assert_eq!((end, stdout.len()), (End::Code(code), 0), "{fault}");
        assert!(stderr.contains(expected), "{fault}: {stderr}");
    };
    check(
        "busy",
        255,
        "ERROR: *** failed to acquire camera /base/soc/",
    );
    check("nocamera", 255, "ERROR: *** no cameras available ***");
    check(
        "nomedia",
        255,
        "ERROR: *** camera manager failed to start, code 19 ***",
    );
    check(
        "dmaheap",
        255,
        "ERROR: *** failed to allocate capture buffers for stream ***",
    );
    check("permission", 255, "Could not open any dmaHeap device");
    check("startfailed", 255, "ERROR: *** failed to start camera ***");
    check(
        "unknown:--flush",
        255,
        "ERROR: *** unrecognised option '--flush' ***",
    );
    check("noexec", 126, "");
    check(
        "exit@0:255:failed to queue request",
        255,
        "ERROR: *** failed to queue request ***",
    );
}

#[test]
fn ends() {
    let check = |fault: &str, end: End, frames: usize| {
        let (got, stdout, _) = Place::new().with("FAULT", fault).run(STREAM);
        assert_eq!((got, split(&stdout).0.len()), (end, frames), "{fault}");
    };
    check("exit@5", End::Code(0), 5);
    check("exit@3:7", End::Code(7), 3);
    check("abort@4", End::Signal(6), 4);
    check("signal@2:11", End::Signal(11), 2);
}

#[test]
fn what_is_no_frame() {
    let check = |fault: &str, frames: usize, dropped_bytes: u64| {
        let place = Place::new().with("FAULT", fault);
        let (_, stdout, _) = place.run("--frames 6 -n --flush --codec mjpeg --framerate 100 -o -");
        let (stamps, dropped) = split(&stdout);
        assert_eq!(
            (stamps.len(), dropped.bytes),
            (frames, dropped_bytes),
            "{fault}"
        );
    };
    check("garbage@2:50", 6, 50);
    check("garbage@1/2:50", 6, 150);
    check("truncate@2", 5, 8_150);
    check("truncate@2:100;truncate@4:200", 4, 300);
}

#[test]
fn endless_jpeg_until_healed() {
    let mut place = Place::new().with("FAULT", "endless@1");
    let control = place.path("control");
    place.set("CONTROL", control.to_str().unwrap());
    let mut sim = place.start(STREAM);
    sim.read_at_least(3 << 20);
    append(&control, "heal");
    let stamps = sim.frames(3);
    assert!(stamps[0].sequence > 1);
}

#[test]
fn output_closed_without_an_end() {
    let mut sim = Place::new().with("FAULT", "eof@2").start(STREAM);
    sim.frames(2);
    assert!(sim.frame().is_none());
    assert!(sim.stays(QUIET));
}

#[test]
fn a_pause_of_the_camera() {
    let mut sim = Place::new().with("FAULT", "freeze@2:300ms").start(STREAM);
    let stamps = sim.frames(4);
    let gap_ns = stamps[2].captured_ns - stamps[1].captured_ns;
    assert!(gap_ns >= 300_000_000, "{gap_ns}");
    assert!(
        stamps[2].sequence - stamps[1].sequence >= 30,
        "frames are counted meanwhile"
    );
}

#[test]
fn a_slow_start() {
    let began = std::time::Instant::now();
    let mut sim = Place::new().with("FAULT", "slowstart:400ms").start(STREAM);
    sim.frames(1);
    assert!(began.elapsed() >= Duration::from_millis(400));
}

#[test]
fn a_lost_camera_that_comes_back() {
    let mut place = Place::new().with("FAULT", "timeout@2");
    let control = place.path("control");
    place.set("CONTROL", control.to_str().unwrap());
    let mut sim = place.start(STREAM);
    sim.frames(2);
    sim.wait_for("attempting a restart!!!");
    assert!(sim.is_silent(QUIET));
    append(&control, "heal");
    sim.frames(3);
}

#[test]
fn faults_on_command_strike_once() {
    let mut place = Place::new();
    let control = place.path("control");
    place.set("CONTROL", control.to_str().unwrap());
    let mut sim = place.start(STREAM);
    sim.frames(3);
    append(&control, "camera=1 abort");
    sim.frames(3);
    append(&control, "exit:3");
    assert_eq!(sim.finish().0, End::Code(3));
    // The next start does not read the old lines again.
    place.start(STREAM).frames(10);
}

#[test]
fn only_the_first_starts_are_sick() {
    let place = Place::new()
        .with("FAULT", "nocamera")
        .with("FAULT_RUNS", "2");
    for _ in 0..2 {
        assert_eq!(place.run(STREAM).0, End::Code(255));
    }
    place.start(STREAM).frames(1);
}

#[test]
fn each_start_takes_one_line() {
    let mut place = Place::new();
    let path = place.path("next");
    place.set("NEXT_STARTS", path.to_str().unwrap());
    // A file that is not there yet is as good as an empty one.
    place.start(STREAM).frames(1);
    append(&path, "busy\n\nnoexec\nunknown:--flush\nexit@2:7\n");
    assert_eq!(place.run(STREAM).0, End::Code(255));
    place.start(STREAM).frames(5);
    assert_eq!(place.run(STREAM).0, End::Code(126));
    assert!(place.run(STREAM).2.contains("unrecognised option"));
    let mut sim = place.start(STREAM);
    sim.frames(2);
    assert_eq!(sim.finish().0, End::Code(7));
    place.start(STREAM).frames(5);
}

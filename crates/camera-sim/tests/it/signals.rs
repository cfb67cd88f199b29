//! The table of signals in the notes on rpicam-vid, line by line.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use crate::sim::{End, Place, STREAM, Sim, split};

/// Long enough that something which reacts would have reacted.
const A_WHILE: Duration = Duration::from_millis(250);

#[test]
fn sigint_ends_cleanly() {
    let mut sim = Place::new().start("-t 0 -n --codec mjpeg --framerate 100 -o -");
    sim.read_at_least(40_000);
    sim.send(Signal::INT);
    let (end, rest, stderr) = sim.finish();
    assert_eq!(end, End::Code(0));
    assert!(rest.ends_with(b"\xFF\xD9"), "the last frame is whole");
    assert!(stderr.ends_with("Received signal 2\n"), "{stderr}");
}

#[test]
fn sigint_before_streaming_kills() {
    let mut sim = Place::new().with("START_MS", "60000").start(STREAM);
    sim.wait_for("configuring streams");
    sim.send(Signal::INT);
    assert_eq!(sim.end(), End::Signal(2));
}

#[test]
fn sigterm_and_sighup_kill() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::HUP, 1)] {
        let mut sim = Place::new().start(STREAM);
        sim.frames(1);
        sim.send(signal);
        assert_eq!(sim.end(), End::Signal(number));
    }
}

/// SIGINT is logged and does nothing; SIGTERM ends it.
fn check_deaf_to_sigint(mut sim: Sim) {
    sim.send(Signal::INT);
    sim.wait_for("Received signal 2");
    assert!(sim.stays(A_WHILE));
    sim.send(Signal::TERM);
    assert_eq!(sim.end(), End::Signal(15));
}

#[test]
fn sigint_does_nothing_while_frozen() {
    let mut sim = Place::new().with("FAULT", "freeze@2").start(STREAM);
    sim.frames(2);
    assert!(sim.is_silent(A_WHILE));
    check_deaf_to_sigint(sim);
}

#[test]
fn sigint_does_nothing_while_timing_out() {
    let mut sim = Place::new().with("FAULT", "timeout@2").start(STREAM);
    sim.frames(2);
    sim.wait_for("ERROR: Device timeout detected, attempting a restart!!!");
    assert!(sim.stderr().contains("Camera frontend has timed out!"));
    check_deaf_to_sigint(sim);
}

#[test]
fn sigint_waits_for_a_stalled_reader() {
    let sim = Place::new().start(STREAM);
    sim.wait_for_stall();
    // The buffers fill up behind the pipe.
    assert!(sim.stays(A_WHILE));
    sim.send(Signal::INT);
    sim.wait_for("Received signal 2");
    assert!(sim.stays(A_WHILE));
    let (end, rest, _) = sim.finish();
    assert_eq!(end, End::Code(0), "it was only waiting");
    assert_eq!(split(&rest).1, media::jpeg::Dropped::default());
}

#[test]
fn sigint_hangs_on_a_full_stderr() {
    let place = Place::new().with("FAULT", "stderrflood@2");
    let child = place
        .command(STREAM)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut sim = Sim::new(&place, child, place.path("frames.mjpeg"));
    sim.frames(2);
    assert!(sim.is_silent(A_WHILE), "blocked on stderr");
    sim.send(Signal::INT);
    assert!(sim.stays(A_WHILE));
    sim.send(Signal::TERM);
    assert_eq!(sim.end(), End::Signal(15));
}

#[test]
fn user_signals() {
    let mut sim = Place::new().start(STREAM);
    sim.frames(1);
    sim.send(Signal::USR2);
    sim.wait_for("Received signal 12");
    sim.frames(10);
    drop(sim);
    let mut sim = Place::new().start(&format!("{STREAM} -s"));
    sim.frames(1);
    sim.send(Signal::USR2);
    let (end, rest, _) = sim.finish();
    assert_eq!(end, End::Code(0));
    assert!(rest.is_empty() || rest.ends_with(b"\xFF\xD9"));
}

#[test]
fn sigusr1_pauses_and_resumes() {
    let mut sim = Place::new().start(&format!("{STREAM} -s -i pause --info-text frame=%frame"));
    // Before streaming the signal would kill.
    sim.wait_for("frame=5\n");
    assert_eq!(sim.waiting_bytes(), 0);
    sim.send(Signal::USR1);
    let first = sim.frames(2)[0];
    assert!(first.sequence > 5);
}

#[test]
fn stuck_ends_by_sigkill_only() {
    let mut sim = Place::new().with("FAULT", "stuck").start(STREAM);
    sim.frames(1);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        sim.send(signal);
    }
    assert!(sim.stays(A_WHILE));
    sim.frames(10);
    sim.send(Signal::KILL);
    assert_eq!(sim.end(), End::Signal(9));
}

//! How bytes reach the pipe.

use std::time::Duration;

use crate::sim::{End, Place, STREAM, split, wait_until};

const QUIET: Duration = Duration::from_millis(150);
const UNFLUSHED: &str = "-t 0 -n --codec mjpeg --framerate 100 -o -";

#[test]
fn without_flush_the_tail_waits_for_the_next_frame() {
    for (frames, bytes) in [(1, 12_288), (2, 28_672)] {
        let place = Place::new().with("FAULT", &format!("freeze@{frames}"));
        let mut sim = place.start(UNFLUSHED);
        assert_eq!(sim.read_at_least(bytes).len(), bytes);
        assert!(sim.is_silent(QUIET));
        sim.send(rustix::process::Signal::TERM);
        let (end, rest, _) = sim.finish();
        assert_eq!(
            (end, rest.len()),
            (End::Signal(15), 0),
            "what stdio held is lost"
        );
    }
}

#[test]
fn with_flush_each_frame_is_whole_at_once() {
    let place = Place::new().with("FAULT", "freeze@2");
    let mut sim = place.start(STREAM);
    assert_eq!(sim.read_at_least(2 * 16_300).len(), 2 * 16_300);
    assert!(sim.is_silent(QUIET));
}

#[test]
fn a_clean_end_flushes() {
    let (end, stdout, _) = Place::new().with("FAULT", "exit@2").run(UNFLUSHED);
    assert_eq!((end, stdout.len()), (End::Code(0), 2 * 16_300));
}

#[test]
fn stamps_count_and_go_forward() {
    let mut sim = Place::new().start(STREAM);
    let stamps = sim.frames(10);
    assert_eq!(stamps[0].sequence, 0);
    for pair in stamps.windows(2) {
        assert!(pair[0].sequence < pair[1].sequence);
        assert!(pair[0].written_ns < pair[1].written_ns);
        assert_eq!(
            (pair[1].captured_ns - pair[0].captured_ns) % 10_000_000,
            0,
            "on schedule"
        );
    }
    assert!(
        stamps
            .iter()
            .all(|s| s.captured_ns <= s.written_ns && s.written_ns <= camera_sim::clock::now_ns())
    );
}

#[test]
fn a_stalled_reader_costs_frames_not_memory() {
    let mut sim = Place::new().start(STREAM);
    sim.frames(3);
    sim.wait_for_stall();
    let before_kb = sim.resident_kb();
    // 60 frames of 16 kB would be a megabyte.
    let began = std::time::Instant::now();
    wait_until("60 frame times", || {
        began.elapsed() > Duration::from_millis(600)
    });
    let after_kb = sim.resident_kb();
    assert!(
        after_kb < before_kb + 500,
        "{before_kb} kB, then {after_kb} kB"
    );
    let stamps = sim.frames(40);
    let gap = stamps
        .windows(2)
        .position(|pair| pair[1].sequence - pair[0].sequence >= 20);
    // 4 in the pipe, 1 being written, 6 camera buffers; then fresh ones.
    let stale = gap.expect("a gap") + 1;
    assert!((7..=15).contains(&stale), "{stale} stale frames");
}

#[test]
fn a_closed_pipe_aborts() {
    let mut sim = Place::new().start(STREAM);
    sim.frames(1);
    sim.stdout = None;
    let (end, _, stderr) = sim.finish();
    assert_eq!(end, End::Signal(6));
    assert!(stderr.contains("Received signal 13\n"), "{stderr}");
    assert!(
        stderr.ends_with("what():  failed to write output bytes\n"),
        "{stderr}"
    );
}

#[test]
fn drawn_frames_have_the_wanted_size_and_are_pictures() {
    let mut place = Place::new().with("FRAMES", "").with("FRAME_BYTES", "6000");
    place.set("CYCLE", "2");
    let (end, stdout, stderr) =
        place.run("--codec mjpeg --width 160 --height 120 --frames 4 -n --framerate 100 -o -");
    assert_eq!(end, End::Code(0), "{stderr}");
    let (stamps, dropped) = split(&stdout);
    assert_eq!(stamps.len(), 4);
    assert_eq!(dropped, media::jpeg::Dropped::default());
    assert!(
        (4 * 5_500..4 * 6_600).contains(&stdout.len()),
        "{}",
        stdout.len()
    );
    // Without a wanted size: the pattern with number and clock.
    let place = Place::new().with("FRAMES", "");
    let (end, stdout, stderr) =
        place.run("--codec mjpeg --width 160 --height 120 --frames 2 -n -o -");
    assert_eq!(end, End::Code(0), "{stderr}");
    assert_eq!(media::jpeg::dimensions(&stdout), Some((160, 120)));
    assert_eq!(split(&stdout).0.len(), 2);
}

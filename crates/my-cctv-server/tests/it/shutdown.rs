//! The end of the server: viewers see the end of their stream, the camera is gone, and nobody waits long.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::harness::{Client, Parts, Server, Setup, Watcher, is_alive};

/// It ended within the three seconds that are promised, by its own clock: else it would not say this, but whom it has left
/// behind. A clock of the test's would count what other programs on the machine do.
fn ended_in_time(server: &Server) {
    server.log.message("stopped");
    let late = server
        .log
        .all("not everything ended in time: leaving all the same");
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn viewers_see_the_end_and_the_camera_is_stopped() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Setup::camera_sim().start();
        let old = Client::new(server.address)
            .http_1_0()
            .request("GET", "/stream");
        let watchers = [server.stream("/stream"), Parts::of(old)].map(Watcher::of);
        let idle = Client::new(server.address).socket();
        for watcher in &watchers {
            watcher.more_pictures(2);
        }
        server.signal(signal);
        for watcher in &watchers {
            watcher.ends_well();
        }
        assert_eq!(server.exit_code(), 0);
        ended_in_time(&server);
        server.nothing_is_left();
        assert_eq!(server.log.all("viewer gone").len(), 2);
        for line in server.log.all("viewer gone") {
            assert_eq!(line.fields["reason"], "the server stops");
        }
        drop(idle);
    }
}

#[test]
fn a_stream_with_heads_in_advance_ends_behind_a_whole_head() {
    let mut server = Setup::camera_sim().start();
    let mut parts = server.stream("/stream?advance_headers=1");
    parts.picture();
    server.signal(Signal::TERM);
    parts.ends_well();
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_camera_that_ignores_signals_is_gone_all_the_same() {
    let mut server = Setup::camera_sim().sim("FAULT", "stuck").start();
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(2);
    server.signal(Signal::TERM);
    watcher.ends_well();
    assert_eq!(server.exit_code(), 0);
    ended_in_time(&server);
    server.nothing_is_left();
}

#[test]
fn a_stalled_viewer_does_not_hold_up_the_end() {
    let mut server = Setup::camera_sim().frame_bytes(40_000).start();
    let stalled = Client::with_receive_buffer(server.address, 4096).request("GET", "/stream");
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(5);
    server.signal(Signal::TERM);
    watcher.ends_well();
    assert_eq!(server.exit_code(), 0);
    ended_in_time(&server);
    // What the stalled one still gets ends within a picture, with nothing written behind it.
    let rest = stalled.bytes();
    assert!(
        !rest.ends_with(b"--\r\n"),
        "a delimiter inside of a picture"
    );
    server.nothing_is_left();
}

#[test]
fn a_camera_that_never_gave_a_picture_is_stopped_too() {
    let mut server = Setup::camera_sim().sim("START_MS", "60000").start();
    let watcher = Watcher::of(server.stream("/stream"));
    server.log.message("camera program started");
    server.signal(Signal::TERM);
    watcher.ends_well();
    assert_eq!(server.exit_code(), 0);
    server.nothing_is_left();
}

#[test]
fn a_second_signal_leaves_at_once() {
    let mut server = Setup::camera_sim().sim("FAULT", "stuck").start();
    let mut parts = server.stream("/stream");
    parts.picture();
    server.signal(Signal::TERM);
    server.log.message("stopping");
    server.signal(Signal::TERM);
    assert_eq!(server.exit_code(), 1);
    server.log.message("a second signal");
    assert!(
        server.log.all("stopped").is_empty(),
        "it did not wait for the camera"
    );
    server.nothing_is_left();
}

#[test]
fn a_connection_during_the_end_is_not_left_hanging() {
    let mut server = Setup::camera_sim().sim("FAULT", "stuck").start();
    let mut parts = server.stream("/stream");
    parts.picture();
    assert!(is_alive(server.sim_starts()[0]));
    server.signal(Signal::TERM);
    server.log.message("stopping");
    parts.ends_well();
    assert_eq!(server.exit_code(), 0);
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let setup = Setup::camera_sim().server("port", i64::from(port));
    let output = setup.serve().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    assert!(
        text.contains("another program has this port") && text.contains("--port"),
        "{text}"
    );
    assert!(!text.contains("\"listening\""), "{text}");
}

#[test]
fn a_free_port_is_free_again_at_once() {
    let mut server = Setup::camera_sim().start();
    server.stream("/stream").picture();
    let port = server.address.port();
    server.stop();
    let mut server = Setup::camera_sim().server("port", i64::from(port)).start();
    assert_eq!(server.get("/health").status, 200);
    server.stop();
}

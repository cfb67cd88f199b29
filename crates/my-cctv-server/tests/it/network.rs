//! Network cameras: MJPEG over HTTP from another server, from ffmpeg, and from peers that do everything wrong.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    process::Command,
    thread,
    time::Duration,
};

use crate::harness::{Program, Server, Setup, decode, frames, pass, tool};

/// A peer that answers every connection with the same bytes, the request forgotten.
fn peer(answer: impl Fn() -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let mut request = [0; 4096];
            let _ = socket.read(&mut request);
            for piece in answer() {
                if socket.write_all(&piece).is_err() {
                    break;
                }
                pass(Duration::from_millis(20));
            }
        }
    });
    address
}

fn watching(source: String) -> Server {
    Setup::with_source(&source).start()
}

/// JPEGs as a camera would send them.
fn jpegs() -> Vec<Vec<u8>> {
    let bytes = std::fs::read(frames()).unwrap();
    let mut splitter = media::jpeg::Splitter::new(8 << 20);
    splitter.extend(&bytes);
    let mut found = Vec::new();
    while let Some(picture) = splitter.next_picture() {
        found.push(picture.to_vec());
    }
    assert!(found.len() > 1);
    found
}

#[test]
fn another_server_of_ours_is_a_camera() {
    let mut first = Setup::camera_sim().start();
    let mut second = watching(first.url("/stream"));
    assert_eq!(first.camera()["state"], "idle", "nobody watches yet");
    let mut parts = second.stream("/stream");
    let sequence: Vec<u64> = (0..5).map(|_| parts.picture().sequence()).collect();
    assert!(
        sequence.windows(2).all(|pair| pair[0] < pair[1]),
        "{sequence:?}"
    );
    first.viewers(1);
    drop(parts);
    second.stop();
    first.viewers(0);
    first.stop();
}

#[test]
fn ffmpeg_is_a_camera() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}/video");
    let mut ffmpeg = Command::new(tool("ffmpeg", "ffmpeg"));
    ffmpeg
        .args("-nostdin -v error -re -f lavfi -i testsrc=size=160x120:rate=10 -c:v mjpeg -f mpjpeg -listen 1".split(' '))
        .arg(&url);
    let _ffmpeg = Program::start(&mut ffmpeg);
    let mut server = watching(url);
    let mut parts = server.stream("/stream");
    server.wait_for_state("live");
    let pictures: Vec<_> = (0..10).map(|_| parts.part().jpeg).collect();
    assert_eq!(pictures.last().map(|jpeg| decode(jpeg)), Some((160, 120)));
    drop(parts);
    server.stop();
}

#[test]
fn heads_that_are_wrong_do_not_matter() {
    const DASHES: &str = "------------------------------------------------------------";
    for (kind, between) in [
        // No lengths, a boundary of 60 dashes, and fewer of them in the body than announced.
        (
            format!("multipart/x-mixed-replace;boundary={DASHES}"),
            format!("\r\n{}\r\nContent-Type: image/jpeg\r\n\r\n", &DASHES[2..]),
        ),
        // A length that lies, a quoted boundary.
        (
            "multipart/x-mixed-replace; boundary=\"a b\"".to_owned(),
            "\r\n--a b\r\nContent-Length: 3\r\n\r\n".to_owned(),
        ),
        // No type at all.
        (String::new(), "\n".to_owned()),
    ] {
        let head = format!("HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\nServer : bad space\r\n\r\n");
        let pictures = jpegs();
        let sent = pictures.clone();
        let address = peer(move || {
            let mut pieces = vec![head.clone().into_bytes()];
            for picture in sent.iter().cycle().take(100) {
                pieces.push([between.as_bytes(), picture].concat());
            }
            pieces
        });
        let mut server = watching(format!("http://{address}/"));
        let mut parts = server.stream("/stream");
        for _ in 0..3 {
            let picture = parts.part().jpeg;
            assert!(
                pictures.contains(&picture),
                "whole and untouched, with {kind}"
            );
        }
        drop(parts);
        server.stop();
    }
}

/// What the page says, and what the log adds.
fn check(answer: &'static [u8], sentence: &str, detail: &str) {
    let address = peer(move || vec![answer.to_vec()]);
    let mut server = watching(format!("http://me:secret@{address}/video?token=secret"));
    let viewer = server.stream("/stream");
    let camera = server.wait_for_state("failed");
    assert_eq!(camera["message"], sentence);
    assert!(camera["cause"].is_string());
    assert_eq!(camera["source"], format!("http://{address}/video"));
    let line = server.log.message("the camera failed");
    let words = line.fields["failure"].as_str().unwrap();
    assert!(words.contains(detail), "`{words}` does not say `{detail}`");
    assert_eq!(server.get("/health").status, 200);
    drop(viewer);
    server.stop();
    assert!(
        !server.log.to_end().contains("secret"),
        "a secret is in the log"
    );
}

#[test]
fn what_is_no_camera_is_said_in_words() {
    const OTHER: &str = "The camera sends something else than pictures.";
    const GONE: &str = "The camera cannot be reached.";
    check(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
        OTHER,
        "302",
    );
    check(
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        OTHER,
        "404",
    );
    check(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>",
        OTHER,
        "text/html",
    );
    check(
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        "The camera refused the login.",
        "401",
    );
    check(
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        "Another program is using the camera.",
        "503",
    );
    check(b"220 mail.example ESMTP\r\n", GONE, "");
    check(b"", GONE, "");
    check(
        b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n\xFF\xD8\xFF",
        GONE,
        "ended",
    );
}

#[test]
fn heads_and_bodies_without_end_are_bounded() {
    let address = peer(|| {
        let mut pieces = vec![b"HTTP/1.1 200 OK\r\n".to_vec()];
        pieces.extend((0..200).map(|_| [b"X: ".as_slice(), &[b'a'; 8000], b"\r\n"].concat()));
        pieces
    });
    let mut server = watching(format!("http://{address}/"));
    let viewer = server.stream("/stream");
    server.wait_for_state("failed");
    drop(viewer);
    server.stop();

    let address = peer(|| {
        let mut pieces = vec![b"HTTP/1.0 200 OK\r\n\r\n\xFF\xD8\xFF\xDA\x00\x02".to_vec()];
        pieces.extend((0..64).map(|_| vec![7; 1 << 20]));
        pieces
    });
    let mut server = Setup::with_source(&format!("http://{address}/"))
        .camera("max_frame_bytes", 1 << 20)
        .start();
    let viewer = server.stream("/stream");
    server
        .log
        .message("the camera sent what is no picture: dropped");
    assert!(server.rss_kib() < 40_000, "{} KiB", server.rss_kib());
    drop(viewer);
    server.stop();
}

#[test]
fn places_with_secrets_are_not_asked() {
    let mut server = watching("http://169.254.169.254/latest/meta-data".to_owned());
    let viewer = server.stream("/stream");
    assert_eq!(
        server.wait_for_state("failed")["message"],
        "The camera cannot be reached."
    );
    drop(viewer);
    server.stop();
}

//! Network cameras that speak RTSP: GStreamer's server with and without a login, and peers that mean harm.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::{
    LIMIT, Parts, Program, Server, Setup, decode, draw, eventually, is_alive, pass,
};

const SECRET: &str = "hunter2hunter2";
/// None of them is the size of the pictures that the server draws.
const H264: (usize, usize) = (176, 144);
const H265: (usize, usize) = (192, 128);
const JPEG: (usize, usize) = (160, 128);

/// Two minutes of video in each format, made once for all tests of a run: no camera encodes while it is watched.
fn videos() -> &'static Path {
    static VIDEOS: OnceLock<TempDir> = OnceLock::new();
    let folder = VIDEOS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let video = |name: &str, (width, height): (usize, usize), noise: u32, options: &str| {
            let scene = format!("testsrc=size={width}x{height}:rate=10,noise=alls={noise}:allf=t");
            let options: Vec<_> = options.split(' ').collect();
            draw(&folder.path().join(name), &scene, 1200, &options);
        };
        let h264 = "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 10";
        video("h264.mkv", H264, 0, h264);
        video(
            "rare.mkv",
            H264,
            0,
            &format!("{h264}00000 -sc_threshold 0"),
        );
        let bare = |(width, height): (usize, usize), count| {
            let path = folder.path().join(format!("{width}.h264"));
            let scene = format!("testsrc=size={width}x{height}:rate=10");
            draw(&path, &scene, count, &h264.split(' ').collect::<Vec<_>>());
            fs::read(path).unwrap()
        };
        let changing = [bare(H264, 30), bare((208, 160), 1200)].concat();
        fs::write(folder.path().join("changing.h264"), changing).unwrap();
        video("noisy.mkv", H264, 100, &format!("{h264} -qp 4"));
        video(
            "h265.mkv",
            H265,
            0,
            "-c:v libx265 -preset ultrafast -tune zerolatency -x265-params keyint=10:log-level=error",
        );
        // RFC 2435 knows the standard Huffman tables only.
        video(
            "jpeg.mkv",
            JPEG,
            20,
            "-c:v mjpeg -huffman default -pix_fmt yuvj420p -q:v 5",
        );
        folder
    });
    folder.path()
}

/// GStreamer's RTSP server.
struct Peer {
    program: Program,
    port: u16,
}

impl Peer {
    fn start(login: Option<&str>) -> Self {
        Self::start_at(0, login)
    }

    fn start_at(port: u16, login: Option<&str>) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/rtsp_server.py");
        let file = |name: &str| {
            format!(
                "filesrc location={} ! matroskademux",
                videos().join(name).display()
            )
        };
        // Not the first python3 in the path: Debian's has Debian's packages.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(port.to_string()).args([
            format!("/h264={} ! rtph264pay name=pay0 pt=96", file("h264.mkv")),
            format!("/rare={} ! rtph264pay name=pay0 pt=96", file("rare.mkv")),
            format!("/noisy={} ! rtph264pay name=pay0 pt=96", file("noisy.mkv")),
            format!("/h265={} ! rtph265pay name=pay0 pt=96", file("h265.mkv")),
            format!("/jpeg={} ! rtpjpegpay name=pay0 pt=26", file("jpeg.mkv")),
            format!(
                "/changing=filesrc location={} ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=-1",
                videos().join("changing.h264").display()
            ),
            "/sound=audiotestsrc is-live=true ! mulawenc ! rtppcmupay name=pay0 pt=0".to_owned(),
        ]);
        if let Some(login) = login {
            command
                .env("RTSP_LOGIN", login)
                .env("RTSP_PASSWORD", SECRET);
        }
        let mut program = Program::start(command.stdout(Stdio::piped()));
        let mut line = String::new();
        BufReader::new(program.stdout())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().expect("the peer says its port");
        Self { program, port }
    }

    fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}{path}", self.port)
    }

    fn url_with(&self, login: &str, path: &str) -> String {
        format!("rtsp://{login}@127.0.0.1:{}{path}", self.port)
    }
}

fn watching(source: &str) -> Server {
    Setup::with_source(source).start()
}

/// Reads on until a picture of this size comes, drawn ones passed over.
fn picture(parts: &mut Parts, size: (usize, usize)) -> Vec<u8> {
    let deadline = Instant::now() + 2 * LIMIT;
    loop {
        let jpeg = parts.part().jpeg;
        let (width, height) = media::jpeg::dimensions(&jpeg).unwrap();
        if (usize::from(width), usize::from(height)) == size {
            return jpeg;
        }
        assert!(Instant::now() < deadline, "no picture of {size:?} in time");
    }
}

/// Reads on until the server shows a picture of its own.
fn placeholder(parts: &mut Parts) {
    picture(parts, (320, 240));
}

#[test]
fn h264_and_h265_are_shown_as_jpeg() {
    let peer = Peer::start(None);
    for (path, size) in [("/h264", H264), ("/h265", H265)] {
        let mut server = watching(&peer.url(path));
        let mut parts = server.stream("/stream");
        let mut seen = Vec::new();
        for _ in 0..10 {
            let jpeg = picture(&mut parts, size);
            assert_eq!(decode(&jpeg), size, "{path}");
            seen.push(jpeg);
        }
        seen.dedup();
        assert_eq!(seen.len(), 10, "{path}: the picture moves");
        server.wait_for_programs(1);
        drop(parts);
        server.stop();
    }
}

#[test]
fn the_first_key_frame_is_enough() {
    let peer = Peer::start(None);
    let mut server = watching(&peer.url("/rare"));
    let mut parts = server.stream("/stream");
    for _ in 0..10 {
        picture(&mut parts, H264);
    }
    drop(parts);
    server.stop();
}

/// From the first scan to the end.
fn scan(jpeg: &[u8]) -> &[u8] {
    let start = jpeg.windows(2).position(|two| two == b"\xFF\xDA").unwrap();
    &jpeg[start + 14..]
}

#[test]
fn jpeg_is_passed_through_untouched() {
    let mut splitter = media::jpeg::Splitter::new(1 << 20);
    let mut sent = Vec::new();
    for chunk in fs::read(videos().join("jpeg.mkv")).unwrap().chunks(1000) {
        splitter.extend(chunk);
        while let Some(jpeg) = splitter.next_picture() {
            sent.push(scan(&jpeg).to_vec());
        }
    }
    assert!(sent.len() > 1000, "{}", sent.len());
    let peer = Peer::start(None);
    let mut server = watching(&peer.url("/jpeg"));
    let mut parts = server.stream("/stream");
    for _ in 0..10 {
        let jpeg = picture(&mut parts, JPEG);
        assert_eq!(decode(&jpeg), JPEG);
        assert!(
            sent.iter().any(|sent| sent == scan(&jpeg)),
            "these bytes were not sent"
        );
    }
    assert!(server.programs().is_empty(), "nothing is converted");
    drop(parts);
    server.stop();
}

#[test]
fn a_login_is_made_and_never_shown() {
    for login in ["basic", "digest"] {
        let peer = Peer::start(Some(login));
        for (source, want) in [
            (peer.url("/h264"), "login_refused"),
            (
                peer.url_with("viewer:wrong-hunter", "/h264"),
                "login_refused",
            ),
            (
                peer.url_with(&format!("viewer:{SECRET}"), "/h264?key=hunter3"),
                "",
            ),
        ] {
            let mut server = Setup::with_source(&source)
                .env("CCTV_LOG__LEVEL", "trace")
                .start();
            let mut parts = server.stream("/stream");
            if want.is_empty() {
                picture(&mut parts, H264);
                let ffmpeg = server.wait_for_programs(1)[0];
                let cmdline = fs::read_to_string(format!("/proc/{ffmpeg}/cmdline")).unwrap();
                assert!(
                    cmdline.contains("pipe:0") && !cmdline.contains("hunter"),
                    "{cmdline}"
                );
                let environ = fs::read(format!("/proc/{ffmpeg}/environ")).unwrap();
                assert!(!String::from_utf8_lossy(&environ).contains("hunter"));
            } else {
                let camera = server.wait_for_state("failed");
                assert_eq!(camera["cause"], want, "{login}: {camera}");
                assert_eq!(camera["message"], "The camera refused the login.");
            }
            for path in ["/api/v1/cameras", "/api/v1/incidents", "/health"] {
                let said = server.get(path).text();
                assert!(!said.contains("hunter"), "{path}: {said}");
            }
            drop(parts);
            server.stop();
            let log = server.log.to_end();
            assert!(!log.contains("hunter"), "{login}: a secret is in the log");
            assert!(!log.contains("retina"), "the library writes to the log");
        }
    }
}

#[test]
fn what_gives_no_video_is_said_in_words() {
    let peer = Peer::start(None);
    for (path, detail) in [("/sound", "it offers audio as pcmu"), ("/nothing", "404")] {
        let mut server = watching(&peer.url(path));
        let viewer = server.stream("/stream");
        let camera = server.wait_for_state("failed");
        assert_eq!(camera["cause"], "no_video", "{camera}");
        let line = server.log.message("the camera failed");
        let words = line.fields["failure"].as_str().unwrap();
        assert!(words.contains(detail), "`{words}` does not say `{detail}`");
        drop(viewer);
        server.stop();
    }
}

#[test]
fn a_camera_that_is_gone_comes_back_to_the_same_viewers() {
    let peer = Peer::start(None);
    let port = peer.port;
    let mut server = watching(&peer.url("/h264"));
    let mut parts = server.stream("/stream");
    picture(&mut parts, H264);
    drop(peer);
    let failed = server.log.message("the camera failed");
    let words = failed.fields["failure"].as_str().unwrap();
    assert!(
        words.contains("it ended the stream") || words.contains("reset"),
        "{words}"
    );
    placeholder(&mut parts);
    let incident = &server.json("/api/v1/incidents")["incidents"][0];
    assert_eq!(incident["cause"], "ended", "{incident}");
    eventually("a camera that cannot be reached", || {
        (server.camera()["cause"] == "unreachable").then_some(())
    });
    let _peer = Peer::start_at(port, None);
    picture(&mut parts, H264);
    server.viewers(1);
    drop(parts);
    server.stop();
}

#[test]
fn a_camera_that_falls_silent_is_started_again() {
    let peer = Peer::start(None);
    let mut server = Setup::with_source(&peer.url("/h264"))
        .camera("no_frame_timeout_s", 2.0)
        .start();
    let mut parts = server.stream("/stream");
    picture(&mut parts, H264);
    let first = server.wait_for_programs(1)[0];
    peer.program.signal(Signal::STOP);
    placeholder(&mut parts);
    let failed = server.log.message("the camera failed");
    assert!(
        failed.fields["failure"]
            .as_str()
            .unwrap()
            .contains("no picture for"),
        "{failed:?}"
    );
    eventually("the end of the converter", || {
        (!is_alive(first)).then_some(())
    });
    peer.program.signal(Signal::CONT);
    picture(&mut parts, H264);
    // A camera that does not answer a farewell holds up no shutdown.
    peer.program.signal(Signal::STOP);
    server.stop();
}

#[test]
fn a_converter_that_dies_is_started_again() {
    let peer = Peer::start(None);
    let mut server = watching(&peer.url("/h264"));
    let mut parts = server.stream("/stream");
    picture(&mut parts, H264);
    let first = server.wait_for_programs(1)[0];
    kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    let failed = server.log.message("the camera failed");
    let words = failed.fields["failure"].as_str().unwrap();
    assert!(words.contains("ffmpeg was ended by signal 9"), "{words}");
    server.wait_for_programs(2);
    picture(&mut parts, H264);
    drop(parts);
    server.stop();
}

#[test]
fn a_camera_may_change_the_size_of_its_pictures() {
    let peer = Peer::start(None);
    let mut server = watching(&peer.url("/changing"));
    let mut parts = server.stream("/stream");
    picture(&mut parts, H264);
    let failed = server.log.message("the camera failed");
    let words = failed.fields["failure"].as_str().unwrap();
    assert!(
        words.contains("the size of its pictures has changed"),
        "{words}"
    );
    // The one of our own is drawn; nothing in between has a size that was never sent.
    placeholder(&mut parts);
    drop(parts);
    server.stop();
}

#[test]
fn a_slow_converter_loses_pictures_and_holds_nobody_up() {
    let peer = Peer::start(None);
    let mut server = Setup::with_source(&peer.url("/noisy"))
        .camera("no_frame_timeout_s", 100.0)
        .start();
    let mut parts = server.stream("/stream");
    picture(&mut parts, H264);
    let ffmpeg = Pid::from_raw(server.wait_for_programs(1)[0]).unwrap();
    kill_process(ffmpeg, Signal::STOP).unwrap();
    server.log.message("ffmpeg is too slow for this camera");
    // The camera can still send: what it has sent was taken.
    let waiting = || {
        let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
        let peer = format!(":{:04X}", peer.port);
        sockets
            .lines()
            .filter_map(|line| {
                let mut fields = line.split_whitespace().skip(1);
                let (local, remote, _, queues) = (
                    fields.next()?,
                    fields.next()?,
                    fields.next()?,
                    fields.next()?,
                );
                let (sending, receiving) = queues.split_once(':')?;
                let queue = match (local.ends_with(&peer), remote.ends_with(&peer)) {
                    (true, _) => sending,
                    (_, true) => receiving,
                    _ => return None,
                };
                u64::from_str_radix(queue, 16).ok()
            })
            .sum::<u64>()
    };
    eventually("a camera that is listened to", || {
        (waiting() == 0).then_some(())
    });
    kill_process(ffmpeg, Signal::CONT).unwrap();
    for _ in 0..30 {
        picture(&mut parts, H264);
    }
    assert_eq!(server.programs().len(), 1, "it was not started again");
    drop(parts);
    server.stop();
}

/// A peer that answers requests by a script: for each one the bytes that `answer` makes of its method and number.
fn scripted(answer: impl Fn(&str, &str) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let _ = serve(socket, &answer);
        }
    });
    address
}

fn serve(mut socket: TcpStream, answer: &impl Fn(&str, &str) -> Vec<u8>) -> std::io::Result<()> {
    let mut lines = BufReader::new(socket.try_clone()?).lines();
    while let Some(request) = lines.next().transpose()? {
        let mut number = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if let Some(value) = line.strip_prefix("CSeq: ") {
                number = value.to_owned();
            }
            if line.is_empty() {
                break;
            }
        }
        let method = request.split(' ').next().unwrap_or_default();
        socket.write_all(&answer(method, &number))?;
    }
    Ok(())
}

#[test]
fn what_is_no_rtsp_server_cannot_be_reached() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mail = TcpListener::bind("127.0.0.1:0").unwrap();
    let mail_address = mail.local_addr().unwrap();
    thread::spawn(move || {
        for mut socket in mail.incoming().map_while(Result::ok) {
            let _ = socket.write_all(b"220 mail.example ESMTP\r\n");
            let _ = socket.read(&mut [0; 4096]);
        }
    });
    let closing = TcpListener::bind("127.0.0.1:0").unwrap();
    let closing_address = closing.local_addr().unwrap();
    thread::spawn(move || closing.incoming().for_each(drop));
    for address in [
        refused.to_string(),
        mail_address.to_string(),
        closing_address.to_string(),
        "169.254.169.254:80".to_owned(),
    ] {
        let mut server = watching(&format!("rtsp://me:hunter2@{address}/a?key=hunter2"));
        let viewer = server.stream("/stream");
        let camera = server.wait_for_state("failed");
        assert_eq!(camera["cause"], "unreachable", "{address}: {camera}");
        assert_eq!(camera["source"], format!("rtsp://{address}/a"));
        drop(viewer);
        server.stop();
        assert!(!server.log.to_end().contains("hunter2"), "{address}");
    }
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\na=tool:LIVE555 Streaming Media v2013.04.08\r\nt=0 0\r\n\
                   m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n";

/// Answers that are right up to PLAY. `base` is where the peer claims to be.
fn right(method: &str, number: &str, base: &str, after_play: &[u8]) -> Vec<u8> {
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\nSession: 5;timeout=60\r\n");
    match method {
        "DESCRIBE" => format!(
            "{head}Content-Base: {base}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        )
        .into_bytes(),
        "SETUP" => format!("{head}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n").into_bytes(),
        "PLAY" => [format!("{head}\r\n").as_bytes(), after_play].concat(),
        _ => b"RTSP/1.0 400 Bad Request\r\n\r\n".to_vec(),
    }
}

#[test]
fn a_camera_leads_nobody_elsewhere() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("rtsp://{}/", elsewhere.local_addr().unwrap());
    let visits = Arc::new(AtomicUsize::new(0));
    let counted = visits.clone();
    thread::spawn(move || {
        for _ in elsewhere.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    // It says that it is the server to which one has to say farewell on another connection, then breaks off.
    let address =
        scripted(move |method, number| right(method, number, &base, b"\r\nnonsense\r\n\r\n"));
    let mut server = watching(&format!("rtsp://{address}/"));
    let viewer = server.stream("/stream");
    let camera = server.wait_for_state("failed");
    assert_eq!(camera["cause"], "ended", "{camera}");
    // Long enough for a second connection to be made.
    pass(std::time::Duration::from_secs(2));
    assert_eq!(visits.load(Ordering::Relaxed), 0);
    drop(viewer);
    server.stop();
}

/// RTP in an RTSP connection.
fn packet(sequence: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(12 + payload.len()).unwrap();
    [
        &[b'$', 0][..],
        &length.to_be_bytes(),
        &[0x80, 0x80 | 26],
        &sequence.to_be_bytes(),
        &[0, 0, 0, 1, 0, 0, 0, 9],
        payload,
    ]
    .concat()
}

#[test]
fn hostile_pictures_are_no_pictures() {
    // 255 times 8 pixels wide and high, no tables; a picture without a size; markers in the middle of a scan.
    let no_size = [&[0, 0, 0, 0, 1, 50, 0, 0][..], &[7; 100]].concat();
    for (payloads, cause) in [
        (
            vec![vec![0, 0, 0, 0, 1, 255, 255, 255, 0, 0, 0, 0]],
            "ended",
        ),
        (vec![vec![1, 2, 3]], "ended"),
        (vec![no_size], "no_video"),
    ] {
        let packets: Vec<u8> = (1..)
            .zip(payloads)
            .flat_map(|(sequence, payload)| packet(sequence, &payload))
            .collect();
        let address =
            scripted(move |method, number| right(method, number, "rtsp://127.0.0.1/", &packets));
        let mut server = watching(&format!("rtsp://{address}/"));
        let viewer = server.stream("/stream");
        let camera = server.wait_for_state("failed");
        assert_eq!(camera["cause"], cause, "{camera}");
        assert_eq!(server.get("/health").status, 200);
        drop(viewer);
        server.stop();
    }
}

#[test]
fn messages_without_end_are_bounded() {
    const ENDLESS: &str = "RTSP/1.0 200 OK\r\nCSeq: 9\r\nContent-Length: 999999999999\r\n\r\n";
    for after_play in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let endless = |mut socket: &TcpStream| {
                    let _ = socket.write_all(ENDLESS.as_bytes());
                    while socket.write_all(&[0; 1 << 16]).is_ok() {}
                };
                let writer = socket.try_clone().unwrap();
                let _ = serve(socket, &|method, number| {
                    if method == "DESCRIBE" && !after_play {
                        endless(&writer);
                    }
                    let mut answer = right(method, number, "rtsp://127.0.0.1/", b"");
                    if method == "PLAY" {
                        let _ = (&writer).write_all(&std::mem::take(&mut answer));
                        endless(&writer);
                    }
                    answer
                });
            }
        });
        let mut server = watching(&format!("rtsp://{address}/"));
        let viewer = server.stream("/stream");
        let line = server.log.message("the camera failed");
        let words = line.fields["failure"].as_str().unwrap();
        assert!(words.contains("it sends without end"), "{words}");
        let peak_kib = server.peak_rss_kib();
        assert!(peak_kib < 128 * 1024, "{peak_kib} KiB");
        // What was taken is given back.
        eventually("memory as before", || {
            (server.rss_kib() < 100_000).then_some(())
        });
        drop(viewer);
        server.stop();
    }
}

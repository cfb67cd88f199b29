//! The load generator against a scripted server with planted faults.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use camera_sim::stamp::{self, Stamp};

use super::{Fault, Moment, Plan, Report, Target, run};
use crate::clock::{monotonic_ns, pause};

const FRAME_BYTES: usize = 20_000;

/// JPEG-shaped: SOI, stamp, filling, EOI.
fn jpeg(sequence: u64) -> Vec<u8> {
    const STAMP: usize = 36;
    let mut jpeg = vec![0x55; FRAME_BYTES - STAMP];
    jpeg[..4].copy_from_slice(&[0xFF, 0xD8, 0xFF, 0xDB]);
    jpeg[FRAME_BYTES - STAMP - 2..].copy_from_slice(&[0xFF, 0xD9]);
    let stamp = Stamp {
        sequence,
        written_ns: monotonic_ns(),
        captured_ns: 0,
    };
    assert!(stamp::insert(&mut jpeg, stamp));
    jpeg
}

fn part_with(delimiter: &str, length: usize, jpeg: &[u8]) -> Vec<u8> {
    let mut part =
        format!("{delimiter}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    part.extend_from_slice(jpeg);
    part.extend_from_slice(b"\r\n");
    part
}

fn part(jpeg: &[u8]) -> Vec<u8> {
    part_with("--frame", jpeg.len(), jpeg)
}

/// How the scripted server frames its body.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Close,
    /// Chunks of this many bytes.
    Chunked(usize),
}

/// Serves the script to each viewer: answers, then sends one element every few milliseconds until one is empty.
fn serve(
    framing: Framing,
    viewers: usize,
    script: impl Fn(u64) -> Vec<u8> + Send + Copy + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..viewers {
        let listener = listener.try_clone().unwrap();
        thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = socket.read(&mut request).unwrap();
            assert!(request[..count].starts_with(b"GET /stream HTTP/1.1\r\n"));
            let encoding = match framing {
                Framing::Close => "",
                Framing::Chunked(_) => "transfer-encoding: chunked\r\n",
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\n{encoding}content-type: multipart/x-mixed-replace; boundary=\"frame\"\r\n\r\n"
            );
            socket.write_all(head.as_bytes()).unwrap();
            for number in 0.. {
                let bytes = script(number);
                if bytes.is_empty() {
                    return;
                }
                let sent = match framing {
                    Framing::Close => socket.write_all(&bytes),
                    Framing::Chunked(size) => bytes.chunks(size).try_for_each(|chunk| {
                        write!(socket, "{:x}\r\n", chunk.len())?;
                        socket.write_all(chunk)?;
                        socket.write_all(b"\r\n")
                    }),
                };
                if sent.is_err() {
                    return;
                }
                pause(Duration::from_millis(2));
            }
        });
    }
    address
}

fn plan(address: SocketAddr, viewers: usize) -> Plan {
    Plan {
        targets: vec![Target::parse(&format!("http://{address}/stream"), &[]).unwrap()],
        viewers,
        slow: None,
        stalled: 0,
        warmup: Duration::from_millis(20),
        window: Duration::from_millis(700),
        pace: 1000,
    }
}

fn watch(framing: Framing, script: impl Fn(u64) -> Vec<u8> + Send + Copy + 'static) -> Report {
    let address = serve(framing, 1, script);
    let mut moments = Vec::new();
    let report = run(&plan(address, 1), |moment| moments.push(moment)).unwrap();
    assert_eq!(moments, [Moment::WindowOpens, Moment::WindowCloses]);
    report
}

/// Only this fault is seen, and frames behind it are still understood.
fn check_fault(fault: Fault, script: impl Fn(u64) -> Vec<u8> + Send + Copy + 'static) {
    let wanted = format!("{fault:?}").to_lowercase();
    let framings = [
        Framing::Close,
        Framing::Chunked(70_000),
        Framing::Chunked(777),
    ];
    thread::scope(|scope| {
        for framing in framings {
            let wanted = &wanted;
            scope.spawn(move || {
                let report = watch(framing, script);
                let names: Vec<_> = report.fast.faults.iter().map(|(name, _)| name).collect();
                assert_eq!(names, [wanted], "{framing:?}\n{report}");
                assert!(5 < report.fast.frames, "{framing:?}\n{report}");
            });
        }
    });
}

#[test]
fn a_good_stream_has_no_faults() {
    for framing in [
        Framing::Close,
        Framing::Chunked(70_000),
        Framing::Chunked(61),
        Framing::Chunked(9000),
    ] {
        let report = watch(framing, |number| part(&jpeg(number)));
        assert_eq!(report.faults(), 0, "{framing:?}\n{report}");
        assert_eq!(report.fast.lost, 0);
        assert!(5 < report.fast.frames, "{framing:?}\n{report}");
        assert_eq!(report.fast.bytes, report.fast.frames * FRAME_BYTES as u64);
        let [p50, p90, p99, max] = report.fast.latency_ns;
        assert!(0 < p50 && p50 <= p90 && p90 <= p99 && p99 <= max);
    }
}

#[test]
fn delimiter_sent_with_the_picture_before_it() {
    let report = watch(Framing::Chunked(70_000), |number| {
        let jpeg = jpeg(number);
        let mut bytes = if number == 0 {
            b"--frame".to_vec()
        } else {
            Vec::new()
        };
        bytes.extend(part_with("", jpeg.len(), &jpeg));
        bytes.extend(b"--frame");
        bytes
    });
    assert_eq!(report.faults(), 0, "{report}");
}

#[test]
fn gaps_are_counted_as_lost() {
    let report = watch(Framing::Close, |number| part(&jpeg(number * 3)));
    assert_eq!(report.faults(), 0, "{report}");
    let (frames, lost) = (report.fast.frames, report.fast.lost);
    // Each frame of the window, but maybe the first, comes behind a gap of two.
    assert!(lost == 2 * frames || lost == 2 * (frames - 1), "{report}");
}

#[test]
fn planted_faults_are_found() {
    let often = |number: u64| number % 8 == 7;
    check_fault(Fault::Length, move |number| {
        let jpeg = jpeg(number);
        let wrong = if often(number) {
            jpeg.len() - 5
        } else {
            jpeg.len()
        };
        part_with("--frame", wrong, &jpeg)
    });
    check_fault(Fault::Length, move |number| {
        let jpeg = jpeg(number);
        let wrong = if often(number) {
            jpeg.len() + 7
        } else {
            jpeg.len()
        };
        part_with("--frame", wrong, &jpeg)
    });
    check_fault(Fault::Eoi, move |number| {
        let mut jpeg = jpeg(number);
        if often(number) {
            jpeg.truncate(FRAME_BYTES - 10);
        }
        part(&jpeg)
    });
    check_fault(Fault::Soi, move |number| {
        let jpeg = jpeg(number);
        part(if often(number) { &jpeg[1..] } else { &jpeg })
    });
    check_fault(Fault::Reordered, move |number| {
        part(&jpeg(if often(number) { number - 3 } else { number }))
    });
    check_fault(Fault::Duplicate, move |number| {
        part(&jpeg(if often(number) { number - 1 } else { number }))
    });
    check_fault(Fault::Delimiter, move |number| {
        let jpeg = jpeg(number);
        part_with(
            if often(number) { "frame" } else { "--frame" },
            jpeg.len(),
            &jpeg,
        )
    });
    check_fault(Fault::Delimiter, |number| {
        let jpeg = jpeg(number);
        part_with("----frame", jpeg.len(), &jpeg)
    });
    check_fault(Fault::Delimiter, move |number| {
        let mut part = part(&jpeg(number));
        if often(number) {
            part.truncate(part.len() - 2);
        }
        part
    });
    check_fault(Fault::Header, move |number| {
        let part = part(&jpeg(number));
        if often(number) {
            return b"--frame\r\nContent-Type: image/jpeg\r\n\r\n".to_vec();
        }
        part
    });
    check_fault(Fault::Unstamped, move |number| {
        let mut jpeg = jpeg(number);
        if often(number) {
            jpeg[6] = b'X';
        }
        part(&jpeg)
    });
}

#[test]
fn a_stream_that_ends_is_a_fault_for_a_fast_viewer() {
    let report = watch(Framing::Close, |number| {
        if number < 3 {
            part(&jpeg(number))
        } else {
            Vec::new()
        }
    });
    assert_eq!(report.fast.faults, [("closed".to_owned(), 1)], "{report}");
}

#[test]
fn a_refusal_is_a_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 1024]);
        let _ = socket.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        pause(Duration::from_secs(1));
    });
    let report = run(&plan(address, 1), |_| ()).unwrap();
    assert_eq!(report.fast.faults, [("status".to_owned(), 1)], "{report}");
}

#[test]
fn slow_and_stalled_viewers_are_reported_apart() {
    let address = serve(Framing::Close, 4, |number| part(&jpeg(number)));
    let mut plan = plan(address, 2);
    plan.slow = Some((1, 100_000));
    plan.stalled = 1;
    plan.window = Duration::from_millis(1000);
    let report = run(&plan, |_| ()).unwrap();
    assert_eq!(report.faults(), 0, "{report}");
    assert!(50 < report.fast.fewest, "{report}");
    // 100 kB/s are five frames a second.
    assert!((3..=6).contains(&report.slow.frames), "{report}");
    assert_eq!(report.stalled.frames, 0, "{report}");
    let again = Report::from_json(&report.json());
    assert_eq!(again.to_string(), report.to_string());
}

#[test]
fn urls() {
    let target = Target::parse("http://127.0.0.1:81/stream?x=1", &["A: b".to_owned()]).unwrap();
    assert_eq!(target.address.port(), 81);
    assert_eq!(
        target.request,
        b"GET /stream?x=1 HTTP/1.1\r\nHost: 127.0.0.1:81\r\nA: b\r\n\r\n"
    );
    let target = Target::parse("https://127.0.0.1/", &[]).unwrap();
    assert_eq!((target.address.port(), target.is_secure), (443, true));
    assert!(Target::parse("ftp://127.0.0.1/", &[]).is_err());
}

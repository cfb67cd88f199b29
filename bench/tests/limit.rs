//! The floor as a program: any HTTP client can watch it, and the load generator finds nothing wrong with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bench::load::{Plan, Target, run};
use camera_sim::stamp::{self, Stamp};

/// A camera of a few lines of shell: the same twenty frames again and again, each written in one go.
struct Limit {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Limit {
    fn start(frames: u64) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        for sequence in 0..frames {
            let jpeg = frame(sequence);
            std::fs::write(folder.path().join(sequence.to_string()), jpeg).expect("write a frame");
        }
        let program = folder.path().join("camera");
        let script = format!(
            "#!/bin/sh\nn=0\nwhile [ $n -lt {frames} ]; do cat {0}/$n; n=$((n+1)); sleep 0.01; \
             [ $n = 300 ] && : > {0}/late; done\nsleep 2\n",
            folder.path().display()
        );
        std::fs::write(&program, script).expect("write the camera");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .expect("make it executable");
        let mut child = Command::new(env!("CARGO_BIN_EXE_limit"))
            .arg("--program")
            .arg(&program)
            .stdout(Stdio::piped())
            .spawn()
            .expect("start limit");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped above"))
            .read_line(&mut line)
            .expect("read its address");
        Self {
            child,
            address: line.trim().parse().expect("an address"),
            folder,
        }
    }
}

/// JPEG-shaped: SOI, stamp, filling, EOI, 30 000 bytes.
fn frame(sequence: u64) -> Vec<u8> {
    let mut jpeg = vec![0x55; 30_000 - 36];
    jpeg[..4].copy_from_slice(&[0xFF, 0xD8, 0xFF, 0xDB]);
    jpeg[30_000 - 36 - 2..].copy_from_slice(&[0xFF, 0xD9]);
    let stamp = Stamp {
        sequence,
        written_ns: bench::clock::monotonic_ns(),
        captured_ns: 0,
    };
    assert!(stamp::insert(&mut jpeg, stamp));
    jpeg
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn load_finds_nothing_wrong() {
    let limit = Limit::start(300);
    let plan = Plan {
        targets: vec![Target::parse(&format!("http://{}/stream", limit.address), &[]).unwrap()],
        viewers: 20,
        slow: Some((2, 100_000)),
        stalled: 2,
        warmup: Duration::from_millis(100),
        window: Duration::from_millis(1000),
        pace: 1000,
    };
    let report = run(&plan, |_| ()).unwrap();
    assert_eq!(report.faults(), 0, "{report}");
    assert_eq!(report.fast.lost, 0, "{report}");
    assert!(20 < report.fast.fewest, "{report}");
    assert!(report.fast.most - report.fast.fewest <= 1, "{report}");
}

#[test]
fn a_viewer_that_sleeps_gets_whole_parts_and_then_the_newest() {
    let limit = Limit::start(400);
    let mut socket = TcpStream::connect(limit.address).unwrap();
    // The request in two pieces, as slow terminals send it.
    socket.write_all(b"GET /stream HTTP/1.0\r\n\r").unwrap();
    bench::clock::pause(Duration::from_millis(50));
    socket.write_all(b"\n").unwrap();
    let late = limit.folder.path().join("late");
    for _ in 0..600 {
        if late.exists() {
            break;
        }
        bench::clock::pause(Duration::from_millis(100));
    }
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut all = Vec::new();
    // To the end: the camera ends after its last frame, and the floor with it.
    let _ = socket.take(20 << 20).read_to_end(&mut all);

    let text = b"\r\nContent-Length: 30000\r\n";
    let sequences: Vec<u64> = memchr::memmem::find_iter(&all, text)
        .map(|at| {
            let body = at + memchr::memmem::find(&all[at..], b"\r\n\r\n").unwrap() + 4;
            let jpeg = &all[body..body + 30_000];
            assert!(jpeg.ends_with(&[0xFF, 0xD9]));
            assert!(all[body + 30_000..].starts_with(b"\r\n--floorframe"));
            stamp::read(jpeg).unwrap().sequence
        })
        .collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    assert!(sequences.len() < 350, "all queued up: {}", sequences.len());
    assert_eq!(sequences.last(), Some(&399), "it caught up: {sequences:?}");
}

#[test]
fn curl_and_ffmpeg_understand_it() {
    let limit = Limit::start(300);
    let url = format!("http://{}/stream", limit.address);
    let curl = Command::new("curl")
        .args(["-s", "-m", "1", "-D", "-", "-o", "/dev/null", &url])
        .output();
    let Ok(curl) = curl else {
        eprintln!("no curl here");
        return;
    };
    let head = String::from_utf8(curl.stdout).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let ffprobe = Command::new("ffprobe")
        .args(["-v", "error", "-f", "mpjpeg", "-read_intervals", "%+#5"])
        .args(["-show_entries", "packet=size", "-of", "csv=p=0", &url])
        .output();
    let Ok(ffprobe) = ffprobe else {
        eprintln!("no ffprobe here");
        return;
    };
    let sizes = String::from_utf8(ffprobe.stdout).unwrap();
    assert!(
        sizes.lines().filter(|line| line.contains("30000")).count() >= 3,
        "{sizes}"
    );
}

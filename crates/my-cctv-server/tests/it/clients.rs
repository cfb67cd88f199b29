//! Programs that people point at a camera, as they are: curl, ffmpeg, OpenCV, VLC.

use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output, Stdio},
};

use crate::{
    accounts,
    harness::{Client, Parts, Program, Server, Setup, eventually, tool, vlc_command},
};

/// Runs it to its end, which has to be a good one.
fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}",
        output.status
    );
    output
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).unwrap()
}

/// The streams that these programs open, in both forms and at mjpg-streamer's address.
const PATHS: [&str; 3] = ["/stream", "/?action=stream", "/stream?advance_headers=1"];

/// Many frames, so that a client has soon had enough.
fn fast() -> Server {
    Setup::camera_sim().camera("framerate", 50.0).start()
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack
        .windows(needle.len())
        .filter(|window| window == &needle)
        .count()
}

#[test]
fn curl_of_both_versions_takes_the_stream_and_sees_its_end() {
    let mut server = Setup::camera_sim().start();
    for version in ["--http1.0", "--http1.1"] {
        let mut curl = Command::new(tool("curl", "curl"))
            .args(["-sS", "-N", version, "-A", version, &server.url("/stream")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = curl.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            out.read_to_end(&mut bytes).map(|_| bytes).unwrap()
        });
        let id = eventually("ten pictures", || {
            let list = server.json("/api/v1/viewers");
            let viewer = list["viewers"]
                .as_array()?
                .iter()
                .find(|viewer| viewer["user_agent"] == version)?
                .clone();
            (viewer["frames_sent"].as_u64()? >= 10).then(|| viewer["id"].clone())
        });
        assert_eq!(
            server
                .request("DELETE", &format!("/api/v1/viewers/{id}"))
                .status,
            204
        );
        let bytes = reader.join().unwrap();
        assert!(
            curl.wait().unwrap().success(),
            "{version}: a stream that ends in good order is no error"
        );
        assert!(bytes.starts_with(b"--cctvframe\r\nContent-Type: image/jpeg\r\nContent-Length: "));
        assert!(bytes.ends_with(b"\xFF\xD9\r\n--cctvframe--\r\n"));
        assert!(count(&bytes, b"\r\nX-Timestamp: ") >= 10);
    }
    server.stop();
}

#[test]
fn curl_takes_heads_snapshots_and_errors() {
    let mut server = Setup::camera_sim().start();
    for version in ["--http1.0", "--http1.1"] {
        let curl = |args: &[&str], path: &str| {
            stdout(
                Command::new(tool("curl", "curl"))
                    .args(["-sS", version])
                    .args(args)
                    .arg(server.url(path)),
            )
        };
        assert!(curl(&["-I"], "/stream").contains("multipart/x-mixed-replace"));
        let said = curl(
            &[
                "-o",
                "/dev/null",
                "-w",
                "%{http_code} %{content_type} %{size_download}",
            ],
            "/snapshot",
        );
        let size: usize = said
            .strip_prefix("200 image/jpeg ")
            .unwrap()
            .parse()
            .unwrap();
        assert!(size > 1000);
        assert_eq!(
            curl(&["-o", "/dev/null", "-w", "%{http_code}"], "/nothing"),
            "404"
        );
    }
    server.stop();
}

#[test]
fn ffprobe_counts_frames() {
    let mut server = fast();
    for path in PATHS {
        for format in [&[][..], &["-f", "mpjpeg"]] {
            let said = stdout(
                Command::new(tool("ffprobe", "ffmpeg"))
                    .args(["-v", "error", "-count_frames", "-read_intervals", "%+#20"])
                    .args([
                        "-show_entries",
                        "stream=codec_name,width,height,nb_read_frames",
                        "-of",
                        "csv=p=0",
                    ])
                    .args(format)
                    .arg(server.url(path)),
            );
            assert_eq!(said.trim(), "mjpeg,320,240,20", "{path} {format:?}");
        }
    }
    server.stop();
}

#[test]
fn ffmpeg_decodes_frames_and_finds_nothing_wrong() {
    let mut server = fast();
    for path in PATHS {
        for format in [&[][..], &["-f", "mpjpeg"]] {
            let output = run(Command::new(tool("ffmpeg", "ffmpeg"))
                .args(["-nostdin", "-v", "error", "-xerror"])
                .args(format)
                .args([
                    "-i",
                    &server.url(path),
                    "-frames:v",
                    "20",
                    "-f",
                    "framemd5",
                    "-",
                ]));
            let text = String::from_utf8(output.stdout).unwrap();
            let sums: Vec<&str> = text
                .lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| line.rsplit(' ').next())
                .collect();
            assert_eq!(sums.len(), 20, "{path} {format:?}: {text}");
            let different: BTreeSet<_> = sums.iter().collect();
            assert!(different.len() >= 10, "the picture moves: {text}");
            assert!(
                output.stderr.is_empty(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    server.stop();
}

#[test]
fn opencv_captures_frames() {
    const SCRIPT: &str = "
import sys
try:
    import cv2
except ImportError:
    sys.exit('OpenCV for Python is missing: install the Debian package python3-opencv')
capture = cv2.VideoCapture(sys.argv[1])
seen = set()
for n in range(20):
    ok, frame = capture.read()
    if not ok:
        sys.exit('frame %d did not come' % n)
    assert frame.shape == (240, 320, 3), frame.shape
    seen.add(frame.tobytes())
print(len(seen))
";
    let python = std::path::Path::new("/usr/bin/python3");
    assert!(
        python.exists(),
        "python3 is missing: install the Debian package python3-opencv"
    );
    let mut server = fast();
    for path in PATHS {
        let said = stdout(Command::new(python).args(["-c", SCRIPT, &server.url(path)]));
        assert!(said.trim().parse::<u32>().unwrap() >= 10, "{path}: {said}");
    }
    server.stop();
}

#[test]
fn home_assistant_shows_no_name_and_no_password_beside_its_token() {
    let mut server = accounts::setup().start();
    let (_, token) = accounts::add_token(&server, "viewer", &["main"]);
    let ask = |path: &str| {
        let client = Client::new(server.address).stranger();
        client
            .header("Authorization", "Basic Og==")
            .request("GET", path)
    };
    Parts::of(ask(&format!("/stream?token={token}"))).part();
    assert_eq!(ask(&format!("/snapshot?token={token}")).status, 200);
    for _ in 0..30 {
        assert_eq!(ask("/snapshot").status, 401, "as without it, and no guess");
    }
    assert_eq!(ask("/snapshot?token=cctv_other").status, 401);
    assert!(server.log.all("a login failed").is_empty());
    server.stop();
}

fn vlc(server: &Server, path: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = vlc_command();
    // Each decoded frame becomes a file: what was not decoded cannot be written as PNG.
    command
        .env("HOME", folder.path())
        .args([
            "--vout",
            "dummy",
            "--video-filter",
            "scene",
            "--scene-format",
            "png",
        ])
        .args([
            "--scene-ratio",
            "1",
            "--scene-prefix",
            "frame",
            "--scene-path",
        ])
        .arg(folder.path())
        .arg(server.url(path))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // VLC plays for ever.
    let _player = Program::start(&mut command);
    let mut whole = BTreeSet::new();
    eventually(&format!("ten frames that VLC decoded from {path}"), || {
        for entry in fs::read_dir(folder.path()).unwrap().map_while(Result::ok) {
            let png = fs::read(entry.path()).unwrap_or_default();
            // Signature, IHDR with a width of 320 (lines are rounded up to VLC's buffers), IEND.
            let is_whole = png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x01\x40")
                && png.ends_with(b"IEND\xae\x42\x60\x82");
            if is_whole {
                whole.insert(png);
            }
        }
        (whole.len() >= 10).then_some(())
    });
}

#[test]
fn vlc_plays() {
    let mut server = Setup::camera_sim().start();
    for path in ["/stream", "/?action=stream"] {
        vlc(&server, path);
    }
    let line = server.log.find("VLC", |line| {
        line.fields["user_agent"]
            .as_str()
            .filter(|name| name.contains("VLC"))
            .map(|_| line.clone())
    });
    assert_eq!(line.message, "viewer came");
    server.stop();
}

//! Every source: simulated cameras, files, folders, the test pattern, and what `auto` chooses.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use crate::harness::{Parts, Server, Setup, decode, draw, sibling, skipped};

/// Pictures of 160x120 that all differ.
fn generate(path: &Path, count: u32, options: &[&str]) {
    draw(path, "testsrc=size=160x120:rate=10", count, options);
}

const MJPEG: &[&str] = &["-c:v", "mjpeg", "-q:v", "4", "-f", "mjpeg"];

/// A server that shows a file at this rate, whatever rate it was made for.
fn fast() -> Setup {
    Setup::with_source("test").camera("framerate", 25.0)
}

fn source(setup: Setup, path: &Path) -> Setup {
    setup.camera("source", format!("file:{}", path.display()))
}

fn jpegs(parts: &mut Parts, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| parts.part().jpeg).collect()
}

/// Pictures of this size come, and they are not all the same.
fn check_pictures(server: &Server, size: (usize, usize)) {
    // Converters take their time, and a drawn picture may come before the first one.
    let first = server.stream("/stream");
    server.wait_for_state("live");
    let pictures = jpegs(&mut server.stream("/stream"), 4);
    drop(first);
    for jpeg in &pictures {
        assert_eq!(decode(jpeg), size);
    }
    assert!(
        pictures.windows(2).any(|pair| pair[0] != pair[1]),
        "something moves"
    );
}

#[test]
fn h264_of_the_camera_through_ffmpeg() {
    let setup = Setup::simulated("ffmpeg");
    let h264 = setup.path("camera.h264");
    generate(
        &h264,
        20,
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            "10",
            "-bf",
            "0",
            "-pix_fmt",
            "yuv420p",
            "-f",
            "h264",
        ],
    );
    let mut server = setup.sim("H264_FILE", h264.to_str().unwrap()).start();
    check_pictures(&server, (160, 120));
    let args = server.log.find("the camera's arguments", |line| {
        line.fields["args"]
            .as_str()
            .filter(|args| args.contains("--codec"))
            .map(str::to_owned)
    });
    assert!(
        args.contains("--codec h264") && args.contains("--libav-format h264"),
        "{args}"
    );
    server.stop();
}

#[test]
fn a_file_of_jpegs_goes_out_byte_for_byte_and_round_and_round() {
    let setup = fast();
    let path = setup.path("five.mjpeg");
    generate(&path, 5, MJPEG);
    let mut server = source(setup, &path).start();
    let pictures = jpegs(&mut server.stream("/stream"), 11);
    assert_eq!(
        pictures[..5].concat(),
        fs::read(&path).unwrap(),
        "untouched"
    );
    assert_eq!(pictures[..6], pictures[5..]);
    server.stop();
}

#[test]
fn a_folder_of_jpegs_in_the_order_of_names() {
    let setup = fast();
    let folder = setup.path("media");
    fs::create_dir(&folder).unwrap();
    generate(&folder.join("%03d.jpg"), 4, &["-c:v", "mjpeg", "-q:v", "4"]);
    fs::write(folder.join("notes.txt"), "no picture").unwrap();
    let mut server = source(setup, &folder).start();
    let pictures = jpegs(&mut server.stream("/stream"), 9);
    for (n, picture) in pictures.iter().enumerate() {
        let name = format!("{:03}.jpg", n % 4 + 1);
        assert!(
            *picture == fs::read(folder.join(&name)).unwrap(),
            "picture {n} is not {name}"
        );
    }
    server.stop();
}

#[test]
fn any_other_video_through_ffmpeg() {
    let setup = fast();
    let path = setup.path("with a space: and more.mp4");
    generate(
        &path,
        10,
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-f",
            "mp4",
        ],
    );
    let mut server = source(setup, &path).start();
    check_pictures(&server, (160, 120));
    // Longer than the file: it is looped.
    jpegs(&mut server.stream("/stream"), 15);
    assert_eq!(server.camera()["starts"], 1);
    server.stop();
}

#[test]
fn a_file_that_cannot_be_read_is_said_in_a_sentence() {
    let empty = tempfile::NamedTempFile::with_suffix(".mjpeg").unwrap();
    let text = tempfile::NamedTempFile::with_suffix(".mp4").unwrap();
    fs::write(text.path(), "this is no video").unwrap();
    for path in [
        Path::new("/no/such/file.mjpeg"),
        Path::new("/no/such/folder/"),
        Path::new("/no/such/file.mp4"),
        empty.path(),
        text.path(),
    ] {
        let mut server = source(Setup::with_source("test"), path).start();
        let mut parts = server.stream("/stream");
        parts.part();
        let camera = server.wait_for_state("failed");
        assert_eq!(
            camera["message"],
            "The file with the pictures cannot be read.",
            "{}",
            path.display()
        );
        let line = server.log.message("the camera failed");
        assert!(
            line.raw
                .contains(path.file_name().unwrap().to_str().unwrap()),
            "{}",
            line.raw
        );
        assert_eq!(server.get("/snapshot").status, 503);
        server.stop();
    }
}

#[test]
fn the_test_pattern_in_any_size() {
    for (width, height) in [(16, 16), (320, 240), (1280, 720)] {
        let mut server = Setup::with_source("test")
            .camera("width", width)
            .camera("height", height)
            .camera("framerate", 10.0)
            .start();
        check_pictures(
            &server,
            (
                usize::try_from(width).unwrap(),
                usize::try_from(height).unwrap(),
            ),
        );
        assert!(server.programs().is_empty());
        server.stop();
    }
}

#[test]
fn auto_takes_the_camera_that_is_there() {
    let setup = Setup::with_source("auto");
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    symlink(
        sibling("camera-sim", "cargo build -p camera-sim"),
        bin.join("rpicam-vid"),
    )
    .unwrap();
    let mut server = setup.env("PATH", &bin).start();
    server.stream("/stream").picture();
    server.log.message("a camera on the board was found");
    server.stop();
}

/// Whether a camera of this machine would be found.
fn has_a_camera() -> bool {
    let programs = ["rpicam-vid", "libcamera-vid"];
    let dirs = ["/usr/local/bin", "/usr/bin", "/bin"];
    let installed = programs
        .iter()
        .any(|name| dirs.iter().any(|dir| Path::new(dir).join(name).exists()));
    installed || Path::new("/dev/video0").exists()
}

#[test]
fn auto_without_a_camera_is_the_test_pattern_and_says_so() {
    if has_a_camera() {
        return skipped("`auto` without a camera: this machine may have one");
    }
    let mut server = Setup::with_source("auto")
        .env("PATH", "/nonexistent")
        .start();
    check_pictures(&server, (320, 240));
    let line = server.log.message("no camera was found");
    assert_eq!(line.level, "WARN");
    assert!(line.message.contains("test pattern"));
    server.stop();

    // A program without a camera is no camera.
    let setup = Setup::with_source("auto").sim("FAULT", "nocamera");
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    symlink(
        sibling("camera-sim", "cargo build -p camera-sim"),
        bin.join("libcamera-vid"),
    )
    .unwrap();
    let mut server = setup.env("PATH", &bin).start();
    check_pictures(&server, (320, 240));
    server.log.message("no camera was found");
    server.stop();
}

/// Where real footage lies, if it does.
fn footage() -> PathBuf {
    std::env::var_os("CCTV_TEST_MEDIA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/media"),
        PathBuf::from,
    )
}

#[test]
fn real_footage() {
    for (name, size) in [
        ("mjpeg_real/rpi-640x480.mjpeg", (640, 480)),
        ("clips/street-cars.mjpeg", (640, 360)),
        ("clips/indoor-person.mp4", (768, 432)),
        ("clips/busy-road.avi", (320, 240)),
        ("h264/rpi-inline-1280x720.h264", (1280, 720)),
    ] {
        let path = footage().join(name);
        if !path.exists() {
            skipped(&format!(
                "{} is not there; set CCTV_TEST_MEDIA",
                path.display()
            ));
            continue;
        }
        let mut server = source(Setup::with_source("test"), &path).start();
        check_pictures(&server, size);
        server.stop();
    }
}

#[test]
fn a_folder_of_odd_jpegs() {
    let path = footage().join("jpeg");
    if !path.exists() {
        return skipped(&format!(
            "{} is not there; set CCTV_TEST_MEDIA",
            path.display()
        ));
    }
    let mut server = source(Setup::with_source("test").camera("framerate", 60.0), &path).start();
    assert_eq!(jpegs(&mut server.stream("/stream"), 60).len(), 60);
    assert_eq!(server.camera()["starts"], 1);
    server.stop();
}

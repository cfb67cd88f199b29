//! USB cameras: the real ffmpeg reads a simulated device, which a small library puts in front of it (`v4l2.c`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::harness::{LIMIT, Parts, Server, Setup, decode, eventually, frames, script, tool};

/// Compiled once for all tests of a run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let new = tempfile::NamedTempFile::new_in(folder).unwrap();
        let status = Command::new(tool("cc", "build-essential"))
            .args(["-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-o"])
            .arg(new.path())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/v4l2.c"))
            .args(["-lpthread", "-ldl"])
            .status()
            .unwrap();
        assert!(status.success());
        let path = folder.join("v4l2.so");
        // At once and whole, for whoever else runs the tests.
        new.persist(&path).unwrap();
        path
    })
}

/// A camera at /dev/video9 that is as `mode` says.
fn setup(mode: &str) -> Setup {
    let setup = Setup::with_source("v4l2:/dev/video9").camera("framerate", 20.0);
    let bin = setup.path("bin");
    fs::create_dir(&bin).unwrap();
    script(
        &bin.join("ffmpeg"),
        &format!(
            "#!/bin/sh\nLD_PRELOAD='{}' exec '{}' \"$@\"\n",
            library().display(),
            tool("ffmpeg", "ffmpeg").display()
        ),
    );
    let file = setup.path("mode");
    fs::write(&file, mode).unwrap();
    let path = std::env::var("PATH").unwrap();
    setup
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("SIM_V4L2_MODE", file)
        .env("SIM_V4L2_FRAMES", frames())
}

/// Makes the camera another one, between two looks at it.
fn become_(server: &Server, mode: &str) {
    let new = server.path("mode.new");
    fs::write(&new, mode).unwrap();
    fs::rename(new, server.path("mode")).unwrap();
}

/// The pictures that a camera with JPEG gives.
fn jpegs() -> Vec<Vec<u8>> {
    let file = fs::read(frames()).unwrap();
    let mut starts: Vec<usize> = file
        .windows(4)
        .enumerate()
        .filter_map(|(at, bytes)| (bytes == [0xff, 0xd9, 0xff, 0xd8]).then_some(at + 2))
        .collect();
    starts.insert(0, 0);
    starts.push(file.len());
    starts
        .windows(2)
        .map(|pair| file[pair[0]..pair[1]].to_vec())
        .collect()
}

/// Reads on to a picture of the camera; where it stands in the file.
fn picture(parts: &mut Parts, jpegs: &[Vec<u8>]) -> usize {
    let begin = std::time::Instant::now();
    loop {
        let jpeg = parts.part().jpeg;
        if let Some(at) = jpegs.iter().position(|known| *known == jpeg) {
            return at;
        }
        assert!(begin.elapsed() < LIMIT, "only other pictures");
    }
}

#[test]
fn jpeg_of_the_camera_passes_through_untouched() {
    let mut server = setup("mjpeg").start();
    let jpegs = jpegs();
    assert_eq!(jpegs.len(), 16);
    let mut parts = server.stream("/stream");
    picture(&mut parts, &jpegs);
    for _ in 0..20 {
        let jpeg = parts.part().jpeg;
        // A machine that is too busy to give a picture in time shows a drawn one, and says so.
        let is_told = || {
            let told = ["camera starts", "no pictures: viewers are told so"];
            told.iter()
                .map(|line| server.log.all(line).len())
                .sum::<usize>()
                > 1
        };
        assert!(jpegs.contains(&jpeg) || is_told(), "every byte of it");
    }
    picture(&mut parts, &jpegs);
    assert_eq!(server.programs().len(), 1);
    server.stop();
}

#[test]
fn a_camera_without_jpeg_is_converted_and_remembered() {
    let mut server = setup("yuyv").start();
    for starts in 1..=2 {
        let first = server.stream("/stream");
        server.wait_for_state("live");
        let mut parts = server.stream("/stream");
        let pictures: Vec<_> = (0..5).map(|_| parts.part().jpeg).collect();
        drop((first, parts));
        for jpeg in &pictures {
            assert_eq!(decode(jpeg), (320, 240));
        }
        assert!(pictures.windows(2).any(|pair| pair[0] != pair[1]), "moves");
        let camera = server.wait_for_state("idle");
        assert_eq!(
            (&camera["starts"], &camera["incidents"]),
            (&starts.into(), &0.into())
        );
        // JPEG was tried the first time only.
        assert_eq!(server.programs().len(), starts + 1);
    }
    server.log.message("this camera gives no JPEG");
    server.stop();
}

#[test]
fn what_is_wrong_with_a_device_is_said() {
    for (mode, cause, words) in [
        (
            "missing",
            "no_camera",
            "Cannot open video device /dev/video9",
        ),
        ("denied", "no_permission", "Permission denied"),
        ("busy", "busy", "Device or resource busy"),
        ("metadata", "no_video", "Not a video capture device"),
    ] {
        let mut server = setup(mode).start();
        let _parts = server.stream("/stream");
        let camera = server.wait_for_state("failed");
        assert_eq!(camera["cause"], cause, "{mode}");
        let incident = server.json("/api/v1/incidents")["incidents"][0].clone();
        let detail = incident["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{detail}");
        server.stop();
    }
}

#[test]
fn a_cable_is_pulled_and_put_back() {
    let mut server = setup("mjpeg").start();
    let jpegs = jpegs();
    let mut parts = server.stream("/stream");
    picture(&mut parts, &jpegs);
    become_(&server, "gone");
    eventually("an incident", || {
        let incident = &server.json("/api/v1/incidents")["incidents"][0];
        (incident["cause"] == "no_camera").then_some(())
    });
    // The same viewer is told, and sees pictures again.
    while jpegs.contains(&parts.part().jpeg) {}
    become_(&server, "mjpeg");
    picture(&mut parts, &jpegs);
    eventually("the incident's end", || {
        let incident = &server.json("/api/v1/incidents")["incidents"][0];
        incident["ended"].is_string().then_some(())
    });
    assert_eq!(server.camera()["incidents"], 1);
    server.stop();
}

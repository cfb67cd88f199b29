//! MJPEG of other programs, as they really send it: motion and VLC.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
    time::Instant,
};

use crate::harness::{LIMIT, Program, Setup, decode, draw, free_port, tool, vlc_command};

/// Shows the stream at this address until ten different pictures of this size have come. The program may need a while
/// before it answers.
fn shows(url: &str, size: (usize, usize)) {
    // Drawn pictures are of another size.
    let mut server = Setup::with_source(url)
        .camera("width", 160)
        .camera("height", 120)
        .start();
    let mut parts = server.stream("/stream");
    let mut seen = Vec::new();
    let deadline = Instant::now() + 3 * LIMIT;
    while seen.len() < 10 {
        let jpeg = parts.part().jpeg;
        if decode(&jpeg) == size && !seen.contains(&jpeg) {
            seen.push(jpeg);
        }
        assert!(
            Instant::now() < deadline,
            "{} pictures of {url} in time",
            seen.len()
        );
    }
    assert_eq!(server.camera()["state"], "live");
    assert!(server.programs().is_empty(), "nothing is converted");
    drop(parts);
    server.stop();
}

#[test]
fn motion_is_a_camera() {
    // Its own camera is a server of ours.
    let mut first = Setup::camera_sim().start();
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = folder.path().join("motion.conf");
    let target = folder.path().display();
    fs::write(
        &config,
        format!(
            "daemon off\nsetup_mode off\ntarget_dir {target}\nlog_file {target}/motion.log\nlog_level 6\n\
             netcam_url {}\nwidth 320\nheight 240\nframerate 10\npicture_output off\nmovie_output off\n\
             webcontrol_port 0\nstream_port {port}\nstream_localhost on\nstream_maxrate 10\nstream_quality 70\n",
            first.url("/stream")
        ),
    )
    .unwrap();
    let mut command = Command::new(tool("motion", "motion"));
    command
        .arg("-n")
        .arg("-c")
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let motion = Program::start(&mut command);
    shows(&format!("http://127.0.0.1:{port}/"), (320, 240));
    drop(motion);
    first.stop();
}

#[test]
fn vlc_is_a_camera() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let video = folder.path().join("video.mkv");
    draw(
        &video,
        "testsrc=size=176x144:rate=10",
        600,
        &["-c:v", "libx264", "-preset", "ultrafast"],
    );
    // As people write it, and with a type that VLC does not set by itself.
    const BOUNDARY: &str =
        "{mime=multipart/x-mixed-replace;boundary=7b3cc56e5f51db803f790dad720ed50a}";
    for access in [String::new(), BOUNDARY.to_owned()] {
        let port = free_port();
        // Its encoder is refused by newer libraries without `strict`.
        let output = format!(
            "#transcode{{vcodec=MJPG,vb=800,venc=avcodec{{strict=-1}}}}:\
             standard{{access=http{access},mux=mpjpeg,dst=127.0.0.1:{port}/video}}"
        );
        let mut command = vlc_command();
        command
            .env("HOME", folder.path())
            .arg("--loop")
            .arg(&video)
            .arg("--sout")
            .arg(output)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _vlc = Program::start(&mut command);
        shows(&format!("http://127.0.0.1:{port}/video"), (176, 144));
    }
}

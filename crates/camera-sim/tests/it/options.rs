//! Errors, exit codes and what is printed without a camera.

use crate::sim::{End, Place};

#[test]
fn errors_and_exit_codes() {
    let place = Place::new();
    let check = |args: &str, expected: &str| {
        let (end, stdout, stderr) = place.run(args);
        assert_eq!(end, End::Code(255), "{args}: {stderr}");
        assert!(stdout.is_empty(), "{args}");
        assert_eq!(
            stderr.lines().last(),
            Some(format!("ERROR: *** {expected} ***").as_str()),
            "{args}"
        );
    };
    check("--nonsense", "unrecognised option '--nonsense'");
    check(
        "--width wide",
        "the argument ('wide') for option '--width' is invalid",
    );
    check(
        "-t 0 --timeout 5",
        "option '--timeout' cannot be specified more than once",
    );
    check("-t soon", "Invalid time string provided");
    check("--codec vp9", "unrecognised codec vp9");
    check(
        "--codec yuv420",
        "camera-sim does not simulate codec yuv420",
    );
    check(
        "--codec mjpeg --exposure night",
        "Invalid exposure mode:night",
    );
    check(
        "--codec mjpeg --awb greyworld",
        "Invalid AWB mode: greyworld",
    );
    check("--codec mjpeg --metering all", "Invalid metering mode: all");
    check(
        "--codec mjpeg --rotation 90",
        "transforms requiring transpose not supported",
    );
    check("--codec mjpeg --rotation 45", "illegal rotation value");
    check(
        "--codec mjpeg --lens-position near",
        "Invalid lens position: near",
    );
    check(
        "--codec mjpeg --camera 1",
        "selected camera is not available",
    );
    check(
        "--codec mjpeg --camera -1",
        "selected camera is not available",
    );
    check("--profile best", "no such profile best");
    check(
        "--post-process-file /nowhere.json",
        "/nowhere.json: cannot open file",
    );
}

#[test]
fn prints_without_a_camera() {
    let check = |place: &Place, args: &str, expected: &str| {
        let (end, stdout, _) = place.run(args);
        assert_eq!(end, End::Code(0), "{args}");
        let stdout = String::from_utf8(stdout).unwrap();
        assert!(stdout.contains(expected), "{args}: {stdout}");
    };
    let place = Place::new().with("CAMERAS", "2");
    check(&place, "--version", "libav:1");
    check(&place, "--help", "--flush");
    check(
        &place,
        "--list-cameras",
        "0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/",
    );
    check(&place, "--list-cameras", "\n1 : imx708");
    let place = Place::new().with("FAULT", "nocamera");
    check(&place, "--list-cameras", "No cameras available!");
}

#[test]
fn ends_by_itself() {
    let place = Place::new();
    let (end, stdout, stderr) = place.run("-t 100 --codec mjpeg -n --framerate 100 -o -");
    assert_eq!(end, End::Code(0));
    assert!(
        stderr.ends_with("Halting: reached timeout of 100 milliseconds.\n"),
        "{stderr}"
    );
    assert!(
        stderr.contains(" INFO Camera camera_manager.cpp:"),
        "{stderr}"
    );
    assert!(
        stdout.len() >= 16_300 && stdout.len() % 16_300 == 0,
        "{} bytes",
        stdout.len()
    );
    let (end, stdout, stderr) = place.run("--frames 3 --codec mjpeg --framerate 100 -o - -v 0");
    assert_eq!((end, stdout.len()), (End::Code(0), 3 * 16_300));
    assert_eq!(
        stderr.lines().count(),
        3,
        "one line a frame without -n: {stderr}"
    );
    assert!(stderr.starts_with("#0 ("), "{stderr}");
}

#[test]
fn files() {
    let place = Place::new();
    let (config, output) = (place.path("config.txt"), place.path("out.mjpeg"));
    std::fs::write(
        &config,
        "codec=mjpeg\nframes=2\nframerate=100\nnopreview=1\n",
    )
    .unwrap();
    let args = format!("-c {} -o {} --frames 4", config.display(), output.display());
    let (end, stdout, _) = place.run(&args);
    assert_eq!((end, stdout.len()), (End::Code(0), 0));
    assert_eq!(
        std::fs::metadata(&output).unwrap().len(),
        4 * 16_300,
        "the command line wins"
    );
    let (end, stdout, _) = place.run("-c /nowhere.txt --codec mjpeg --frames 1 -n");
    assert_eq!(
        (end, stdout.len()),
        (End::Code(0), 0),
        "no -o: encoded and thrown away"
    );
}

#[test]
fn one_process_per_camera() {
    let place = Place::new().with("CAMERAS", "2");
    let mut first = place.start(crate::sim::STREAM);
    first.frames(1);
    let (end, _, stderr) = place.run(crate::sim::STREAM);
    assert_eq!(end, End::Code(255));
    assert!(
        stderr.contains("Pipeline handler in use by another process"),
        "{stderr}"
    );
    assert!(
        stderr
            .contains("ERROR: *** failed to acquire camera /base/soc/i2c0mux/i2c@1/imx708@1a ***"),
        "{stderr}"
    );
    let mut other = place.start(&format!("{} --camera 1", crate::sim::STREAM));
    other.frames(1);
    first.child.kill().unwrap();
    first.end();
    place.start(crate::sim::STREAM).frames(1);
}

#[test]
fn the_places_of_others_move_when_a_camera_is_gone() {
    let mut place = Place::new().with("CAMERAS", "3");
    let unplugged = place.path("unplugged");
    place.set("UNPLUGGED", unplugged.to_str().unwrap());
    let list = || {
        let (end, stdout, _) = place.run("--list-cameras");
        assert_eq!(end, End::Code(0));
        let text = String::from_utf8(stdout).unwrap();
        let line = |line: &str| Some((line.split_once(" : ")?.0.parse().ok()?, line.to_owned()));
        text.lines().filter_map(line).collect::<Vec<(u32, _)>>()
    };
    let all = list();
    assert_eq!(all.len(), 3);
    std::fs::write(&unplugged, "0\n2").unwrap();
    let left = list();
    let id = |line: &str| line.rsplit_once(" (").unwrap().1.to_owned();
    assert_eq!(
        (left.len(), left[0].0, id(&left[0].1)),
        (1, 0, id(&all[1].1))
    );
    let (end, _, stderr) = place.run(&format!("{} --camera 1", crate::sim::STREAM));
    assert_eq!(end, End::Code(255));
    assert!(
        stderr.contains("selected camera is not available"),
        "{stderr}"
    );
    // What is in use is the camera, wherever it stands in the list.
    let mut stream = place.start(crate::sim::STREAM);
    stream.frames(1);
    std::fs::remove_file(&unplugged).unwrap();
    let (_, _, stderr) = place.run(&format!("{} --camera 1", crate::sim::STREAM));
    assert!(stderr.contains("failed to acquire camera"), "{stderr}");
}

#[test]
fn starts_are_logged() {
    let mut place = Place::new();
    let log = place.path("starts");
    place.set("LOG", log.to_str().unwrap());
    place.run("--version");
    place.run("--nonsense 1");
    let text = std::fs::read_to_string(log).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split_once('\t').unwrap().1)
        .collect();
    assert_eq!(lines, ["--version", "--nonsense\t1"]);
}

#[test]
fn a_mistake_in_the_environment_is_not_a_camera_fault() {
    let (end, _, stderr) = Place::new().with("FAULT", "explode").run("--codec mjpeg");
    assert_eq!(end, End::Code(64), "{stderr}");
}

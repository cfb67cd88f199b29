//! The other codec.

use std::fs;

use crate::sim::{End, Place};

fn stream() -> Vec<u8> {
    let nals: [&[u8]; 5] = [
        &[0x67, 1],
        &[0x68, 1],
        &[0x65, 0x88, 7],
        &[0x41, 0x9A, 8],
        &[0x41, 0x9A, 9],
    ];
    nals.iter()
        .flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())
        .collect()
}

#[test]
fn a_file_goes_out_picture_by_picture() {
    let mut place = Place::new();
    let path = place.path("in.h264");
    fs::write(&path, stream()).unwrap();
    place.set("H264_FILE", path.to_str().unwrap());
    let (end, stdout, stderr) = place.run("--frames 4 -n --framerate 100 -o -");
    assert_eq!(end, End::Code(0), "{stderr}");
    let once = stream();
    assert_eq!(stdout, [&once[..], &once[..once.len() - 14]].concat());
}

#[test]
fn a_pi_5_wants_a_container_format() {
    let place = Place::new().with("PI", "5");
    let (end, _, stderr) = place.run("-n -o -");
    assert_eq!(end, End::Code(255));
    let text =
        "ERROR: *** libav: cannot allocate output context, try setting with --libav-format ***\n";
    assert!(stderr.ends_with(text), "{stderr}");
}

/// Where there is an encoder.
#[test]
fn encodes_with_ffmpeg() {
    let works = std::process::Command::new("ffmpeg")
        .arg("-version")
        .output()
        .is_ok_and(|run| run.status.success());
    if !works {
        return;
    }
    let count = |args: &str, pi: &str| {
        let place = Place::new()
            .with("FRAMES", "")
            .with("CYCLE", "2")
            .with("PI", pi);
        let args = format!("{args} --frames 12 -g 5 -n --flush --width 160 --height 120 -o -");
        let (end, stdout, stderr) = place.run(&args);
        assert_eq!(end, End::Code(0), "{stderr}");
        let of_type = |kind: u8| {
            stdout
                .windows(4)
                .filter(|w| w[..3] == [0, 0, 1] && w[3] & 0x1F == kind)
                .count()
        };
        (of_type(7), of_type(5), of_type(1))
    };
    assert_eq!(count("--inline", "4"), (3, 3, 9));
    assert_eq!(count("", "4"), (1, 3, 9));
    assert_eq!(count("--libav-format h264", "5"), (3, 3, 9));
}

//! Pictures and videos to test with.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use zune_jpeg::{JpegDecoder, zune_core::bytestream::ZCursor};

use super::tool;

/// Has ffmpeg draw so many pictures.
pub(crate) fn draw(path: &Path, scene: &str, count: u32, options: &[&str]) {
    let status = Command::new(tool("ffmpeg", "ffmpeg"))
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", scene])
        .args(["-frames:v", &count.to_string()])
        .args(options)
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{}", path.display());
}

/// What the simulated camera shows: 16 pictures of 320x240, made once for all tests and all runs.
pub(crate) fn frames() -> &'static Path {
    static FRAMES: OnceLock<PathBuf> = OnceLock::new();
    FRAMES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = folder.join("camera.mjpeg");
        if !path.exists() {
            let new = tempfile::NamedTempFile::new_in(folder).unwrap();
            let scene = "testsrc=size=320x240:rate=10,noise=alls=20";
            draw(
                new.path(),
                scene,
                16,
                &[
                    "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "8", "-f", "mjpeg",
                ],
            );
            // At once and whole, for whoever else runs the tests.
            new.persist(&path).unwrap();
        }
        path
    })
}

/// Width and height of a JPEG that can be decoded to its last line.
pub(crate) fn decode(jpeg: &[u8]) -> (usize, usize) {
    let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
    let pixels = decoder
        .decode()
        .unwrap_or_else(|error| panic!("{error:?}: not a JPEG"));
    let (width, height) = decoder.dimensions().unwrap();
    assert_eq!(pixels.len() % (width * height), 0);
    (width, height)
}

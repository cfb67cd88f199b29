//! The words of the `source` key.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::{HttpAddress, RtspAddress, listing};

/// What a camera's pictures come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSpec {
    /// The first of: a camera on the board, a USB camera, the test pattern.
    Auto,
    /// A camera on the board through rpicam-vid, by its place in `--list-cameras`.
    Rpicam {
        /// `None` is the first one.
        index: Option<u8>,
    },
    /// The same, by the id that `--list-cameras` shows in brackets: places move when a camera is not found.
    RpicamById {
        /// Its path in the device tree.
        id: String,
    },
    /// The same, taken as H.264 and turned into JPEG by ffmpeg.
    RpicamThroughFfmpeg,
    /// A USB camera.
    V4l2 {
        /// `/dev/videoN` or a link to one.
        device: PathBuf,
    },
    /// MJPEG over HTTP.
    Http(HttpAddress),
    /// JPEG, H.264 or H.265 over RTSP.
    Rtsp(RtspAddress),
    /// A file or a folder, again and again.
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// A drawn picture.
    Test,
}

/// The text names no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// Not one of the known words.
    #[error(
        "unknown source `{0}`: expected `auto`, `rpicam`, `rpicam:N`, `rpicam:ID`, `ffmpeg`, `v4l2:/dev/videoN`, `http://…`, \
         `rtsp://…`, `file:PATH` or `test`"
    )]
    Unknown(String),
    /// Known, but this version cannot do it.
    #[error(
        "source `{0}` needs a later version: of network cameras this one knows `http://…` with MJPEG and `rtsp://…`, \
         both without TLS"
    )]
    NotYet(String),
    /// Not an address.
    #[error(
        "this is no address of a camera: {0}; expected something like `http://192.168.1.9/mjpeg` or `rtsp://192.168.1.9/stream1`"
    )]
    Address(&'static str),
    /// Not a device.
    #[error("`{0}` is no video device: expected a path like `/dev/video0` or `/dev/v4l/by-id/…`")]
    Device(String),
    /// Not a number.
    #[error(
        "`{0}` is no camera index: expected `rpicam:0` to `rpicam:9`, or the id that `rpicam-vid --list-cameras` shows \
         in brackets, such as `rpicam:/base/soc/i2c0mux/i2c@1/imx708@1a`"
    )]
    Index(String),
    /// Nothing behind `file:`.
    #[error("`file:` needs a path behind it")]
    NoPath,
}

impl FromStr for SourceSpec {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        let (kind, rest) = text
            .split_once(':')
            .map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("auto", None) => Ok(Self::Auto),
            ("test", None) => Ok(Self::Test),
            ("ffmpeg", None) => Ok(Self::RpicamThroughFfmpeg),
            ("rpicam", None) => Ok(Self::Rpicam { index: None }),
            ("rpicam", Some(id)) if listing::is_id(id) => {
                Ok(Self::RpicamById { id: id.to_owned() })
            }
            ("rpicam", Some(index)) => match index.parse() {
                Ok(index @ 0..=9) => Ok(Self::Rpicam { index: Some(index) }),
                _ => Err(InvalidSource::Index(index.chars().take(80).collect())),
            },
            ("file", None | Some("")) => Err(InvalidSource::NoPath),
            ("file", Some(path)) => {
                // `file:///clips/a.mjpeg` is what people copy from elsewhere.
                let path = path
                    .strip_prefix("//")
                    .filter(|p| p.starts_with('/'))
                    .unwrap_or(path);
                Ok(Self::File { path: path.into() })
            }
            ("v4l2", Some(device)) => {
                let plain = !device.contains("..") && !device.contains(char::is_control);
                if plain && (device.starts_with("/dev/video") || device.starts_with("/dev/v4l/")) {
                    Ok(Self::V4l2 {
                        device: device.into(),
                    })
                } else {
                    Err(InvalidSource::Device(device.escape_debug().to_string()))
                }
            }
            // The rest of such an address may be a password.
            ("http", Some(_)) => text.parse().map(Self::Http),
            ("rtsp", Some(_)) => text.parse().map(Self::Rtsp),
            ("rtsps" | "https", Some(_)) => Err(InvalidSource::NotYet(format!("{kind}:…"))),
            _ => Err(InvalidSource::Unknown(kind.chars().take(80).collect())),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Rpicam { index: None } => f.write_str("rpicam"),
            Self::Rpicam { index: Some(index) } => write!(f, "rpicam:{index}"),
            Self::RpicamById { id } => write!(f, "rpicam:{id}"),
            Self::RpicamThroughFfmpeg => f.write_str("ffmpeg"),
            Self::V4l2 { device } => write!(f, "v4l2:{}", device.display()),
            Self::Http(address) => address.fmt(f),
            Self::Rtsp(address) => address.fmt(f),
            Self::File { path } => write!(f, "file:{}", path.display()),
            Self::Test => f.write_str("test"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_come_back_as_written() {
        for text in [
            "auto",
            "test",
            "ffmpeg",
            "rpicam",
            "rpicam:1",
            "rpicam:/base/soc/i2c0mux/i2c@1/imx708@1a",
            "v4l2:/dev/video0",
            "file:clips/a.mjpeg",
        ] {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
        assert_eq!(
            "file:///a b.mjpeg"
                .parse::<SourceSpec>()
                .unwrap()
                .to_string(),
            "file:/a b.mjpeg"
        );
    }

    #[test]
    fn others_are_refused_with_a_reason() {
        for (text, want) in [
            ("tset", "unknown source `tset`"),
            ("command:rm", "unknown source `command`"),
            ("file:", "needs a path"),
            ("rpicam:x", "no camera index"),
            ("rpicam:/", "no camera index"),
            ("rpicam:/base a", "no camera index"),
            ("v4l2:/etc/passwd", "no video device"),
            ("v4l2:/dev/video0/../sda", "no video device"),
            ("v4l2:/dev/video0\n-f lavfi", "no video device"),
        ] {
            let error = text.parse::<SourceSpec>().unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
        for text in ["rtsps://user:secret@10.0.0.2/1", "rtsp://user:secret@/1"] {
            let error = text.parse::<SourceSpec>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

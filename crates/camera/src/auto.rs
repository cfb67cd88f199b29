//! Finds a camera by itself: one on the board, else one on USB, else the test pattern.

use std::{
    fs,
    path::{Path, PathBuf},
};

use control::Class;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Failure, Kind, Memory, Run, Settings, Sink, Source, ffmpeg::Usb, pattern, rpicam};

/// Where the kernel lists video devices, and where their nodes are.
pub(crate) const CLASS: &str = "/sys/class/video4linux";
pub(crate) const DEV: &str = "/dev";
const NOTE: &str = "No camera was found: this is the test pattern.";

/// Looks anew at every start, so a cable that was put right is found without a restart of the server.
#[derive(Debug)]
pub(crate) struct Auto {
    settings: Settings,
    memory: Memory,
    /// The camera on the board worked before: asking again would cost half a second at each start.
    board: Option<rpicam::Rpicam>,
}

impl Auto {
    pub(crate) fn new(settings: Settings, memory: Memory) -> Self {
        Self {
            settings,
            memory,
            board: None,
        }
    }

    async fn run(&mut self, sink: &mut dyn Sink, stop: &CancellationToken) -> Result<(), Failure> {
        if self.board.is_none() && rpicam::may_see_a_camera(&self.settings, sink, stop).await {
            if stop.is_cancelled() {
                return Ok(());
            }
            info!("a camera on the board was found");
            self.board = Some(rpicam::Rpicam::new(
                self.settings.clone(),
                self.memory.clone(),
            ));
        }
        if let Some(board) = &mut self.board {
            sink.found(Class::Board);
            let result = Source::run(board, sink, stop).await;
            if result.as_ref().is_err_and(|f| {
                matches!(
                    f.kind,
                    Kind::NoCamera | Kind::NotSupported | Kind::ProgramMissing
                )
            }) {
                self.board = None;
            }
            return result;
        }
        if let Some((device, _)) = usb_cameras(Path::new(CLASS), Path::new(DEV))
            .into_iter()
            .next()
        {
            info!(device = %device.display(), "a USB camera was found");
            sink.found(Class::Usb);
            return Usb::new(device, self.settings.clone(), self.memory.clone())
                .run(sink, stop)
                .await;
        }
        warn!("no camera was found, neither on the board nor on USB: showing the test pattern");
        sink.found(Class::Drawn);
        pattern::open(&self.settings, Some(NOTE))
            .run(sink, stop)
            .await
    }
}

impl Source for Auto {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(Self::run(self, sink, stop))
    }

    fn set(&mut self, settings: &Settings) {
        self.settings = settings.clone();
        if let Some(board) = &mut self.board {
            board.set(settings);
        }
    }
}

/// The USB video devices that give pictures, with what they call themselves. A Pi has many more video devices:
/// decoders, scalers, the camera's own parts; none of those is on USB. Of a camera's two nodes, the one with index 0
/// has the pictures.
pub(crate) fn usb_cameras(class: &Path, dev: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(class).into_iter().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_unstable_by_key(|name| {
        name.trim_start_matches("video")
            .parse::<u32>()
            .unwrap_or(u32::MAX)
    });
    let camera = |name: String| {
        let node = class.join(&name);
        let index = fs::read_to_string(node.join("index")).ok()?;
        let subsystem = fs::canonicalize(node.join("device/subsystem")).ok()?;
        if index.trim() != "0" || !subsystem.ends_with("usb") {
            return None;
        }
        let called = fs::read_to_string(node.join("name")).unwrap_or_default();
        // Whoever built the camera chose it.
        let called = called.trim().chars().filter(|c| !c.is_control());
        Some((dev.join(name), called.take(80).collect()))
    };
    names.into_iter().filter_map(camera).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn of_many_video_devices_the_usb_camera_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let class = dir.path().join("class");
        for (name, index, bus) in [
            ("video10", "0", "platform"),
            ("video3", "1", "usb"),
            ("video2", "0", "usb"),
        ] {
            let node = class.join(name);
            fs::create_dir_all(node.join("device")).unwrap();
            fs::write(node.join("index"), format!("{index}\n")).unwrap();
            fs::write(node.join("name"), format!("Cam \u{1b}{name}\n")).unwrap();
            fs::create_dir_all(dir.path().join("bus").join(bus)).unwrap();
            symlink(
                dir.path().join("bus").join(bus),
                node.join("device/subsystem"),
            )
            .unwrap();
        }
        assert_eq!(
            usb_cameras(&class, Path::new("/dev")),
            [("/dev/video2".into(), "Cam video2".to_owned())]
        );
        fs::remove_dir_all(class.join("video2")).unwrap();
        assert_eq!(usb_cameras(&class, Path::new("/dev")), []);
        assert_eq!(usb_cameras(Path::new("/nowhere"), Path::new("/dev")), []);
    }
}

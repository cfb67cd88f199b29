//! Finds a camera by itself: one on the board, else one on USB, else the test pattern.

use std::{
    fs,
    path::{Path, PathBuf},
};

use control::Class;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{Failure, Kind, Memory, Run, Settings, Sink, Source, ffmpeg::Usb, pattern, rpicam};

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
        if let Some(device) = usb_camera(Path::new("/sys/class/video4linux"), Path::new("/dev")) {
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

/// The first USB video device that gives pictures. A Pi has many more video devices: decoders, scalers, the camera's
/// own parts; none of those is on USB. Of a camera's two nodes, the one with index 0 has the pictures.
fn usb_camera(class: &Path, dev: &Path) -> Option<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(class)
        .ok()?
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_unstable_by_key(|name| {
        name.trim_start_matches("video")
            .parse::<u32>()
            .unwrap_or(u32::MAX)
    });
    names.into_iter().find_map(|name| {
        let node = class.join(&name);
        let index = fs::read_to_string(node.join("index")).ok()?;
        let subsystem = fs::canonicalize(node.join("device/subsystem")).ok()?;
        (index.trim() == "0" && subsystem.ends_with("usb")).then(|| dev.join(name))
    })
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
            fs::create_dir_all(dir.path().join("bus").join(bus)).unwrap();
            symlink(
                dir.path().join("bus").join(bus),
                node.join("device/subsystem"),
            )
            .unwrap();
        }
        assert_eq!(
            usb_camera(&class, Path::new("/dev")),
            Some("/dev/video2".into())
        );
        fs::remove_dir_all(class.join("video2")).unwrap();
        assert_eq!(usb_camera(&class, Path::new("/dev")), None);
        assert_eq!(usb_camera(Path::new("/nowhere"), Path::new("/dev")), None);
    }
}

//! Which cameras this machine has, and whether one of them gives pictures. Nothing of the network is searched.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use control::Class;
use media::{Picture, jpeg::Dropped};
use tokio::{
    net::TcpStream,
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Failure, Kind, Memory, Settings, Sink, SourceSpec, auto, listing, open, program,
    rpicam::PROGRAMS,
};

/// How long pictures are taken on after the first one: exposure and white balance need some.
const SETTLING: Duration = Duration::from_millis(700);
/// How long a network camera may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where a camera is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the board, with its place in the list.
    Board(u8),
    /// On USB.
    Usb,
}

/// A camera that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What names it in the configuration.
    pub source: String,
    /// What it calls itself.
    pub name: String,
    /// Where it is.
    pub place: Place,
}

/// Asks the camera program, or the one that is installed, for the cameras of the board, and the system for those on
/// USB. Beside them why there may be more.
pub async fn discover(program: Option<PathBuf>) -> (Vec<Found>, Vec<Failure>) {
    let (mut found, mut troubles) = (Vec::new(), Vec::new());
    let stop = CancellationToken::new();
    match program.or_else(|| program::find(&PROGRAMS)) {
        Some(program) => match listing::ask(&program, &mut Deaf, &stop).await {
            Ok(listing) => {
                found.extend(listing.cameras.iter().map(|camera| Found {
                    source: format!("rpicam:{}", camera.id),
                    name: camera.model.clone(),
                    place: Place::Board(camera.index),
                }));
                // Boards without a camera are nothing to complain about.
                troubles.extend(listing.complaint.filter(|c| c.kind != Kind::NoCamera));
            }
            Err(failure) => troubles.push(failure),
        },
        None => troubles.push(Failure::new(
            Kind::ProgramMissing,
            "neither rpicam-vid nor libcamera-vid is in the path",
        )),
    }
    let usb = auto::usb_cameras(Path::new(auto::CLASS), Path::new(auto::DEV));
    found.extend(usb.into_iter().map(|(device, name)| Found {
        source: format!("v4l2:{}", device.display()),
        name,
        place: Place::Usb,
    }));
    (found, troubles)
}

/// Finds a camera program, or a converter, as the sources do.
#[must_use]
pub fn find_program(names: &[&str]) -> Option<PathBuf> {
    program::find(names)
}

/// The first line of what a program says of its version, asked with this option.
///
/// # Errors
/// When it cannot be run, or says nothing.
pub async fn version_of(program: &Path, option: &str) -> Result<String, Failure> {
    let text = listing::said(program, option, &mut Deaf, &CancellationToken::new()).await?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(|line| line.chars().filter(|c| !c.is_control()).take(80).collect())
        .ok_or_else(|| {
            let detail = format!("{} {option} says nothing", program.display());
            Failure::new(Kind::ProgramUnusable, detail)
        })
}

/// Connects to a network camera and asks it nothing. `None` where the camera is on no network.
pub async fn reach(spec: &SourceSpec) -> Option<io::Result<()>> {
    let addresses = match spec {
        SourceSpec::Http(address) => address.0.resolve().await,
        SourceSpec::Rtsp(address) => address.0.resolve().await,
        _ => return None,
    };
    let connect = async {
        TcpStream::connect(&*addresses?).await?;
        Ok(())
    };
    let late = || io::Error::new(io::ErrorKind::TimedOut, "nobody answers");
    Some(
        timeout(PATIENCE, connect)
            .await
            .unwrap_or_else(|_| Err(late())),
    )
}

/// Opens a camera, takes its first pictures, and closes it; the last of them, as a JPEG.
///
/// # Errors
/// With what the camera said, or that it said nothing for so long.
pub async fn first_pictures(settings: &Settings, limit: Duration) -> Result<Vec<u8>, Failure> {
    let mut source = open(settings, &Memory::default());
    let taken = Taken::default();
    let mut sink = taken.clone();
    let stop = CancellationToken::new();
    let enough = async {
        let got = timeout(limit, taken.0.came.notified()).await.is_ok();
        if got {
            sleep(SETTLING).await;
        }
        stop.cancel();
    };
    // A source that is told to stop leaves nothing behind: it is waited for.
    let run = async {
        let result = source.run(&mut sink, &stop).await;
        stop.cancel();
        result
    };
    let (result, ()) = tokio::join!(run, async {
        tokio::select! {
            () = enough => {}
            () = stop.cancelled() => {}
        }
    });
    let mut kept = taken.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(picture) = kept.picture.take() {
        return Ok(picture);
    }
    result?;
    Err(kept.trouble.take().unwrap_or_else(|| {
        let detail = format!("nothing came within {} s", limit.as_secs());
        Failure::new(Kind::TimedOut, detail)
    }))
}

/// Takes no notice.
struct Deaf;

impl Sink for Deaf {
    fn picture(&mut self, _: Picture) {}
    fn dropped(&mut self, _: Dropped) {}
    fn trouble(&mut self, _: Failure) {}
    fn found(&mut self, _: Class) {}
}

/// Takes what comes, and keeps the last of it.
#[derive(Clone, Default)]
struct Taken(Arc<Pictures>);

#[derive(Default)]
struct Pictures {
    kept: Mutex<Kept>,
    came: Notify,
}

#[derive(Default)]
struct Kept {
    picture: Option<Vec<u8>>,
    trouble: Option<Failure>,
}

impl Sink for Taken {
    fn picture(&mut self, jpeg: Picture) {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.picture = Some(jpeg.to_vec());
        drop(kept);
        self.0.came.notify_one();
    }

    fn dropped(&mut self, _: Dropped) {}

    fn trouble(&mut self, failure: Failure) {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.trouble = Some(failure);
    }

    fn found(&mut self, _: Class) {}
}

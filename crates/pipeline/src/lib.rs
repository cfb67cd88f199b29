//! One actor per camera: runs its source while somebody wants it, and puts the pictures into the hub.
//!
//! Knows cameras and the hub and introduces them to each other. Knows no socket.

mod actor;
mod backoff;
mod feed;
mod placeholder;

use std::{sync::Arc, time::Duration};

use hub::Stream;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info_span};

pub use actor::Times;

/// One camera: what to open, and where its pictures go.
#[derive(Clone, Debug)]
pub struct Camera {
    /// What to open, and how.
    pub settings: camera::Settings,
    /// When to start and stop it.
    pub times: Times,
    /// Where its pictures go.
    pub stream: Arc<Stream>,
}

/// Runs the cameras until `stop`, then until the last of them is gone. A panic costs one camera, and that one is
/// started again.
pub async fn run(cameras: Vec<Camera>, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    let mut running: Vec<(Id, Camera)> = Vec::new();
    for camera in cameras {
        let id = spawn(&mut tasks, camera.clone(), &stop);
        running.push((id, camera));
    }
    while let Some(ended) = tasks.join_next_with_id().await {
        let Err(fault) = ended else {
            continue;
        };
        let Some(place) = running.iter_mut().find(|(id, _)| *id == fault.id()) else {
            continue;
        };
        error!(camera = %place.1.stream.id(), error = %fault, "the camera's task broke down: it is started again");
        tokio::time::sleep(Duration::from_secs(1)).await;
        if !stop.is_cancelled() {
            place.0 = spawn(&mut tasks, place.1.clone(), &stop);
        }
    }
}

fn spawn(tasks: &mut JoinSet<()>, camera: Camera, stop: &CancellationToken) -> Id {
    let span = info_span!("camera", camera = %camera.stream.id());
    let stop = stop.clone();
    tasks
        .spawn(actor::Actor::new(camera).run(stop).instrument(span))
        .id()
}

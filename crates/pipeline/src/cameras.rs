//! All cameras, each with an actor of its own; they come, change and go while the server runs.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use camera::{Language, SourceSpec};
use hub::{About, CameraId, Hub, Stream};
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, error, info, info_span};

use crate::{
    Memories,
    actor::{Actor, Manner, Times},
};

/// One camera as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Camera {
    /// Its name in addresses.
    pub id: CameraId,
    /// What to open, and how.
    pub settings: camera::Settings,
    /// When to start and stop it.
    pub times: Times,
    /// What is written into pictures that say that there is none.
    pub language: Language,
    /// Size, rate and quality follow from how many watch, and not from the settings.
    pub is_sized_by_viewers: bool,
}

impl Camera {
    fn stream(&self, hub: &Hub) -> Arc<Stream> {
        Stream::with_ledger(self.id.clone(), self.about(), hub.incidents().clone())
    }

    /// Whether this camera has to be started again to become that one. Its name, its times and the language of its words
    /// may change while it runs.
    #[must_use]
    pub fn restarts_to_become(&self, other: &Self) -> bool {
        let mut same = other.clone();
        // Where the name is drawn into the pictures, it takes a start.
        if self.settings.spec != SourceSpec::Test {
            same.settings.name.clone_from(&self.settings.name);
        }
        same.times = self.times;
        same.language = self.language;
        same != *self
    }

    fn manner(&self) -> Manner {
        Manner {
            name: self.settings.name.clone(),
            times: self.times,
            language: self.language,
        }
    }

    fn about(&self) -> About {
        About {
            name: self.settings.name.clone(),
            source: self.settings.spec.to_string(),
            framerate: self.settings.framerate,
        }
    }
}

/// Runs an actor for each camera that is wanted.
#[derive(Debug)]
pub struct Cameras {
    hub: Arc<Hub>,
    /// What was learnt stays when a camera is started again or configured anew.
    memories: Memories,
    wanted: watch::Receiver<Vec<Camera>>,
    running: Vec<Running>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Running {
    task: Id,
    camera: Camera,
    stream: Arc<Stream>,
    stop: CancellationToken,
    why: Arc<OnceLock<&'static str>>,
    manner: watch::Sender<Manner>,
    then: Then,
}

/// What happens when an actor has ended.
#[derive(Debug)]
enum Then {
    /// It should not have.
    Again,
    /// Its camera was configured anew.
    Change(Box<Camera>),
    /// Its camera is gone.
    Forget,
}

impl Cameras {
    /// Puts the streams of the cameras wanted now into `hub`, and starts their actors. Whatever `wanted` becomes later
    /// is taken over by [`Cameras::run`].
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use]
    pub fn new(
        hub: Arc<Hub>,
        mut wanted: watch::Receiver<Vec<Camera>>,
        memories: Memories,
    ) -> Self {
        let first = wanted.borrow_and_update().clone();
        let mut cameras = Self {
            hub,
            memories,
            wanted,
            running: Vec::new(),
            tasks: JoinSet::new(),
        };
        cameras.take_over(first);
        cameras
    }

    /// Runs until `stop`, then until the last camera is gone. A panic costs one camera, and that one is started again.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Ok(()) = self.wanted.changed() => {
                    let wanted = self.wanted.borrow_and_update().clone();
                    self.take_over(wanted);
                }
                Some(ended) = self.tasks.join_next_with_id() => match ended {
                    Ok((task, ())) => self.ended(task, None),
                    Err(fault) => self.ended(fault.id(), Some(&fault)),
                },
            }
        }
        for running in &self.running {
            // Viewers see the end at once, however long the camera takes to stop.
            running.stream.publisher().close();
            running.end("the server stops");
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Cameras that stay as they are notice nothing.
    fn take_over(&mut self, wanted: Vec<Camera>) {
        for running in &mut self.running {
            match wanted.iter().find(|camera| camera.id == running.camera.id) {
                None => {
                    info!(camera = %running.camera.id, "camera removed");
                    running.then = Then::Forget;
                    running.stream.publisher().close();
                    running.end("it was removed");
                }
                Some(camera)
                    if matches!(running.then, Then::Again)
                        && !running.camera.restarts_to_become(camera) =>
                {
                    running.becomes(camera);
                }
                Some(camera) => {
                    info!(camera = %camera.id, "camera configured anew");
                    if matches!(running.then, Then::Forget) {
                        running.stream = camera.stream(&self.hub);
                    }
                    running.then = Then::Change(Box::new(camera.clone()));
                    running.end("it was configured anew");
                }
            }
        }
        let mut streams = Vec::new();
        for camera in wanted {
            if let Some(running) = self
                .running
                .iter()
                .find(|running| running.camera.id == camera.id)
            {
                streams.push(running.stream.clone());
            } else {
                let stream = camera.stream(&self.hub);
                streams.push(stream.clone());
                let running = self.start(camera, stream, Duration::ZERO);
                self.running.push(running);
            }
        }
        self.hub.set(streams);
    }

    fn ended(&mut self, task: Id, fault: Option<&JoinError>) {
        let Some(place) = self.running.iter().position(|running| running.task == task) else {
            return;
        };
        let Running {
            camera,
            stream,
            then,
            ..
        } = self.running.swap_remove(place);
        if let Some(fault) = fault {
            error!(camera = %camera.id, error = %fault, "the camera's task broke down: it is started again");
        }
        let next = match then {
            Then::Forget => return self.memories.forget(&camera.id),
            Then::Again => self.start(camera, stream, Duration::from_secs(1)),
            Then::Change(camera) => {
                stream.publisher().set_about(camera.about());
                self.start(*camera, stream, Duration::ZERO)
            }
        };
        self.running.push(next);
    }

    fn start(&mut self, camera: Camera, stream: Arc<Stream>, after: Duration) -> Running {
        let span = info_span!("camera", id = %camera.id);
        let stop = CancellationToken::new();
        let why = Arc::new(OnceLock::new());
        let manner = watch::Sender::new(camera.manner());
        let actor = Actor::new(
            camera.clone(),
            manner.subscribe(),
            &stream,
            why.clone(),
            &self.memories.of(&camera.id),
        );
        let for_actor = stop.clone();
        let life = async move {
            if !after.is_zero() {
                sleep(after).await;
            }
            actor.run(for_actor).await;
        };
        let task = self.tasks.spawn(life.instrument(span)).id();
        Running {
            task,
            camera,
            stream,
            stop,
            why,
            manner,
            then: Then::Again,
        }
    }
}

impl Running {
    /// Takes over what may change while it runs.
    fn becomes(&mut self, camera: &Camera) {
        if *camera == self.camera {
            return;
        }
        info!(camera = %camera.id, "camera configured while it runs");
        let publisher = self.stream.publisher();
        publisher.set_about(About {
            name: camera.settings.name.clone(),
            ..self.stream.about()
        });
        self.manner.send_replace(camera.manner());
        self.camera = camera.clone();
    }

    fn end(&self, why: &'static str) {
        let _ = self.why.set(why);
        self.stop.cancel();
    }
}

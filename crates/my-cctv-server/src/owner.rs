//! Owns the configuration while the server runs: takes a changed file over, on SIGHUP and by itself, and makes the
//! changes that the API asks for. What fits nowhere changes nothing, and it is said why.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime},
};

use accounts::Accounts;
use control::ControlSet;
use hub::{CameraId, Hub};
use pipeline::Camera;
use serve::{Explained, Keys, Order, Refusal};
use tokio::{
    signal::unix::Signal,
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    args::Options,
    config::{self, CameraChange, CameraError, Config, Layers, Written, edit},
    keeper::{self, Keeper},
    people,
    running::Running,
    service,
    settings::Desk,
    store::{Contents, Store},
};

/// How often the file is looked at. A look is one system call.
const LOOK: Duration = Duration::from_secs(2);

/// What is compared with what was read last, and who is told.
pub(crate) struct Owner {
    pub(crate) options: Options,
    pub(crate) running: Running,
    pub(crate) written: Written,
    /// What holds of the API's changes.
    pub(crate) changes: Vec<CameraChange>,
    pub(crate) keeper: Keeper,
    pub(crate) store: Store,
    pub(crate) hub: Arc<Hub>,
    pub(crate) cameras: watch::Sender<Vec<Camera>>,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) hang_up: Signal,
    pub(crate) accounts: Accounts,
    pub(crate) desk: Desk,
    /// The file could not be taken over because of what the API had changed.
    pub(crate) file_waits: bool,
}

/// When the file was written, and its length.
type Stamp = Option<(SystemTime, u64)>;

/// Puts what is kept over what is written. Where that cannot be, the cameras stay as they are written.
///
/// # Errors
/// With a sentence for the operator.
pub(crate) fn begin(
    config: &mut Config,
    written: &Written,
    store: &Store,
) -> Result<Contents, String> {
    let contents = store.read()?;
    let cameras = written.with(&contents.cameras);
    config.cameras = cameras.map_err(|error| error.to_string())?;
    Ok(contents)
}

impl Owner {
    /// Runs until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = self.stamp();
        let mut last = taken;
        self.tell_of_waiting_changes();
        let mut list = self.hub.watch();
        loop {
            self.keeper.restore(&self.hub);
            tokio::select! {
                () = stop.cancelled() => return,
                _ = self.hang_up.recv() => {
                    info!(signal = "SIGHUP", "reading the configuration again");
                    service::reloading();
                    taken = self.stamp();
                    // Whoever asks for it wants what the file says, whatever was set meanwhile.
                    let levels = self.running.logs.levels();
                    let _ = self.running.logs.configure(&levels.configured, true);
                    let _ = self.take_over().await;
                    service::ready();
                }
                _ = looks.tick() => {
                    let now = self.stamp();
                    // Twice the same: whoever writes it has finished.
                    if now != taken && now == last {
                        taken = now;
                        info!("the configuration file changed: reading it again");
                        let _ = self.take_over().await;
                    }
                    last = now;
                    self.keep_state().await;
                }
                Ok(()) = list.changed() => {}
                Some(order) = self.orders.recv() => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        written = self.carry_out(order) => if written {
                            taken = self.stamp();
                            last = taken;
                        },
                    }
                }
            }
        }
    }

    fn stamp(&self) -> Stamp {
        let meta = fs::metadata(config::file(&self.options)?).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    }

    /// Takes over what is written now, whole or not at all. The error is said in the log already.
    pub(crate) async fn take_over(&mut self) -> Result<(), String> {
        let (options, values) = (self.options.clone(), self.running.values.clone());
        // Pictures go on meanwhile.
        let reading =
            spawn_blocking(move || Layers::read(&options).and_then(|it| it.partly(&values)));
        let read = reading.await.map_err(|error| error.to_string())?;
        let partly = match read {
            Ok(partly) => partly,
            Err(error) => {
                error!(%error, "the configuration has an error: everything stays as it was");
                self.note("refused: it has an error");
                return Err(error.to_string());
            }
        };
        let changes = match self.read().await {
            Ok(contents) => contents.cameras,
            Err(error) => {
                error!(%error, "what the API changed cannot be read: what is known of it still holds");
                self.changes.clone()
            }
        };
        let cameras = match partly.written.with(&changes) {
            Ok(cameras) => cameras,
            Err(error) => {
                error!(%error, "the configuration does not go with what the API changed: everything stays as it was");
                self.file_waits = true;
                return Err(error.to_string());
            }
        };
        let next = match self.running.prepare(&partly.config).await {
            Ok(next) => next,
            Err(error) => {
                error!(%error, "the configuration cannot be taken over: everything stays as it was");
                self.note("refused: its certificate cannot be used");
                return Err(error);
            }
        };
        // From here on nothing waits and nothing fails, so nobody sees one half without the other.
        self.file_waits = false;
        self.written = partly.written.clone();
        self.changes = changes;
        let live = partly.live.join(", ");
        self.running.take(partly, next);
        let (changed, restarted) = self.replace_cameras(cameras);
        self.tell_of_waiting_changes();
        let pending = self.running.pending.join(", ");
        let (changed, restarted) = (changed.join(", "), restarted.join(", "));
        info!(
            live,
            cameras_changed = changed,
            cameras_restarted = restarted,
            pending_restart = pending,
            "configuration taken over"
        );
        if !pending.is_empty() {
            warn!(
                keys = pending,
                "these keys wait for the next start of the server"
            );
        }
        let told = [
            ("live", live),
            ("cameras changed", changed),
            ("cameras started again", restarted),
            ("waiting for a restart", pending),
        ];
        let told = told.into_iter().filter(|(_, keys)| !keys.is_empty());
        let told = told.map(|(what, keys)| format!("; {what}: {keys}"));
        self.note(&format!("taken over{}", told.collect::<String>()));
        Ok(())
    }

    /// From now on these; the ids of those that change while they run, and of those that start again, come or go.
    fn replace_cameras(&self, cameras: Vec<Camera>) -> (Vec<String>, Vec<String>) {
        let (mut changed, mut restarted) = (vec![], vec![]);
        self.cameras.send_if_modified(|old| {
            for camera in &cameras {
                let before = old.iter().find(|one| one.id == camera.id);
                match before {
                    Some(before) if before == camera => {}
                    Some(before) if !before.restarts_to_become(camera) => {
                        changed.push(camera.id.to_string());
                    }
                    _ => restarted.push(camera.id.to_string()),
                }
            }
            let is_there = |id: &CameraId| cameras.iter().any(|camera| camera.id == *id);
            let gone = old.iter().filter(|camera| !is_there(&camera.id));
            restarted.extend(gone.map(|camera| camera.id.to_string()));
            let is_other = *old != cameras;
            *old = cameras;
            is_other
        });
        (changed, restarted)
    }

    fn note(&self, what: &str) {
        let entry = people::entry("server", "configuration read", what.to_owned());
        self.accounts.note(entry);
    }

    fn tell_of_waiting_changes(&self) {
        for camera in self.written.waiting(&self.changes) {
            warn!(
                camera,
                "the API changed this camera, and it is not in the configuration any more: the changes wait for it"
            );
        }
    }

    /// Whether the file was written meanwhile, and taken over.
    async fn carry_out(&mut self, order: Order) -> bool {
        // Whoever asked may have left meanwhile.
        match order {
            Order::Add { keys, reply } => {
                let _ = reply.send(self.add(keys).await);
            }
            Order::Change { id, keys, reply } => {
                let _ = reply.send(self.change(id, keys).await);
            }
            Order::Remove { id, reply } => {
                let _ = reply.send(self.remove(&id).await);
            }
            Order::Preset {
                id,
                name,
                controls,
                reply,
            } => {
                let _ = reply.send(self.preset(&id, name, controls).await);
            }
            Order::Explain { id, reply } => {
                let explained = self.written.explain(&id, &self.changes);
                let _ = reply.send(explained.ok_or(Refusal::NoSuchCamera));
            }
            Order::Settings(order) => return self.settle(order).await,
        }
        false
    }

    async fn add(&mut self, keys: Keys) -> Result<CameraId, Refusal> {
        let mut contents = self.to_change().await?;
        let asked = keys.clone();
        let id = edit::add(&self.written, &mut contents.cameras, keys)?;
        self.make(contents, &id, &asked).await?;
        info!(camera = %id, "camera added through the API");
        Ok(id)
    }

    async fn change(&mut self, id: CameraId, keys: Keys) -> Result<Explained, Refusal> {
        let mut contents = self.to_change().await?;
        let asked = keys.clone();
        edit::change(&self.written, &mut contents.cameras, &id, keys)?;
        self.make(contents, &id, &asked).await?;
        info!(camera = %id, "camera changed through the API");
        let explained = self.written.explain(&id, &self.changes);
        explained.ok_or(Refusal::NoSuchCamera)
    }

    async fn remove(&mut self, id: &CameraId) -> Result<(), Refusal> {
        let mut contents = self.to_change().await?;
        edit::remove(&self.written, &mut contents.cameras, id)?;
        contents.state.remove(id.as_str());
        self.make(contents, id, &Keys::new()).await?;
        info!(camera = %id, "camera removed through the API");
        Ok(())
    }

    async fn preset(
        &mut self,
        id: &CameraId,
        name: String,
        controls: Option<ControlSet>,
    ) -> Result<(), Refusal> {
        let stream = self.hub.get(id.as_str()).ok_or(Refusal::NoSuchCamera)?;
        let mut contents = self.to_change().await?;
        let kept = contents.state.entry(id.to_string()).or_default();
        match controls {
            Some(controls) => {
                kept.presets.insert(name, controls.to_json());
            }
            None => {
                kept.presets.remove(&name).ok_or(Refusal::NoSuchPreset)?;
            }
        }
        let presets = keeper::presets(kept, stream.controls().class);
        self.write(contents.clone()).await?;
        self.keeper.kept = contents.state;
        stream.set_presets(presets);
        Ok(())
    }

    /// What somebody set, and which has held for a moment, holds after a restart too; so does which camera is which.
    async fn keep_state(&mut self) {
        let Some(state) = self.keeper.due(&self.hub) else {
            return;
        };
        let kept = match self.to_change().await {
            Ok(mut contents) => {
                contents.state = state.clone();
                self.write(contents).await.is_ok()
            }
            Err(_) => false,
        };
        if !kept {
            warn!(
                "what was set of the cameras could not be kept: it holds until the server is restarted"
            );
        }
        // Once is enough, whether it could be kept or not.
        self.keeper.kept = state;
    }

    /// What is kept, to be changed; a file that is not understood is not written over.
    pub(crate) async fn to_change(&self) -> Result<Contents, Refusal> {
        self.read().await.map_err(|error| {
            warn!(%error, "a change through the API was refused");
            Refusal::NotKept(format!("Nothing can be changed: {error}."))
        })
    }

    /// Checks the whole, keeps it, and has it done; returns when the hub has the cameras.
    async fn make(
        &mut self,
        contents: Contents,
        id: &CameraId,
        asked: &Keys,
    ) -> Result<(), Refusal> {
        let cameras = self
            .written
            .with(&contents.cameras)
            .map_err(|error| refusal(error, id, asked))?;
        self.write(contents.clone()).await.inspect_err(|refusal| {
            if let Refusal::Full(error) | Refusal::NotKept(error) = refusal {
                error!(%error, "a change through the API could not be kept");
            }
        })?;
        self.changes = contents.cameras;
        self.keeper.kept = contents.state;
        let ids: Vec<CameraId> = cameras.iter().map(|camera| camera.id.clone()).collect();
        self.replace_cameras(cameras);
        self.hub.until(&ids).await;
        if self.file_waits {
            info!("the API changed the cameras: reading the configuration again");
            let _ = self.take_over().await;
        }
        Ok(())
    }

    /// A card may take its time; pictures go on meanwhile.
    async fn read(&self) -> Result<Contents, String> {
        let store = self.store.clone();
        spawn_blocking(move || store.read())
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
    }

    pub(crate) async fn write(&self, contents: Contents) -> Result<(), Refusal> {
        let store = self.store.clone();
        spawn_blocking(move || store.write(&contents))
            .await
            .unwrap_or_else(|error| Err(Refusal::NotKept(error.to_string())))
    }
}

/// What was asked is wrong by itself, or does not go with the rest.
fn refusal(error: CameraError, id: &CameraId, asked: &Keys) -> Refusal {
    match error.at {
        Some((camera, key))
            if camera == id.as_str() && asked.contains_key(key) && !error.is_clash =>
        {
            Refusal::Key {
                key: key.to_owned(),
                problem: error.problem,
            }
        }
        _ => Refusal::Conflict(format!("This does not go with the rest: {error}.")),
    }
}

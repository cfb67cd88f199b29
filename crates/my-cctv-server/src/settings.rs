//! Answers what is asked about the configuration as a whole, and writes its file: as somebody wrote it, after a backup,
//! whole or not at all.

use std::{
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, RandomState},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use camera::{Failure, Found, Language, Place, SourceSpec};
use control::Class;
use hub::Stream;
use jiff::{Timestamp, tz::TimeZone};
use pipeline::Camera;
use serve::{
    Backup, Change, Discovered, Discovery, Keys, Outlook, Refusal, Settings, SettingsOrder,
};
use tokio::{
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use tracing::{info, warn};

use crate::{
    config::{self, Layers, Proposal, Wanted, table},
    owner::Owner,
};

/// Backups that are kept.
const BACKUPS: usize = 10;
/// How long a camera that is tested may take for its first picture.
const TEST: Duration = Duration::from_secs(15);
/// When a backup was kept, as it is written behind the file's name.
const TIME: &str = "%Y%m%dT%H%M%S.%3fZ";

/// What belongs to the answers and outlives one.
#[derive(Debug)]
pub(crate) struct Desk {
    /// One camera is tested at a time.
    testing: Arc<Semaphore>,
    /// What was found last: which camera of the board is whose, only the list tells.
    found: Arc<Mutex<Vec<Discovered>>>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            testing: Arc::new(Semaphore::new(1)),
            found: Arc::default(),
        }
    }
}

/// Never kept and never told to anybody: without it, a hash of the file says nothing about what is in it.
static SALT: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Owner {
    /// Whether the file was written.
    pub(crate) async fn settle(&mut self, order: SettingsOrder) -> bool {
        // Whoever asked may have left meanwhile.
        match order {
            SettingsOrder::Schema { reply } => {
                let _ = reply.send(Ok(table::schema()));
            }
            SettingsOrder::Show { reply } => {
                let _ = reply.send(self.show());
            }
            SettingsOrder::Check { change, reply } => {
                let outlook = self.prepare(&change).map(|(_, proposal)| proposal.outlook);
                let _ = reply.send(outlook);
            }
            SettingsOrder::Apply {
                change,
                etag,
                reply,
            } => {
                let outlook = self.apply(&change, &etag).await;
                let is_written = outlook.is_ok();
                let _ = reply.send(outlook);
                return is_written;
            }
            SettingsOrder::Backups { reply } => {
                let file = config::file(&self.options);
                let list = file.map(|file| backups(&file)).unwrap_or_default();
                let list = list.into_iter().map(|(backup, _)| backup).collect();
                let _ = reply.send(Ok(list));
            }
            SettingsOrder::Export { reply } => {
                let text = self
                    .layers()
                    .map(|layers| config::export(&layers, &self.written, &self.changes));
                let _ = reply.send(text);
            }
            SettingsOrder::Test { keys, reply } => self.test(&keys, reply),
            SettingsOrder::Discover { reply } => self.discover(reply),
        }
        false
    }

    fn layers(&self) -> Result<Layers, Refusal> {
        Layers::read(&self.options).map_err(|error| Refusal::Conflict(format!("{error}.")))
    }

    fn etag(&self, layers: &Layers) -> String {
        let changes = serde_json::to_string(&self.changes).unwrap_or_default();
        format!("{:016x}", SALT.hash_one((layers.text(), changes)))
    }

    fn show(&self) -> Result<Settings, Refusal> {
        let layers = self.layers()?;
        let (keys, cameras) = config::settings(&layers, &self.written, &self.changes);
        let file = config::file(&self.options);
        Ok(Settings {
            etag: self.etag(&layers),
            obstacle: obstacle(&self.target()).err(),
            file: file.map(|file| file.display().to_string()),
            pending_restart: self.running.pending(),
            keys,
            cameras,
        })
    }

    /// The file to write: the one that is read, or the one that would be.
    fn target(&self) -> PathBuf {
        let file = config::file(&self.options).unwrap_or_else(|| "config.toml".into());
        // A link stays one.
        fs::canonicalize(&file).unwrap_or(file)
    }

    fn prepare(&self, change: &Change) -> Result<(Layers, Proposal), Refusal> {
        let layers = self.layers()?;
        let has_keys = !change.keys.is_empty() || !change.cameras.is_empty();
        let wanted = match (has_keys, &change.toml, &change.backup) {
            (_, None, None) => Wanted::Keys(change.keys.clone(), change.cameras.clone()),
            (false, Some(text), None) => Wanted::Import(text.clone()),
            (false, None, Some(id)) => Wanted::Text(self.backup(id)?),
            _ => {
                let problem = "a change is one of `keys` with `cameras`, `toml` and `backup`";
                return Err(Refusal::Key {
                    key: "toml".to_owned(),
                    problem: problem.to_owned(),
                });
            }
        };
        let mut proposal = config::propose(
            &layers,
            &self.written,
            &self.changes,
            &self.running.values,
            &wanted,
        );
        proposal.outlook.etag = self.etag(&layers);
        Ok((layers, proposal))
    }

    /// No path is made of an id: it is looked up among those that are there.
    fn backup(&self, id: &str) -> Result<String, Refusal> {
        let list = config::file(&self.options).map(|file| backups(&file));
        let found = list.unwrap_or_default().into_iter();
        let (_, path) = found
            .into_iter()
            .find(|(backup, _)| backup.id == id)
            .ok_or(Refusal::NoSuchBackup)?;
        fs::read_to_string(&path).map_err(|error| {
            Refusal::Conflict(format!("{} cannot be read: {error}.", path.display()))
        })
    }

    async fn apply(&mut self, change: &Change, etag: &str) -> Result<Outlook, Refusal> {
        let (layers, proposal) = self.prepare(change)?;
        if etag != "*" && etag != proposal.outlook.etag {
            return Err(Refusal::Stale);
        }
        let Proposal {
            text,
            changes,
            mut outlook,
        } = proposal;
        if let Some(error) = outlook.errors.first() {
            return Err(match (&error.camera, &error.key) {
                (None, Some(key)) => Refusal::Key {
                    key: key.clone(),
                    problem: error.problem.clone(),
                },
                (Some(camera), Some(key)) => Refusal::Key {
                    key: format!("{camera}.{key}"),
                    problem: error.problem.clone(),
                },
                _ => Refusal::Conflict(error.problem.clone()),
            });
        }
        // Beside the text, what it names has to be right too: nothing is written that cannot be taken over.
        let (new, values) = (
            layers.with_text("the new configuration", &text),
            self.running.values.clone(),
        );
        let checking = spawn_blocking(move || new.partly(&values)).await;
        let partly = checking.map_err(|error| Refusal::NotKept(error.to_string()))?;
        let partly = partly.map_err(|error| Refusal::Conflict(format!("{error}.")))?;
        let checked = self.running.check(&partly.config).await;
        checked.map_err(|error| Refusal::Conflict(format!("{error}.")))?;
        if text != layers.text() {
            let target = self.target();
            obstacle(&target).map_err(Refusal::Conflict)?;
            let path = target.clone();
            let written = spawn_blocking(move || replace(&path, &text)).await;
            written
                .map_err(|error| Refusal::NotKept(error.to_string()))?
                .map_err(|error| refusal(&target, &error))?;
        }
        if changes != self.changes {
            let mut contents = self.to_change().await?;
            for gone in self.changes.iter().filter(|one| one.is_added()) {
                if !changes.iter().any(|change| change.id == gone.id) {
                    contents.state.remove(&gone.id);
                }
            }
            contents.cameras = changes;
            self.write(contents).await?;
        }
        info!(
            changes = outlook.changes,
            "configuration changed through the API"
        );
        let taken = self.take_over().await;
        taken.map_err(|error| {
            Refusal::Conflict(format!(
                "The file is written, but could not be taken over: {error}."
            ))
        })?;
        let ids: Vec<_> = self
            .cameras
            .borrow()
            .iter()
            .map(|camera| camera.id.clone())
            .collect();
        self.hub.until(&ids).await;
        outlook.etag = self.etag(&self.layers()?);
        Ok(outlook)
    }

    /// Opens a camera that is not configured so, beside the others.
    fn test(&self, keys: &Keys, reply: oneshot::Sender<Result<Bytes, Refusal>>) {
        let camera = match config::camera_of(&self.written, &self.changes, keys) {
            Ok(camera) => camera,
            Err(refusal) => {
                let _ = reply.send(Err(refusal));
                return;
            }
        };
        let Ok(permit) = self.desk.testing.clone().try_acquire_owned() else {
            let busy = "Another camera is being tested: try again in a moment.";
            let _ = reply.send(Err(Refusal::Busy(busy)));
            return;
        };
        let running = self.running(&camera);
        tokio::spawn(async move {
            let picture = match running {
                Some(stream) => picture_of(&stream).await,
                None => match camera::first_pictures(&camera.settings, TEST).await {
                    Ok(picture) => Ok(picture.into()),
                    Err(failure) => Err(Refusal::Conflict(advised(&failure))),
                },
            };
            drop(permit);
            let _ = reply.send(picture);
        });
    }

    /// A device gives its pictures to one program: where a camera of ours has it, that one's are shown.
    fn running(&self, camera: &Camera) -> Option<Arc<Stream>> {
        let spec = &camera.settings.spec;
        let is_shared = !matches!(spec.class(), Class::Board | Class::Usb);
        if is_shared {
            return None;
        }
        let source = spec.to_string();
        let found = self
            .desk
            .found
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = found.iter().find(|one| one.source == source);
        if let Some(id) = known.and_then(|one| one.used_by.as_deref()) {
            return self.hub.get(id);
        }
        drop(found);
        let cameras = self.cameras.borrow().clone();
        let uses = cameras
            .iter()
            .find(|one| one.settings.spec == *spec || self.used_source(one).contains(&source));
        uses.and_then(|one| self.hub.get(one.id.as_str()))
    }

    /// What a camera has in use, in the words of `source`.
    fn used_source(&self, camera: &Camera) -> Vec<String> {
        let mut used = vec![camera.settings.spec.to_string()];
        if let Some(board) = self.keeper.memories.learnt(&camera.id).board {
            used.push(format!("rpicam:{}", board.id));
        }
        used
    }

    fn discover(&self, reply: oneshot::Sender<Result<Discovery, Refusal>>) {
        let cameras = self.cameras.borrow().clone();
        let board = |camera: &&Camera| camera.settings.spec.class() == Class::Board;
        let program = cameras
            .iter()
            .find(board)
            .and_then(|camera| camera.settings.program.clone());
        let used: Vec<(String, Camera, Vec<String>)> = cameras
            .into_iter()
            .map(|camera| {
                let sources = self.used_source(&camera);
                (camera.id.to_string(), camera, sources)
            })
            .collect();
        let last = self.desk.found.clone();
        tokio::spawn(async move {
            let (found, troubles) = camera::discover(program).await;
            let is_board_there = found.iter().any(|one| matches!(one.place, Place::Board(_)));
            let mut is_first_usb = true;
            let describe = |found: Found| {
                let first_usb = found.place == Place::Usb && std::mem::take(&mut is_first_usb);
                let used_by = used.iter().find(|(_, camera, sources)| {
                    sources.contains(&found.source)
                        || match (&camera.settings.spec, found.place) {
                            (
                                SourceSpec::Auto
                                | SourceSpec::RpicamThroughFfmpeg
                                | SourceSpec::Rpicam { index: None },
                                Place::Board(0),
                            ) => true,
                            (SourceSpec::Rpicam { index: Some(n) }, Place::Board(place)) => {
                                *n == place
                            }
                            (SourceSpec::Auto, Place::Usb) => first_usb && !is_board_there,
                            _ => false,
                        }
                });
                Discovered {
                    source: found.source,
                    name: found.name,
                    place: match found.place {
                        Place::Board(_) => "board",
                        Place::Usb => "usb",
                    }
                    .to_owned(),
                    used_by: used_by.map(|(id, ..)| id.clone()),
                }
            };
            let cameras: Vec<Discovered> = found.into_iter().map(describe).collect();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            last.clone_from(&cameras);
            drop(last);
            let notes = troubles.iter().map(advised);
            let discovery = Discovery {
                cameras,
                notes: notes.collect(),
            };
            let _ = reply.send(Ok(discovery));
        });
    }
}

/// What is wrong, and what to do about it.
fn advised(failure: &Failure) -> String {
    let said = failure.sentence(Language::English);
    format!("{}: {}.", said.trim_end_matches('.'), failure.advice())
}

/// The newest picture of a camera that runs, or starts for it.
async fn picture_of(stream: &Arc<Stream>) -> Result<Bytes, Refusal> {
    let deadline = Instant::now() + TEST;
    let _demand = stream.demand();
    let mut reader = stream.latest();
    while let Ok(Ok(frame)) = timeout_at(deadline, reader.next()).await {
        if !frame.is_placeholder {
            return Ok(frame.bytes());
        }
        if stream.status().state == hub::CameraState::Failed {
            break;
        }
    }
    let why = stream.status().why;
    Err(Refusal::Conflict(
        why.map_or("The camera gives no picture.".to_owned(), |why| {
            why.sentence.to_string()
        }),
    ))
}

/// Whether the file can be written, and if not, why, in a sentence.
fn obstacle(file: &Path) -> Result<(), String> {
    let name = file.display();
    let advice = "Change it there, or give it to the server's user.";
    match fs::metadata(file) {
        Ok(meta) if meta.permissions().readonly() => {
            return Err(format!("{name} is read-only. {advice}"));
        }
        Ok(_) => {
            let opened = OpenOptions::new().append(true).open(file);
            opened.map_err(|error| format!("{name} cannot be written: {error}. {advice}"))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(format!("{name} cannot be read: {error}. {advice}")),
    }
    // The new one is put beside it first.
    let folder = folder_of(file);
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).map_err(|error| {
        let error = io::Error::from(error);
        format!(
            "The folder {} cannot be written: {error}. {advice}",
            folder.display()
        )
    })
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// Keeps what is there, and puts `text` in its place.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mode = match fs::metadata(file) {
        Ok(meta) => {
            let old = fs::read(file)?;
            let mode = meta.permissions().mode() & 0o777;
            let mut time = Timestamp::now();
            let mut path = backup_path(file, time);
            while path.exists() {
                time += Duration::from_millis(1);
                path = backup_path(file, time);
            }
            put(&path, &old, mode)?;
            for (_, path) in backups(file).into_iter().skip(BACKUPS) {
                let _ = fs::remove_file(path);
            }
            mode
        }
        // Sources may have logins in them.
        Err(error) if error.kind() == ErrorKind::NotFound => 0o600,
        Err(error) => return Err(error),
    };
    put(file, text.as_bytes(), mode)
}

fn backup_path(file: &Path, time: Timestamp) -> PathBuf {
    let time = time.to_zoned(TimeZone::UTC).strftime(TIME);
    beside(file, &format!(".bak-{time}"))
}

/// Writes a file whole or not at all.
fn put(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let new = beside(file, ".new");
    let written = (|| {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut open = OpenOptions::new();
        // `create_new` follows no link of somebody else.
        let mut opened = open.write(true).create_new(true).mode(0o600).open(&new)?;
        opened.write_all(bytes)?;
        opened.set_permissions(fs::Permissions::from_mode(mode))?;
        opened.sync_all()?;
        fs::rename(&new, file)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&new);
        return written;
    }
    if let Err(error) = fs::File::open(folder_of(file)).and_then(|folder| folder.sync_all()) {
        warn!(%error, "the folder of the configuration could not be synced");
    }
    written
}

/// What was kept beside this file, the newest first.
fn backups(file: &Path) -> Vec<(Backup, PathBuf)> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let begin = beside(&file, ".bak-");
    let begin = begin
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let entries = fs::read_dir(folder_of(&file)).into_iter().flatten();
    let backup = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let id = name.strip_prefix(&begin)?.to_owned();
        let time =
            jiff::fmt::strtime::parse(TIME.trim_end_matches('Z'), id.strip_suffix('Z')?).ok()?;
        let at = time
            .to_datetime()
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()?
            .timestamp();
        let meta = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let at = format!("{at:.3}");
        let bytes = meta.len();
        Some((Backup { id, at, bytes }, entry.path()))
    };
    let mut list: Vec<_> = entries.filter_map(backup).collect();
    list.sort_by(|(a, _), (b, _)| b.id.cmp(&a.id));
    list
}

fn refusal(file: &Path, error: &io::Error) -> Refusal {
    let said = format!(
        "The change was not made, because {} could not be written: {error}.",
        file.display()
    );
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Refusal::Full(format!("{said} Make room on the disk."))
        }
        _ => Refusal::NotKept(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_kept_ten_times() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        replace(&file, "0").unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        // Somebody else's are nobody's business.
        fs::write(dir.path().join("c.toml.bak-mine"), "").unwrap();
        for n in 1..=13 {
            replace(&file, &n.to_string()).unwrap();
        }
        let list = backups(&file);
        let texts: Vec<String> = list
            .iter()
            .map(|(_, path)| fs::read_to_string(path).unwrap())
            .collect();
        assert_eq!(
            texts,
            (3..13).rev().map(|n| n.to_string()).collect::<Vec<_>>()
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&list[0].1)), (0o640, 0o640));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 12);
        assert!(
            list[0].0.at.ends_with('Z') && list[0].0.at.contains('T'),
            "{:?}",
            list[0].0
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        obstacle(&file).unwrap();
        fs::write(&file, "").unwrap();
        obstacle(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(obstacle(&file).unwrap_err().contains("read-only"));
        assert!(
            obstacle(Path::new("/nowhere/c.toml"))
                .unwrap_err()
                .contains("/nowhere")
        );
    }
}

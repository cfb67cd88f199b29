//! The file: opened when it is first needed, and set aside when it is damaged.

use std::{
    cmp::Reverse,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use hub::{Incident, Ledger};
use rustix::fs::{Access, access};
use sqlx::SqlitePool;
use tokio::sync::{Mutex, watch};
use tracing::{debug, error, warn};

use crate::{Config, Error, Query, Retention, in_words, incidents};

/// Every schema from the first one on.
pub(crate) const SCHEMAS: &database::Schemas = &[(
    "incidents",
    include_str!("../migrations/0001_incidents.sql"),
)];
/// A disk that damages one file after the other is not filled with them.
const SET_ASIDE_AGAIN: Duration = Duration::from_secs(600);
/// So long may the start of the server and an answer wait for the disk.
const PATIENCE: Duration = Duration::from_secs(5);
/// And so long where its schema changes.
const UPGRADE: Duration = Duration::from_secs(60);

/// What is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Index(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) retention: watch::Sender<Retention>,
    pub(crate) ledger: Ledger,
    file: Mutex<File>,
    /// What is to be kept is in memory only.
    pub(crate) is_refused: AtomicBool,
}

#[derive(Debug, Default)]
struct File {
    pool: Option<SqlitePool>,
    set_aside: Option<Instant>,
}

impl Index {
    /// Keeps what is in `ledger`. Opens nothing yet.
    #[must_use]
    pub fn new(config: Config, ledger: Ledger) -> Self {
        Self(Arc::new(Inner {
            retention: watch::Sender::new(config.retention),
            config,
            ledger,
            file: Mutex::default(),
            is_refused: AtomicBool::default(),
        }))
    }

    /// Keeps so much from now on. What is more is removed soon.
    pub fn retain(&self, retention: Retention) {
        self.0.retention.send_if_modified(|old| {
            let is_other = *old != retention;
            *old = retention;
            is_other
        });
    }

    /// Brings a file of an earlier version to this one's schema.
    ///
    /// # Errors
    /// When it is of a newer version, or could not be copied before. Whatever else is wrong, `restore` deals with.
    pub async fn upgrade(&self) -> Result<(), Error> {
        let path = &self.0.config.path;
        if !path.is_file() {
            return Ok(());
        }
        let mut file = self.0.file.lock().await;
        match tokio::time::timeout(UPGRADE, database::open(path, SCHEMAS)).await {
            Ok(Ok(pool)) => file.pool = Some(pool),
            Ok(Err(error)) if error.is_of_versions() => return Err(error.into()),
            _ => {}
        }
        Ok(())
    }

    /// Takes up what an earlier server has kept. Whatever is wrong with the file, the server goes on; then incidents are
    /// in memory only.
    pub async fn restore(&self) {
        let path = &self.0.config.path;
        if path.try_exists().is_ok_and(|is_there| !is_there) {
            // Nothing is written while there is nothing to keep, but whoever has to mend it is told now.
            let folder = path.ancestors().skip(1).find(|folder| folder.exists());
            if let Some(folder) = folder
                && let Err(error) = access(folder, Access::WRITE_OK)
            {
                let folder = folder.display();
                self.0.is_refused.store(true, Relaxed);
                warn!(%error, "incidents are in memory only, and a restart forgets them: {folder} cannot be written (`storage.index`)");
            }
            return;
        }
        let begun_anew = self.0.file.lock().await.set_aside;
        let read = async |pool: SqlitePool| {
            Ok((
                incidents::last_id(&pool).await?,
                incidents::open(&pool).await?,
            ))
        };
        let found = self.in_time(self.with(read)).await;
        let now = SystemTime::now();
        let is_damaged = begun_anew != self.0.file.lock().await.set_aside;
        match found {
            Ok((last_id, open)) if !is_damaged => self.0.ledger.restore(last_id, open, now),
            // Whatever numbers were given before, those that begin with the seconds since 1970 are larger.
            Ok(_) => self.0.ledger.restore(seconds(now), Vec::new(), now),
            Err(error) => {
                self.0.ledger.restore(seconds(now), Vec::new(), now);
                self.0.is_refused.store(true, Relaxed);
                warn!(
                    error = in_words(&error),
                    path = %path.display(),
                    "earlier incidents cannot be read (`storage.index`), and new ones are in memory only until it is mended"
                );
            }
        }
    }

    /// What happens cannot be kept, and is in memory only.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.0.is_refused.load(Relaxed)
    }

    /// A disk that does not answer holds nobody up.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.unwrap_or(Err(Error::Slow))
    }

    /// Those that are wanted, the newest first, at most `limit`: from the file, and from memory what is not there yet.
    /// Where the file cannot be read, those that are still in memory.
    pub async fn incidents(&self, query: &Query, limit: u32) -> Vec<Incident> {
        // Before the file is read: what is written meanwhile is then in both.
        let newer = self.0.ledger.unwritten();
        let newer: Vec<_> = newer.into_iter().map(|newer| newer.incident).collect();
        let room = limit.saturating_add(u32::try_from(newer.len()).unwrap_or(u32::MAX));
        let mut list = match self.in_time(self.read(query, room)).await {
            Ok(mut list) => {
                list.retain(|old| newer.iter().all(|newer| newer.id != old.id));
                list.extend(newer.into_iter().filter(|incident| query.wants(incident)));
                list.sort_unstable_by_key(|incident| Reverse(incident.id));
                list
            }
            Err(error) => {
                debug!(error = in_words(&error), "incidents are read from memory");
                self.0.ledger.newest_first(|incident| query.wants(incident))
            }
        };
        list.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        list
    }

    async fn read(&self, query: &Query, limit: u32) -> Result<Vec<Incident>, Error> {
        let is_open = self.0.file.lock().await.pool.is_some();
        if !is_open && !self.0.config.path.exists() {
            return Ok(Vec::new());
        }
        self.with(async |pool| incidents::select(&pool, query, limit).await)
            .await
    }

    /// Does something with the file, which is made if it is not there. A damaged one is set aside.
    pub(crate) async fn with<T>(
        &self,
        work: impl AsyncFnOnce(SqlitePool) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let pool = {
            let mut file = self.0.file.lock().await;
            match &file.pool {
                Some(pool) => pool.clone(),
                None => {
                    let path = &self.0.config.path;
                    let pool = match database::open(path, SCHEMAS).await {
                        Err(error) if error.is_damage() && set_aside(&mut file, path, &error) => {
                            let pool = database::open(path, SCHEMAS).await?;
                            self.0.ledger.unwrite();
                            pool
                        }
                        other => other?,
                    };
                    file.pool.insert(pool).clone()
                }
            }
        };
        let result = work(pool).await;
        if let Err(error) = &result
            && error.is_damage()
        {
            self.close().await;
            let mut file = self.0.file.lock().await;
            if set_aside(&mut file, &self.0.config.path, error) {
                // Those that are in memory go into the new one.
                self.0.ledger.unwrite();
            }
        }
        result
    }

    /// Closes the file until it is needed again.
    pub(crate) async fn close(&self) {
        let pool = self.0.file.lock().await.pool.take();
        if let Some(pool) = pool {
            pool.close().await;
        }
    }
}

/// Moves a damaged file out of the way, with what belongs to it. False where that is not done.
fn set_aside(file: &mut File, path: &Path, why: &dyn std::error::Error) -> bool {
    let is_again = |at: Instant| at.elapsed() < SET_ASIDE_AGAIN;
    if file.set_aside.is_some_and(is_again) {
        return false;
    }
    let aside = beside(path, &format!(".damaged-{}", seconds(SystemTime::now())));
    if let Err(error) = move_all(path, &aside) {
        error!(%error, path = %path.display(), "the index is damaged, and cannot be moved out of the way");
        return false;
    }
    file.set_aside = Some(Instant::now());
    error!(
        error = in_words(why),
        kept_as = %aside.display(),
        "the index is damaged: it was set aside, and a new one is begun; earlier incidents are only in the old file"
    );
    true
}

fn move_all(path: &Path, aside: &Path) -> io::Result<()> {
    // What SQLite has beside it must not be taken for the new file's.
    for end in ["-wal", "-shm"] {
        match fs::rename(beside(path, end), beside(aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, aside)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// What is to be known of a file without changing it: its schema, and the last one that is known.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub async fn examine(path: &Path) -> Result<(i64, i64), database::Error> {
    database::examine(path, SCHEMAS).await
}

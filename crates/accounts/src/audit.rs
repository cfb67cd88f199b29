//! The audit log: who did what, from where, and when. Nothing in it is ever changed.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use sqlx::{Row as _, SqlitePool};
use tokio::{
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval},
};
use tracing::{error, warn};
use utoipa::ToSchema;

use crate::{
    Accounts, Error,
    joiner::{Joined, Joiner},
    now_s,
};

/// Entries that may wait for the disk.
const WAITING: usize = 1024;
/// Entries of one transaction.
const AT_ONCE: usize = 256;
/// Repeats are looked at so often.
const LOOK: Duration = Duration::from_secs(5);
/// After so many new entries, old ones are looked for.
const GROWN: usize = 1000;
/// Characters of an entry's detail.
const LONGEST: usize = 300;

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// By whom; the name that was given, where a login failed.
    pub who: String,
    /// From where.
    pub address: String,
    /// What, as a word.
    pub action: &'static str,
    /// On which camera.
    pub camera: Option<String>,
    /// More of it.
    pub detail: String,
}

/// How much an entry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Each one is kept.
    Full,
    /// Whoever is not logged in can cause it. Repeats of a minute are one entry, and all of these together push out
    /// no others.
    Stranger,
    /// Programs do it all day. Repeats of an hour are one entry.
    Often,
}

/// What is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// So many days.
    pub days: u32,
    /// And so many entries; a quarter of them is for those of strangers.
    pub entries: u32,
}

/// An entry, as it is kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Noted {
    /// Number; each is larger than the one before.
    pub id: i64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// By whom.
    pub who: String,
    /// From where.
    pub address: String,
    /// What.
    pub action: String,
    /// On which camera.
    pub camera: Option<String>,
    /// How often, where repeats became one entry.
    pub times: i64,
    /// More of it.
    pub detail: String,
}

/// Which entries; without anything, all of them.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only those with a smaller number.
    pub before: Option<i64>,
    /// Only those with a larger number; they then come oldest first.
    pub after: Option<i64>,
    /// So many at most.
    pub limit: u32,
    /// Not older, in milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Older than this.
    pub to_ms: Option<i64>,
    /// By this one.
    pub who: Option<String>,
    /// This action.
    pub action: Option<String>,
    /// On this camera.
    pub camera: Option<String>,
}

impl Accounts {
    /// Writes something into the audit log, soon.
    pub fn note(&self, entry: Entry) {
        self.0.journal.note(entry, Weight::Full);
    }

    /// The same for what may come in floods: see [`Weight`].
    pub fn note_as(&self, entry: Entry, weight: Weight) {
        self.0.journal.note(entry, weight);
    }

    /// How many entries wait for the disk.
    #[must_use]
    pub fn notes_waiting(&self) -> usize {
        self.0.journal.waiting()
    }

    /// What is in the audit log, newest first; oldest first behind [`Query::after`].
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn audit(&self, query: &Query) -> Result<Vec<Noted>, Error> {
        self.0.journal.flush().await;
        read(self.pool()?, query).await
    }

    /// Forgets what need not be kept, now and whenever the log has grown. How many entries went.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep_audit(&self, retention: Retention) -> Result<u64, Error> {
        self.0.journal.retain(retention);
        forget(self.pool()?, retention, now_s()).await
    }
}

#[derive(Debug)]
enum Job {
    Write(i64, Joined),
    Flush(oneshot::Sender<()>),
}

/// Writes entries without holding anybody up.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    sender: Option<mpsc::Sender<Job>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    joiner: Mutex<Joiner>,
    lost: AtomicU64,
    retention: Mutex<Option<Retention>>,
}

fn now_ms() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

impl Journal {
    pub(crate) fn new(pool: Option<SqlitePool>) -> Self {
        let shared = Arc::<Shared>::default();
        let sender = pool.map(|pool| {
            let (sender, jobs) = mpsc::channel(WAITING);
            tokio::spawn(run(pool, jobs, shared.clone()));
            sender
        });
        Self { sender, shared }
    }

    pub(crate) fn note(&self, mut entry: Entry, weight: Weight) {
        let Some(sender) = &self.sender else { return };
        if let Some((end, _)) = entry.detail.char_indices().nth(LONGEST) {
            entry.detail.truncate(end);
        }
        let mut joiner = self.shared.joiner();
        let Some(entry) = joiner.add(entry, weight, Instant::now()) else {
            return;
        };
        drop(joiner);
        let joined = Joined {
            entry,
            times: 1,
            is_stranger: weight == Weight::Stranger,
        };
        if sender.try_send(Job::Write(now_ms(), joined)).is_err() {
            self.shared.lost.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn retain(&self, retention: Retention) {
        *self.shared.retention() = Some(retention);
    }

    pub(crate) fn waiting(&self) -> usize {
        let sender = self.sender.as_ref();
        sender.map_or(0, |sender| sender.max_capacity() - sender.capacity())
    }

    pub(crate) async fn flush(&self) {
        if let Some(sender) = &self.sender {
            let (done, wait) = oneshot::channel();
            if sender.send(Job::Flush(done)).await.is_ok() {
                let _ = wait.await;
            }
        }
    }
}

impl Shared {
    fn joiner(&self) -> std::sync::MutexGuard<'_, Joiner> {
        self.joiner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn retention(&self) -> std::sync::MutexGuard<'_, Option<Retention>> {
        self.retention
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(pool: SqlitePool, mut jobs: mpsc::Receiver<Job>, shared: Arc<Shared>) {
    let mut batch = Vec::new();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut grown = 0;
    loop {
        let mut entries = Vec::new();
        let mut flushed = Vec::new();
        tokio::select! {
            count = jobs.recv_many(&mut batch, AT_ONCE) => {
                if count == 0 {
                    return;
                }
            }
            _ = looks.tick() => {
                let due = shared.joiner().due(Instant::now());
                entries.extend(due.into_iter().map(|joined| (now_ms(), joined)));
            }
        }
        for job in batch.drain(..) {
            match job {
                Job::Write(at_ms, joined) => entries.push((at_ms, joined)),
                Job::Flush(done) => flushed.push(done),
            }
        }
        if !flushed.is_empty() {
            let all = shared.joiner().all(Instant::now());
            entries.extend(all.into_iter().map(|joined| (now_ms(), joined)));
        }
        if !entries.is_empty() || !flushed.is_empty() {
            let lost = shared.lost.swap(0, Relaxed);
            if lost > 0 {
                warn!(lost, "entries of the audit log are lost");
                entries.push((now_ms(), lost_entry(lost)));
            }
            if let Err(error) = write(&pool, &entries).await {
                let lost: u64 = entries.iter().map(|(_, e)| u64::from(e.times)).sum();
                error!(%error, lost, "the audit log could not be written");
                shared.lost.fetch_add(lost, Relaxed);
            }
        }
        grown += entries.len();
        let retention = *shared.retention();
        if grown >= GROWN
            && let Some(retention) = retention
        {
            grown = 0;
            if let Err(error) = forget(&pool, retention, now_s()).await {
                error!(%error, "old entries of the audit log could not be removed");
            }
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

fn lost_entry(lost: u64) -> Joined {
    Joined {
        entry: Entry {
            who: "server".to_owned(),
            address: String::new(),
            action: "entries lost",
            camera: None,
            detail: "more happened than could be written".to_owned(),
        },
        times: u32::try_from(lost).unwrap_or(u32::MAX),
        is_stranger: false,
    }
}

async fn write(pool: &SqlitePool, entries: &[(i64, Joined)]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    for (at_ms, joined) in entries {
        let entry = &joined.entry;
        sqlx::query(
            "INSERT INTO audit (at_ms, who, address, action, camera, detail, times, by_stranger) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(at_ms)
        .bind(&entry.who)
        .bind(&entry.address)
        .bind(entry.action)
        .bind(&entry.camera)
        .bind(&entry.detail)
        .bind(joined.times)
        .bind(joined.is_stranger)
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

macro_rules! select {
    ($order:literal) => {
        concat!(
            "SELECT * FROM audit WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR id > ?2) \
             AND (?3 IS NULL OR at_ms >= ?3) AND (?4 IS NULL OR at_ms < ?4) \
             AND (?5 IS NULL OR who = ?5 COLLATE NOCASE) AND (?6 IS NULL OR action = ?6) \
             AND (?7 IS NULL OR camera = ?7) ORDER BY id ",
            $order,
            " LIMIT ?8"
        )
    };
}

pub(crate) async fn read(pool: &SqlitePool, query: &Query) -> Result<Vec<Noted>, Error> {
    let sql = if query.after.is_some() {
        select!("ASC")
    } else {
        select!("DESC")
    };
    let rows = sqlx::query(sql)
        .bind(query.before)
        .bind(query.after)
        .bind(query.from_ms)
        .bind(query.to_ms)
        .bind(&query.who)
        .bind(&query.action)
        .bind(&query.camera)
        .bind(query.limit)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Noted {
                id: row.try_get("id")?,
                at_ms: row.try_get("at_ms")?,
                who: row.try_get("who")?,
                address: row.try_get("address")?,
                action: row.try_get("action")?,
                camera: row.try_get("camera")?,
                times: row.try_get("times")?,
                detail: row.try_get("detail")?,
            })
        })
        .collect()
}

/// Removes what need not be kept. How many entries that were.
pub(crate) async fn forget(
    pool: &SqlitePool,
    retention: Retention,
    now_s: i64,
) -> Result<u64, Error> {
    let before_ms = (now_s - i64::from(retention.days) * 24 * 3600).saturating_mul(1000);
    let strangers = retention.entries / 4;
    let mut tx = pool.begin().await?;
    let mut from = [0_i64; 2];
    for (from, (is_stranger, most)) in from
        .iter_mut()
        .zip([(false, retention.entries - strangers), (true, strangers)])
    {
        let newest_to_go = sqlx::query_scalar::<_, i64>(
            "SELECT id FROM audit WHERE by_stranger = ? ORDER BY id DESC LIMIT 1 OFFSET ?",
        )
        .bind(is_stranger)
        .bind(most)
        .fetch_optional(&mut *tx)
        .await?;
        *from = newest_to_go.map_or(0, |id| id + 1);
    }
    sqlx::query(
        "UPDATE audit_retention SET keep_from_ms = ?, keep_from_id = ?, strangers_from_id = ?",
    )
    .bind(before_ms)
    .bind(from[0])
    .bind(from[1])
    .execute(&mut *tx)
    .await?;
    let done = sqlx::query(
        "DELETE FROM audit WHERE at_ms < ?1 OR id < CASE WHEN by_stranger THEN ?3 ELSE ?2 END",
    )
    .bind(before_ms)
    .bind(from[0])
    .bind(from[1])
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

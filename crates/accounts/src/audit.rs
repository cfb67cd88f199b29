//! The audit log: who did what, from where, and when. Nothing in it is ever changed.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use sqlx::{Row as _, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

use crate::Error;

/// Entries that may wait for the disk.
const WAITING: usize = 1024;
/// Entries of one transaction.
const AT_ONCE: usize = 256;

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

/// An entry, as it is kept.
#[derive(Clone, Debug, Serialize)]
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
    /// More of it.
    pub detail: String,
}

/// Which entries.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Only those with a smaller number.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: u32,
}

#[derive(Debug)]
enum Job {
    Write(i64, Entry),
    Flush(oneshot::Sender<()>),
}

/// Writes entries without holding anybody up.
#[derive(Debug)]
pub(crate) struct Journal(Option<mpsc::Sender<Job>>);

impl Journal {
    pub(crate) fn new(pool: Option<SqlitePool>) -> Self {
        Self(pool.map(|pool| {
            let (sender, jobs) = mpsc::channel(WAITING);
            tokio::spawn(run(pool, jobs));
            sender
        }))
    }

    pub(crate) fn note(&self, entry: Entry) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let at_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        if let Some(sender) = &self.0
            && sender.try_send(Job::Write(at_ms, entry)).is_err()
        {
            warn!("the audit log is behind: an entry is lost");
        }
    }

    pub(crate) async fn flush(&self) {
        if let Some(sender) = &self.0 {
            let (done, wait) = oneshot::channel();
            if sender.send(Job::Flush(done)).await.is_ok() {
                let _ = wait.await;
            }
        }
    }
}

async fn run(pool: SqlitePool, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::new();
    while jobs.recv_many(&mut batch, AT_ONCE).await > 0 {
        let mut flushed = Vec::new();
        let mut entries = Vec::new();
        for job in batch.drain(..) {
            match job {
                Job::Write(at_ms, entry) => entries.push((at_ms, entry)),
                Job::Flush(done) => flushed.push(done),
            }
        }
        if let Err(error) = write(&pool, &entries).await {
            error!(%error, lost = entries.len(), "the audit log could not be written");
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

async fn write(pool: &SqlitePool, entries: &[(i64, Entry)]) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut tx = pool.begin().await?;
    for (at_ms, entry) in entries {
        sqlx::query("INSERT INTO audit (at_ms, who, address, action, camera, detail) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(at_ms)
            .bind(&entry.who)
            .bind(&entry.address)
            .bind(entry.action)
            .bind(&entry.camera)
            .bind(&entry.detail)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

pub(crate) async fn read(pool: &SqlitePool, query: Query) -> Result<Vec<Noted>, Error> {
    let rows = sqlx::query("SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?")
        .bind(query.before.unwrap_or(i64::MAX))
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
                detail: row.try_get("detail")?,
            })
        })
        .collect()
}

pub(crate) async fn forget(pool: &SqlitePool, before_s: i64) -> Result<u64, Error> {
    let before_ms = before_s.saturating_mul(1000);
    let mut tx = pool.begin().await?;
    sqlx::query("UPDATE audit_retention SET keep_from_ms = ?")
        .bind(before_ms)
        .execute(&mut *tx)
        .await?;
    let done = sqlx::query("DELETE FROM audit WHERE at_ms < ?")
        .bind(before_ms)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected())
}

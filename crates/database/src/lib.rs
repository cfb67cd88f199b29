//! How a SQLite file of ours is opened: where it is, who may read it, what a power cut may cost, and its schema.
//!
//! Knows no table. Whoever owns a file brings its migrations, and decides what becomes of one that is damaged.
//! Before a schema changes, the file is copied: see [`backups`] and [`restore`].
#![warn(missing_docs)]

mod backup;

use std::{
    borrow::Cow,
    fs::{self, DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use sqlx::{
    Row as _, SqlSafeStr as _, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tracing::info;

pub use backup::{Backup, backups, restore};

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
const DAMAGE: [i32; 2] = [11, 26];

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or the file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// What is in it.
    #[error("the database")]
    Database(#[from] sqlx::Error),
    /// Its schema.
    #[error("the schema of the database")]
    Schema(#[from] MigrateError),
    /// Made by a later version than this one.
    #[error(
        "{path} was made by a newer version of my-cctv-server (it has schema {found}, this version knows {known}): install \
         that version again, or go back to an earlier copy with `my-cctv-server rollback`"
    )]
    Newer {
        /// Which.
        path: String,
        /// Its schema.
        found: i64,
        /// The last one that is known.
        known: i64,
    },
    /// It has to be copied before its schema changes.
    #[error(
        "{path} has to be brought from schema {found} to {known}, and could not be copied before: nothing was changed; make \
         room on the disk, or let the server write to the folder"
    )]
    Backup {
        /// Which.
        path: String,
        /// Its schema.
        found: i64,
        /// What it has to become.
        known: i64,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// Whether what is in the file is no database, or not a whole one.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::File { .. } | Self::Newer { .. } | Self::Backup { .. } => false,
            Self::Database(error) => is_damage(error),
            Self::Schema(
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
            ) => is_damage(error),
            Self::Schema(_) => false,
        }
    }

    /// Whether what is there is right, and this version must not go on without it.
    #[must_use]
    pub fn is_of_versions(&self) -> bool {
        matches!(self, Self::Newer { .. } | Self::Backup { .. })
    }
}

/// Whether the file is at fault, and not what was asked of it.
#[must_use]
pub fn is_damage(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    let code = code.and_then(|text| text.parse::<i32>().ok());
    // The extended codes have the plain one in their lowest byte.
    code.is_some_and(|code| DAMAGE.contains(&(code & 0xff)))
}

/// Every schema from the first one on: a name, and what leads to it from the one before. None of them is ever changed.
pub type Schemas = [(&'static str, &'static str)];

/// Opens the file, or makes it, and brings it to the last of `schemas`. Nobody else on this machine may read it.
///
/// # Errors
/// When it cannot be opened, is damaged, or is of a newer version.
pub async fn open(path: &Path, schemas: &Schemas) -> Result<SqlitePool, Error> {
    let at = |source: io::Error| Error::File {
        path: path.display().to_string(),
        source,
    };
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    if !folder.as_os_str().is_empty() && !folder.is_dir() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(at)?;
    }
    // Made here and not by SQLite, which would make it readable for all.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(at)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(at)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was written is there after a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        // 256 KiB: what is asked for often is in memory anyway.
        .pragma("cache_size", "-256");
    // One connection: by it, what another process has written is told from what this one wrote.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await?;
    if let Err(error) = bring(&pool, path, schemas).await {
        pool.close().await;
        return Err(error);
    }
    Ok(pool)
}

/// Brings the file to the last schema, with a copy of what it was before.
async fn bring(pool: &SqlitePool, path: &Path, schemas: &Schemas) -> Result<(), Error> {
    let found = schema(pool).await?;
    let known = i64::try_from(schemas.len()).unwrap_or(i64::MAX);
    let name = || path.display().to_string();
    if found > known {
        let path = name();
        return Err(Error::Newer { path, found, known });
    }
    if 0 < found && found < known {
        let copy = backup::make(pool, path, found).await;
        let copy = copy.map_err(|source| Error::Backup {
            path: name(),
            found,
            known,
            source,
        })?;
        info!(
            path = %path.display(), from = found, to = known, kept_as = %copy.display(),
            "a new version: the database was copied, and its schema changes"
        );
    }
    Ok(migrator(schemas).run(pool).await?)
}

/// The number of its schema; 0 of a file that has none yet.
async fn schema(pool: &SqlitePool) -> Result<i64, sqlx::Error> {
    let is_new = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations')";
    let row = sqlx::query(is_new).fetch_one(pool).await?;
    if row.try_get(0)? {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
    sqlx::query(newest).fetch_one(pool).await?.try_get(0)
}

/// The schema of a file, and the last of `schemas`. Nothing is changed, and the whole file is looked at.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub async fn examine(path: &Path, schemas: &Schemas) -> Result<(i64, i64), Error> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        // With nobody there, not even SQLite's own files are made beside it.
        .immutable(!Path::new(&log).exists())
        .busy_timeout(Duration::from_secs(5));
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?;
    let found = async {
        let found = schema(&pool).await?;
        let row = sqlx::query("PRAGMA quick_check(1)")
            .fetch_one(&pool)
            .await?;
        match row.try_get::<String, _>(0)?.as_str() {
            "ok" => Ok(found),
            wrong => Err(sqlx::Error::Protocol(wrong.to_owned())),
        }
    };
    let found = found.await;
    pool.close().await;
    Ok((found?, i64::try_from(schemas.len()).unwrap_or(i64::MAX)))
}

fn migrator(schemas: &Schemas) -> Migrator {
    let migrations = (1..).zip(schemas).map(|(version, (name, sql))| {
        Migration::new(
            version,
            Cow::Borrowed(*name),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// Changes when another connection has written.
///
/// # Errors
/// When the file cannot be read.
pub async fn data_version(pool: &SqlitePool) -> Result<i64, sqlx::Error> {
    let row = sqlx::query("PRAGMA data_version").fetch_one(pool).await?;
    row.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: (&str, &str) = ("first", "CREATE TABLE one (n INTEGER NOT NULL) STRICT");
    const SECOND: (&str, &str) = ("second", "ALTER TABLE one ADD COLUMN m INTEGER");

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_file_is_made_for_its_owner_alone_and_its_schema_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/file.db");
        let pool = open(&path, &[FIRST]).await.unwrap();
        sqlx::query("INSERT INTO one VALUES (7)")
            .execute(&pool)
            .await
            .unwrap();
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
        assert_eq!(mode(&path.with_file_name("file.db-wal")), 0o600);
        pool.close().await;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let pool = open(&path, &[FIRST, SECOND]).await.unwrap();
        let row = sqlx::query("SELECT n, m FROM one").fetch_one(&pool).await;
        let row = row.unwrap();
        assert_eq!(
            (row.get::<i64, _>(0), row.get::<Option<i64>, _>(1)),
            (7, None)
        );
        assert_eq!(mode(&path), 0o600);
        pool.close().await;
        let newer = open(&path, &[FIRST]).await.unwrap_err();
        assert!(newer.is_of_versions() && !newer.is_damage(), "{newer:?}");
        let said = newer.to_string();
        assert!(
            said.contains("newer version") && said.contains("rollback"),
            "{said}"
        );
    }

    async fn rows(path: &Path, schemas: &Schemas) -> i64 {
        let pool = open(path, schemas).await.unwrap();
        let row = sqlx::query("SELECT count(*) FROM one")
            .fetch_one(&pool)
            .await;
        pool.close().await;
        row.unwrap().get(0)
    }

    #[tokio::test]
    async fn before_a_schema_changes_there_is_a_copy_and_a_way_back() {
        const THIRD: (&str, &str) = ("third", "DELETE FROM one");
        const FOURTH: (&str, &str) = ("fourth", "ALTER TABLE one ADD COLUMN k INTEGER");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.db");
        let pool = open(&path, &[FIRST]).await.unwrap();
        sqlx::query("INSERT INTO one VALUES (7), (8)")
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
        assert_eq!(backups(&path).unwrap(), []);
        // Left over from a server that was killed while it copied.
        fs::write(dir.path().join("file.db.bak-v1.new"), "half").unwrap();

        assert_eq!(rows(&path, &[FIRST, SECOND]).await, 2);
        assert_eq!(rows(&path, &[FIRST, SECOND, THIRD]).await, 0);
        let list = backups(&path).unwrap();
        let schemas: Vec<_> = list.iter().map(|it| it.schema).collect();
        assert_eq!(schemas, [2, 1]);
        assert!(list.iter().all(|it| mode(&it.path) == 0o600));
        assert_eq!(rows(&path, &[FIRST, SECOND, THIRD, FOURTH]).await, 0);
        let list = backups(&path).unwrap();
        let schemas: Vec<_> = list.iter().map(|it| it.schema).collect();
        assert_eq!(schemas, [3, 2], "the last two");

        let aside = restore(&path, &list[1].path, 5).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(rows(&path, &[FIRST, SECOND]).await, 2);
        assert_eq!(rows(&aside, &[FIRST, SECOND, THIRD, FOURTH]).await, 0);
        assert!(list[1].path.exists(), "the copy stays");
    }

    #[tokio::test]
    async fn without_a_copy_nothing_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.db");
        open(&path, &[FIRST]).await.unwrap().close().await;
        // What is in the way cannot be replaced.
        fs::create_dir(dir.path().join("file.db.bak-v1")).unwrap();
        fs::write(dir.path().join("file.db.bak-v1/x"), "").unwrap();
        let error = open(&path, &[FIRST, SECOND]).await.unwrap_err();
        assert!(
            matches!(
                error,
                Error::Backup {
                    found: 1,
                    known: 2,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(!dir.path().join("file.db.bak-v1.new").exists());
        assert_eq!(rows(&path, &[FIRST]).await, 0, "still the first schema");
    }

    #[tokio::test]
    async fn damage_is_told_from_other_trouble() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.db");
        let pool = open(&path, &[FIRST]).await.unwrap();
        pool.close().await;
        let whole = fs::read(&path).unwrap();
        for damaged in [
            b"no database at all, but long enough to be looked at".repeat(100),
            whole[..whole.len() - 4096].to_vec(),
            whole[..1000].to_vec(),
        ] {
            fs::write(&path, &damaged).unwrap();
            let error = open(&path, &[FIRST]).await.unwrap_err();
            assert!(error.is_damage(), "{} bytes: {error:?}", damaged.len());
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = open(&path, &[FIRST]).await.unwrap_err();
        assert!(!error.is_damage(), "{error:?}");
    }
}

//! The file: where it is, who may read it, and its schema.

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
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::Error;

/// Opens the file, or makes it. Nobody else on this machine may read it.
pub(crate) async fn open(path: &Path) -> Result<SqlitePool, Error> {
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
        // An account that was made is there after a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        // 256 KiB: the whole of it is in memory anyway.
        .pragma("cache_size", "-256");
    // One connection: by it, what another process has written is told from what this one wrote.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await?;
    migrations().run(&pool).await?;
    Ok(pool)
}

/// Every schema from the first one on. None of them is ever changed.
fn migrations() -> Migrator {
    let list = [
        ("accounts", include_str!("../migrations/0001_accounts.sql")),
        ("places", include_str!("../migrations/0002_places.sql")),
    ];
    let migrations = (1..).zip(list).map(|(version, (name, sql))| {
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// Changes when another connection has written.
pub(crate) async fn data_version(pool: &SqlitePool) -> Result<i64, Error> {
    let row = sqlx::query("PRAGMA data_version").fetch_one(pool).await?;
    Ok(row.try_get(0)?)
}

//! A copy of a database before its schema changes: `NAME.bak-v1` beside it is the file as schema 1 had it.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use sqlx::SqlitePool;

/// So many are kept; the oldest schemas go first.
const KEPT: usize = 2;

/// A copy that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The schema it has.
    pub schema: i64,
    /// Where it is.
    pub path: PathBuf,
}

/// The copies of this database, the newest schema first.
///
/// # Errors
/// When the folder cannot be read.
pub fn backups(path: &Path) -> io::Result<Vec<Backup>> {
    let folder = path.parent().filter(|it| *it != Path::new(""));
    let name = beside(Path::new(path.file_name().unwrap_or_default()), ".bak-v");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let file = entry.file_name();
        let schema = file
            .to_str()
            .and_then(|file| file.strip_prefix(name.to_str()?)?.parse().ok());
        if let Some(schema) = schema {
            let path = entry.path();
            found.push(Backup { schema, path });
        }
    }
    found.sort_unstable_by_key(|backup| -backup.schema);
    Ok(found)
}

/// Makes the copy whole or not at all, and lets go of those that are too many.
pub(crate) async fn make(
    pool: &SqlitePool,
    path: &Path,
    schema: i64,
) -> Result<PathBuf, io::Error> {
    let to = beside(path, &format!(".bak-v{schema}"));
    let new = beside(&to, ".new");
    let made = write(pool, &new).await.and_then(|()| fs::rename(&new, &to));
    if let Err(error) = made {
        for end in ["", "-journal"] {
            let _ = fs::remove_file(beside(&new, end));
        }
        return Err(error);
    }
    sync_folder(path)?;
    for old in backups(path)?.into_iter().skip(KEPT) {
        // One too many does no harm.
        let _ = fs::remove_file(old.path);
    }
    Ok(to)
}

async fn write(pool: &SqlitePool, new: &Path) -> io::Result<()> {
    empty(new)?;
    let name = new
        .to_str()
        .ok_or_else(|| io::Error::other("its path is no UTF-8 text"))?;
    sqlx::query("VACUUM INTO ?")
        .bind(name)
        .execute(pool)
        .await
        .map_err(io::Error::other)?;
    File::open(new)?.sync_all()
}

/// A file that nobody else can read, and nothing in it yet.
fn empty(new: &Path) -> io::Result<File> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)
}

/// Puts a copy in the place of the database; what was there is kept under the name that is returned. Nobody may have the
/// database open.
///
/// # Errors
/// When a file cannot be written or moved.
pub fn restore(path: &Path, backup: &Path, at_s: u64) -> io::Result<PathBuf> {
    let new = beside(path, ".new");
    let mut file = empty(&new)?;
    let copied = io::copy(&mut File::open(backup)?, &mut file).and_then(|_| file.sync_all());
    if let Err(error) = copied {
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    let aside = beside(path, &format!(".before-rollback-{at_s}"));
    // What SQLite has beside it belongs to what goes. The file itself goes first: a power cut in between leaves none,
    // and never one with the other's log.
    for end in ["", "-wal", "-shm"] {
        match fs::rename(beside(path, end), beside(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(&new, path)?;
    sync_folder(path)?;
    Ok(aside)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| *it != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

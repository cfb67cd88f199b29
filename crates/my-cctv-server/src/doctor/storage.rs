//! The folder of the server's own files: whether it may be written to, how much room there is, and how fast it is.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::fs::{Access, AtFlags, CWD, accessat, statfs, statvfs};

use super::report::{Finding, Level};
use crate::{config::Config, databases::Databases};

const MIB: u64 = 1 << 20;
/// What is kept today takes a few MiB in a year.
const LEAST: u64 = 32 * MIB;
const LITTLE: u64 = 256 * MIB;
/// What the probe writes, and what has to be free for it.
const PROBE: usize = 4 << 20;
const ROOM_FOR_PROBE: u64 = 64 * MIB;
/// Slower is a card that is worn out, or none that was meant for this.
const SLOW_BYTES_PER_S: f64 = 2e6;
const SLOW_SYNC: Duration = Duration::from_millis(500);
/// SQLite's locks are not to be trusted over a network: NFS, CIFS and SMB.
const REMOTE: [i64; 3] = [0x6969, 0xff53_4d42, 0xfe53_4d42];

/// What there is of the folder: itself, or the next one above.
fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let there = absolute.ancestors().find(|it| it.exists());
    there.unwrap_or(Path::new("/")).to_owned()
}

pub(super) fn folder(folder: &Path) -> Vec<Finding> {
    let name = "storage.folder";
    let there = existing(folder);
    let shown = folder.display();
    let access = accessat(
        CWD,
        &there,
        Access::WRITE_OK | Access::EXEC_OK,
        AtFlags::EACCESS,
    );
    if !there.is_dir() {
        let saw = format!("{} is no folder", there.display());
        return vec![Finding::new(Level::Fail, name, saw).advise("set `server.data_dir`")];
    }
    if let Err(error) = access {
        let saw = format!("{} cannot be written to: {error}", there.display());
        let advice = "give it to the server's user (`chown`), mount it for writing, or set `server.data_dir`";
        return vec![Finding::new(Level::Fail, name, saw).advise(advice)];
    }
    let mut found = Vec::new();
    match fs::metadata(folder) {
        Err(_) => found.push(Finding::ok(
            name,
            format!("{shown} is made when there is something to keep"),
        )),
        Ok(meta) if meta.mode() & 0o007 != 0 => found.push(
            Finding::new(
                Level::Warn,
                name,
                format!("every user of this machine can look into {shown}"),
            )
            .advise(format!("chmod 700 {shown}")),
        ),
        Ok(meta) if meta.uid() != rustix::process::geteuid().as_raw() => found.push(
            Finding::new(
                Level::Note,
                name,
                format!("{shown} belongs to the user number {}", meta.uid()),
            )
            .advise("ask as the server's user: what this one may do says little"),
        ),
        Ok(_) => found.push(Finding::ok(name, format!("{shown} can be written to"))),
    }
    // The type is wider or narrower from machine to machine.
    #[allow(clippy::unnecessary_cast, reason = "not on every machine")]
    let kind = statfs(&there).map(|it| it.f_type as i64 & 0xffff_ffff);
    if kind.is_ok_and(|kind| REMOTE.contains(&kind)) {
        found.push(
            Finding::new(
                Level::Warn,
                name,
                format!("{} is on the network", there.display()),
            )
            .advise("keep databases on a disk of this machine: set `server.data_dir`"),
        );
    }
    found
}

/// Free bytes for this user; `None` where the system does not tell.
fn free(folder: &Path) -> Option<(u64, u64, bool)> {
    let disk = statvfs(existing(folder)).ok()?;
    let (free, all) = (
        disk.f_bavail.saturating_mul(disk.f_frsize),
        disk.f_blocks.saturating_mul(disk.f_frsize),
    );
    Some((free, all, disk.f_files > 0 && disk.f_favail == 0))
}

pub(super) fn space(folder: &Path) -> Finding {
    let name = "storage.space";
    let Some((free, all, is_out_of_names)) = free(folder) else {
        return Finding::new(Level::Note, name, "the system does not tell");
    };
    let saw = format!("{} of {} MiB are free", free / MIB, all / MIB);
    let advice = "make room on the disk, or set `server.data_dir` to another one";
    if is_out_of_names {
        Finding::new(Level::Fail, name, saw + ", but no more files can be made").advise(advice)
    } else if free < LEAST {
        Finding::new(Level::Fail, name, saw).advise(advice)
    } else if free < LITTLE {
        Finding::new(Level::Warn, name, saw).advise(advice)
    } else {
        Finding::ok(name, saw)
    }
}

/// Writes a few MiB that nobody else can open and that are gone at the end, whatever happens.
pub(super) fn speed(folder: &Path) -> Finding {
    let name = "storage.speed";
    let skipped = |why: &str| Finding::new(Level::Note, name, format!("not measured: {why}"));
    if !folder.is_dir() {
        return skipped("the folder is not there yet");
    }
    if free(folder).is_none_or(|(free, ..)| free < ROOM_FOR_PROBE) {
        return skipped("there is too little room");
    }
    let (took, sync) = match probe(folder) {
        Ok(times) => times,
        Err(error) => {
            return Finding::new(
                Level::Fail,
                name,
                format!("a file could not be written: {error}"),
            )
            .advise("look for errors of the disk in `dmesg`");
        }
    };
    let bytes_per_s = f64::from(u32::try_from(PROBE).unwrap_or(u32::MAX)) / took.as_secs_f64();
    let saw = format!(
        "{:.1} MB/s, and {:.0} ms until a small write is safe ({} MiB were written, and removed)",
        bytes_per_s / 1e6,
        sync.as_secs_f64() * 1e3,
        PROBE >> 20
    );
    if bytes_per_s < SLOW_BYTES_PER_S || sync > SLOW_SYNC {
        Finding::new(Level::Warn, name, saw)
            .advise("slow: another program may be writing, or the card is worn out or a slow one")
    } else {
        Finding::ok(name, saw)
    }
}

fn probe(folder: &Path) -> io::Result<(Duration, Duration)> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    // Its name goes first: even a kill leaves nothing.
    fs::remove_file(&path)?;
    let block = vec![0xa5; 1 << 16];
    let begun = Instant::now();
    for _ in 0..PROBE / block.len() {
        file.write_all(&block)?;
    }
    file.sync_data()?;
    let took = begun.elapsed();
    let begun = Instant::now();
    file.write_all(&block[..4096])?;
    file.sync_data()?;
    Ok((took, begun.elapsed()))
}

/// Whether each database is there as it was, whole, and of this version.
pub(super) async fn databases(config: &Config) -> Vec<Finding> {
    let name = "storage.database";
    let databases = Databases::of(config);
    let mut found = Vec::new();
    if let Err(error) = databases.check(false) {
        found.push(Finding::new(Level::Fail, name, error.to_string()));
    }
    for (kind, path) in databases.paths() {
        if !path.exists() {
            continue;
        }
        let path = path.display();
        let examined = match *kind {
            "accounts" => accounts::examine(&config.accounts).await,
            _ => index::examine(&config.index.path).await,
        };
        found.push(match examined {
            Ok((found, known)) if found > known => {
                let saw = format!(
                    "{path} was made by a newer version: schema {found}, and {known} is known"
                );
                Finding::new(Level::Fail, name, saw)
                    .advise("install that version again, or go back with `my-cctv-server rollback`")
            }
            Ok((found, known)) if found < known => {
                let saw = format!("{path} has schema {found}");
                Finding::new(Level::Note, name, saw).advise(format!(
                    "the next start makes a copy of it, and schema {known}"
                ))
            }
            Ok((found, _)) => Finding::ok(name, format!("{path} is whole, with schema {found}")),
            Err(error) if error.is_damage() => Finding::new(
                Level::Fail,
                name,
                format!("{path} is damaged: {:#}", anyhow::Error::new(error)),
            )
            .advise("put a backup of yours back, or `my-cctv-server rollback`"),
            Err(error) => {
                let error = anyhow::Error::new(error);
                Finding::new(
                    Level::Warn,
                    name,
                    format!("{path} could not be looked at: {error:#}"),
                )
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_that_is_not_there_is_no_trouble_and_stays_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let found = folder(&path);
        assert_eq!((found.len(), found[0].level), (1, Level::Ok), "{found:?}");
        assert_eq!(speed(&path).level, Level::Note);
        assert!(!dir.path().join("a").exists());
        fs::write(dir.path().join("a"), "").unwrap();
        let found = folder(&path);
        assert_eq!(found[0].level, Level::Fail, "{found:?}");
    }

    #[test]
    fn the_probe_leaves_nothing_and_an_open_folder_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let found = speed(dir.path());
        assert!(found.saw.contains("MB/s"), "{found:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(folder(dir.path())[0].level, Level::Ok);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(folder(dir.path())[0].level, Level::Warn);
    }
}

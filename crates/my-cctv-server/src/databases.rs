//! Knows which databases there were, so that a server whose files are gone does not begin anew as if nothing had ever
//! been kept: whoever came first would make the administrator.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::{
    args::Options,
    config::{self, Config, Written},
};

const FILE: &str = "databases.json";
const NEW_FILE: &str = "databases.json.new";
const VERSION: u32 = 1;

/// The databases of one configuration.
#[derive(Debug)]
pub(crate) struct Databases {
    folder: PathBuf,
    paths: [(&'static str, PathBuf); 2],
}

/// What was there when a server ran last, by what it is for.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct Known {
    version: u32,
    databases: BTreeMap<String, PathBuf>,
}

/// The configuration, for commands that open its databases.
pub(crate) fn load(options: &Options) -> anyhow::Result<(Config, Written)> {
    let (config, written) = config::load(options)?;
    Databases::of(&config).check(options.accept_empty)?;
    Ok((config, written))
}

impl Databases {
    pub(crate) fn new(folder: &Path, accounts: &Path, index: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            paths: [
                ("accounts", accounts.to_owned()),
                ("index", index.to_owned()),
            ],
        }
    }

    pub(crate) fn of(config: &Config) -> Self {
        Self::new(&config.data_dir, &config.accounts, &config.index.path)
    }

    pub(crate) fn paths(&self) -> &[(&'static str, PathBuf)] {
        &self.paths
    }

    /// # Errors
    /// When one that was there is missing, and that is not accepted.
    pub(crate) fn check(&self, accepts_empty: bool) -> anyhow::Result<()> {
        let known = self.known();
        for (name, path) in &self.paths {
            let Some(before) = known.databases.get(*name) else {
                continue;
            };
            if is_there(path) || was_set_aside(path) {
                continue;
            }
            let path = path.display();
            if accepts_empty {
                warn!(%path, "the database is missing, and begins anew (--accept-empty)");
                continue;
            }
            anyhow::bail!(
                "the database of the {name} is missing: {path}; it was at {} when a server ran last. Is its disk there? Put it \
                 back (`my-cctv-server rollback` lists copies), or start once with --accept-empty to begin anew",
                before.display()
            );
        }
        Ok(())
    }

    /// Writes down which are there, where that is not known yet.
    pub(crate) fn note(&self) {
        let there = self.paths.iter().filter(|(_, path)| is_there(path));
        let databases = there.map(|(name, path)| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            ((*name).to_owned(), path)
        });
        let now = Known {
            version: VERSION,
            databases: databases.collect(),
        };
        if !self.folder.is_dir() || now.databases == self.known().databases {
            return;
        }
        if let Err(error) = self.write(&now) {
            let _ = fs::remove_file(self.folder.join(NEW_FILE));
            warn!(%error, folder = %self.folder.display(), "it could not be written down which databases there are (`server.data_dir`)");
        }
    }

    fn known(&self) -> Known {
        let path = self.folder.join(FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                warn!(%error, path = %path.display(), "it is not known which databases there were");
                Known::default()
            }),
            Err(_) => Known::default(),
        }
    }

    fn write(&self, known: &Known) -> io::Result<()> {
        let new = self.folder.join(NEW_FILE);
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec_pretty(known)?)?;
        file.sync_all()?;
        fs::rename(&new, self.folder.join(FILE))
    }
}

/// An empty file is what SQLite takes for a new one.
fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}

/// The server itself moved a damaged one out of the way.
fn was_set_aside(path: &Path) -> bool {
    let begin = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let begin = format!("{begin}.damaged-");
    let folder = path.parent().filter(|it| *it != Path::new(""));
    let entries = fs::read_dir(folder.unwrap_or(Path::new(".")));
    entries.into_iter().flatten().any(|entry| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(&begin))
    })
}

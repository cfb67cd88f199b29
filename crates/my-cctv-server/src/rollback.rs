//! The way back after an upgrade: lists the copies of the databases, and puts one in its place.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use crate::{config::Config, databases::Databases, doctor, instance};

/// Does it; what is to be said then.
pub(crate) fn run(config: &Config, copy: Option<&str>) -> anyhow::Result<String> {
    let databases = Databases::of(config);
    match copy {
        None => list(&databases),
        Some(copy) => put_back(config, &databases, copy),
    }
}

fn copies(database: &Path) -> anyhow::Result<Vec<database::Backup>> {
    match database::backups(database) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.with_context(|| format!("look for copies of {}", database.display())),
    }
}

fn list(databases: &Databases) -> anyhow::Result<String> {
    let mut text = String::new();
    for (name, path) in databases.paths() {
        for copy in copies(path)? {
            let meta = fs::metadata(&copy.path)?;
            let at = meta
                .modified()
                .ok()
                .and_then(|at| Timestamp::try_from(at).ok());
            let at = at.map_or_else(String::new, |at| format!("{at:.0}"));
            let file = file_name(&copy.path);
            let _ = writeln!(
                text,
                "{file}  {name} with schema {}, {at}, {} KiB",
                copy.schema,
                meta.len().div_ceil(1024)
            );
        }
    }
    if text.is_empty() {
        return Ok(
            "there are no copies: one is made when an upgrade changes a database".to_owned(),
        );
    }
    text += "stop the server, and put one back with `my-cctv-server rollback NAME`\n";
    Ok(text)
}

fn put_back(config: &Config, databases: &Databases, copy: &str) -> anyhow::Result<String> {
    let mut found = None;
    for (_, path) in databases.paths() {
        let mut copies = copies(path)?.into_iter();
        if let Some(it) = copies.find(|it| file_name(&it.path) == copy) {
            found = Some((path, it));
        }
    }
    let Some((path, copy)) = found else {
        bail!("there is no copy `{copy}`: `my-cctv-server rollback` lists those there are");
    };
    let running =
        "a server runs with these databases: stop it first (`systemctl stop my-cctv-server`)";
    let _claim = match instance::claim_alone(&config.data_dir) {
        Ok(Some(claim)) => Some(claim),
        Ok(None) => bail!("{running}"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error).with_context(|| format!("open {}", config.data_dir.display()));
        }
    };
    let open: BTreeSet<PathBuf> = fs::canonicalize(path).into_iter().collect();
    if let Some(who) = doctor::who_has(&open) {
        bail!("{running}: {who} has {} open", path.display());
    }
    let now_s = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let aside = database::restore(path, &copy.path, now_s).with_context(|| {
        format!(
            "put {} in the place of {}",
            copy.path.display(),
            path.display()
        )
    })?;
    Ok(format!(
        "{} is what it was with schema {}; what was there is kept as {}. Start the version that made it: a newer one changes \
         it again",
        path.display(),
        copy.schema,
        aside.display()
    ))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

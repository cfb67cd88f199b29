//! A running server has a lock on its folder, so that nobody puts other databases under it.

use std::{fs::File, path::Path};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

/// For as long as it is held. Nothing is written for it: the folder itself is locked.
#[derive(Debug)]
pub(crate) struct Claim {
    _folder: File,
}

/// Shares the folder with other servers. `Ok(None)` where there is no folder yet, or a file system without locks.
///
/// # Errors
/// When the folder is being changed.
pub(crate) fn claim(folder: &Path) -> anyhow::Result<Option<Claim>> {
    let Ok(file) = File::open(folder) else {
        return Ok(None);
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Some(Claim { _folder: file })),
        Err(Errno::WOULDBLOCK) => anyhow::bail!(
            "{} is being brought back to an earlier version (`my-cctv-server rollback`): start again when that is done",
            folder.display()
        ),
        Err(_) => Ok(None),
    }
}

/// Has the folder alone; `None` while a server runs.
///
/// # Errors
/// When the folder cannot be opened or locked.
pub(crate) fn claim_alone(folder: &Path) -> std::io::Result<Option<Claim>> {
    let file = File::open(folder)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Claim { _folder: file })),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a server runs with this folder.
pub(crate) fn is_running(folder: &Path) -> bool {
    matches!(claim_alone(folder), Ok(None))
}

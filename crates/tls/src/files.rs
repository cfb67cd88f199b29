//! How what is secret comes to the disk: for its owner alone, and whole or not at all.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::Path,
};

/// Makes the folder, and those above it, for its owner alone.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Puts a file in its place at once, where it outlives a power cut.
pub(crate) fn write(folder: &Path, name: &str, text: &str, mode: u32) -> io::Result<()> {
    // Made with a random name, for its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    fs::set_permissions(file.path(), Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// All of a file that is not larger than it may be.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    // A pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let taken = File::open(path)?
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)?;
    if taken as u64 > max_bytes {
        return Err(io::Error::other("it is too large"));
    }
    Ok(bytes)
}

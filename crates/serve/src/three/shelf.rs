//! The files of the 3D view that somebody brought: a folder with fixed names, each file written whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use tokio::sync::OwnedMutexGuard;

use super::{glb, hdr, plan};

/// A file under way; there is one at a time.
const NEW_FILE: &str = "new";

/// What can be brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A model with a screen, in place of the monitor.
    Model,
    /// The light around it.
    Background,
    /// A model of the house, for the site.
    House,
    /// A floor plan.
    Plan,
}

impl Piece {
    pub(crate) const ALL: [Self; 4] = [Self::Model, Self::Background, Self::House, Self::Plan];

    /// The name in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Background => "background",
            Self::House => "house",
            Self::Plan => "plan",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Model => "model.glb",
            Self::Background => "background.hdr",
            Self::House => "house.glb",
            Self::Plan => "plan.image",
        }
    }

    pub(crate) fn most_bytes(self) -> u64 {
        match self {
            Self::Model | Self::House => 32 << 20,
            Self::Background => 16 << 20,
            Self::Plan => 8 << 20,
        }
    }

    /// Nothing, or a sentence for whoever sent it.
    fn check(self, file: &mut File, length: u64) -> Result<(), String> {
        match self {
            Self::Model | Self::House => glb::check(file, length),
            Self::Background => hdr::check(file, length),
            Self::Plan => plan::check(file, length),
        }
    }
}

/// A file that is there.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) bytes: u64,
    /// Changes with the file.
    pub(crate) version: String,
    pub(crate) kind: &'static str,
}

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

/// Why nothing was kept.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A sentence for whoever sent it.
    Unusable(String),
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A file under way, gone unless it is kept.
#[derive(Debug)]
pub(crate) struct Draft {
    folder: PathBuf,
    file: File,
    bytes: u64,
    /// Nobody else has one, even if whoever sent it has hung up meanwhile.
    _turn: OwnedMutexGuard<()>,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.folder.join(NEW_FILE));
    }
}

impl Shelf {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn find(&self, piece: Piece) -> io::Result<Option<Found>> {
        let path = self.folder.join(piece.file());
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let kind = match piece {
            Piece::Model | Piece::House => "model/gltf-binary",
            Piece::Background => "image/vnd.radiance",
            Piece::Plan => {
                let mut start = Vec::new();
                Read::by_ref(&mut file).take(16).read_to_end(&mut start)?;
                file.seek(SeekFrom::Start(0))?;
                plan::kind(&start).unwrap_or("application/octet-stream")
            }
        };
        let written = metadata.modified()?.duration_since(UNIX_EPOCH);
        let written = written.map_or(0, |since| since.as_nanos());
        Ok(Some(Found {
            bytes: metadata.len(),
            version: format!("{written:x}-{:x}", metadata.len()),
            file,
            kind,
        }))
    }

    /// An empty file.
    pub(crate) fn draft(&self, turn: OwnedMutexGuard<()>) -> io::Result<Draft> {
        make_folder(&self.folder)?;
        let new = self.folder.join(NEW_FILE);
        // Left over from a server that was killed. `create_new` opens no file, and follows no link, of somebody else.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        Ok(Draft {
            folder: self.folder.clone(),
            file,
            bytes: 0,
            _turn: turn,
        })
    }

    pub(crate) fn remove(&self, piece: Piece) -> io::Result<()> {
        match fs::remove_file(self.folder.join(piece.file())) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// A text of our own, such as the layout; `None` if it was never written.
    pub(crate) fn read(&self, name: &'static str, most_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(most_bytes + 1).read_to_end(&mut text)?;
        if text.len() as u64 > most_bytes {
            return Err(io::Error::other("it is too large"));
        }
        Ok(Some(text))
    }
}

impl Draft {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Looks at it whole, and puts it in the place of what was there.
    pub(crate) fn keep(mut self, piece: Piece) -> Result<(), Trouble> {
        piece
            .check(&mut self.file, self.bytes)
            .map_err(Trouble::Unusable)?;
        Ok(self.put(piece.file())?)
    }

    pub(crate) fn put(self, name: &'static str) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(self.folder.join(NEW_FILE), self.folder.join(name))?;
        sync(&self.folder)
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    sync(folder.parent().unwrap_or(folder))
}

fn sync(folder: &Path) -> io::Result<()> {
    // The folder of a relative path of one part is the one that we are in.
    let folder = if folder == Path::new("") {
        Path::new(".")
    } else {
        folder
    };
    File::open(folder)?.sync_all()
}

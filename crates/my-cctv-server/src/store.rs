//! What the server keeps of its own: one small file in `server.data_dir`, written whole or not at all.
//!
//! The file is the truth: it is read before each change and written before the change is made. A further kind of state
//! is one more field of [`Contents`].

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use camera::{BoardCamera, SensorSize};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serve::Refusal;
use tracing::warn;

use crate::config::CameraChange;

const FILE: &str = "cameras.json";
/// Becomes the file when it is complete.
const NEW_FILE: &str = "cameras.json.new";
/// Far more than 64 cameras take.
const MAX_BYTES: u64 = 4 << 20;
const VERSION: u32 = 1;

/// Where the state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    folder: PathBuf,
}

/// All that is kept.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    version: u32,
    /// What the API changed of the cameras, in the order in which they were added.
    #[serde(default)]
    pub(crate) cameras: Vec<CameraChange>,
    /// What was set and learnt of the cameras, by their ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) state: BTreeMap<String, Kept>,
}

/// What was set and learnt of one camera while it ran.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// Holds after a restart of the server too.
    #[serde(default)]
    pub(crate) set: Map<String, Value>,
    /// Sets with a name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) presets: BTreeMap<String, Map<String, Value>>,
    /// Which camera of the board it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) board: Option<KeptBoard>,
}

/// A camera on the board.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptBoard {
    /// The place it was first found at; none where its id is configured.
    place: Option<u8>,
    /// The id of `--list-cameras`.
    id: String,
    /// Width and height of the sensor in pixels.
    sensor_px: Option<(u32, u32)>,
}

impl From<BoardCamera> for KeptBoard {
    fn from(camera: BoardCamera) -> Self {
        let BoardCamera { place, id, sensor } = camera;
        Self {
            place,
            id,
            sensor_px: sensor.map(|size| (size.width_px, size.height_px)),
        }
    }
}

impl From<KeptBoard> for BoardCamera {
    fn from(kept: KeptBoard) -> Self {
        let sensor = kept.sensor_px.map(|(width_px, height_px)| SensorSize {
            width_px,
            height_px,
        });
        Self {
            place: kept.place,
            id: kept.id,
            sensor,
        }
    }
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            version: VERSION,
            cameras: Vec::new(),
            state: BTreeMap::new(),
        }
    }
}

impl Contents {
    fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if version != VERSION {
            return Err(format!(
                "it has version {version}, and this server knows {VERSION}: a newer server wrote it"
            ));
        }
        let contents: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        for camera in &contents.cameras {
            camera.check()?;
        }
        Ok(contents)
    }
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// What is there; nothing, if nothing was ever kept. The error is a sentence for the operator.
    pub(crate) fn read(&self) -> Result<Contents, String> {
        let path = self.path();
        let advice = "mend it or move it away";
        match read_all(&path) {
            Ok(text) => Contents::parse(&text)
                .map_err(|error| format!("{} cannot be used: {error}; {advice}", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Contents::default()),
            Err(error) => Err(format!(
                "{} cannot be read: {error}; {advice}",
                path.display()
            )),
        }
    }

    /// Puts `contents` in the place of what is there. If that fails, what was there stays.
    pub(crate) fn write(&self, contents: &Contents) -> Result<(), Refusal> {
        self.replace(contents).map_err(|error| {
            let _ = fs::remove_file(self.folder.join(NEW_FILE));
            let said = format!(
                "The change was not made, because {} could not be written: {error}.",
                self.path().display()
            );
            match error.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                    Refusal::Full(format!("{said} Make room on the disk."))
                }
                _ => Refusal::NotKept(format!(
                    "{said} The folder (`server.data_dir`) has to be one that the server may write to."
                )),
            }
        })
    }

    fn replace(&self, contents: &Contents) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(contents)?;
        text.push(b'\n');
        make_folder(&self.folder)?;
        let new = self.folder.join(NEW_FILE);
        // Left over from a server that was killed. `create_new` opens no file, and follows no link, of somebody else.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&new, self.path())?;
        // It is in place; only a power cut right now could still bring the old one back.
        if let Err(error) = sync_folder(&self.folder) {
            warn!(folder = %self.folder.display(), %error, "the folder could not be synced");
        }
        Ok(())
    }
}

fn read_all(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    let taken = File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut text)?;
    if taken as u64 > MAX_BYTES {
        return Err(io::Error::other("it is too large"));
    }
    Ok(text)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let parent = folder.parent().filter(|parent| *parent != Path::new(""));
    sync_folder(parent.unwrap_or(Path::new(".")))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    const YARD: &str =
        r#"{"version":1,"cameras":[{"id":"yard","kind":"added","keys":{"source":"test"}}]}"#;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_written_is_read_and_nobody_else_may() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("a/b"));
        assert_eq!(store.read().unwrap(), Contents::default());
        assert!(!dir.path().join("a").exists(), "reading makes nothing");

        let contents = Contents::parse(YARD.as_bytes()).unwrap();
        store.write(&contents).unwrap();
        assert_eq!(store.read().unwrap(), contents);
        assert_eq!(mode(&dir.path().join("a/b")), 0o700);
        assert_eq!(mode(&dir.path().join("a")), 0o700);
        assert_eq!(mode(&store.path()), 0o600);

        // A half-written one of a server that was killed, and a trap, are in nobody's way.
        let new = store.folder.join(NEW_FILE);
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        symlink(&victim, &new).unwrap();
        store.write(&Contents::default()).unwrap();
        assert_eq!(store.read().unwrap(), Contents::default());
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert!(!new.exists());
    }

    #[test]
    fn what_cannot_be_used_is_said_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().to_owned());
        let camera = |rest: &str| format!(r#"{{"version":1,"cameras":[{{{rest}}}]}}"#);
        for (text, want) in [
            (String::new(), "EOF"),
            ("{".to_owned(), "EOF"),
            ("[]".to_owned(), "invalid"),
            ("{}".to_owned(), "missing field `version`"),
            (YARD[..YARD.len() - 9].to_owned(), "EOF"),
            (r#"{"version":2,"others":1}"#.to_owned(), "a newer server"),
            (
                r#"{"version":1,"camreas":[]}"#.to_owned(),
                "unknown field `camreas`",
            ),
            (
                camera(r#""id":"a","kind":"added","keys":{},"x":1"#),
                "unknown field `x`",
            ),
            (
                camera(r#""id":"a","kind":"made","keys":{}"#),
                "unknown variant `made`",
            ),
            (
                camera(r#""id":"a","kind":"added","keys":{}"#),
                "camera a: `source`",
            ),
            (
                camera(r#""id":"../a","kind":"changed","keys":{}"#),
                "no camera id",
            ),
            (
                camera(r#""id":"a","kind":"changed","keys":{"hight":1}"#),
                "did you mean `height`?",
            ),
            (
                camera(r#""id":"a","kind":"changed","keys":{"program":"/bin/sh"}"#),
                "only the configuration file",
            ),
            (
                camera(r#""id":"a","kind":"changed","keys":{"source":"file:/etc"}"#),
                "only the configuration file",
            ),
        ] {
            fs::write(store.path(), &text).unwrap();
            let said = store.read().expect_err("must not be accepted");
            assert!(said.contains(want), "`{said}` does not say `{want}`");
            assert!(said.contains("mend it or move it away"), "{said}");
            assert_eq!(fs::read_to_string(store.path()).unwrap(), text);
        }
        fs::remove_file(store.path()).unwrap();
        fs::create_dir(store.path()).unwrap();
        assert!(store.read().unwrap_err().contains("it is no file"));
    }

    #[test]
    fn a_folder_that_cannot_be_is_a_refusal() {
        let dir = tempfile::tempdir().unwrap();
        let in_the_way = dir.path().join("data");
        fs::write(&in_the_way, "").unwrap();
        let store = Store::new(in_the_way);
        let Err(Refusal::NotKept(said)) = store.write(&Contents::default()) else {
            panic!("must not be kept")
        };
        assert!(said.contains("server.data_dir"), "{said}");
    }
}

//! Files as a source: JPEGs one after the other in a file, JPEGs in a folder, or any video through ffmpeg.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _},
    mem,
    path::{Path, PathBuf},
};

use media::jpeg::{Dropped, Splitter};

use crate::{
    Settings, Source,
    ffmpeg::VideoFile,
    paced::{Album, Paced, Pictures},
};

/// Chooses by what `path` is. What it holds is looked at when it is opened.
pub(crate) fn open(path: PathBuf, settings: Settings) -> Box<dyn Source> {
    let what = path.display().to_string();
    let max_frame_bytes = settings.max_frame_bytes;
    let is_mjpeg = path.extension().is_some_and(|e| {
        ["mjpeg", "mjpg", "jpg", "jpeg"]
            .iter()
            .any(|x| e.eq_ignore_ascii_case(x))
    });
    if path.is_dir() {
        Box::new(Paced::new(
            what,
            settings.framerate,
            Folder {
                path,
                max_frame_bytes,
            },
        ))
    } else if is_mjpeg {
        Box::new(Paced::new(
            what,
            settings.framerate,
            Concatenated {
                path,
                max_frame_bytes,
            },
        ))
    } else {
        Box::new(VideoFile::new(path, settings))
    }
}

/// JPEGs one after the other in one file.
#[derive(Clone, Debug)]
struct Concatenated {
    path: PathBuf,
    max_frame_bytes: usize,
}

impl Album for Concatenated {
    type Pictures = Reading;

    fn open(&self) -> io::Result<Reading> {
        let splitter = Splitter::new(self.max_frame_bytes);
        Ok(Reading {
            file: open_regular(&self.path)?,
            splitter,
            reported: Dropped::default(),
            found: false,
        })
    }
}

#[derive(Debug)]
struct Reading {
    file: File,
    splitter: Splitter,
    reported: Dropped,
    /// A picture came since the file was last at its beginning.
    found: bool,
}

impl Pictures for Reading {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        loop {
            if let Some(picture) = self.splitter.next_picture() {
                out.clear();
                out.extend_from_slice(&picture);
                self.found = true;
                return Ok(());
            }
            let n = self.file.read(self.splitter.room())?;
            self.splitter.filled(n);
            if n == 0 {
                if !mem::take(&mut self.found) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "there is no JPEG in it",
                    ));
                }
                self.file.rewind()?;
            }
        }
    }

    fn dropped(&mut self) -> Dropped {
        let now = self.splitter.dropped();
        now.since(mem::replace(&mut self.reported, now))
    }
}

/// JPEG files of a folder in the order of their names.
#[derive(Clone, Debug)]
struct Folder {
    path: PathBuf,
    max_frame_bytes: usize,
}

impl Album for Folder {
    type Pictures = Leafing;

    fn open(&self) -> io::Result<Leafing> {
        Ok(Leafing {
            folder: self.clone(),
            files: Vec::new(),
            found: true,
        })
    }
}

#[derive(Debug)]
struct Leafing {
    folder: Folder,
    /// Still to be shown, the next one last.
    files: Vec<PathBuf>,
    found: bool,
}

impl Pictures for Leafing {
    fn next(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let Some(file) = self.files.pop() else {
                // Looked at anew each time round: files come and go.
                if !mem::take(&mut self.found) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "there is no JPEG in it",
                    ));
                }
                self.files = jpegs(&self.folder.path)?;
                continue;
            };
            if let Some(picture) = read_one(&file, self.folder.max_frame_bytes)? {
                *out = picture;
                self.found = true;
                return Ok(());
            }
        }
    }
}

/// Opens a file that is one. A pipe or a device would keep whoever opens it waiting, for ever if nobody writes.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this is no file",
        ))
    }
}

fn jpegs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e.eq_ignore_ascii_case("jpeg"))
        {
            files.push(path);
        }
    }
    files.sort_unstable_by(|a, b| b.cmp(a));
    Ok(files)
}

/// The first picture of a file; `None` if it holds none that is whole and small enough, or is gone meanwhile.
fn read_one(file: &Path, max_frame_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let opened = match open_regular(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut splitter = Splitter::new(max_frame_bytes);
    let mut opened = opened.take(2 * max_frame_bytes as u64);
    loop {
        let n = opened.read(splitter.room())?;
        splitter.filled(n);
        if let Some(picture) = splitter.next_picture() {
            return Ok(Some(picture.to_vec()));
        }
        if n == 0 {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(mark: u8) -> Vec<u8> {
        [
            b"\xFF\xD8\xFF\xDA\x00\x02".as_slice(),
            &[mark; 9],
            b"\xFF\xD9",
        ]
        .concat()
    }

    #[test]
    fn a_file_is_read_round_and_round() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mjpeg");
        fs::write(&path, [jpeg(1), b"junk".to_vec(), jpeg(2)].concat()).unwrap();
        let mut pictures = Concatenated {
            path: path.clone(),
            max_frame_bytes: 1000,
        }
        .open()
        .unwrap();
        let mut out = Vec::new();
        for mark in [1, 2, 1, 2, 1] {
            pictures.next(&mut out).unwrap();
            assert_eq!(out, jpeg(mark));
        }
        assert_eq!(pictures.dropped().bytes, 8);
        fs::write(&path, b"no pictures at all").unwrap();
        let mut pictures = Concatenated {
            path,
            max_frame_bytes: 1000,
        }
        .open()
        .unwrap();
        assert_eq!(
            pictures.next(&mut out).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    #[test]
    fn a_pipe_that_nobody_writes_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe.mjpeg");
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            &path,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .unwrap();
        let error = Concatenated {
            path,
            max_frame_bytes: 1000,
        }
        .open()
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_folder_is_leafed_through_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("b.JPG", jpeg(2)),
            ("a.jpg", jpeg(1)),
            ("c.jpeg", b"broken".to_vec()),
            ("d.txt", jpeg(9)),
        ] {
            fs::write(dir.path().join(name), content).unwrap();
        }
        let mut pictures = Folder {
            path: dir.path().into(),
            max_frame_bytes: 1000,
        }
        .open()
        .unwrap();
        let mut out = Vec::new();
        for mark in [1, 2, 1, 2] {
            pictures.next(&mut out).unwrap();
            assert_eq!(out, jpeg(mark));
        }
        let mut small = Folder {
            path: dir.path().into(),
            max_frame_bytes: 3,
        }
        .open()
        .unwrap();
        assert!(small.next(&mut out).is_err(), "nothing fits");
    }
}

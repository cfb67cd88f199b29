//! Faults injected while it runs: new lines of a file, or whatever comes out of a FIFO. And those of the next start.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::faults::{self, Fault};

/// Takes the first line out of a file; empty when there is none, or no file.
pub fn take_line(path: &Path) -> io::Result<String> {
    let mut file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    // Whoever adds lines meanwhile holds the same lock.
    flock(&file, FlockOperation::LockExclusive)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(rest.as_bytes())?;
    Ok(line.to_owned())
}

/// Reads what is new each time it is asked. Each line of a file is obeyed once, also across restarts: how far
/// it was read is kept beside it.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    position_path: PathBuf,
    open: Option<Open>,
    line: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    file: File,
    is_fifo: bool,
    position: u64,
}

impl Control {
    /// The file may appear later.
    #[must_use]
    pub fn new(path: PathBuf, camera: u32) -> Self {
        let mut position_path = path.clone().into_os_string();
        position_path.push(format!(".read-by-{camera}"));
        Self {
            path,
            position_path: position_path.into(),
            open: None,
            line: Vec::new(),
        }
    }

    /// The lines that came since the last call; those that make no sense are returned as text.
    pub fn poll(&mut self) -> Vec<Result<Fault, String>> {
        if self.open.is_none() {
            self.open = self.try_open().ok();
        }
        let Some(open) = &mut self.open else {
            return Vec::new();
        };
        let before = open.position;
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = open.file.read(&mut bytes) {
            open.position += n as u64;
            self.line.extend_from_slice(&bytes[..n]);
        }
        let Some(end) = self.line.iter().rposition(|&b| b == b'\n') else {
            return Vec::new();
        };
        let text: Vec<u8> = self.line.drain(..=end).collect();
        if !open.is_fifo && open.position != before {
            let read = open.position - self.line.len() as u64;
            // Not fatal: the worst is a fault that strikes again after a restart.
            let _ = fs::write(&self.position_path, read.to_string());
        }
        let text = String::from_utf8_lossy(&text);
        let lines = text
            .split([';', '\n'])
            .map(str::trim)
            .filter(|line| !line.is_empty());
        lines.map(faults::parse).collect()
    }

    fn try_open(&self) -> io::Result<Open> {
        let is_fifo = fs::metadata(&self.path)?.file_type().is_fifo();
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        // Also for writing, so that a FIFO does not end when its writer leaves.
        let mut file = File::options()
            .read(true)
            .write(is_fifo)
            .custom_flags(nonblock)
            .open(&self.path)?;
        let mut position = 0;
        if !is_fifo {
            let kept = fs::read_to_string(&self.position_path).ok();
            position = kept.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            position = position.min(file.metadata()?.len());
            file.seek(SeekFrom::Start(position))?;
        }
        Ok(Open {
            file,
            is_fifo,
            position,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Kind;

    #[test]
    fn each_line_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control");
        let mut control = Control::new(path.clone(), 0);
        assert!(control.poll().is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"abort\ngarbage:5\nhe").unwrap();
        let kinds = |polled: Vec<Result<Fault, String>>| -> Vec<Kind> {
            polled
                .into_iter()
                .map(|fault| fault.unwrap().kind)
                .collect()
        };
        assert_eq!(kinds(control.poll()), [Kind::Abort, Kind::Garbage(5)]);
        assert!(control.poll().is_empty());
        // The next process goes on where this one stopped, in the middle of a line.
        let mut control = Control::new(path, 0);
        assert!(control.poll().is_empty());
        file.write_all(b"al\nnonsense\n").unwrap();
        let polled = control.poll();
        assert_eq!(polled[0].as_ref().unwrap().kind, Kind::Heal);
        assert!(polled[1].is_err());
    }

    #[test]
    fn a_fifo_outlives_its_writers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            &path,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .unwrap();
        let mut control = Control::new(path.clone(), 0);
        assert!(control.poll().is_empty());
        for _ in 0..2 {
            fs::write(&path, "abort;heal\n").unwrap();
            assert_eq!(control.poll().len(), 2);
            assert!(control.poll().is_empty());
        }
    }
}

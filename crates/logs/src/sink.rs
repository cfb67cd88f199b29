//! Where a formatted line goes: stderr, memory, files.

use std::{
    io::{self, Write},
    sync::Arc,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::{clean, files::Files, ring::Ring};

/// Takes lines of JSON, whole.
#[derive(Debug)]
pub(crate) struct Sink {
    to_stderr: bool,
    ring: Arc<Ring>,
    files: Option<Arc<Files>>,
}

impl Sink {
    pub(crate) fn new(to_stderr: bool, ring: Arc<Ring>, files: Option<Arc<Files>>) -> Self {
        Self {
            to_stderr,
            ring,
            files,
        }
    }

    fn take(&self, level: Level, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = clean::json(line.trim_end());
        if self.to_stderr {
            // Whoever reads it may have gone; the server goes on.
            let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
        }
        let line = clean::to_keep(&line);
        self.ring.push(level, &line);
        if let Some(files) = &self.files {
            files.take(level, &line);
        }
    }
}

/// The line that is being written.
pub(crate) struct Pen<'a> {
    sink: &'a Sink,
    level: Level,
}

impl Write for Pen<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.sink.take(self.level, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Pen<'a>;

    fn make_writer(&'a self) -> Pen<'a> {
        Pen {
            sink: self,
            level: Level::INFO,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Pen<'a> {
        Pen {
            sink: self,
            level: *metadata.level(),
        }
    }
}

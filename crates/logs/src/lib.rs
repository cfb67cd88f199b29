//! Log lines: which are wanted, and that can be changed while the server runs; where they go; the newest ones in memory.
//!
//! Every line passes the same way: the filter (`levels`), the limit for floods (`flood`), the formatter, and then
//! `clean`, so that no line carries a secret or a control character anywhere. Holds nobody up: files are written by a
//! thread of their own, and what does not get there is counted.
#![warn(missing_docs)]

mod clean;
mod files;
mod flood;
mod levels;
mod ring;
mod sink;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;
use tracing_subscriber::{
    Layer as _,
    field::MakeExt as _,
    fmt::{self, format},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use files::Files;
use flood::Floods;
use levels::Switch;
use ring::Ring;
use sink::Sink;

pub use flood::Flood;
pub use levels::{LevelError, Levels, check};
pub use ring::{Line, Query, Tail};

/// How lines look on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Files beside stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where they are.
    pub path: PathBuf,
    /// A file is removed when its day is so many days ago.
    pub max_age_days: u32,
    /// All files together.
    pub max_bytes: u64,
}

/// What is said, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// As in `info,camera=debug`.
    pub level: String,
    /// On stderr.
    pub format: Format,
    /// `None`: nothing is written to any disk.
    pub folder: Option<Folder>,
}

/// The log of this process. Cheap to clone: every clone is the same.
#[derive(Clone, Debug)]
pub struct Logs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    switch: Switch,
    floods: Arc<Floods>,
    ring: Arc<Ring>,
    files: Option<Arc<Files>>,
}

/// Begins to write lines. Once in a process.
///
/// # Errors
/// When `level` makes no sense.
pub fn start(config: Config) -> Result<Logs, LevelError> {
    let (switch, filter) = Switch::new(config.level)?;
    let is_text = match config.format {
        Format::Auto => io::stderr().is_terminal(),
        Format::Text => true,
        Format::Json => false,
    };
    let ring = Arc::new(Ring::default());
    let files = config.folder.map(Files::start);
    let floods = Arc::new(Floods::default());
    let sink = Sink::new(!is_text, ring.clone(), files.clone());
    let json = fmt::layer()
        .json()
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(sink);
    let text = is_text.then(|| {
        let fields = format::debug_fn(|writer, field, value| {
            let value = format!("{value:?}");
            let value = clean::text(&value);
            match field.name() {
                "message" => write!(writer, "{value}"),
                name => write!(writer, "{name}={value}"),
            }
        });
        fmt::layer()
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .fmt_fields(fields.delimited(" "))
            .with_writer(io::stderr)
            .boxed()
    });
    tracing_subscriber::registry()
        .with(filter)
        .with(flood::Limit(floods.clone()))
        .with(json)
        .with(text)
        .init();
    Ok(Logs(Arc::new(Inner {
        switch,
        floods,
        ring,
        files,
    })))
}

impl Logs {
    /// What is said now.
    #[must_use]
    pub fn levels(&self) -> Levels {
        self.0.switch.levels()
    }

    /// Says something else: for a time, or until it is changed again or the server restarted.
    ///
    /// # Errors
    /// When `level` makes no sense; then nothing changes.
    pub fn set(&self, level: &str, time: Option<Duration>) -> Result<(), LevelError> {
        self.0.switch.set(level, time)
    }

    /// Says what the configuration says now. What was set meanwhile is over, unless only other keys have changed.
    ///
    /// # Errors
    /// When `level` makes no sense; then nothing changes.
    pub fn configure(&self, level: &str, is_asked_for: bool) -> Result<(), LevelError> {
        self.0.switch.configure(level, is_asked_for)
    }

    /// The newest lines that are wanted, the oldest of them first.
    #[must_use]
    pub fn tail(&self, query: &Query) -> Tail {
        self.0.ring.tail(query)
    }

    /// Changes with each line.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.ring.watch()
    }

    /// Lines that did not get into the files.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.files.as_ref().map_or(0, |files| files.lost())
    }

    /// Lines do not get into the files.
    #[must_use]
    pub fn is_losing(&self) -> bool {
        self.0.files.as_ref().is_some_and(|files| files.is_losing())
    }

    /// Tells of folded lines in time, and takes levels back that were set for a time. Ends with the runtime.
    pub async fn run(self) {
        tokio::join!(self.0.floods.tell(), self.0.switch.take_back());
    }

    /// Writes what is left. Lines that come later go to stderr alone.
    pub fn finish(&self) {
        self.0.floods.tell_all();
        if let Some(files) = &self.0.files {
            files.finish();
        }
    }
}

//! The server's log, read while it is written.

use std::{
    fmt,
    io::{BufRead as _, BufReader, Read},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use serde_json::Value;

use super::LIMIT;

/// All lines so far, and the wish for more.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Default)]
struct Lines {
    lines: Vec<Line>,
    ended: bool,
}

/// One line; what is no JSON has only a message.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) level: String,
    pub(crate) message: String,
    pub(crate) fields: Value,
    pub(crate) raw: String,
}

impl Line {
    fn read(raw: &str) -> Self {
        let value: Value = serde_json::from_str(raw).unwrap_or_default();
        let fields = value["fields"].clone();
        Self {
            level: value["level"].as_str().unwrap_or_default().to_owned(),
            message: fields["message"].as_str().unwrap_or(raw).to_owned(),
            fields,
            raw: raw.to_owned(),
        }
    }
}

impl Log {
    /// Reads to the end in a thread of its own.
    pub(crate) fn read(source: impl Read + Send + 'static) -> Self {
        let log = Self::default();
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                writer.change(|lines| lines.lines.push(Line::read(&line)));
            }
            writer.change(|lines| lines.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut Lines)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    /// Waits for a line, old ones too, of which `wanted` makes something.
    pub(crate) fn find<T>(&self, what: &str, wanted: impl Fn(&Line) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        let mut lines = self.0.0.lock().unwrap();
        loop {
            if let Some(found) = lines.lines.iter().find_map(&wanted) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.ended {
                // Whoever prints the log afterwards needs the lock.
                drop(lines);
                panic!("the log does not say: {what}");
            }
            lines = self.0.1.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Waits for a line whose message begins so.
    pub(crate) fn message(&self, begin: &str) -> Line {
        self.find(begin, |line| {
            line.message.starts_with(begin).then(|| line.clone())
        })
    }

    /// Every line with this message so far.
    pub(crate) fn all(&self, message: &str) -> Vec<Line> {
        let lines = self.0.0.lock().unwrap();
        lines
            .lines
            .iter()
            .filter(|line| line.message == message)
            .cloned()
            .collect()
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.0.0.lock().unwrap().lines.len()
    }

    /// Waits for the end, and returns the text.
    pub(crate) fn to_end(&self) -> String {
        let lines = self.0.0.lock().unwrap();
        let (lines, _) = self
            .0
            .1
            .wait_timeout_while(lines, LIMIT, |lines| !lines.ended)
            .unwrap();
        drop(lines);
        self.to_string()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0.0.lock().unwrap().lines {
            writeln!(f, "{}", line.raw)?;
        }
        Ok(())
    }
}

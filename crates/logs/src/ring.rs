//! The newest lines, in memory: as many as fit into a fixed number of bytes, which are taken as lines come.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, PoisonError},
};

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tracing::Level;

/// Lines and what they take beside their text.
const MAX_BYTES: usize = 256 * 1024;

/// Lines by their numbers, which begin with 1.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    held: Mutex<Held>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Held {
    lines: VecDeque<Kept>,
    bytes: usize,
    next: u64,
}

#[derive(Debug)]
struct Kept {
    level: Level,
    json: Box<str>,
}

/// Which lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// At most so many; the newest ones.
    pub most: usize,
    /// This level and what is worse.
    pub level: Option<Level>,
    /// The part of the program begins so.
    pub target: Option<String>,
    /// About this camera.
    pub camera: Option<String>,
    /// Only those with a larger number.
    pub after: u64,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tail {
    /// The oldest first.
    pub lines: Vec<Line>,
    /// The number of the newest line, wanted or not: for the next question.
    pub newest: u64,
    /// Lines behind `after` that are not held any more.
    pub missed: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its number.
    pub id: u64,
    /// RFC 3339.
    pub time: String,
    /// `ERROR` to `TRACE`.
    pub level: String,
    /// The part of the program.
    pub target: String,
    /// The sentence.
    pub message: String,
    /// The camera that it is about.
    pub camera: Option<String>,
    /// The request during which it was written.
    pub request: Option<String>,
    /// What else it says.
    pub fields: Map<String, Value>,
}

/// As the formatter writes them.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    timestamp: String,
    level: String,
    target: String,
    fields: Map<String, Value>,
    span: Map<String, Value>,
}

impl Kept {
    fn bytes(&self) -> usize {
        self.json.len() + mem::size_of::<Self>()
    }

    fn read(&self, id: u64) -> Line {
        let written: Written = serde_json::from_str(&self.json).unwrap_or_default();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let mut fields = written.fields;
        let of = |name: &str| {
            let is_it = written.span.get("name").and_then(Value::as_str) == Some(name);
            is_it.then(|| text(written.span.get("id"))).flatten()
        };
        Line {
            id,
            time: written.timestamp,
            level: written.level,
            target: written.target,
            message: text(fields.remove("message").as_ref()).unwrap_or_default(),
            camera: of("camera").or_else(|| text(fields.get("camera"))),
            request: of("request").or_else(|| text(fields.get("request"))),
            fields,
        }
    }
}

impl Ring {
    pub(crate) fn push(&self, level: Level, json: &str) {
        let kept = Kept {
            level,
            json: json.into(),
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += kept.bytes();
        held.lines.push_back(kept);
        held.next += 1;
        while held.bytes > MAX_BYTES
            && let Some(oldest) = held.lines.pop_front()
        {
            held.bytes -= oldest.bytes();
        }
        let newest = held.next;
        drop(held);
        self.newest.send_replace(newest);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    pub(crate) fn tail(&self, query: &Query) -> Tail {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever asks with the numbers of the server before this one begins anew.
        let after = if query.after > held.next {
            0
        } else {
            query.after
        };
        let count = u64::try_from(held.lines.len()).unwrap_or(u64::MAX);
        let oldest = held.next - count + 1;
        let mut lines = Vec::new();
        for (kept, id) in held.lines.iter().rev().zip((oldest..=held.next).rev()) {
            if id <= after || lines.len() == query.most {
                break;
            }
            // A larger level says less.
            if query.level.is_some_and(|level| kept.level > level) {
                continue;
            }
            let line = kept.read(id);
            let is_part = |target: &String| line.target.starts_with(target.as_str());
            if query.target.as_ref().is_none_or(is_part)
                && (query.camera.is_none() || query.camera == line.camera)
            {
                lines.push(line);
            }
        }
        lines.reverse();
        Tail {
            lines,
            newest: held.next,
            missed: oldest.saturating_sub(after + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: usize, level: &str) -> String {
        format!(
            r#"{{"timestamp":"t","level":"{level}","fields":{{"message":"m{n}","a":1}},"target":"camera::x","span":{{"id":"main","name":"camera"}}}}"#
        )
    }

    #[test]
    fn the_newest_that_are_wanted() {
        let ring = Ring::default();
        for n in 1..=10 {
            let level = if n % 2 == 0 { Level::WARN } else { Level::INFO };
            ring.push(level, &line(n, level.as_str()));
        }
        let ask = |query: Query| {
            let tail = ring.tail(&query);
            let ids = tail.lines.iter().map(|line| line.id);
            (ids.collect::<Vec<_>>(), tail.newest, tail.missed)
        };
        let all = Query {
            most: 100,
            ..Query::default()
        };
        assert_eq!(ask(all.clone()), ((1..=10).collect(), 10, 0));
        let warnings = Query {
            most: 2,
            level: Some(Level::WARN),
            ..Query::default()
        };
        assert_eq!(ask(warnings).0, [8, 10]);
        let newer = Query {
            after: 8,
            ..all.clone()
        };
        assert_eq!(ask(newer).0, [9, 10]);
        let of_another_server = Query {
            after: 99,
            ..all.clone()
        };
        assert_eq!(ask(of_another_server).0.len(), 10);
        for (target, camera, count) in [
            ("camera", "main", 10),
            ("serve", "main", 0),
            ("camera", "other", 0),
        ] {
            let query = Query {
                target: Some(target.to_owned()),
                camera: Some(camera.to_owned()),
                ..all.clone()
            };
            assert_eq!(ask(query).0.len(), count);
        }
        let first = ring.tail(&all).lines.remove(0);
        assert_eq!((first.message.as_str(), first.fields.len()), ("m1", 1));
        assert_eq!(first.camera.as_deref(), Some("main"));
    }

    #[test]
    fn memory_is_bounded_and_what_is_gone_is_said() {
        let ring = Ring::default();
        for n in 0..5000 {
            ring.push(Level::INFO, &line(n, "INFO"));
        }
        let tail = ring.tail(&Query {
            most: 10_000,
            after: 10,
            ..Query::default()
        });
        assert!(tail.lines.len() > 500, "{}", tail.lines.len());
        assert_eq!(tail.missed, 5000 - 10 - tail.lines.len() as u64);
        let held = ring.held.lock().unwrap();
        assert!(held.bytes <= MAX_BYTES);
    }
}

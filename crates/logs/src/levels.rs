//! Which lines are wanted: from the configuration, and over it what was set while the server runs.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tracing::{info, level_filters::LevelFilter};
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Longest text, and most parts of it.
const LONGEST: usize = 1000;
const MOST_PARTS: usize = 40;

/// A text that does not say which lines are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelError(String);

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LevelError {}

/// What is said now, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// What holds.
    pub level: String,
    /// What the configuration says.
    pub configured: String,
    /// When the configuration's holds again; `None` where it does, or where nobody named a time.
    pub until: Option<SystemTime>,
}

/// Looks whether `level` makes sense.
///
/// # Errors
/// With a sentence for the operator.
pub fn check(level: &str) -> Result<(), LevelError> {
    filter(level).map(drop)
}

fn filter(level: &str) -> Result<EnvFilter, LevelError> {
    if level.len() > LONGEST || level.split(',').count() > MOST_PARTS {
        let text = format!("at most {LONGEST} characters and {MOST_PARTS} parts");
        return Err(LevelError(text));
    }
    // A word that is no level would be taken for the name of a part, and everything else would be silent.
    for part in level.split(',').map(str::trim) {
        if part.is_empty()
            || !part.contains(['=', '[', ']', '{', '}', '"'])
                && part.parse::<LevelFilter>().is_err()
        {
            return Err(LevelError(format!(
                "`{part}` is no level: expected off, error, warn, info, debug or trace, or a part with a level, such as camera=debug"
            )));
        }
    }
    let wrong = |error: &dyn fmt::Display| LevelError(error.to_string());
    // No regular expressions: whoever may set levels is not to be able to keep the server busy.
    let parts: Vec<&str> = level.split(',').map(str::trim).collect();
    let filter = EnvFilter::builder()
        .with_regex(false)
        .parse(parts.join(","))
        .map_err(|error| wrong(&error))?;
    // The RTSP library's own lines repeat what a camera sends, and addresses with their secrets.
    let quiet = "retina=off".parse().map_err(|error| wrong(&error))?;
    Ok(filter.add_directive(quiet))
}

/// Holds the filter and changes it.
#[derive(Debug)]
pub(crate) struct Switch {
    handle: reload::Handle<EnvFilter, Registry>,
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    configured: String,
    set: Option<Set>,
}

#[derive(Debug)]
struct Set {
    level: String,
    until: Option<(Instant, SystemTime)>,
}

impl Switch {
    pub(crate) fn new(
        level: String,
    ) -> Result<(Self, reload::Layer<EnvFilter, Registry>), LevelError> {
        let (layer, handle) = reload::Layer::new(filter(&level)?);
        let switch = Self {
            handle,
            state: Mutex::new(State {
                configured: level,
                set: None,
            }),
            changed: Arc::default(),
        };
        Ok((switch, layer))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn levels(&self) -> Levels {
        let state = self.lock();
        let set = state.set.as_ref();
        Levels {
            level: set.map_or(&state.configured, |set| &set.level).clone(),
            configured: state.configured.clone(),
            until: set.and_then(|set| set.until).map(|(_, until)| until),
        }
    }

    pub(crate) fn set(&self, level: &str, time: Option<Duration>) -> Result<(), LevelError> {
        let filter = filter(level)?;
        let until = time.and_then(|time| {
            Some((
                Instant::now().checked_add(time)?,
                SystemTime::now().checked_add(time)?,
            ))
        });
        self.lock().set = Some(Set {
            level: level.to_owned(),
            until,
        });
        self.put(filter);
        self.changed.notify_one();
        Ok(())
    }

    pub(crate) fn configure(&self, level: &str, is_asked_for: bool) -> Result<(), LevelError> {
        let filter = filter(level)?;
        let mut state = self.lock();
        if !is_asked_for && state.configured == level {
            return Ok(());
        }
        level.clone_into(&mut state.configured);
        state.set = None;
        drop(state);
        self.put(filter);
        Ok(())
    }

    fn put(&self, filter: EnvFilter) {
        // It fails only when there is no subscriber any more.
        let _ = self.handle.reload(filter);
    }

    /// Goes back to what the configuration says when the time is over.
    pub(crate) async fn take_back(&self) {
        loop {
            let until = self.lock().set.as_ref().and_then(|set| set.until);
            let Some((until, _)) = until else {
                self.changed.notified().await;
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                let _ = timeout(left, self.changed.notified()).await;
                // In a loop of its own pace, whatever is set how often.
                sleep(Duration::from_millis(10)).await;
                continue;
            }
            let level = self.lock().configured.clone();
            if self.configure(&level, true).is_ok() {
                info!(
                    level,
                    "the time for other log levels is over: the configuration's hold again"
                );
            } else {
                self.lock().set = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_which_lines_are_wanted() {
        for good in [
            "info",
            "OFF",
            "info,camera=debug",
            "warn, serve::gate=trace",
            "info,[camera{id=main}]=debug",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "inof",
            "",
            "info,camera",
            "info,camera=loud",
            &"a=info,".repeat(60),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}

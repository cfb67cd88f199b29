//! The same line again and again: some are said, and then how many more there were.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::Notify, time::sleep};
use tracing::{
    Event, Level, Metadata, Subscriber, callsite::Identifier, debug, error, field::Field, info,
    trace, warn,
};
use tracing_subscriber::{Layer, layer::Context};

/// What is counted together.
const WINDOW: Duration = Duration::from_secs(10);
/// Lines of one place in the code within that time.
const MOST: u32 = 50;
/// Whoever asked for these wants to see many.
const MOST_DETAILS: u32 = 1000;
/// Our own lines about this.
const TARGET: &str = "logs::flood";

/// Lines of one kind that somebody outside can cause: one in ten seconds, with how many there were.
#[derive(Debug, Default)]
pub struct Flood(Mutex<(Window, u64)>);

impl Flood {
    /// Counts one; how many there were since the last line, if it is time for one.
    pub fn note(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (window, total) = &mut *state;
        *total += 1;
        let is_said = window.note(Instant::now(), 1);
        is_said.then(|| window.take() + 1)
    }

    /// How many there were since the server started.
    pub fn total(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// How many there were in this time, and how many were not said.
#[derive(Debug, Default)]
struct Window {
    began: Option<Instant>,
    said: u32,
    folded: u64,
}

impl Window {
    /// Counts one; whether it is to be said.
    fn note(&mut self, now: Instant, most: u32) -> bool {
        if self.is_over(now) {
            self.began = Some(now);
            self.said = 0;
        }
        let is_said = self.said < most;
        if is_said {
            self.said += 1;
        } else {
            self.folded += 1;
        }
        is_said
    }

    fn is_over(&self, now: Instant) -> bool {
        self.began
            .is_none_or(|began| now.saturating_duration_since(began) >= WINDOW)
    }

    fn take(&mut self) -> u64 {
        std::mem::take(&mut self.folded)
    }
}

/// One window for each place in the code that has said something.
#[derive(Debug, Default)]
pub(crate) struct Floods {
    windows: Mutex<HashMap<Identifier, Place>>,
    folding: Notify,
}

#[derive(Debug)]
struct Place {
    window: Window,
    metadata: &'static Metadata<'static>,
    /// Of the first one that was not said.
    message: String,
}

/// What was not said of a place.
struct Folded {
    metadata: &'static Metadata<'static>,
    message: String,
    count: u64,
}

impl Floods {
    fn is_said(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if metadata.target() == TARGET {
            return true;
        }
        let most = if *metadata.level() <= Level::INFO {
            MOST
        } else {
            MOST_DETAILS
        };
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let place = windows.entry(metadata.callsite()).or_insert_with(|| Place {
            window: Window::default(),
            metadata,
            message: String::new(),
        });
        let is_said = place.window.note(now, most);
        let is_first = !is_said && place.window.folded == 1;
        if is_first {
            place.message.clear();
            event.record(&mut Message(&mut place.message));
        }
        drop(windows);
        if is_first {
            self.folding.notify_one();
        }
        is_said
    }

    /// Tells of each place when its time is over.
    pub(crate) async fn tell(&self) {
        loop {
            self.folding.notified().await;
            sleep(WINDOW).await;
            let now = Instant::now();
            self.tell_of(|window| window.is_over(now));
            if self.is_left() {
                self.folding.notify_one();
            }
        }
    }

    pub(crate) fn tell_all(&self) {
        self.tell_of(|_| true);
    }

    fn is_left(&self) -> bool {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.values().any(|place| place.window.folded > 0)
    }

    fn tell_of(&self, is_due: impl Fn(&Window) -> bool) {
        for Folded {
            metadata,
            message,
            count,
        } in self.take(is_due)
        {
            let part = metadata.target();
            match *metadata.level() {
                Level::ERROR => error!(target: TARGET, count, part, "{message} … and {count} more"),
                Level::WARN => warn!(target: TARGET, count, part, "{message} … and {count} more"),
                Level::INFO => info!(target: TARGET, count, part, "{message} … and {count} more"),
                Level::DEBUG => debug!(target: TARGET, count, part, "{message} … and {count} more"),
                Level::TRACE => trace!(target: TARGET, count, part, "{message} … and {count} more"),
            }
        }
    }

    fn take(&self, is_due: impl Fn(&Window) -> bool) -> Vec<Folded> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let due = windows
            .values_mut()
            .filter(|place| place.window.folded > 0 && is_due(&place.window));
        due.map(|place| Folded {
            metadata: place.metadata,
            message: std::mem::take(&mut place.message),
            count: place.window.take(),
        })
        .collect()
    }
}

/// Stands in front of everything that writes lines.
pub(crate) struct Limit(pub(crate) std::sync::Arc<Floods>);

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.0.is_said(event, Instant::now())
    }
}

struct Message<'a>(&'a mut String);

impl tracing::field::Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _ = fmt::Write::write_fmt(self.0, format_args!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_tells_of_many() {
        let begin = Instant::now();
        let mut window = Window::default();
        let mut note = |at| window.note(at, 1).then(|| window.take() + 1);
        assert_eq!(note(begin), Some(1));
        for _ in 0..100 {
            assert_eq!(note(begin + WINDOW / 2), None);
        }
        assert_eq!(note(begin + WINDOW), Some(101));
        assert_eq!(note(begin + WINDOW), None);
    }

    #[test]
    fn some_are_said_before_the_rest_is_folded() {
        let begin = Instant::now();
        let mut window = Window::default();
        let said = (0..462).filter(|_| window.note(begin, 50)).count();
        assert_eq!((said, window.folded), (50, 412));
        assert!(window.note(begin + WINDOW, 50));
        assert_eq!((window.take(), window.take()), (412, 0));
    }
}

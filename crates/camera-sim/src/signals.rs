//! Signals as rpicam-vid treats them: handlers appear when streaming starts and only take a note, which is
//! looked at after a frame.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::console::say;

/// The last signal that came.
#[derive(Clone, Debug, Default)]
pub struct Received(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    signal: Option<i32>,
    deaf: bool,
}

impl Received {
    /// Takes the note. Waits while a handler is still busy with its log line: a full stderr stops both.
    #[must_use]
    pub fn take(&self) -> Option<i32> {
        self.noted().signal.take()
    }

    /// From now on nothing is noted, and SIGTERM and SIGHUP do nothing.
    pub fn ignore(&self) -> io::Result<()> {
        self.noted().deaf = true;
        ignore_requests_to_end()
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From now on SIGINT, SIGUSR1 and SIGUSR2 are noted. Until now they kill.
pub fn install(verbose: u32) -> io::Result<Received> {
    let received = Received::default();
    let noted = received.clone();
    listen(&[SIGINT, SIGUSR1, SIGUSR2], move |signal| {
        let mut slot = noted.noted();
        if slot.deaf {
            return;
        }
        if verbose > 0 {
            say(&format!("Received signal {signal}"));
        }
        // SIGINT is never forgotten, the others last until the next frame.
        if slot.signal != Some(SIGINT) {
            slot.signal = Some(signal);
        }
    })?;
    Ok(received)
}

/// From now on these do nothing at all.
pub fn ignore_requests_to_end() -> io::Result<()> {
    listen(&[SIGINT, SIGTERM, SIGHUP], |_| {})
}

fn listen(which: &[i32], mut handler: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(which)?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                handler(signal);
            }
        })?;
    Ok(())
}

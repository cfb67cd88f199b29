//! A viewer in a thread of its own, for tests that do something else meanwhile.

use std::{
    net::{Shutdown, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Instant,
};

use camera_sim::stamp::Stamp;

use super::{LIMIT, Parts};

/// A viewer; leaves when dropped.
pub(crate) struct Watcher {
    shared: Arc<(Mutex<Seen>, Condvar)>,
    socket: TcpStream,
}

/// What a viewer has seen so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// One for each part; `None` is a picture that the server drew.
    pub(crate) stamps: Vec<Option<Stamp>>,
    /// How the stream ended; `Ok` is in good order.
    pub(crate) end: Option<Result<(), String>>,
}

impl Seen {
    /// Pictures of the camera.
    pub(crate) fn pictures(&self) -> usize {
        self.stamps.iter().flatten().count()
    }

    /// Pictures that the server drew.
    pub(crate) fn placeholders(&self) -> usize {
        self.stamps.len() - self.pictures()
    }
}

impl Watcher {
    /// Watches until the stream ends.
    pub(crate) fn of(mut parts: Parts) -> Self {
        let socket = parts.socket().try_clone().unwrap();
        let shared = Arc::<(Mutex<Seen>, Condvar)>::default();
        let writer = shared.clone();
        thread::spawn(move || {
            loop {
                let next = parts.next();
                let mut seen = writer.0.lock().unwrap();
                match next {
                    Ok(Some(part)) => seen.stamps.push(part.stamp),
                    Ok(None) => seen.end = Some(Ok(())),
                    Err(error) => seen.end = Some(Err(error.to_string())),
                }
                writer.1.notify_all();
                if seen.end.is_some() {
                    return;
                }
            }
        });
        Self { shared, socket }
    }

    /// Waits until `wanted` gives something.
    pub(crate) fn until<T>(&self, what: &str, mut wanted: impl FnMut(&Seen) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        let mut seen = self.shared.0.lock().unwrap();
        loop {
            if let Some(found) = wanted(&seen) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && seen.end.is_none(),
                "{what}: not seen among {} parts, {} of them drawn by the server; the stream's end: {:?}",
                seen.stamps.len(),
                seen.placeholders(),
                seen.end
            );
            seen = self.shared.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// So many more pictures of the camera from now on.
    pub(crate) fn more_pictures(&self, count: usize) {
        let before = self.until("", |seen| Some(seen.pictures()));
        self.until("more pictures", |seen| {
            (seen.pictures() >= before + count).then_some(())
        });
    }

    /// So many more parts of any kind from now on, the test pattern's too.
    pub(crate) fn more_parts(&self, count: usize) {
        let before = self.until("", |seen| Some(seen.stamps.len()));
        self.until("more parts", |seen| {
            (seen.stamps.len() >= before + count).then_some(())
        });
    }

    /// Waits for the end of the stream, which has to be in good order.
    pub(crate) fn ends_well(&self) {
        let end = self.until("the end of the stream", |seen| seen.end.clone());
        assert_eq!(end, Ok(()), "the stream must end in good order");
    }

    /// The stream has not ended.
    pub(crate) fn is_watching(&self) -> bool {
        self.until("", |seen| Some(seen.end.is_none()))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

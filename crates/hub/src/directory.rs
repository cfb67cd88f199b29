//! The directory of streams.

use std::{fmt, str::FromStr, sync::Arc};

use tokio::sync::watch;

use crate::{Ledger, Stream};

/// Names a camera in addresses, files and messages: 1 to 64 of `a-z`, `0-9`, `-`, `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId(Arc<str>);

/// The text is no camera id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no camera id: 1 to 64 of a-z, 0-9, - and _ are")]
pub struct InvalidCameraId(String);

impl FromStr for CameraId {
    type Err = InvalidCameraId;

    fn from_str(text: &str) -> Result<Self, InvalidCameraId> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidCameraId(text.chars().take(80).collect()))
        }
    }
}

impl CameraId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// All streams, in the order of the configuration.
#[derive(Debug, Default)]
pub struct Hub {
    streams: watch::Sender<Vec<Arc<Stream>>>,
    /// Counts up with each rendition that is wanted anew, and when the streams change.
    wishes: Arc<watch::Sender<u64>>,
    incidents: Ledger,
}

impl Hub {
    /// Sets which streams there are, in their order.
    pub fn set(&self, streams: Vec<Arc<Stream>>) {
        for stream in &streams {
            stream.tell_wishes_to(&self.wishes);
        }
        self.streams.send_replace(streams);
        self.wishes.send_modify(|count| *count += 1);
    }

    /// Is told whenever the list was set.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Vec<Arc<Stream>>> {
        self.streams.subscribe()
    }

    /// Changes when another rendition is wanted, or when the streams change: for whoever makes renditions.
    #[must_use]
    pub fn rendition_wishes(&self) -> watch::Receiver<u64> {
        self.wishes.subscribe()
    }

    /// The incidents of all cameras, and of the server.
    #[must_use]
    pub fn incidents(&self) -> &Ledger {
        &self.incidents
    }

    /// Every stream.
    #[must_use]
    pub fn streams(&self) -> Vec<Arc<Stream>> {
        self.streams.borrow().clone()
    }

    /// Returns once there are exactly these cameras, in this order.
    pub async fn until(&self, cameras: &[CameraId]) {
        let mut streams = self.streams.subscribe();
        let same = |streams: &Vec<Arc<Stream>>| streams.iter().map(|s| s.id()).eq(cameras);
        // The channel lives as long as the hub.
        let _ = streams.wait_for(same).await;
    }

    /// The first camera's stream: what `/stream` shows.
    #[must_use]
    pub fn first(&self) -> Option<Arc<Stream>> {
        self.streams.borrow().first().cloned()
    }

    /// The stream of one camera.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Stream>> {
        let streams = self.streams.borrow();
        streams.iter().find(|s| s.id().as_str() == id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_mean_something_else_are_refused() {
        for id in ["main", "front-door_2", "0", &"a".repeat(64)] {
            assert_eq!(id.parse::<CameraId>().unwrap().as_str(), id);
        }
        for id in [
            "",
            "..",
            "a/b",
            "A",
            "a b",
            "a%2e",
            "문",
            "a\0",
            &"a".repeat(65),
        ] {
            assert!(id.parse::<CameraId>().is_err(), "{id}");
        }
    }
}

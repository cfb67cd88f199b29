//! What was learnt about a camera and outlives its source.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Pixels of a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SensorSize {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
}

/// A camera on the board, by what stays the same when others come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardCamera {
    /// The place it was first found at, for `rpicam:N`; none where the id itself is configured.
    pub place: Option<u8>,
    /// The id of `--list-cameras`.
    pub id: String,
    /// Its sensor's size, where the list says it.
    pub sensor: Option<SensorSize>,
}

/// What was learnt. All of it can be learnt anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Which camera of the board this is.
    pub board: Option<BoardCamera>,
    /// A USB camera that gives no JPEG: its pictures have to be converted.
    pub raw_device: Option<PathBuf>,
}

/// A place for what was learnt, shared by a camera's source and whoever asks. Can be filled from elsewhere before the
/// source is opened.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Learnt>>);

impl Memory {
    /// Begins with what is known already.
    #[must_use]
    pub fn new(learnt: Learnt) -> Self {
        Self(Arc::new(Mutex::new(learnt)))
    }

    /// What is known now.
    #[must_use]
    pub fn learnt(&self) -> Learnt {
        self.lock().clone()
    }

    /// Adds to what is known.
    pub(crate) fn learn(&self, change: impl FnOnce(&mut Learnt)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Learnt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What went through a stream.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What went through a stream since the server started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames published, placeholders not among them.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Times the camera was started.
    pub starts: u64,
    /// Those of them that were tries to get pictures back.
    pub restarts: u64,
    /// Bytes from the camera that belonged to no picture.
    pub dropped_bytes: u64,
    /// Pictures from the camera that were broken or too large.
    pub dropped_pictures: u64,
    /// Frames made smaller; of a camera's stream, those of all its renditions.
    pub made_frames: u64,
    /// CPU time that took, in microseconds.
    pub made_us: u64,
}

#[derive(Debug, Default)]
pub(crate) struct AtomicCounters {
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) starts: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) dropped_bytes: AtomicU64,
    pub(crate) dropped_pictures: AtomicU64,
    pub(crate) made_frames: AtomicU64,
    pub(crate) made_us: AtomicU64,
}

impl AtomicCounters {
    pub(crate) fn read(&self) -> Counters {
        Counters {
            frames: self.frames.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            starts: self.starts.load(Relaxed),
            restarts: self.restarts.load(Relaxed),
            dropped_bytes: self.dropped_bytes.load(Relaxed),
            dropped_pictures: self.dropped_pictures.load(Relaxed),
            made_frames: self.made_frames.load(Relaxed),
            made_us: self.made_us.load(Relaxed),
        }
    }
}

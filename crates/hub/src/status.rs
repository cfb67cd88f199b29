//! How a camera is doing, in a form that pages and programs can show.

use std::time::SystemTime;

/// What a camera is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameraState {
    /// Off, because nobody needs it.
    Idle,
    /// Started; no frame yet.
    Starting,
    /// Frames arrive.
    Live,
    /// Runs, but its frames stopped coming.
    Stalled,
    /// Ended with an error, and will be tried again.
    Failed,
}

impl CameraState {
    /// The name used by the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Stalled => "stalled",
            Self::Failed => "failed",
        }
    }
}

/// The state of a camera, and a sentence about it for the person in front of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub state: CameraState,
    /// Why, when something is wrong.
    pub why: Option<Why>,
    /// Since when.
    pub since: SystemTime,
}

/// Why there are no pictures, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why {
    /// Stable word for programs, such as `no_camera`.
    pub code: &'static str,
    /// The same for people, in English.
    pub sentence: &'static str,
}

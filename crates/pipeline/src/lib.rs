//! One actor per camera: runs its source while somebody wants it, and puts the pictures into the hub.
//!
//! Beside them one maker of smaller pictures for all cameras ([`Renditions`]).
//!
//! Knows cameras and the hub and introduces them to each other. Knows no socket.

mod actor;
mod backoff;
mod cameras;
mod control;
mod feed;
mod healing;
mod incident;
mod ladder;
mod memories;
mod placeholder;
mod renditions;

pub use actor::Times;
pub use cameras::{Camera, Cameras};
pub use memories::Memories;
pub use renditions::Renditions;

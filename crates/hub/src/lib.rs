//! The live streams and who reads them. Knows frames; knows no camera, no socket and no disk.
//!
//! A [`Hub`] is the directory. A [`Stream`] is one camera's place in it: its [`Publisher`] puts frames in,
//! [`Reader`]s take them out, either the newest ([`Stream::latest`]) or all of them ([`Stream::in_order`]),
//! and nobody waits for anybody: a reader that is late loses frames of its own, and counts them.
//!
//! What somebody sets for a camera passes through here too ([`Stream::controls`]), checked by the crate `control`.
//!
//! A stream has renditions ([`Stream::rendition`]): streams of the same camera whose frames are smaller. They are wanted
//! while somebody holds them; who makes them is told by [`Hub::rendition_wishes`].
//!
//! Demand is a value: whoever needs frames holds a [`Demand`], and the camera runs while there is one.
#![warn(missing_docs)]

mod board;
mod controls;
mod counters;
mod demand;
mod directory;
mod incident;
mod restart;
mod status;
mod stream;

pub use board::{BoardHealth, Limit, Throttled};
pub use controls::{Controls, Progress};
pub use counters::Counters;
pub use demand::{Demand, DemandWatch};
pub use directory::{CameraId, Hub, InvalidCameraId};
pub use incident::{Cause, Incident, Ledger, Step, Unwritten};
pub use restart::RestartWatch;
pub use status::{CameraState, Status, Why};
pub use stream::{About, Ended, Ender, Publisher, Reader, Stream};

//! Where pictures come from, behind one trait: [`Source`].
//!
//! A source runs when it is told to, gives whole JPEGs to a [`Sink`], and is gone without trace when it returns:
//! every process it started has been reaped. It knows nobody who looks at the pictures, and it never waits for them.
//! It does not start itself again: a [`Failure`] says what went wrong, what to do about it, and whether
//! another try can help.

mod address;
mod auto;
mod chain;
mod child;
mod discover;
mod failure;
mod ffmpeg;
mod file;
mod http;
mod listing;
mod memory;
mod paced;
mod pattern;
mod program;
mod relay;
mod rpicam;
mod rtsp;
mod source;
mod spec;
mod surroundings;
mod transcoder;

pub use address::{HttpAddress, RtspAddress};
pub use discover::{Found, Place, discover, find_program, first_pictures, reach, version_of};
pub use failure::{Blame, Failure, Kind, Language, Retry};
pub use memory::{BoardCamera, Learnt, Memory, SensorSize};
pub use source::{Run, Settings, Sink, Source, open};
pub use spec::{InvalidSource, SourceSpec};
pub use surroundings::{Surroundings, View};

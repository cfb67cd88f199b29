//! Frames, and the formats they arrive and leave in.
//!
//! Pure: bytes and times in, values out. No files, no sockets, no clock.
//!
//! - [`Frame`] is one picture with its times; everything above shares it by `Arc`.
//! - [`jpeg::Splitter`] cuts a byte stream of JPEGs into pictures.
//! - [`Rendition`] names the forms in which a picture is offered; making them is another crate's.
//! - [`multipart`] writes the part that every MJPEG viewer of a frame shares.
#![warn(missing_docs)]

mod frame;
pub mod jpeg;
pub mod message;
pub mod multipart;
mod rendition;
mod space;

pub use frame::{Codec, Frame, Pts90k, UnixMicros};
pub use rendition::{Quality, Rendition, Scale};
pub use space::Picture;

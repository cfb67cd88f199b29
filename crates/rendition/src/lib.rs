//! Makes smaller forms of a JPEG picture: decodes it once, and encodes it once for each form.
//!
//! Pure: bytes in, bytes out. Knows no camera and no viewer, and trusts no picture: what it would take is known before
//! it is taken.
#![warn(missing_docs)]

mod decode;
mod encode;

pub use decode::{Decoder, Error, Limits, Pixels};

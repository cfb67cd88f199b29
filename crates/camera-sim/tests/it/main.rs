//! The real program, watched from outside.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod h264;
mod options;
mod output;
mod signals;
mod sim;

//! The real program, watched from outside.

mod faults;
mod h264;
mod options;
mod output;
mod signals;
mod sim;

//! A stand-in for rpicam-vid: its options and their errors, exit codes, texts, write sizes, signals and
//! memory, with faults on command. For tests, benches and trying things without a camera; never installed.
//!
//! - [`stamp`] is what a bench reads from each frame: which one it is and when it was written.
//! - [`options`] takes the command line apart as rpicam-vid does.
//! - [`run`] is one run of the program; everything else is a part of it.
//!
//! The README lists the environment variables and how faults are spelled.

pub mod camera;
pub mod clock;
pub mod console;
pub mod control;
pub mod encode;
pub mod faults;
pub mod frames;
pub mod h264;
pub mod options;
pub mod output;
pub mod run;
pub mod scene;
pub mod settings;
pub mod signals;
pub mod stamp;
pub mod stdio;
pub mod texts;

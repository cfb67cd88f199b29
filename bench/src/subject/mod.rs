//! The programs under measurement: how they are started, found and looked at from outside.

mod proc;
mod start;

pub use proc::{Cpu, Memory, children, descriptors, memory, peak_kb, threads, written_bytes};
pub use start::{Programs, Running, Settings, Subject, beside, camera_id};

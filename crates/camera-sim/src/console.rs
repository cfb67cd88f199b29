//! What goes to stderr: plain lines of rpicam-vid, and lines in libcamera's form.

use std::io::Write as _;

use crate::clock::now_ns;

/// One line, blocking when nobody reads. Nobody hears of a failure: that is where it would be said.
pub fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// How libcamera marks a line.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// Only with verbose 1 and more.
    Info,
    /// Always.
    Warn,
    /// Always.
    Error,
}

/// `[h:mm:ss.ns] [pid]  INFO Camera camera_manager.cpp:340 text`.
pub fn libcamera(level: Level, place: &str, text: &str) {
    let level = match level {
        Level::Info => " INFO",
        Level::Warn => " WARN",
        Level::Error => "ERROR",
    };
    let (ns, pid) = (now_ns(), std::process::id());
    let (s, below) = (ns / 1_000_000_000, ns % 1_000_000_000);
    let (h, m, s) = (s / 3600, s / 60 % 60, s % 60);
    say(&format!(
        "[{h}:{m:02}:{s:02}.{below:09}] [{pid}] {level} {place} {text}"
    ));
}

//! `camera-sim`: see the library.

use std::process::ExitCode;

use camera_sim::console::say;
use camera_sim::settings::Settings;

/// A mistake in how the simulator itself is used; rpicam-vid never ends with this.
const MISUSED: u8 = 64;

fn main() -> ExitCode {
    // An abort is part of the act and leaves no core behind.
    let no_core = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, no_core);
    let args: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let settings = match Settings::from_env() {
        Ok(settings) => settings,
        Err(error) => {
            say(&format!("camera-sim: {error}"));
            return ExitCode::from(MISUSED);
        }
    };
    match camera_sim::run::run(&args, &settings) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("camera-sim: {error:#}"));
            ExitCode::from(MISUSED)
        }
    }
}

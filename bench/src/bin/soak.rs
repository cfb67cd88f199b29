//! Hours of cameras that fail and viewers that come and go: `make soak`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bench::load::raise_file_limit;
use bench::soak::{self, Plan, Until};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(
    about = "Has cameras fail at random while viewers come and go, and says what was left of it"
)]
struct Arguments {
    /// The server
    #[arg(long)]
    server: PathBuf,
    /// The camera stand-in
    #[arg(long)]
    camera: PathBuf,
    /// How long: 24h, 10m, 90s
    #[arg(long, default_value = "10m", value_parser = length)]
    length: Duration,
    /// Until every fault that heals has struck so often, instead of a time
    #[arg(long, conflicts_with = "length")]
    each: Option<usize>,
    /// Of everything random; chosen if none is given
    #[arg(long)]
    seed: Option<u64>,
    /// Cameras
    #[arg(long, default_value_t = 6)]
    cameras: usize,
    /// Viewers of each camera that never leave
    #[arg(long, default_value_t = 3)]
    steady: usize,
    /// Viewers at a time that come and go
    #[arg(long, default_value_t = 12)]
    guests: usize,
}

fn length(text: &str) -> Result<Duration, String> {
    let unit_s = match text.chars().last() {
        Some('h') => 3600,
        Some('m') => 60,
        Some('s') => 1,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    match number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit_s))
    {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        _ => Err("expected something like 24h, 10m or 90s".to_owned()),
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let plan = Plan {
        server: arguments.server.canonicalize().context("--server")?,
        camera: arguments.camera.canonicalize().context("--camera")?,
        until: arguments
            .each
            .map_or(Until::Time(arguments.length), Until::Each),
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
        cameras: arguments.cameras.clamp(1, 200),
        steady: arguments.steady,
        guests: arguments.guests,
    };
    raise_file_limit(4096);
    let mut out = io::stdout().lock();
    // First of all: a run that breaks off has to be repeatable, too.
    writeln!(out, "seed {}", plan.seed)?;
    out.flush()?;
    let report = soak::run(&plan, &mut out)?;
    write!(out, "{report}")?;
    Ok(if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(length("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(length("90s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "h", "10", "0m", "-1m", "99999999999999999999h", "1µ"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }
}

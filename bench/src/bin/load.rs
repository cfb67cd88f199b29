//! Plays many viewers of one stream and says what they saw.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bench::load::{self, Moment, Plan, Target};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "Plays many viewers of one MJPEG stream and checks every part")]
struct Arguments {
    /// The stream, http://host:port/path or https://…; of several, viewers take one after the other
    #[arg(long, required = true)]
    url: Vec<String>,
    /// Viewers that read as fast as they can
    #[arg(long, default_value_t = 1)]
    viewers: usize,
    /// Length of the measured window
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Time between the last connection and the window
    #[arg(long, default_value_t = 2.0)]
    warmup: f64,
    /// Further viewers that read slowly, COUNT:BYTES_PER_SECOND
    #[arg(long, value_parser = slow)]
    slow: Option<(usize, u32)>,
    /// Further viewers that read the response head and then nothing
    #[arg(long, default_value_t = 0)]
    stalled: usize,
    /// New connections per second
    #[arg(long, default_value_t = 400)]
    pace: u32,
    /// A further request header, "Name: value"
    #[arg(long)]
    header: Vec<String>,
    /// Print the lines `window-opens` and `window-closes` when it does
    #[arg(long)]
    markers: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

fn slow(text: &str) -> Result<(usize, u32), String> {
    text.split_once(':')
        .and_then(|(count, rate)| Some((count.parse().ok()?, rate.parse().ok()?)))
        .ok_or_else(|| "expected COUNT:BYTES_PER_SECOND".to_owned())
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let plan = Plan {
        targets: arguments
            .url
            .iter()
            .map(|url| Target::parse(url, &arguments.header))
            .collect::<anyhow::Result<_>>()?,
        viewers: arguments.viewers,
        slow: arguments.slow,
        stalled: arguments.stalled,
        warmup: Duration::try_from_secs_f64(arguments.warmup).context("--warmup")?,
        window: Duration::try_from_secs_f64(arguments.seconds).context("--seconds")?,
        pace: arguments.pace,
    };
    let mut out = io::stdout().lock();
    let mut lost_reader = Ok(());
    let report = load::run(&plan, |moment| {
        let line = match moment {
            Moment::WindowOpens => "window-opens",
            Moment::WindowCloses => "window-closes",
        };
        if arguments.markers && lost_reader.is_ok() {
            lost_reader = writeln!(out, "{line}").and_then(|()| out.flush());
        }
    })?;
    lost_reader?;
    if arguments.json {
        writeln!(out, "{}", report.json())?;
    } else {
        writeln!(out, "{report}")?;
    }
    Ok(if report.faults() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

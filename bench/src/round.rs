//! One measurement: a fresh subject, a crowd, one window, and what both sides say about it.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::load::Report;
use crate::subject::{Cpu, Memory, Programs, Running, Settings, Subject, memory};

/// Who looks, and for how long.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Viewers that read all they can.
    pub viewers: usize,
    /// Further ones that read slowly, and their bytes per second.
    pub slow: Option<(usize, u32)>,
    /// Further ones that stop reading.
    pub stalled: usize,
    /// Length of the window, seconds.
    pub seconds: f64,
}

impl Crowd {
    /// So many fast viewers.
    #[must_use]
    pub fn of(viewers: usize, seconds: f64) -> Self {
        Self {
            viewers,
            slow: None,
            stalled: 0,
            seconds,
        }
    }
}

/// What one window showed.
#[derive(Debug, Clone)]
pub struct Round {
    /// What the viewers saw.
    pub report: Report,
    /// CPU time of the subject in the window.
    pub cpu_ns: u64,
    /// Its memory at the end of the window.
    pub memory: Memory,
    /// Allocations in the window, from a counted server.
    pub allocations: Option<u64>,
}

impl Round {
    /// CPU time of the subject per frame delivered to a viewer.
    #[must_use]
    pub fn cpu_us_per_frame(&self) -> f64 {
        ratio(self.cpu_ns, self.report.frames()) / 1000.0
    }

    /// The same of the load generator.
    #[must_use]
    pub fn load_us_per_frame(&self) -> f64 {
        ratio(self.report.load_cpu_ns, self.report.frames()) / 1000.0
    }

    /// Allocations per frame delivered to a viewer.
    #[must_use]
    pub fn allocations_per_frame(&self) -> Option<f64> {
        self.allocations
            .map(|count| ratio(count, self.report.frames()))
    }
}

/// `a / b`; of nothing delivered, infinitely much.
#[expect(
    clippy::cast_precision_loss,
    reason = "figures for a table with three digits"
)]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

/// Starts the subject, sends the crowd, stops both.
pub fn measure(
    subject: Subject,
    programs: &Programs,
    settings: &Settings,
    crowd: &Crowd,
) -> anyhow::Result<Round> {
    let running = Running::start(subject, programs, settings)?;
    look(&running, programs, crowd, subject == Subject::Counted).with_context(|| {
        format!(
            "{subject:?} with {} viewers:\n{}",
            crowd.viewers,
            running.said()
        )
    })
}

/// Sends a crowd to a running subject.
pub fn look(
    running: &Running,
    programs: &Programs,
    crowd: &Crowd,
    counted: bool,
) -> anyhow::Result<Round> {
    let mut command = Command::new(&programs.load);
    command
        .args(["--markers", "--json"])
        .args(
            running
                .stream_urls()
                .flat_map(|url| ["--url".to_owned(), url]),
        )
        .args(["--viewers", &crowd.viewers.to_string()])
        .args(["--seconds", &crowd.seconds.to_string()])
        .args(["--stalled", &crowd.stalled.to_string()]);
    if let Some((count, rate)) = crowd.slow {
        command.args(["--slow", &format!("{count}:{rate}")]);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", programs.load.display()))?;
    let stdout = child.stdout.take().context("load has no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut next = || {
        lines
            .next()
            .context("load ended early")?
            .context("read load")
    };
    let count = || counted.then(|| running.allocations()).transpose();
    let cpu = || Cpu::read(running.pid());

    let result = (|| {
        expect(&next()?, "window-opens")?;
        let (before, allocations) = (cpu()?, count()?);
        expect(&next()?, "window-closes")?;
        let cpu_ns = cpu()?.since(before);
        let allocations = count()?
            .zip(allocations)
            .map(|(after, before)| after - before);
        let report = serde_json::from_str(&next()?).context("report of load")?;
        Ok(Round {
            report: Report::from_json(&report),
            cpu_ns,
            memory: memory(running.pid())?,
            allocations,
        })
    })();
    if result.is_err() {
        let _ = child.kill();
    }
    // Its exit code repeats what the report says about faults.
    child.wait().context("wait for load")?;
    result
}

fn expect(line: &str, wanted: &str) -> anyhow::Result<()> {
    if line != wanted {
        bail!("load said {line:?} instead of {wanted}");
    }
    Ok(())
}

/// The middle value; the mean of the two middle ones.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        for (values, expected) in [
            (vec![3.0], 3.0),
            (vec![9.0, 1.0, 2.0], 2.0),
            (vec![4.0, 1.0, 2.0, 9.0], 3.0),
        ] {
            assert!((median(values) - expected).abs() < 1e-9);
        }
        assert!(median([]).is_nan());
    }
}

//! What the server holds: memory, descriptors, processes, threads; at the start, all the time, and at the end.

use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use super::report::Resources;
use super::{PATIENCE, Plan, Shared, client, eventually};
use crate::subject::{children, descriptors, memory, threads};

/// One look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    /// Resident memory.
    pub(super) rss_kb: u64,
    /// Open descriptors.
    pub(super) descriptors: usize,
    /// Children that run or wait to be reaped.
    pub(super) processes: usize,
    /// Threads.
    pub(super) threads: usize,
}

impl Held {
    fn look(pid: u32) -> anyhow::Result<Self> {
        Ok(Self {
            rss_kb: memory(pid)?.rss_kb,
            descriptors: descriptors(pid)?,
            processes: children(pid)?.len(),
            threads: threads(pid)?,
        })
    }

    fn is_within(self, other: Self) -> bool {
        self.descriptors <= other.descriptors
            && self.processes <= other.processes
            && self.threads <= other.threads
    }
}

impl fmt::Display for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} descriptors, {} processes, {} threads",
            self.descriptors, self.processes, self.threads
        )
    }
}

/// The first fifth of a run fills what is filled once: arenas, buffers, the lists of incidents.
const WARM_UP_SHARE: u32 = 5;
/// Memory over time is kept this often at most.
const EVERY: Duration = Duration::from_secs(1);
const MOST_SAMPLES: usize = 100_000;

/// Looks at the server again and again.
#[derive(Debug)]
pub(super) struct Sampler<'a> {
    shared: &'a Shared,
    first: Held,
    samples: Mutex<Vec<(Duration, Held)>>,
}

impl<'a> Sampler<'a> {
    /// Waits until every camera is live and every steady viewer watches: that is what has to be left at the end.
    pub(super) fn start(shared: &'a Shared, plan: &Plan) -> anyhow::Result<Self> {
        settle(shared, plan)?;
        Ok(Self {
            shared,
            first: Held::look(shared.server_pid)?,
            samples: Mutex::default(),
        })
    }

    pub(super) fn sample(&self, at: Duration) -> anyhow::Result<()> {
        let held = Held::look(self.shared.server_pid).context("the server is gone")?;
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = samples.last().is_none_or(|(last, _)| EVERY <= at - *last);
        if is_due && samples.len() < MOST_SAMPLES {
            samples.push((at, held));
        }
        Ok(())
    }

    pub(super) fn newest(&self) -> Held {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.last().map_or(self.first, |(_, held)| *held)
    }

    /// Waits until the guests are gone and no more is held than at the start.
    pub(super) fn end(self, shared: &Shared, plan: &Plan) -> anyhow::Result<Resources> {
        settle(shared, plan)?;
        let mut last = Held::default();
        let settled = eventually(PATIENCE, || {
            last = Held::look(shared.server_pid).ok()?;
            last.is_within(self.first).then_some(())
        });
        if settled.is_none() {
            shared.complain(format!(
                "left over: {last} at the end, {} at the start",
                self.first
            ));
        }
        let samples = self
            .samples
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let length = samples.last().map_or(Duration::ZERO, |(at, _)| *at);
        let points: Vec<(f64, f64)> = samples
            .iter()
            .filter(|(at, _)| length / WARM_UP_SHARE <= *at)
            .map(|(at, held)| (at.as_secs_f64() / 3600.0, as_f64(held.rss_kb)))
            .collect();
        Ok(Resources {
            first: self.first,
            last,
            slope_kb_per_h: slope(&points),
            judged: length - length / WARM_UP_SHARE,
        })
    }
}

/// Waits for live cameras, and for viewers that are all steady ones.
pub(super) fn settle(shared: &Shared, plan: &Plan) -> anyhow::Result<()> {
    eventually(PATIENCE * 3, || {
        let cameras = client::json(shared.address, "/api/v1/cameras").ok()?;
        let list = cameras["cameras"].as_array()?;
        let live = list.iter().all(|camera| camera["state"] == "live");
        let steady = u64::try_from(plan.cameras * plan.steady.max(1)).ok()?;
        (live && cameras["viewers"].as_u64()? == steady).then_some(())
    })
    .context("not all cameras are live, or there are other viewers than the steady ones")
}

/// Least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let both: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    if spread > 0.0 { both / spread } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes of one process")]
fn as_f64(kb: u64) -> f64 {
    kb as f64
}

/// Whether a process runs; one that only waits to be reaped does not.
pub(super) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// The processes whose environment names this folder, after they had time to end.
pub(super) fn processes_of(folder: &Path) -> Vec<u32> {
    let needle = folder.as_os_str().as_bytes();
    let mut found = Vec::new();
    eventually(PATIENCE, || {
        found.clear();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if memchr::memmem::find(&environment, needle).is_some() && is_alive(pid) {
                found.push(pid);
            }
        }
        found.is_empty().then_some(())
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes() {
        let line: Vec<(f64, f64)> = (0..10)
            .map(|x| (f64::from(x), 7.0 + 3.0 * f64::from(x)))
            .collect();
        assert!((slope(&line) - 3.0).abs() < 1e-9);
        assert!(slope(&[(1.0, 5.0)]).abs() < 1e-9);
        assert!(slope(&[]).abs() < 1e-9);
    }

    #[test]
    fn this_process_runs() {
        assert!(is_alive(std::process::id()));
        assert!(0 < Held::look(std::process::id()).unwrap().descriptors);
    }
}

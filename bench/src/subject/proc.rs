//! What `/proc` says about another process: CPU time, memory, bytes written to disk.

use std::fs;

use anyhow::Context as _;

/// One tick of `/proc/PID/stat`: USER_HZ is 100 on every Linux we run on.
const TICK_NS: u64 = 10_000_000;

/// CPU time of a process at one moment.
///
/// `schedstat` is exact to the nanosecond but loses threads that have ended; `stat` keeps them and knows
/// only hundredths of a second. Both are read, and the difference tells which to believe.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    living_threads_ns: u64,
    whole_ns: u64,
}

impl Cpu {
    /// Reads both clocks.
    pub fn read(pid: u32) -> anyhow::Result<Self> {
        let mut living_threads_ns = 0;
        let tasks = format!("/proc/{pid}/task");
        for task in fs::read_dir(&tasks).with_context(|| format!("read {tasks}"))? {
            // A thread may end between listing and reading; then `whole_ns` has the truth.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split_ascii_whitespace().next();
            living_threads_ns += first.and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
        let stat = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&stat).with_context(|| format!("read {stat}"))?;
        Ok(Self {
            living_threads_ns,
            whole_ns: ticks(&text).context(stat)? * TICK_NS,
        })
    }

    /// CPU time used between the two moments.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        let fine = self
            .living_threads_ns
            .saturating_sub(earlier.living_threads_ns);
        let coarse = self.whole_ns.saturating_sub(earlier.whole_ns);
        // Two roundings, user and system, at both ends; without schedstat in the kernel, fine is 0.
        if fine.abs_diff(coarse) <= 4 * TICK_NS {
            fine
        } else {
            coarse
        }
    }
}

/// User and system time: fields 14 and 15, counted behind the name, which may contain anything.
fn ticks(stat: &str) -> Option<u64> {
    let behind_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// All resident pages, code included.
    pub rss_kb: u64,
    /// Heap, stacks: what the process made itself.
    pub anonymous_kb: u64,
}

/// Reads the resident memory of a process.
pub fn memory(pid: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    Ok(Memory {
        rss_kb: field(&text, "VmRSS:").context("VmRSS")?,
        anonymous_kb: field(&text, "RssAnon:").unwrap_or(0),
    })
}

/// The most resident memory it ever had.
pub fn peak_kb(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    field(&text, "VmHWM:").context("VmHWM")
}

/// Bytes this process caused to be written to a disk so far.
pub fn written_bytes(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/io");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    let written = field(&text, "write_bytes:").context("write_bytes")?;
    Ok(written.saturating_sub(field(&text, "cancelled_write_bytes:").unwrap_or(0)))
}

/// The processes this one started and did not yet bury.
pub fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        found.extend(
            text.split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    Ok(found)
}

/// How many descriptors it has open.
pub fn descriptors(pid: u32) -> anyhow::Result<usize> {
    entries(&format!("/proc/{pid}/fd"))
}

/// How many threads it has.
pub fn threads(pid: u32) -> anyhow::Result<usize> {
    entries(&format!("/proc/{pid}/task"))
}

fn entries(path: &str) -> anyhow::Result<usize> {
    Ok(fs::read_dir(path)
        .with_context(|| format!("read {path}"))?
        .count())
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_do_not_confuse() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 120 34 0 0 20 0 1 0 5 1 1";
        assert_eq!(ticks(stat), Some(154));
    }

    #[test]
    fn fields_by_name() {
        let text = "VmPeak:\t  9 kB\nVmRSS:\t  1234 kB\n";
        assert_eq!(field(text, "VmRSS:"), Some(1234));
        assert_eq!(field(text, "RssAnon:"), None);
    }

    #[test]
    fn ended_threads_are_not_lost() {
        let at = |living_threads_ns, whole_ns| Cpu {
            living_threads_ns,
            whole_ns,
        };
        let cases = [
            (at(1_000_005, 0), at(5, 0), 1_000_000),
            (at(7_000_000, 500_000_000), at(0, 0), 500_000_000),
            (
                at(0, 500_000_000),
                at(900_000_000, 100_000_000),
                400_000_000,
            ),
        ];
        for (later, earlier, expected) in cases {
            assert_eq!(later.since(earlier), expected);
        }
    }

    #[test]
    fn own_process_can_be_read() {
        let pid = std::process::id();
        let before = Cpu::read(pid).unwrap();
        assert!(Cpu::read(pid).unwrap().since(before) < 10_000_000_000);
        assert!(0 < memory(pid).unwrap().rss_kb);
    }
}

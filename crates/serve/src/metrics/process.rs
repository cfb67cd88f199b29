//! This process, as the system sees it, under the names that every Prometheus client uses.

use std::{fs, time::Duration};

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

/// What the system tells of this process; a part that it does not tell is `None`.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_s: f64,
    pub(super) resident_bytes: Option<u64>,
    pub(super) virtual_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) most_files: Option<u64>,
}

impl Process {
    /// Two small reads, and one line for each file that is open.
    pub(super) fn now() -> Self {
        let used = clock_gettime(ClockId::ProcessCPUTime);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let kib = |key| number(&status, key).and_then(|kib| kib.checked_mul(1024));
        // The listing itself is open too.
        let files = fs::read_dir("/proc/self/fd").map(|list| list.count().saturating_sub(1));
        Self {
            cpu_s: Duration::try_from(used).unwrap_or_default().as_secs_f64(),
            resident_bytes: kib("VmRSS:"),
            virtual_bytes: kib("VmSize:"),
            threads: number(&status, "Threads:"),
            open_files: files.ok().and_then(|count| u64::try_from(count).ok()),
            most_files: getrlimit(Resource::Nofile).current,
        }
    }
}

/// The number of a line like `Threads: 3` or `VmRSS: 123 kB`.
fn number(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_threads_and_files() {
        let process = Process::now();
        assert!(process.resident_bytes > Some(1 << 16));
        assert!(process.virtual_bytes >= process.resident_bytes);
        assert!(process.threads >= Some(1));
        assert!(process.open_files >= Some(3) && process.open_files < process.most_files);
        assert_eq!(number("VmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
        assert_eq!(number("VmRSS:\tmuch\n", "VmRSS:"), None);
    }
}

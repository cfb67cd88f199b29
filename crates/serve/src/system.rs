//! How busy the machine and this process are: processor, memory, disk. Counters, from which whoever asks twice makes rates.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use axum::{Json, extract::State};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use tokio::{task::spawn_blocking, time::timeout};
use utoipa::ToSchema;

use crate::{
    api::{resident_bytes, rfc3339},
    board::BoardView,
    state::App,
};

/// A disk that takes longer is not told of.
const PATIENCE: Duration = Duration::from_millis(500);

/// The machine and the process. Null is what the system does not tell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemView {
    /// Now.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    timestamp: String,
    /// Version of the server.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Seconds since the server started.
    uptime_s: f64,
    /// This process.
    process: ProcessView,
    /// All processors of the machine together.
    processor: Option<ProcessorView>,
    /// Memory of the machine.
    memory: Option<SpaceView>,
    /// The disk with the server's own files (`server.data_dir`).
    disk: Option<SpaceView>,
    /// Power and temperature of the board.
    board: Option<BoardView>,
}

/// What this process took; camera programs are processes of their own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessView {
    /// CPU time since the server started, in seconds; two in a second are two cores.
    cpu_s: f64,
    /// Memory in bytes (resident set); 0 where the system does not tell.
    resident_bytes: u64,
}

/// Time of all processors together, since the machine started. The busy part of what passed between two answers is the load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ProcessorView {
    /// Processors.
    cores: usize,
    /// Time in which they did something, in hundredths of a second.
    busy_cs: u64,
    /// All of it, idle time too.
    total_cs: u64,
}

/// Room, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct SpaceView {
    /// All of it.
    pub(crate) total_bytes: u64,
    /// What can still be taken.
    pub(crate) available_bytes: u64,
}

/// How busy the machine and the server are.
#[utoipa::path(get, path = "/api/v1/system", tag = "server", responses((status = 200, body = SystemView)))]
pub(crate) async fn system(State(app): State<App>) -> Json<SystemView> {
    // One small read each, of files that are no files.
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let cpu_s = Duration::try_from(used).unwrap_or_default().as_secs_f64();
    Json(SystemView {
        timestamp: rfc3339(SystemTime::now()),
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: app.started.elapsed().as_secs_f64(),
        process: ProcessView {
            cpu_s,
            resident_bytes: resident_bytes(),
        },
        processor: processor(&read("/proc/stat")),
        memory: memory_now(),
        disk: disk(app.in_force.load().config.data_dir.clone()).await,
        board: board::health().await.map(BoardView::from),
    })
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
fn processor(text: &str) -> Option<ProcessorView> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .take(8)
        .collect();
    let total_cs = ticks.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
    let idle = ticks.get(3)?.saturating_add(*ticks.get(4)?);
    let is_core = |line: &&str| {
        let number = line
            .strip_prefix("cpu")
            .and_then(|rest| rest.chars().next());
        number.is_some_and(|digit| digit.is_ascii_digit())
    };
    Some(ProcessorView {
        cores: text.lines().filter(is_core).count(),
        busy_cs: total_cs.saturating_sub(idle),
        total_cs,
    })
}

/// `/proc/meminfo`, in which kB are 1024 bytes.
fn memory(text: &str) -> Option<SpaceView> {
    let bytes = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    };
    Some(SpaceView {
        total_bytes: bytes("MemTotal:")?,
        available_bytes: bytes("MemAvailable:")?,
    })
}

/// Memory of the machine.
pub(crate) fn memory_now() -> Option<SpaceView> {
    memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

/// A disk that hangs holds one thread, however often it is asked about.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

pub(crate) async fn disk(folder: PathBuf) -> Option<SpaceView> {
    if IS_ASKED.swap(true, Relaxed) {
        return None;
    }
    let asked = spawn_blocking(move || {
        let room = room(&folder);
        IS_ASKED.store(false, Relaxed);
        room
    });
    timeout(PATIENCE, asked).await.ok()?.ok()?
}

/// The folder may not be there before there is something to keep: then the one that it will be made in.
fn room(folder: &Path) -> Option<SpaceView> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|path| path.exists())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(SpaceView {
        total_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        available_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_is_neither_idle_nor_waiting() {
        let text = "cpu  10 1 4 80 5 0 0 2 7 0\ncpu0 5 0 2 40 3 0 0 1 3 0\ncpu1 5 1 2 40 2 0 0 1 4 0\nctxt 1\n";
        let want = ProcessorView {
            cores: 2,
            busy_cs: 17,
            total_cs: 102,
        };
        assert_eq!(processor(text), Some(want));
        for text in [
            "",
            "cpu",
            "cpu  1 2 3\n",
            "intr 1 2 3 4 5\n",
            "cpu  a b c d e\n",
        ] {
            assert_eq!(processor(text), None, "{text:?}");
        }
    }

    #[test]
    fn memory_is_what_can_be_had() {
        let text = "MemTotal:         948280 kB\nMemFree:  1 kB\nMemAvailable:     502312 kB\n";
        let want = SpaceView {
            total_bytes: 948_280 * 1024,
            available_bytes: 502_312 * 1024,
        };
        assert_eq!(memory(text), Some(want));
        for text in [
            "",
            "MemTotal: 1 kB\n",
            "MemTotal: x kB\nMemAvailable: 1 kB\n",
        ] {
            assert_eq!(memory(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_disk_of_a_folder_that_is_yet_to_be_made() {
        let here = room(Path::new(".")).unwrap();
        assert!(0 < here.total_bytes && here.available_bytes <= here.total_bytes);
        let later = room(Path::new("not/there/yet")).unwrap();
        assert_eq!(later.total_bytes, here.total_bytes);
    }
}

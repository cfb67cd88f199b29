//! One simulated camera of the soak: how it is made to fail, and what follows from it.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};

use super::faults::{Deck, End, FAULTS, Fault, UNMENDED};
use super::steady::{Picture, Seen};
use super::{
    NO_FRAME_TIMEOUT_S, PATIENCE, RECOVERED_AFTER_S, RECOVERY, Shared, client, eventually,
    resources::is_alive,
};
use crate::clock::{monotonic_ns, pause};
use crate::subject::{camera_id, children};

const FRAMERATE: u32 = 5;

/// A camera program of its own, with files to control it.
#[derive(Debug)]
pub(super) struct Camera {
    pub(super) id: String,
    folder: PathBuf,
    starts: Mutex<Starts>,
    /// What its first steady viewer sees.
    pub(super) seen: Seen,
}

/// The log of its starts, as far as it was read.
#[derive(Debug, Default)]
struct Starts {
    pids: Vec<u32>,
    position: u64,
}

/// What followed from a fault.
#[derive(Debug)]
pub(super) struct Aftermath {
    /// From the fault's end to the first picture after it; none if nobody should have noticed.
    pub(super) recovery: Option<Duration>,
    /// The pictures were not back in time.
    pub(super) missed: bool,
    /// What was wrong with the incident.
    pub(super) incident: Option<String>,
}

impl Camera {
    /// Writes its files: a wrapper around the camera stand-in, since each camera needs an environment of its own.
    pub(super) fn prepare(index: usize, parent: &Path, program: &Path) -> anyhow::Result<Self> {
        let camera = Self {
            id: camera_id(index),
            folder: parent.join(camera_id(index)),
            starts: Mutex::default(),
            seen: Seen::default(),
        };
        fs::create_dir(&camera.folder).context("folder of a camera")?;
        File::create(camera.path("control")).context("control file")?;
        let set = |(name, value): (&str, String)| format!("export CAMERA_SIM_{name}='{value}'\n");
        let path = |name| camera.path(name).display().to_string();
        let environment: String = [
            ("LOCK_DIR", path("locks")),
            ("CONTROL", path("control")),
            ("NEXT_STARTS", path("next-starts")),
            ("LOG", path("starts")),
            ("START_MS", "300".to_owned()),
            ("STOP_MS", "100".to_owned()),
            ("FRAME_BYTES", "10000".to_owned()),
            ("CYCLE", "4".to_owned()),
            ("CAMERAS", "1".to_owned()),
        ]
        .into_iter()
        .map(set)
        .collect();
        let script = format!(
            "#!/bin/sh\n{environment}exec '{}' \"$@\"\n",
            program.display()
        );
        camera.install(&script)?;
        Ok(camera)
    }

    /// Puts its program there, all at once, as package managers do.
    fn install(&self, script: &str) -> anyhow::Result<()> {
        let new = self.path("camera.new");
        fs::write(&new, script)
            .and_then(|()| fs::set_permissions(&new, fs::Permissions::from_mode(0o755)))
            .and_then(|()| fs::rename(&new, self.path("camera")))
            .context("wrapper of a camera")
    }

    /// Its table in the server's configuration.
    pub(super) fn table(&self) -> String {
        format!(
            "[[camera]]\nid = {:?}\nsource = \"rpicam\"\nprogram = {:?}\nwidth = 320\nheight = 240\n\
             framerate = {FRAMERATE}\nno_frame_timeout_s = {NO_FRAME_TIMEOUT_S}\n\
             recovered_after_s = {RECOVERED_AFTER_S}\nmax_frame_bytes = 1000000\n\n",
            self.id,
            self.path("camera")
        )
    }

    /// Has it fail in the simplest way.
    pub(super) fn fail_once(&self, shared: &Shared) -> anyhow::Result<()> {
        eventually(PATIENCE, || self.seen.first_after(0)).context("no pictures at all")?;
        self.strike(shared, &FAULTS[0]).map(|_| ())
    }

    /// Has it fail in one way after the other.
    pub(super) fn fail(&self, shared: &Shared, mut deck: Deck) {
        // The server must have taken it for well again.
        let well = Duration::from_secs(RECOVERED_AFTER_S) + Duration::from_millis(500);
        let mut well_since_ns = monotonic_ns();
        while let Some(fault) = deck.next() {
            shared.rest(deck.rest());
            let well_ns = well_since_ns + nanoseconds(well);
            if eventually(PATIENCE * 2, || self.seen.first_after(well_ns)).is_none() {
                shared.complain(format!("{}: no pictures, and no fault", self.id));
            }
            if shared.is_over() {
                return;
            }
            let result = self.strike(shared, fault);
            well_since_ns = monotonic_ns();
            if let Err(error) = &result {
                shared.complain(format!("{}: {}: {error:#}", self.id, fault.name));
            }
            shared.outcome().record(fault.name, result.ok());
        }
    }

    /// One fault, from before it to after it.
    fn strike(&self, shared: &Shared, fault: &Fault) -> anyhow::Result<Aftermath> {
        let before = self.newest_incident(shared)?;
        let starts = self.starts();
        let struck_ns = monotonic_ns();
        let faulty_starts = match fault.end {
            End::Mended => 1000,
            _ => 1,
        };
        let next_starts = format!("{}\n", fault.next_start).repeat(faulty_starts);
        self.set_next_starts(next_starts.trim_start())?;
        self.say(fault.now)?;

        let mut missed = false;
        let mut recovery = None;
        match fault.end {
            End::Unnoticed => self.goes_on(struck_ns)?,
            End::InPlace(span) => {
                // Frame times are not exact.
                let least = span - Duration::from_millis(100);
                let gap = eventually(span + PATIENCE, || self.seen.gap_after(struck_ns, least));
                let (last, next) = gap.context("the camera did not fall silent, or for ever")?;
                recovery = Some(since(last.written_ns + nanoseconds(span), next));
            }
            End::Programs(count) => {
                let end_ns = self.wait_for_end(starts.len(), count)?;
                let next = eventually(RECOVERY + PATIENCE, || self.seen.first_after(end_ns));
                let next = next.context("no pictures after the fault's end")?;
                recovery = Some(since(end_ns, next));
            }
            End::Mended => {
                self.wait_for_end(starts.len(), 2)?;
                pause(UNMENDED);
                let tries = self.starts().len() - starts.len();
                ensure!(
                    tries == 1,
                    "tried {tries} times, although it cannot heal by itself"
                );
                self.set_next_starts("")?;
                let script = fs::read_to_string(self.path("camera")).context("wrapper")?;
                self.install(&script)?;
                let end_ns = monotonic_ns();
                let next = eventually(RECOVERY + PATIENCE, || self.seen.first_after(end_ns));
                let next = next.context("no pictures after it was mended")?;
                recovery = Some(since(end_ns, next));
            }
            End::AfterStart(span) => {
                let start = eventually(PATIENCE, || {
                    (starts.len() < self.starts().len()).then(monotonic_ns)
                });
                let start_ns = start.context("the camera was not started again")?;
                let next = eventually(span + PATIENCE, || self.seen.first_after(start_ns));
                let next = next.context("no pictures after the fault's end")?;
                recovery = Some(since(start_ns + nanoseconds(span), next));
            }
        }
        if let Some(recovery) = recovery
            && RECOVERY < recovery
        {
            missed = true;
            shared.complain(format!(
                "{}: {}: pictures only {recovery:.1?} after its end",
                self.id, fault.name
            ));
        }
        self.nothing_is_left(shared)?;
        if matches!(fault.end, End::Unnoticed | End::InPlace(_)) {
            ensure!(
                starts == self.starts(),
                "the camera was started again without need"
            );
        }
        let incident = self.look_at_incident(shared, before, fault.cause)?;
        if let Some(wrong) = &incident {
            shared.complain(format!("{}: {}: {wrong}", self.id, fault.name));
        }
        Ok(Aftermath {
            recovery,
            missed,
            incident,
        })
    }

    fn set_next_starts(&self, lines: &str) -> anyhow::Result<()> {
        fs::write(self.path("next-starts"), lines).context("faults of the next starts")
    }

    /// Has the running program read a line of faults.
    fn say(&self, line: &str) -> anyhow::Result<()> {
        let path = self.path("control");
        let mut file = File::options()
            .append(true)
            .open(&path)
            .context("control file")?;
        file.write_all(format!("{line}\n").as_bytes())
            .context("control file")?;
        let length = fs::metadata(&path)
            .context("control file")?
            .len()
            .to_string();
        let position = self.path("control.read-by-0");
        eventually(PATIENCE, || {
            let read = fs::read_to_string(&position).unwrap_or_default();
            (read == length).then_some(())
        })
        .context("the camera program did not read its control file")
    }

    /// Pictures go on for some seconds.
    fn goes_on(&self, struck_ns: u64) -> anyhow::Result<()> {
        let later_ns = struck_ns + 1_000_000_000;
        let wanted = usize::try_from(2 * FRAMERATE)?;
        eventually(PATIENCE, || {
            (wanted <= self.seen.count_after(later_ns)).then_some(())
        })
        .context("the pictures did not go on")
    }

    /// Waits for the end of the running program and of those that are started next, `count` in all; when that was.
    fn wait_for_end(&self, starts: usize, count: usize) -> anyhow::Result<u64> {
        let first = starts.saturating_sub(1);
        eventually(PATIENCE, || {
            let starts = self.starts();
            let faulty = starts.get(first..first + count)?;
            (!faulty.iter().any(|pid| is_alive(*pid))).then(monotonic_ns)
        })
        .with_context(|| format!("{count} programs did not end"))
    }

    /// The server has buried all programs but the one that runs.
    fn nothing_is_left(&self, shared: &Shared) -> anyhow::Result<()> {
        let mut starts = self.starts();
        starts.pop();
        eventually(PATIENCE, || {
            let children = children(shared.server_pid).ok()?;
            (!children.iter().any(|pid| starts.contains(pid))).then_some(())
        })
        .context("a program of an earlier start is still there")
    }

    /// None if the incident is as it should be.
    fn look_at_incident(
        &self,
        shared: &Shared,
        before: u64,
        cause: Option<&str>,
    ) -> anyhow::Result<Option<String>> {
        let Some(cause) = cause else {
            let now = self.newest_incident(shared)?;
            return Ok((now != before).then(|| "an incident that was none".to_owned()));
        };
        let ended = eventually(PATIENCE, || {
            let incidents = self.incidents(shared).ok()?;
            let newest = incidents.get(0)?;
            let previous = incidents.get(1).map_or(Some(0), |i| i["id"].as_u64());
            (newest["id"] != before && !newest["ended"].is_null())
                .then(|| (newest.clone(), previous))
        });
        let Some((incident, previous)) = ended else {
            return Ok(Some("no incident, or one that did not end".to_owned()));
        };
        // Numbers count over all cameras.
        if previous != Some(before) {
            return Ok(Some("more than one incident".to_owned()));
        }
        if incident["cause"] != cause {
            return Ok(Some(format!(
                "the cause was {}, {}, instead of {cause}",
                incident["cause"], incident["detail"]
            )));
        }
        Ok(None)
    }

    fn incidents(&self, shared: &Shared) -> anyhow::Result<serde_json::Value> {
        let path = format!("/api/v1/cameras/{}/incidents", self.id);
        let mut list = client::json(shared.address, &path)?;
        Ok(list["incidents"].take())
    }

    /// 0 before the first.
    fn newest_incident(&self, shared: &Shared) -> anyhow::Result<u64> {
        let incidents = self.incidents(shared)?;
        let Some(newest) = incidents.get(0) else {
            return Ok(0);
        };
        newest["id"]
            .as_u64()
            .ok_or_else(|| anyhow!("an incident without id"))
    }

    /// The process of each start so far, by the camera program's own account.
    fn starts(&self) -> Vec<u32> {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        // None before the first start.
        if let Ok(mut log) = File::open(self.path("starts")) {
            // A day has thousands of starts: only what is new is read. It comes in whole lines.
            let mut new = String::new();
            let read = log
                .seek(SeekFrom::Start(starts.position))
                .and_then(|_| log.read_to_string(&mut new));
            starts.position += u64::try_from(read.unwrap_or(0)).unwrap_or(0);
            let pids = new
                .lines()
                .filter_map(|line| line.split('\t').next()?.parse::<u32>().ok());
            starts.pids.extend(pids);
        }
        starts.pids.clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// From a time to a picture's arrival; none at all if the picture came first.
fn since(time_ns: u64, picture: Picture) -> Duration {
    Duration::from_nanos(picture.arrived_ns.saturating_sub(time_ns))
}

fn nanoseconds(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

//! Asks the board how it is: under-voltage and heat look like a broken camera.
//!
//! On a Raspberry Pi `vcgencmd` answers, elsewhere the kernel's files say what they can. Nobody waits long: a program
//! that hangs is killed and left alone for a while, and an answer serves everybody who asks within some seconds.

mod program;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use hub::{BoardHealth, Throttled};
use tokio::{sync::Mutex, task::spawn_blocking};
use tracing::warn;

use crate::program::Answer;

/// So old an answer still serves.
const FRESH: Duration = Duration::from_secs(5);
/// A program that hung is not asked for so long.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// There is one board, and one place that asks it.
static ASKED: Mutex<Asked> = Mutex::const_new(Asked::new());

#[derive(Debug)]
struct Asked {
    newest: Option<(Instant, Option<BoardHealth>)>,
    hung: Option<Instant>,
}

/// How the board is; `None` where nothing is known. Takes a second at the most.
pub async fn health() -> Option<BoardHealth> {
    ASKED.lock().await.health(&Places::default()).await
}

/// Where to look.
#[derive(Clone, Debug)]
struct Places {
    program: OsString,
    sys: PathBuf,
    /// How long the program may take.
    limit: Duration,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            program: "vcgencmd".into(),
            sys: "/sys".into(),
            limit: Duration::from_secs(1),
        }
    }
}

impl Asked {
    const fn new() -> Self {
        Self {
            newest: None,
            hung: None,
        }
    }

    async fn health(&mut self, places: &Places) -> Option<BoardHealth> {
        if let Some((at, health)) = self.newest
            && at.elapsed() < FRESH
        {
            return health;
        }
        let health = self.ask(places).await;
        self.newest = Some((Instant::now(), health));
        health
    }

    async fn ask(&mut self, places: &Places) -> Option<BoardHealth> {
        let mut health = BoardHealth::default();
        if self.hung.is_none_or(|at| at.elapsed() >= LEFT_ALONE) {
            let (power, heat) = tokio::join!(
                program::ask(&places.program, "get_throttled", places.limit),
                program::ask(&places.program, "measure_temp", places.limit)
            );
            if [&power, &heat].contains(&&Answer::Hung) {
                warn!(
                    "vcgencmd does not answer: it is left alone for {} s",
                    LEFT_ALONE.as_secs()
                );
                self.hung = Some(Instant::now());
            }
            health.throttled = power.text().and_then(throttled);
            health.temperature_c = heat.text().and_then(measured);
        }
        let sys = places.sys.clone();
        let files = spawn_blocking(move || from_files(&sys)).await;
        let files = files.unwrap_or_default();
        let health = BoardHealth {
            throttled: health.throttled.or(files.throttled),
            temperature_c: health.temperature_c.or(files.temperature_c),
        };
        (health != BoardHealth::default()).then_some(health)
    }
}

/// `throttled=0x50005`.
fn throttled(text: &str) -> Option<Throttled> {
    hexadecimal(text.trim().strip_prefix("throttled=")?)
}

fn hexadecimal(text: &str) -> Option<Throttled> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    u32::from_str_radix(digits, 16).ok().map(Throttled)
}

/// `temp=48.3'C`.
fn measured(text: &str) -> Option<f64> {
    let text = text.trim().strip_prefix("temp=")?.strip_suffix("'C")?;
    plausible(text.parse().ok()?)
}

fn plausible(celsius: f64) -> Option<f64> {
    (-60.0..=150.0).contains(&celsius).then_some(celsius)
}

/// What the kernel says: the firmware's word on a Pi, and the warmest thermal zone.
fn from_files(sys: &Path) -> BoardHealth {
    let read = |path: PathBuf| fs::read_to_string(path).ok();
    let word = read(sys.join("devices/platform/soc/soc:firmware/get_throttled"));
    let zones = fs::read_dir(sys.join("class/thermal"));
    let temperature_c = zones
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name();
            name.to_str()?.strip_prefix("thermal_zone")?;
            let millidegrees: i32 = read(entry.path().join("temp"))?.trim().parse().ok()?;
            plausible(f64::from(millidegrees) / 1000.0)
        })
        .max_by(f64::total_cmp);
    BoardHealth {
        throttled: word.as_deref().and_then(hexadecimal),
        temperature_c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::PermissionsExt as _, sync::Mutex};

    /// A process that is being started by one test holds the files that another one is writing, and a program that is
    /// open for writing cannot be run.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    fn check(
        script: Option<&str>,
        files: &[(&str, &str)],
        want: Option<(Option<u32>, Option<f64>)>,
    ) {
        let _alone = ONE_AT_A_TIME.lock();
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("vcgencmd");
        if let Some(script) = script {
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (name, text) in files {
            let path = dir.path().join("sys").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let places = Places {
            program: program.into(),
            sys: dir.path().join("sys"),
            // The answer is what is tested, and not the machine that runs the test.
            limit: Duration::from_secs(20),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let health = runtime.block_on(Asked::new().health(&places));
        let found = health.map(|h| (h.throttled.map(|t| t.0), h.temperature_c));
        assert_eq!(found, want, "{script:?} {files:?}");
    }

    const PI: &str = "case $1 in get_throttled) echo throttled=0x50005;; measure_temp) echo \"temp=48.3'C\";; esac";
    const FIRMWARE: &str = "devices/platform/soc/soc:firmware/get_throttled";

    #[test]
    fn the_program_is_asked_first_and_then_the_files() {
        check(Some(PI), &[], Some((Some(0x50005), Some(48.3))));
        check(
            Some(PI),
            &[
                (FIRMWARE, "0\n"),
                ("class/thermal/thermal_zone0/temp", "1000\n"),
            ],
            Some((Some(0x50005), Some(48.3))),
        );
        let files = [
            (FIRMWARE, "50000\n"),
            ("class/thermal/thermal_zone0/temp", "41000\n"),
            ("class/thermal/thermal_zone1/temp", "52312\n"),
            ("class/thermal/cooling_device0/temp", "99000\n"),
        ];
        check(None, &files, Some((Some(0x50000), Some(52.312))));
        check(None, &[], None);
    }

    #[test]
    fn nonsense_is_nothing() {
        for script in [
            "echo VCHI initialization failed; exit 255",
            "echo throttled=; echo",
            "echo \"temp=NaN'C\"",
            "echo \"temp=9999'C\"",
            "echo throttled=0x1ffffffff",
            "head -c 100000 /dev/zero",
            "exit 1",
        ] {
            check(Some(script), &[], None);
            check(Some(script), &[(FIRMWARE, "1")], Some((Some(1), None)));
        }
        check(
            None,
            &[
                (FIRMWARE, "no"),
                ("class/thermal/thermal_zone0/temp", "-274000"),
            ],
            None,
        );
    }

    #[test]
    fn a_program_that_hangs_is_killed_and_left_alone() {
        let _alone = ONE_AT_A_TIME.lock();
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("vcgencmd");
        let pids = dir.path().join("pids");
        // The shell has a child of its own.
        let script = format!(
            "#!/bin/sh\necho $$ >> {}\nsleep 1000; true\n",
            pids.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let places = Places {
            program: program.into(),
            sys: dir.path().to_owned(),
            limit: Duration::from_secs(1),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut asked = Asked::new();
        assert_eq!(runtime.block_on(asked.health(&places)), None);
        asked.newest = None;
        assert_eq!(runtime.block_on(asked.health(&places)), None);
        let pids = fs::read_to_string(pids).unwrap();
        assert!(
            pids.lines().count() <= 2,
            "asked for power and heat, once each"
        );
        for pid in pids.lines() {
            assert!(!Path::new("/proc").join(pid).exists(), "reaped");
        }
    }
}

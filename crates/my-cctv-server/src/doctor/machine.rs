//! The machine: kernel, container, memory, open files, clock, power.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit};

use super::{
    report::{Finding, Level},
    root::Root,
};

const MIB: u64 = 1 << 20;
/// With less, the server and a camera program are among the first that the kernel ends.
const LITTLE_MEMORY: u64 = 64 * MIB;
/// A Raspberry Pi slows down above this.
const HOT_C: f64 = 80.0;
/// Descriptors beside those of connections: cameras' pipes, files, what the runtime needs.
const OWN_FILES: u64 = 128;

pub(super) fn kernel() -> Finding {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let saw = format!(
        "{} {} on {}",
        text(name.sysname()),
        text(name.release()),
        text(name.machine())
    );
    Finding::ok("machine.kernel", saw)
}

pub(super) fn container(root: &Root) -> Finding {
    // A read-only container of Podman has a /run of its own, and no file in it: its first process was told.
    let told = || {
        let first = root.read("/proc/1/environ")?;
        let mut names = first.split('\0');
        names.find_map(|name| name.strip_prefix("container=").map(str::to_owned))
    };
    let named = root.read("/run/systemd/container").or_else(told);
    let named = named.map(|text| text.trim().to_owned());
    let kind = if root.at("/.dockerenv").exists() {
        Some("Docker".to_owned())
    } else if root.at("/run/.containerenv").exists() {
        Some("Podman".to_owned())
    } else {
        named.filter(|name| !name.is_empty())
    };
    match kind {
        Some(kind) => Finding::new(
            Level::Note,
            "machine.container",
            format!("this runs in a container ({kind})"),
        )
        .advise("cameras have to be handed in: --device, and the folder /run/udev, read-only"),
        None => Finding::ok("machine.container", "none"),
    }
}

pub(super) fn memory(root: &Root) -> Finding {
    let name = "machine.memory";
    let text = root.read("/proc/meminfo").unwrap_or_default();
    let bytes = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    let (Some(total), Some(available)) = (bytes("MemTotal:"), bytes("MemAvailable:")) else {
        return Finding::new(Level::Note, name, "the system does not tell");
    };
    let mut least = available;
    let mut saw = format!("{} of {} MiB are free", available / MIB, total / MIB);
    if let Some((limit, used)) = group_memory(root) {
        least = least.min(limit.saturating_sub(used));
        saw += &format!(
            "; this group of processes may take {} MiB, and has {}",
            limit / MIB,
            used / MIB
        );
    }
    if least < LITTLE_MEMORY {
        Finding::new(Level::Warn, name, saw)
            .advise("end other programs, choose smaller pictures, or give it more memory")
    } else {
        Finding::ok(name, saw)
    }
}

/// The tightest limit of the control groups this process is in, and what is taken of it.
fn group_memory(root: &Root) -> Option<(u64, u64)> {
    let groups = root.read("/proc/self/cgroup")?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |text: Option<String>| text?.trim().parse::<u64>().ok();
    Path::new(path)
        .ancestors()
        .filter_map(|group| {
            let folder = Path::new("/sys/fs/cgroup").join(group.strip_prefix("/").ok()?);
            let of = |file| number(root.read(folder.join(file).to_str()?));
            Some((of("memory.max")?, of("memory.current")?))
        })
        .min_by_key(|(limit, used)| limit.saturating_sub(*used))
}

/// The server raises the limit to the hard one.
pub(super) fn open_files(max_connections: usize) -> Finding {
    let name = "machine.files";
    let wanted = u64::try_from(max_connections).unwrap_or(u64::MAX) + OWN_FILES;
    let most = getrlimit(Resource::Nofile).maximum;
    match most {
        Some(most) if most < wanted => Finding::new(
            Level::Warn,
            name,
            format!("{most} files may be open; {max_connections} connections need {wanted}"),
        )
        .advise("raise LimitNOFILE of the service (`ulimit -Hn` in a shell), or lower `server.max_viewers`"),
        Some(most) => Finding::ok(name, format!("{most} may be open, {wanted} are enough")),
        None => Finding::ok(name, "any number may be open"),
    }
}

/// Whether it is later than what is known to have happened: these files were written.
pub(super) fn clock(root: &Root, now: SystemTime, written: &[PathBuf]) -> Finding {
    let name = "machine.clock";
    let newest = written
        .iter()
        .filter_map(|path| Some((fs::metadata(path).ok()?.modified().ok()?, path)))
        .max();
    let time = |time: SystemTime| {
        Timestamp::try_from(time).map_or_else(|_| "?".to_owned(), |it| format!("{it:.0}"))
    };
    let advice = "set it (`timedatectl`); a board without a battery needs the network for it (`timedatectl set-ntp true`)";
    if let Some((at, path)) = newest
        && now < at
    {
        let saw = format!(
            "it is {}, but {} was written at {}: the clock is late",
            time(now),
            path.display(),
            time(at)
        );
        return Finding::new(Level::Fail, name, saw).advise(advice);
    }
    let saw = format!("it is {}", time(now));
    if root.at("/run/systemd/timesync/synchronized").exists() {
        Finding::ok(name, saw + ", and the network agrees")
    } else {
        Finding::new(
            Level::Note,
            name,
            saw + "; whether the network agrees is not known here",
        )
        .advise("`timedatectl` tells")
    }
}

pub(super) async fn power() -> Vec<Finding> {
    let Some(health) = board::health().await else {
        return vec![Finding::new(
            Level::Note,
            "machine.power",
            "the board tells nothing of power and temperature",
        )];
    };
    let mut found = Vec::new();
    match (health.throttled, health.hint()) {
        (Some(word), Some(hint)) => {
            let (saw, advice) = hint.split_once(": ").unwrap_or((hint, ""));
            let is_now = word.now(hub::Limit::UnderVoltage);
            let level = if is_now { Level::Fail } else { Level::Warn };
            let saw = format!("{saw} (throttled={:#x})", word.0);
            found.push(Finding::new(level, "machine.power", saw).advise(advice));
        }
        (Some(word), None) => found.push(Finding::ok(
            "machine.power",
            format!(
                "no under-voltage since it was switched on (throttled={:#x})",
                word.0
            ),
        )),
        (None, _) => {}
    }
    if let Some(celsius) = health.temperature_c {
        let saw = format!("{celsius:.1} °C");
        found.push(if celsius < HOT_C {
            Finding::ok("machine.heat", saw)
        } else {
            Finding::new(Level::Warn, "machine.heat", saw)
                .advise("the board slows down: give it air, or a heat sink")
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let root = Root::new(dir.path().to_owned());
        (dir, root)
    }

    #[test]
    fn a_clock_before_what_was_written_is_late() {
        let (dir, root) = root(&[("a", ""), ("b", "")]);
        let files = ["a", "b", "missing"].map(|name| dir.path().join(name));
        let written = fs::metadata(&files[1]).unwrap().modified().unwrap();
        let at = |now| clock(&root, now, &files);
        let late = at(written - Duration::from_secs(3600));
        assert_eq!(late.level, Level::Fail);
        assert!(late.saw.contains("the clock is late"), "{}", late.saw);
        assert_eq!(
            at(written).level,
            Level::Note,
            "nobody says whether it is right"
        );
        fs::create_dir_all(root.at("/run/systemd/timesync")).unwrap();
        fs::write(root.at("/run/systemd/timesync/synchronized"), "").unwrap();
        assert_eq!(at(written).level, Level::Ok);
    }

    #[test]
    fn memory_is_what_the_machine_and_the_group_leave() {
        let machine = (
            "proc/meminfo",
            "MemTotal: 1048576 kB\nMemAvailable: 524288 kB\n",
        );
        let check = |files: &[(&str, &str)], level, words: &str| {
            let (_dir, root) = root(files);
            let found = memory(&root);
            assert_eq!(
                (found.level, found.saw.contains(words)),
                (level, true),
                "{found:?}"
            );
        };
        check(&[machine], Level::Ok, "512 of 1024 MiB");
        check(&[], Level::Note, "does not tell");
        check(
            &[("proc/meminfo", "MemTotal: 1 kB\nMemAvailable: 1 kB\n")],
            Level::Warn,
            "0 of 0",
        );
        let group = |max| {
            [
                machine,
                ("proc/self/cgroup", "0::/a.slice/b.service\n"),
                ("sys/fs/cgroup/a.slice/memory.max", max),
                ("sys/fs/cgroup/a.slice/memory.current", "1048576\n"),
                ("sys/fs/cgroup/a.slice/b.service/memory.max", "max\n"),
                ("sys/fs/cgroup/a.slice/b.service/memory.current", "1\n"),
            ]
        };
        check(
            &group("33554432\n"),
            Level::Warn,
            "may take 32 MiB, and has 1",
        );
        check(&group("134217728\n"), Level::Ok, "may take 128 MiB");
        check(&group("max\n"), Level::Ok, "512 of 1024 MiB are free");
    }

    #[test]
    fn a_container_is_named() {
        let name = |files: &[(&str, &str)]| container(&root(files).1).saw;
        assert_eq!(name(&[]), "none");
        assert!(name(&[(".dockerenv", "")]).contains("Docker"));
        assert!(name(&[("run/.containerenv", "")]).contains("Podman"));
        assert!(name(&[("run/systemd/container", "lxc\n")]).contains("lxc"));
        assert!(name(&[("proc/1/environ", "A=b\0container=podman\0")]).contains("podman"));
        assert_eq!(name(&[("proc/1/environ", "A=b\0HOME=/\0")]), "none");
    }
}

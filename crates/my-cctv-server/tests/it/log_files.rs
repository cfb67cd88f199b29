//! Log files of the running server over days: one for each, set aside when they are full, and gone when they are old or too
//! many.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::Value;

use crate::harness::{Client, Server, Setup, eventually};

const KIB: usize = 1 << 10;

/// A name as the server gives it to the file of the day so long ago, in UTC.
fn name(kind: &str, days_ago: i64, part: Option<u32>) -> String {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let day = today.checked_sub(days_ago.days()).unwrap();
    let part = part.map_or_else(String::new, |part| format!(".{part}"));
    format!("{kind}-{day}{part}.log")
}

/// Everything in a folder, with its length.
fn lengths(folder: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(folder).unwrap().map_while(Result::ok);
    entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            Some((name, entry.metadata().ok()?.len()))
        })
        .collect()
}

/// A folder as earlier runs of the server have left it.
fn left(setup: &Setup, files: &[(String, usize)]) -> PathBuf {
    let folder = setup.path("logs");
    fs::create_dir(&folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), vec![b'x'; *bytes]).unwrap();
    }
    folder
}

fn setup() -> Setup {
    Setup::with_source("test").env("CCTV_LOG__DIR", "logs")
}

/// Waits for a file of the running server that has this line.
fn has_line(server: &Server, path: &Path, message: &str) {
    eventually(&format!("`{message}` in {}", path.display()), || {
        let text = fs::read_to_string(path).ok()?;
        text.contains(message).then_some(())
    });
    assert!(server.get("/health").status == 200);
}

#[test]
fn what_is_older_than_it_may_be_is_gone_with_the_next_start_and_nothing_else() {
    let setup = setup().env("CCTV_LOG__MAX_AGE_DAYS", "7");
    // One day of grace: the test may run over midnight.
    let (old, young) = (9, 5);
    let mut files = Vec::new();
    for kind in ["combined", "error"] {
        for days in [old, young] {
            files.push((name(kind, days, None), 10));
            files.push((name(kind, days, Some(1)), 10));
        }
    }
    let strange = ["mine.log", "combined.log", "combined-2020-01-01.log.gz"];
    files.extend(strange.map(|name| (name.to_owned(), 10)));
    let folder = left(&setup, &files);
    // The day in the name counts, and not when somebody copied the file.
    let long_ago = SystemTime::now() - Duration::from_secs(365 * 24 * 3600);
    let is_young = folder.join(name("combined", young, None));
    fs::File::options()
        .append(true)
        .open(is_young)
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    let mut server = setup.start();
    let gone: Vec<_> = ["combined", "error"]
        .iter()
        .flat_map(|kind| [None, Some(1)].map(|part| name(kind, old, part)))
        .collect();
    eventually("old files to be gone", || {
        let left = lengths(&folder);
        // Those of errors go as well, although there was none today.
        (!gone.iter().any(|name| left.contains_key(name))).then_some(())
    });
    let left = lengths(&folder);
    for (name, _) in files.iter().filter(|(name, _)| !gone.contains(name)) {
        assert!(left.contains_key(name), "{name} is gone: {left:?}");
    }
    server.stop();
}

#[test]
fn a_file_that_is_full_is_set_aside_and_the_oldest_make_room() {
    // A tenth of a MiB each; the newest of an earlier run is nearly full.
    let setup = setup()
        .env("CCTV_LOG__MAX_SIZE_MB", "1")
        .env("CCTV_LOG__LEVEL", "info,serve=debug");
    let mut files: Vec<_> = (1..=8)
        .map(|part| (name("combined", 1, Some(part)), 100 * KIB))
        .collect();
    files.push(("mine.log".to_owned(), 3000 * KIB));
    let folder = left(&setup, &files);
    let mut server = setup.start();
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date().to_string();
    let parts = |left: &BTreeMap<String, u64>| {
        let is_part =
            |name: &&String| name.starts_with("combined-") && name.matches('.').count() == 2;
        let names = left.keys().filter(is_part);
        names.filter(|name| name.contains(&today)).count()
    };
    let left = eventually("files that were set aside", || {
        // A line of level debug about each.
        for _ in 0..50 {
            let answer = Client::new(server.address).raw(b"no HTTP at all\r\n\r\n");
            assert!(answer.starts_with(b"HTTP/1.1 400"));
        }
        let left = lengths(&folder);
        let ours = left.iter().filter(|(name, _)| name.as_str() != "mine.log");
        let sum: u64 = ours.map(|(_, bytes)| bytes).sum();
        assert!(sum <= (KIB * KIB) as u64, "{left:?}");
        (parts(&left) >= 1).then_some(left)
    });
    assert!(left.contains_key("mine.log"));
    assert!(
        !left.contains_key(&name("combined", 1, Some(1))),
        "{left:?}"
    );
    assert!(left.contains_key(&name("combined", 1, Some(8))), "{left:?}");
    server.stop();
    // Not a line is lost or torn where one file ends and the next begins.
    let mut ours: Vec<_> = lengths(&folder)
        .into_keys()
        .filter(|name| name.contains(&today))
        .collect();
    // The one without a number is the newest.
    ours.sort_by_key(|name| (name.matches('.').count() == 1, name.len(), name.clone()));
    let text: String = ours
        .iter()
        .map(|name| fs::read_to_string(folder.join(name)).unwrap())
        .collect();
    let log = server.log.to_end();
    let of_serve = |text: &str| -> Vec<Value> {
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["target"] == "serve::connection")
            .collect()
    };
    let (kept, said) = (of_serve(&text), of_serve(&log));
    assert!(
        !kept.is_empty() && kept == said,
        "{} of {} lines",
        kept.len(),
        said.len()
    );
}

#[test]
fn a_day_that_ends_while_it_runs_ends_its_file() {
    let Some(library) = fake_clock() else {
        panic!("libfaketime is missing: install the Debian package libfaketime");
    };
    // A machine with much to do may need longer than that to start.
    for lead_s in [3, 10, 30] {
        let setup = setup();
        let now = Timestamp::now();
        let midnight = name("combined", 0, None);
        let next = name("combined", -1, None);
        let offset_s = 24 * 3600 - now.as_second().rem_euclid(24 * 3600) - lead_s;
        let mut command = setup.serve();
        command
            .env("LD_PRELOAD", &library)
            .env("FAKETIME", format!("{offset_s:+}s"))
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        let folder = setup.path("logs");
        let mut server = setup.start_by(command);
        eventually("a file", || (!lengths(&folder).is_empty()).then_some(()));
        if !folder.join(&midnight).exists() {
            server.stop();
            continue;
        }
        let before = folder.join(&midnight);
        has_line(&server, &before, "\"listening\"");
        // Each makes a line; the first of the new day begins its file.
        let after = folder.join(&next);
        let end = std::time::Instant::now() + Duration::from_secs(lead_s.unsigned_abs());
        while std::time::Instant::now() < end {
            server.stream("/stream").part();
        }
        eventually("the file of the next day", || {
            server.stream("/stream").part();
            after.exists().then_some(())
        });
        has_line(&server, &after, "viewer");
        server.stop();
        for (path, day) in [(&before, &midnight), (&after, &next)] {
            let day = day.trim_start_matches("combined-").trim_end_matches(".log");
            for line in fs::read_to_string(path).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(
                    line["timestamp"].as_str().unwrap().starts_with(day),
                    "{line}"
                );
            }
        }
        assert_eq!(lengths(&folder).len(), 2);
        return;
    }
    panic!("the server does not start within 30 s");
}

/// The library that gives one program another time.
fn fake_clock() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.map_while(Result::ok);
    let mut places = folders.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    places.find(|path| path.is_file())
}

//! Files of a day each: `combined-2026-01-31.log` and, with the errors alone, `error-2026-01-31.log`; days are those of UTC, as
//! the times in the lines. A file that grows large is set aside as `combined-2026-01-31.1.log`.
//!
//! Written by a thread of its own, so that a slow card holds nobody up. Crates for this follow links, lose what another
//! program removes, or cannot say how many lines were lost.

use std::{
    cmp::Reverse,
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use rustix::fs::OFlags;
use tracing::{Level, warn};

use crate::Folder;

/// Lines, and bytes of them, that wait for the disk.
const MOST_LINES: usize = 4096;
const MOST_BYTES: usize = 1 << 20;
/// A disk that took nothing is tried again so often.
const AGAIN: Duration = Duration::from_secs(1);
/// How long the end of the server waits for the disk.
const FAREWELL: Duration = Duration::from_millis(500);
const COMBINED: &str = "combined";
const ERROR: &str = "error";

enum Order {
    Line(Level, Box<str>),
    End(SyncSender<()>),
}

/// The way to the thread that writes.
#[derive(Debug)]
pub(crate) struct Files {
    orders: SyncSender<Order>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Bytes on their way.
    waiting: AtomicUsize,
    lost: AtomicU64,
    /// Lost, and not yet spoken of.
    unsaid: AtomicU64,
    is_stuck: AtomicBool,
}

impl Counts {
    fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Relaxed);
        self.unsaid.fetch_add(lines, Relaxed);
    }
}

impl Files {
    pub(crate) fn start(folder: Folder) -> Arc<Self> {
        let (orders, receiver) = sync_channel(MOST_LINES);
        let counts = Arc::new(Counts::default());
        let writer = Writer::new(folder, counts.clone());
        let started = thread::Builder::new()
            .name("log files".to_owned())
            .spawn(move || writer.run(&receiver));
        // Without the thread nobody receives: every line is lost, and counted.
        counts.is_stuck.store(started.is_err(), Relaxed);
        Arc::new(Self { orders, counts })
    }

    /// Has a line written, if there is room on the way.
    pub(crate) fn take(&self, level: Level, line: &str) {
        let waiting = self.counts.waiting.fetch_add(line.len(), Relaxed);
        let has_room = waiting + line.len() <= MOST_BYTES;
        if !has_room
            || self
                .orders
                .try_send(Order::Line(level, line.into()))
                .is_err()
        {
            self.counts.waiting.fetch_sub(line.len(), Relaxed);
            self.counts.lose(1);
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        self.counts.lost.load(Relaxed)
    }

    pub(crate) fn is_losing(&self) -> bool {
        self.counts.is_stuck.load(Relaxed) || self.counts.unsaid.load(Relaxed) > 0
    }

    /// Returns when everything so far is written, or could not be.
    pub(crate) fn finish(&self) {
        let (done, is_done) = sync_channel(1);
        if self.orders.try_send(Order::End(done)).is_ok() {
            let _ = is_done.recv_timeout(FAREWELL);
        }
    }
}

struct Writer {
    folder: Folder,
    counts: Arc<Counts>,
    combined: Book,
    error: Book,
    /// The line that the disk did not take, and when it was tried last.
    held: Option<(Level, Box<str>, Instant)>,
}

impl Writer {
    fn new(folder: Folder, counts: Arc<Counts>) -> Self {
        Self {
            folder,
            counts,
            combined: Book::new(COMBINED),
            error: Book::new(ERROR),
            held: None,
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = if self.held.is_some() {
                orders.recv_timeout(AGAIN)
            } else {
                orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match order {
                Ok(Order::Line(level, line)) => {
                    self.counts.waiting.fetch_sub(line.len(), Relaxed);
                    self.take(level, line);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.try_again(Duration::ZERO);
                }
                Ok(Order::End(done)) => {
                    self.try_again(Duration::ZERO);
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, level: Level, line: Box<str>) {
        if !self.try_again(AGAIN) {
            return self.counts.lose(1);
        }
        if let Err(error) = self.write(level, &line, today()) {
            self.held = Some((level, line, Instant::now()));
            self.counts.is_stuck.store(true, Relaxed);
            let folder = self.folder.path.display();
            warn!(%error, %folder, "log lines cannot be written to files (`log.dir`); they are on stderr as before");
            return;
        }
        let lost = self.counts.unsaid.swap(0, Relaxed);
        if lost > 0 {
            warn!(
                lost,
                "log files are written again; these lines are missing in them"
            );
        }
    }

    /// Writes the line that is held, if it is time for that. False while there is one.
    fn try_again(&mut self, pause: Duration) -> bool {
        let Some((level, line, tried)) = self.held.take() else {
            return true;
        };
        if tried.elapsed() < pause || self.write(level, &line, today()).is_err() {
            let tried = if tried.elapsed() < pause {
                tried
            } else {
                Instant::now()
            };
            self.held = Some((level, line, tried));
            return false;
        }
        self.counts.is_stuck.store(false, Relaxed);
        let lost = self.counts.unsaid.swap(0, Relaxed);
        warn!(
            lost,
            "log files are written again; these lines are missing in them"
        );
        true
    }

    fn write(&mut self, level: Level, line: &str, day: Date) -> io::Result<()> {
        self.combined.write(&self.folder, line, day)?;
        if level == Level::ERROR {
            self.error.write(&self.folder, line, day)?;
        }
        Ok(())
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// The files of one kind.
#[derive(Debug)]
struct Book {
    kind: &'static str,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    path: PathBuf,
    day: Date,
    bytes: u64,
    place: (u64, u64),
}

impl Open {
    /// Whether it is still what stands there by its name.
    fn is_in_place(&self) -> bool {
        let there = fs::symlink_metadata(&self.path);
        there.is_ok_and(|there| (there.dev(), there.ino()) == self.place)
    }
}

impl Folder {
    /// A file that has so much is set aside.
    fn part(&self) -> u64 {
        (self.max_bytes / 10).clamp(16 << 10, 64 << 20)
    }
}

impl Book {
    fn new(kind: &'static str) -> Self {
        Self { kind, open: None }
    }

    fn write(&mut self, folder: &Folder, line: &str, day: Date) -> io::Result<()> {
        let text = format!("{line}\n");
        let more = text.len() as u64;
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.day != day || !open.is_in_place())
        {
            self.open = None;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin(folder, day)?,
        };
        if open.bytes > 0 && open.bytes + more > folder.part() {
            set_aside(folder, self.kind, &open)?;
            open = self.begin(folder, day)?;
        }
        if let Err(error) = open.file.write_all(text.as_bytes()) {
            // Half a line is none.
            let _ = open.file.set_len(open.bytes);
            return Err(error);
        }
        open.bytes += more;
        self.open = Some(open);
        Ok(())
    }

    fn begin(&self, folder: &Folder, day: Date) -> io::Result<Open> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder.path)?;
        prune(folder, day);
        let path = folder.path.join(Name::of(self.kind, day, None).to_string());
        // Neither a link nor a pipe that somebody has put there is followed or waited for.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .custom_flags(flags.bits().cast_signed())
            .open(&path)
            .map_err(|error| {
                let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
                if is_link {
                    refused(&path, "is a symbolic link")
                } else {
                    error
                }
            })?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(refused(&path, "is no file"));
        }
        if meta.nlink() > 1 {
            return Err(refused(&path, "has another name, too (a hard link)"));
        }
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(refused(&path, "belongs to another user"));
        }
        if meta.mode() & 0o177 != 0 {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(Open {
            place: (meta.dev(), meta.ino()),
            bytes: meta.len(),
            file,
            path,
            day,
        })
    }
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::other(format!(
        "{} {why}: not written to; remove it",
        path.display()
    ))
}

/// A name that is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    kind: &'static str,
    day: Date,
    part: Option<u32>,
}

impl Name {
    fn of(kind: &'static str, day: Date, part: Option<u32>) -> Self {
        Self { kind, day, part }
    }

    fn read(text: &str) -> Option<Self> {
        let text = text.strip_suffix(".log")?;
        let (kind, rest) = [COMBINED, ERROR].into_iter().find_map(|kind| {
            let rest = text.strip_prefix(kind)?.strip_prefix('-')?;
            Some((kind, rest))
        })?;
        let (day, part) = match rest.split_once('.') {
            Some((day, part)) => (day, Some(part.parse().ok()?)),
            None => (rest, None),
        };
        let name = Self::of(kind, day.parse().ok()?, part);
        (name.to_string().strip_suffix(".log") == Some(text)).then_some(name)
    }

    /// The one that is written to comes last.
    fn age(&self) -> impl Ord + use<> {
        (self.day, self.part.unwrap_or(u32::MAX))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, day, part } = self;
        match part {
            Some(part) => write!(f, "{kind}-{day}.{part}.log"),
            None => write!(f, "{kind}-{day}.log"),
        }
    }
}

/// Our files there are, with their lengths.
fn ours(folder: &Folder) -> io::Result<Vec<(Name, u64)>> {
    let mut list = Vec::new();
    for entry in fs::read_dir(&folder.path)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(name) = name.to_str().and_then(Name::read)
            && let Ok(meta) = entry.metadata()
        {
            list.push((name, meta.len()));
        }
    }
    Ok(list)
}

fn set_aside(folder: &Folder, kind: &'static str, open: &Open) -> io::Result<()> {
    let last = ours(folder)?
        .into_iter()
        .filter(|(name, _)| name.kind == kind && name.day == open.day)
        .filter_map(|(name, _)| name.part)
        .max();
    let aside = Name::of(kind, open.day, Some(last.unwrap_or(0).saturating_add(1)));
    fs::rename(&open.path, folder.path.join(aside.to_string()))
}

/// Removes what is too old, and the oldest of what is too much. There is always room for two files that are begun.
fn prune(folder: &Folder, day: Date) {
    let Ok(mut list) = ours(folder) else { return };
    list.sort_by_key(|(name, _)| Reverse(name.age()));
    let first = day
        .checked_sub(i64::from(folder.max_age_days).days())
        .unwrap_or(Date::MIN);
    let room = folder.max_bytes.saturating_sub(2 * folder.part());
    let mut sum = 0_u64;
    for (name, bytes) in list {
        sum = sum.saturating_add(bytes);
        let is_written_to = name.day == day && name.part.is_none();
        if !is_written_to && (name.day < first || sum > room) {
            let _ = fs::remove_file(folder.path.join(name.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::civil::date;

    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        writer: Writer,
        day: Date,
    }

    impl Bench {
        fn new(max_bytes: u64) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = Folder {
                path: dir.path().join("a/logs"),
                max_age_days: 7,
                max_bytes,
            };
            Self {
                dir,
                writer: Writer::new(folder, Arc::default()),
                day: date(2026, 1, 31),
            }
        }

        fn write(&mut self, line: &str) -> io::Result<()> {
            self.writer.write(Level::INFO, line, self.day)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join("a/logs").join(name)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let list = ours(&self.writer.folder).unwrap();
            let mut names: Vec<_> = list.iter().map(|(name, _)| name.to_string()).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_file_for_each_day_and_errors_apart() {
        let mut bench = Bench::new(1 << 20);
        bench.write("one").unwrap();
        bench.writer.write(Level::ERROR, "two", bench.day).unwrap();
        bench.day = date(2026, 2, 1);
        bench.write("three").unwrap();
        assert_eq!(bench.read("combined-2026-01-31.log"), "one\ntwo\n");
        assert_eq!(bench.read("error-2026-01-31.log"), "two\n");
        assert_eq!(bench.read("combined-2026-02-01.log"), "three\n");
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(bench.path("")), 0o700);
        assert_eq!(mode(bench.path("error-2026-01-31.log")), 0o600);
    }

    #[test]
    fn what_is_old_or_too_much_goes_and_nothing_else() {
        let mut bench = Bench::new(200 << 10);
        bench.write("first").unwrap();
        for name in [
            "combined-2026-01-23.log",
            "combined-2026-01-24.log",
            "mine.log",
        ] {
            fs::write(bench.path(name), "x").unwrap();
        }
        let line = "x".repeat(1000);
        for _ in 0..1000 {
            bench.write(&line).unwrap();
            let sum: u64 = ours(&bench.writer.folder)
                .unwrap()
                .iter()
                .map(|it| it.1)
                .sum();
            assert!(sum <= 200 << 10, "{sum}");
        }
        let names = bench.names();
        assert!(names.contains(&"combined-2026-01-31.log".to_owned()));
        assert!(!names.contains(&"combined-2026-01-23.log".to_owned()));
        assert!(
            !names.contains(&"combined-2026-01-31.1.log".to_owned()),
            "{names:?}"
        );
        assert!(names.len() > 5, "{names:?}");
        bench.day = date(2026, 2, 10);
        bench.write("much later").unwrap();
        assert_eq!(bench.names(), ["combined-2026-02-10.log"]);
        assert!(bench.path("mine.log").exists());
    }

    #[test]
    fn what_another_program_does_to_the_files() {
        let mut bench = Bench::new(1 << 20);
        let name = "combined-2026-01-31.log";
        bench.write("one").unwrap();
        fs::remove_file(bench.path(name)).unwrap();
        bench.write("two").unwrap();
        assert_eq!(bench.read(name), "two\n");
        fs::rename(bench.path(name), bench.path("moved")).unwrap();
        bench.write("three").unwrap();
        assert_eq!(
            (bench.read(name).as_str(), bench.read("moved").as_str()),
            ("three\n", "two\n")
        );
        fs::remove_dir_all(bench.path("")).unwrap();
        bench.write("four").unwrap();
        assert_eq!(bench.read(name), "four\n");
    }

    #[test]
    fn what_somebody_has_put_there_is_not_written_to() {
        let mut bench = Bench::new(1 << 20);
        bench.write("one").unwrap();
        let path = bench.path("combined-2026-01-31.log");
        let target = bench.dir.path().join("target");
        fs::write(&target, "untouched").unwrap();
        for plant in [
            |target: &Path, path: &Path| symlink(target, path),
            |target: &Path, path: &Path| fs::hard_link(target, path),
            |_: &Path, path: &Path| fs::create_dir(path),
        ] {
            fs::remove_file(&path).unwrap();
            plant(&target, &path).unwrap();
            bench.write("two").unwrap_err();
            assert_eq!(fs::read_to_string(&target).unwrap(), "untouched");
            if path.is_dir() {
                fs::remove_dir(&path).unwrap();
            } else {
                fs::remove_file(&path).unwrap();
            }
            bench.write("three").unwrap();
            assert_eq!(bench.read("combined-2026-01-31.log"), "three\n");
        }
    }

    #[test]
    fn names_that_are_ours() {
        for name in ["combined-2026-01-31.log", "error-2026-01-31.12.log"] {
            assert_eq!(Name::read(name).unwrap().to_string(), name);
        }
        for name in [
            "combined-2026-1-31.log",
            "error-2026-01-31.x.log",
            "error-2026-02-31.log",
            "combined-2026-01-31.01.log",
            "other-2026-01-31.log",
            "combined.log",
        ] {
            assert_eq!(Name::read(name), None, "{name}");
        }
    }
}

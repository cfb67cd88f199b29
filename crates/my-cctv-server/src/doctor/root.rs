//! The system as its files show it: which processes there are, what they have open, and what they have locked.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Where `/dev`, `/proc`, `/sys` and `/run` are.
#[derive(Clone, Debug)]
pub(super) struct Root(PathBuf);

/// A process by its number, and by the name it gave itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) name: String,
}

/// One that has something open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) process: Process,
    pub(super) paths: Vec<PathBuf>,
    /// It has a lock on one of them, as libcamera does on a camera in use.
    pub(super) has_locked: bool,
}

impl Root {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where this absolute path is.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    /// What is in a folder, in order; nothing where there is none.
    pub(super) fn list(&self, path: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.at(path)).into_iter().flatten();
        let mut paths: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
        paths.sort_unstable();
        paths
    }

    pub(super) fn processes(&self) -> Vec<Process> {
        let pids = self.list("/proc").into_iter().filter_map(|path| {
            let pid: i32 = path.file_name()?.to_str()?.parse().ok()?;
            Some(pid)
        });
        pids.filter_map(|pid| self.process(pid)).collect()
    }

    pub(super) fn process(&self, pid: i32) -> Option<Process> {
        let name = self.read(&format!("/proc/{pid}/comm"))?;
        let name = name.trim().to_owned();
        Some(Process { pid, name })
    }

    /// The one that started it.
    pub(super) fn parent(&self, pid: i32) -> Option<Process> {
        let stat = self.read(&format!("/proc/{pid}/stat"))?;
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        self.process(parent)
    }

    /// Who has one of these open: files, or sockets as `socket:[number]`. Of other users' processes only root sees that.
    pub(super) fn holders(&self, paths: &BTreeSet<PathBuf>) -> Vec<Holder> {
        if paths.is_empty() {
            return Vec::new();
        }
        let locked = self.locks();
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let others = self.processes().into_iter().filter(|it| it.pid != own);
        others
            .filter_map(|process| {
                let open: BTreeSet<PathBuf> = self
                    .list(&format!("/proc/{}/fd", process.pid))
                    .into_iter()
                    .filter_map(|link| fs::read_link(link).ok())
                    .filter(|target| paths.contains(target))
                    .collect();
                let pid = process.pid;
                let is_locked = |path: &PathBuf| {
                    let inode = fs::metadata(path).ok().map(|meta| meta.ino());
                    inode.is_some_and(|inode| locked.contains(&(pid, inode)))
                };
                (!open.is_empty()).then(|| Holder {
                    has_locked: open.iter().any(is_locked),
                    paths: open.into_iter().collect(),
                    process,
                })
            })
            .collect()
    }

    /// Process and inode of every lock on a file: `1: POSIX  ADVISORY  WRITE 1234 08:01:131 0 EOF`.
    fn locks(&self) -> BTreeSet<(i32, u64)> {
        let text = self.read("/proc/locks").unwrap_or_default();
        let lock = |line: &str| {
            let mut words = line.split_whitespace().skip(4);
            let pid = words.next()?.parse().ok()?;
            let inode = words.next()?.rsplit(':').next()?.parse().ok()?;
            Some((pid, inode))
        };
        text.lines().filter_map(lock).collect()
    }

    /// The sockets that listen on a TCP port, as they are among a process's open files.
    pub(super) fn listening_on(&self, port: u16) -> BTreeSet<PathBuf> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let text: String = tables.iter().filter_map(|it| self.read(it)).collect();
        let socket = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            let (_, local) = words.next()?.rsplit_once(':')?;
            let is_listening = words.nth(1)? == "0A";
            let inode = words.nth(5)?;
            let is_it = is_listening && u16::from_str_radix(local, 16) == Ok(port);
            is_it.then(|| PathBuf::from(format!("socket:[{inode}]")))
        };
        text.lines().filter_map(socket).collect()
    }
}

/// The paths for a message, without the folders.
pub(super) fn names(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Path::new(name).display().to_string()
    };
    paths.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_real_listener_is_found_by_its_port() {
        let root = Root::new("/".into());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let sockets = root.listening_on(port);
        assert_eq!(sockets.len(), 1, "{sockets:?}");
        let own = fs::read_dir("/proc/self/fd").unwrap();
        let mut own = own.filter_map(|it| fs::read_link(it.unwrap().path()).ok());
        assert!(own.any(|target| sockets.contains(&target)));
        drop(listener);
        assert!(root.listening_on(port).is_empty());
    }

    #[test]
    fn a_machine_that_shows_nothing_has_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_owned());
        let anything = BTreeSet::from(["/dev/media0".into()]);
        assert_eq!(
            (root.processes(), root.holders(&anything)),
            (vec![], vec![])
        );
        fs::create_dir_all(dir.path().join("proc/net")).unwrap();
        for (name, text) in [
            ("locks", "1: POSIX\nx\n"),
            ("net/tcp", "sl\n 0: 0:0BB8 x\n"),
        ] {
            fs::write(dir.path().join("proc").join(name), text).unwrap();
        }
        assert!(root.locks().is_empty() && root.listening_on(3000).is_empty());
    }
}

//! What a camera needs around it: device nodes, its program, its file. When that changes, somebody may have put right
//! what was wrong.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{Settings, SourceSpec, program, rpicam};

/// More than any board has.
const NODES: usize = 256;

/// Where to look for one camera.
#[derive(Clone, Debug)]
pub struct Surroundings {
    dev: PathBuf,
    /// Names below `dev`, by how they begin.
    nodes: &'static [&'static str],
    /// Programs by name, in the path.
    programs: &'static [&'static str],
    files: Vec<PathBuf>,
}

/// How it looks around a camera. Two that are equal give no reason to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View(Vec<(PathBuf, Option<Look>)>);

/// What of a file can make the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    mode: u32,
    owner: (u32, u32),
    device: u64,
    /// Size and time of the last change; of a device node they say nothing.
    content: Option<(u64, u64, i64, i64)>,
}

impl Look {
    fn of(meta: &Metadata) -> Self {
        let has_content = meta.is_file() || meta.is_dir();
        Self {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            device: meta.rdev(),
            content: has_content
                .then(|| (meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec())),
        }
    }
}

impl Surroundings {
    /// What the camera with these settings depends on; nothing, if that lies on the network.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        const FFMPEG: &[&str] = &["ffmpeg"];
        const BOARD: &[&str] = &["video", "media", "dma_heap"];
        let (nodes, mut programs, file): (_, &'static [_], _) = match &settings.spec {
            SourceSpec::Auto | SourceSpec::RpicamThroughFfmpeg => {
                (BOARD, &["rpicam-vid", "libcamera-vid", "ffmpeg"], None)
            }
            SourceSpec::Rpicam { .. } | SourceSpec::RpicamById { .. } => {
                (BOARD, &rpicam::PROGRAMS, None)
            }
            SourceSpec::V4l2 { device } => (&[][..], FFMPEG, Some(device.clone())),
            SourceSpec::File { path } => (&[][..], FFMPEG, Some(path.clone())),
            _ => (&[][..], &[], None),
        };
        if settings.program.is_some() && programs == rpicam::PROGRAMS {
            programs = &[];
        }
        Self {
            dev: "/dev".into(),
            nodes,
            programs,
            files: file.into_iter().chain(settings.program.clone()).collect(),
        }
    }

    /// Whether there is anything to look at.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.programs.is_empty() && self.files.is_empty()
    }

    /// Looks, which takes some system calls; a file on a network that is gone may keep them waiting.
    #[must_use]
    pub fn look(&self) -> View {
        let programs = self
            .programs
            .iter()
            .filter_map(|name| program::find(&[name]));
        let mut paths: Vec<PathBuf> = self
            .nodes()
            .into_iter()
            .chain(programs)
            .chain(self.files.iter().cloned())
            .collect();
        paths.sort_unstable();
        paths.dedup();
        let look = |path: &Path| fs::metadata(path).ok().map(|meta| Look::of(&meta));
        View(
            paths
                .into_iter()
                .map(|path| {
                    let look = look(&path);
                    (path, look)
                })
                .collect(),
        )
    }

    fn nodes(&self) -> Vec<PathBuf> {
        if self.nodes.is_empty() {
            return Vec::new();
        }
        let below = |dir: &Path| {
            let entries = fs::read_dir(dir).into_iter().flatten();
            entries
                .filter_map(|entry| Some(entry.ok()?.path()))
                .collect::<Vec<_>>()
        };
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| self.nodes.iter().any(|begin| name.starts_with(begin)))
        };
        let mut nodes: Vec<PathBuf> = below(&self.dev).into_iter().filter(is_ours).collect();
        // The heaps that the camera's buffers come from.
        nodes.extend(below(&self.dev.join("dma_heap")));
        nodes.sort_unstable();
        nodes.truncate(NODES);
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn settings(spec: SourceSpec, program: Option<PathBuf>) -> Settings {
        Settings {
            name: "Door".into(),
            spec,
            program,
            width_px: 640,
            height_px: 480,
            framerate: 20.0,
            quality: 85,
            max_frame_bytes: 8 << 20,
            controls: control::ControlSet::default(),
        }
    }

    #[test]
    fn what_a_camera_needs_makes_the_difference_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let program = at("rpicam-vid");
        fs::write(&program, "1").unwrap();
        fs::create_dir(at("dma_heap")).unwrap();
        let spec = SourceSpec::Rpicam { index: None };
        let around = Surroundings {
            dev: dir.path().to_owned(),
            ..Surroundings::of(&settings(spec, Some(program.clone())))
        };
        let mut before = around.look();
        let mut check = |what: &str, makes_a_difference: bool, change: &dyn Fn()| {
            change();
            let now = around.look();
            assert_eq!(now != before, makes_a_difference, "{what}");
            before = now;
        };
        let mode = |name: &str, mode| {
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        check("nothing", false, &|| {});
        check("another device", false, &|| {
            fs::write(at("tty1"), "").unwrap()
        });
        check("a node", true, &|| fs::write(at("video0"), "").unwrap());
        check("its mode", true, &|| mode("video0", 0o600));
        check("a heap", true, &|| {
            fs::write(at("dma_heap/linux,cma"), "").unwrap();
        });
        check("its mode", true, &|| mode("dma_heap/linux,cma", 0o600));
        check("a media node", true, &|| {
            fs::write(at("media3"), "").unwrap()
        });
        check("its end", true, &|| fs::remove_file(at("media3")).unwrap());
        check("the program", true, &|| fs::write(&program, "22").unwrap());
        check("its mode", true, &|| mode("rpicam-vid", 0o755));
        check("its end", true, &|| fs::remove_file(&program).unwrap());
        check("nothing", false, &|| {});
    }

    #[test]
    fn a_file_is_looked_at_and_the_network_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mjpeg");
        let around = Surroundings::of(&settings(SourceSpec::File { path: path.clone() }, None));
        let missing = around.look();
        fs::write(&path, "1").unwrap();
        let there = around.look();
        assert_ne!(missing, there);
        assert_eq!(there, around.look());
        let http = "http://192.168.1.9/mjpeg".parse().unwrap();
        assert!(Surroundings::of(&settings(http, None)).is_empty());
        // What a device node was last used at says nothing about it.
        let null = Path::new("/dev/null").metadata().unwrap();
        assert_eq!(Look::of(&null).content, None);
    }
}

//! Cameras: their programs, which are there, who has them, and who may open them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use camera::{Failure, Found, Kind, Place, SourceSpec};
use pipeline::Camera;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::{
    report::{Finding, Level},
    root::{Holder, Root, names},
};

const CAMERA_PROGRAMS: [&str; 2] = ["rpicam-vid", "libcamera-vid"];
/// How long a camera has for its first picture.
const TRY: Duration = Duration::from_secs(20);
/// They look at every camera and take none.
const ONLOOKERS: [&str; 2] = ["wireplumber", "pipewire"];
const SERVER: &str = "my-cctv-server";

/// How much a thing is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    No,
    Perhaps,
    Yes,
}

impl Need {
    fn without_it(self) -> Level {
        match self {
            Self::No => Level::Note,
            Self::Perhaps => Level::Warn,
            Self::Yes => Level::Fail,
        }
    }
}

fn need(cameras: &[Camera], of: impl Fn(&SourceSpec) -> Need) -> Need {
    let needs = cameras.iter().map(|camera| of(&camera.settings.spec));
    needs.max().unwrap_or(Need::No)
}

/// Whether cameras of the board are asked for.
fn need_of_board(cameras: &[Camera]) -> Need {
    need(cameras, |spec| match spec {
        SourceSpec::Rpicam { .. }
        | SourceSpec::RpicamById { .. }
        | SourceSpec::RpicamThroughFfmpeg => Need::Yes,
        _ => Need::No,
    })
}

pub(super) async fn programs(cameras: &[Camera]) -> Vec<Finding> {
    let own: BTreeSet<_> = cameras
        .iter()
        .filter_map(|camera| camera.settings.program.clone())
        .collect();
    let mut found = Vec::new();
    match camera::find_program(&CAMERA_PROGRAMS) {
        Some(program) => found.push(version("programs.camera", &program, "--version").await),
        None if own.is_empty() => found.push(
            Finding::new(
                need_of_board(cameras).without_it(),
                "programs.camera",
                "neither rpicam-vid nor libcamera-vid is installed",
            )
            .advise(
                "for a camera on a Raspberry Pi: apt install rpicam-apps-lite, or set `program`",
            ),
        ),
        None => {}
    }
    for program in own {
        found.push(version("programs.camera", &program, "--version").await);
    }
    let wanted = need(cameras, |spec| match spec {
        SourceSpec::RpicamThroughFfmpeg | SourceSpec::V4l2 { .. } => Need::Yes,
        SourceSpec::Rtsp(_) | SourceSpec::File { .. } => Need::Perhaps,
        _ => Need::No,
    });
    match camera::find_program(&["ffmpeg"]) {
        Some(program) => found.push(version("programs.ffmpeg", &program, "-version").await),
        None => found.push(
            Finding::new(
                wanted.without_it(),
                "programs.ffmpeg",
                "ffmpeg is not installed",
            )
            .advise("apt install ffmpeg: USB cameras, H.264 and H.265 need it"),
        ),
    }
    found
}

async fn version(name: &'static str, program: &Path, option: &str) -> Finding {
    let path = program.display();
    match camera::version_of(program, option).await {
        Ok(line) => Finding::ok(name, format!("{path}: {line}")),
        Err(failure) => trouble(Level::Fail, name, &failure),
    }
}

fn trouble(level: Level, name: &'static str, failure: &Failure) -> Finding {
    let sentence = failure.sentence(camera::Language::English);
    Finding::new(level, name, format!("{sentence} ({})", failure.detail)).advise(failure.advice())
}

/// Which cameras there are, and whether those of the configuration are among them. None is started.
pub(super) async fn present(cameras: &[Camera]) -> Vec<Finding> {
    let program = cameras.iter().find_map(|it| it.settings.program.clone());
    let (list, troubles) = camera::discover(program).await;
    let wanted = need_of_board(cameras);
    let mut found: Vec<_> = troubles
        .iter()
        // Said of the programs already.
        .filter(|failure| failure.kind != Kind::ProgramMissing)
        .map(|failure| trouble(wanted.without_it(), "cameras.found", failure))
        .collect();
    found.extend(list.iter().map(|camera| {
        let place = match camera.place {
            Place::Board(place) => format!("on the board, place {place}"),
            Place::Usb => "on USB".to_owned(),
        };
        let saw = format!("{} {place}: `source = \"{}\"`", camera.name, camera.source);
        Finding::ok("cameras.found", saw)
    }));
    if found.is_empty() {
        found.push(
            Finding::new(
                wanted.without_it(),
                "cameras.found",
                "none on the board, none on USB",
            )
            .advise("check the cable at both ends with the power off"),
        );
    }
    for camera in cameras {
        let finding = configured(camera, &list).await;
        found.push(finding.of_camera(&camera.id));
    }
    found
}

async fn configured(camera: &Camera, list: &[Found]) -> Finding {
    let name = "cameras.configured";
    let spec = &camera.settings.spec;
    let on_board = |place: u8| list.iter().any(|it| it.place == Place::Board(place));
    let missing = |saw: String| {
        Finding::new(Level::Fail, name, saw).advise(
            "check its cable with the power off, or set `source` to one of those that were found",
        )
    };
    match spec {
        SourceSpec::Auto if list.is_empty() => Finding::new(
            Level::Warn,
            name,
            "auto finds no camera: the test pattern is shown",
        )
        .advise("connect a camera, or set `source`"),
        SourceSpec::Auto | SourceSpec::Test => Finding::ok(name, spec.to_string()),
        SourceSpec::Rpicam { index } if !on_board(index.unwrap_or(0)) => {
            missing(format!("{spec} is not there"))
        }
        SourceSpec::RpicamThroughFfmpeg if !on_board(0) => {
            missing("there is no camera on the board".to_owned())
        }
        SourceSpec::RpicamById { .. } if list.iter().all(|it| it.source != spec.to_string()) => {
            missing(format!("{spec} is not there"))
        }
        SourceSpec::V4l2 { device } => match may_open(device, Access::READ_OK | Access::WRITE_OK) {
            Ok(()) => Finding::ok(name, spec.to_string()),
            Err(error) => missing(format!("{spec}: {error}")),
        },
        SourceSpec::File { path } => match may_open(path, Access::READ_OK) {
            Ok(()) => Finding::ok(name, spec.to_string()),
            Err(error) => Finding::new(Level::Fail, name, format!("{spec}: {error}"))
                .advise("check the path and its permissions"),
        },
        _ => match camera::reach(spec).await {
            None => Finding::ok(name, spec.to_string()),
            Some(Ok(())) => Finding::ok(name, format!("{spec} can be connected to")),
            Some(Err(error)) => Finding::new(Level::Fail, name, format!("{spec}: {error}"))
                .advise("check the camera's address, power and network"),
        },
    }
}

fn may_open(path: &Path, access: Access) -> rustix::io::Result<()> {
    accessat(CWD, path, access, AtFlags::EACCESS)
}

/// The nodes a camera is used by.
fn nodes(root: &Root, begins: &[&str]) -> Vec<PathBuf> {
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| begins.iter().any(|begin| name.starts_with(begin)))
    };
    root.list("/dev").into_iter().filter(is_ours).collect()
}

/// Whether the devices may be opened by whoever asks.
pub(super) fn rights(root: &Root, cameras: &[Camera]) -> Finding {
    let name = "cameras.rights";
    let mut devices = nodes(root, &["video", "media"]);
    devices.extend(root.list("/dev/dma_heap"));
    if devices.is_empty() {
        return Finding::new(Level::Note, name, "there are no video devices in /dev");
    }
    let wanted = need(cameras, |spec| match spec {
        SourceSpec::Rpicam { .. }
        | SourceSpec::RpicamById { .. }
        | SourceSpec::RpicamThroughFfmpeg
        | SourceSpec::V4l2 { .. } => Need::Yes,
        SourceSpec::Auto => Need::Perhaps,
        _ => Need::No,
    });
    let mut closed = BTreeMap::<u32, Vec<PathBuf>>::new();
    for device in &devices {
        if may_open(device, Access::READ_OK | Access::WRITE_OK).is_err() {
            let group = fs::metadata(device).map_or(u32::MAX, |meta| meta.gid());
            closed.entry(group).or_default().push(device.clone());
        }
    }
    if closed.is_empty() {
        let saw = format!("{} video devices may be opened", devices.len());
        return if rustix::process::geteuid().is_root() {
            Finding::ok(name, saw + ", by root")
                .advise("the server has a user of its own: ask as that one (`sudo -u USER my-cctv-server doctor`)")
        } else {
            Finding::ok(name, saw)
        };
    }
    let groups: Vec<_> = closed.keys().map(|gid| group(root, *gid)).collect();
    let closed: Vec<_> = closed.into_values().flatten().collect();
    let saw = format!("this user may not open {}", names(&closed));
    let (of_root, groups): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group == "root");
    let mut advice = Vec::new();
    if !groups.is_empty() {
        let groups = groups.join(",");
        advice.push(format!(
            "`sudo usermod -aG {groups} USER`, and start the server anew"
        ));
    }
    if !of_root.is_empty() {
        advice.push(
            "what belongs to root alone, the udev rules of rpicam-apps give to the group `video`"
                .to_owned(),
        );
    }
    Finding::new(wanted.without_it(), name, saw).advise(advice.join("; "))
}

fn group(root: &Root, gid: u32) -> String {
    let text = root.read("/etc/group").unwrap_or_default();
    let name = |line: &str| {
        let mut words = line.split(':');
        let name = words.next()?;
        (words.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    };
    text.lines()
        .find_map(name)
        .unwrap_or_else(|| gid.to_string())
}

/// Who has a camera open.
pub(super) fn holders(root: &Root) -> Vec<Holder> {
    let devices = nodes(root, &["video", "media"]);
    let devices = devices.iter().filter_map(|it| fs::canonicalize(it).ok());
    root.holders(&devices.collect())
}

/// Whether it is the server, or a program that it started.
pub(super) fn is_of_a_server(root: &Root, holder: &Holder) -> bool {
    let mut process = Some(holder.process.clone());
    for _ in 0..3 {
        let Some(it) = process else { return false };
        if it.name == SERVER {
            return true;
        }
        process = root.parent(it.pid);
    }
    false
}

pub(super) fn busy(root: &Root, cameras: &[Camera], holders: &[Holder]) -> Vec<Finding> {
    let name = "cameras.busy";
    let mut found: Vec<_> = holders
        .iter()
        .map(|holder| {
            let process = &holder.process;
            let who = format!("pid {} ({})", process.pid, process.name);
            let what = names(&holder.paths);
            if is_of_a_server(root, holder) {
                return Finding::ok(
                    name,
                    format!("in use by a running server: {who} has {what}"),
                );
            }
            if !holder.has_locked && ONLOOKERS.contains(&process.name.as_str()) {
                let saw = format!("{who} has {what} open, and takes no camera by that");
                return Finding::new(Level::Note, name, saw);
            }
            let level = if holder.has_locked && need_of_board(cameras) == Need::Yes {
                Level::Fail
            } else {
                Level::Warn
            };
            let finding =
                Finding::new(level, name, format!("busy: held by {who}: {what}")).advise(format!(
                    "stop it (`kill {}`, or the service it belongs to)",
                    process.pid
                ));
            match of(cameras, holder) {
                Some(camera) => finding.of_camera(&camera.id),
                None => finding,
            }
        })
        .collect();
    if found.is_empty() {
        found.push(if rustix::process::geteuid().is_root() {
            Finding::ok(name, "nobody has a camera open")
        } else {
            Finding::ok(name, "nobody has a camera open, as far as this user sees").advise(
                "programs of other users are seen by root alone: `sudo my-cctv-server doctor`",
            )
        });
    }
    found
}

/// The camera whose device somebody has open, where that is certain.
fn of<'a>(cameras: &'a [Camera], holder: &Holder) -> Option<&'a Camera> {
    let is_on_board = |it: &&Camera| need_of_board(std::slice::from_ref(*it)) == Need::Yes;
    let mut on_board = cameras.iter().filter(is_on_board);
    let only = on_board.next().filter(|_| on_board.next().is_none());
    let usb = cameras.iter().find(|camera| match &camera.settings.spec {
        SourceSpec::V4l2 { device } => {
            fs::canonicalize(device).is_ok_and(|device| holder.paths.contains(&device))
        }
        _ => false,
    });
    usb.or(only.filter(|_| holder.has_locked))
}

/// Has every camera give a picture.
pub(super) async fn pictures(root: &Root, cameras: &[Camera], holders: &[Holder]) -> Vec<Finding> {
    let name = "cameras.picture";
    let is_taken = holders.iter().any(|holder| is_of_a_server(root, holder));
    let mut found = Vec::new();
    for camera in cameras {
        let spec = &camera.settings.spec;
        let finding = match camera::first_pictures(&camera.settings, TRY).await {
            Ok(picture) => {
                let size = media::jpeg::dimensions(&picture);
                let size = size.map_or_else(String::new, |(w, h)| format!(" of {w}x{h}"));
                Finding::ok(
                    name,
                    format!(
                        "{spec} gave a picture{size}, {} KiB",
                        picture.len().div_ceil(1024)
                    ),
                )
            }
            Err(failure) if is_taken && failure.kind == Kind::Busy => {
                Finding::new(Level::Note, name, "not tried: the running server has it")
            }
            Err(failure) => trouble(Level::Fail, name, &failure),
        };
        found.push(finding.of_camera(&camera.id));
    }
    found
}

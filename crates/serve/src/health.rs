//! Whether the server is well, and if not, why.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use accounts::Action;
use axum::{Json, extract::State, http::StatusCode};
use hub::{CameraState, Stream};
use rustix::fs::{StatVfsMountFlags, statvfs};
use serde::Serialize;
use tokio::{sync::Mutex, task::spawn_blocking, time::timeout};
use utoipa::ToSchema;

use crate::{
    access::Visa,
    api::{resident_bytes, rfc3339},
    board::BoardView,
    problem::Problem,
    state::App,
};

/// What is known of the disk holds for so long: whoever asks often keeps no disk busy.
const HOLDS: Duration = Duration::from_secs(10);
/// A disk that takes longer does not answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// Less of the disk is nearly nothing, unless it is a lot all the same.
const LEAST_SHARE: u64 = 20;
const ENOUGH_BYTES: u64 = 1 << 30;
/// 2026-01-01: this program is newer. Boards without a clock begin in 1970, or where they were switched off.
const EARLIEST_S: u64 = 1_767_225_600;

/// How the server is doing, under the names of the server it replaces.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// `ok`, or `degraded` with `reasons`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Why it is degraded.
    reasons: Vec<Reason>,
    /// Seconds since the server started.
    uptime: f64,
    /// Viewers now.
    clients: usize,
    /// A camera runs.
    camera_active: bool,
    /// Memory of the process.
    memory: Memory,
    /// Now.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    timestamp: String,
    /// When the server started.
    started: String,
    /// Version of the server.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Power and temperature of the board; null where nothing is known.
    board: Option<BoardView>,
    /// The cameras that one may see.
    cameras: Vec<CameraHealth>,
    /// The disk with the server's own files; null where it does not answer.
    disk: Option<DiskView>,
    /// The certificate; null without TLS.
    certificate: Option<CertificateView>,
    /// The clock was set since the machine started, or does at least not contradict it.
    clock_is_set: bool,
    /// Incidents that go on, of the cameras that one may see.
    open_incidents: usize,
    /// Log lines that did not get into the files since the server started.
    lost_log_lines: u64,
}

/// Why the server is degraded.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = DegradedReason)]
pub(crate) struct Reason {
    /// A word that stays: `camera_in_trouble`, `disk_nearly_full`, `disk_read_only`, `disk_silent`, `certificate_expires`,
    /// `clock_not_set`, `log_lines_lost`, `index_refused`.
    #[schema(example = "disk_nearly_full")]
    code: &'static str,
    /// The same for people.
    message: String,
    /// The camera it is about, if one may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "main")]
    camera: Option<String>,
}

/// How a camera is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CameraHealth {
    /// Its id.
    id: String,
    /// `idle`, `starting`, `live`, `stalled` or `failed`.
    #[schema(example = "live")]
    state: &'static str,
    /// Since when.
    since: String,
    /// Seconds since then.
    since_s: u64,
    /// Milliseconds since its newest picture arrived.
    newest_frame_age_ms: Option<u64>,
}

/// Memory of the process in bytes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Memory {
    /// Resident set size; 0 where the system does not tell.
    rss: u64,
}

/// Room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct DiskView {
    /// All of it.
    total_bytes: u64,
    /// What can still be taken.
    available_bytes: u64,
    /// Nothing can be written to it.
    is_read_only: bool,
}

/// The certificate in use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CertificateView {
    /// The last day of its validity.
    #[schema(example = "2026-12-24")]
    valid_until: String,
    /// Days until then; negative when it is over.
    days_left: i64,
}

/// How the server is doing, for whoever has not logged in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShortHealth {
    /// `ok` or `degraded`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Now.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    timestamp: String,
}

/// As much of it as one may know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum HealthView {
    /// With login.
    Full(Box<Health>),
    /// Without.
    Short(ShortHealth),
}

/// How the server is doing. Without login only `status` and `timestamp`. The status is 200 whenever it answers.
#[utoipa::path(get, path = "/health", tag = "server", responses((status = 200, body = HealthView)))]
pub(crate) async fn health(State(app): State<App>, visa: Option<Visa>) -> Json<HealthView> {
    let visa = visa.filter(|visa| visa.0.may(Action::Enter, None));
    let now = SystemTime::now();
    let current = app.in_force.load();
    let disk = app.disk.look(&current.config.data_dir).await;
    let reasons = reasons(&app, visa.as_ref(), disk, now);
    let status = if reasons.is_empty() { "ok" } else { "degraded" };
    let timestamp = rfc3339(now);
    let Some(visa) = visa else {
        return Json(HealthView::Short(ShortHealth { status, timestamp }));
    };
    let streams = app.hub.streams();
    let seen = streams
        .iter()
        .filter(|stream| visa.may(Action::See, stream.id().as_str()));
    let open = app.hub.incidents().newest_first(|incident| {
        let may_see = match &incident.camera {
            Some(camera) => visa.may(Action::See, camera.as_str()),
            None => visa.0.may(Action::SeeAudit, None),
        };
        may_see && incident.ended.is_none()
    });
    let health = Health {
        status,
        reasons,
        uptime: app.started.elapsed().as_secs_f64(),
        clients: app.viewers.count(),
        camera_active: streams
            .iter()
            .any(|stream| stream.status().state != CameraState::Idle),
        memory: Memory {
            rss: resident_bytes(),
        },
        timestamp,
        started: rfc3339(app.started_at),
        version: env!("CARGO_PKG_VERSION"),
        board: board::health().await.map(BoardView::from),
        cameras: seen.map(|stream| of_camera(stream, now)).collect(),
        disk: disk.known(),
        certificate: current.tls.as_ref().map(|tls| {
            let facts = tls.facts();
            CertificateView {
                days_left: facts.seconds_left(now).div_euclid(24 * 3600),
                valid_until: facts.valid_until,
            }
        }),
        clock_is_set: is_set(now),
        open_incidents: open.len(),
        lost_log_lines: app.logs.lost(),
    };
    Json(HealthView::Full(Box::new(health)))
}

/// The server takes requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// `ready`.
    #[schema(example = "ready")]
    status: &'static str,
}

/// Whether requests are to be sent here, for load balancers. A degraded server is ready.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "server",
    responses(
        (status = 200, body = Ready),
        (status = 503, description = "The server is stopping", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Ready>, Problem> {
    if app.stop.is_cancelled() {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server is stopping.",
        ));
    }
    Ok(Json(Ready { status: "ready" }))
}

fn of_camera(stream: &Arc<Stream>, now: SystemTime) -> CameraHealth {
    let status = stream.status();
    let newest = stream.newest().filter(|frame| !frame.is_placeholder);
    CameraHealth {
        id: stream.id().to_string(),
        state: status.state.name(),
        since: rfc3339(status.since),
        since_s: now
            .duration_since(status.since)
            .unwrap_or_default()
            .as_secs(),
        newest_frame_age_ms: newest
            .map(|frame| u64::try_from(frame.arrived.elapsed().as_millis()).unwrap_or(u64::MAX)),
    }
}

fn reasons(app: &App, visa: Option<&Visa>, disk: Disk, now: SystemTime) -> Vec<Reason> {
    let mut list = Vec::new();
    let mut add = |code, message: String| {
        list.push(Reason {
            code,
            message,
            camera: None,
        });
    };
    if let Some((code, message)) = disk.trouble() {
        add(code, message.to_owned());
    }
    let certificate = app.in_force.load().tls.clone();
    if let Some(tls) = certificate.filter(|tls| tls.is_ending(now)) {
        let day = tls.facts().valid_until;
        add(
            "certificate_expires",
            format!("The certificate is valid until {day}."),
        );
    }
    if !is_set(now) {
        add("clock_not_set", "The clock is not set.".to_owned());
    }
    if app.logs.is_losing() {
        add(
            "log_lines_lost",
            "Log lines do not get into the files (`log.dir`); the log on stderr says why."
                .to_owned(),
        );
    }
    if app.index.is_refused() {
        add(
            "index_refused",
            "Incidents cannot be kept (`storage.index`); the log says why.".to_owned(),
        );
    }
    let is_ill = |stream: &&Arc<Stream>| {
        let state = stream.status().state;
        matches!(state, CameraState::Stalled | CameraState::Failed)
    };
    for stream in app.hub.streams().iter().filter(is_ill) {
        let id = stream.id().as_str();
        let is_seen = visa.is_some_and(|visa| visa.may(Action::See, id));
        let why = stream.status().why.filter(|_| is_seen);
        list.push(Reason {
            code: "camera_in_trouble",
            message: why
                .map_or("A camera that is wanted gives no pictures.", |why| {
                    why.sentence
                })
                .to_owned(),
            camera: is_seen.then(|| id.to_owned()),
        });
    }
    list
}

fn is_set(now: SystemTime) -> bool {
    now.duration_since(SystemTime::UNIX_EPOCH)
        .is_ok_and(|since| since.as_secs() >= EARLIEST_S)
}

/// What was last known of the disk.
#[derive(Debug, Default)]
pub(crate) struct DiskWatch {
    known: Mutex<Option<(Instant, Disk)>>,
    /// A disk that hangs holds one thread, however often it is asked about.
    is_asked: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Disk {
    Known(DiskView),
    Unknown,
    Silent,
}

impl DiskWatch {
    async fn look(&self, folder: &Path) -> Disk {
        let mut known = self.known.lock().await;
        if let Some((at, disk)) = *known
            && at.elapsed() < HOLDS
        {
            return disk;
        }
        let disk = if self.is_asked.swap(true, Relaxed) {
            Disk::Silent
        } else {
            let (is_asked, folder) = (self.is_asked.clone(), folder.to_owned());
            let asked = spawn_blocking(move || {
                let room = room(folder);
                is_asked.store(false, Relaxed);
                room
            });
            match timeout(PATIENCE, asked).await {
                Ok(room) => room.ok().flatten().map_or(Disk::Unknown, Disk::Known),
                Err(_) => Disk::Silent,
            }
        };
        *known = Some((Instant::now(), disk));
        disk
    }
}

/// The folder may not be there before there is something to keep: then the one that it will be made in.
fn room(folder: PathBuf) -> Option<DiskView> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|path| path.exists())?;
    let disk = statvfs(there).ok()?;
    Some(DiskView {
        total_bytes: disk.f_blocks.saturating_mul(disk.f_frsize),
        available_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        is_read_only: disk.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

impl Disk {
    fn known(self) -> Option<DiskView> {
        match self {
            Self::Known(view) => Some(view),
            Self::Unknown | Self::Silent => None,
        }
    }

    fn trouble(self) -> Option<(&'static str, &'static str)> {
        let view = match self {
            Self::Known(view) => view,
            Self::Unknown => return None,
            Self::Silent => {
                return Some((
                    "disk_silent",
                    "The disk of `server.data_dir` does not answer.",
                ));
            }
        };
        let least = (view.total_bytes / LEAST_SHARE).min(ENOUGH_BYTES);
        if view.is_read_only {
            Some((
                "disk_read_only",
                "The disk of `server.data_dir` cannot be written to.",
            ))
        } else if view.available_bytes < least {
            Some((
                "disk_nearly_full",
                "The disk of `server.data_dir` is nearly full.",
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_a_disk_is_in_trouble() {
        let disk = |total_bytes, available_bytes, is_read_only| {
            let view = DiskView {
                total_bytes,
                available_bytes,
                is_read_only,
            };
            Disk::Known(view).trouble().map(|(code, _)| code)
        };
        assert_eq!(disk(1000, 50, false), None);
        assert_eq!(disk(1000, 49, false), Some("disk_nearly_full"));
        assert_eq!(disk(1 << 40, 1 << 30, false), None);
        assert_eq!(
            disk(1 << 40, (1 << 30) - 1, false),
            Some("disk_nearly_full")
        );
        assert_eq!(disk(1000, 900, true), Some("disk_read_only"));
        assert_eq!(Disk::Silent.trouble().unwrap().0, "disk_silent");
        assert_eq!(Disk::Unknown.trouble(), None);
    }

    #[test]
    fn a_clock_that_was_never_set() {
        let at = |s| is_set(SystemTime::UNIX_EPOCH + Duration::from_secs(s));
        assert!(!at(0) && !at(EARLIEST_S - 1) && at(EARLIEST_S));
    }
}

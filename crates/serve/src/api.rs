//! The JSON API: cameras, viewers.

use std::{sync::Arc, sync::atomic::Ordering::Relaxed, time::SystemTime};

use accounts::Action as Right;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use hub::{About, CameraState, Stream};
use jiff::Timestamp;
use media::Rendition;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    access::{Detail, Visa},
    live::{self, StreamOptions, Visit},
    page,
    problem::{Asked, Named, Problem},
    snapshot,
    state::{App, Camera},
    viewers::{Quality, Viewer},
    wish::Wish,
};

/// A time as RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// One camera and how it is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CameraView {
    /// Stable name for addresses.
    #[schema(example = "main")]
    id: String,
    /// Name for people.
    #[schema(example = "Front door")]
    name: String,
    /// Where its pictures come from.
    #[schema(example = "rpicam")]
    source: String,
    /// What it is doing.
    state: CameraStateView,
    /// Why, in a sentence, when something is wrong.
    #[schema(example = "The camera stopped sending pictures.")]
    message: Option<&'static str>,
    /// The same as a word for programs.
    #[schema(example = "timed_out")]
    cause: Option<&'static str>,
    /// Since when it is in this state.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    since: String,
    /// Width of the newest picture in pixels.
    width_px: Option<u16>,
    /// Height of the newest picture in pixels.
    height_px: Option<u16>,
    /// Frames per second asked of the camera.
    framerate: f32,
    /// Age of the newest picture in milliseconds.
    newest_frame_age_ms: Option<u64>,
    /// Times without pictures since the server started; see `/api/v1/incidents`.
    incidents: u64,
    /// Frames since the server started.
    frames: u64,
    /// Their bytes.
    bytes: u64,
    /// Starts of the camera since the server started.
    starts: u64,
    /// Pictures from the camera that were broken or too large.
    dropped_pictures: u64,
    /// Bytes from the camera that belonged to no picture.
    dropped_bytes: u64,
    /// Viewers of this camera.
    viewers: usize,
    /// Smaller forms of its pictures that somebody watches now.
    renditions: Vec<RenditionView>,
    /// Pictures made smaller since the server started.
    made_frames: u64,
    /// CPU time that took, in milliseconds.
    made_ms: u64,
    /// Where its live stream is, relative to the server's base path.
    #[schema(example = "api/v1/cameras/main/stream")]
    stream: String,
    /// Where its newest picture is, relative to the server's base path.
    #[schema(example = "api/v1/cameras/main/snapshot")]
    snapshot: String,
}

/// What a camera is doing.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CameraStateView {
    /// Off, because nobody needs it.
    Idle,
    /// Started; no frame yet.
    Starting,
    /// Frames arrive.
    Live,
    /// Runs, but its frames stopped coming.
    Stalled,
    /// Ended with an error, and will be tried again.
    Failed,
}

impl From<CameraState> for CameraStateView {
    fn from(state: CameraState) -> Self {
        match state {
            CameraState::Idle => Self::Idle,
            CameraState::Starting => Self::Starting,
            CameraState::Live => Self::Live,
            CameraState::Stalled => Self::Stalled,
            CameraState::Failed => Self::Failed,
        }
    }
}

impl CameraView {
    pub(crate) fn of(stream: &Arc<Stream>, app: &App) -> Self {
        let status = stream.status();
        let counters = stream.counters();
        let About {
            name,
            source,
            framerate,
        } = stream.about();
        // A placeholder has no age of its own to show.
        let newest = stream.newest().filter(|frame| !frame.is_placeholder);
        let size = newest.as_ref().and_then(|frame| frame.dimensions());
        let id = stream.id();
        Self {
            id: id.to_string(),
            name,
            source,
            state: status.state.into(),
            message: status.why.map(|why| why.sentence),
            cause: status.why.map(|why| why.code),
            since: rfc3339(status.since),
            width_px: size.map(|(width, _)| width),
            height_px: size.map(|(_, height)| height),
            framerate,
            newest_frame_age_ms: newest
                .map(|f| u64::try_from(f.arrived.elapsed().as_millis()).unwrap_or(u64::MAX)),
            incidents: stream.incident_count(),
            frames: counters.frames,
            bytes: counters.bytes,
            starts: counters.starts,
            dropped_pictures: counters.dropped_pictures,
            dropped_bytes: counters.dropped_bytes,
            viewers: app.viewers.count_of(id),
            renditions: RenditionView::all_of(stream),
            made_frames: counters.made_frames,
            made_ms: counters.made_us / 1000,
            stream: format!("api/v1/cameras/{id}/stream"),
            snapshot: format!("api/v1/cameras/{id}/snapshot"),
        }
    }
}

/// A smaller form of a camera's pictures.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RenditionView {
    /// Size compared with the camera's, and JPEG quality.
    #[schema(example = "half-70")]
    name: String,
    /// Width of the newest picture in pixels.
    width_px: Option<u16>,
    /// Height of the newest picture in pixels.
    height_px: Option<u16>,
    /// JPEG quality.
    quality: Option<u8>,
    /// Viewers that get it.
    viewers: usize,
    /// Pictures made since somebody watches it.
    frames: u64,
    /// Mean length of those in bytes.
    mean_bytes: u64,
    /// CPU time for one picture in microseconds; its decoding is shared by all forms.
    mean_cost_us: u64,
}

impl RenditionView {
    fn all_of(stream: &Stream) -> Vec<Self> {
        let view = |(rendition, stream): (Rendition, Arc<Stream>)| {
            let counters = stream.counters();
            let size = stream.newest().and_then(|frame| frame.dimensions());
            Self {
                name: rendition.to_string(),
                width_px: size.map(|(width, _)| width),
                height_px: size.map(|(_, height)| height),
                quality: rendition.quality().map(media::Quality::number),
                viewers: stream.reader_count(),
                frames: counters.frames,
                mean_bytes: counters.bytes.checked_div(counters.frames).unwrap_or(0),
                mean_cost_us: counters
                    .made_us
                    .checked_div(counters.made_frames)
                    .unwrap_or(0),
            }
        };
        stream.renditions().into_iter().map(view).collect()
    }
}

/// All cameras.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CameraList {
    /// In the order of the configuration; the first one is what `/stream` shows.
    cameras: Vec<CameraView>,
    /// Viewers of all cameras.
    viewers: usize,
    /// Places for viewers of each camera.
    max_viewers: usize,
}

/// All cameras and how they are doing.
#[utoipa::path(get, path = "/api/v1/cameras", tag = "cameras", responses((status = 200, body = CameraList)))]
pub(crate) async fn cameras(State(app): State<App>, visa: Visa) -> Json<CameraList> {
    Json(CameraList {
        cameras: app
            .hub
            .streams()
            .iter()
            .filter(|stream| visa.may(Right::See, stream.id().as_str()))
            .map(|stream| CameraView::of(stream, &app))
            .collect(),
        viewers: app.viewers.count(),
        max_viewers: app.in_force.load().config.max_viewers,
    })
}

/// One camera and how it is doing.
#[utoipa::path(
    get,
    path = "/api/v1/cameras/{id}",
    tag = "cameras",
    params(("id" = String, Path, description = "Camera id")),
    responses(
        (status = 200, body = CameraView),
        (status = 404, description = "No such camera", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn camera(State(app): State<App>, Camera(stream): Camera) -> Json<CameraView> {
    Json(CameraView::of(&stream, &app))
}

/// One open stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewerView {
    /// Number of the viewer, never used again.
    id: u64,
    /// Who it is: the name of a user, `token …`, `link …`.
    #[schema(example = "kim")]
    who: String,
    /// Address and port it connects from; behind a trusted proxy, what that says of it.
    #[schema(example = "192.168.1.20:50412")]
    address: String,
    /// What its program calls itself.
    user_agent: Option<String>,
    /// Camera it watches.
    #[schema(example = "main")]
    camera: String,
    /// Since when.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    connected_since: String,
    /// Frames sent.
    frames_sent: u64,
    /// Frames it was too slow for.
    frames_skipped: u64,
    /// Bytes sent.
    bytes: u64,
    /// Frames per second, now.
    rate: f64,
    /// The form in which it gets the pictures: `original`, or size and JPEG quality, like `half-70`.
    #[schema(example = "original")]
    rendition: String,
    /// Width of its newest picture in pixels.
    width_px: Option<u16>,
    /// Height of its newest picture in pixels.
    height_px: Option<u16>,
    /// Why it gets that.
    reason: Reason,
    /// What it asked for.
    asked: Wish,
    /// Frames per second it asked for.
    asked_fps: Option<f32>,
    /// Bits per second its line carries; not known of a line that carries all there is.
    line_bps: Option<u64>,
    /// How far its newest picture is behind the camera, in milliseconds, by the server's reckoning.
    lag_ms: Option<u64>,
}

/// Why a viewer gets the pictures it gets.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    /// There is nothing in the way of the camera's own.
    Original,
    /// It asked for less.
    Asked,
    /// Its line carries no more.
    Line,
}

impl From<&Quality> for Reason {
    fn from(quality: &Quality) -> Self {
        if quality.is_limited {
            Self::Line
        } else if quality.asked.is_none() && quality.asked_fps.is_none() {
            Self::Original
        } else {
            Self::Asked
        }
    }
}

impl From<&Viewer> for ViewerView {
    fn from(viewer: &Viewer) -> Self {
        let quality = viewer.quality();
        Self {
            rendition: quality.rendition.to_string(),
            width_px: quality.width_px,
            height_px: quality.height_px,
            reason: Reason::from(&quality),
            asked: quality.asked,
            asked_fps: quality.asked_fps,
            line_bps: quality.line_bps,
            lag_ms: quality
                .lag
                .map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
            id: viewer.id,
            who: viewer.visa.0.name.clone(),
            // Most proxies tell no port.
            address: match viewer.address.port() {
                0 => viewer.address.ip().to_string(),
                _ => viewer.address.to_string(),
            },
            user_agent: viewer.user_agent.clone(),
            camera: viewer.camera.to_string(),
            connected_since: rfc3339(viewer.since),
            frames_sent: viewer.frames.load(Relaxed),
            frames_skipped: viewer.skipped.load(Relaxed),
            bytes: viewer.bytes.load(Relaxed),
            rate: viewer.frames_per_second(),
        }
    }
}

/// Everybody who is watching.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewerList {
    /// Oldest first.
    viewers: Vec<ViewerView>,
    /// Places for viewers of each camera.
    max_viewers: usize,
    /// Streams opened since the server started.
    total: u64,
    /// Streams refused since the server started, because every place at their camera was taken.
    refused: u64,
}

/// Everybody who is watching.
#[utoipa::path(get, path = "/api/v1/viewers", tag = "viewers", responses((status = 200, body = ViewerList)))]
pub(crate) async fn viewers(State(app): State<App>, visa: Visa) -> Json<ViewerList> {
    let (total, refused) = app.viewers.totals();
    Json(ViewerList {
        viewers: app
            .viewers
            .list()
            .iter()
            .filter(|viewer| visa.may(Right::Viewers, viewer.camera.as_str()))
            .map(|viewer| ViewerView::from(&**viewer))
            .collect(),
        max_viewers: app.in_force.load().config.max_viewers,
        total,
        refused,
    })
}

/// End one stream.
#[utoipa::path(
    delete,
    path = "/api/v1/viewers/{id}",
    tag = "viewers",
    params(("id" = u64, Path, description = "Number of the viewer")),
    responses(
        (status = 204, description = "The stream is being ended"),
        (status = 404, description = "No such viewer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_viewer(
    State(app): State<App>,
    visa: Visa,
    Named(id): Named<String>,
) -> Result<(StatusCode, Detail), Problem> {
    let number = id.parse::<u64>().ok();
    let viewers = app.viewers.list();
    let viewer = viewers.iter().find(|viewer| {
        Some(viewer.id) == number && visa.may(Right::Viewers, viewer.camera.as_str())
    });
    match viewer {
        Some(viewer) if app.viewers.end(viewer.id) => {
            let (who, address) = (&viewer.visa.0.name, viewer.address);
            let detail = Detail(format!("{who} at {address}, camera {}", viewer.camera));
            Ok((StatusCode::NO_CONTENT, detail))
        }
        _ => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "There is no viewer with this number.",
        )),
    }
}

/// `VmRSS` of this process; one small read of a file that is no file.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// `?action=` of mjpg-streamer.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Action {
    action: Option<String>,
}

/// The page, or what mjpg-streamer gives at this address: `?action=stream`, `?action=snapshot`.
#[utoipa::path(
    get,
    path = "/",
    tag = "live",
    params(("action" = Option<String>, Query, pattern = "^(stream|snapshot)([?&].*)?$", description = "`stream` or `snapshot`, as mjpg-streamer; without it the page"), StreamOptions, Wish),
    responses(
        (status = 200, description = "The page, the stream or the picture", content((String = "text/html"), ([u8] = "multipart/x-mixed-replace"), ([u8] = "image/jpeg"))),
        (status = 400, description = "Unknown action", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn root(
    State(app): State<App>,
    Asked(Action { action }): Asked<Action>,
    camera: Result<Camera, Problem>,
    visit: Result<Visit, Problem>,
    wishes: Result<(Asked<StreamOptions>, Asked<Wish>), Response>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let (Asked(options), Asked(wish)) = match wishes {
        Ok(wishes) => wishes,
        Err(problem) => return problem,
    };
    let Some(action) = action else {
        return page::index(&headers);
    };
    let (Camera(stream), visit) = match (camera, visit) {
        (Ok(camera), Ok(visit)) => (camera, visit),
        (Err(problem), _) | (_, Err(problem)) => return problem.into_response(),
    };
    // OctoPrint and others append a number or a time so that nothing is cached.
    let action = action.split(['?', '&']).next().unwrap_or_default();
    match action {
        "stream" => live::open(&app, &stream, visit, options, wish),
        "snapshot" => {
            snapshot::take(
                &stream,
                &method,
                wish,
                app.in_force.load().config.snapshot_timeout,
            )
            .await
        }
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            "Known actions are `stream` and `snapshot`.",
        )
        .into_response(),
    }
}

/// Any other address.
pub(crate) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.")
}

/// A known address, but not with this method.
pub(crate) async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This address does not take this method.",
    )
}

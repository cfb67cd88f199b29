//! What the server has done since it started, under the old server's names and under better ones.

use accounts::Action;
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::camera::Seen;
use crate::{access::Visa, state::App};

/// What was done since the server started, for the cameras that one may see.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatsView {
    /// Streams opened; the old server's name for `streams_opened`.
    #[serde(rename = "totalConnections")]
    total_connections: u64,
    /// Streams open now; the old server's name for `viewers`.
    #[serde(rename = "activeConnections")]
    active_connections: u64,
    /// Bytes sent; the old server's name for `sent_bytes`.
    #[serde(rename = "totalBytesTransferred")]
    total_bytes_transferred: u64,
    /// Mean duration of streams that are over, in milliseconds; 0 when there was none.
    #[serde(rename = "averageStreamDuration")]
    average_stream_duration: u64,
    /// The sum of `incidents`, `streams_refused` and `streams_cut_off`.
    errors: u64,
    /// Seconds since the server started.
    uptime_s: f64,
    /// Streams open now.
    viewers: u64,
    /// Streams opened.
    streams_opened: u64,
    /// Streams that are over.
    streams_ended: u64,
    /// Streams that found no place.
    streams_refused: u64,
    /// Streams ended because their viewers took nothing for too long.
    streams_cut_off: u64,
    /// Mean duration of streams that are over, in seconds; null when there was none.
    mean_stream_duration_s: Option<f64>,
    /// Frames sent to viewers.
    sent_frames: u64,
    /// Frames that viewers were too slow for.
    skipped_frames: u64,
    /// Bytes sent to viewers.
    sent_bytes: u64,
    /// Frames from the cameras.
    camera_frames: u64,
    /// Their bytes.
    camera_bytes: u64,
    /// Times without pictures that were wanted.
    incidents: u64,
    /// Answers to requests; only for those who may see every camera.
    http_requests: Option<u64>,
}

/// What the server has done since it started.
#[utoipa::path(get, path = "/api/v1/stats", tag = "server", responses((status = 200, body = StatsView)))]
pub(crate) async fn stats(State(app): State<App>, visa: Visa) -> Json<StatsView> {
    let cameras = Seen::all_of(&app, &visa);
    let sum = |part: fn(&Seen) -> u64| cameras.iter().map(part).sum::<u64>();
    let ended = sum(|camera| camera.watched.durations.count);
    let lasted_s: f64 = cameras
        .iter()
        .map(|camera| camera.watched.durations.sum_s)
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a number of streams")]
    let mean_s = (ended > 0).then(|| lasted_s / ended as f64);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a duration"
    )]
    let mean_ms = mean_s.map_or(0, |mean_s| (mean_s * 1000.0).round() as u64);
    let viewers = sum(|camera| camera.watched.now);
    let opened = sum(|camera| camera.watched.opened);
    let refused = sum(|camera| camera.watched.refused);
    let cut_off = sum(|camera| camera.watched.cut_off);
    let bytes = sum(|camera| camera.watched.bytes);
    let incidents = sum(|camera| camera.incidents);
    let sees_all = visa.0.may(Action::Measure, None);
    let requests = || app.counts.requests.read().iter().map(|(_, n)| n).sum();
    Json(StatsView {
        total_connections: opened,
        active_connections: viewers,
        total_bytes_transferred: bytes,
        average_stream_duration: mean_ms,
        errors: incidents + refused + cut_off,
        uptime_s: app.started.elapsed().as_secs_f64(),
        viewers,
        streams_opened: opened,
        streams_ended: ended,
        streams_refused: refused,
        streams_cut_off: cut_off,
        mean_stream_duration_s: mean_s,
        sent_frames: sum(|camera| camera.watched.frames),
        skipped_frames: sum(|camera| camera.watched.skipped),
        sent_bytes: bytes,
        camera_frames: sum(|camera| camera.counters.frames),
        camera_bytes: sum(|camera| camera.counters.bytes),
        incidents,
        http_requests: sees_all.then(requests),
    })
}
